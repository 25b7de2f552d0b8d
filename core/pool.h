/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The runtime that all volumes share: flash devices, segments, log, workers.
 *
 * Order of locks (outer first):
 *	pool->scrub.mutex	starting and stopping a scrub; sleeps
 *	pool->seg_mutex		loader, reclaim, scrub or a leg's sync at a segment; sleeps
 *	pool->slot_mutex	slots of legs; sleeps
 *	pool->super_mutex	superblock updates, volume table; sleeps
 *	vol->lock		in-flight writes and fills; process context only
 *	region lock (index.c)	process context only
 *	ghost.lock		process context only; innermost
 *	log->lock		irq-safe
 *	segs.lock, fill_lock, leg_lock, vol->pace_lock	irq-safe; innermost
 */
#ifndef FVP_POOL_H
#define FVP_POOL_H

#include "fvp_format.h"
#include "fvp_uapi.h"
#include "commit.h"
#include "dirty.h"
#include "ghost.h"
#include "host.h"
#include "index.h"
#include "leg.h"
#include "log.h"
#include "pin.h"
#include "scrub.h"
#include "segment.h"
#include "stats.h"
#include "super.h"

#define FVP_VOLUME_HASH 64
#define FVP_VOLUME_LEGS_MAX 3 /* replica legs of one volume */

/* A flash device of the pool.  Immutable once the pool is open. */
struct fvp_flash {
	struct fvp_dev *dev;
	u8 uuid[16];
	u64 sectors; /* as the superblock says */
	u64 first_segment_sector;
	u32 segment_first; /* pool-wide number of its segment 0 */
	u32 segment_count;
	u8 weak; /* copy of the superblock to write first */
};

enum fvp_pool_health {
	FVP_POOL_OK,
	FVP_POOL_FAILED, /* flash takes no writes: all volumes run on their origins */
};

struct fvp_pool {
	/* Set by fvp_pool_open(), then immutable. */
	struct fvp_flash flash[FVP_DEVICES_MAX];
	u32 flash_count;
	u32 block_sectors; /* log block: everything in the log begins on one */
	u32 device_block_sectors; /* largest logical block of the devices: I/O begins on one */
	u32 segment_sectors;
	u32 segment_shift; /* log2(segment_sectors) */
	u32 segment_count; /* all devices */
	u32 io_sectors_max; /* longest miss or write in one piece, power of two */
	u32 dirty_segments_max; /* with dirty data; READ_ONCE */
	u32 dirty_segments_room; /* the same, were there no replica legs */
	bool flash_volatile; /* a device has a volatile cache */
	void *zeroes; /* FVP_IO_SECTORS_MAX sectors of them */
	u8 uuid[16];
	u64 key;
	struct fvp_segment *segments; /* [segment_count] */
	unsigned long *heat; /* see heat.h */

	/*
	 * Reads that found data on flash hold this from lookup to end_io, so
	 * that a segment is not reused under them (I2).
	 */
	struct fvp_pins reads;

	u8 health; /* enum fvp_pool_health; READ_ONCE/WRITE_ONCE, worsens only */
	bool loading; /* index not complete: absence proves nothing */
	bool load_done; /* the loader is through, whatever it found */
	bool voided; /* after a failure: the attempt to void flash content is over */
	bool stopping;
	bool workers_ready; /* what pool_free() goes through is set up, if only empty */

	/* Replica legs: leg.h. */
	struct fvp_leg leg[FVP_LEGS_MAX];
	u32 leg_count; /* the pool has, there or not; super_mutex, READ_ONCE */
	spinlock_t leg_lock; /* irq-safe, innermost */
	struct mutex slot_mutex; /* who takes slots of legs, or frees them; outside super_mutex */
	mempool_t *leg_ios;
	bool recover; /* opened from a replica, to write its dirty data to the origins */

	struct fvp_log log;
	struct fvp_segments segs; /* free list and order */

