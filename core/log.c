// SPDX-License-Identifier: GPL-2.0
/* The log: appending, closing and submitting records.  log_segment.c has the rest. */
#include "pool.h"
#include "health.h"
#include "leg.h"
#include "log_private.h"

/* log->lock held: once off the list a waiter may be gone. */
static void waiters_wake(struct fvp_log *log)
{
	struct fvp_log_waiter *waiter;

	lockdep_assert_held(&log->lock);
	while (!list_empty(&log->waiters)) {
		waiter = list_first_entry(&log->waiters, struct fvp_log_waiter, node);
		list_del_init(&waiter->node);
		queue_work(waiter->wq, waiter->work);
	}
}

void fvp_log_wake(struct fvp_pool *pool)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->log.lock, flags);
	waiters_wake(&pool->log);
	spin_unlock_irqrestore(&pool->log.lock, flags);
}

/* The current segment takes no more; log->lock held. */
void fvp_log_retire(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	struct fvp_segment *seg = log->cur;

	lockdep_assert_held(&log->lock);
	seg->entry_count = log->entry_count;
	fvp_segment_set_state(pool, seg, FVP_SEGMENT_SEALING);
	log->cur = NULL;
	if (!seg->pending)
		fvp_log_full(pool, seg);
}

/* Nothing of seg is in flight any more: hand it to the sealer.  log->lock held. */
void fvp_log_full(struct fvp_pool *pool, struct fvp_segment *seg)
{
	struct fvp_log *log = &pool->log;
	u32 i;

	lockdep_assert_held(&log->lock);
	for (i = 0; i < FVP_LOG_BUFFERS; i++) {
		if (!log->full[i]) {
			log->full[i] = seg;
			queue_work(pool->bg_wq, &pool->seal_work);
			return;
		}
	}
	WARN_ON_ONCE(1);
}

/* Closes the open record; returns it if it can be submitted now.  log->lock held. */
struct fvp_log_record *fvp_log_close(struct fvp_log *log)
{
	struct fvp_log_record *record = log->open;

	lockdep_assert_held(&log->lock);
	if (!record)
		return NULL;
	log->open = NULL;
	record->closed = true;
	if (record->writers)
		return NULL;
	log->inflight++;
	return record;
}

/* The record that is number n in log order; log->lock held. */
static struct fvp_log_record *record_at(struct fvp_log *log, u32 n)
{
	return &log->records[n % FVP_LOG_RECORDS];
}

/* Tells all of them; each may be gone then. */
static void appends_done(struct fvp_append *append, int error)
{
	struct fvp_append *next;

	for (; append; append = next) {
		next = append->next;
		append->done(append, error);
	}
}

/* All devices have it, or flash does not. */
static __always_inline void record_end(struct fvp_log_record *record)
{
	struct fvp_pool *pool = record->pool;
	struct fvp_log *log = &pool->log;
	struct fvp_append *appends = record->appends;
	int error = record->io.error;
	unsigned long flags;

	if (unlikely(error)) {
		/* Before anybody can take the record for written. */
		appends_done(appends, error);
		appends = NULL;
	}
	spin_lock_irqsave(&log->lock, flags);
	log->inflight--;
	if (FVP_STATISTICS && !error)
		fvp_latency_note(&pool->stats.flash_write, record->flash_ns);
	if (!--record->seg->pending && record->seg != log->cur)
		fvp_log_full(pool, record->seg);
	record->done = true;
	while (log->records_from != log->records_to && record_at(log, log->records_from)->done)
		log->records_from++;
	if (unlikely(!list_empty(&log->waiters)))
		waiters_wake(log);
	/* The log may be gone once nothing is in flight: touch it no more behind the lock. */
	if (log->open && !log->open->writers)
		queue_work(pool->io_wq, &log->submit_work);
	spin_unlock_irqrestore(&log->lock, flags);
	appends_done(appends, 0);
}

static __always_inline void record_put(struct fvp_log_record *record)
{
	if (likely(!record->legs) || atomic_dec_and_test(&record->pending))
		record_end(record);
}

