// SPDX-License-Identifier: GPL-2.0
/* See commit.h. */
#include "pool.h"
#include "commit.h"
#include "destage.h"
#include "group.h"
#include "health.h"
#include "io.h"
#include "lost.h"
#include "pace.h"
#include "request.h"

/* Between attempts when memory is short. */
#define NOMEM_US 1000

static struct fvp_request *commit_request(struct fvp_commit *c)
{
	return container_of(c, struct fvp_request, commit);
}

/* Tries again, in process context, what waited for room or another write. */
static void commit_work(struct work_struct *work)
{
	fvp_request_redo(container_of(work, struct fvp_request, work));
}

static void commit_nomem_work(struct work_struct *work)
{
	usleep_range(NOMEM_US, 2 * NOMEM_US);
	commit_work(work);
}

/* Tries again a little later, as memory is short. */
static void commit_later(struct fvp_request *rq)
{
	INIT_WORK(&rq->work, commit_nomem_work);
	queue_work(rq->volume->pool->io_wq, &rq->work);
}

static void commit_again(struct fvp_claim *claim)
{
	struct fvp_commit *c = container_of(claim, struct fvp_commit, claim);
	struct fvp_request *rq = commit_request(c);

	INIT_WORK(&rq->work, commit_work);
	queue_work(rq->volume->pool->io_wq, &rq->work);
}

void fvp_commit_hold(struct fvp_volume *vol, struct fvp_request *rq)
{
	lockdep_assert_held(&vol->lock);
	fvp_stat_inc(vol, held_ios);
	list_add_tail(&rq->commit.node, &vol->held);
}

void fvp_commit_release(struct fvp_volume *vol, struct list_head *held)
{
	struct fvp_request *rq;

	while (!list_empty(held)) {
		rq = commit_request(list_first_entry(held, struct fvp_commit, node));
		list_del_init(&rq->commit.node);
		INIT_WORK(&rq->work, commit_work);
		queue_work(vol->pool->io_wq, &rq->work);
	}
}

/*
 * Flash failed what the request was to do: it waits until what can be saved is on the
 * origin.  If write-back has ended meanwhile, all is there, and nobody would let it go.
 */
static void commit_held_or_redone(struct fvp_volume *vol, struct fvp_request *rq)
{
	bool hold;

	spin_lock(&vol->lock);
	hold = !vol->saved && vol->commit != FVP_COMMIT_OFF;
	if (hold)
		fvp_commit_hold(vol, rq);
	spin_unlock(&vol->lock);
	if (!hold)
		fvp_request_redo(rq);
}

/* The record failed, and with it the pool: the entry holds nothing. */
static void commit_failed(struct work_struct *work)
{
	struct fvp_request *rq = container_of(work, struct fvp_request, work);

	commit_held_or_redone(rq->volume, rq);
}

/*
 * Does the origin take nothing, so that the volume has to leave what room there is to
 * others?  (Not in the way of a suspend, which waits for all that is in flight.)
 */
static bool commit_stuck(const struct fvp_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	/* The last segment is another's, too: of few, none may be dirty below that fill. */
	return (fvp_pool_dirty_fill(vol->pool) >= FVP_STUCK_FILL ||
		READ_ONCE(vol->pool->log.dirty_last)) &&
	       vol->dirty.entries && !fvp_volume_back_stopped(vol) && fvp_destage_stuck(vol);
}

static __always_inline void commit_acknowledge(struct fvp_volume *vol, struct fvp_request *rq)
{
	if (unlikely(fvp_pace_wanted(vol)))
		fvp_pace(vol, rq);
	else
		fvp_request_complete(rq, 0);
}

/* The log has it.  Any context. */
static void commit_done(struct fvp_append *append, int error)
{
	struct fvp_commit *c = container_of(append, struct fvp_commit, append);
	struct fvp_request *rq = commit_request(c);
	struct fvp_volume *vol = rq->volume;

	if (unlikely(error)) {
		/* Nobody looks at it before the record is out of the log's order. */
		c->entry->failed = 1;
		INIT_WORK(&rq->work, commit_failed);
		queue_work(vol->pool->io_wq, &rq->work);
	} else if (unlikely(c->grouped)) {
		fvp_group_add(vol, rq);
	} else {
		fvp_dirty_acked(&vol->dirty, append->arg);
		commit_acknowledge(vol, rq);
	}
}

