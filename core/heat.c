// SPDX-License-Identifier: GPL-2.0
/* See heat.h. */
#include "heat.h"

int fvp_heat_init(struct fvp_pool *pool)
{
	u64 blocks = ((u64)pool->segment_count << pool->segment_shift) >> FVP_HEAT_BLOCK_SHIFT;

	pool->heat = vzalloc(DIV_ROUND_UP(blocks, FVP_HEAT_BLOCKS) * sizeof(*pool->heat));
	return pool->heat ? 0 : -ENOMEM;
}

void fvp_heat_free(struct fvp_pool *pool)
{
	vfree(pool->heat);
}

/* Lower bits of the blocks from first to last as far as they are in the word of first. */
static unsigned long blocks_mask(u64 first, u64 last)
{
	u32 from = first % FVP_HEAT_BLOCKS;
	u32 to = min_t(u64, last - first + from, FVP_HEAT_BLOCKS - 1);

	return (~0UL / 3) & GENMASK(2 * to + 1, 2 * from);
}

void fvp_heat_add(struct fvp_pool *pool, u64 first, u64 last)
{
	while (first <= last) {
		unsigned long *word = &pool->heat[first / FVP_HEAT_BLOCKS];
		unsigned long mask = blocks_mask(first, last), old = READ_ONCE(*word), add;

		/* 0 becomes 1, and 1 becomes 3, which is 2 as well. */
		add = (mask & ~old) | (old & mask) << 1;
		if (add & ~old)
			WRITE_ONCE(*word, old | add);
		first = (first / FVP_HEAT_BLOCKS + 1) * FVP_HEAT_BLOCKS;
	}
}

void fvp_heat_warm(struct fvp_pool *pool, u64 addr, u32 len_sectors)
{
	u64 first = addr >> FVP_HEAT_BLOCK_SHIFT;

	fvp_heat_add(pool, first, first + ((len_sectors - 1) >> FVP_HEAT_BLOCK_SHIFT));
}

void fvp_heat_clear(struct fvp_pool *pool, u64 addr, u32 len_sectors)
{
	u64 first = addr >> FVP_HEAT_BLOCK_SHIFT;
	u64 last = (addr + len_sectors - 1) >> FVP_HEAT_BLOCK_SHIFT;

	while (first <= last) {
		unsigned long *word = &pool->heat[first / FVP_HEAT_BLOCKS];

		WRITE_ONCE(*word, READ_ONCE(*word) & ~(blocks_mask(first, last) * 3));
		first = (first / FVP_HEAT_BLOCKS + 1) * FVP_HEAT_BLOCKS;
	}
}
