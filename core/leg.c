// SPDX-License-Identifier: GPL-2.0
/* I/O to replica legs, and what happens when one fails; see leg.h. */
#include "pool.h"
#include "leg.h"
#include "leg_private.h"
#include "log_private.h"

#define LEG_IOS 64 /* there is always memory for as many */

/* An I/O to a leg.  It lives until the device gives it back, its waiters perhaps not. */
struct fvp_leg_io {
	struct list_head node; /* in leg->inflight; leg_lock */
	struct list_head blocked; /* in leg->blocked; leg_lock */
	struct fvp_leg *leg;
	struct fvp_log_record *record; /* that waits for it, */
	struct fvp_leg_waiter *waiter; /* or somebody; leg_lock */
	struct fvp_log_buffer *buffer;
	u64 begun_ns;
	bool back; /* the device is done with it; it waits for the leg to be dropped */
	bool gone; /* nobody waits for it any more */
	struct fvp_io io;
};

/* buffer: what of the log's its data is in, or NULL. */
static struct fvp_leg_io *leg_io_new(struct fvp_leg *leg, struct fvp_log_buffer *buffer)
{
	struct fvp_leg_io *lio = mempool_alloc(leg->pool->leg_ios, GFP_NOIO);

	INIT_LIST_HEAD(&lio->node);
	INIT_LIST_HEAD(&lio->blocked);
	lio->leg = leg;
	lio->record = NULL;
	lio->waiter = NULL;
	lio->buffer = buffer;
	lio->begun_ns = fvp_host_now_ns();
	lio->back = false;
	lio->gone = false;
	if (buffer)
		fvp_log_buffer_hold(buffer);
	return lio;
}

/* The device has it no more.  Any context. */
static void leg_io_free(struct fvp_leg_io *lio)
{
	struct fvp_pool *pool = lio->leg->pool;

	if (lio->buffer)
		fvp_log_buffer_put(pool, lio->buffer);
	mempool_free(lio, pool->leg_ios);
}

/* leg_lock held. */
static void timer_start(struct fvp_leg *leg)
{
	if (leg->timer_on)
		return;
	leg->timer_on = true;
	queue_delayed_work(leg->pool->io_wq, &leg->timer, msecs_to_jiffies(FVP_LEG_TIMEOUT_MS / 4));
}

static void leg_timer(struct work_struct *work)
{
	struct fvp_leg *leg = container_of(to_delayed_work(work), struct fvp_leg, timer);
	struct fvp_pool *pool = leg->pool;
	struct fvp_leg_io *oldest;
	bool late;

	spin_lock_irq(&pool->leg_lock);
	leg->timer_on = false;
	oldest = list_first_entry_or_null(&leg->inflight, struct fvp_leg_io, node);
	late = oldest &&
	       fvp_host_now_ns() - oldest->begun_ns > (u64)FVP_LEG_TIMEOUT_MS * NSEC_PER_MSEC;
	if (oldest)
		timer_start(leg);
	spin_unlock_irq(&pool->leg_lock);
	if (late)
		fvp_leg_fail(leg, -ETIMEDOUT);
}

static void ack_note(struct fvp_leg *leg, const struct fvp_leg_io *lio)
{
	u64 ns = fvp_host_now_ns() - lio->begun_ns;

	leg->acks++;
	leg->ack_ns += ns;
	fvp_latency_note(&leg->ack, ns);
}

/* leg_lock held. */
static void waiter_end(struct fvp_leg_io *lio, int error)
{
	list_del_init(&lio->node);
	lio->waiter->error = error;
	complete(&lio->waiter->done);
	lio->waiter = NULL;
}

