// SPDX-License-Identifier: GPL-2.0
/* See load.h. */
#include "pool.h"
#include "io.h"
#include "load.h"
#include "reclaim.h"
#include "settle.h"

/* Attempts to get memory for an entry, about 10 ms each. */
#define MEMORY_TRIES 1000

/* Segment headers read at once. */
#define SCAN_BATCH 64

struct scan_io {
	struct fvp_io io;
	struct scan *scan;
	u32 number;
};

struct scan {
	struct fvp_pool *pool;
	atomic_t pending;
	struct completion done;
	void *mem; /* SCAN_BATCH blocks */
	u64 max_gen;
	u64 dirty_gen; /* of the newest: before it nothing is dirty */
	struct scan_io ios[SCAN_BATCH];
};

static void scan_done(struct fvp_io *io)
{
	struct scan *scan = container_of(io, struct scan_io, io)->scan;

	if (atomic_dec_and_test(&scan->pending))
		complete(&scan->done);
}

/* Takes one segment header: sets seg->gen if it is a header of this pool. */
static void scan_take(struct scan *scan, struct scan_io *sio)
{
	struct fvp_pool *pool = scan->pool;
	struct fvp_media media = fvp_pool_media(pool);
	struct fvp_segment *seg = &pool->segments[sio->number];
	struct fvp_block block;

	seg->gen = 0;
	if (sio->io.error) {
		/*
		 * It may be live, and newer than all: without it no older content can be
		 * believed, and nothing tells which is older.
		 */
		pr_warn("%s: cannot read segment %u (error %d)\n", fvp_host_dev_name(seg->dev),
			sio->number, sio->io.error);
		pool->scan_errors++;
		return;
	}
	if (fvp_block_decode(&media, sio->io.mem, FVP_BLOCK_SEGMENT, 0, &block)) {
		/* A replica's slot has a header, or zeroes: nothing else was ever written. */
		if (pool->recover && memchr_inv(sio->io.mem, 0, fvp_block_bytes(&media))) {
			pr_warn("%s: the header of slot %u is damaged\n",
				fvp_host_dev_name(seg->dev), sio->number);
			pool->scan_errors++;
		}
		return;
	}
	if (block.segment_gen > scan->max_gen) {
		scan->max_gen = block.segment_gen;
		scan->dirty_gen = block.segment_gen - min_t(u64, block.arg, block.segment_gen);
	}
	seg->gen = block.segment_gen;
	seg->seq = block.seq;
}

static void scan_batch(struct scan *scan, u32 first, u32 count)
{
	struct fvp_pool *pool = scan->pool;
	u32 i;

	init_completion(&scan->done);
	atomic_set(&scan->pending, (int)count);
	for (i = 0; i < count; i++) {
		struct fvp_segment *seg = &pool->segments[first + i];

		scan->ios[i] = (struct scan_io){
			.scan = scan,
			.number = first + i,
			.io = { .dev = seg->dev,
				.sector = seg->sector,
				.len_sectors = pool->block_sectors,
				.op = FVP_IO_READ,
				.mem = scan->mem +
				       (size_t)i * pool->block_sectors * FVP_SECTOR_BYTES,
				.done = scan_done },
		};
		fvp_host_submit(&scan->ios[i].io);
	}
	wait_for_completion(&scan->done);
	for (i = 0; i < count; i++)
		scan_take(scan, &scan->ios[i]);
	pool->load_bytes += (u64)count * pool->block_sectors * FVP_SECTOR_BYTES;
}

static int by_generation(const void *a, const void *b)
{
	const struct fvp_segment *left = *(struct fvp_segment *const *)a;
	const struct fvp_segment *right = *(struct fvp_segment *const *)b;

	if (left->gen != right->gen)
		return left->gen < right->gen ? -1 : 1;
	return left < right ? -1 : left > right;
}

/*
 * Generations are given out without a gap.  One that is missing from the tail on was
 * damaged, and with it went what it superseded: only what is newer can be believed.
 * (What is dirty in it, or older, is seen to by fvp_load_scan().)
 */