void fvp_log_record_put(struct fvp_log_record *record)
{
	record_put(record);
}

static void record_done(struct fvp_io *io)
{
	struct fvp_log_record *record = container_of(io, struct fvp_log_record, io);

	if (unlikely(io->error))
		fvp_health_flash_failed(record->pool, io->dev, io->error);
	else if (FVP_STATISTICS)
		record->flash_ns = fvp_clock_since(record->begun);
	trace_fvp_record_done(record->seq, record->flash_ns, io->error);
	record_put(record);
}

void fvp_log_record_init(struct fvp_pool *pool, struct fvp_log_record *record)
{
	record->pool = pool;
	record->io.op = FVP_IO_WRITE;
	record->io.buf = NULL;
	record->io.done = record_done;
}

/*
 * Completes the header and sends the record.  The header ends its log block, in as few
 * sectors as it needs, so that the record is one piece and its data begins on a block.
 * What is behind its entries goes out as the buffer has it: anything of an older segment,
 * which its generation gives away should it look like a header (I9).
 * Not under a lock; may sleep.
 */
void fvp_log_submit(struct fvp_log_record *record)
{
	struct fvp_pool *pool = record->pool;
	struct fvp_media media = fvp_pool_media(pool);
	void *ram = record->seg->ram;
	u64 tail_gen = READ_ONCE(pool->super->tail_gen);
	u32 bytes = fvp_header_bytes(record->entry_count), i;
	u32 header = round_up(DIV_ROUND_UP(bytes, FVP_SECTOR_BYTES), pool->device_block_sectors);
	u32 skip = pool->block_sectors - header;
	u32 len = record->len_sectors - skip;
	/* All fields: so that it is not cleared first. */
	struct fvp_block block = {
		.kind = FVP_BLOCK_RECORD,
		.header_sectors = (u8)header,
		.arg = 0,
		.segment_gen = record->seg->gen,
		.seq = record->seq,
		.tail_gen = tail_gen,
		.legset_gen = READ_ONCE(pool->super->legset_gen),
		.offset_sectors = record->start + skip,
		.len_sectors = len,
		.entry_count = record->entry_count,
	};
	struct fvp_disk_block *disk = ram + (size_t)block.offset_sectors * FVP_SECTOR_BYTES;

	for (i = 0; i < record->entry_count; i++)
		disk->entries[i] = *fvp_ram_entry(&media, ram, record->entry_first + i);
	fvp_block_encode(&media, &block, disk);
	atomic64_add(len, &pool->stats.flash_written_sectors);
	atomic64_inc(&pool->stats.records);
	atomic64_add(record->entry_count, &pool->stats.record_entries);
	/* One by one: its last field is long, and the host's. */
	trace_fvp_record(record->seq, record->entry_count, len, record->durable, record->legs);
	record->begun = fvp_stat_clock();
	record->io.dev = record->seg->dev;
	record->io.sector = record->seg->sector + block.offset_sectors;
	record->io.len_sectors = len;
	record->io.flags = (record->durable ? FVP_IO_FUA : 0) | (record->sync ? FVP_IO_SYNC : 0);
	record->io.mem = disk;
	record->io.mem_of = record->seg->buffer->mem_of;
	if (likely(!record->legs)) {
		fvp_host_submit(&record->io);
		return;
	}
	/* It stays until all legs have been counted off. */
	atomic_set(&record->pending, 1 + hweight8(record->legs));
	fvp_host_submit(&record->io);
	fvp_legs_write(record);
}

/* Submits what gathered while records were in flight. */
void fvp_log_submit_work(struct work_struct *work)
{
	struct fvp_log *log = container_of(work, struct fvp_log, submit_work);
	struct fvp_log_record *record = NULL;

	spin_lock_irq(&log->lock);
	if (log->open && !log->open->writers && log->inflight < FVP_LOG_INFLIGHT)
		record = fvp_log_close(log);
	spin_unlock_irq(&log->lock);
	if (record)
		fvp_log_submit(record);
}

