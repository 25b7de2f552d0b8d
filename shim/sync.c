// SPDX-License-Identifier: GPL-2.0
/* Locks, wait queues, completions, sequence counts, mempools over fiber.h. */
#include "fiber.h"

/* --- spinlocks --- */

void shim_spin_lock_init(spinlock_t *lock, struct shim_lock_class *class)
{
	lock->owner = NULL;
	INIT_LIST_HEAD(&lock->waiters);
	lock->magic = SHIM_LOCK_MAGIC;
	lock->in_irq = false;
	lock->irqs_on = false;
	lock->class = class;
}

/*
 * A lock that interrupts take deadlocks a CPU that holds it with interrupts on;
 * one of each is enough to know, whether or not they met.
 */
static void spin_check(spinlock_t *lock)
{
	struct shim_context *ctx = shim_context();

	if (lock->magic != SHIM_LOCK_MAGIC)
		shim_die("spinlock not initialised");
	if (lock->owner == shim_current)
		shim_die("spinlock taken twice by one context");
	if (ctx->irq)
		lock->in_irq = true;
	else if (!ctx->irq_off)
		lock->irqs_on = true;
	if (lock->in_irq && lock->irqs_on)
		shim_die("spinlock taken in interrupts, and elsewhere with interrupts on");
}

void shim_spin_lock(spinlock_t *lock, bool irq_off, bool nested)
{
	struct shim_context *ctx = shim_context();

	shim_point();
	if (irq_off)
		ctx->irq_off++;
	spin_check(lock);
	shim_order_check(lock->class, nested);
	while (lock->owner) {
		struct shim_wait wait;

		shim_wait_prepare(&wait, &lock->waiters);
		shim_wait_block(&wait, "spinlock", ~0ULL);
	}
	lock->owner = shim_current;
	shim_order_hold(lock->class);
	ctx->spin_depth++;
}

void shim_spin_unlock(spinlock_t *lock, bool irq_off)
{
	struct shim_context *ctx = shim_context();

	if (lock->owner != shim_current)
		shim_die("spinlock unlocked by a context that does not hold it");
	lock->owner = NULL;
	shim_order_release(lock->class);
	ctx->spin_depth--;
	shim_wake(&lock->waiters, 1);
	if (irq_off)
		ctx->irq_off--;
	shim_point();
}

bool spin_trylock(spinlock_t *lock)
{
	shim_point();
	if (lock->owner)
		return false;
	shim_spin_lock(lock, false, true);
	return true;
}

void spin_lock_irq(spinlock_t *lock)
{
	if (shim_context()->irq || shim_context()->irq_off)
		shim_die("spin_lock_irq with interrupts off: unlocking would turn them on");
	shim_spin_lock(lock, true, false);
}

void spin_unlock_irq(spinlock_t *lock)
{
	shim_spin_unlock(lock, true);
}

/* --- mutexes --- */

void shim_mutex_init(struct mutex *mutex, struct shim_lock_class *class)
{
	mutex->owner = NULL;
	INIT_LIST_HEAD(&mutex->waiters);
	mutex->magic = SHIM_LOCK_MAGIC;
	mutex->class = class;
}

void mutex_destroy(struct mutex *mutex)
{
	if (mutex->owner)
		shim_die("mutex destroyed while held");
	mutex->magic = 0;
}

void shim_mutex_lock(struct mutex *mutex, bool nested)
{
	shim_assert_may_sleep("mutex");
	shim_point();
	if (mutex->magic != SHIM_LOCK_MAGIC)
		shim_die("mutex not initialised");
	if (mutex->owner == shim_current)
		shim_die("mutex taken twice by one context");
	shim_order_check(mutex->class, nested);
	while (mutex->owner) {
		struct shim_wait wait;

		shim_wait_prepare(&wait, &mutex->waiters);
		shim_wait_block(&wait, "mutex", ~0ULL);
	}
	mutex->owner = shim_current;
	shim_order_hold(mutex->class);
}

bool mutex_trylock(struct mutex *mutex)
{
	shim_point();
	if (mutex->owner)
		return false;
	mutex->owner = shim_current;
	shim_order_hold(mutex->class);
	return true;
}

void mutex_unlock(struct mutex *mutex)
{
	if (mutex->owner != shim_current)
		shim_die("mutex unlocked by a context that does not hold it");
	mutex->owner = NULL;
	shim_order_release(mutex->class);
	shim_wake(&mutex->waiters, 1);
	shim_point();
}

/* --- sequence counts --- */

unsigned int read_seqcount_begin(const seqcount_spinlock_t *s)
{
	shim_point();
	while (s->sequence & 1)
		shim_yield();
	return s->sequence;
}

bool read_seqcount_retry(const seqcount_spinlock_t *s, unsigned int start)
{
	shim_point();
	return s->sequence != start;
}

void write_seqcount_begin(seqcount_spinlock_t *s)
{
	if (s->lock && s->lock->owner != shim_current)
		shim_die("sequence count written without its lock");
	if (s->sequence & 1)
		shim_die("sequence count written twice at once");
	s->sequence++;
	shim_point();
}

void write_seqcount_end(seqcount_spinlock_t *s)
{
	shim_point();
	s->sequence++;
}

/* --- wait queues --- */

void init_waitqueue_head(wait_queue_head_t *wq)
{
	INIT_LIST_HEAD(&wq->waiters);
}

