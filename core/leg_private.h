/* SPDX-License-Identifier: GPL-2.0 */
/* Between leg.c, leg_slot.c and leg_sync.c. */
#ifndef FVP_LEG_PRIVATE_H
#define FVP_LEG_PRIVATE_H

#include "pool.h"
#include "leg.h"

/* Is it to get what is written from now on?  leg_lock, or for a look. */
static inline bool fvp_leg_live(const struct fvp_leg *leg)
{
	u8 state = READ_ONCE(leg->state);

	return state == FVP_LEG_IN || state == FVP_LEG_SYNCING;
}

/* First sector of a slot on the leg. */
static inline u64 fvp_leg_sector(const struct fvp_leg *leg, u32 slot)
{
	return leg->first_slot_sector + ((u64)slot << leg->pool->segment_shift);
}

/*
 * I/O as by fvp_leg_io_wait(), of FVP_IO_SECTORS_MAX at most, several at a time: each that
 * is begun has to be ended, which waits for it, and its waiter stays until then.  Sleep.
 */
struct fvp_leg_waiter {
	struct completion done;
	int error;
};
void fvp_leg_io_begin(struct fvp_leg *leg, const struct fvp_leg_rw *rw,
		      struct fvp_leg_waiter *waiter);
int fvp_leg_io_end(struct fvp_leg_waiter *waiter);

/*
 * Reads by way of leg->copy: what does not come in time must not come to mem.  seg: sector is
 * in its slot; or NULL.  leg->mutex.
 */
int fvp_leg_read(struct fvp_leg *leg, const struct fvp_segment *seg, u64 sector, u32 len_sectors,
		 void *mem);

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
