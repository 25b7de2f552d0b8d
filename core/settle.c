// SPDX-License-Identifier: GPL-2.0
/* See settle.h. */
#include "pool.h"
#include "io.h"
#include "settle.h"

/* Unsettled fills wait this long for a guest's flush. */
#define SETTLE_MS 1000

/* Times that fvp_settle_now() asks for room in the log. */
#define SETTLE_TRIES 100

/* Everything appended so far lies before this place. */
static u64 log_place(struct fvp_pool *pool)
{
	struct fvp_log *log = &pool->log;
	unsigned long flags;
	u64 place = 0;

	spin_lock_irqsave(&log->lock, flags);
	/* The open record still takes entries: it begins after the place. */
	if (log->open)
		place = fvp_place(log->open->seg->gen, log->open->start);
	else if (log->cur)
		place = fvp_place(log->cur->gen, log->pos);
	spin_unlock_irqrestore(&log->lock, flags);
	return place;
}

u16 fvp_settle_fill(struct fvp_volume *vol)
{
	lockdep_assert_held(&vol->lock);
	if (!vol->origin_volatile)
		return 0;
	vol->unsettled = true;
	vol->fill_count++;
	queue_delayed_work(vol->pool->bg_wq, &vol->settle_work, msecs_to_jiffies(SETTLE_MS));
	return FVP_ENTRY_UNSETTLED;
}

u64 fvp_settle_mark(struct fvp_volume *vol)
{
	return READ_ONCE(vol->unsettled) ? log_place(vol->pool) : 0;
}

void fvp_settle_flushed(struct fvp_volume *vol, u64 place)
{
	unsigned long flags;

	spin_lock_irqsave(&vol->pool->fill_lock, flags);
	vol->flushed_place = max(vol->flushed_place, place);
	spin_unlock_irqrestore(&vol->pool->fill_lock, flags);
}

static u64 flushed_place(struct fvp_volume *vol)
{
	u64 place;

	spin_lock_irq(&vol->pool->fill_lock);
	place = vol->flushed_place;
	spin_unlock_irq(&vol->pool->fill_lock);
	return place;
}

/* Appends the settled entry for everything up to place.  0, -EAGAIN or -EIO. */
static int settled_append(struct fvp_volume *vol, u64 place)
{
	struct fvp_pool *pool = vol->pool;
	u64 gen = place >> FVP_PLACE_POS_BITS;
	struct fvp_append append = {
		.lba = gen,
		.volume = vol->id,
		.len_sectors = (u32)(place & ((1u << FVP_PLACE_POS_BITS) - 1)),
		.kind = FVP_ENTRY_SETTLED,
		/* It speaks of this activation only: see fvp_settle_believed(). */
		.arg = (u32)(gen - pool->load_gen_end),
	};
	int err = fvp_log_reserve(pool, &append, FVP_LOG_FILL, NULL);

	if (err)
		return err;
	fvp_log_commit(pool, &append, 0, true);
	vol->settled_place = place;
	return 0;
}

/* Flushes the origin unless a guest has meanwhile, and notes it; 0 or -errno. */
static int settle_once(struct fvp_volume *vol, bool own_flush)
{
	u64 place = flushed_place(vol);
	u64 fills;
	bool quiet;
	int err;

	spin_lock(&vol->lock);
	fills = vol->fill_count;
	/* No fill for a whole round: those before have long left the open record. */
	quiet = fills == vol->settle_fills;
	vol->settle_fills = fills;
	spin_unlock(&vol->lock);
	if (own_flush || quiet || place <= vol->settled_place) {
		place = log_place(vol->pool);
		err = fvp_io_flush(vol->origin);
		if (err)
			return err;
	}
	err = place > vol->settled_place ? settled_append(vol, place) : 0;
	spin_lock(&vol->lock);
	if (!err && quiet && vol->fill_count == fills)
		vol->unsettled = false;
	spin_unlock(&vol->lock);
	return err;
}

static void settle_work(struct work_struct *work)
{
	struct fvp_volume *vol =
		container_of(to_delayed_work(work), struct fvp_volume, settle_work);

	if (!READ_ONCE(vol->active) || READ_ONCE(vol->pool->health) == FVP_POOL_FAILED)
		return;
	settle_once(vol, false);
	if (READ_ONCE(vol->unsettled))
		queue_delayed_work(vol->pool->bg_wq, &vol->settle_work,
				   msecs_to_jiffies(SETTLE_MS));
}

void fvp_settle_init(struct fvp_volume *vol)
{
	INIT_DELAYED_WORK(&vol->settle_work, settle_work);
}

void fvp_settle_now(struct fvp_volume *vol)
{
	u32 tries;

	cancel_delayed_work_sync(&vol->settle_work);
	if (!vol->unsettled)
		return;
	for (tries = 0; tries < SETTLE_TRIES; tries++) {
		if (settle_once(vol, true) != -EAGAIN)
			return;
		msleep(2);
	}
}

void fvp_settle_load(struct fvp_volume *vol, const struct fvp_entry *entry)
{
	u64 from;

	if (entry->arg > entry->lba)
		return;
	from = entry->lba - entry->arg;
	/* Newest first: the first of an activation reaches furthest. */
	if (vol->load_settled && from >= vol->load_settled_from)
		return;
	vol->load_settled = fvp_place(entry->lba, entry->len_sectors);
	vol->load_settled_from = from;
}

bool fvp_settle_believed(const struct fvp_volume *vol, u64 gen, const struct fvp_entry *entry)
{
	if (!(entry->flags & FVP_ENTRY_UNSETTLED))
		return true;
	/*
	 * Data that one replay has not believed must not be believed by a later one: so
	 * an entry settles only what its own activation wrote.
	 */
	return vol->load_settled && gen >= vol->load_settled_from &&
	       fvp_place(gen, entry->offset_sectors) < vol->load_settled;
}
