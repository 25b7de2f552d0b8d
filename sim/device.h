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

/* An I/O, as those who watch a device see it. */
struct dev_event {
	enum dev_op op;
	u32 flags;
	u64 sector, len;
	const u8 *bytes; /* of a write by core from memory, else NULL */
	bool guest; /* a guest's own request */
	bool done; /* else: being submitted */
	int error;
};

struct fvp_dev {
	char name[16];
	bool flash;
	bool leg; /* flash that is a replica leg */
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
	u32 again_permille; /* I/O that may not wait would have to */
	bool fail_next_write; /* once */
	u32 fail_in; /* the I/O of this number from now on fails, also while the simulator is calm */
	bool dead;
	bool fail_writes; /* all of them, flushes too, also while the simulator is calm */
	u64 fail_writes_until_ns; /* likewise, for a while */
	u64 stall_until_ns; /* nothing completes before */
	struct dev_range bad[8]; /* reads fail until written */
	u32 bad_count;
	bool write_failed; /* since it was formatted: even its superblocks may be torn */
	/* Sees every I/O as it is submitted. */
	void (*on_submit)(struct fvp_dev *dev, enum dev_op op, u32 flags, u64 sector);
	/* An error is being returned for this I/O. */
	void (*on_error)(struct fvp_dev *dev, enum dev_op op, u64 sector, u64 len);
	/* Both: at submission, and when it is done, before whoever waits for it knows. */
	void (*on_io)(struct fvp_dev *dev, const struct dev_event *event);

	u64 late_moment; /* defect: what the next flush makes durable */

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
/* Is a write of core's own in flight, not a guest's? */
bool dev_core_writes(const struct fvp_dev *dev);

/* defect.c: what a deliberate defect does to an I/O; sim.config.defect decides. */
/* It is acknowledged, and nothing is written. */
bool defect_loses(const struct fvp_dev *dev, const struct dev_event *event);
/* The flush of what is being submitted does nothing. */
bool defect_no_flush(const struct fvp_dev *dev);
/* It is durable only when flushed, though it says FUA. */
bool defect_no_fua(const struct fvp_dev *dev, const struct dev_event *event);
/* Moment up to which a flush that began at moment makes writes durable. */
u64 defect_flush_moment(struct fvp_dev *dev, u64 moment);

/* The record that a write to flash holds, or NULL. */
const struct fvp_disk_block *dev_record(const struct dev_event *event);
/* How many entries of that kind and with one of these flags (0: any) it has. */
u32 dev_record_entries(const struct fvp_disk_block *record, u32 kind, u32 flags);
/* To where superblocks are? */
bool dev_super_area(const struct fvp_dev *dev, const struct dev_event *event);

#endif /* SIM_DEVICE_H */
