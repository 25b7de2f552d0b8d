// SPDX-License-Identifier: GPL-2.0
/* The log's segments: opened ahead of need, sealed behind. */
#include "pool.h"
#include "health.h"
#include "io.h"
#include "log_private.h"
#include "reclaim.h"

static void *buffer_get(struct fvp_log *log)
{
	void *buffer = NULL;
	u32 i;

	spin_lock_irq(&log->lock);
	for (i = 0; i < FVP_LOG_BUFFERS_MAX && !buffer; i++)
		swap(buffer, log->buffer[i]);
	spin_unlock_irq(&log->lock);
	return buffer;
}

static void buffer_put(struct fvp_log *log, void *buffer)
{
	u32 i;

	spin_lock_irq(&log->lock);
	for (i = 0; i < FVP_LOG_BUFFERS_MAX && buffer; i++)
		if (!log->buffer[i])
			swap(buffer, log->buffer[i]);
	spin_unlock_irq(&log->lock);
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
	return (u32)(gen - from);
}

/*
 * Opens a segment: its header is durable before anything else is written to it,
 * so that no replay takes what the segment held before for current.  0, -EAGAIN
 * (nothing to open now) or -EIO.
 */
static int log_open_next(struct fvp_pool *pool)
{
	struct fvp_media media = fvp_pool_media(pool);
	struct fvp_log *log = &pool->log;
	struct fvp_block block = { .kind = FVP_BLOCK_SEGMENT };
	struct fvp_segment *seg;
	void *buffer = buffer_get(log);
	int err;

	if (!buffer)
		return -EAGAIN;
	block.segment_gen = log->next_gen;
	seg = fvp_segment_take(pool, block.segment_gen);
	if (!seg) {
		buffer_put(log, buffer);
		return -EAGAIN;
	}
	log->next_gen++;
	block.seq = block.segment_gen << 24;
	block.tail_gen = READ_ONCE(pool->super->tail_gen);
	block.len_sectors = pool->segment_sectors;
	block.arg = dirty_back(pool, block.segment_gen);
	memset64(buffer, 0, fvp_block_bytes(&media) / sizeof(u64));
	fvp_block_encode(&media, &block, buffer);
	err = fvp_io_mem(seg->dev, FVP_IO_WRITE, seg->sector, pool->block_sectors, buffer,
			 FVP_IO_FUA);
	atomic64_add(pool->block_sectors, &pool->stats.flash_written_sectors);
	if (err) {
		fvp_health_flash_failed(pool, seg->dev, err);
		buffer_put(log, buffer);
		return -EIO;
	}
	spin_lock_irq(&log->lock);
	seg->ram = buffer;
	seg->pending = 0;
	log->next = seg;
	/* The sequence goes on with the generation: see docs/format.md. */
	log->seq = max(log->seq, block.seq + 1);
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
 */
static void segment_seal(struct fvp_pool *pool, struct fvp_segment *seg)
{
	struct fvp_media media = fvp_pool_media(pool);
	void *buffer = seg->ram;
	int err = -EIO;
	u32 start;

	if (READ_ONCE(pool->health) == FVP_POOL_OK) {
		start = fvp_summary_build(&media, buffer, seg->entry_count, seg->gen,
					  READ_ONCE(pool->super->tail_gen));
		err = fvp_io_mem(
			seg->dev, FVP_IO_WRITE, seg->sector + start, pool->segment_sectors - start,
			buffer + (size_t)start * FVP_SECTOR_BYTES, FVP_IO_PREFLUSH | FVP_IO_FUA);
		atomic64_add(pool->segment_sectors - start, &pool->stats.flash_written_sectors);
		if (err)
			fvp_health_flash_failed(pool, seg->dev, err);
		else
			atomic64_inc(&pool->stats.segments_sealed);
	}
	WRITE_ONCE(seg->ram, NULL);
	/* Readers that still copy from the buffer. */
	fvp_pins_wait(&pool->reads);
	buffer_put(&pool->log, buffer);
	fvp_segment_set_state(pool, seg, FVP_SEGMENT_LIVE);
}

void fvp_log_seal_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(work, struct fvp_pool, seal_work);
	struct fvp_log *log = &pool->log;
	struct fvp_segment *seg;
	u32 i;

	for (i = 0; i < FVP_LOG_BUFFERS_MAX; i++) {
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
	INIT_WORK(&log->submit_work, fvp_log_submit_work);
	for (i = 0; i < buffers; i++) {
		/* In one piece if it is to be had: then a record is one, too. */
		log->buffer[i] =
			kvzalloc((size_t)pool->segment_sectors * FVP_SECTOR_BYTES, GFP_KERNEL);
		if (!log->buffer[i])
			return -ENOMEM;
	}
	return 0;
}

void fvp_log_destroy(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	u32 i;

	for (i = 0; i < FVP_LOG_BUFFERS_MAX; i++) {
		kvfree(log->buffer[i]);
		log->buffer[i] = NULL;
	}
	/* After a failure buffers may still be with their segments. */
	if (log->cur)
		kvfree(log->cur->ram);
	if (log->next)
		kvfree(log->next->ram);
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
	for (i = 0; i < FVP_LOG_BUFFERS_MAX; i++)
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
