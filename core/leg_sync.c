// SPDX-License-Identifier: GPL-2.0
/*
 * How a replica leg comes into the set: at activation, when it is in sync but for the
 * tail of the log; and at any time by a sync of all dirty data.
 */
#include "pool.h"
#include "io.h"
#include "leg.h"
#include "leg_private.h"

/* Between attempts while the log cannot turn, or a segment is being sealed. */
#define SYNC_WAIT_MS 20

/* --- segment headers in its slots --- */

/* The pool's dirty segments, by generation. */
struct leg_scan {
	struct fvp_segment **dirty;
	u32 count;
};

/* All segments with dirty data, in order.  At activation. */
static int scan_dirty(struct fvp_pool *pool, struct leg_scan *scan)
{
	struct fvp_segment *seg;

	scan->count = 0;
	scan->dirty =
		kvmalloc_array(max(pool->log.dirty_segments, 1u), sizeof(*scan->dirty), GFP_KERNEL);
	if (!scan->dirty)
		return -ENOMEM;
	/* Nothing runs yet that would change the list. */
	list_for_each_entry (seg, &pool->segs.order, node)
		if (seg->dirty && scan->count < pool->log.dirty_segments)
			scan->dirty[scan->count++] = seg;
	return 0;
}

static struct fvp_segment *scan_find(const struct leg_scan *scan, u64 gen)
{
	u32 lo = 0, hi = scan->count;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (scan->dirty[mid]->gen < gen)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < scan->count && scan->dirty[lo]->gen == gen ? scan->dirty[lo] : NULL;
}

/* The slot has the header of a dirty segment: it is that segment's.  False: to be wiped. */
static bool slot_keep(struct fvp_leg *leg, u32 slot, const struct leg_scan *scan, const void *mem)
{
	struct fvp_pool *pool = leg->pool;
	struct fvp_media media = fvp_pool_media(pool);
	struct fvp_segment *seg;
	struct fvp_block block;
	u32 number;

	if (!scan || fvp_block_decode(&media, mem, FVP_BLOCK_SEGMENT, 0, &block))
		return false;
	seg = scan_find(scan, block.segment_gen);
	if (!seg)
		return false;
	number = fvp_segment_number(pool, seg);
	spin_lock_irq(&pool->leg_lock);
	if (leg->slot_of[number]) {
		spin_unlock_irq(&pool->leg_lock);
		return false;
	}
	leg->slot[slot] = (struct fvp_leg_slot){ .gen = seg->gen,
						 .segment = number,
						 .state = FVP_LEG_SLOT_USED };
	leg->slot_of[number] = slot + 1;
	/* What was sealed had been written to all legs before. */
	if (seg->sealed)
		seg->legs |= 1u << leg->index;
	spin_unlock_irq(&pool->leg_lock);
	return true;
}

/* Headers of slots that are looked at together. */
#define SCAN_SLOTS 16

struct slot_batch {
	u32 slot[SCAN_SLOTS], count;
	struct fvp_leg_waiter waiter[SCAN_SLOTS];
};

/* Where the header of number i of a batch is, in leg->copy. */
static void *batch_mem(struct fvp_leg *leg, u32 i)
{
	return leg->copy + (size_t)i * leg->pool->block_sectors * FVP_SECTOR_BYTES;
}

/* Reads or writes the headers of all slots of the batch.  0, or the last error. */
static int batch_io(struct fvp_leg *leg, enum fvp_io_op op, struct slot_batch *batch)
{
	int err = 0, one;
	u32 i;

	for (i = 0; i < batch->count; i++)
		fvp_leg_io_begin(leg,
				 &(struct fvp_leg_rw){
					 .op = op,
					 .sector = fvp_leg_sector(leg, batch->slot[i]),
					 .len_sectors = leg->pool->block_sectors,
					 .mem = batch_mem(leg, i),
					 /* One flush of many at the end might take too long. */
					 .flags = op == FVP_IO_WRITE ? FVP_IO_FUA : 0,
				 },
				 &batch->waiter[i]);
	for (i = 0; i < batch->count; i++) {
		one = fvp_leg_io_end(&batch->waiter[i]);
		err = one ? one : err;
	}
	return err;
}

