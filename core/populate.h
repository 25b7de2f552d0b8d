/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fills: getting data that the origin has onto flash.
 *
 * A fill is registered with its volume, by range, before its data is read; any
 * write that overlaps cancels it.  Its entry is made valid, and the index points to
 * it, only if it is still not cancelled, under vol->lock: so a fill never replaces
 * or revives anything newer than the read that produced it (I1).
 */
#ifndef FVP_POPULATE_H
#define FVP_POPULATE_H

#include "env.h"
#include "host.h"

struct fvp_pool;
struct fvp_volume;
struct fvp_request;

enum fvp_fill_kind {
	FVP_FILL_READ, /* a missed read */
	FVP_FILL_WRITE, /* data that a write put on the origin */
	FVP_FILL_PROMOTE, /* re-inserted by reclaim */
};

struct fvp_fill {
	struct interval_tree_node range; /* in vol->fills, inclusive; vol->lock */
	struct list_head node; /* in pool->fills */
	struct fvp_volume *vol;
	struct fvp_buf *buf;
	struct fvp_request *rq; /* the missed read, until completed */
	struct fvp_io io;
	struct work_struct work;
	u64 lba;
	u32 len_sectors;
	u8 kind;
	bool proved; /* missed before, lately: the ghost knew it */
	bool registered; /* vol->lock */
	bool cancelled; /* vol->lock */
};

/*
 * Makes a fill with a buffer, not registered.  NULL if the mode, the ghost, the backlog
 * or memory says no.  Process context; does not sleep.
 */
struct fvp_fill *fvp_fill_new(struct fvp_volume *vol, u64 lba, u32 len_sectors,
			      enum fvp_fill_kind kind);

/* Takes a fill back, registered or not, and frees it.  Process context. */
void fvp_fill_drop(struct fvp_fill *fill);

/*
 * Registers a fill; false if a write or another fill of the range is in flight
 * (then its data may be old, or twice).  Caller holds vol->lock.
 */
bool fvp_fill_register(struct fvp_fill *fill);

/* Cancels fills that overlap [lba, lba+len).  Caller holds vol->lock. */
void fvp_fill_cancel(struct fvp_volume *vol, u64 lba, u64 len_sectors);

/* Hands a registered fill with its data in buf to the log's worker. */
void fvp_fill_queue(struct fvp_fill *fill);

/*
 * Sends rq, a miss, to the origin through a buffer, to be completed and then
 * filled.  False: not to be filled, the caller sends it to the origin as it is.
 */
bool fvp_populate_miss(struct fvp_volume *vol, struct fvp_request *rq);

/* Worker on pool->bg_wq: appends queued fills to the log. */
void fvp_populate_work(struct work_struct *work);

/* Gives the volume's queued fills up. */
void fvp_populate_give_up(struct fvp_volume *vol);

/* Gives all queued fills up. */
void fvp_populate_stop(struct fvp_pool *pool);

/* One fewer write or fill of the volume is in flight. */
void fvp_volume_unbusy(struct fvp_volume *vol);

#endif /* FVP_POPULATE_H */
