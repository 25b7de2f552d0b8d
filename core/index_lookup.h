/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lookup of a read, inline: it is half of what a hit costs.  Why a torn read is
 * harmless stands in index.c.
 */
#ifndef FVP_INDEX_LOOKUP_H
#define FVP_INDEX_LOOKUP_H

#include "index_private.h"

/* Readers are in rcu_read_lock() or, what is less on every kernel, in its sched variant. */
#define fvp_index_dereference(p) rcu_dereference_check(p, rcu_read_lock_sched_held())

/*
 * The leaf that covers off; *end, if wanted: where the next leaf's share begins.
 * The searches of this path halve a pointer's range without a branch on the outcome.
 */
static __always_inline struct fvp_leaf *fvp_leaf_for_reader(struct fvp_region *region, u32 off,
							    u32 *end)
{
	struct fvp_leaf_table *tab = fvp_index_dereference(region->tab);
	const u32 *keys, *base;
	unsigned long n, nr, half;

	if (end)
		*end = REGION_SECTORS;
	if (!tab)
		return fvp_index_dereference(region->only);
	/* Last leaf whose key is <= off; leaf 0 covers from 0. */
	keys = table_keys(tab);
	base = keys;
	nr = smp_load_acquire(&tab->nr);
	for (n = nr; n > 1; n -= half) {
		half = n / 2;
		base = base[half] <= off ? base + half : base;
	}
	if (end && base + 1 < keys + nr)
		*end = base[1];
	return READ_ONCE(tab->leaf[base - keys]);
}

/* The last extent that begins at or before off; a dead one if there is none. */
static __always_inline u64 fvp_leaf_extent(const struct fvp_leaf *leaf, u32 off)
{
	u64 last = (u64)off << OFF_SHIFT | ((1ULL << OFF_SHIFT) - 1);
	unsigned long n = READ_ONCE(leaf->nr), half;
	const u64 *base = leaf->e;
	u64 e;

	/* nr never exceeds cap, also while a writer is at work. */
	if (unlikely(!n))
		return DEAD_BIT;
	for (; n > 1; n -= half) {
		half = n / 2;
		base = base[half] <= last ? base + half : base;
	}
	e = READ_ONCE(*base);
	return e <= last ? e : DEAD_BIT;
}

/*
 * Where on flash the range is, if one live extent covers all of it; else
 * FVP_ADDR_NONE, and fvp_index_lookup() says more.  No lock, any context.  The caller
 * must hold the pool's reads (pin.h) if it goes on to use the address.
 */
static __always_inline u64 fvp_index_find(struct fvp_index *index, u64 lba, u32 len_sectors)
{
	struct fvp_region *region = fvp_index_region(index, lba);
	u32 off = lba & (REGION_SECTORS - 1);
	struct fvp_leaf *leaf;
	unsigned int seq;
	u64 e;

	if (unlikely(!region))
		return FVP_ADDR_NONE;
	rcu_read_lock_sched_notrace();
	do {
		seq = read_seqcount_begin(&region->seq);
		leaf = fvp_leaf_for_reader(region, off, NULL);
		e = likely(leaf) ? fvp_leaf_extent(leaf, off) : DEAD_BIT;
	} while (read_seqcount_retry(&region->seq, seq));
	rcu_read_unlock_sched_notrace();
	/* No extent reaches out of its region: neither does what one covers. */
	if (unlikely(e_dead(e) || off + len_sectors > e_end(e)))
		return FVP_ADDR_NONE;
	return e_addr(e) + (off - e_off(e));
}

#endif /* FVP_INDEX_LOOKUP_H */
