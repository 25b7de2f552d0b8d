// SPDX-License-Identifier: GPL-2.0
/* See load.h. */
#include "pool.h"
#include "io.h"
#include "load.h"
#include "reclaim.h"
#include "settle.h"

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
	if (fvp_block_decode(&media, sio->io.mem, FVP_BLOCK_SEGMENT, 0, &block))
		return;
	scan->max_gen = max(scan->max_gen, block.segment_gen);
	pool->super->tail_gen = max(pool->super->tail_gen, block.tail_gen);
	seg->gen = block.segment_gen;
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
 * Generations are given out without a gap.  One that is missing was damaged, and
 * with it went what it superseded: only what is newer can be believed.
 */
static void drop_before_gap(struct fvp_pool *pool)
{
	u32 from = pool->load_count, i;

	while (from > 1 && pool->load_order[from - 2]->gen + 1 == pool->load_order[from - 1]->gen)
		from--;
	if (from < 2)
		return;
	from--;
	pr_warn("segment of generation %llu is missing: older cached content is dropped\n",
		(unsigned long long)pool->load_order[from]->gen - 1);
	pool->super->tail_gen = pool->load_order[from]->gen;
	for (i = 0; i < from; i++)
		pool->load_order[i]->gen = 0;
	pool->load_count -= from;
	memmove(pool->load_order, pool->load_order + from,
		pool->load_count * sizeof(*pool->load_order));
}

/* Live segments in the order of their generations, for the lists and the loader. */
static int scan_sort(struct fvp_pool *pool)
{
	u64 tail = pool->super->tail_gen;
	u32 i, d;

	pool->load_order = kvcalloc(pool->segment_count, sizeof(*pool->load_order), GFP_KERNEL);
	if (!pool->load_order)
		return -ENOMEM;
	for (i = 0; i < pool->segment_count; i++) {
		struct fvp_segment *seg = &pool->segments[i];

		if (seg->gen && seg->gen >= tail)
			pool->load_order[pool->load_count++] = seg;
		else
			seg->gen = 0;
	}
	sort(pool->load_order, pool->load_count, sizeof(*pool->load_order), by_generation, NULL);
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

int fvp_load_scan(struct fvp_pool *pool)
{
	struct scan *scan = kvzalloc(sizeof(*scan), GFP_KERNEL);
	int err = -ENOMEM;
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
	scan->max_gen = max(scan->max_gen, pool->super->tail_gen);
	pool->log.next_gen = scan->max_gen + 1;
	if (pool->scan_errors) {
		/* Void all: see scan_take(). */
		pr_warn("the cached content of the pool is dropped, as parts of it cannot be read; "
			"nothing is lost, the origins have it all\n");
		pool->super->tail_gen = scan->max_gen + 1;
	}
	err = scan_sort(pool);
out:
	kvfree(scan->mem);
	kvfree(scan);
	return err;
}

bool fvp_entry_in_volume(const struct fvp_volume *vol, const struct fvp_entry *entry)
{
	if (entry->lba >= vol->sectors || entry->len_sectors > vol->sectors - entry->lba)
		return false;
	if (entry->kind != FVP_ENTRY_DATA)
		return true;
	/* As fvp_request is cut: never over a multiple of the longest request. */
	return entry->len_sectors <= FVP_IO_SECTORS_MAX &&
	       entry->lba / FVP_IO_SECTORS_MAX ==
		       (entry->lba + entry->len_sectors - 1) / FVP_IO_SECTORS_MAX;
}

static void entry_load(struct fvp_pool *pool, struct fvp_segment *seg,
		       const struct fvp_entry *entry)
{
	struct fvp_volume *vol = fvp_volume_by_id(pool, entry->volume);
	int err = 0;

	if (!vol)
		return;
	if (entry->kind == FVP_ENTRY_SETTLED) {
		fvp_settle_load(vol, entry);
		return;
	}
	if (!fvp_entry_in_volume(vol, entry)) {
		atomic64_inc(&pool->stats.bad_blocks);
		return;
	}
	atomic64_inc(&pool->stats.loaded_entries);
	if (entry->kind == FVP_ENTRY_DATA && fvp_settle_believed(vol, seg->gen, entry))
		err = fvp_index_insert_gaps(&vol->index, entry->lba, entry->len_sectors,
					    fvp_segment_addr(pool, seg) + entry->offset_sectors);
	else
		err = fvp_index_mark_gaps(&vol->index, entry->lba, entry->len_sectors);
	if (err)
		WRITE_ONCE(vol->index.closed, true);
}

/* Loads one segment.  Caller holds pool->seg_mutex.  0, or -errno: stop. */
static int segment_load(struct fvp_pool *pool, struct fvp_segment *seg)
{
	struct fvp_segment_entries entries;
	u32 i;
	int err;

	/* Reclaimed, and perhaps opened again, since the scan. */
	if (seg->state != FVP_SEGMENT_LIVE || seg->gen >= pool->load_gen_end)
		return 0;
	err = fvp_segment_read_entries(pool, seg, &entries);
	if (err) {
		pr_warn("%s: cannot read a segment (error %d): older cached content is dropped\n",
			fvp_host_dev_name(seg->dev), err);
		fvp_reclaim_void_through(pool, seg);
		/* There is room in the log again. */
		queue_work(pool->bg_wq, &pool->prepare_work);
		return err;
	}
	pool->load_bytes += entries.bytes_read;
	mutex_lock(&pool->super_mutex);
	for (i = entries.count; i-- > 0;)
		entry_load(pool, seg, &entries.entry[i]);
	mutex_unlock(&pool->super_mutex);
	kvfree(entries.entry);
	return 0;
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