static struct fvp_log_record *record_open(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	struct fvp_log_record *record;

	if (log->records_to - log->records_from == FVP_LOG_RECORDS)
		return NULL;
	record = record_at(log, log->records_to++);
	log->pos = round_up(log->pos, pool->block_sectors);
	record->seg = log->cur;
	record->seq = log->seq++;
	record->start = log->pos;
	record->len_sectors = pool->block_sectors;
	record->entry_first = log->entry_count;
	record->entry_count = 0;
	record->writers = 0;
	record->closed = false;
	record->durable = false;
	record->sync = false;
	record->done = false;
	record->legs = 0;
	record->appends = NULL;
	record->appends_end = &record->appends;
	log->cur->pending++;
	log->pos += pool->block_sectors;
	log->open = record;
	return record;
}

/* Where data of that length begins, at pos or behind it; without data, at pos. */
static u32 data_align(const struct fvp_pool *pool, u32 pos, u32 data_sectors)
{
	if (!data_sectors)
		return pos;
	/* What fills a block begins on one: whole pages of flash, and no bounce. */
	return round_up(pos, data_sectors >= pool->block_sectors ? pool->block_sectors
								 : pool->device_block_sectors);
}

/*
 * Room for an entry with data_sectors in cur, with a new record or in the open one, and
 * where in the segment it has its data then?
 */
static bool log_has_room(struct fvp_pool *pool, u32 data_sectors, u32 *offset)
{
	struct fvp_log *log = &pool->log;
	struct fvp_media media = fvp_pool_media(pool);
	u32 pos = log->pos;

	if (!log->cur)
		return false;
	if (!log->open)
		pos = round_up(pos, pool->block_sectors) + pool->block_sectors;
	*offset = data_align(pool, pos, data_sectors);
	return round_up(*offset + data_sectors, pool->block_sectors) +
		       fvp_summary_sectors(&media, log->entry_count + 1) <=
	       pool->segment_sectors;
}

/* How full of dirty data the log is; log->lock held. */
static void dirty_fill_update(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;

	WRITE_ONCE(log->dirty_fill, log->dirty_segments * 1000 / pool->dirty_segments_max);
	WRITE_ONCE(log->dirty_last, log->dirty_segments + 1 >= pool->dirty_segments_max);
}

void fvp_log_dirty_limit(struct fvp_pool *pool, u32 segments)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->log.lock, flags);
	WRITE_ONCE(pool->dirty_segments_max, segments);
	dirty_fill_update(pool);
	waiters_wake(&pool->log);
	spin_unlock_irqrestore(&pool->log.lock, flags);
}

void fvp_log_dirty_advance(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	struct fvp_segment *seg;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	spin_lock(&pool->segs.lock);
	list_for_each_entry (seg, &pool->segs.order, node) {
		if (seg->dirty) {
			log->dirty_gen = seg->gen;
			break;
		}
	}
	spin_unlock(&pool->segs.lock);
	dirty_fill_update(pool);
	spin_unlock_irqrestore(&log->lock, flags);
}

/* May an append of that class begin the next segment?  log->lock held. */
static bool log_may_go_on(struct fvp_pool *pool, enum fvp_log_class class)
{
	struct fvp_log *log = &pool->log;
	u32 max = pool->dirty_segments_max - (class == FVP_LOG_FILL);

	if (class == FVP_LOG_DESTAGE)
		return true;
	/* What keeps the tail from moving on leaves the last room to the destager. */
	if ((class < FVP_LOG_WRITE || log->dirty_entries) && !fvp_segment_free_count(pool))
		return false;
	return class == FVP_LOG_WRITE || log->dirty_segments < max;
}

/*
 * May an append of that class go to the current segment, which has room?  The last one is
 * the destager's alone: without room for its watermarks nothing would ever come free.  And
 * a segment that another class has begun must not become one more with dirty data than
 * there may be.  log->lock held.
 */
static bool log_may_stay(struct fvp_pool *pool, enum fvp_log_class class, bool dirty)
{
	struct fvp_log *log = &pool->log;

	if (likely(log->next && (!dirty || log->cur->dirty)) || class == FVP_LOG_DESTAGE)
		return true;
	if (!log->next && log->dirty_entries && !fvp_segment_free_count(pool))
		return false;
	return !dirty || log->cur->dirty || log->dirty_segments < pool->dirty_segments_max;
}

