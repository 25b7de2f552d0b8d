/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replica legs: devices that get every record with dirty data of the volumes that want
 * them, beside the pool's flash.  A write is acknowledged when all of them have it.
 *
 *	OUT -> SYNCING -> IN -> DROPPING -> OUT
 *
 * A leg that fails a write, or does not answer in time, is dropped: what waits for it
 * goes on waiting until the leg set without it is durable everywhere else, and is
 * acknowledged then.  It comes back by a sync: what it held is wiped, segments opened
 * from then on go to it, and dirty data in older ones is copied; then the new leg set
 * is written.
 *
 * A leg holds segments in slots, at places of its own, with the bytes that flash has;
 * what is not dirty is left out.  leg.c: I/O and failure; leg_slot.c: slots; leg_sync.c:
 * coming and coming back; leg_set.c: which there are.  docs/replicas.md has the whole of it.
 */
#ifndef FVP_LEG_H
#define FVP_LEG_H

#include "env.h"
#include "fvp_format.h"
#include "host.h"
#include "latency.h"

struct fvp_leg_io;
struct fvp_log_buffer;
struct fvp_log_record;
struct fvp_pool;
struct fvp_pool_params;
struct fvp_segment;
struct fvp_super;

/* A leg answers within this time, or it is dropped. */
#define FVP_LEG_TIMEOUT_MS 2000

/* Slots that dirty data cannot take: open and sealing segments, and what waits to be free. */
#define FVP_LEG_SLOTS_SPARE (FVP_LEG_SLOTS_MIN - 2)

enum fvp_leg_state {
	FVP_LEG_NONE, /* the pool has no such leg */
	FVP_LEG_OUT, /* no device, or it failed, or it has not been synced yet */
	FVP_LEG_DROPPING, /* failed: the leg set without it is being written */
	FVP_LEG_SYNCING, /* gets what is new; older dirty data is being copied */
	FVP_LEG_IN, /* has all dirty data of its volumes */
};

enum fvp_leg_slot_state {
	FVP_LEG_SLOT_FREE,
	FVP_LEG_SLOT_USED,
	FVP_LEG_SLOT_STALE, /* not needed, but for watermarks in it */
	FVP_LEG_SLOT_RETIRING, /* ... and they are on their way to the superblock there */
};

struct fvp_leg_slot {
	u64 gen;
	u32 segment; /* number in the pool */
	u8 state; /* enum fvp_leg_slot_state */
};

struct fvp_leg {
	struct fvp_pool *pool;
	u32 index;
	u8 uuid[16];
	struct fvp_dev *dev; /* NULL: not there.  Changes while OUT; super_mutex */
	u8 state; /* enum fvp_leg_state; leg_lock, READ_ONCE */
	u8 weak; /* copy of the superblock to write first */
	u64 sectors; /* as its superblock says */
	u64 first_slot_sector;
	u32 slot_count;
	struct fvp_leg_slot *slot; /* leg_lock */
	u32 *slot_of; /* by segment of the pool: slot + 1, 0 for none; leg_lock */
	u32 slot_next; /* where to look for a free one; leg_lock */
	struct list_head inflight; /* of struct fvp_leg_io, oldest first; leg_lock */
	u32 away; /* I/O given up that the device still has; leg_lock */
	struct list_head
		blocked; /* of struct fvp_leg_io that has to wait for the device; leg_lock */
	struct work_struct submit_work; /* ... and waits here */
	bool timer_on; /* leg_lock */
	bool told; /* why it is out has been said */
	struct delayed_work timer;
	struct work_struct drop_work;
	struct delayed_work sync_work;
	struct mutex mutex; /* protects copy; sleeps; inside super_mutex and seg_mutex */
	void *copy; /* FVP_IO_SECTORS_MAX sectors, for I/O that is waited for */
	void *super_mem; /* a superblock area; super_mutex */
	u64 acks, ack_ns; /* records and their time, in all; leg_lock */
	struct fvp_latency ack; /* the same; leg_lock */
	u64 failures; /* times it was dropped; leg_lock, READ_ONCE */
};

/* --- leg.c --- */

int fvp_legs_init(struct fvp_pool *pool);
/* Nothing more is sent; waits until the devices have given everything back.  Sleeps. */
void fvp_legs_stop(struct fvp_pool *pool);
void fvp_legs_free(struct fvp_pool *pool);

/*
 * Sends a record that is on its way to flash to the legs in record->legs, and counts
 * off record->pending for those that need not have it.  Not under a lock; may sleep.
 */
void fvp_legs_write(struct fvp_log_record *record);

/* A leg has failed.  Any context. */
void fvp_leg_fail(struct fvp_leg *leg, int error);