static void drop_before_gap(struct fvp_pool *pool)
{
	u32 pinned = pool->super->pinned_count, from = pool->load_count, i;
	struct fvp_segment **live = pool->load_order + pinned;

	from -= pinned;
	while (from > 1 && live[from - 2]->gen + 1 == live[from - 1]->gen)
		from--;
	if (from < 2)
		return;
	from--;
	pr_warn("segment of generation %llu is missing: older cached content is dropped\n",
		(unsigned long long)live[from]->gen - 1);
	pool->super->tail_gen = live[from]->gen;
	for (i = 0; i < from; i++)
		live[i]->gen = 0;
	pool->load_count -= from;
	memmove(live, live + from, (pool->load_count - pinned) * sizeof(*live));
}

/* Is it on the superblock's list?  (Ascending.) */
static bool gen_pinned(const struct fvp_super *super, u64 gen)
{
	u32 lo = 0, hi = super->pinned_count;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (super->pinned[mid] < gen)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < super->pinned_count && super->pinned[lo] == gen;
}

/* Live segments in the order of their generations, for the lists and the loader. */
static int scan_sort(struct fvp_pool *pool)
{
	u64 tail = pool->super->tail_gen;
	u32 i, d, pinned = 0;

	pool->load_order = kvcalloc(pool->segment_count, sizeof(*pool->load_order), GFP_KERNEL);
	if (!pool->load_order)
		return -ENOMEM;
	for (i = 0; i < pool->segment_count; i++) {
		struct fvp_segment *seg = &pool->segments[i];

		if (seg->gen && (seg->gen >= tail || gen_pinned(pool->super, seg->gen)))
			pool->load_order[pool->load_count++] = seg;
		else
			seg->gen = 0;
		pinned += seg->gen && seg->gen < tail;
	}
	if (pinned != pool->super->pinned_count)
		return -EUCLEAN;
	sort(pool->load_order, pool->load_count, sizeof(*pool->load_order), by_generation, NULL);
	if (!pool->recover)
		drop_before_gap(pool);
	for (i = 0; i < pool->load_count; i++) {
		pool->load_order[i]->state = FVP_SEGMENT_LIVE;
		list_add_tail(&pool->load_order[i]->node, &pool->segs.order);
	}
	/* Free ones from each device in turn, so that consecutive segments spread. */
	for (i = 0; i < pool->segment_count; i++) {
		for (d = 0; d < pool->flash_count; d++) {
			struct fvp_flash *flash = &pool->flash[d];
			struct fvp_segment *seg = &pool->segments[flash->segment_first + i];

			if (i >= flash->segment_count || seg->gen)
				continue;
			list_add_tail(&seg->node, &pool->segs.free);
			pool->segs.free_count++;
		}
	}
	return 0;
}

/* May flash hold the only copy of acknowledged writes? */
static bool may_be_dirty(const struct fvp_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->super->volume_count; i++)
		if (pool->super->volumes[i].flags & FVP_VOLUME_MAY_BE_DIRTY)
			return true;
	return false;
}

/*
 * Nothing is lost yet, and nothing is to be guessed: what may hold acknowledged writes
 * has to be readable.
 */
static int dirty_missing(struct fvp_pool *pool, u64 gen, char *err, size_t err_len)
{
	snprintf(err, err_len,
		 "%s: segment of generation %llu cannot be read, and it may hold acknowledged "
		 "writes; bring its device back, or see docs/failure.md",
		 fvp_host_dev_name(pool->flash[0].dev), (unsigned long long)gen);
	return -EUCLEAN;
}

/*
 * The superblock's list is as of its last update.  Segments before what the newest segment
 * header says are clean since, and the watermarks that say so need not be found.
 */
static void pinned_trim(struct fvp_pool *pool, u64 dirty_gen)
{
	struct fvp_super *super = pool->super;
	u32 i, kept = 0;

	for (i = 0; i < super->pinned_count; i++)
		if (super->pinned[i] >= dirty_gen)
			super->pinned[kept++] = super->pinned[i];
	super->pinned_count = kept;
}

/*
 * A replica: what is dirty counts, in whichever segments are there, and nothing else.  The
 * pool's own tail and list are not about this device.
 */
static void recover_bounds(struct fvp_pool *pool)
{
	pool->super->pinned_count = 0;
	pool->super->tail_gen = 0;
	pool->load_dirty_gen = 0;
}

/* Do the segments that the scan found include all that may be dirty? */
static bool scan_complete(struct fvp_pool *pool, u64 newest)
{
	u32 first = pool->super->pinned_count;

	if (pool->recover || !may_be_dirty(pool) || pool->load_dirty_gen > newest)
		return true;
	return pool->load_count > first && pool->load_order[first]->gen <= pool->load_dirty_gen;
}

