/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flushes in groups, for order=strict.
 *
 * A flush ends an epoch, and an epoch is a batch of its own at the origin.  Flash makes
 * writes so short that even those of many writers, each of which flushes what it wrote,
 * seldom overlap: an epoch each, and the origin, which could do many at once, gets one
 * write at a time.  So while destaging is behind, a flush waits a little for others: all that
 * come while it does end the same epoch.  (A flush says nothing about writes that are
 * under way with it, so they may share it.)  FUA writes end an epoch, too, and wait likewise.
 *
 * How long: nothing while little is dirty, then more the fuller the log is: what a batch
 * takes at a quarter full, and a few times that beyond, so that as many epochs come in as
 * go out.  That is about what the origin by itself lets a flush wait for.  One who flushes
 * alone is let through at once below half full (where pace.h begins): nobody would join it.
 */
#ifndef FVP_GROUP_H
#define FVP_GROUP_H

#include "env.h"

struct fvp_request;
struct fvp_volume;

void fvp_group_init(struct fvp_volume *vol);

/* A batch has gone to the origin, which took batch_ns all told.  The destager's. */
void fvp_group_update(struct fvp_volume *vol, u64 batch_ns);

/*
 * Is the epoch, which a flush or FUA write now ends, to end with others'?  Then
 * fvp_group_add() has to follow, and ends it; else fvp_dirty_epoch_end() is for the
 * caller.  Holds vol->lock.
 */
bool fvp_group_wanted(struct fvp_volume *vol);

/*
 * rq, a flush or a FUA write that is in the log, waits until its epoch ends; then
 * fvp_commit_grouped() goes on with it.  Any context.
 */
void fvp_group_add(struct fvp_volume *vol, struct fvp_request *rq);

/* Nobody waits, nor comes any more.  Sleeps. */
void fvp_group_stop(struct fvp_volume *vol);

#endif /* FVP_GROUP_H */