/* Leaves those in the batch that are to be wiped. */
static void batch_keep(struct fvp_leg *leg, const struct leg_scan *scan, struct slot_batch *batch)
{
	u32 i, bytes = leg->pool->block_sectors * FVP_SECTOR_BYTES, count = batch->count;

	batch->count = 0;
	for (i = 0; i < count; i++)
		if (!slot_keep(leg, batch->slot[i], scan, batch_mem(leg, i)) &&
		    memchr_inv(batch_mem(leg, i), 0, bytes))
			batch->slot[batch->count++] = batch->slot[i];
	memset(leg->copy, 0, (size_t)batch->count * bytes);
}

/* Looks at the header of every slot; wipes what is not a dirty segment's. */
static int slots_scan(struct fvp_leg *leg, const struct leg_scan *scan)
{
	u32 most = min_t(u32, SCAN_SLOTS, FVP_IO_SECTORS_MAX / leg->pool->block_sectors), at, i;
	/* With the locks that a kernel checks, too large for a stack. */
	struct slot_batch *batch = kmalloc(sizeof(*batch), GFP_NOIO);
	int err = 0;

	if (!batch)
		return -ENOMEM;
	mutex_lock(&leg->mutex);
	for (at = 0; at < leg->slot_count && !err; at += most) {
		batch->count = min(most, leg->slot_count - at);
		for (i = 0; i < batch->count; i++)
			batch->slot[i] = at + i;
		err = batch_io(leg, FVP_IO_READ, batch);
		if (err)
			break;
		batch_keep(leg, scan, batch);
		err = batch_io(leg, FVP_IO_WRITE, batch);
		cond_resched();
	}
	/*
	 * What was read may be in the device's cache alone, from a time when nobody waited
	 * for it any more: then it would be something else again after a power cut.
	 */
	if (!err)
		err = fvp_leg_flush(leg);
	mutex_unlock(&leg->mutex);
	kfree(batch);
	return err;
}

/* --- copying --- */

/* Copies all of a segment from flash to a slot. */
static int segment_copy(struct fvp_leg *leg, struct fvp_segment *seg, u64 sector)
{
	struct fvp_pool *pool = leg->pool;
	u32 at, n;
	int err = 0;

	mutex_lock(&leg->mutex);
	for (at = 0; at < pool->segment_sectors && !err; at += n) {
		n = min_t(u32, FVP_IO_SECTORS_MAX, pool->segment_sectors - at);
		err = fvp_io_mem(seg->dev, FVP_IO_READ, seg->sector + at, n, leg->copy, 0);
		/*
		 * Damaged on flash, it is not to be so on the leg: there nothing else tells of
		 * what generation a slot is.
		 */
		if (!err && !at && !fvp_log_header_right(pool, seg->gen, leg->copy))
			fvp_log_segment_header(pool, seg, leg->copy);
		if (!err)
			err = fvp_leg_io_wait(leg, &(struct fvp_leg_rw){
							   .op = FVP_IO_WRITE,
							   .sector = sector + at,
							   .len_sectors = n,
							   .mem = leg->copy,
							   .flags = FVP_IO_FUA,
						   });
	}
	mutex_unlock(&leg->mutex);
	return err;
}

/*
 * The leg gets a dirty segment that it does not have.  Caller holds seg_mutex, or is alone.
 * 0, or -errno.
 */
static int segment_give(struct fvp_leg *leg, struct fvp_segment *seg)
{
	struct fvp_pool *pool = leg->pool;
	u64 sector = 0, life = READ_ONCE(leg->failures);
	u32 slot;
	int err;

	if (seg->state != FVP_SEGMENT_LIVE || !READ_ONCE(seg->dirty))
		return 0;
	/* At activation it may have a slot, with what came until the power went. */
	spin_lock_irq(&pool->leg_lock);
	slot = leg->slot_of[fvp_segment_number(pool, seg)];
	if (slot && leg->slot[slot - 1].gen == seg->gen)
		sector = fvp_leg_sector(leg, slot - 1);
	spin_unlock_irq(&pool->leg_lock);
	err = sector ? 0 : fvp_leg_slot_take(leg, seg, &sector);
	if (!err)
		err = segment_copy(leg, seg, sector);
	if (!err)
		fvp_leg_slot_use(leg, seg, life);
	return err;
}

