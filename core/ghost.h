/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ghost: which blocks of 4 KiB were missed, or evicted, a while ago.  While fills would
 * evict what lives, a missed read is filled only if the ghost knows it: the first read of
 * something may be its last (a backup, a scan), and would cost a write to flash and a place.
 *
 * Tags of 16 bits in buckets of eight, in each the oldest goes first: about as many as the
 * pool has blocks.  Two blocks with one tag cost a fill too many, once in some 8,000.
 */
#ifndef FVP_GHOST_H
#define FVP_GHOST_H

#include "env.h"

struct fvp_pool;
struct fvp_volume;

struct fvp_ghost {
	spinlock_t lock; /* protects tags; innermost */
	u16 *tags; /* NULL: no memory for it, all is filled */
	u32 bucket_bits;
	bool churning; /* reclaim takes what lives; without lock */
};

/* Needs segment_count.  Sleeps. */
void fvp_ghost_init(struct fvp_pool *pool);
void fvp_ghost_free(struct fvp_pool *pool);

/* Is the ghost to be asked? */
bool fvp_ghost_churning(struct fvp_pool *pool);

/*
 * A read of the range was a miss: is it to be filled?  If not it is known from now on.  By
 * half of its blocks.  Process context.
 */
bool fvp_ghost_admits(struct fvp_volume *vol, u64 lba, u32 len_sectors);

/* The range was evicted: its next miss is filled.  Process context. */
void fvp_ghost_evicted(struct fvp_volume *vol, u64 lba, u32 len_sectors);

/* Reclaim has freed segments of so many sectors, and evicted so many that lived. */
void fvp_ghost_reclaimed(struct fvp_pool *pool, u64 sectors, u64 evicted_sectors);

#endif /* FVP_GHOST_H */
