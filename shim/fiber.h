/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scheduler under the shim: fibers, a virtual clock, a seeded order.
 *
 * A fiber is one context of the simulated machine: a guest CPU, a worker, an
 * interrupt.  All runnable fibers are equal and the next one is drawn by the
 * seed.  Each step lets a little virtual time pass; when nobody is runnable the
 * clock jumps to the next timer.  The code that calls shim_step() is the *root*:
 * not a fiber, never preempted; when it blocks, it runs the others.
 *
 * Rules that end the run: sleeping in an interrupt, under a spinlock or in an
 * RCU reader; a lock taken in interrupts and elsewhere with interrupts on; two locks
 * taken in one order here and in the other there; nobody able to run while somebody waits.
 */
#ifndef SHIM_FIBER_H
#define SHIM_FIBER_H

#include "env.h"

/* Small fast generator; one per purpose, so that streams do not disturb each other. */
struct shim_rng {
	u64 s;
};
u64 shim_rng_next(struct shim_rng *rng);
/* 0 .. n-1 */
u64 shim_rng_below(struct shim_rng *rng, u64 n);
/* True in num of den cases. */
bool shim_rng_chance(struct shim_rng *rng, u64 num, u64 den);

struct shim_fiber;
extern struct shim_fiber *shim_current; /* never NULL: root is one of these too */

struct shim_sched_params {
	u64 seed;
	u32 point_mean; /* marked accesses between preemptions; 0: none */
	u32 stall_percent; /* of preempted fibers: kept off the CPU for a while */
	u32 stall_ns_max;
	u32 step_ns_max; /* virtual time of one step */
	bool in_order; /* the longest waiting fiber runs next */
	bool endless; /* a run of many steps is none that hangs */
};

/* Begins a run.  Clock at 1 s.  Everything of an earlier run must be gone. */
void shim_sched_init(const struct shim_sched_params *params);
/* Power cut: all fibers, timers, queued work and memory are gone.  From root only. */
void shim_sched_drop_all(void);
void shim_sched_fini(void);

struct shim_fiber *shim_fiber_spawn(const char *name, void (*fn)(void *), void *arg);
/* What somebody waits for who is no fiber: until done is set.  The struct is the caller's. */
struct shim_call {
	void (*fn)(void *arg);
	void *arg;
	bool done;
};
void shim_call_spawn(const char *name, struct shim_call *call);
/* Runs fn as an interrupt: may not sleep. */
void shim_irq_spawn(void (*fn)(void *), void *arg);

/* One scheduling decision.  False: nobody can run and no timer is set. */
bool shim_step(void);
u64 shim_steps(void);
u64 shim_now_ns(void);
/* Lets others run, also time pass. */
void shim_yield(void);
void shim_sleep_ns(u64 ns);
/* Dies unless the current context may sleep. */
void shim_assert_may_sleep(const char *what);
bool shim_in_irq(void);
/* Lines of who waits where, to stderr. */
void shim_sched_report(void);

/* Timers: fn runs in root and must not block (struct shim_timer: env_work.h). */
void shim_timer_set(struct shim_timer *timer, u64 at_ns, void (*fn)(void *), void *arg);
bool shim_timer_cancel(struct shim_timer *timer);

/* One waiter, on its stack; the list is in whatever is waited for. */
struct shim_wait {
	struct list_head node;
	struct shim_fiber *fiber;
	bool woken;
};
void shim_wait_prepare(struct shim_wait *wait, struct list_head *list);
/* Returns when woken; false if timeout_ns (~0: never) passed first. */
bool shim_wait_block(struct shim_wait *wait, const char *what, u64 timeout_ns);
void shim_wait_cancel(struct shim_wait *wait);
void shim_wake(struct list_head *list, unsigned int count);

/* Hash of all decisions so far; the simulator adds its own events. */
extern u64 shim_trace_hash;
static inline void shim_trace(u64 v)
{
	shim_trace_hash = (shim_trace_hash ^ v) * 0x9E3779B97F4A7C15ULL;
	shim_trace_hash ^= shim_trace_hash >> 29;
}

/* Deliberate defect: waiting for SRCU readers returns at once. */
extern bool shim_srcu_no_wait;

/*
 * The order of locks (order.c).  check: may it be taken now, with all that is held?  A try
 * needs no check, as it does not wait.  class may be NULL.
 */
void shim_order_init(void);
void shim_order_check(struct shim_lock_class *class, bool nested);
void shim_order_hold(struct shim_lock_class *class);
void shim_order_release(struct shim_lock_class *class);

#define SHIM_HELD_MAX 16

/* Between the parts of the shim (fiber.c, sync.c, rcu.c, work.c). */
struct shim_context {
	u32 spin_depth;
	u32 irq_off;
	u32 rcu_depth;
	u64 rcu_start;
	bool irq;
	u64 work; /* id of what a worker runs, 0: none */
	struct workqueue_struct *wq;
	u32 held_count;
	u16 held[SHIM_HELD_MAX]; /* classes (order.c) */
};
struct shim_context *shim_context(void);
void shim_context_for_each(void (*fn)(struct shim_context *ctx, void *arg), void *arg);
void shim_rcu_poll(void);
void shim_rcu_drop_all(void);
void shim_rcu_flush(void);
void shim_work_drop_all(void);
void shim_work_init(void);

#endif /* SHIM_FIBER_H */
