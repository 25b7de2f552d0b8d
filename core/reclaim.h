/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reclaim: the oldest segments become free again, ahead of need.
 *
 * Oldest first: what supersedes something stands in a newer segment than the superseded,
 * so it is still there as long as the older is (I13).  Segments with dirty data are passed
 * by; once the tail has passed them, nothing but their dirty data counts at a replay
 * (and what is dirty is newer than anything clean of its range).  Per segment:
 * extents hit since it was filled are re-inserted at the log's head, up to a bound;
 * the superblock's tail passes the segment, durably; then its extents leave the
 * index; then reads that found data in it end (I2); then it is free.
 */
#ifndef FVP_RECLAIM_H
#define FVP_RECLAIM_H

#include "env.h"

struct fvp_pool;
struct fvp_segment;

/* Worker on pool->bg_wq: runs until segs.reserve segments are free. */
void fvp_reclaim_work(struct work_struct *work);

/*
 * Drops, at activation, everything up to and with seg (it cannot be read, so what
 * it superseded is not known).  Caller holds pool->seg_mutex.  0 or -errno.  Sleeps.
 */
int fvp_reclaim_void_through(struct fvp_pool *pool, struct fvp_segment *seg);

/*
 * Takes all extents that map to the segment out of the indexes, looking everywhere.  While
 * no reader can have found them.  Sleeps.
 */
void fvp_reclaim_forget(struct fvp_pool *pool, struct fvp_segment *seg);

#endif /* FVP_RECLAIM_H */
