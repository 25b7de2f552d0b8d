// SPDX-License-Identifier: GPL-2.0
/* The log's segments: opened ahead of need, sealed behind. */
#include "pool.h"
#include "health.h"
#include "io.h"
#include "leg.h"
#include "log_private.h"
#include "reclaim.h"

static struct fvp_log_buffer *buffer_get(struct fvp_log *log)
{
	u32 i;

	for (i = 0; i < FVP_LOG_BUFFERS; i++)
		if (log->buffer[i].mem && !atomic_cmpxchg(&log->buffer[i].refs, 0, 1))
			return &log->buffer[i];
	return NULL;
}

void fvp_log_buffer_hold(struct fvp_log_buffer *buffer)
{
	atomic_inc(&buffer->refs);
}

void fvp_log_buffer_put(struct fvp_pool *pool, struct fvp_log_buffer *buffer)
{
	/* The log may have waited for one. */
	if (atomic_dec_and_test(&buffer->refs) && !READ_ONCE(pool->stopping))
		queue_work(pool->bg_wq, &pool->prepare_work);
}

int fvp_log_buffers_add(struct fvp_pool *pool, u32 count)
{
	struct fvp_log *log = &pool->log;
	struct fvp_mem *mem;
	u32 i;

	for (i = 0; i < FVP_LOG_BUFFERS && count; i++) {
		if (log->buffer[i].mem)
			continue;
		mem = fvp_host_mem_alloc((size_t)pool->segment_sectors * FVP_SECTOR_BYTES);
		if (!mem)
			return -ENOMEM;
		log->buffer[i].mem_of = mem;
		WRITE_ONCE(log->buffer[i].mem, fvp_host_mem_address(mem));
		count--;
	}
	return 0;
}

/*
 * How many generations before gen the oldest dirty entry may lie.  Entries that come
 * later lie in the current segment or behind it.
 */
static u32 dirty_back(struct fvp_pool *pool, u64 gen)
{
	struct fvp_log *log = &pool->log;
	u64 from = gen;

	spin_lock_irq(&log->lock);
	if (log->dirty_entries)
		from = log->dirty_gen;
	else if (log->cur)
		from = log->cur->gen;
	spin_unlock_irq(&log->lock);
	return from < gen ? (u32)(gen - from) : 0;
}

void fvp_log_segment_header(struct fvp_pool *pool, const struct fvp_segment *seg, void *mem)
{
	struct fvp_media media = fvp_pool_media(pool);
	struct fvp_block block = {
		.kind = FVP_BLOCK_SEGMENT,
		.segment_gen = seg->gen,
		.seq = seg->seq,
		.tail_gen = READ_ONCE(pool->super->tail_gen),
		.legset_gen = READ_ONCE(pool->super->legset_gen),
		.len_sectors = pool->segment_sectors,
		.arg = dirty_back(pool, seg->gen),
	};

	memset64(mem, 0, fvp_block_bytes(&media) / sizeof(u64));
	fvp_block_encode(&media, &block, mem);
}

bool fvp_log_header_right(struct fvp_pool *pool, u64 gen, const void *mem)
{
	struct fvp_media media = fvp_pool_media(pool);
	struct fvp_block block;

	return !fvp_block_decode(&media, mem, FVP_BLOCK_SEGMENT, 0, &block) &&
	       block.segment_gen == gen;
}

/*
 * Opens a segment: its header is durable before anything else is written to it,
 * so that no replay takes what the segment held before for current.  0, -EAGAIN
 * (nothing to open now) or -EIO.
 */
static int log_open_next(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	struct fvp_segment *seg;
	struct fvp_log_buffer *buffer = buffer_get(log);
	int err;

	if (!buffer)
		return -EAGAIN;
	seg = fvp_segment_take(pool, log->next_gen);
	if (!seg) {
		/* Not by fvp_log_buffer_put(): nobody has to be told. */
		atomic_dec(&buffer->refs);
		return -EAGAIN;
	}
	log->next_gen++;
	seg->seq = fvp_log_header_seq(log->seq_from, seg->gen);
	fvp_log_segment_header(pool, seg, buffer->mem);
	err = fvp_io_mem(seg->dev, FVP_IO_WRITE, seg->sector, pool->block_sectors, buffer->mem,
			 FVP_IO_FUA);
	atomic64_add(pool->block_sectors, &pool->stats.flash_written_sectors);
	if (err) {
		fvp_health_flash_failed(pool, seg->dev, err);
		fvp_log_buffer_put(pool, buffer);
		return -EIO;
	}
	if (pool->leg_count)
		fvp_legs_open_segment(pool, seg, buffer);
	spin_lock_irq(&log->lock);
	seg->ram = buffer->mem;
	seg->buffer = buffer;
	seg->pending = 0;
	log->next = seg;
	/* The sequence goes on with the generation: see docs/format.md. */
	log->seq = max(log->seq, seg->seq + 1);
	spin_unlock_irq(&log->lock);
	return 0;
}

