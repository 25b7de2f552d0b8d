/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Write-back: a write is acknowledged when the log has it.  docs/writeback.md has the
 * whole of it; destage.h what comes after.
 *
 *	1 claim the range; a place in the log and in the dirty queue
 *	2 copy and checksum into the segment's buffer
 *	3 the index: reads see it; the claim ends
 *	4 the record is written: acknowledge, or let flow control do it (pace.h)
 */
#ifndef FVP_COMMIT_H
#define FVP_COMMIT_H

#include "env.h"
#include "claim.h"
#include "log.h"

struct fvp_dirty_entry;
struct fvp_request;
struct fvp_volume;

/* Who takes writes now; vol->lock to change, and to decide by. */
enum fvp_commit_state {
	FVP_COMMIT_OFF, /* write.c: nothing is dirty */
	FVP_COMMIT_ON,
	FVP_COMMIT_HELD, /* nobody: the end of a drain */
};

/* In struct fvp_request. */
struct fvp_commit {
	struct fvp_claim claim;
	struct fvp_append append;
	struct fvp_log_waiter waiter;
	struct fvp_dirty_entry *entry;
	struct list_head node; /* in vol->held, vol->paced or vol->grouped */
	u64 due_ns; /* paced: when to acknowledge */
	u64 paced_ns; /* paced: since when */
	bool grouped; /* FUA: fvp_group_add() it when the log has it */
};

/* What fvp_commit_map() says of a request that is not for it. */
#define FVP_MAP_NOT_BACK (-1)

/*
 * Takes a write, discard or write-zeroes.  FVP_MAP_TAKEN, or FVP_MAP_NOT_BACK: the volume
 * is not in write-back.  Process context; may sleep for memory.
 */
int fvp_commit_map(struct fvp_volume *vol, struct fvp_request *rq);

/* A guest's flush in write-back: the same answers. */
int fvp_commit_flush(struct fvp_volume *vol, struct fvp_request *rq);

/*
 * The epoch of a flush or FUA write that waited in a group has ended: goes on with it.
 * Process context.
 */
void fvp_commit_grouped(struct fvp_volume *vol, struct fvp_request *rq);

/*
 * Writes that went to the origin before write-back began may sit in its cache: flushes
 * it for them, once.  A guest's flush does, unless the destager has.  0 or -errno.  Sleeps.
 */
int fvp_commit_flush_origin(struct fvp_volume *vol);

/* Keeps a request until fvp_commit_release().  Caller holds vol->lock. */
void fvp_commit_hold(struct fvp_volume *vol, struct fvp_request *rq);

/*
 * Lets held requests go their way: `held` is what was taken from vol->held under the
 * lock.  Process context.
 */
void fvp_commit_release(struct fvp_volume *vol, struct list_head *held);

#endif /* FVP_COMMIT_H */
