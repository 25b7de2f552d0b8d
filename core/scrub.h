/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scrub: reads all that flash holds, at a bounded rate, and verifies its checksums, so
 * that damage is found while there is still something to mend it with.
 *
 *	header of a segment	written anew
 *	clean data		dropped, durably: the origin has it
 *	dirty data		written anew in its place, from a replica leg that has it;
 *				if none has, it is said to be damaged, and stays as it is
 *	superblocks		written anew at the end, all copies
 *
 * A hit is served without a look at its checksum: only this, a re-insertion and destaging
 * look.  One segment is a step; between two of them reclaim, guests and a stop have their
 * turn.
 */
#ifndef FVP_SCRUB_H
#define FVP_SCRUB_H

#include "env.h"

struct fvp_pool;

#define FVP_SCRUB_RATE_MIN 2048 /* sectors a second */
#define FVP_SCRUB_RATE (128 * 2048) /* if nobody says: 128 MiB */

/* Of the scrub that runs, or else the last one. */
struct fvp_scrub_status {
	bool running;
	bool complete; /* it ran to its end */
	u32 segments; /* done with, of all that the pool has */
	u32 rate; /* sectors a second at most */
	u64 checked_sectors; /* of data */
	u64 dropped_sectors; /* clean, and damaged */
	u64 mended_sectors; /* dirty, damaged, and written anew */
	u64 damaged_sectors; /* dirty, damaged, and no replica has them */
	u64 headers_mended;
	u64 unreadable; /* segments whose list of contents cannot be read */
};

struct fvp_scrub {
	struct mutex mutex; /* of start and stop; outside all other locks */
	spinlock_t lock; /* protects status */
	struct fvp_scrub_status status;
	bool stop; /* READ_ONCE/WRITE_ONCE */
	void *mem; /* the worker's: two I/Os of data */
	struct delayed_work work;
};

void fvp_scrub_init(struct fvp_pool *pool);

/*
 * Begins one, of so many sectors a second (0: the default).  0; -EBUSY: one runs; -EIO: the
 * pool is out of use; -ENOMEM.  Sleeps.
 */
int fvp_scrub_start(struct fvp_pool *pool, u32 rate);

/* Ends it, if one runs, after the segment that it is at.  Sleeps. */
void fvp_scrub_stop(struct fvp_pool *pool);

void fvp_scrub_status(struct fvp_pool *pool, struct fvp_scrub_status *out);

#endif /* FVP_SCRUB_H */
