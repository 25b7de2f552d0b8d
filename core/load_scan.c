// SPDX-License-Identifier: GPL-2.0
/* The first half of load.h: which segments are live, by their headers. */
#include "pool.h"
#include "io.h"
#include "load.h"

/* Segment headers read at once. */
#define SCAN_BATCH 64

struct scan_io {
	struct fvp_io io;
	struct scan *scan;
	u32 number; /* of the segment */
};

struct scan {
	struct fvp_pool *pool;
	atomic_t pending;
	struct completion done;
	void *mem; /* 2 * SCAN_BATCH blocks */
	u64 max_gen;
	u64 dirty_from_gen; /* of the newest segment header */
	u64 dirty_gen; /* what it says: before that nothing is dirty */
	u32 count; /* of ios that are in use */
	struct scan_io ios[SCAN_BATCH];
};

static void scan_done(struct fvp_io *io)
{
	struct scan *scan = container_of(io, struct scan_io, io)->scan;

	if (atomic_dec_and_test(&scan->pending))
		complete(&scan->done);
}

/* Reads the first blocks, one or two, of the segments of scan->ios that are in use. */
static void scan_read(struct scan *scan, u32 blocks)
{
	struct fvp_pool *pool = scan->pool;
	u32 i;

	if (!scan->count)
		return;
	init_completion(&scan->done);
	atomic_set(&scan->pending, (int)scan->count);
	for (i = 0; i < scan->count; i++) {
		struct fvp_segment *seg = &pool->segments[scan->ios[i].number];

		scan->ios[i].scan = scan;
		scan->ios[i].io = (struct fvp_io){
			.dev = seg->dev,
			.sector = seg->sector,
			.len_sectors = blocks * pool->block_sectors,
			.op = FVP_IO_READ,
			.mem = scan->mem + (size_t)i * 2 * pool->block_sectors * FVP_SECTOR_BYTES,
			.done = scan_done,
		};
		fvp_host_submit(&scan->ios[i].io);
	}
	wait_for_completion(&scan->done);
	pool->load_bytes += (u64)scan->count * blocks * pool->block_sectors * FVP_SECTOR_BYTES;
}

/*
 * Something cannot be read.  It may be live, and newer than all: without it no older
 * content can be believed, and nothing tells which is older.
 */
static void scan_failed(struct scan *scan, const struct fvp_segment *seg, int err)
{
	struct fvp_pool *pool = scan->pool;

	pr_warn("%s: cannot read segment %u (error %d)\n", fvp_host_dev_name(seg->dev),
		fvp_segment_number(pool, seg), err);
	pool->scan_errors++;
}

/* Takes one segment header: sets seg->gen.  False: it is none of this pool. */
static bool scan_take_header(struct scan *scan, const struct scan_io *sio)
{
	struct fvp_segment *seg = &scan->pool->segments[sio->number];
	struct fvp_media media = fvp_pool_media(scan->pool);
	struct fvp_block block;

	if (sio->io.error) {
		scan_failed(scan, seg, sio->io.error);
		return true;
	}
	if (fvp_block_decode(&media, sio->io.mem, FVP_BLOCK_SEGMENT, 0, &block))
		return false;
	seg->gen = block.segment_gen;
	seg->seq = block.seq;
	scan->max_gen = max(scan->max_gen, block.segment_gen);
	if (block.segment_gen > scan->dirty_from_gen) {
		scan->dirty_from_gen = block.segment_gen;
		scan->dirty_gen = block.segment_gen - min_t(u64, block.arg, block.segment_gen);
	}
	return true;
}

/* A header that is damaged; or a record at the beginning, behind one that is gone. */
static bool scan_was_used(struct fvp_pool *pool, const struct scan_io *sio)
{
	const struct fvp_disk_block *header = sio->io.mem;
	struct fvp_media media = fvp_pool_media(pool);
	u32 b = pool->block_sectors, at;
	struct fvp_block block;

	if (fvp_block_ours(&media, header))
		return true;
	for (at = b; at < 2 * b; at++)
		if (!fvp_block_decode(&media, sio->io.mem + (size_t)at * FVP_SECTOR_BYTES,
				      FVP_BLOCK_RECORD, at, &block))
			return true;
	return false;
}

/*
 * A segment without a header was never used, or its header is damaged, and it may be the
 * newest there is: then its records tell of what generation it is.
 */
