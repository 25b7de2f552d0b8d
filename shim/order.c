// SPDX-License-Identifier: GPL-2.0
/*
 * The order in which locks are taken, and works are waited for.
 *
 * Locks that are initialised in one place are one class.  Whoever takes a lock of class B with
 * one of class A held has said that A comes first; if B came first elsewhere, in this run, two
 * contexts can wait for each other for ever, whether or not they met.  A work is a class too:
 * it is held by whoever runs it, and taken, for a moment, by whoever waits for its end.
 * After lockdep in the kernel, kernel/locking/lockdep.c.
 */
#include "fiber.h"

#define CLASSES_MAX 128 /* 0: none */

static struct {
	struct shim_lock_class *by_id[CLASSES_MAX];
	u64 after[CLASSES_MAX][CLASSES_MAX / 64]; /* those taken with this one held */
	u16 count;
} order;

static bool is_after(u16 first, u16 then)
{
	return order.after[first][then / 64] >> then % 64 & 1;
}

/* Is there a way, from lock to lock held under it? */
static bool leads(u16 from, u16 to, bool *seen)
{
	if (from == to)
		return true;
	seen[from] = true;
	for (u16 i = 1; i <= order.count; i++)
		if (!seen[i] && is_after(from, i) && leads(i, to, seen))
			return true;
	return false;
}

static void order_note(u16 held, u16 taken, bool nested)
{
	bool seen[CLASSES_MAX] = { false };

	if (held == taken) {
		if (!nested)
			shim_die("lock order: %s taken with another %s held",
				 order.by_id[taken]->name, order.by_id[held]->name);
		return;
	}
	if (is_after(held, taken))
		return;
	if (leads(taken, held, seen))
		shim_die("lock order: %s taken with %s held, and elsewhere it is the other way "
			 "round",
			 order.by_id[taken]->name, order.by_id[held]->name);
	order.after[held][taken / 64] |= 1ull << taken % 64;
}

static u16 class_id(struct shim_lock_class *class)
{
	if (!class)
		return 0;
	/* Of an earlier run, perhaps. */
	if (!class->id || class->id > order.count || order.by_id[class->id] != class) {
		if (order.count == CLASSES_MAX - 1)
			shim_die("more than %d classes of locks", CLASSES_MAX - 1);
		class->id = ++order.count;
		order.by_id[class->id] = class;
	}
	return class->id;
}

void shim_order_check(struct shim_lock_class *class, bool nested)
{
	struct shim_context *ctx = shim_context();
	u16 id = class_id(class);

	for (u32 i = 0; id && i < ctx->held_count; i++)
		order_note(ctx->held[i], id, nested);
}

void shim_order_hold(struct shim_lock_class *class)
{
	struct shim_context *ctx = shim_context();
	u16 id = class_id(class);

	if (!id)
		return;
	if (ctx->held_count == SHIM_HELD_MAX)
		shim_die("more than %d locks held by one context", SHIM_HELD_MAX);
	ctx->held[ctx->held_count++] = id;
}

void shim_order_release(struct shim_lock_class *class)
{
	struct shim_context *ctx = shim_context();
	u32 i;

	if (!class)
		return;
	for (i = ctx->held_count; i-- && ctx->held[i] != class->id;)
		;
	if (i >= ctx->held_count)
		shim_die("lock order: %s released, and not held", class->name);
	for (ctx->held_count--; i < ctx->held_count; i++)
		ctx->held[i] = ctx->held[i + 1];
}

void shim_order_init(void)
{
	memset(&order, 0, sizeof(order));
}
