/* SPDX-License-Identifier: GPL-2.0 */
/* Work queues (work.c): each running work is a fiber; a work never runs twice at once. */
#ifndef SHIM_ENV_WORK_H
#define SHIM_ENV_WORK_H

struct workqueue_struct;
struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	work_func_t func;
	struct list_head entry;
	struct workqueue_struct *wq; /* queued on, or last queued on */
	struct shim_lock_class *class;
	u64 id; /* new with every INIT_WORK: memory is reused, and its address with it */
	bool pending;
	u8 canceling; /* queueing is refused meanwhile */
};

/* A timer of the virtual clock (fiber.h).  The struct is the caller's. */
struct shim_timer {
	u64 at_ns;
	u64 order;
	u32 slot; /* in the heap, 1-based; 0: not set */
	void (*fn)(void *arg);
	void *arg;
};

struct delayed_work {
	struct work_struct work;
	struct workqueue_struct *wq;
	struct shim_timer timer;
};

#define INIT_WORK(w, f)                                                                            \
	do {                                                                                       \
		static struct shim_lock_class shim_class = { .name = #f };                         \
		shim_work_setup(w, f, &shim_class);                                                \
	} while (0)
#define INIT_WORK_ONSTACK INIT_WORK
#define destroy_work_on_stack(w) ((void)(w))
#define INIT_DELAYED_WORK(dw, f)                                                                   \
	do {                                                                                       \
		INIT_WORK(&(dw)->work, f);                                                         \
		(dw)->timer.slot = 0;                                                              \
	} while (0)
#define INIT_DEFERRABLE_WORK INIT_DELAYED_WORK
#define to_delayed_work(w) container_of(w, struct delayed_work, work)
#define work_pending(w) READ_ONCE((w)->pending)

#define WQ_UNBOUND 2u
#define WQ_FREEZABLE 4u
#define WQ_MEM_RECLAIM 8u
#define WQ_HIGHPRI 16u
#define WQ_CPU_INTENSIVE 32u
#define WQ_SYSFS 64u
#define WQ_PERCPU 256u
#define __WQ_ORDERED 512u

void shim_work_setup(struct work_struct *work, work_func_t func, struct shim_lock_class *class);
struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...)
	__attribute__((__format__(printf, 1, 4)));
#define alloc_ordered_workqueue(fmt, flags, ...) alloc_workqueue(fmt, flags, 1, ##__VA_ARGS__)
/* Waits for what is queued, and what that queues. */
void destroy_workqueue(struct workqueue_struct *wq);
void flush_workqueue(struct workqueue_struct *wq);
void drain_workqueue(struct workqueue_struct *wq);

bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool flush_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
bool cancel_work(struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay);
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay);
bool cancel_delayed_work_sync(struct delayed_work *dw);
bool cancel_delayed_work(struct delayed_work *dw);
bool flush_delayed_work(struct delayed_work *dw);
bool delayed_work_pending(struct delayed_work *dw);

extern struct workqueue_struct *shim_system_wq(void);
#define system_wq shim_system_wq()
#define system_unbound_wq shim_system_wq()
#define system_highpri_wq shim_system_wq()
#define system_long_wq shim_system_wq()
#define schedule_work(w) queue_work(shim_system_wq(), w)

#endif /* SHIM_ENV_WORK_H */