/* I/O to a leg that its caller waits for. */
struct fvp_leg_rw {
	enum fvp_io_op op;
	const struct fvp_segment *seg; /* sector is in the slot that it has on the leg; or NULL */
	u64 sector;
	u32 len_sectors;
	void *mem;
	u32 flags; /* FVP_IO_* */
	struct fvp_log_buffer *buffer; /* of the log, that mem is in; or NULL */
};

/*
 * Waits no longer than the leg's timeout: mem must stay for longer, until leg->away is 0.
 * 0 or -errno; -ENOENT: seg has no slot on it any more.  A leg that fails one is not
 * dropped by that alone.  Sleeps.
 */
int fvp_leg_io_wait(struct fvp_leg *leg, const struct fvp_leg_rw *rw);
/* Likewise: what the leg has is durable. */
int fvp_leg_flush(struct fvp_leg *leg);

/* Writes pool->super to the legs that are in or come in.  Caller holds super_mutex. */
void fvp_legs_super_write(struct fvp_pool *pool);

/* Reads the superblock of a leg, with its timeout.  As fvp_super_read(). */
int fvp_leg_super_read(struct fvp_leg *leg, struct fvp_super *super, const char **why);

/* Legs that are in the set now: a bit each.  Any context. */
u8 fvp_legs_in(const struct fvp_pool *pool);

/* --- leg_slot.c --- */

/* A segment has been opened with the header in buffer: opens it on the legs, too.  Sleeps. */
void fvp_legs_open_segment(struct fvp_pool *pool, struct fvp_segment *seg,
			   struct fvp_log_buffer *buffer);

/* Writes the summary, from sector start of the segment, that it was sealed with.  Sleeps. */
void fvp_legs_seal_segment(struct fvp_pool *pool, struct fvp_segment *seg, u32 start,
			   struct fvp_log_buffer *buffer);

/* Sector on a live leg of the segment's first, or 0: it is not there.  Caller holds leg_lock. */
u64 fvp_leg_slot_sector(const struct fvp_leg *leg, const struct fvp_segment *seg);

/* Gives a segment a slot.  0, -ENOSPC or -EIO.  Sleeps. */
int fvp_leg_slot_take(struct fvp_leg *leg, struct fvp_segment *seg, u64 *sector);
/*
 * The slot holds all of the segment's dirty data from here on; unless the leg has failed
 * since leg->failures was `life`.  Takes leg_lock.
 */
void fvp_leg_slot_use(struct fvp_leg *leg, struct fvp_segment *seg, u64 life);
/* All slots are free: before a sync. */
void fvp_leg_slots_reset(struct fvp_leg *leg);

/*
 * Reads an entry's data, which flash does not give any more, from the first leg whose bytes
 * have that checksum: a leg was given the records of the volumes that want it, and has
 * whatever was there in place of the others.  mem has room up to the end of a device block.
 * False: no leg has it.  Sleeps.
 */
bool fvp_legs_read(struct fvp_pool *pool, struct fvp_segment *seg, u32 offset_sectors,
		   u32 len_sectors, u32 crc, void *mem);

/* --- leg_set.c, leg_sync.c --- */

/*
 * At activation: finds the legs among the devices given.  -EINVAL, -ESTALE: one that must
 * not be used, with a message; a damaged one is left out.  Writes nothing.  Sleeps.
 */
int fvp_legs_find(struct fvp_pool *pool, const struct fvp_pool_params *params, char *err,
		  size_t err_len);

/*
 * At activation, when dirty data is loaded and before anything is served: the tail of the
 * log is made equal on all legs (I14); those that are not in sync leave the set, durably.
 * 0 or -EIO (flash).  Sleeps.
 */
int fvp_legs_start(struct fvp_pool *pool);

/*
 * Adds a replica, with a superblock of the pool's on it (fvp_super_replica()), or gives a leg
 * whose device was lost another way to it.  It is synced in the background.  0 or -errno
 * with a message.  Sleeps.
 */
int fvp_leg_add(struct fvp_pool *pool, struct fvp_dev *dev, char *err, size_t err_len);

/*
 * Takes a leg out of the pool for good; no volume may want it.  0; -ENOENT; -EBUSY: a
 * volume does.  The device is not used any more on return.  Sleeps.
 */
int fvp_leg_remove(struct fvp_pool *pool, const u8 uuid[16], char *err, size_t err_len);

/* Index of the leg with that uuid, or -1.  Caller holds super_mutex. */
int fvp_leg_find(const struct fvp_pool *pool, const u8 uuid[16]);

#endif /* FVP_LEG_H */
