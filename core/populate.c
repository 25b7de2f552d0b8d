// SPDX-License-Identifier: GPL-2.0
/* Fills; see populate.h for the idea. */
#include "heat.h"
#include "pool.h"
#include "populate.h"
#include "request.h"
#include "settle.h"

void fvp_volume_unbusy(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;

	/* The volume may be gone right after; the pool is not. */
	if (atomic_dec_and_test(&vol->busy))
		wake_up_all(&pool->wait);
}

struct fvp_fill *fvp_fill_new(struct fvp_volume *vol, u64 lba, u32 len_sectors,
			      enum fvp_fill_kind kind)
{
	struct fvp_pool *pool = vol->pool;
	enum fvp_mode mode = fvp_volume_effective_mode(vol);
	struct fvp_fill *fill;
	bool proved = false;

	if (mode != FVP_MODE_WRITE_THROUGH && mode != FVP_MODE_WRITE_BACK &&
	    (mode != FVP_MODE_READ_ONLY_CACHE || kind == FVP_FILL_WRITE))
		return NULL;
	if (kind == FVP_FILL_READ && fvp_ghost_churning(pool)) {
		proved = fvp_ghost_knows(vol, lba, len_sectors);
		if (!proved && !fvp_ghost_chance(pool)) {
			fvp_stat_add(vol, not_admitted_sectors, len_sectors);
			return NULL;
		}
	}
	if (atomic64_add_return(len_sectors, &pool->fill_sectors) > (s64)pool->fill_sectors_max)
		goto refuse;
	fill = kmalloc(sizeof(*fill), GFP_NOWAIT | __GFP_NOWARN);
	if (!fill)
		goto refuse;
	fill->buf = fvp_host_buf_alloc(len_sectors);
	if (!fill->buf) {
		kfree(fill);
		goto refuse;
	}
	fill->vol = vol;
	fill->lba = lba;
	fill->len_sectors = len_sectors;
	fill->kind = kind;
	fill->proved = proved;
	fill->rq = NULL;
	fill->registered = false;
	fill->cancelled = false;
	fill->range.start = lba;
	fill->range.last = lba + len_sectors - 1;
	atomic_inc(&vol->busy);
	return fill;
refuse:
	atomic64_sub(len_sectors, &pool->fill_sectors);
	fvp_stat_inc(vol, fill_refused);
	return NULL;
}

static void fill_free(struct fvp_fill *fill)
{
	struct fvp_volume *vol = fill->vol;

	fvp_host_buf_free(fill->buf);
	atomic64_sub(fill->len_sectors, &vol->pool->fill_sectors);
	kfree(fill);
	fvp_volume_unbusy(vol);
}

static void fill_unregister(struct fvp_fill *fill)
{
	lockdep_assert_held(&fill->vol->lock);
	if (fill->registered)
		interval_tree_remove(&fill->range, &fill->vol->fills);
	fill->registered = false;
}

void fvp_fill_drop(struct fvp_fill *fill)
{
	struct fvp_volume *vol = fill->vol;

	spin_lock(&vol->lock);
	fill_unregister(fill);
	spin_unlock(&vol->lock);
	fill_free(fill);
}

bool fvp_fill_register(struct fvp_fill *fill)
{
	struct fvp_volume *vol = fill->vol;
	struct interval_tree_node *other;
	u64 first = fill->range.start, last = fill->range.last;

	lockdep_assert_held(&vol->lock);
	if (fvp_claim_find(vol, first, last))
		return false;
	other = interval_tree_iter_first(&vol->fills, first, last);
	for (; other; other = interval_tree_iter_next(other, first, last))
		if (!container_of(other, struct fvp_fill, range)->cancelled)
			return false;
	interval_tree_insert(&fill->range, &vol->fills);
	fill->registered = true;
	return true;
}

void fvp_fill_cancel(struct fvp_volume *vol, u64 lba, u64 len_sectors)
{
	u64 last = lba + len_sectors - 1;
	struct interval_tree_node *node = interval_tree_iter_first(&vol->fills, lba, last);

	lockdep_assert_held(&vol->lock);
	for (; node; node = interval_tree_iter_next(node, lba, last))
		container_of(node, struct fvp_fill, range)->cancelled = true;
}

void fvp_fill_queue(struct fvp_fill *fill)
{
	struct fvp_pool *pool = fill->vol->pool;
	unsigned long flags;

	spin_lock_irqsave(&pool->fill_lock, flags);
	list_add_tail(&fill->node, &pool->fills);
	spin_unlock_irqrestore(&pool->fill_lock, flags);
	queue_work(pool->bg_wq, &pool->fill_work);
}

/* The origin has answered a missed read: in process context. */
static void miss_read(struct work_struct *work)
{
	struct fvp_fill *fill = container_of(work, struct fvp_fill, work);
	struct fvp_request *rq = fill->rq;
	int error = fill->io.error;

	if (!error)
		fvp_host_buf_to_request(fill->buf, 0, rq);
	fill->rq = NULL;
	fvp_read_complete(rq, error, FVP_LATENCY_READ_ORIGIN);
	if (error)
		fvp_fill_drop(fill);
	else
		fvp_fill_queue(fill);
}