/* The device is done with it.  May run in interrupt context. */
static void leg_io_done(struct fvp_io *io)
{
	struct fvp_leg_io *lio = container_of(io, struct fvp_leg_io, io);
	struct fvp_leg *leg = lio->leg;
	struct fvp_pool *pool = leg->pool;
	struct fvp_log_record *record = NULL;
	int error = io->error;
	unsigned long flags;
	bool parked = false;

	spin_lock_irqsave(&pool->leg_lock, flags);
	if (unlikely(error == -EAGAIN && (io->flags & FVP_IO_NOWAIT))) {
		list_add_tail(&lio->blocked, &leg->blocked);
		queue_work(pool->bg_wq, &leg->submit_work);
		spin_unlock_irqrestore(&pool->leg_lock, flags);
		return;
	}
	if (lio->gone || lio->waiter) {
		if (lio->gone)
			leg->away--;
		else
			waiter_end(lio, error);
		leg_io_free(lio);
		/* Nothing holds the pool any more, perhaps, once the lock is released. */
		wake_up_all(&pool->wait);
		spin_unlock_irqrestore(&pool->leg_lock, flags);
		return;
	}
	if (error) {
		/* The record goes on when the leg set without this leg is durable. */
		parked = true;
		lio->back = true;
	} else {
		list_del_init(&lio->node);
		record = lio->record;
		ack_note(leg, lio);
	}
	spin_unlock_irqrestore(&pool->leg_lock, flags);
	if (unlikely(parked)) {
		fvp_leg_fail(leg, error);
		return;
	}
	leg_io_free(lio);
	fvp_log_record_put(record);
}

/*
 * A device that has no room, or is in trouble, would keep whoever submits to it: a guest's
 * thread.  So that is left to a worker.
 */
static void leg_submit_blocked(struct work_struct *work)
{
	struct fvp_leg *leg = container_of(work, struct fvp_leg, submit_work);
	struct fvp_pool *pool = leg->pool;
	struct fvp_leg_io *lio;

	for (;;) {
		spin_lock_irq(&pool->leg_lock);
		lio = list_first_entry_or_null(&leg->blocked, struct fvp_leg_io, blocked);
		if (lio)
			list_del_init(&lio->blocked);
		spin_unlock_irq(&pool->leg_lock);
		if (!lio)
			return;
		lio->io.flags &= ~FVP_IO_NOWAIT;
		lio->io.error = 0;
		fvp_host_submit(&lio->io);
	}
}

/*
 * Does a record wait for this leg?  True: lio is listed, and may be gone.  *go: it is to be
 * sent, and will not be.
 */
static bool record_add(struct fvp_leg *leg, struct fvp_leg_io *lio, struct fvp_log_record *record,
		       bool *go)
{
	struct fvp_pool *pool = leg->pool;
	unsigned long flags;
	bool wait = false;
	u64 sector;

	*go = false;
	spin_lock_irqsave(&pool->leg_lock, flags);
	sector = fvp_leg_slot_sector(leg, record->seg);
	if (sector || leg->state == FVP_LEG_DROPPING) {
		wait = true;
		lio->record = record;
		lio->back = !sector;
		list_add_tail(&lio->node, &leg->inflight);
		if (sector) {
			*go = true;
			lio->io.dev = leg->dev;
			lio->io.sector = sector;
			lio->buffer = record->seg->buffer;
			fvp_log_buffer_hold(lio->buffer);
			timer_start(leg);
		}
	}
	spin_unlock_irqrestore(&pool->leg_lock, flags);
	return wait;
}

static void leg_write(struct fvp_leg *leg, struct fvp_log_record *record, u32 at, u32 len_sectors,
		      void *mem, struct fvp_mem *mem_of)
{
	struct fvp_leg_io *lio = leg_io_new(leg, NULL);
	bool go;

	lio->io.len_sectors = len_sectors;
	lio->io.op = FVP_IO_WRITE;
	/* Nobody flushes a leg: what it has acknowledged, it has. */
	lio->io.flags = FVP_IO_FUA | FVP_IO_SYNC | FVP_IO_NOWAIT;
	lio->io.mem = mem;
	lio->io.mem_of = mem_of;
	lio->io.buf = NULL;
	lio->io.error = 0;
	lio->io.done = leg_io_done;
	if (!record_add(leg, lio, record, &go)) {
		leg_io_free(lio);
		fvp_log_record_put(record);
	} else if (go) {
		lio->io.sector += at;
		fvp_host_submit(&lio->io);
	}
}

void fvp_legs_write(struct fvp_log_record *record)
{
	struct fvp_pool *pool = record->pool;
	/* The record may be gone after the last of these. */
	u32 at = (u32)(record->io.sector - record->seg->sector), len = record->io.len_sectors, i;
	struct fvp_mem *mem_of = record->io.mem_of;
	void *mem = record->io.mem;
	u8 legs = record->legs;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (legs & 1u << i)
			leg_write(&pool->leg[i], record, at, len, mem, mem_of);
}

