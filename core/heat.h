/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heat: how often what lies on a block of flash was read.  Two bits for each 4 KiB of the pool,
 * where data begins (it is not aligned on flash, and two neighbours must not share their heat):
 * 0 cold, 1 once, 2 (the upper bit) hot.  What is hot when its segment is reclaimed goes
 * round once more (promote.h), and starts with 1 there, as does what the ghost let in: one
 * more read is enough for them, two for what was only written, or filled while there was room.
 *
 * A hint and nothing else: no lock, and what two readers write at the same time may be lost.
 */
#ifndef FVP_HEAT_H
#define FVP_HEAT_H

#include "env.h"
#include "pool.h"

#define FVP_HEAT_BLOCK_SHIFT 3 /* sectors */
#define FVP_HEAT_BLOCKS (BITS_PER_LONG / 2) /* in a word */

/* All of it, cold.  0 or -ENOMEM.  Sleeps. */
int fvp_heat_init(struct fvp_pool *pool);
void fvp_heat_free(struct fvp_pool *pool);

/* Blocks first to last, counted from the pool's address 0, are one read hotter. */
void fvp_heat_add(struct fvp_pool *pool, u64 first, u64 last);

/* The same for sectors at a flash address, or cold again.  Any context. */
void fvp_heat_warm(struct fvp_pool *pool, u64 addr, u32 len_sectors);
void fvp_heat_clear(struct fvp_pool *pool, u64 addr, u32 len_sectors);

static __always_inline u32 fvp_heat_of(struct fvp_pool *pool, u64 block)
{
	return READ_ONCE(pool->heat[block / FVP_HEAT_BLOCKS]) >> block % FVP_HEAT_BLOCKS * 2 & 3;
}

static __always_inline bool fvp_heat_hot(struct fvp_pool *pool, u64 block)
{
	return fvp_heat_of(pool, block) & 2;
}

/* A read of these sectors was a hit.  What is hot already costs a look. */
static __always_inline void fvp_heat_hit(struct fvp_pool *pool, u64 addr, u32 len_sectors)
{
	u64 first = addr >> FVP_HEAT_BLOCK_SHIFT;
	/* Signed: of no sectors, which nobody should ask for, none is touched. */
	u64 last = first + ((s32)(len_sectors - 1) >> FVP_HEAT_BLOCK_SHIFT);

	if (likely(first == last && fvp_heat_hot(pool, first)))
		return;
	fvp_heat_add(pool, first, last);
}

#endif /* FVP_HEAT_H */
