// SPDX-License-Identifier: GPL-2.0
/* The write path; see write.h for its steps. */
#include "pool.h"
#include "health.h"
#include "populate.h"
#include "write.h"

/* One entry covers at most this much; longer discards take several. */
#define TOMBSTONE_SECTORS_MAX (1u << 30)

static enum fvp_map write_begin(struct fvp_write *w);

/* The claim it waited for is gone. */
static void write_again(struct fvp_claim *claim)
{
	struct fvp_write *w = container_of(claim, struct fvp_write, claim);
	struct fvp_request *rq = w->rq;

	if (write_begin(w) == FVP_MAP_REMAP)
		fvp_host_forward(rq);
}

/* Does flash hold anything of the range that a replay could bring back? */
static bool write_needs_tombstone(struct fvp_write *w)
{
	struct fvp_pool *pool = w->vol->pool;

	if (READ_ONCE(pool->health) == FVP_POOL_FAILED)
		return false;
	/* While the index is loading, absence proves nothing. */
	return READ_ONCE(pool->loading) ||
	       fvp_index_overlaps(&w->vol->index, w->lba, w->len_sectors);
}

static void tombstone_done(struct fvp_append *append, int error)
{
	struct fvp_write *w = container_of(append, struct fvp_write, append);

	w->error = error;
	queue_work(w->vol->pool->io_wq, &w->work);
}

/*
 * Appends the next tombstone.  0: it is in flight, tombstone_done() follows; or the
 * log has no room and w->work is queued again when it may have.  -EIO: flash failed.
 */
static int write_tombstone(struct fvp_write *w)
{
	struct fvp_volume *vol = w->vol;
	struct fvp_pool *pool = vol->pool;
	int err;

	w->append = (struct fvp_append){
		.lba = w->lba + w->superseded,
		.volume = vol->id,
		.len_sectors =
			(u32)min_t(u64, w->len_sectors - w->superseded, TOMBSTONE_SECTORS_MAX),
		.kind = FVP_ENTRY_TOMBSTONE,
		.fua = true,
		.done = tombstone_done,
	};
	w->error = -EAGAIN;
	/* Giving lost data up lets destaging go on: it must not wait for that. */
	err = fvp_log_reserve(pool, &w->append, w->dropped ? FVP_LOG_DESTAGE : FVP_LOG_WRITE,
			      &w->waiter);
	if (err == -EAGAIN)
		return 0;
	if (err)
		return err;
	/*
	 * Readers go to the origin from here on; it still has the old data.  While the
	 * index is loading, marks keep older content from coming in behind us.
	 */
	if (READ_ONCE(pool->loading))
		fvp_index_supersede(&vol->index, w->append.lba, w->append.len_sectors);
	else
		fvp_index_remove(&vol->index, w->append.lba, w->append.len_sectors);
	fvp_stat_inc(vol, tombstones);
	fvp_log_commit(pool, &w->append, 0, true);
	return 0;
}

/* Unregisters w, starts those that waited for it, frees it. */
static void write_finish(struct fvp_write *w)
{
	struct fvp_volume *vol = w->vol;
	struct fvp_fill *fill = w->fill;
	bool registered;

	spin_lock(&vol->lock);
	fvp_claim_release(vol, &w->claim);
	/* The fill takes over in the same breath: no read or write comes between. */
	registered = fill && !w->error && fvp_fill_register(fill);
	spin_unlock(&vol->lock);
	if (fill) {
		if (registered)
			fvp_fill_queue(fill);
		else
			fvp_fill_drop(fill);
	}
	if (w->dropped)
		complete(w->dropped);
	fvp_claims_again(&w->claim);
	mempool_free(w, vol->pool->write_pool);
	fvp_volume_unbusy(vol);
}

static void origin_time(const struct fvp_write *w, const struct fvp_request *rq)
{
	if (!w->error && rq->op == FVP_REQ_WRITE)
		fvp_stat_latency(w->vol, FVP_LATENCY_ORIGIN_WRITE, w->begun);
}

