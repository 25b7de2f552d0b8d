// SPDX-License-Identifier: GPL-2.0
/*
 * Work queues.  A queued work waits on its queue's list until fewer than
 * max_active of the queue run; then a fiber takes it.  Which work a fiber runs is
 * kept in the fiber, not in the work: a work may free itself.
 */
#include <stdlib.h>

#include "fiber.h"

struct workqueue_struct {
	struct list_head node; /* all queues */
	struct list_head works; /* pending */
	struct list_head waiters; /* for anything to end */
	u32 active, active_max;
	u32 delayed; /* delayed works whose timer runs */
	char name[32];
};

static LIST_HEAD(queues);
static struct workqueue_struct *system_queue;

void shim_work_setup(struct work_struct *work, work_func_t func, struct shim_lock_class *class)
{
	static u64 id;

	memset(work, 0, sizeof(*work));
	work->id = ++id;
	work->func = func;
	work->class = class;
	INIT_LIST_HEAD(&work->entry);
}

struct find {
	u64 work;
	u32 count;
};

static void find_running(struct shim_context *ctx, void *arg)
{
	struct find *find = arg;

	if (ctx->work == find->work)
		find->count++;
}

static bool work_running(struct work_struct *work)
{
	struct find find = { work->id, 0 };

	shim_context_for_each(find_running, &find);
	return find.count != 0;
}

static void worker(void *arg)
{
	struct workqueue_struct *wq = arg;
	struct shim_context *ctx = shim_context();
	struct shim_lock_class *class;

	ctx->wq = wq;
	for (;;) {
		struct work_struct *work, *found = NULL;

		list_for_each_entry (work, &wq->works, entry) {
			if (!work_running(work)) {
				found = work;
				break;
			}
		}
		if (!found)
			break;
		list_del_init(&found->entry);
		found->pending = false;
		ctx->work = found->id;
		class = found->class;
		shim_order_hold(class);
		found->func(found);
		shim_order_release(class);
		if (ctx->held_count || ctx->spin_depth || ctx->rcu_depth)
			shim_die("work of %s ended with a lock held or inside RCU", wq->name);
		ctx->work = 0;
		shim_wake(&wq->waiters, UINT_MAX);
		shim_point();
	}
	wq->active--;
	shim_wake(&wq->waiters, UINT_MAX);
}

static void kick(struct workqueue_struct *wq)
{
	if (wq->active < wq->active_max) {
		wq->active++;
		shim_fiber_spawn(wq->name, worker, wq);
	}
}

static void enqueue(struct workqueue_struct *wq, struct work_struct *work)
{
	list_add_tail(&work->entry, &wq->works);
	kick(wq);
}

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...)
{
	struct workqueue_struct *wq;
	va_list args;

	shim_assert_may_sleep("alloc_workqueue");
	wq = shim_alloc(sizeof(*wq), GFP_KERNEL | SHIM_GFP_ZERO, "alloc_workqueue");
	if (!wq)
		return NULL;
	va_start(args, max_active);
	vsnprintf(wq->name, sizeof(wq->name), fmt, args);
	va_end(args);
	INIT_LIST_HEAD(&wq->works);
	INIT_LIST_HEAD(&wq->waiters);
	wq->active_max = max_active > 0 ? (u32)max_active : 256;
	list_add_tail(&wq->node, &queues);
	return wq;
}

static void wait_any(struct workqueue_struct *wq, const char *what)
{
	struct shim_wait wait;

	shim_wait_prepare(&wait, &wq->waiters);
	shim_wait_block(&wait, what, ~0ULL);
}

void drain_workqueue(struct workqueue_struct *wq)
{
	shim_assert_may_sleep("drain_workqueue");
	while (wq->active || !list_empty(&wq->works))
		wait_any(wq, wq->name);
}

/*
 * The kernel waits for what was queued before the call; waiting until the queue
 * is empty would hang where a work requeues itself, so waiters count works.
 */