static u16 commit_kind(const struct fvp_request *rq)
{
	switch (rq->op) {
	case FVP_REQ_WRITE:
		return FVP_ENTRY_DATA;
	case FVP_REQ_DISCARD:
		return FVP_ENTRY_DISCARD;
	default:
		return FVP_ENTRY_ZERO;
	}
}

/*
 * Step 1.  0: reserved; -EAGAIN: somebody holds the request and goes on with it; -ENOMEM;
 * FVP_MAP_NOT_BACK as above; -EBUSY: the log has no room, and waiter is NULL.
 */
static int commit_reserve(struct fvp_volume *vol, struct fvp_request *rq,
			  struct fvp_log_waiter *waiter)
{
	struct fvp_commit *c = &rq->commit;
	struct fvp_log_record *closed = NULL;
	bool begin;
	int err = -EAGAIN;

	spin_lock(&vol->lock);
	if (unlikely(vol->commit == FVP_COMMIT_OFF)) {
		err = FVP_MAP_NOT_BACK;
		goto out;
	}
	if (unlikely(vol->commit == FVP_COMMIT_HELD || commit_stuck(vol))) {
		fvp_commit_hold(vol, rq);
		goto out;
	}
	if (unlikely(!fvp_dirty_has_room(&vol->dirty))) {
		err = -ENOMEM;
		goto out;
	}
	if (!fvp_claim_take(vol, &c->claim))
		goto out;
	c->append.arg = vol->dirty.epoch;
	err = fvp_log_reserve_locked(vol->pool, &c->append, FVP_LOG_COMMIT, waiter, &closed);
	if (unlikely(err)) {
		if (err == -EIO) {
			/* Flash has failed: what comes now comes after the rescue. */
			fvp_commit_hold(vol, rq);
			err = -EAGAIN;
		} else if (!waiter) {
			err = -EBUSY;
		} else if (!rq->tries) {
			rq->tries = 1;
			fvp_stat_inc(vol, held_ios);
		}
		fvp_claim_release(vol, &c->claim);
		goto out;
	}
	begin = !vol->dirty.entries;
	c->entry = fvp_dirty_push(vol, &c->append);
	c->grouped = false;
	if (rq->flags & FVP_REQ_FUA) {
		c->grouped = fvp_group_wanted(vol);
		if (likely(!c->grouped))
			fvp_dirty_epoch_end(vol);
	}
	if (unlikely(begin))
		fvp_destage_begin(vol);
out:
	spin_unlock(&vol->lock);
	if (unlikely(closed))
		fvp_log_submit_closed(closed);
	return err;
}

/* Steps 2 to 4. */
static void commit_go(struct fvp_volume *vol, struct fvp_request *rq)
{
	struct fvp_commit *c = &rq->commit;
	struct fvp_append *append = &c->append;
	u32 crc = 0;
	int err;

	if (append->kind == FVP_ENTRY_DATA) {
		crc = fvp_host_request_to_mem(rq, append->data);
		c->entry->crc = crc;
		err = fvp_index_insert(&vol->index, append->lba, append->len_sectors, append->addr);
	} else {
		err = fvp_index_insert_special(&vol->index, append->lba, append->len_sectors,
					       FVP_ADDR_ZERO(append->addr));
	}
	if (unlikely(err)) {
		spin_lock(&vol->lock);
		c->entry->failed = 1;
		spin_unlock(&vol->lock);
	}
	fvp_claim_end(vol, &c->claim);
	/* The request may be gone at the end of this. */
	fvp_log_commit(vol->pool, append, crc, !err);
	if (unlikely(err)) {
		commit_later(rq);
		return;
	}
	fvp_stat_inc(vol, write_back_ios);
}

/* Made only for those that have to wait: few. */
static noinline struct fvp_log_waiter *commit_waiter(struct fvp_request *rq)
{
	struct fvp_log_waiter *waiter = &rq->commit.waiter;

	INIT_WORK(&rq->work, commit_work);
	INIT_LIST_HEAD(&waiter->node);
	waiter->work = &rq->work;
	waiter->wq = rq->volume->pool->io_wq;
	return waiter;
}