/* The next segment becomes the current one; there is a next.  log->lock held. */
static void log_next(struct fvp_pool *pool, struct fvp_log_record **closed)
{
	struct fvp_log *log = &pool->log;

	if (log->open)
		*closed = fvp_log_close(log);
	if (log->cur)
		fvp_log_retire(pool);
	log->cur = log->next;
	log->next = NULL;
	log->pos = pool->block_sectors;
	log->entry_count = 0;
	dirty_fill_update(pool);
	queue_work(pool->bg_wq, &pool->prepare_work);
}

bool fvp_log_turn(struct fvp_pool *pool, u8 leg_bit)
{
	struct fvp_log *log = &pool->log;
	struct fvp_log_record *closed = NULL;
	bool done;

	spin_lock_irq(&log->lock);
	/* One that is being opened just now may not know of the leg: waits for that. */
	done = log->next && (READ_ONCE(log->next->legs) & leg_bit) &&
	       (!log->cur || (READ_ONCE(log->cur->legs) & leg_bit));
	if (!done && log->next && !pool->stopping && log_may_go_on(pool, FVP_LOG_COMMIT))
		log_next(pool, &closed);
	spin_unlock_irq(&log->lock);
	fvp_log_submit_closed(closed);
	return done;
}

/*
 * Makes log->open a record that takes an entry with data_sectors, at *offset, or returns
 * -EAGAIN.  What must be submitted for that is returned in *closed.
 */
static int log_make_room(struct fvp_pool *pool, u32 data_sectors, enum fvp_log_class class,
			 bool dirty, struct fvp_log_record **closed, u32 *offset)
{
	struct fvp_log *log = &pool->log;
	struct fvp_log_record *open = log->open;

	if (open && (open->entry_count == FVP_RECORD_ENTRIES(pool->block_sectors) ||
		     open->len_sectors + data_sectors + pool->block_sectors > FVP_IO_SECTORS_MAX))
		*closed = fvp_log_close(log);
	if (!log_has_room(pool, data_sectors, offset)) {
		if (!log->next)
			return -EAGAIN;
		if (!log_may_go_on(pool, class))
			return -EAGAIN;
		log_next(pool, closed);
		/* An empty one has room for any, behind the header of a record. */
		*offset = data_align(pool, log->pos + pool->block_sectors, data_sectors);
	} else if (!log_may_stay(pool, class, dirty)) {
		return -EAGAIN;
	}
	if (!log->open && !record_open(pool))
		return -EAGAIN;
	return 0;
}

/* The open record's next place for the append. log->lock held. */
static void log_place(struct fvp_pool *pool, struct fvp_append *append, u32 data_sectors,
		      u32 offset, u32 end)
{
	struct fvp_log *log = &pool->log;
	struct fvp_log_record *record = log->open;
	struct fvp_media media = fvp_pool_media(pool);
	void *ram = record->seg->ram;

	append->record = record;
	append->offset_sectors = offset;
	append->addr = fvp_segment_addr(pool, record->seg) + offset;
	append->data = ram + (size_t)offset * FVP_SECTOR_BYTES;
	append->disk = fvp_ram_entry(&media, ram, log->entry_count++);
	record->entry_count++;
	/* Void until committed. */
	memset(append->disk, 0, sizeof(*append->disk));
	/* What lies between pieces of data was another segment's. */
	if (unlikely(offset != log->pos))
		memset(ram + (size_t)log->pos * FVP_SECTOR_BYTES, 0,
		       (size_t)(offset - log->pos) * FVP_SECTOR_BYTES);
	if (unlikely(end != offset + data_sectors))
		memset(append->data + (size_t)data_sectors * FVP_SECTOR_BYTES, 0,
		       (size_t)(end - offset - data_sectors) * FVP_SECTOR_BYTES);
	record->writers++;
	record->legs |= append->legs;
	log->pos = end;
	record->len_sectors = end - record->start;
	log->head = fvp_place(record->seg->gen, end);
}

