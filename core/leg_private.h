/* SPDX-License-Identifier: GPL-2.0 */
/* Between leg.c, leg_slot.c and leg_sync.c. */
#ifndef FVP_LEG_PRIVATE_H
#define FVP_LEG_PRIVATE_H

#include "leg.h"

/* Until a leg that was dropped is tried again. */
#define FVP_LEG_PROBE_MS 5000

/* Worker on pool->bg_wq: takes the leg into the set again, if its device is well. */
void fvp_leg_sync_work(struct work_struct *work);

/*
 * May it be a leg of this pool?  0, or -EINVAL and -ESTALE with a message: never, as it
 * is.
 */
int fvp_leg_check(struct fvp_pool *pool, struct fvp_dev *dev, const struct fvp_super *super,
		  char *err, size_t err_len);

/* Tables and buffers of a leg. */
void fvp_leg_memory_free(struct fvp_leg *leg);

#endif /* FVP_LEG_PRIVATE_H */