int fvp_commit_map(struct fvp_volume *vol, struct fvp_request *rq)
{
	struct fvp_commit *c = &rq->commit;
	struct fvp_append *append = &c->append;
	struct fvp_log_waiter *waiter = NULL;
	int err;

	if (READ_ONCE(vol->commit) == FVP_COMMIT_OFF)
		return FVP_MAP_NOT_BACK;
	if (unlikely(READ_ONCE(vol->lost_count)) &&
	    fvp_lost_overlaps(vol, rq->lba, rq->len_sectors)) {
		fvp_request_complete(rq, -EIO);
		return FVP_MAP_TAKEN;
	}
	fvp_claim_init(&c->claim, rq->lba, rq->len_sectors, commit_again);
	/* Not what the log sets. */
	append->lba = rq->lba;
	append->volume = vol->id;
	append->len_sectors = rq->len_sectors;
	append->kind = commit_kind(rq);
	append->flags = FVP_ENTRY_DIRTY;
	append->legs = READ_ONCE(vol->legs);
	append->fua = rq->flags & FVP_REQ_FUA;
	append->done = commit_done;
	for (;;) {
		err = commit_reserve(vol, rq, waiter);
		if (likely(!err))
			break;
		if (err == FVP_MAP_NOT_BACK)
			return err;
		if (err == -EAGAIN) {
			/* The request may be gone. */
			fvp_destage_hurry(vol->pool);
			return FVP_MAP_TAKEN;
		}
		if (err == -EBUSY) {
			waiter = commit_waiter(rq);
		} else if (fvp_dirty_make_room(vol)) {
			commit_later(rq);
			return FVP_MAP_TAKEN;
		}
	}
	commit_go(vol, rq);
	return FVP_MAP_TAKEN;
}

int fvp_commit_flush_origin(struct fvp_volume *vol)
{
	u32 begun = READ_ONCE(vol->back_begun);
	bool last;
	int err;

	if (!READ_ONCE(vol->origin_unflushed))
		return 0;
	/* None of them is under way any more, nor will be, in this time of write-back. */
	smp_rmb();
	last = !atomic_read(&vol->busy);
	err = fvp_io_flush(vol->origin);
	if (err || !last)
		return err;
	spin_lock(&vol->lock);
	/* It may have ended and begun again meanwhile, with writes to the origin in between. */
	if (vol->back_begun == begun)
		WRITE_ONCE(vol->origin_unflushed, false);
	spin_unlock(&vol->lock);
	return 0;
}

/* Flushes every flash device that has a volatile cache.  Sleeps. */
static void commit_flush_work(struct work_struct *work)
{
	struct fvp_request *rq = container_of(work, struct fvp_request, work);
	struct fvp_volume *vol = rq->volume;
	int err = fvp_commit_flush_origin(vol);

	if (err) {
		fvp_request_complete(rq, err);
		return;
	}
	if (!fvp_pool_flush_flash(vol->pool)) {
		fvp_request_complete(rq, 0);
		return;
	}
	/* Flash has failed: what it was to make durable goes to the origin first. */
	commit_held_or_redone(vol, rq);
}

/* What the flush comes after has been given an epoch that is over. */
static void commit_flush_go(struct fvp_volume *vol, struct fvp_request *rq)
{
	if (!vol->pool->flash_volatile && !READ_ONCE(vol->origin_unflushed)) {
		/*
		 * What was acknowledged is durable.  (On failed flash too: it was written, or
		 * it was not acknowledged.)
		 */
		fvp_request_complete(rq, 0);
		return;
	}
	INIT_WORK(&rq->work, commit_flush_work);
	queue_work(vol->pool->io_wq, &rq->work);
}

int fvp_commit_flush(struct fvp_volume *vol, struct fvp_request *rq)
{
	bool back, grouped = false;

	if (READ_ONCE(vol->commit) == FVP_COMMIT_OFF)
		return FVP_MAP_NOT_BACK;
	spin_lock(&vol->lock);
	back = vol->commit != FVP_COMMIT_OFF;
	if (back && fvp_dirty_epoch_ends(&vol->dirty)) {
		grouped = fvp_group_wanted(vol);
		if (likely(!grouped))
			fvp_dirty_epoch_end(vol);
	}
	spin_unlock(&vol->lock);
	if (!back)
		return FVP_MAP_NOT_BACK;
	if (unlikely(grouped))
		fvp_group_add(vol, rq);
	else
		commit_flush_go(vol, rq);
	return FVP_MAP_TAKEN;
}

void fvp_commit_grouped(struct fvp_volume *vol, struct fvp_request *rq)
{
	if (rq->op == FVP_REQ_FLUSH)
		commit_flush_go(vol, rq);
	else
		commit_acknowledge(vol, rq);
}
