/* SPDX-License-Identifier: GPL-2.0 */
/* Shapes shared by index.c (readers), index_region.c and index_update.c (writers). */
#ifndef FVP_INDEX_PRIVATE_H
#define FVP_INDEX_PRIVATE_H

#include "index.h"

#define REGION_SHIFT 17
#define REGION_SECTORS (1u << REGION_SHIFT)
#define TOP_SHIFT 9
#define TOP_REGIONS (1u << TOP_SHIFT)

#define ADDR_MASK FVP_ADDR_NONE
#define DEAD_BIT (1ULL << FVP_ADDR_BITS)
#define LEN_SHIFT (FVP_ADDR_BITS + 1)
#define LEN_BITS 9
#define EXTENT_SECTORS_MAX (1u << LEN_BITS)
#define OFF_SHIFT (LEN_SHIFT + LEN_BITS)

_Static_assert(OFF_SHIFT + REGION_SHIFT == 64, "an extent is one u64");

struct fvp_leaf {
	struct rcu_head rcu;
	u16 nr; /* region lock; readers READ_ONCE */
	u16 cap;
	u64 e[];
};

/* Leaves of a region in order; keys (u32 each) follow leaf[cap]. */
struct fvp_leaf_table {
	struct rcu_head rcu;
	u32 nr; /* region lock; readers acquire */
	u32 cap;
	struct fvp_leaf *leaf[];
};

struct fvp_region {
	seqcount_spinlock_t seq;
	spinlock_t lock; /* protects all below, and the leaves */
	bool closed; /* superseded as a whole while loading: nothing older may come in */
	struct fvp_leaf __rcu *only; /* the one leaf, while there is no table */
	struct fvp_leaf_table __rcu *tab;
};

/* An extent found by fvp_region_next(). */
struct fvp_cursor {
	struct fvp_leaf *leaf;
	u32 leaf_number;
	u32 pos;
	u64 e;
};

static inline u32 e_off(u64 e)
{
	return (u32)(e >> OFF_SHIFT);
}

static inline u32 e_len(u64 e)
{
	return (u32)((e >> LEN_SHIFT) & (EXTENT_SECTORS_MAX - 1)) + 1;
}

static inline u32 e_end(u64 e)
{
	return e_off(e) + e_len(e);
}

static inline u64 e_addr(u64 e)
{
	return e & ADDR_MASK;
}

static inline bool e_dead(u64 e)
{
	return e & DEAD_BIT;
}

/* No place on flash: the same for every sector of the extent. */
static inline bool addr_special(u64 addr)
{
	return addr & FVP_ADDR_SPECIAL;
}

static inline u64 e_make(u32 off, u32 len, u64 addr, bool dead)
{
	return (u64)off << OFF_SHIFT | (u64)(len - 1) << LEN_SHIFT | (dead ? DEAD_BIT : 0) | addr;
}

/* What is left of e from sector `from` of the region on. */
static inline u64 e_cut_front(u64 e, u32 from)
{
	u64 addr = e_addr(e);

	if (!addr_special(addr))
		addr += from - e_off(e);
	return e_make(from, e_end(e) - from, addr, e_dead(e));
}

static inline u64 e_cut_tail(u64 e, u32 end)
{
	return e_make(e_off(e), end - e_off(e), e_addr(e), e_dead(e));
}

static inline u32 *table_keys(struct fvp_leaf_table *tab)
{
	return (u32 *)&tab->leaf[tab->cap];
}

static inline struct fvp_leaf_table *region_table(struct fvp_region *region)
{
	return rcu_dereference_protected(region->tab, 1);
}

/* For writers: number of leaves, and leaf number i. */
static inline u32 region_leaves(struct fvp_region *region)
{
	if (region_table(region))
		return region_table(region)->nr;
	return rcu_dereference_protected(region->only, 1) ? 1 : 0;
}

static inline struct fvp_leaf *region_leaf(struct fvp_region *region, u32 i)
{
	if (region_table(region))
		return region_table(region)->leaf[i];
	return rcu_dereference_protected(region->only, 1);
}

/* For writers: number of the leaf that covers off. */
static inline u32 fvp_region_leaf_for(struct fvp_region *region, u32 off)
{
	struct fvp_leaf_table *tab = region_table(region);
	const u32 *keys, *base;
	unsigned long n, half;

	if (!tab)
		return 0;
	/* Halving without a branch on the outcome, as readers do it. */
	keys = base = table_keys(tab);
	for (n = tab->nr; n > 1; n -= half) {
		half = n / 2;
		base = base[half] <= off ? base + half : base;
	}
	return (u32)(base - keys);
}

/* Position of the first extent that ends after off. */
static inline u32 fvp_leaf_first_after(const struct fvp_leaf *leaf, u32 off)
{
	u32 lo = 0, hi = leaf->nr;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (e_end(leaf->e[mid]) <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The region of lba, or NULL. */
static __always_inline struct fvp_region *fvp_index_region(const struct fvp_index *index, u64 lba)
{
	u64 number = lba >> REGION_SHIFT;
	u64 top = number >> TOP_SHIFT;
	struct fvp_region **regions;

	if (unlikely(top >= index->top_count))
		return NULL;
	/* Pairs with smp_store_release() in fvp_index_region_grow(). */
	regions = smp_load_acquire(&index->top[top]);
	if (!regions)
		return NULL;
	return smp_load_acquire(&regions[number & (TOP_REGIONS - 1)]);
}

bool fvp_region_next(struct fvp_region *region, u32 off, struct fvp_cursor *cur);

/* Longest range mapped in one step: bounds the room that region_prepare() makes. */
#define FVP_REGION_INSERT_MAX 1024u

/*
 * index_region.c.  The caller holds the region's lock; fvp_index_region_grow
 * takes the index's.  Offsets are within the region.
 */
struct fvp_region *fvp_index_region_grow(struct fvp_index *index, u64 lba);
int fvp_region_insert(struct fvp_index *index, struct fvp_region *region, u32 off, u32 len,
		      u64 addr, bool dead);
int fvp_region_insert_gaps(struct fvp_index *index, struct fvp_region *region, u32 off, u32 end,
			   u64 addr, bool dead);
void fvp_region_remove(struct fvp_index *index, struct fvp_region *region, u32 off, u32 end);
/* Marks the extent at cur, which is alive or not, dead as a whole. */
void fvp_region_kill(struct fvp_index *index, struct fvp_region *region, struct fvp_cursor *cur);

#endif /* FVP_INDEX_PRIVATE_H */