	struct fvp_ghost ghost;

	/* Fills waiting for the log. */
	spinlock_t fill_lock; /* protects fills; irq-safe; innermost */
	struct list_head fills;
	atomic64_t fill_sectors; /* buffered for fills, in all volumes */
	u64 fill_sectors_max;
	struct work_struct fill_work;
	struct fvp_log_waiter fill_waiter;

	struct work_struct prepare_work; /* keeps a next segment open */
	struct work_struct seal_work;
	struct work_struct reclaim_work;
	struct work_struct load_work;
	struct work_struct hurry_work; /* destaging goes all out */
	u64 hurry_ns; /* since when; READ_ONCE/WRITE_ONCE */
	struct delayed_work health_work;
	struct fvp_scrub scrub;
	struct workqueue_struct *io_wq; /* continuations of guest I/O: never wait for the log */
	struct workqueue_struct *bg_wq; /* fills, seal, prepare, reclaim, load */
	struct workqueue_struct *destage_wq; /* sleeps, on origins */

	struct mutex seg_mutex; /* the loader or reclaim, at one segment; outside super_mutex */
	struct fvp_segment **load_order; /* by generation; the loader takes from the end */
	u32 load_count;
	u64 load_gen_end; /* segments from this generation on are not for the loader */
	u64 load_tail_gen; /* the tail at activation: before it only dirty data counts */
	u64 load_dirty_gen; /* from there to this generation nothing is dirty */
	u32 scan_errors;

	struct mutex super_mutex; /* protects super, its volume table and the volumes lists */
	struct fvp_super *super; /* decoded, as last written */
	void *super_mem; /* to encode it in; reserved, so that reclaim always makes progress */
	struct list_head volumes; /* of struct fvp_volume, attached or not */
	struct list_head by_id[FVP_VOLUME_HASH];
	wait_queue_head_t wait; /* state changes of pool and volumes */
	mempool_t *write_pool; /* of struct fvp_write */

	struct fvp_pool_stats stats;
	u64 load_bytes; /* read at activation, before and after serving began */
	u64 load_bytes_before_io;
};

/* The segment that an address in the pool, which must be one, lies in. */
static inline struct fvp_segment *fvp_segment_at(struct fvp_pool *pool, u64 addr)
{
	return &pool->segments[addr >> pool->segment_shift];
}

static inline u32 fvp_segment_number(const struct fvp_pool *pool, const struct fvp_segment *seg)
{
	return (u32)(seg - pool->segments);
}

/* Address in the pool of the segment's first sector. */
static inline u64 fvp_segment_addr(const struct fvp_pool *pool, const struct fvp_segment *seg)
{
	return (u64)fvp_segment_number(pool, seg) << pool->segment_shift;
}

/* What blocks of the pool are checked against. */
static inline struct fvp_media fvp_pool_media(const struct fvp_pool *pool)
{
	return (struct fvp_media){
		.key = pool->key,
		.block_sectors = pool->block_sectors,
		.segment_sectors = pool->segment_sectors,
	};
}

struct fvp_volume {
	struct list_head node; /* in pool->volumes; super_mutex */
	struct list_head id_node; /* in pool->by_id; super_mutex */
	struct fvp_pool *pool;
	u8 uuid[16];
	u32 id; /* in entries */
	u64 sectors;
	struct fvp_index index;
	struct fvp_dev *origin; /* NULL while not attached */
	u8 mode; /* requested, enum fvp_mode */
	u8 legs; /* replica legs that it wants: a bit each; changes while not in write-back */
	u8 legs_min; /* write-back needs so many of them */
	bool attached;
	bool active; /* between resume and suspend */
	bool serving; /* hits allowed: active, pool healthy, mode not pass-through */

