// SPDX-License-Identifier: GPL-2.0
/* See load.h. */
#include "pool.h"
#include "io.h"
#include "load.h"
#include "reclaim.h"
#include "settle.h"

/* Attempts to get memory for an entry, about 10 ms each. */
#define MEMORY_TRIES 1000

bool fvp_entry_in_volume(const struct fvp_volume *vol, const struct fvp_entry *entry)
{
	if (entry->lba >= vol->sectors || entry->len_sectors > vol->sectors - entry->lba)
		return false;
	if (entry->kind == FVP_ENTRY_ZERO || entry->kind == FVP_ENTRY_DISCARD)
		return entry->len_sectors <= FVP_DIRTY_LEN_MAX;
	if (entry->kind != FVP_ENTRY_DATA)
		/* Only what an origin can be told is dirty. */
		return !(entry->flags & FVP_ENTRY_DIRTY);
	/* As fvp_request is cut: never over a multiple of the longest request. */
	return entry->len_sectors <= FVP_IO_SECTORS_MAX &&
	       entry->lba / FVP_IO_SECTORS_MAX ==
		       (entry->lba + entry->len_sectors - 1) / FVP_IO_SECTORS_MAX;
}

/* An entry of write-back whose place the watermark has not passed: only flash has it. */
static bool entry_dirty(const struct fvp_pool *pool, const struct fvp_volume *vol,
			const struct fvp_segment *seg, const struct fvp_entry *entry)
{
	return (entry->flags & FVP_ENTRY_DIRTY) && seg->gen < pool->load_gen_end &&
	       (seg->gen >= pool->load_dirty_gen || seg->gen < pool->load_tail_gen) &&
	       fvp_place(seg->gen, entry->offset_sectors) >= vol->load_watermark;
}

/* Dirty entries come from the newest to the oldest. */
static int entry_load_dirty(struct fvp_pool *pool, struct fvp_volume *vol, struct fvp_segment *seg,
			    const struct fvp_entry *entry)
{
	u64 addr = fvp_segment_addr(pool, seg) + entry->offset_sectors;
	int err;

	if (entry->kind == FVP_ENTRY_DATA)
		err = fvp_index_insert_gaps(&vol->index, entry->lba, entry->len_sectors, addr);
	else
		err = fvp_index_insert_special_gaps(&vol->index, entry->lba, entry->len_sectors,
						    FVP_ADDR_ZERO(addr));
	/* What comes from now on is of a later epoch than the last that was. */
	if (!vol->dirty.entries) {
		vol->dirty.acked = entry->arg;
		vol->dirty.epoch = entry->arg + 1;
	}
	if (!err)
		err = fvp_dirty_push_front(vol, seg, entry);
	if (!err) {
		pool->log.dirty_entries++;
		pool->log.dirty_segments += seg->dirty == 1;
		pool->log.dirty_gen = seg->gen;
	}
	return err;
}

/* 0, or -ENOMEM for an entry that must not be passed by. */
static int entry_load(struct fvp_pool *pool, struct fvp_segment *seg, const struct fvp_entry *entry)
{
	struct fvp_volume *vol = fvp_volume_by_id(pool, entry->volume);
	int err = 0;

	if (!vol)
		return 0;
	/* They speak of what came before them. */
	if ((entry->kind == FVP_ENTRY_SETTLED || entry->kind == FVP_ENTRY_WATERMARK) &&
	    entry->lba > seg->gen) {
		atomic64_inc(&pool->stats.bad_blocks);
		return 0;
	}
	if (entry->kind == FVP_ENTRY_SETTLED) {
		if (seg->gen >= pool->load_tail_gen)
			fvp_settle_load(vol, entry);
		return 0;
	}
	if (entry->kind == FVP_ENTRY_WATERMARK) {
		vol->load_watermark =
			max(vol->load_watermark, fvp_place(entry->lba, entry->len_sectors));
		return 0;
	}
	if (!fvp_entry_in_volume(vol, entry)) {
		atomic64_inc(&pool->stats.bad_blocks);
		return 0;
	}
	atomic64_inc(&pool->stats.loaded_entries);
	if (entry_dirty(pool, vol, seg, entry))
		return entry_load_dirty(pool, vol, seg, entry);
	/* What superseded it may be gone. */
	if (seg->gen < pool->load_tail_gen)
		return 0;
	if (entry->kind == FVP_ENTRY_DATA && fvp_settle_believed(vol, seg->gen, entry))
		err = fvp_index_insert_gaps(&vol->index, entry->lba, entry->len_sectors,
					    fvp_segment_addr(pool, seg) + entry->offset_sectors);
	else
		err = fvp_index_mark_gaps(&vol->index, entry->lba, entry->len_sectors);
	if (!err)
		return 0;
	/* Before I/O is served there is time; dirty data must not be kept out. */
	if (seg->gen >= pool->load_dirty_gen)
		return err;
	WRITE_ONCE(vol->index.closed, true);
	return 0;
}