void wake_up(wait_queue_head_t *wq)
{
	shim_wake(&wq->waiters, 1);
	shim_point();
}

void wake_up_all(wait_queue_head_t *wq)
{
	shim_wake(&wq->waiters, UINT_MAX);
	shim_point();
}

bool waitqueue_active(wait_queue_head_t *wq)
{
	return !list_empty(&wq->waiters);
}

/*
 * The node of a wait_event lives in a small pool, not on the stack of the macro's
 * user, so that the macro needs no type of fiber.h.
 */
void *shim_wait_event_prepare(wait_queue_head_t *wq)
{
	struct shim_wait *wait = shim_alloc(sizeof(*wait), __GFP_NOFAIL, "wait_event");

	shim_wait_prepare(wait, &wq->waiters);
	return wait;
}

void shim_wait_event_cancel(void *node)
{
	shim_wait_cancel(node);
	shim_free(node);
}

bool shim_wait_event_step(wait_queue_head_t *wq, void *node, const char *what, u64 deadline_ns)
{
	u64 now = shim_now_ns();
	bool woken;

	if (!deadline_ns)
		woken = shim_wait_block(node, what, ~0ULL);
	else
		woken = shim_wait_block(node, what, deadline_ns > now ? deadline_ns - now : 0);
	shim_free(node);
	return woken;
}

u64 shim_deadline_ns(u64 timeout_jiffies)
{
	return shim_now_ns() + timeout_jiffies * NSEC_PER_MSEC + 1;
}

unsigned long shim_jiffies(void)
{
	return shim_now_ns() / NSEC_PER_MSEC;
}

long shim_jiffies_until(u64 deadline_ns)
{
	u64 now = shim_now_ns();

	return deadline_ns > now ? (long)((deadline_ns - now) / NSEC_PER_MSEC) : 0;
}

/* --- completions --- */

void init_completion(struct completion *c)
{
	c->done = 0;
	init_waitqueue_head(&c->wait);
}

void reinit_completion(struct completion *c)
{
	c->done = 0;
}

void complete(struct completion *c)
{
	if (c->done != UINT_MAX)
		c->done++;
	/* The waiter may return and free c as soon as it runs: no preemption after. */
	shim_wake(&c->wait.waiters, 1);
}

void complete_all(struct completion *c)
{
	c->done = UINT_MAX;
	shim_wake(&c->wait.waiters, UINT_MAX);
}

void wait_for_completion(struct completion *c)
{
	shim_assert_may_sleep("completion");
	shim_point();
	while (!c->done) {
		struct shim_wait wait;

		shim_wait_prepare(&wait, &c->wait.waiters);
		shim_wait_block(&wait, "completion", ~0ULL);
	}
	if (c->done != UINT_MAX)
		c->done--;
}

bool completion_done(struct completion *c)
{
	return c->done != 0;
}

/* --- time --- */

void cond_resched(void)
{
	shim_assert_may_sleep("cond_resched");
	shim_point();
}

void msleep(unsigned int ms)
{
	shim_sleep_ns((u64)ms * NSEC_PER_MSEC);
}

void usleep_range(unsigned long lo_us, unsigned long hi_us)
{
	shim_sleep_ns(lo_us * NSEC_PER_USEC);
}

bool shim_in_interrupt(void)
{
	return shim_in_irq();
}

/* --- mempools --- */

struct mempool {
	size_t bytes;
	u32 reserve, reserve_min;
	u32 out; /* allocated and not freed */
	struct list_head waiters;
};

mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t bytes)
{
	mempool_t *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	if (!pool)
		return NULL;
	pool->bytes = bytes;
	pool->reserve_min = pool->reserve = (u32)min_nr;
	INIT_LIST_HEAD(&pool->waiters);
	return pool;
}

mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache)
{
	return mempool_create_kmalloc_pool(min_nr, ksize(cache) ? 1024 : 0);
}

void *mempool_alloc(mempool_t *pool, gfp_t flags)
{
	if (flags & SHIM_GFP_SLEEP)
		shim_assert_may_sleep("mempool_alloc");
	for (;;) {
		struct shim_wait wait;
		/* Tried without waiting first: that is what may fail under pressure. */
		void *p = shim_alloc(pool->bytes, flags & ~SHIM_GFP_SLEEP, "mempool");

		if (p) {
			pool->out++;
			return p;
		}
		if (pool->reserve) {
			pool->reserve--;
			pool->out++;
			return shim_alloc(pool->bytes,
					  flags & SHIM_GFP_ZERO ? SHIM_GFP_ZERO | __GFP_NOFAIL
								: __GFP_NOFAIL,
					  "mempool reserve");
		}
		if (!(flags & SHIM_GFP_SLEEP))
			return NULL;
		shim_wait_prepare(&wait, &pool->waiters);
		shim_wait_block(&wait, "mempool element", ~0ULL);
	}
}

void mempool_free(void *element, mempool_t *pool)
{
	if (!element)
		return;
	shim_free(element);
	if (!pool->out--)
		shim_die("mempool element freed twice");
	if (pool->reserve < pool->reserve_min) {
		pool->reserve++;
		shim_wake(&pool->waiters, 1);
	}
}

void mempool_destroy(mempool_t *pool)
{
	if (!pool)
		return;
	if (pool->out)
		shim_die("mempool destroyed with %u elements out", pool->out);
	shim_free(pool);
}