	spinlock_t lock; /* protects claims, fills, and write-back's below */
	/* A claim while it is the only one; set under the lock, taken out by xchg: claim.c. */
	struct fvp_claim *claim;
	struct rb_root_cached claims; /* struct fvp_claim, by range: the others */
	struct rb_root_cached fills; /* struct fvp_fill pending, by range */
	atomic_t busy; /* writes and fills in flight; pool->wait when it falls to 0 */

	/* Write-back: commit.h, dirty.h, destage.h, pace.h, group.h, lost.h. */
	u8 commit; /* enum fvp_commit_state; vol->lock, READ_ONCE */
	u8 order; /* enum fvp_order */
	bool suspending; /* drained for a suspend: no write-back until resume; vol->lock */
	u32 without_back; /* who does what wants no write-back; vol->lock */
	u32 drain_waits; /* who waits for its end; vol->lock */
	bool draining; /* write-back is to end; vol->lock */
	bool origin_unflushed; /* writes before write-back may sit in the origin's cache */
	u32 back_begun; /* times that write-back has begun; vol->lock, READ_ONCE */
	bool rescue; /* flash has failed, its dirty data is being saved; vol->lock */
	bool saved; /* ... and has been, as far as flash gave it; vol->lock */
	struct list_head held; /* of struct fvp_commit: requests that wait for that */
	struct fvp_dirty dirty;
	u64 flush_until; /* destage all out until dirty.out is there */
	struct delayed_work destage_work;
	struct fvp_destage *destage; /* the worker's */
	bool destage_stopped;
	u32 destage_failures; /* of the origin, in a row */
	u64 progress_ns; /* when it has last taken something, or was to take the first */
	s32 destage_integral;
	u64 origin_ns, origin_ns_best; /* latency of destage writes: now, and at best */
	u64 drain_rate; /* sectors a second */
	spinlock_t pace_lock; /* irq-safe, innermost */
	struct list_head paced; /* of struct fvp_commit: acknowledgements that wait */
	u64 pace_ns; /* the clock; pace_lock */
	bool pace_stopping;
	struct work_struct pace_work;
	struct list_head grouped; /* of struct fvp_commit: flushes that wait; pace_lock */
	u32 group_count; /* of them; pace_lock */
	u32 group_ns; /* how long the next group waits; vol->lock, READ_ONCE */
	u32 group_backlog; /* how long they wait for the backlog's sake, permille of a batch; the destager's */
	u32 group_alone; /* groups of one, in a row; pace_lock, READ_ONCE */
	u32 group_skipped; /* vol->lock */
	u64 group_due_ns; /* when they have waited long enough; pace_lock */
	u64 batch_ns; /* a batch takes, smoothed; the destager's, READ_ONCE */
	struct work_struct group_work;
	struct rb_root_cached lost; /* vol->lock */
	u32 lost_count;
	u32 lost_open; /* of those, that the administrator has not accepted: destaging waits */
	u64 lost_sectors;

	/* See settle.h. */
	bool origin_volatile; /* set at attach */
	bool unsettled; /* there may be unsettled fills; vol->lock */
	u64 fill_count; /* unsettled fills so far; vol->lock */
	u64 settle_fills; /* as of the last round; vol->lock */
	u64 flushed_place; /* by guests' flushes; pool->fill_lock */
	u64 settled_place; /* by settled entries; settle_work, or nobody while suspended */
	struct delayed_work settle_work;
	u64 load_settled, load_settled_from; /* the loader's */
	u64 load_watermark; /* likewise: a place */
	u64 watermark; /* the last that is durable in the log: a place; the destager's */

	struct fvp_volume_stats __percpu *stats;
};

struct fvp_pool_params {
	struct fvp_dev *dev[FVP_DEVICES_MAX];
	u32 count;
	u32 block_sectors; /* largest logical block of the devices, legs too, in sectors */
	struct fvp_dev *leg[FVP_LEGS_MAX]; /* replicas, in any order */
	u32 leg_count;
	/*
	 * dev[0], the only one, is a replica: a pool is made of what it has, for its dirty
	 * data to be destaged (fvp recover).
	 */
	bool recover;
};