/* The origin has the write, from our copy: acknowledge. */
static void origin_done(struct fvp_io *io)
{
	struct fvp_write *w = container_of(io, struct fvp_write, io);
	struct fvp_request *rq = w->rq;

	w->error = io->error;
	w->rq = NULL;
	origin_time(w, rq);
	fvp_request_complete(rq, io->error);
	queue_work(w->vol->pool->io_wq, &w->work);
}

void fvp_write_end(struct fvp_request *rq, int error)
{
	struct fvp_write *w = rq->owner;

	w->error = error;
	w->rq = NULL;
	origin_time(w, rq);
	queue_work(w->vol->pool->io_wq, &w->work);
}

/* To the origin: REMAP (the caller forwards w->rq) or TAKEN. */
static enum fvp_map write_origin(struct fvp_write *w)
{
	struct fvp_request *rq = w->rq;

	w->step = FVP_WRITE_ORIGIN;
	w->error = 0;
	fvp_stat_inc(w->vol, origin_write_ios);
	w->begun = fvp_stat_clock();
	if (!w->fill) {
		rq->dev = w->vol->origin;
		rq->dev_sector = rq->lba;
		return FVP_MAP_REMAP;
	}
	w->io = (struct fvp_io){
		.dev = w->vol->origin,
		.sector = rq->lba,
		.len_sectors = rq->len_sectors,
		.op = FVP_IO_WRITE,
		.flags = FVP_IO_SYNC | (rq->flags & FVP_REQ_FUA ? FVP_IO_FUA : 0),
		.buf = w->fill->buf,
		.done = origin_done,
	};
	fvp_host_submit(&w->io);
	return FVP_MAP_TAKEN;
}

/* Registered: tombstone if needed, then the origin. */
static enum fvp_map write_go(struct fvp_write *w)
{
	w->superseded = 0;
	w->step = FVP_WRITE_TOMBSTONE;
	if (w->only_addr != FVP_ADDR_NONE &&
	    !fvp_index_maps(&w->vol->index, w->lba, (u32)w->len_sectors, w->only_addr)) {
		/* Somebody wrote it meanwhile. */
		w->step = FVP_WRITE_ORIGIN;
		queue_work(w->vol->pool->io_wq, &w->work);
		return FVP_MAP_TAKEN;
	}
	if (write_needs_tombstone(w) && !write_tombstone(w))
		return FVP_MAP_TAKEN;
	/* Flash that fails now is found out by the next; see health.h. */
	if (READ_ONCE(w->vol->pool->health) == FVP_POOL_FAILED &&
	    !READ_ONCE(w->vol->pool->voided)) {
		w->error = -EIO;
		queue_work(w->vol->pool->io_wq, &w->work);
		return FVP_MAP_TAKEN;
	}
	if (!w->rq) {
		w->step = FVP_WRITE_ORIGIN;
		/* It may be gone from here on. */
		queue_work(w->vol->pool->io_wq, &w->work);
		return FVP_MAP_TAKEN;
	}
	return write_origin(w);
}

/* Process context: goes on after a tombstone or the origin. */
static void write_continue(struct work_struct *work)
{
	struct fvp_write *w = container_of(work, struct fvp_write, work);
	struct fvp_pool *pool = w->vol->pool;

	if (w->step == FVP_WRITE_ORIGIN) {
		write_finish(w);
		return;
	}
	if (w->error == -EAGAIN) {
		/* Room in the log, perhaps. */
		if (!write_tombstone(w))
			return;
		w->error = -EIO;
	}
	if (!w->error) {
		w->superseded += w->append.len_sectors;
		if (w->superseded < w->len_sectors && !write_tombstone(w))
			return;
	}
	if (READ_ONCE(pool->health) == FVP_POOL_FAILED)
		fvp_health_wait_voided(pool);
	if (!w->rq) {
		w->step = FVP_WRITE_ORIGIN;
		write_finish(w);
	} else if (write_origin(w) == FVP_MAP_REMAP) {
		fvp_host_forward(w->rq);
	}
}

/* Write-back has begun meanwhile: the request is for the log. */
static void write_to_back(struct fvp_write *w)
{
	struct fvp_volume *vol = w->vol;
	struct fvp_request *rq = w->rq;

	if (w->fill)
		fvp_fill_drop(w->fill);
	mempool_free(w, vol->pool->write_pool);
	fvp_request_redo(rq);
	fvp_volume_unbusy(vol);
}

