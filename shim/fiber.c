// SPDX-License-Identifier: GPL-2.0
/*
 * Fibers, clock and timers.  Switching is setjmp/longjmp, which costs no system
 * call; a fiber that ended keeps its stack and serves the next one.  Under
 * AddressSanitizer ucontext is used, with the sanitizer told of each switch.
 */
/*
 * With it, as Debian's packages are built, longjmp() ends the program: it takes a jump to
 * another stack for one into a frame that has returned.
 */
#undef _FORTIFY_SOURCE
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "asan.h"
#include "fiber.h"

#ifdef SHIM_ASAN
#define STACK_BYTES (256 * 1024)
#else
#define STACK_BYTES (64 * 1024)
#endif

enum fiber_state { FIBER_IDLE, FIBER_RUNNABLE, FIBER_RUNNING, FIBER_BLOCKED };

struct shim_fiber {
	jmp_buf jump;
	ucontext_t context;
	void *stack;
	bool begun; /* has a context to return to */
	enum fiber_state state;
	u32 id; /* in the table */
	const char *name;
	const char *waits_for;
	bool stalled; /* preempted and kept off the CPU: only its timer ends that */
	void (*fn)(void *);
	void *arg;
	struct shim_context ctx;
	struct shim_timer timer; /* sleeps and timeouts */
	struct shim_wait *wait; /* while blocked with a timeout */
	u64 runnable_since;
	void *asan_stack;
};

static struct shim_fiber root = { .begun = true, .state = FIBER_RUNNING, .name = "root" };
struct shim_fiber *shim_current = &root;
u64 shim_trace_hash;

static struct {
	struct shim_sched_params params;
	struct shim_rng rng;
	u64 now_ns;
	u64 steps;
	struct shim_fiber **fibers; /* table of all, ended ones included */
	u32 fiber_count, fiber_cap;
	struct shim_fiber **idle;
	u32 idle_count;
	struct shim_fiber **runnable;
	u32 runnable_count;
	struct shim_timer **heap; /* 1-based */
	u32 heap_count, heap_cap;
	u64 timer_order;
} s = { .now_ns = NSEC_PER_SEC };

u64 shim_rng_next(struct shim_rng *rng)
{
	u64 z = rng->s += 0x9E3779B97F4A7C15ULL;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
	return z ^ z >> 31;
}

u64 shim_rng_below(struct shim_rng *rng, u64 n)
{
	return n ? shim_rng_next(rng) % n : 0;
}

bool shim_rng_chance(struct shim_rng *rng, u64 num, u64 den)
{
	return shim_rng_below(rng, den) < num;
}

/* --- timers: a binary heap ordered by (time, order of setting) --- */

