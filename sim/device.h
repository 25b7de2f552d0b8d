/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block device: latency, completion out of order, a volatile write cache, and
 * everything that goes wrong.
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include "store.h"

enum dev_op { DEV_READ, DEV_WRITE, DEV_FLUSH, DEV_DISCARD, DEV_ZEROES };

struct dev_range {
	u64 sector, len;
};

struct fvp_dev {
	char name[16];
	bool flash;
	u32 volume; /* of an origin */
	u64 sectors;
	u32 block_sectors; /* logical block: I/O must be aligned */
	bool cache; /* volatile write cache */
	struct store *store;

	u64 latency_ns; /* typical */
	u32 latency_tail_permille; /* 20 times as long */
	bool discard_zeroes; /* or leaves what it likes */

	/* Faults. */
	u32 read_error_permille, write_error_permille;
	bool fail_next_write; /* once */
	bool dead;
	struct dev_range bad[8]; /* reads fail until written */
	u32 bad_count;
	bool write_failed; /* since it was formatted: even its superblocks may be torn */
	/* Sees every I/O as it is submitted. */
	void (*on_submit)(struct fvp_dev *dev, enum dev_op op, u32 flags, u64 sector);
	/* An error is being returned for this I/O. */
	void (*on_error)(struct fvp_dev *dev, enum dev_op op, u64 sector, u64 len);

	struct list_head inflight;
};

/* Runs when the device is done, as an interrupt. */
typedef void (*dev_done_fn)(void *arg, int error);

struct fvp_dev *dev_create(const char *name, bool flash, u64 sectors,
			   u64 (*initial)(void *arg, u64 sector), void *arg);
void dev_free(struct fvp_dev *dev);

/* guest: data moves straight to or from a guest's request (checked for I2). Process context. */
void dev_submit(struct fvp_dev *dev, enum dev_op op, u32 flags, u64 sector, u64 len,
		struct sim_data data, bool guest, dev_done_fn done, void *arg);

/*
 * The host is gone: what was in flight may be done in part.  If the power is cut too,
 * the cache may lose what it held; else it holds it still, and may lose it later.
 */
void dev_crash(struct fvp_dev *dev, bool power_cut);
bool dev_idle(const struct fvp_dev *dev);

#endif /* SIM_DEVICE_H */
