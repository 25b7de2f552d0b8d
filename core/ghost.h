/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ghost: which blocks of 4 KiB were missed, or evicted, a while ago.  While fills would
 * evict what lives, a missed read is filled only if the ghost knows it: the first read of
 * something may be its last (a backup, a scan), and would cost a write to flash and a place.
 *
 * One miss in FVP_GHOST_CHANCE is filled anyway: so the log always moves on, and reclaim finds out
 * when what it takes is dead by now.
 *
 * Tags of 16 bits in buckets of eight, in each the oldest goes first: about as many as the
 * pool has blocks.  Two blocks with one tag cost a fill too many, once in some 4,000.
 */
#ifndef FVP_GHOST_H
#define FVP_GHOST_H

#include "env.h"

struct fvp_pool;
struct fvp_volume;

#define FVP_GHOST_CHANCE 64

struct fvp_ghost {
	spinlock_t lock; /* protects tags; innermost */
	u16 *tags; /* NULL: no memory for it, all is filled */
	u32 bucket_bits;
	u32 refused; /* without lock: a hint */
	bool churning; /* reclaim takes what lives; without lock */
};

/* Needs segment_count.  Sleeps. */
void fvp_ghost_init(struct fvp_pool *pool);
void fvp_ghost_free(struct fvp_pool *pool);

/* Is the ghost to be asked? */
bool fvp_ghost_churning(struct fvp_pool *pool);

/*
 * A read of the range was a miss: does the ghost know it, by half of its blocks (of those
 * that begin in it, if any do: neighbours share none)?  If not it does from now on.
 * Process context.
 */
bool fvp_ghost_knows(struct fvp_volume *vol, u64 lba, u32 len_sectors);

/* Is one that it does not know to be filled all the same?  Any context. */
bool fvp_ghost_chance(struct fvp_pool *pool);

/* The range was evicted: its next miss is filled.  Process context. */
void fvp_ghost_evicted(struct fvp_volume *vol, u64 lba, u32 len_sectors);

/* Reclaim has freed segments of so many sectors, and evicted so many that lived. */
void fvp_ghost_reclaimed(struct fvp_pool *pool, u64 sectors, u64 evicted_sectors);

#endif /* FVP_GHOST_H */