static void scan_take_records(struct scan *scan, const struct scan_io *sio)
{
	struct fvp_pool *pool = scan->pool;
	struct fvp_segment *seg = &pool->segments[sio->number];
	int err = sio->io.error;

	if (!err && !scan_was_used(pool, sio))
		return;
	if (!err)
		err = fvp_segment_read_generation(pool, seg, &seg->gen, &seg->seq);
	if (err) {
		scan_failed(scan, seg, err);
		return;
	}
	pr_warn("%s: the header of segment %u is damaged; its records are of generation %llu\n",
		fvp_host_dev_name(seg->dev), sio->number, (unsigned long long)seg->gen);
	scan->max_gen = max(scan->max_gen, seg->gen);
}

/*
 * A replica's slot has a header, or zeroes.  Damaged, it may be of a time when the slot
 * had other content, which is not to be brought back.
 */
static void scan_check_slot(struct fvp_pool *pool, const struct scan_io *sio)
{
	if (!memchr_inv(sio->io.mem, 0, FVP_BLOCK_HEADER_BYTES))
		return;
	pr_warn("%s: the header of slot %u is damaged\n",
		fvp_host_dev_name(pool->segments[sio->number].dev), sio->number);
	pool->scan_errors++;
}

static void scan_batch(struct scan *scan, u32 first, u32 count)
{
	struct fvp_pool *pool = scan->pool;
	u32 i, again = 0;

	for (i = 0; i < count; i++) {
		pool->segments[first + i].gen = 0;
		scan->ios[i].number = first + i;
	}
	scan->count = count;
	scan_read(scan, 1);
	for (i = 0; i < count; i++) {
		if (scan_take_header(scan, &scan->ios[i]))
			continue;
		if (pool->recover)
			scan_check_slot(pool, &scan->ios[i]);
		else
			scan->ios[again++].number = scan->ios[i].number;
	}
	scan->count = again;
	scan_read(scan, 2);
	for (i = 0; i < again; i++)
		scan_take_records(scan, &scan->ios[i]);
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

bool fvp_load_may_be_dirty(const struct fvp_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->super->volume_count; i++)
		if (pool->super->volumes[i].flags & FVP_VOLUME_MAY_BE_DIRTY)
			return true;
	return false;
}

int fvp_load_dirty_missing(struct fvp_pool *pool, u64 gen, char *err, size_t err_len)
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

	if (pool->recover || !fvp_load_may_be_dirty(pool) || pool->load_dirty_gen > newest)
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
	scan->mem = kvmalloc(2 * SCAN_BATCH * pool->block_sectors * FVP_SECTOR_BYTES, GFP_KERNEL);
	if (!scan->mem)
		goto out;
	for (first = 0; first < pool->segment_count; first += SCAN_BATCH)
		scan_batch(scan, first, min_t(u32, SCAN_BATCH, pool->segment_count - first));
	err = 0;
	newest = scan->max_gen;
	/*
	 * Where the newest headers are gone their generations are given out again.  What an
	 * activation wrote, it wrote after an update of the superblock.
	 */
	pool->log.seq_from = pool->super->generation << FVP_LOG_SEQ_FROM_BITS;
	/*
	 * The tail may have passed all there is: then it is the next, so that there is no gap
	 * behind it.
	 */
	pool->log.next_gen = max(scan->max_gen + 1, pool->super->tail_gen);
	pool->log.head = fvp_place(pool->log.next_gen, 0);
	pool->load_dirty_gen = max(scan->dirty_gen, pool->super->tail_gen);
	if (pool->recover)
		recover_bounds(pool);
	pinned_trim(pool, fvp_load_may_be_dirty(pool) ? scan->dirty_gen : ~0ULL);
	if (pool->scan_errors && fvp_load_may_be_dirty(pool)) {
		err = fvp_load_dirty_missing(pool, pool->load_dirty_gen, text, text_len);
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
		fvp_load_dirty_missing(pool, pool->super->pinned[0], text, text_len);
	/* drop_before_gap() may have dropped what must not be. */
	if (!err && !scan_complete(pool, newest))
		err = fvp_load_dirty_missing(pool, pool->load_dirty_gen, text, text_len);
out:
	kvfree(scan->mem);
	kvfree(scan);
	return err;
}
