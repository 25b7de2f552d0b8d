/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flow control: as the log fills with dirty data, acknowledgements wait, so that
 * no more comes in than the destager takes out.
 *
 * Each volume has a clock: an acknowledgement of n sectors moves it on by the time
 * that n sectors take at the allowed rate, and is given when the clock says so.  The
 * allowed rate is a multiple of what the destager retires: 8 times at half full,
 * the same at nine tenths, less above; half of it in a drain.  So it sets in smoothly, and
 * settles where inflow equals drain.
 */
#ifndef FVP_PACE_H
#define FVP_PACE_H

#include "env.h"
#include "pool.h"

struct fvp_request;

#define FVP_PACE_FROM 500 /* permille of the dirty limit */

static inline bool fvp_pace_wanted(const struct fvp_volume *vol)
{
	return READ_ONCE(vol->pool->log.dirty_fill) >= FVP_PACE_FROM || READ_ONCE(vol->draining);
}

void fvp_pace_init(struct fvp_volume *vol);

/* Acknowledges rq when it is time.  Any context. */
void fvp_pace(struct fvp_volume *vol, struct fvp_request *rq);

/* Gives all acknowledgements that wait, and stops the worker.  Sleeps. */
void fvp_pace_stop(struct fvp_volume *vol);

#endif /* FVP_PACE_H */
