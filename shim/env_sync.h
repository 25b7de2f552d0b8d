/* SPDX-License-Identifier: GPL-2.0 */
/* Locks, wait queues, completions, sequence counts, time (sync.c). */
#ifndef SHIM_ENV_SYNC_H
#define SHIM_ENV_SYNC_H

struct shim_fiber;
extern struct shim_fiber *shim_current;

#define SHIM_LOCK_MAGIC 0x10c4u

/* Locks that are initialised in one place; so are works (order.c). */
struct shim_lock_class {
	const char *name;
	u16 id; /* in this run */
};

/* Held across preemption, as on another CPU: contenders wait, nobody sleeps. */
typedef struct spinlock {
	struct shim_fiber *owner;
	struct list_head waiters;
	u16 magic;
	bool in_irq; /* was taken in an interrupt */
	bool irqs_on; /* was taken with interrupts on */
	struct shim_lock_class *class;
} spinlock_t;
typedef spinlock_t raw_spinlock_t;

#define DEFINE_SPINLOCK(name)                                                                      \
	spinlock_t name = { .waiters = LIST_HEAD_INIT(name.waiters), .magic = SHIM_LOCK_MAGIC }

void shim_spin_lock_init(spinlock_t *lock, struct shim_lock_class *class);
#define spin_lock_init(l)                                                                          \
	do {                                                                                       \
		static struct shim_lock_class shim_class = { .name = #l };                         \
		shim_spin_lock_init(l, &shim_class);                                               \
	} while (0)
void shim_spin_lock(spinlock_t *lock, bool irq_off, bool nested);
void shim_spin_unlock(spinlock_t *lock, bool irq_off);
bool spin_trylock(spinlock_t *lock);

static inline void spin_lock(spinlock_t *lock)
{
	shim_spin_lock(lock, false, false);
}
static inline void spin_unlock(spinlock_t *lock)
{
	shim_spin_unlock(lock, false);
}
#define spin_lock_nested(lock, n) shim_spin_lock(lock, false, true)
#define spin_lock_bh(lock) spin_lock(lock)
#define spin_unlock_bh(lock) spin_unlock(lock)
void spin_lock_irq(spinlock_t *lock);
void spin_unlock_irq(spinlock_t *lock);
#define spin_lock_irqsave(lock, flags)                                                             \
	do {                                                                                       \
		(flags) = 0;                                                                       \
		shim_spin_lock(lock, true, false);                                                 \
	} while (0)
#define spin_unlock_irqrestore(lock, flags)                                                        \
	do {                                                                                       \
		(void)(flags);                                                                     \
		shim_spin_unlock(lock, true);                                                      \
	} while (0)
#define spin_is_locked(lock) ((lock)->owner != NULL)
#define raw_spin_lock_init spin_lock_init
#define raw_spin_lock spin_lock
#define raw_spin_unlock spin_unlock

struct mutex {
	struct shim_fiber *owner;
	struct list_head waiters;
	u16 magic;
	struct shim_lock_class *class;
};
#define DEFINE_MUTEX(name)                                                                         \
	struct mutex name = { .waiters = LIST_HEAD_INIT(name.waiters), .magic = SHIM_LOCK_MAGIC }
void shim_mutex_init(struct mutex *mutex, struct shim_lock_class *class);
#define mutex_init(m)                                                                              \
	do {                                                                                       \
		static struct shim_lock_class shim_class = { .name = #m };                         \
		shim_mutex_init(m, &shim_class);                                                   \
	} while (0)
void mutex_destroy(struct mutex *mutex);
void shim_mutex_lock(struct mutex *mutex, bool nested);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
#define mutex_lock(m) shim_mutex_lock(m, false)
#define mutex_lock_nested(m, n) shim_mutex_lock(m, true)
#define mutex_is_locked(m) ((m)->owner != NULL)

/* Readers share nothing here: a semaphore is as good as a mutex. */
#define rw_semaphore mutex
#define init_rwsem mutex_init
#define down_read mutex_lock
#define up_read mutex_unlock
#define down_write mutex_lock
#define up_write mutex_unlock

#define lockdep_assert_held(l)                                                                     \
	do {                                                                                       \
		if ((l)->owner != shim_current)                                                    \
			shim_die("%s:%d: lock %s not held", __FILE__, __LINE__, #l);               \
	} while (0)
#define lockdep_assert_not_held(l)                                                                 \
	do {                                                                                       \
		if ((l)->owner == shim_current)                                                    \
			shim_die("%s:%d: lock %s held", __FILE__, __LINE__, #l);                   \
	} while (0)
#define lockdep_is_held(l) ((l)->owner == shim_current)
#define lockdep_set_class(l, k) ((void)0)
struct lock_class_key {
	int unused;
};

/* Sequence counts. */
typedef struct {
	unsigned int sequence;
	spinlock_t *lock;
} seqcount_spinlock_t;
typedef seqcount_spinlock_t seqcount_t;

#define seqcount_spinlock_init(s, l)                                                               \
	do {                                                                                       \
		(s)->sequence = 0;                                                                 \
		(s)->lock = (l);                                                                   \
	} while (0)
#define seqcount_init(s) seqcount_spinlock_init(s, NULL)
unsigned int read_seqcount_begin(const seqcount_spinlock_t *s);
bool read_seqcount_retry(const seqcount_spinlock_t *s, unsigned int start);
void write_seqcount_begin(seqcount_spinlock_t *s);
void write_seqcount_end(seqcount_spinlock_t *s);
#define raw_read_seqcount_begin read_seqcount_begin
#define raw_write_seqcount_begin write_seqcount_begin
#define raw_write_seqcount_end write_seqcount_end
#define raw_read_seqcount(s) READ_ONCE((s)->sequence)
#define __read_seqcount_begin read_seqcount_begin
#define __read_seqcount_retry read_seqcount_retry

/* Wait queues. */
typedef struct wait_queue_head {
	struct list_head waiters;
} wait_queue_head_t;

void init_waitqueue_head(wait_queue_head_t *wq);
void wake_up(wait_queue_head_t *wq);
void wake_up_all(wait_queue_head_t *wq);
bool waitqueue_active(wait_queue_head_t *wq);
#define wq_has_sleeper(wq) waitqueue_active(wq)
/* True when woken before the deadline (0: none). */
bool shim_wait_event_step(wait_queue_head_t *wq, void *node, const char *what, u64 deadline_ns);
void *shim_wait_event_prepare(wait_queue_head_t *wq);
void shim_wait_event_cancel(void *node);
u64 shim_deadline_ns(u64 timeout_jiffies);

/* The waiter is on the list before the condition is looked at: no wake-up is lost. */
#define shim_wait_event(wq, cond, deadline)                                                        \
	({                                                                                         \
		bool shim_done = false, shim_late = false;                                         \
		might_sleep();                                                                     \
		while (!shim_done && !shim_late) {                                                 \
			void *shim_node = shim_wait_event_prepare(wq);                             \
			shim_done = !!(cond);                                                      \
			if (shim_done)                                                             \
				shim_wait_event_cancel(shim_node);                                 \
			else                                                                       \
				shim_late = !shim_wait_event_step(wq, shim_node, #cond, deadline); \
		}                                                                                  \
		shim_done ? shim_done : !!(cond);                                                  \
	})
#define wait_event(wq, cond) ((void)shim_wait_event(&(wq), cond, 0))
#define wait_event_timeout(wq, cond, timeout)                                                      \
	({                                                                                         \
		u64 shim_deadline = shim_deadline_ns(timeout);                                     \
		shim_wait_event(&(wq), cond, shim_deadline)                                        \
			? max_t(long, 1, shim_jiffies_until(shim_deadline))                        \
			: 0L;                                                                      \
	})
#define wait_event_interruptible(wq, cond) (wait_event(wq, cond), 0)
#define wait_event_killable(wq, cond) (wait_event(wq, cond), 0)

struct completion {
	unsigned int done;
	wait_queue_head_t wait;
};
void init_completion(struct completion *c);
void reinit_completion(struct completion *c);
void complete(struct completion *c);
void complete_all(struct completion *c);
void wait_for_completion(struct completion *c);
#define wait_for_completion_io wait_for_completion
bool completion_done(struct completion *c);
/* On a stack that outlives the call: initialised in place. */
#define DECLARE_COMPLETION_ONSTACK(name)                                                           \
	struct completion name = { 0, { LIST_HEAD_INIT(name.wait.waiters) } }

/* Time: a jiffy is a millisecond of the virtual clock. */
#define HZ 1000
unsigned long shim_jiffies(void);
long shim_jiffies_until(u64 deadline_ns);
#define jiffies shim_jiffies()
#define msecs_to_jiffies(ms) ((unsigned long)(ms))
#define secs_to_jiffies(s) ((unsigned long)(s)*HZ)
#define usecs_to_jiffies(us) ((unsigned long)DIV_ROUND_UP(us, 1000))
#define jiffies_to_msecs(j) ((unsigned int)(j))
#define time_after(a, b) ((long)((b) - (a)) < 0)
#define time_before(a, b) time_after(b, a)
#define time_after_eq(a, b) ((long)((a) - (b)) >= 0)
#define time_before_eq(a, b) time_after_eq(b, a)
void cond_resched(void);
void msleep(unsigned int ms);
void usleep_range(unsigned long lo_us, unsigned long hi_us);
#define schedule_timeout_uninterruptible(t) msleep((unsigned int)(t))
#define in_interrupt() shim_in_interrupt()
bool shim_in_interrupt(void);
#define preempt_disable() ((void)0)
#define preempt_enable() ((void)0)
#define local_irq_save(f) ((void)((f) = 0))
#define local_irq_restore(f) ((void)(f))

/* Mempools: min_nr elements in reserve, then allocation waits for one to be freed. */
typedef struct mempool mempool_t;
mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t bytes);
mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache);
void *mempool_alloc(mempool_t *pool, gfp_t flags);
void mempool_free(void *element, mempool_t *pool);
void mempool_destroy(mempool_t *pool);

#endif /* SHIM_ENV_SYNC_H */