/* Claims its range, or lets it wait for an overlapping write. */
static enum fvp_map write_begin(struct fvp_write *w)
{
	struct fvp_volume *vol = w->vol;
	bool had;

	spin_lock(&vol->lock);
	if (unlikely(w->rq && vol->commit != FVP_COMMIT_OFF)) {
		spin_unlock(&vol->lock);
		write_to_back(w);
		return FVP_MAP_TAKEN;
	}
	had = fvp_claim_take(vol, &w->claim);
	spin_unlock(&vol->lock);
	return had ? write_go(w) : FVP_MAP_TAKEN;
}

static struct fvp_write *write_new(struct fvp_volume *vol, u64 lba, u64 len_sectors)
{
	struct fvp_write *w = mempool_alloc(vol->pool->write_pool, GFP_NOIO);

	memset(w, 0, sizeof(*w));
	fvp_claim_init(&w->claim, lba, len_sectors, write_again);
	INIT_LIST_HEAD(&w->waiter.node);
	INIT_WORK(&w->work, write_continue);
	w->waiter.work = &w->work;
	w->waiter.wq = vol->pool->io_wq;
	w->vol = vol;
	w->lba = lba;
	w->len_sectors = len_sectors;
	w->step = FVP_WRITE_WAITING;
	w->only_addr = FVP_ADDR_NONE;
	atomic_inc(&vol->busy);
	return w;
}

enum fvp_map fvp_write_map(struct fvp_volume *vol, struct fvp_request *rq)
{
	struct fvp_write *w = write_new(vol, rq->lba, rq->len_sectors);

	w->rq = rq;
	rq->owner = w;
	if (rq->op == FVP_REQ_WRITE) {
		/*
		 * A stable copy for both, the origin and the fill: a guest may change
		 * its page in flight, and then they would differ.
		 */
		w->fill = fvp_fill_new(vol, rq->lba, rq->len_sectors, FVP_FILL_WRITE);
		if (w->fill)
			fvp_host_request_to_buf(rq, w->fill->buf);
	}
	return write_begin(w);
}

/* What of the range lies at only_addr, or all that there is. */
static int write_drop(struct fvp_volume *vol, u64 lba, u64 len_sectors, u64 only_addr)
{
	DECLARE_COMPLETION_ONSTACK(dropped);
	struct fvp_write *w;

	if (!len_sectors)
		return 0;
	w = write_new(vol, lba, len_sectors);
	w->only_addr = only_addr;
	w->dropped = &dropped;
	write_begin(w);
	wait_for_completion(&dropped);
	return READ_ONCE(vol->pool->health) == FVP_POOL_FAILED ? -EIO : 0;
}

int fvp_write_drop(struct fvp_volume *vol, u64 lba, u64 len_sectors)
{
	return write_drop(vol, lba, len_sectors, FVP_ADDR_NONE);
}

/* The first extent of a walk that lies in a range of flash. */
struct bad_piece {
	u64 from, end;
	u64 lba, addr;
	u32 len_sectors; /* 0: none yet */
};

static void bad_piece_found(void *arg, u64 lba, u32 len_sectors, u64 addr, bool dead)
{
	struct bad_piece *piece = arg;

	if (piece->len_sectors || dead || addr < piece->from || addr + len_sectors > piece->end)
		return;
	piece->lba = lba;
	piece->addr = addr;
	piece->len_sectors = len_sectors;
}

u64 fvp_write_drop_bad(struct fvp_volume *vol, u64 lba, u32 len_sectors, u64 addr, u64 gen)
{
	struct fvp_segment *seg = fvp_segment_at(vol->pool, addr);
	u64 dropped = 0;

	/* In pieces: what was written since, and may be dirty, lies between them. */
	while (READ_ONCE(seg->gen) == gen) {
		struct bad_piece piece = { .from = addr, .end = addr + len_sectors };

		fvp_index_walk(&vol->index, lba, len_sectors, bad_piece_found, &piece);
		if (!piece.len_sectors || write_drop(vol, piece.lba, piece.len_sectors, piece.addr))
			break;
		dropped += piece.len_sectors;
	}
	return dropped;
}