/* --- waiting --- */

/* May it be sent now, and to where?  0 or -errno.  leg_lock held. */
static int rw_place(const struct fvp_leg *leg, const struct fvp_leg_rw *rw, u64 *sector)
{
	u64 from = 0;

	if (!leg->dev || leg->state == FVP_LEG_NONE)
		return -ENODEV;
	if (leg->state == FVP_LEG_DROPPING || leg->away)
		return -EIO;
	if (rw->seg) {
		from = fvp_leg_slot_sector(leg, rw->seg);
		if (!from)
			return -ENOENT;
	}
	*sector = from + rw->sector;
	return 0;
}

void fvp_leg_io_begin(struct fvp_leg *leg, const struct fvp_leg_rw *rw,
		      struct fvp_leg_waiter *waiter)
{
	struct fvp_leg_io *lio = leg_io_new(leg, rw->buffer);
	struct fvp_pool *pool = leg->pool;

	init_completion(&waiter->done);
	lio->waiter = waiter;
	lio->io.len_sectors = rw->len_sectors;
	lio->io.op = rw->op;
	lio->io.flags = rw->flags;
	lio->io.mem = rw->mem;
	lio->io.mem_of = NULL;
	lio->io.buf = NULL;
	lio->io.error = 0;
	lio->io.done = leg_io_done;
	spin_lock_irq(&pool->leg_lock);
	waiter->error = rw_place(leg, rw, &lio->io.sector);
	if (waiter->error) {
		spin_unlock_irq(&pool->leg_lock);
		leg_io_free(lio);
		complete(&waiter->done);
		return;
	}
	/* From here on nobody takes the device away. */
	lio->io.dev = leg->dev;
	list_add_tail(&lio->node, &leg->inflight);
	timer_start(leg);
	spin_unlock_irq(&pool->leg_lock);
	fvp_host_submit(&lio->io);
}

int fvp_leg_io_end(struct fvp_leg_waiter *waiter)
{
	wait_for_completion(&waiter->done);
	return waiter->error;
}

static int io_wait_once(struct fvp_leg *leg, const struct fvp_leg_rw *rw)
{
	struct fvp_leg_waiter waiter;

	fvp_leg_io_begin(leg, rw, &waiter);
	return fvp_leg_io_end(&waiter);
}

int fvp_leg_io_wait(struct fvp_leg *leg, const struct fvp_leg_rw *rw)
{
	struct fvp_leg_rw part = *rw;
	u32 done;
	int err = 0;

	for (done = 0; done < rw->len_sectors && !err; done += part.len_sectors) {
		part.len_sectors = min_t(u32, rw->len_sectors - done, FVP_IO_SECTORS_MAX);
		part.sector = rw->sector + done;
		part.mem = rw->mem + (size_t)done * FVP_SECTOR_BYTES;
		err = io_wait_once(leg, &part);
	}
	return err;
}

int fvp_leg_flush(struct fvp_leg *leg)
{
	return io_wait_once(leg, &(struct fvp_leg_rw){ .op = FVP_IO_FLUSH });
}

/* --- failing --- */

/* leg_lock held: whoever waits himself does so no longer. */
static void waiters_fail(struct fvp_leg *leg, int error)
{
	struct fvp_leg_io *lio, *tmp;

	list_for_each_entry_safe (lio, tmp, &leg->inflight, node) {
		if (!lio->waiter)
			continue;
		waiter_end(lio, error);
		lio->gone = true;
		leg->away++;
	}
}

void fvp_leg_fail(struct fvp_leg *leg, int error)
{
	struct fvp_pool *pool = leg->pool;
	unsigned long flags;
	bool dropping;

	spin_lock_irqsave(&pool->leg_lock, flags);
	dropping = fvp_leg_live(leg);
	if (dropping) {
		WRITE_ONCE(leg->state, FVP_LEG_DROPPING);
		WRITE_ONCE(leg->failures, leg->failures + 1);
	}
	waiters_fail(leg, error);
	spin_unlock_irqrestore(&pool->leg_lock, flags);
	if (!dropping)
		return;
	if (error != -ESHUTDOWN)
		pr_err("replica %s %s (error %d): it is taken out of the leg set\n",
		       fvp_host_dev_name(leg->dev),
		       error == -ETIMEDOUT ? "does not answer in time" : "failed", error);
	queue_work(pool->bg_wq, &leg->drop_work);
}