/* --- activation --- */

/*
 * I14: what flash has is what counts.  Segments that were not sealed are written anew, as
 * flash has them: the leg may have more of them, or less.  (Where both have a record the
 * bytes are the same, so that nothing is worse if this is cut short.)
 */
static int leg_equal(struct fvp_leg *leg, const struct leg_scan *scan)
{
	int err = slots_scan(leg, scan);
	u32 i;

	for (i = 0; i < scan->count && !err; i++)
		if (!(scan->dirty[i]->legs & 1u << leg->index))
			err = segment_give(leg, scan->dirty[i]);
	return err;
}

int fvp_legs_start(struct fvp_pool *pool)
{
	struct leg_scan scan = { 0 };
	bool changed = false;
	int err;
	u32 i;

	if (!pool->leg_count)
		return 0;
	err = scan_dirty(pool, &scan);
	if (err)
		return err;
	/* Slots are about to be wiped: the watermarks in them go to the superblock first. */
	if (fvp_legs_in(pool)) {
		mutex_lock(&pool->super_mutex);
		fvp_volumes_watermark_note(pool);
		err = fvp_super_write(pool, NULL);
		mutex_unlock(&pool->super_mutex);
	}
	for (i = 0; i < FVP_LEGS_MAX && !err; i++) {
		struct fvp_leg *leg = &pool->leg[i];

		if (leg->state == FVP_LEG_IN) {
			int bad = leg_equal(leg, &scan);

			if (bad)
				fvp_leg_fail(leg, bad);
			flush_work(&leg->drop_work);
		}
		changed |=
			leg->state != FVP_LEG_IN && (pool->super->legs[i].flags & FVP_LEG_IN_SYNC);
	}
	kvfree(scan.dirty);
	if (err)
		return err;
	mutex_lock(&pool->super_mutex);
	for (i = 0; i < FVP_LEGS_MAX && changed; i++) {
		if (pool->leg[i].state == FVP_LEG_IN)
			continue;
		if (pool->super->legs[i].flags & FVP_LEG_IN_SYNC)
			pr_warn("replica %u of the pool is not there or has missed writes: it is "
				"out of the leg set until it is in sync again\n",
				i);
		pool->super->legs[i].flags &= ~FVP_LEG_IN_SYNC;
	}
	if (changed) {
		pool->super->legset_gen++;
		err = fvp_super_write(pool, NULL);
	}
	mutex_unlock(&pool->super_mutex);
	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (pool->leg[i].state == FVP_LEG_OUT && pool->leg[i].dev)
			queue_delayed_work(pool->bg_wq, &pool->leg[i].sync_work, 0);
	return err;
}

/* --- sync, while all goes on --- */

/* OUT: is the device what it was, and does it answer?  Empties it then. */
static int leg_probe(struct fvp_leg *leg)
{
	struct fvp_pool *pool = leg->pool;
	struct fvp_super *super = vzalloc(sizeof(*super));
	const char *why = "";
	char text[256];
	int err;

	if (!super)
		return -ENOMEM;
	err = fvp_leg_super_read(leg, super, &why);
	if (!err) {
		why = text;
		mutex_lock(&pool->super_mutex);
		err = fvp_leg_check(pool, leg->dev, super, text, sizeof(text));
		mutex_unlock(&pool->super_mutex);
	}
	if (!err &&
	    (memcmp(super->device_uuid, leg->uuid, 16) || super->segment_count != leg->slot_count ||
	     super->first_segment_sector != leg->first_slot_sector)) {
		why = "it is another replica now";
		err = -EINVAL;
	}
	if (!err) {
		leg->weak = super->weak;
		fvp_leg_slots_reset(leg);
		err = slots_scan(leg, NULL);
		why = "it cannot be emptied";
	}
	vfree(super);
	if (err && !leg->told)
		pr_warn("replica %s stays out of the leg set: %s (%d)\n",
			fvp_host_dev_name(leg->dev), why, err);
	leg->told = err;
	return err;
}