int fvp_log_reserve_locked(struct fvp_pool *pool, struct fvp_append *append,
			   enum fvp_log_class class, struct fvp_log_waiter *waiter,
			   struct fvp_log_record **closed)
{
	u32 data_sectors = append->kind == FVP_ENTRY_DATA ? append->len_sectors : 0;
	bool dirty = append->flags & FVP_ENTRY_DIRTY;
	u32 padded = round_up(data_sectors, pool->device_block_sectors), offset;
	struct fvp_log *log = &pool->log;
	int err;

	/* A dirty entry without data still needs a place of its own. */
	if (dirty && !data_sectors)
		padded = pool->device_block_sectors;
	*closed = NULL;
	spin_lock_irq(&log->lock);
	err = READ_ONCE(pool->health) == FVP_POOL_FAILED || pool->stopping
		      ? -EIO
		      : log_make_room(pool, padded, class, dirty, closed, &offset);
	if (unlikely(err)) {
		if (err == -EAGAIN && waiter && list_empty(&waiter->node))
			list_add_tail(&waiter->node, &log->waiters);
	} else {
		log_place(pool, append, data_sectors, offset, offset + padded);
		if (dirty) {
			if (!log->dirty_entries++)
				log->dirty_gen = log->cur->gen;
			if (!log->cur->dirty++) {
				log->dirty_segments++;
				dirty_fill_update(pool);
			}
		}
	}
	spin_unlock_irq(&log->lock);
	return err;
}

void fvp_log_submit_closed(struct fvp_log_record *closed)
{
	if (closed)
		fvp_log_submit(closed);
}

int fvp_log_reserve(struct fvp_pool *pool, struct fvp_append *append, enum fvp_log_class class,
		    struct fvp_log_waiter *waiter)
{
	struct fvp_log_record *closed;
	int err = fvp_log_reserve_locked(pool, append, class, waiter, &closed);

	fvp_log_submit_closed(closed);
	return err;
}

u64 fvp_log_written(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	struct fvp_log_record *oldest;
	unsigned long flags;
	u64 place;

	spin_lock_irqsave(&log->lock, flags);
	if (log->records_from == log->records_to) {
		place = log->head;
	} else {
		oldest = record_at(log, log->records_from);
		place = fvp_place(oldest->seg->gen, oldest->start);
	}
	spin_unlock_irqrestore(&log->lock, flags);
	return place;
}

bool fvp_log_idle(struct fvp_pool *pool)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&pool->log.lock, flags);
	idle = pool->log.records_from == pool->log.records_to;
	spin_unlock_irqrestore(&pool->log.lock, flags);
	return idle;
}

void fvp_log_commit(struct fvp_pool *pool, struct fvp_append *append, u32 crc, bool keep)
{
	struct fvp_log_record *record = append->record;
	struct fvp_log *log = &pool->log;
	bool submit = false;

	if (keep) {
		struct fvp_entry entry = {
			.lba = append->lba,
			.volume = append->volume,
			.len_sectors = append->len_sectors,
			.offset_sectors = append->offset_sectors,
			.crc = crc,
			.kind = append->kind,
			.flags = append->flags,
			.arg = append->arg,
		};

		fvp_entry_encode(&entry, append->disk);
		if (append->kind == FVP_ENTRY_DATA)
			atomic64_add(append->len_sectors, &pool->stats.inserted_sectors);
	}
	spin_lock_irq(&log->lock);
	if (keep && append->done) {
		append->next = NULL;
		*record->appends_end = append;
		record->appends_end = &append->next;
		record->sync = true;
	}
	record->durable |= keep && append->fua;
	if (!--record->writers) {
		if (record->closed) {
			log->inflight++;
			submit = true;
		} else if (log->inflight < FVP_LOG_INFLIGHT) {
			submit = fvp_log_close(log) != NULL;
		}
	}
	spin_unlock_irq(&log->lock);
	if (submit)
		fvp_log_submit(record);
}