static void miss_done(struct fvp_io *io)
{
	struct fvp_fill *fill = container_of(io, struct fvp_fill, io);

	queue_work(fill->vol->pool->io_wq, &fill->work);
}

/*
 * A write-back write may have come and gone between the lookup and now: then the origin
 * has older data, good for this read but not to be kept.
 */
static bool still_missed(struct fvp_volume *vol, const struct fvp_request *rq)
{
	struct fvp_hit hit = fvp_index_lookup(&vol->index, rq->lba, rq->len_sectors);

	return hit.found == FVP_FOUND_NOTHING && hit.len_sectors == rq->len_sectors;
}

bool fvp_populate_miss(struct fvp_volume *vol, struct fvp_request *rq)
{
	struct fvp_fill *fill = fvp_fill_new(vol, rq->lba, rq->len_sectors, FVP_FILL_READ);
	bool registered;

	if (!fill)
		return false;
	spin_lock(&vol->lock);
	registered = fvp_fill_register(fill);
	if (registered && !still_missed(vol, rq)) {
		fill_unregister(fill);
		registered = false;
	}
	spin_unlock(&vol->lock);
	if (!registered) {
		fill_free(fill);
		return false;
	}
	fill->rq = rq;
	INIT_WORK(&fill->work, miss_read);
	/*
	 * The origin fills our buffer and the guest gets a copy: what a guest does to
	 * its own pages meanwhile never reaches the cache.
	 */
	fill->io = (struct fvp_io){
		.dev = vol->origin,
		.sector = rq->lba,
		.len_sectors = rq->len_sectors,
		.op = FVP_IO_READ,
		.flags = FVP_IO_SYNC,
		.buf = fill->buf,
		.done = miss_done,
	};
	fvp_host_submit(&fill->io);
	return true;
}

/* Appends one fill; -EAGAIN when the log has no room now. */
static int fill_append(struct fvp_pool *pool, struct fvp_fill *fill, struct fvp_log_waiter *waiter)
{
	struct fvp_volume *vol = fill->vol;
	struct fvp_append append = {
		.lba = fill->lba,
		.volume = vol->id,
		.len_sectors = fill->len_sectors,
		.kind = FVP_ENTRY_DATA,
	};
	bool keep;
	u32 crc;
	int err;

	err = READ_ONCE(fill->cancelled) ? -ECANCELED
					 : fvp_log_reserve(pool, &append, FVP_LOG_FILL, waiter);
	if (err == -EAGAIN)
		return err;
	if (err) {
		fvp_stat_inc(vol, fill_lost);
		fvp_fill_drop(fill);
		return 0;
	}
	fvp_host_buf_to_mem(fill->buf, 0, append.data, fill->len_sectors);
	crc = fvp_data_crc(append.data, fill->len_sectors);
	spin_lock(&vol->lock);
	/*
	 * A write that overlaps either came before, and has cancelled us, or comes
	 * after: then its tombstone stands behind us in the log.
	 */
	keep = !fill->cancelled &&
	       !fvp_index_insert(&vol->index, fill->lba, fill->len_sectors, append.addr);
	if (keep)
		append.flags = fvp_settle_fill(vol);
	if (keep && fill->proved)
		fvp_heat_warm(pool, append.addr, fill->len_sectors);
	fill_unregister(fill);
	spin_unlock(&vol->lock);
	fvp_log_commit(pool, &append, crc, keep);
	trace_fvp_fill(vol->uuid, fill->lba, fill->len_sectors, append.addr, keep);
	if (!keep)
		fvp_stat_inc(vol, fill_lost);
	else if (fill->kind == FVP_FILL_READ)
		fvp_stat_add(vol, fill_sectors, fill->len_sectors);
	else
		fvp_stat_add(vol, write_fill_sectors, fill->len_sectors);
	fill_free(fill);
	return 0;
}

static struct fvp_fill *fill_take(struct fvp_pool *pool)
{
	struct fvp_fill *fill;

	spin_lock_irq(&pool->fill_lock);
	fill = list_first_entry_or_null(&pool->fills, struct fvp_fill, node);
	if (fill)
		list_del_init(&fill->node);
	spin_unlock_irq(&pool->fill_lock);
	return fill;
}

void fvp_populate_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(work, struct fvp_pool, fill_work);
	struct fvp_fill *fill;

	while ((fill = fill_take(pool))) {
		if (fill_append(pool, fill, &pool->fill_waiter) == -EAGAIN) {
			spin_lock_irq(&pool->fill_lock);
			list_add(&fill->node, &pool->fills);
			spin_unlock_irq(&pool->fill_lock);
			/* The waiter queues us again. */
			return;
		}
		cond_resched();
	}
}

void fvp_populate_give_up(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_fill *fill, *tmp;
	LIST_HEAD(mine);

	spin_lock_irq(&pool->fill_lock);
	list_for_each_entry_safe (fill, tmp, &pool->fills, node)
		if (fill->vol == vol)
			list_move_tail(&fill->node, &mine);
	spin_unlock_irq(&pool->fill_lock);
	list_for_each_entry_safe (fill, tmp, &mine, node)
		fvp_fill_drop(fill);
}

void fvp_populate_stop(struct fvp_pool *pool)
{
	struct fvp_fill *fill;

	while ((fill = fill_take(pool)))
		fvp_fill_drop(fill);
}