static bool timer_before(const struct shim_timer *a, const struct shim_timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_put(struct shim_timer *timer, u32 slot)
{
	s.heap[slot] = timer;
	timer->slot = slot;
}

static void heap_up(u32 slot)
{
	struct shim_timer *timer = s.heap[slot];

	for (; slot > 1 && timer_before(timer, s.heap[slot / 2]); slot /= 2)
		heap_put(s.heap[slot / 2], slot);
	heap_put(timer, slot);
}

static void heap_down(u32 slot)
{
	struct shim_timer *timer = s.heap[slot];

	for (;;) {
		u32 child = 2 * slot;

		if (child > s.heap_count)
			break;
		if (child < s.heap_count && timer_before(s.heap[child + 1], s.heap[child]))
			child++;
		if (!timer_before(s.heap[child], timer))
			break;
		heap_put(s.heap[child], slot);
		slot = child;
	}
	heap_put(timer, slot);
}

void shim_timer_set(struct shim_timer *timer, u64 at_ns, void (*fn)(void *), void *arg)
{
	shim_timer_cancel(timer);
	if (s.heap_count + 1 >= s.heap_cap) {
		s.heap_cap = s.heap_cap ? 2 * s.heap_cap : 64;
		s.heap = realloc(s.heap, s.heap_cap * sizeof(*s.heap));
	}
	timer->at_ns = max(at_ns, s.now_ns);
	timer->order = ++s.timer_order;
	timer->fn = fn;
	timer->arg = arg;
	heap_put(timer, ++s.heap_count);
	heap_up(timer->slot);
}

bool shim_timer_cancel(struct shim_timer *timer)
{
	u32 slot = timer->slot;
	struct shim_timer *last;

	if (!slot)
		return false;
	timer->slot = 0;
	last = s.heap[s.heap_count--];
	if (last != timer) {
		heap_put(last, slot);
		heap_up(slot);
		heap_down(last->slot);
	}
	return true;
}

/* --- switching --- */

#ifdef SHIM_ASAN
static size_t root_stack_bytes;

static void switch_to(struct shim_fiber *from, struct shim_fiber *to)
{
	__sanitizer_start_switch_fiber(&from->asan_stack, to->stack,
				       to == &root ? root_stack_bytes : STACK_BYTES);
	shim_current = to;
	swapcontext(&from->context, &to->context);
	__sanitizer_finish_switch_fiber(from->asan_stack, NULL, NULL);
}
#else
static void switch_to(struct shim_fiber *from, struct shim_fiber *to)
{
	shim_current = to;
	if (_setjmp(from->jump))
		return;
	if (to->begun)
		_longjmp(to->jump, 1);
	to->begun = true;
	setcontext(&to->context);
}
#endif

static void make_runnable(struct shim_fiber *f)
{
	if (f->state == FIBER_RUNNABLE)
		return;
	f->state = FIBER_RUNNABLE;
	f->runnable_since = s.steps;
	s.runnable[s.runnable_count++] = f;
}

static void fiber_main(void)
{
	struct shim_fiber *self = shim_current;

#ifdef SHIM_ASAN
	const void *bottom;
	size_t bytes;

	__sanitizer_finish_switch_fiber(self->asan_stack, &bottom, &bytes);
	if (!root_stack_bytes) {
		root.stack = (void *)bottom;
		root_stack_bytes = bytes;
	}
#endif
	for (;;) {
		self->fn(self->arg);
		if (self->ctx.spin_depth || self->ctx.rcu_depth || self->ctx.irq_off)
			shim_die("%s ended with a lock held or inside RCU", self->name);
		memset(&self->ctx, 0, sizeof(self->ctx));
		self->state = FIBER_IDLE;
		s.idle[s.idle_count++] = self;
		switch_to(self, &root);
	}
}

static void fiber_prepare(struct shim_fiber *f)
{
	f->begun = false;
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = STACK_BYTES;
	f->context.uc_link = NULL;
	makecontext(&f->context, fiber_main, 0);
}

static struct shim_fiber *fiber_get(void)
{
	struct shim_fiber *f;

	if (s.idle_count)
		return s.idle[--s.idle_count];
	if (s.fiber_count == s.fiber_cap) {
		s.fiber_cap = s.fiber_cap ? 2 * s.fiber_cap : 64;
		s.fibers = realloc(s.fibers, s.fiber_cap * sizeof(*s.fibers));
		s.idle = realloc(s.idle, s.fiber_cap * sizeof(*s.idle));
		s.runnable = realloc(s.runnable, s.fiber_cap * sizeof(*s.runnable));
	}
	if (s.fiber_count >= 20000)
		shim_die("20000 fibers: somebody piles up work");
	f = calloc(1, sizeof(*f));
	/* The lowest page stays unmapped: an overflow faults. */
	f->stack = mmap(NULL, STACK_BYTES + 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->stack == MAP_FAILED)
		shim_die("no memory for a stack");
	mprotect(f->stack, 4096, PROT_NONE);
	f->stack = (char *)f->stack + 4096;
	f->id = s.fiber_count;
	s.fibers[s.fiber_count++] = f;
	fiber_prepare(f);
	return f;
}

static struct shim_fiber *spawn(const char *name, void (*fn)(void *), void *arg, bool irq)
{
	struct shim_fiber *f = fiber_get();

	f->name = name;
	f->fn = fn;
	f->arg = arg;
	memset(&f->ctx, 0, sizeof(f->ctx));
	f->ctx.irq = irq;
	make_runnable(f);
	return f;
}

struct shim_fiber *shim_fiber_spawn(const char *name, void (*fn)(void *), void *arg)
{
	return spawn(name, fn, arg, false);
}

void shim_irq_spawn(void (*fn)(void *), void *arg)
{
	spawn("interrupt", fn, arg, true);
}

/* --- the scheduler --- */

static void fire_timers(void)
{
	while (s.heap_count && s.heap[1]->at_ns <= s.now_ns) {
		struct shim_timer *timer = s.heap[1];

		shim_timer_cancel(timer);
		timer->fn(timer->arg);
	}
}

static struct shim_fiber *pick(void)
{
	u32 at = (u32)shim_rng_below(&s.rng, s.runnable_count);
	struct shim_fiber *f;

	if (s.params.in_order)
		for (u32 i = 0; i < s.runnable_count; i++)
			if (s.runnable[i]->runnable_since < s.runnable[at]->runnable_since)
				at = i;
	f = s.runnable[at];
	s.runnable[at] = s.runnable[--s.runnable_count];
	return f;
}

#define SHIM_STEPS_MAX 30000000 /* of a run */

bool shim_step(void)
{
	struct shim_fiber *f;

	if (shim_current != &root)
		shim_die("shim_step() outside root");
	/* Also where root itself waits, in a call that nobody else counts. */
	if (shim_steps() > SHIM_STEPS_MAX && !s.params.endless)
		shim_die("no end after %llu steps", (unsigned long long)shim_steps());
	s.steps++;
	shim_rcu_poll();
	s.now_ns += shim_rng_below(&s.rng, s.params.step_ns_max + 1);
	if (!s.runnable_count && s.heap_count)
		s.now_ns = max(s.now_ns, s.heap[1]->at_ns);
	fire_timers();
	if (!s.runnable_count)
		return s.heap_count != 0;
	f = pick();
	f->state = FIBER_RUNNING;
	shim_trace((u64)f->id << 32 ^ s.now_ns);
	switch_to(&root, f);
	return true;
}

static void set_points(void)
{
	if (!s.params.point_mean)
		shim_points_left = LONG_MAX;
	else
		shim_points_left = 1 + (long)shim_rng_below(&s.rng, 2 * s.params.point_mean);
}

static void timer_wakes(void *arg)
{
	struct shim_fiber *f = arg;

	if (f->wait) {
		list_del_init(&f->wait->node);
		f->wait = NULL;
	}
	make_runnable(f);
}

static void block(enum fiber_state state, const char *what)
{
	struct shim_fiber *self = shim_current;

	self->waits_for = what;
	self->state = state;
	switch_to(self, &root);
	self->waits_for = NULL;
}

/* Another CPU gets ahead, at a marked access. */
static void preempt(void)
{
	struct shim_fiber *self = shim_current;

	set_points();
	if (self == &root)
		return;
	if (shim_rng_chance(&s.rng, s.params.stall_percent, 100)) {
		shim_timer_set(&self->timer,
			       s.now_ns + shim_rng_below(&s.rng, s.params.stall_ns_max),
			       timer_wakes, self);
		self->stalled = true;
		block(FIBER_BLOCKED, "stalled");
		self->stalled = false;
		return;
	}
	self->state = FIBER_RUNNING;
	make_runnable(self);
	switch_to(self, &root);
}

void shim_yield(void)
{
	struct shim_fiber *self = shim_current;

	if (self == &root) {
		shim_step();
		return;
	}
	make_runnable(self);
	switch_to(self, &root);
}

static void set_flag(void *arg)
{
	*(bool *)arg = true;
}

void shim_sleep_ns(u64 ns)
{
	struct shim_fiber *self = shim_current;

	shim_assert_may_sleep("sleep");
	if (self == &root) {
		struct shim_timer timer = { 0 };
		bool late = false;

		shim_timer_set(&timer, s.now_ns + ns, set_flag, &late);
		while (!late)
			shim_step();
		return;
	}
	shim_timer_set(&self->timer, s.now_ns + ns, timer_wakes, self);
	block(FIBER_BLOCKED, "sleep");
}

/* --- waiting --- */

void shim_wait_prepare(struct shim_wait *wait, struct list_head *list)
{
	wait->fiber = shim_current;
	wait->woken = false;
	list_add_tail(&wait->node, list);
}

bool shim_wait_block(struct shim_wait *wait, const char *what, u64 timeout_ns)
{
	struct shim_fiber *self = shim_current;

	if (self == &root) {
		struct shim_timer timer = { 0 };
		bool late = false;

		if (timeout_ns != ~0ULL)
			shim_timer_set(&timer, s.now_ns + timeout_ns, set_flag, &late);
		while (!wait->woken && !late) {
			if (!shim_step() && !wait->woken && !late) {
				shim_sched_report();
				shim_die("deadlock: root waits for %s", what);
			}
		}
		shim_timer_cancel(&timer);
	} else if (!wait->woken) {
		if (timeout_ns != ~0ULL) {
			self->wait = wait;
			shim_timer_set(&self->timer, s.now_ns + timeout_ns, timer_wakes, self);
		}
		block(FIBER_BLOCKED, what);
		self->wait = NULL;
	}
	if (!wait->woken)
		list_del_init(&wait->node);
	return wait->woken;
}

void shim_wait_cancel(struct shim_wait *wait)
{
	if (!wait->woken)
		list_del_init(&wait->node);
}

void shim_wake(struct list_head *list, unsigned int count)
{
	while (count-- && !list_empty(list)) {
		struct shim_wait *wait = list_first_entry(list, struct shim_wait, node);
		struct shim_fiber *f = wait->fiber;

		list_del_init(&wait->node);
		wait->woken = true;
		if (f != &root && f->stalled)
			continue; /* preempted between prepare and block: its timer wakes it */
		if (f != &root && f->state == FIBER_BLOCKED) {
			f->wait = NULL;
			shim_timer_cancel(&f->timer);
			make_runnable(f);
		}
	}
}

/* --- contexts --- */

struct shim_context *shim_context(void)
{
	return &shim_current->ctx;
}

void shim_context_for_each(void (*fn)(struct shim_context *ctx, void *arg), void *arg)
{
	fn(&root.ctx, arg);
	for (u32 i = 0; i < s.fiber_count; i++)
		if (s.fibers[i]->state != FIBER_IDLE)
			fn(&s.fibers[i]->ctx, arg);
}

static void call_main(void *arg)
{
	struct shim_call *call = arg;

	call->fn(call->arg);
	call->done = true;
}

void shim_call_spawn(const char *name, struct shim_call *call)
{
	call->done = false;
	shim_fiber_spawn(name, call_main, call);
}

bool shim_in_irq(void)
{
	return shim_current->ctx.irq;
}

void shim_assert_may_sleep(const char *what)
{
	struct shim_context *ctx = &shim_current->ctx;

	if (ctx->irq || ctx->spin_depth || ctx->rcu_depth || ctx->irq_off)
		shim_die("sleeping in atomic context (%s%s%s): %s", ctx->irq ? "interrupt" : "",
			 ctx->spin_depth ? "spinlock" : "", ctx->rcu_depth ? "rcu" : "", what);
}

int shim_cpu(void)
{
	return (int)(shim_current->id % SHIM_CPUS);
}

u64 shim_now_ns(void)
{
	return s.now_ns;
}

u64 shim_steps(void)
{
	return s.steps;
}

void shim_sched_report(void)
{
	for (u32 i = 0; i < s.fiber_count; i++) {
		struct shim_fiber *f = s.fibers[i];

		if (f->state == FIBER_BLOCKED)
			fprintf(stderr, "  fiber %u %s waits for %s\n", f->id, f->name,
				f->waits_for);
		else if (f->state == FIBER_RUNNABLE)
			fprintf(stderr, "  fiber %u %s is runnable\n", f->id, f->name);
	}
}

void shim_sched_init(const struct shim_sched_params *params)
{
	s.params = *params;
	s.rng.s = params->seed;
	s.now_ns = NSEC_PER_SEC;
	s.steps = 0;
	s.timer_order = 0;
	shim_trace_hash = params->seed;
	/* Same order of reuse in every run, whatever ran before. */
	s.idle_count = 0;
	for (u32 i = s.fiber_count; i--;)
		s.idle[s.idle_count++] = s.fibers[i];
	memset(&root.ctx, 0, sizeof(root.ctx));
	shim_preempt_hook = preempt;
	shim_might_sleep_hook = shim_assert_may_sleep;
	set_points();
	shim_order_init();
	shim_work_init();
}

void shim_sched_drop_all(void)
{
	if (shim_current != &root)
		shim_die("power cut outside root");
	s.runnable_count = 0;
	s.idle_count = 0;
	for (u32 i = s.fiber_count; i--;) {
		struct shim_fiber *f = s.fibers[i];

		if (f->state != FIBER_IDLE) {
			f->state = FIBER_IDLE;
			f->wait = NULL;
			f->stalled = false;
			memset(&f->ctx, 0, sizeof(f->ctx));
#ifdef SHIM_ASAN
			__asan_unpoison_memory_region(f->stack, STACK_BYTES);
#endif
			fiber_prepare(f);
		}
		f->timer.slot = 0;
		s.idle[s.idle_count++] = f;
	}
	for (u32 i = 1; i <= s.heap_count; i++)
		s.heap[i]->slot = 0;
	s.heap_count = 0;
	shim_rcu_drop_all();
	shim_work_drop_all();
	shim_alloc_drop_all();
}

void shim_sched_fini(void)
{
	shim_rcu_flush();
	shim_work_drop_all();
}
