/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Health of the pool: it worsens one way.
 *
 * Flash that does not take writes cannot supersede what it holds.  So all its
 * content is declared void: in RAM at once, and in the superblocks if any device
 * still takes them (tried again until one does).  Volumes go on from their
 * origins.
 */
#ifndef FVP_HEALTH_H
#define FVP_HEALTH_H

#include "env.h"

struct fvp_dev;
struct fvp_pool;

/* A write to flash failed.  Any context. */
void fvp_health_flash_failed(struct fvp_pool *pool, struct fvp_dev *dev, int error);

/*
 * Waits until the first attempt to void the flash content durably is over, so
 * that a write may go to the origin without its tombstone.  Sleeps.
 */
void fvp_health_wait_voided(struct fvp_pool *pool);

/* Workers. */
void fvp_health_work(struct work_struct *work);

#endif /* FVP_HEALTH_H */
