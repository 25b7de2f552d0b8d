// SPDX-License-Identifier: GPL-2.0
/*
 * RCU: each reader remembers when it began; what was handed to kfree_rcu() or
 * call_rcu() is done as soon as no older reader is left.
 */
#include <stdlib.h>

#include "fiber.h"

bool shim_srcu_no_wait;

struct callback {
	struct list_head node;
	u64 since;
	const void *memory; /* to free, or */
	struct rcu_head *head; /* to call */
};

static LIST_HEAD(callbacks); /* oldest first */
static LIST_HEAD(synchronizers);
static u64 rcu_clock = 1;
static u32 readers;

struct oldest {
	u64 start;
};

static void find_oldest(struct shim_context *ctx, void *arg)
{
	struct oldest *oldest = arg;

	if (ctx->rcu_depth && ctx->rcu_start < oldest->start)
		oldest->start = ctx->rcu_start;
}

static u64 oldest_reader(void)
{
	struct oldest oldest = { ~0ULL };

	if (readers)
		shim_context_for_each(find_oldest, &oldest);
	return oldest.start;
}

static void callback_irq(void *arg)
{
	struct rcu_head *head = arg;

	head->func(head);
}

void shim_rcu_poll(void)
{
	u64 oldest;

	if (list_empty(&callbacks) && list_empty(&synchronizers))
		return;
	oldest = oldest_reader();
	while (!list_empty(&callbacks)) {
		struct callback *cb = list_first_entry(&callbacks, struct callback, node);

		if (cb->since > oldest)
			break;
		list_del(&cb->node);
		if (cb->head)
			shim_irq_spawn(callback_irq, cb->head);
		else
			shim_free(cb->memory);
		free(cb);
	}
	shim_wake(&synchronizers, UINT_MAX);
}

static void callback_add(const void *memory, struct rcu_head *head)
{
	struct callback *cb = malloc(sizeof(*cb));

	cb->since = ++rcu_clock;
	cb->memory = memory;
	cb->head = head;
	list_add_tail(&cb->node, &callbacks);
	if (!readers && !head)
		shim_rcu_poll();
}

void shim_kfree_rcu(const void *p)
{
	if (p)
		callback_add(p, NULL);
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	callback_add(NULL, head);
}

void rcu_read_lock(void)
{
	struct shim_context *ctx = shim_context();

	if (ctx->rcu_depth++)
		return;
	ctx->rcu_start = ++rcu_clock;
	readers++;
	shim_point();
}

void rcu_read_unlock(void)
{
	struct shim_context *ctx = shim_context();

	if (!ctx->rcu_depth)
		shim_die("rcu_read_unlock without lock");
	if (--ctx->rcu_depth)
		return;
	readers--;
	shim_point();
}

bool rcu_read_lock_held(void)
{
	return shim_context()->rcu_depth != 0;
}

void synchronize_rcu(void)
{
	u64 since = ++rcu_clock;

	shim_assert_may_sleep("synchronize_rcu");
	shim_yield();
	while (oldest_reader() < since) {
		struct shim_wait wait;

		shim_wait_prepare(&wait, &synchronizers);
		shim_wait_block(&wait, "rcu readers", ~0ULL);
	}
}

void rcu_barrier(void)
{
	synchronize_rcu();
	while (!list_empty(&callbacks))
		shim_sleep_ns(1000);
}

void shim_rcu_flush(void)
{
	shim_rcu_poll();
}

void shim_rcu_drop_all(void)
{
	while (!list_empty(&callbacks)) {
		struct callback *cb = list_first_entry(&callbacks, struct callback, node);

		list_del(&cb->node);
		free(cb);
	}
	INIT_LIST_HEAD(&synchronizers);
	readers = 0;
}

/* --- SRCU: two counts of readers; a waiter lets both drain in turn --- */

#define SRCU_MAGIC 0x53524355u

int init_srcu_struct(struct srcu_struct *s)
{
	memset(s, 0, sizeof(*s));
	s->magic = SRCU_MAGIC;
	mutex_init(&s->sync);
	init_waitqueue_head(&s->wait);
	return 0;
}

void cleanup_srcu_struct(struct srcu_struct *s)
{
	if (s->readers[0] || s->readers[1])
		shim_die("srcu struct destroyed under %d readers", s->readers[0] + s->readers[1]);
	s->magic = 0;
}

int srcu_read_lock(struct srcu_struct *s)
{
	int idx;

	if (s->magic != SRCU_MAGIC)
		shim_die("srcu struct not initialised");
	shim_point();
	idx = s->idx;
	s->readers[idx]++;
	shim_point();
	return idx;
}

void srcu_read_unlock(struct srcu_struct *s, int idx)
{
	if (idx < 0 || idx > 1 || s->readers[idx] <= 0)
		shim_die("srcu_read_unlock(%d) without lock", idx);
	shim_point();
	if (!--s->readers[idx])
		shim_wake(&s->wait.waiters, UINT_MAX);
}

void synchronize_srcu(struct srcu_struct *s)
{
	shim_assert_may_sleep("synchronize_srcu");
	if (shim_srcu_no_wait)
		return;
	mutex_lock(&s->sync);
	for (int round = 0; round < 2; round++) {
		int old = s->idx;

		s->idx = !old;
		wait_event(s->wait, s->readers[old] == 0);
	}
	mutex_unlock(&s->sync);
}