/* An entry again and again until there is memory.  0 or -ENOMEM.  Sleeps. */
static int entry_load_patiently(struct fvp_pool *pool, struct fvp_segment *seg,
				const struct fvp_entry *entry)
{
	int err = entry_load(pool, seg, entry);
	u32 tries;

	for (tries = 0; unlikely(err) && tries < MEMORY_TRIES; tries++) {
		msleep(10);
		err = entry_load(pool, seg, entry);
	}
	return err;
}

/* Loads one segment.  0 or -errno. */
static int segment_entries_load(struct fvp_pool *pool, struct fvp_segment *seg)
{
	struct fvp_segment_entries entries;
	int err = fvp_segment_read_entries(pool, seg, &entries);
	u32 i;

	if (err)
		return err;
	pool->load_bytes += entries.bytes_read;
	seg->sealed = entries.sealed;
	mutex_lock(&pool->super_mutex);
	for (i = entries.count; i-- > 0 && !err;)
		err = entry_load_patiently(pool, seg, &entries.entry[i]);
	mutex_unlock(&pool->super_mutex);
	kvfree(entries.entry);
	return err;
}

static int segment_load_dirty(struct fvp_pool *pool, struct fvp_segment *seg, char *text,
			      size_t text_len)
{
	int err = segment_entries_load(pool, seg);

	if (err == -ENOMEM)
		snprintf(text, text_len, "out of memory for dirty data");
	else if (err)
		fvp_load_dirty_missing(pool, seg->gen, text, text_len);
	cond_resched();
	return err;
}

int fvp_load_dirty(struct fvp_pool *pool, char *text, size_t text_len)
{
	u32 pinned = pool->super->pinned_count;
	struct fvp_segment *seg;
	int err = 0;

	if (!fvp_load_may_be_dirty(pool))
		pool->load_dirty_gen = pool->load_gen_end;
	while (pool->load_count > pinned && !err) {
		seg = pool->load_order[pool->load_count - 1];
		if (seg->gen < pool->load_dirty_gen)
			break;
		pool->load_count--;
		err = segment_load_dirty(pool, seg, text, text_len);
	}
	/* Pinned ones: the first, with all that is not dirty left behind them for later. */
	for (pinned = pool->super->pinned_count; pinned > 0 && !err; pinned--)
		err = segment_load_dirty(pool, pool->load_order[pinned - 1], text, text_len);
	if (!err) {
		pinned = pool->super->pinned_count;
		pool->load_count -= pinned;
		memmove(pool->load_order, pool->load_order + pinned,
			pool->load_count * sizeof(*pool->load_order));
	}
	return err;
}

/* Loads one segment behind I/O.  Caller holds pool->seg_mutex.  0, or -errno: stop. */
static int segment_load(struct fvp_pool *pool, struct fvp_segment *seg)
{
	int err;

	/* Reclaimed, and perhaps opened again, since the scan. */
	if (seg->state != FVP_SEGMENT_LIVE || seg->gen >= pool->load_gen_end)
		return 0;
	err = segment_entries_load(pool, seg);
	if (err) {
		pr_warn("%s: cannot read a segment (error %d): older cached content is dropped\n",
			fvp_host_dev_name(seg->dev), err);
		fvp_reclaim_void_through(pool, seg);
		/* There is room in the log again, perhaps with the next segment open already. */
		queue_work(pool->bg_wq, &pool->prepare_work);
		fvp_log_wake(pool);
	}
	return err;
}

/* All is loaded: absence proves something, unless an index was closed. */
static void load_finish(struct fvp_pool *pool)
{
	struct fvp_volume *vol;
	bool closed = false;

	mutex_lock(&pool->super_mutex);
	list_for_each_entry (vol, &pool->volumes, node)
		closed |= READ_ONCE(vol->index.closed);
	if (!closed) {
		WRITE_ONCE(pool->loading, false);
		list_for_each_entry (vol, &pool->volumes, node)
			fvp_index_unmark(&vol->index);
	}
	mutex_unlock(&pool->super_mutex);
	kvfree(pool->load_order);
	pool->load_order = NULL;
	if (closed)
		pr_warn("memory was short while the index loaded: part of the cached content stays "
			"unused\n");
	WRITE_ONCE(pool->load_done, true);
	wake_up_all(&pool->wait);
	fvp_host_event(pool);
}

void fvp_load_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(work, struct fvp_pool, load_work);
	int err = 0;

	while (pool->load_count && !err) {
		if (pool->stopping || READ_ONCE(pool->health) == FVP_POOL_FAILED)
			break;
		mutex_lock(&pool->seg_mutex);
		err = segment_load(pool, pool->load_order[--pool->load_count]);
		mutex_unlock(&pool->seg_mutex);
		cond_resched();
	}
	if (!pool->stopping)
		load_finish(pool);
}
