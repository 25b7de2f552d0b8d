/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes, discards and write-zeroes, in all modes but write-back (commit.h).
 *
 *	1 wait for overlapping writes in flight; cancel overlapping fills
 *	2 flash holds something of the range: tombstone, durably (I6)
 *	3 the origin
 *	4 acknowledge
 *	5 write-through: the data becomes a fill
 */
#ifndef FVP_WRITE_H
#define FVP_WRITE_H

#include "env.h"
#include "claim.h"
#include "log.h"
#include "request.h"

struct fvp_fill;

enum fvp_write_step {
	FVP_WRITE_WAITING, /* for an overlapping write */
	FVP_WRITE_TOMBSTONE, /* being appended or in flight */
	FVP_WRITE_ORIGIN, /* at the origin */
};

struct fvp_write {
	struct fvp_claim claim;
	struct fvp_volume *vol;
	struct fvp_request *rq; /* NULL: internal (drop), or acknowledged */
	struct completion *dropped; /* internal: completed instead of a request */
	struct fvp_fill *fill; /* holds the stable copy of the data, or NULL */
	struct fvp_append append; /* tombstone */
	struct fvp_log_waiter waiter;
	struct fvp_io io; /* to the origin, from the stable copy */
	struct work_struct work;
	u64 lba;
	u64 len_sectors;
	u64 superseded; /* sectors of the range that have their tombstone */
	u64 only_addr; /* internal: nothing is done unless the range lies there; or FVP_ADDR_NONE */
	u64 begun; /* of fvp_stat_clock(), when the origin got it */
	int error;
	u8 step; /* enum fvp_write_step */
};

enum fvp_map fvp_write_map(struct fvp_volume *vol, struct fvp_request *rq);
/* The forwarded request of a write has ended. Any context. */
void fvp_write_end(struct fvp_request *rq, int error);

/*
 * Supersedes what the volume has of the range on flash, durably, and waits for it; the
 * origin is not touched.  None of it may be dirty.  0 or -errno.  Sleeps.
 */
int fvp_write_drop(struct fvp_volume *vol, u64 lba, u64 len_sectors);

/*
 * Likewise what of the range lies at addr on, of a segment that has had generation gen: clean
 * data that turned out to be damaged.  Returns how many sectors that was.  Sleeps.
 */
u64 fvp_write_drop_bad(struct fvp_volume *vol, u64 lba, u32 len_sectors, u64 addr, u64 gen);

#endif /* FVP_WRITE_H */