/* Records that waited for the leg do so no longer. */
static void records_release(struct fvp_leg *leg)
{
	struct fvp_pool *pool = leg->pool;
	struct fvp_log_record *record;
	struct fvp_leg_io *lio;
	bool back;

	for (;;) {
		spin_lock_irq(&pool->leg_lock);
		lio = list_first_entry_or_null(&leg->inflight, struct fvp_leg_io, node);
		if (!lio) {
			spin_unlock_irq(&pool->leg_lock);
			return;
		}
		list_del_init(&lio->node);
		record = lio->record;
		back = lio->back;
		if (!back) {
			lio->gone = true;
			leg->away++;
		}
		spin_unlock_irq(&pool->leg_lock);
		if (back)
			leg_io_free(lio);
		if (record)
			fvp_log_record_put(record);
	}
}

static void leg_drop(struct work_struct *work)
{
	struct fvp_leg *leg = container_of(work, struct fvp_leg, drop_work);
	struct fvp_pool *pool = leg->pool;

	mutex_lock(&pool->super_mutex);
	pool->super->legs[leg->index].flags &= ~FVP_LEG_IN_SYNC;
	pool->super->legset_gen++;
	/* If flash takes it no more, the pool has failed, and the other legs have it. */
	fvp_super_write(pool, NULL);
	spin_lock_irq(&pool->leg_lock);
	WRITE_ONCE(leg->state, FVP_LEG_OUT);
	spin_unlock_irq(&pool->leg_lock);
	records_release(leg);
	fvp_volumes_reconsider(pool);
	mutex_unlock(&pool->super_mutex);
	fvp_host_event(pool);
	if (!READ_ONCE(pool->stopping))
		queue_delayed_work(pool->bg_wq, &leg->sync_work,
				   msecs_to_jiffies(FVP_LEG_PROBE_MS));
}

u8 fvp_legs_in(const struct fvp_pool *pool)
{
	u8 in = 0;
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (READ_ONCE(pool->leg[i].state) == FVP_LEG_IN)
			in |= 1u << i;
	return in;
}

/* --- superblock --- */

/* Encodes the pool's superblock as the leg's. */
static void super_encode(struct fvp_leg *leg)
{
	struct fvp_super *super = leg->pool->super;
	u32 device_count = super->device_count, pinned_count = super->pinned_count;
	u8 member[16];

	memcpy(member, super->members[0], 16);
	super->role = FVP_ROLE_REPLICA;
	super->leg_index = (u8)leg->index;
	super->device_index = 0;
	super->device_count = 1;
	super->pinned_count = 0;
	super->device_sectors = leg->sectors;
	super->first_segment_sector = leg->first_slot_sector;
	super->segment_count = leg->slot_count;
	memcpy(super->device_uuid, leg->uuid, 16);
	memcpy(super->members[0], leg->uuid, 16);
	super->incompat |= FVP_INCOMPAT_LEGS;
	fvp_super_encode(super, leg->super_mem);
	memcpy(super->members[0], member, 16);
	super->pinned_count = pinned_count;
	super->device_count = device_count;
	super->leg_index = 0;
}

static int super_copy_write(struct fvp_leg *leg, u32 copy)
{
	u32 bytes = fvp_super_bytes(leg->pool->super->volume_count, 0);

	return fvp_leg_io_wait(leg, &(struct fvp_leg_rw){
					    .op = FVP_IO_WRITE,
					    .sector = fvp_super_copy_sector(leg->sectors, copy),
					    .len_sectors = bytes / FVP_SECTOR_BYTES,
					    .mem = leg->super_mem,
					    .flags = FVP_IO_FUA | FVP_IO_SYNC,
				    });
}