/*
 * Opens a pool from its flash devices, in any order: verifies superblocks, finds
 * the live segments, opens a new one; then serves.  The index loads behind it.
 * Returns 0 or -errno with a message in err (err_len bytes) that names device
 * and remedy.  Writes nothing before all devices have been verified.  Sleeps.
 */
int fvp_pool_open(const struct fvp_pool_params *params, struct fvp_pool **pool, char *err,
		  size_t err_len);

/*
 * Stops all work, seals the open segment, writes the superblock, frees.  All
 * volumes must be detached and no request in flight.  Sleeps.
 */
void fvp_pool_close(struct fvp_pool *pool);

/* Waits until the index is complete.  Sleeps. */
void fvp_pool_wait_loaded(struct fvp_pool *pool);

/*
 * Volumes.  attach finds the volume by uuid or adds it; content that may be
 * stale is dropped (I12).  On return it is suspended: call fvp_volume_resume()
 * before the first request.  -EEXIST: attached already.  -ENOSPC: volume table full.  Sleeps.
 */
int fvp_volume_attach(struct fvp_pool *pool, const u8 uuid[16], const char *name,
		      struct fvp_dev *origin, u64 sectors, enum fvp_mode mode,
		      struct fvp_volume **vol, char *err, size_t err_len);

enum fvp_detach {
	FVP_DETACH_FORGET, /* content dropped: the origin may be written by others now */
	FVP_DETACH_KEEP, /* content kept: the caller promises that nobody writes the origin */
};
/* No request may be in flight.  The volume struct is gone with FORGET.  Sleeps. */
void fvp_volume_detach(struct fvp_volume *vol, enum fvp_detach how);

/*
 * Suspend: waits for fills in flight, then notes durably that the origin may
 * change behind us.  No request may be in flight.  Resume takes that back before
 * the first request; with the content kept.  Both sleep.
 */
void fvp_volume_suspend(struct fvp_volume *vol);
void fvp_volume_resume(struct fvp_volume *vol);

/*
 * The replica legs that the volume's dirty data goes to, and how many of them have to be
 * in the set for write-back.  Leaves write-back for that.  0; -EINVAL: no such leg, or
 * too many; -EIO: the origin keeps failing, dirty data cannot go.  Sleeps.
 */
int fvp_volume_set_legs(struct fvp_volume *vol, u8 legs, u8 legs_min);

/*
 * Takes effect for requests that come after; leaving write-back begins a drain and
 * takes effect at its end.  Sleeps.  -EINVAL for a mode not known here.
 */
int fvp_volume_set_mode(struct fvp_volume *vol, enum fvp_mode mode);

/* Order of destaging, from the next batch on.  Any time. */
void fvp_volume_set_order(struct fvp_volume *vol, enum fvp_order order);

/*
 * Before a suspend, while requests still come: leaves write-back and destages
 * everything.  Write-back begins again with fvp_volume_resume(), or here with
 * fvp_volume_drain_undo() if the suspend does not come.  0; or -EIO: the
 * origin keeps failing writes, dirty data stays (and stays valid).  Sleeps.
 */
int fvp_volume_drain(struct fvp_volume *vol);
void fvp_volume_drain_undo(struct fvp_volume *vol);

/*
 * Destages as fast as it goes what is dirty now.  Returns the value that
 * fvp_dirty_status.out reaches when that is done.  Any context that may sleep.
 */
u64 fvp_volume_flush(struct fvp_volume *vol);

struct fvp_dirty_status {
	u64 sectors; /* dirty now */
	u64 in, out; /* sectors ever logged dirty (found at activation too), and retired */
	u64 age_ms; /* of the oldest; since activation at most */
	u64 rate; /* sectors retired a second, lately */
	u64 lost_sectors;
	bool draining; /* leaving write-back, or a failed pool's data being saved */
	bool origin_failing; /* the last batch failed and is tried again */
};
void fvp_volume_dirty(struct fvp_volume *vol, struct fvp_dirty_status *out);