/* Gives the leg all dirty segments that it lacks.  -EAGAIN: one is being sealed. */
static int leg_give_all(struct fvp_leg *leg)
{
	struct fvp_pool *pool = leg->pool;
	struct fvp_segment *seg, *found;
	unsigned long flags;
	bool busy;
	int err = 0;

	while (!err && !pool->stopping && READ_ONCE(leg->state) == FVP_LEG_SYNCING) {
		found = NULL;
		busy = false;
		mutex_lock(&pool->seg_mutex);
		spin_lock_irqsave(&pool->segs.lock, flags);
		list_for_each_entry (seg, &pool->segs.order, node) {
			if (!READ_ONCE(seg->dirty) || (READ_ONCE(seg->legs) & 1u << leg->index))
				continue;
			busy |= seg->state != FVP_SEGMENT_LIVE;
			if (!found && seg->state == FVP_SEGMENT_LIVE)
				found = seg;
		}
		spin_unlock_irqrestore(&pool->segs.lock, flags);
		if (found)
			err = segment_give(leg, found);
		mutex_unlock(&pool->seg_mutex);
		if (!found)
			return busy ? -EAGAIN : 0;
		cond_resched();
	}
	return err ? err : -EAGAIN;
}

/* It has everything: the leg set is with it from here on. */
static void leg_enter(struct fvp_leg *leg)
{
	struct fvp_pool *pool = leg->pool;
	bool in = false;

	mutex_lock(&pool->super_mutex);
	if (READ_ONCE(leg->state) == FVP_LEG_SYNCING) {
		pool->super->legs[leg->index].flags |= FVP_LEG_IN_SYNC;
		pool->super->legset_gen++;
		fvp_volumes_watermark_note(pool);
		fvp_super_write(pool, NULL);
		spin_lock_irq(&pool->leg_lock);
		/* It may have failed just now; then it is dropped as if it had been in. */
		in = leg->state == FVP_LEG_SYNCING;
		if (in)
			WRITE_ONCE(leg->state, FVP_LEG_IN);
		spin_unlock_irq(&pool->leg_lock);
	}
	if (in)
		fvp_volumes_reconsider(pool);
	mutex_unlock(&pool->super_mutex);
	if (!in)
		return;
	pr_info("replica %s is in sync\n", fvp_host_dev_name(leg->dev));
	fvp_host_event(pool);
}

/* A step of the way in; returns ms until the next, or 0: none. */
static u32 sync_step(struct fvp_leg *leg)
{
	struct fvp_pool *pool = leg->pool;
	int err;

	if (READ_ONCE(leg->state) == FVP_LEG_OUT) {
		if (READ_ONCE(leg->away) || leg_probe(leg))
			return FVP_LEG_PROBE_MS;
		spin_lock_irq(&pool->leg_lock);
		WRITE_ONCE(leg->state, FVP_LEG_SYNCING);
		spin_unlock_irq(&pool->leg_lock);
	}
	if (READ_ONCE(leg->state) != FVP_LEG_SYNCING)
		return 0;
	if (!fvp_log_turn(pool, (u8)(1u << leg->index)))
		return SYNC_WAIT_MS;
	err = leg_give_all(leg);
	if (err == -EAGAIN)
		return SYNC_WAIT_MS;
	if (err)
		/* Flash that cannot be read is no fault of the leg; it is out all the same. */
		fvp_leg_fail(leg, err);
	else
		leg_enter(leg);
	return 0;
}

void fvp_leg_sync_work(struct work_struct *work)
{
	struct fvp_leg *leg = container_of(to_delayed_work(work), struct fvp_leg, sync_work);
	struct fvp_pool *pool = leg->pool;
	u32 ms;

	if (pool->stopping || READ_ONCE(pool->health) == FVP_POOL_FAILED || !leg->dev)
		return;
	ms = sync_step(leg);
	if (ms && !pool->stopping)
		queue_delayed_work(pool->bg_wq, &leg->sync_work, msecs_to_jiffies(ms));
}