void fvp_log_prepare_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(work, struct fvp_pool, prepare_work);

	if (pool->stopping || READ_ONCE(pool->health) == FVP_POOL_FAILED)
		return;
	if (!READ_ONCE(pool->log.next) && !log_open_next(pool))
		fvp_log_wake(pool);
	if (fvp_segment_free_count(pool) < pool->segs.reserve)
		queue_work(pool->bg_wq, &pool->reclaim_work);
}

/*
 * Everything in seg has been written: adds the summary, after a flush so that
 * entries in it may be believed unseen, and lets the RAM buffer go.
 *
 * Or flash has failed, perhaps in a record of this segment: what it holds there is an older
 * segment's, of any volume.  A reader that has looked up an entry of that record, or still does
 * (volumes stop to serve a little later), must find the buffer, so it stays for good: no other
 * segment will want it.
 */
static void segment_seal(struct fvp_pool *pool, struct fvp_segment *seg)
{
	struct fvp_media media = fvp_pool_media(pool);
	struct fvp_log_buffer *buffer = seg->buffer;
	u32 start;
	int err;

	if (READ_ONCE(pool->health) != FVP_POOL_OK) {
		fvp_segment_set_state(pool, seg, FVP_SEGMENT_LIVE);
		return;
	}
	start = fvp_summary_build(&media, buffer->mem, seg->entry_count, seg->gen, seg->seq,
				  READ_ONCE(pool->super->tail_gen));
	err = fvp_io_mem(seg->dev, FVP_IO_WRITE, seg->sector + start, pool->segment_sectors - start,
			 buffer->mem + (size_t)start * FVP_SECTOR_BYTES,
			 FVP_IO_PREFLUSH | FVP_IO_FUA);
	atomic64_add(pool->segment_sectors - start, &pool->stats.flash_written_sectors);
	if (err)
		fvp_health_flash_failed(pool, seg->dev, err);
	else
		atomic64_inc(&pool->stats.segments_sealed);
	if (!err && pool->leg_count)
		fvp_legs_seal_segment(pool, seg, start, buffer);
	WRITE_ONCE(seg->ram, NULL);
	/* Readers that still copy from the buffer. */
	fvp_pins_wait(&pool->reads);
	seg->buffer = NULL;
	fvp_log_buffer_put(pool, buffer);
	fvp_segment_set_state(pool, seg, FVP_SEGMENT_LIVE);
}

void fvp_log_seal_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(work, struct fvp_pool, seal_work);
	struct fvp_log *log = &pool->log;
	struct fvp_segment *seg;
	u32 i;

	for (i = 0; i < FVP_LOG_BUFFERS; i++) {
		spin_lock_irq(&log->lock);
		seg = log->full[i];
		spin_unlock_irq(&log->lock);
		if (!seg)
			continue;
		segment_seal(pool, seg);
		spin_lock_irq(&log->lock);
		log->full[i] = NULL;
		spin_unlock_irq(&log->lock);
		queue_work(pool->bg_wq, &pool->prepare_work);
	}
	wake_up_all(&pool->wait);
}

int fvp_log_init(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	u32 buffers = clamp_t(u32, FVP_LOG_BUFFERS_SECTORS / pool->segment_sectors,
			      FVP_LOG_BUFFERS_MIN, FVP_LOG_BUFFERS_MAX);
	u32 i;

	spin_lock_init(&log->lock);
	INIT_LIST_HEAD(&log->waiters);
	for (i = 0; i < FVP_LOG_RECORDS; i++)
		fvp_log_record_init(pool, &log->records[i]);
	INIT_WORK(&log->submit_work, fvp_log_submit_work);
	return fvp_log_buffers_add(pool, buffers);
}

void fvp_log_destroy(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	u32 i;

	for (i = 0; i < FVP_LOG_BUFFERS; i++) {
		fvp_host_mem_free(log->buffer[i].mem_of);
		log->buffer[i].mem_of = NULL;
		log->buffer[i].mem = NULL;
	}
}

int fvp_log_start(struct fvp_pool *pool)
{
	int err = log_open_next(pool);

	if (err)
		return err;
	queue_work(pool->bg_wq, &pool->prepare_work);
	return 0;
}

static bool log_quiet(struct fvp_log *log)
{
	bool quiet;
	u32 i;

	spin_lock_irq(&log->lock);
	quiet = !log->inflight && !log->open;
	for (i = 0; i < FVP_LOG_BUFFERS; i++)
		quiet = quiet && !log->full[i];
	spin_unlock_irq(&log->lock);
	return quiet;
}

void fvp_log_stop(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	struct fvp_log_record *record;

	spin_lock_irq(&log->lock);
	/* No next segment is opened from here on. */
	pool->stopping = true;
	record = fvp_log_close(log);
	if (log->cur && (log->cur->pending || log->entry_count))
		fvp_log_retire(pool);
	spin_unlock_irq(&log->lock);
	if (record)
		fvp_log_submit(record);
	wait_event(pool->wait, log_quiet(log));
}
