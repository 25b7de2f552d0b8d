// SPDX-License-Identifier: GPL-2.0
/* Reclaim; see reclaim.h.  promote.c re-inserts what was hit. */
#include "pool.h"
#include "promote.h"
#include "reclaim.h"

/* Segments that go with one superblock update. */
#define RECLAIM_BATCH 4

/*
 * Segments before the tail that hold dirty data stay; the superblock lists them.  -ENOSPC:
 * too many.  Caller holds super_mutex.
 */
static int pinned_list(struct fvp_pool *pool, u64 tail_gen)
{
	struct fvp_super *super = pool->super;
	struct fvp_segment *seg;
	unsigned long flags;
	u32 count = 0;

	spin_lock_irqsave(&pool->segs.lock, flags);
	list_for_each_entry (seg, &pool->segs.order, node) {
		if (seg->gen >= tail_gen)
			break;
		count += READ_ONCE(seg->dirty) != 0;
	}
	/* The old list stays, then: it goes with the old tail, and may be written with it. */
	if (count > FVP_PINNED_MAX) {
		spin_unlock_irqrestore(&pool->segs.lock, flags);
		return -ENOSPC;
	}
	super->pinned_count = 0;
	list_for_each_entry (seg, &pool->segs.order, node) {
		if (seg->gen >= tail_gen || super->pinned_count == count)
			break;
		if (READ_ONCE(seg->dirty))
			super->pinned[super->pinned_count++] = seg->gen;
	}
	spin_unlock_irqrestore(&pool->segs.lock, flags);
	return 0;
}

/*
 * The tail passes generation gen, durably: what is older is void at any replay, but for
 * dirty data.
 */
static int tail_advance(struct fvp_pool *pool, u64 gen)
{
	u64 tail;
	int err;

	mutex_lock(&pool->super_mutex);
	tail = max(pool->super->tail_gen, gen + 1);
	err = pinned_list(pool, tail);
	if (!err) {
		WRITE_ONCE(pool->super->tail_gen, tail);
		/* Watermark entries go with their segments. */
		fvp_volumes_watermark_note(pool);
		err = fvp_super_write(pool, NULL);
	}
	mutex_unlock(&pool->super_mutex);
	return err;
}

/* Takes every extent of the segment out of the index; returns sectors that lived. */
static u64 segment_evict(struct fvp_pool *pool, struct fvp_segment *seg,
			 const struct fvp_segment_entries *entries)
{
	u64 addr = fvp_segment_addr(pool, seg), evicted, sum = 0;
	struct fvp_volume *vol;
	u32 i;

	mutex_lock(&pool->super_mutex);
	for (i = 0; i < entries->count; i++) {
		const struct fvp_entry *entry = &entries->entry[i];

		vol = fvp_volume_by_id(pool, entry->volume);
		if (!vol || entry->kind != FVP_ENTRY_DATA || !fvp_entry_in_volume(vol, entry))
			continue;
		evicted = fvp_index_evict(&vol->index, entry->lba, entry->len_sectors, addr,
					  pool->segment_sectors);
		if (!evicted)
			continue;
		fvp_stat_add(vol, evicted_sectors, evicted);
		fvp_ghost_evicted(vol, entry->lba, entry->len_sectors);
		sum += evicted;
	}
	/* Its list of entries could not be read: look everywhere. */
	if (!entries->entry) {
		list_for_each_entry (vol, &pool->volumes, node)
			fvp_stat_add(vol, evicted_sectors,
				     fvp_index_evict(&vol->index, 0, vol->sectors, addr,
						     pool->segment_sectors));
	}
	mutex_unlock(&pool->super_mutex);
	return sum;
}

/*
 * The next oldest segments, at most RECLAIM_BATCH, as far as they are LIVE.  Those with
 * dirty data are passed by: one volume whose origin is away must not stop the others.
 */
static u32 batch_take(struct fvp_pool *pool, struct fvp_segment **batch)
{
	struct fvp_segments *segs = &pool->segs;
	struct fvp_segment *seg;
	u32 count = 0, want;
	unsigned long flags;

	spin_lock_irqsave(&segs->lock, flags);
	want = segs->free_count < segs->reserve ? segs->reserve - segs->free_count : 0;
	want = min_t(u32, want, RECLAIM_BATCH);
	list_for_each_entry (seg, &segs->order, node) {
		if (count == want || seg->state != FVP_SEGMENT_LIVE)
			break;
		if (!READ_ONCE(seg->dirty))
			batch[count++] = seg;
	}
	spin_unlock_irqrestore(&segs->lock, flags);
	return count;
}

/* Reclaims a batch; returns how many segments came free. */
static u32 reclaim_batch(struct fvp_pool *pool)
{
	struct fvp_segment_entries entries[RECLAIM_BATCH];
	struct fvp_segment *batch[RECLAIM_BATCH];
	u32 count = batch_take(pool, batch), i;
	u64 evicted = 0;
	int err;

	if (!count)
		return 0;
	for (i = 0; i < count; i++) {
		err = fvp_segment_read_entries(pool, batch[i], &entries[i]);
		if (!err && !READ_ONCE(pool->loading))
			fvp_promote(pool, batch[i], &entries[i]);
	}
	err = tail_advance(pool, batch[count - 1]->gen);
	for (i = 0; i < count; i++) {
		if (!err)
			evicted += segment_evict(pool, batch[i], &entries[i]);
		kvfree(entries[i].entry);
	}
	if (err)
		return 0;
	trace_fvp_reclaim(batch[0]->gen, count, evicted);
	fvp_ghost_reclaimed(pool, (u64)count << pool->segment_shift, evicted);
	fvp_pins_wait(&pool->reads);
	for (i = 0; i < count; i++) {
		fvp_segment_release(pool, batch[i]);
		atomic64_inc(&pool->stats.segments_reclaimed);
	}
	return count;
}

void fvp_reclaim_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(work, struct fvp_pool, reclaim_work);
	u32 freed;

	do {
		if (pool->stopping || READ_ONCE(pool->health) == FVP_POOL_FAILED)
			return;
		/* Apart from the loader, which may be at the same segment. */
		mutex_lock(&pool->seg_mutex);
		freed = reclaim_batch(pool);
		mutex_unlock(&pool->seg_mutex);
		if (freed) {
			queue_work(pool->bg_wq, &pool->prepare_work);
			fvp_log_wake(pool);
		}
		cond_resched();
	} while (freed);
}

void fvp_reclaim_forget(struct fvp_pool *pool, struct fvp_segment *seg)
{
	const struct fvp_segment_entries unknown = { 0 };

	segment_evict(pool, seg, &unknown);
}

int fvp_reclaim_void_through(struct fvp_pool *pool, struct fvp_segment *seg)
{
	struct fvp_segment *oldest;
	u64 gen = seg->gen;
	int err;

	lockdep_assert_held(&pool->seg_mutex);
	err = tail_advance(pool, gen);
	while (!err && (oldest = fvp_segment_oldest(pool)) && oldest->gen <= gen) {
		/* Loaded for its dirty data, which has been destaged since. */
		if (oldest->gen < pool->load_tail_gen || oldest->gen >= pool->load_dirty_gen)
			fvp_reclaim_forget(pool, oldest);
		fvp_segment_release(pool, oldest);
	}
	return err;
}