/*
 * A watermark from beyond the newest segment that was found says that all of them are clean:
 * its own segment is gone.  The generation is given out anew, and what is dirty there is not
 * what it spoke of.
 */
static void watermarks_trim(struct fvp_pool *pool)
{
	u64 end = fvp_place(pool->log.next_gen, 0);
	struct fvp_volume *vol;
	u32 i;

	for (i = 0; i < pool->super->volume_count; i++)
		pool->super->volumes[i].watermark = min(pool->super->volumes[i].watermark, end);
	list_for_each_entry (vol, &pool->volumes, node)
		vol->load_watermark = min(vol->load_watermark, end);
}

int fvp_load_scan(struct fvp_pool *pool, char *text, size_t text_len)
{
	struct scan *scan = kvzalloc(sizeof(*scan), GFP_KERNEL);
	int err = -ENOMEM;
	u64 newest;
	u32 first;

	if (!scan)
		return -ENOMEM;
	scan->pool = pool;
	scan->mem = kvmalloc(SCAN_BATCH * pool->block_sectors * FVP_SECTOR_BYTES, GFP_KERNEL);
	if (!scan->mem)
		goto out;
	for (first = 0; first < pool->segment_count; first += SCAN_BATCH)
		scan_batch(scan, first, min_t(u32, SCAN_BATCH, pool->segment_count - first));
	err = 0;
	newest = scan->max_gen;
	/*
	 * Where the newest headers are gone their generations are given out again.  What an
	 * activation wrote, it wrote after an update of the superblock; and the sequence runs
	 * ahead of a segment by two, as the next one is open by then.
	 */
	pool->log.seq_from = pool->super->generation << (FVP_LOG_SEQ_BITS + 2);
	/*
	 * The tail may have passed all there is: then it is the next, so that there is no gap
	 * behind it.
	 */
	pool->log.next_gen = max(scan->max_gen + 1, pool->super->tail_gen);
	pool->log.head = fvp_place(pool->log.next_gen, 0);
	pool->load_dirty_gen = max(scan->dirty_gen, pool->super->tail_gen);
	if (pool->recover)
		recover_bounds(pool);
	pinned_trim(pool, may_be_dirty(pool) ? scan->dirty_gen : ~0ULL);
	if (pool->scan_errors && may_be_dirty(pool)) {
		err = dirty_missing(pool, pool->load_dirty_gen, text, text_len);
		goto out;
	}
	if (pool->scan_errors) {
		/* Void all: see scan_take(). */
		pr_warn("the cached content of the pool is dropped, as parts of it cannot be read; "
			"nothing is lost, the origins have it all\n");
		/* It may be newer than all that was found, by fewer than there are segments. */
		pool->log.next_gen += pool->segment_count;
		pool->log.head = fvp_place(pool->log.next_gen, 0);
		pool->super->tail_gen = pool->log.next_gen;
	}
	if (pool->log.next_gen >= FVP_GEN_END / 2) {
		snprintf(text, text_len, "%s: segment of generation %llu, which no pool reaches",
			 fvp_host_dev_name(pool->flash[0].dev),
			 (unsigned long long)pool->log.next_gen - 1);
		err = -EUCLEAN;
		goto out;
	}
	watermarks_trim(pool);
	/* Clean content of a replica is never used. */
	pool->load_tail_gen = pool->recover ? ~0ULL : pool->super->tail_gen;
	err = scan_sort(pool);
	if (err == -EUCLEAN)
		dirty_missing(pool, pool->super->pinned[0], text, text_len);
	/* drop_before_gap() may have dropped what must not be. */
	if (!err && !scan_complete(pool, newest))
		err = dirty_missing(pool, pool->load_dirty_gen, text, text_len);
out:
	kvfree(scan->mem);
	kvfree(scan);
	return err;
}

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
	if (!vol->dirty.entries)
		vol->dirty.epoch = entry->arg + 1;
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
		dirty_missing(pool, seg->gen, text, text_len);
	cond_resched();
	return err;
}

int fvp_load_dirty(struct fvp_pool *pool, char *text, size_t text_len)
{
	u32 pinned = pool->super->pinned_count;
	struct fvp_segment *seg;
	int err = 0;

	if (!may_be_dirty(pool))
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
		/* There is room in the log again. */
		queue_work(pool->bg_wq, &pool->prepare_work);
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