void flush_workqueue(struct workqueue_struct *wq)
{
	struct work_struct *work, **all;
	u32 count = 0, i = 0;

	shim_assert_may_sleep("flush_workqueue");
	/* Running ones end or are found pending again: one look at each is enough. */
	list_for_each_entry (work, &wq->works, entry)
		count++;
	all = malloc((count + 1) * sizeof(*all));
	list_for_each_entry (work, &wq->works, entry)
		all[i++] = work;
	for (i = 0; i < count; i++) {
		bool queued = true;

		while (queued) {
			queued = false;
			list_for_each_entry (work, &wq->works, entry)
				queued |= work == all[i];
			if (queued)
				wait_any(wq, wq->name);
		}
		while (work_running(all[i]))
			wait_any(wq, wq->name);
	}
	free(all);
	if (!count)
		drain_workqueue(wq);
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	if (!wq)
		return;
	drain_workqueue(wq);
	if (wq->delayed)
		shim_die("work queue %s destroyed under a delayed work", wq->name);
	list_del(&wq->node);
	shim_free(wq);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	shim_point();
	if (!work->func)
		shim_die("work not initialised");
	if (work->pending || work->canceling)
		return false;
	work->pending = true;
	work->wq = wq;
	enqueue(wq, work);
	shim_point();
	return true;
}

static bool wait_not_running(struct work_struct *work)
{
	bool waited = false;

	shim_assert_may_sleep("flush_work");
	if (shim_context()->work == work->id)
		shim_die("a work waits for itself");
	while (work_running(work)) {
		waited = true;
		wait_any(work->wq, "a work to end");
	}
	return waited;
}

bool flush_work(struct work_struct *work)
{
	bool waited = false;

	shim_assert_may_sleep("flush_work");
	shim_order_check(work->class, false);
	if (!work->wq)
		return false;
	while (work->pending && !list_empty(&work->entry)) {
		waited = true;
		wait_any(work->wq, "a work to begin");
	}
	return wait_not_running(work) || waited;
}

bool cancel_work(struct work_struct *work)
{
	if (!work->pending || list_empty(&work->entry))
		return false;
	list_del_init(&work->entry);
	work->pending = false;
	return true;
}

bool cancel_work_sync(struct work_struct *work)
{
	bool was = cancel_work(work);

	shim_assert_may_sleep("cancel_work_sync");
	shim_order_check(work->class, false);
	work->canceling++;
	if (work->wq)
		wait_not_running(work);
	work->canceling--;
	return was;
}

static void delay_over(void *arg)
{
	struct delayed_work *dw = arg;

	dw->wq->delayed--;
	enqueue(dw->wq, &dw->work);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay)
{
	if (!delay)
		return queue_work(wq, &dw->work);
	shim_point();
	if (dw->work.pending || dw->work.canceling)
		return false;
	dw->work.pending = true;
	dw->work.wq = wq;
	dw->wq = wq;
	wq->delayed++;
	shim_timer_set(&dw->timer, shim_now_ns() + delay * NSEC_PER_MSEC, delay_over, dw);
	return true;
}

bool cancel_delayed_work(struct delayed_work *dw)
{
	if (shim_timer_cancel(&dw->timer)) {
		dw->wq->delayed--;
		dw->work.pending = false;
		return true;
	}
	return cancel_work(&dw->work);
}

bool cancel_delayed_work_sync(struct delayed_work *dw)
{
	bool was = cancel_delayed_work(dw);

	cancel_work_sync(&dw->work);
	return was;
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay)
{
	bool was = cancel_delayed_work(dw);

	queue_delayed_work(wq, dw, delay);
	return was;
}

bool flush_delayed_work(struct delayed_work *dw)
{
	if (shim_timer_cancel(&dw->timer)) {
		dw->wq->delayed--;
		enqueue(dw->wq, &dw->work);
	}
	return flush_work(&dw->work);
}

bool delayed_work_pending(struct delayed_work *dw)
{
	return dw->work.pending;
}

struct workqueue_struct *shim_system_wq(void)
{
	if (!system_queue) {
		system_queue = calloc(1, sizeof(*system_queue));
		INIT_LIST_HEAD(&system_queue->works);
		INIT_LIST_HEAD(&system_queue->waiters);
		system_queue->active_max = 256;
		strcpy(system_queue->name, "events");
	}
	return system_queue;
}

void shim_work_init(void)
{
	INIT_LIST_HEAD(&queues);
}

void shim_work_drop_all(void)
{
	INIT_LIST_HEAD(&queues);
	free(system_queue);
	system_queue = NULL;
}
