/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Destaging: dirty entries from the log to the origin, batch by batch, in log order.
 *
 *	1 flash is flushed, where it is volatile: what the batch supersedes is durable (I6)
 *	2 the entries' data is read and verified (I8)
 *	3 within the batch the last write of a sector wins; sorted, merged, written
 *	4 the origin is flushed
 *	5 a watermark is durable; the entries retire
 *
 * With order=strict a batch lies within one flush epoch (I7): an origin with part of
 * an epoch is one that lost power in it.
 */
#ifndef FVP_DESTAGE_H
#define FVP_DESTAGE_H

#include "env.h"

struct fvp_pool;
struct fvp_volume;
struct fvp_destage;

void fvp_destage_init(struct fvp_volume *vol);
/* Memory of the batch; not destaging.  Sleeps. */
void fvp_destage_free(struct fvp_volume *vol);

/* The first entry of an empty queue has been added.  Any context. */
void fvp_destage_begin(struct fvp_volume *vol);

/* There is something to do, or to decide, now.  Any context. */
void fvp_destage_kick(struct fvp_volume *vol);

/* The log is full, somebody waits: all volumes of the pool.  Any context. */
void fvp_destage_hurry(struct fvp_pool *pool);
void fvp_destage_hurry_work(struct work_struct *work);

/*
 * Does the origin take nothing, or has it given no answer for long?  From FVP_STUCK_FILL
 * permille of the dirty limit on such a volume's writes are held until it does, so that
 * volumes whose origins are well always find room.  Caller holds vol->lock.
 */
#define FVP_STUCK_FILL 750
bool fvp_destage_stuck(const struct fvp_volume *vol);

/* Stops after the batch in flight; begins again with fvp_destage_start().  Sleeps. */
void fvp_destage_stop(struct fvp_volume *vol);
void fvp_destage_start(struct fvp_volume *vol);

/*
 * destage_batch.c: takes one batch from the head of the queue to the origin.  Returns
 * 0; -ENODATA: nothing is ready; -ENOMEM; -EUCLEAN: the first entry cannot be read;
 * -EIO: the origin failed; -ESHUTDOWN: the pool failed before the batch was through.
 * Sleeps.
 */
int fvp_destage_batch(struct fvp_volume *vol);

#endif /* FVP_DESTAGE_H */