void fvp_legs_super_write(struct fvp_pool *pool)
{
	struct fvp_leg *leg;
	int err;
	u32 i;

	lockdep_assert_held(&pool->super_mutex);
	for (i = 0; i < FVP_LEGS_MAX; i++) {
		leg = &pool->leg[i];
		if (!fvp_leg_live(leg))
			continue;
		super_encode(leg);
		err = super_copy_write(leg, leg->weak);
		if (!err)
			err = super_copy_write(leg, !leg->weak);
		if (err)
			fvp_leg_fail(leg, err);
		else
			leg->weak = 0;
	}
}

struct leg_reader {
	struct fvp_super_reader reader;
	struct fvp_leg *leg;
};

int fvp_leg_read(struct fvp_leg *leg, const struct fvp_segment *seg, u64 sector, u32 len_sectors,
		 void *mem)
{
	u32 n, done;
	int err = 0;

	for (done = 0; done < len_sectors && !err; done += n) {
		struct fvp_leg_rw rw = {
			.op = FVP_IO_READ, .seg = seg, .sector = sector + done, .mem = leg->copy
		};

		n = min_t(u32, len_sectors - done, FVP_IO_SECTORS_MAX);
		rw.len_sectors = round_up(n, leg->pool->device_block_sectors);
		err = fvp_leg_io_wait(leg, &rw);
		if (!err)
			memcpy(mem + (size_t)done * FVP_SECTOR_BYTES, leg->copy,
			       (size_t)n * FVP_SECTOR_BYTES);
	}
	return err;
}

static int super_read(struct fvp_super_reader *reader, u64 sector, u32 len_sectors, void *mem)
{
	return fvp_leg_read(container_of(reader, struct leg_reader, reader)->leg, NULL, sector,
			    len_sectors, mem);
}

int fvp_leg_super_read(struct fvp_leg *leg, struct fvp_super *super, const char **why)
{
	struct leg_reader reader = { .reader = { .dev = leg->dev, .read = super_read },
				     .leg = leg };
	u64 bytes = 0;
	int err;

	mutex_lock(&leg->mutex);
	err = fvp_super_read_by(&reader.reader, super, why, &bytes);
	mutex_unlock(&leg->mutex);
	return err;
}

/* --- setting up --- */

int fvp_legs_init(struct fvp_pool *pool)
{
	u32 i;

	spin_lock_init(&pool->leg_lock);
	mutex_init(&pool->slot_mutex);
	pool->leg_ios = mempool_create_kmalloc_pool(LEG_IOS, sizeof(struct fvp_leg_io));
	for (i = 0; i < FVP_LEGS_MAX; i++) {
		struct fvp_leg *leg = &pool->leg[i];

		leg->pool = pool;
		leg->index = i;
		INIT_LIST_HEAD(&leg->inflight);
		INIT_LIST_HEAD(&leg->blocked);
		INIT_WORK(&leg->submit_work, leg_submit_blocked);
		INIT_DELAYED_WORK(&leg->timer, leg_timer);
		INIT_WORK(&leg->drop_work, leg_drop);
		INIT_DELAYED_WORK(&leg->sync_work, fvp_leg_sync_work);
		mutex_init(&leg->mutex);
	}
	return pool->leg_ios ? 0 : -ENOMEM;
}

static bool legs_quiet(struct fvp_pool *pool)
{
	bool quiet = true;
	u32 i;

	spin_lock_irq(&pool->leg_lock);
	for (i = 0; i < FVP_LEGS_MAX; i++)
		quiet = quiet && list_empty(&pool->leg[i].inflight) && !pool->leg[i].away;
	spin_unlock_irq(&pool->leg_lock);
	return quiet;
}

void fvp_legs_stop(struct fvp_pool *pool)
{
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++) {
		cancel_delayed_work_sync(&pool->leg[i].sync_work);
		flush_work(&pool->leg[i].drop_work);
		/* Queued once more by the drop, perhaps. */
		cancel_delayed_work_sync(&pool->leg[i].sync_work);
	}
	wait_event(pool->wait, legs_quiet(pool));
	for (i = 0; i < FVP_LEGS_MAX; i++)
		cancel_delayed_work_sync(&pool->leg[i].timer);
}

void fvp_legs_free(struct fvp_pool *pool)
{
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		fvp_leg_memory_free(&pool->leg[i]);
	mempool_destroy(pool->leg_ios);
}
