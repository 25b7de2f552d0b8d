/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lazy promotion: of a segment about to be reclaimed, what is hot (heat.h) is appended
 * to the log again, block by block of 4 KiB; at most half of a segment goes round, so that
 * reclaim always gains room.  Never waits for the log: what finds no room is dropped, it
 * is a cache.
 */
#ifndef FVP_PROMOTE_H
#define FVP_PROMOTE_H

#include "env.h"
#include "segment.h"

/* Sleeps.  Caller holds pool->seg_mutex. */
void fvp_promote(struct fvp_pool *pool, struct fvp_segment *seg,
		 const struct fvp_segment_entries *entries);

#endif /* FVP_PROMOTE_H */