/* Lost ranges, up to max, in order of lba; returns how many there are.  Sleeps. */
struct fvp_lost_range {
	u64 lba;
	u64 len_sectors;
};
u32 fvp_volume_lost(struct fvp_volume *vol, struct fvp_lost_range *out, u32 max);
/* Accepts the loss: the ranges are the origin's again. */
void fvp_volume_forget_lost(struct fvp_volume *vol);

/* Volumes whose dirty data waits for their origin to be attached; sectors of it, if wanted. */
u32 fvp_pool_waiting(struct fvp_pool *pool, u64 *sectors);

/*
 * What is in force now: pass-through on a failed pool, write-back as long as there is
 * dirty data, else the requested mode.
 */
enum fvp_mode fvp_volume_effective_mode(const struct fvp_volume *vol);

/* Within core: may write-back not begin, whatever the mode is?  vol->lock. */
static inline bool fvp_volume_back_stopped(const struct fvp_volume *vol)
{
	return vol->suspending || vol->without_back;
}

/* Sum the per-CPU counters.  Any context. */
void fvp_volume_stats_read(struct fvp_volume *vol, struct fvp_volume_counters *sum);
void fvp_volume_latency_read(struct fvp_volume *vol, enum fvp_latency_kind kind,
			     struct fvp_latency *sum);

/* Drops all cached content of a volume, durably (tests, messages).  Sleeps. */
int fvp_volume_drop(struct fvp_volume *vol);

/* The volume with that uuid, attached or not, or NULL.  Caller holds super_mutex, or is alone. */
struct fvp_volume *fvp_volume_find(struct fvp_pool *pool, const u8 uuid[16]);

/* Within core: the volume whose entries carry id, or NULL.  Caller holds super_mutex. */
struct fvp_volume *fvp_volume_by_id(struct fvp_pool *pool, u32 id);

/* Within core: the same, held until fvp_volume_unbusy().  Sleeps. */
struct fvp_volume *fvp_volume_get(struct fvp_pool *pool, u32 id);

/* Within core: makes the volumes that the volume table says have content.  At activation. */
int fvp_volumes_open(struct fvp_pool *pool);
void fvp_volumes_close(struct fvp_pool *pool);

/* Within core: flushes all flash devices with a volatile cache.  0 or -EIO: pool failed. */
int fvp_pool_flush_flash(struct fvp_pool *pool);

/* Within core: write-back has ended: the requested mode is in force.  Sleeps. */
void fvp_volume_back_ended(struct fvp_volume *vol);

/*
 * Within core: notes a watermark in the superblock, for when the log has no room.  0 or
 * -EIO.  Sleeps.
 */
int fvp_volume_mark(struct fvp_volume *vol, u64 place);

/* Within core: puts the watermark into pool->super.  Caller holds super_mutex. */
void fvp_volume_watermark_note(struct fvp_volume *vol);

/* Within core: that of all volumes.  Caller holds super_mutex. */
void fvp_volumes_watermark_note(struct fvp_pool *pool);

/* Within core: the leg set has changed: who may be in write-back?  Caller holds super_mutex. */
void fvp_volumes_reconsider(struct fvp_pool *pool);

/*
 * Within core: flash has failed, and what it had is saved: notes, where it can be, that
 * what is left of it is void.  Sleeps.
 */
void fvp_volume_void(struct fvp_volume *vol);

/* Within core: a drain cannot end as things are. */
bool fvp_volume_drain_hopeless(const struct fvp_volume *vol);

/* Within core: flash has failed; begins to save what is dirty.  True: there is something. */
bool fvp_volume_rescue(struct fvp_volume *vol);

/* Within core: could this entry be one of the volume's? */
bool fvp_entry_in_volume(const struct fvp_volume *vol, const struct fvp_entry *entry);

#endif /* FVP_POOL_H */
