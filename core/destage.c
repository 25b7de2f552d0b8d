// SPDX-License-Identifier: GPL-2.0
/*
 * When and how fast to destage, and the end of write-back when it is to be left.
 * destage_batch.c does the work.
 */
#include "pool.h"
#include "commit.h"
#include "destage.h"
#include "group.h"
#include "lost.h"

/* The first entries wait this long, for others to supersede or to neighbour them. */
#define BEGIN_MS 200
#define PAUSE_MS_MAX 1000
/* The origin failed: until the next attempt, doubling. */
#define RETRY_MS_MIN 20
#define RETRY_MS_MAX 1000
/* Nothing has got to the origin for so long: it is stuck. */
#define STUCK_NS (2 * NSEC_PER_SEC)
/* Pauses are shorter, so that it is for want of a CPU: not to be kept off one any longer. */
#define LATE_NS (3 * NSEC_PER_SEC)
/* Attempts, one after the other, after which a drain gives up: about 10 s. */
#define DRAIN_FAILURES 16
/* In a drain writes are held when no more than this is left. */
#define HOLD_ENTRIES 256
#define HOLD_SECTORS 2048

/*
 * PI controller: permille of the time that destaging is at work.  It aims at FILL_AIM
 * permille of the dirty limit, and goes all out before guests have to wait for it in
 * earnest: with order=strict that is earlier (group.h; pace.h).
 */
#define FILL_AIM 20
#define FILL_ALL_OUT 500
#define FILL_ALL_OUT_STRICT 150
#define DUTY_MIN 50
#define DUTY_MAX 1000
#define INTEGRAL_MAX 8000

void fvp_destage_kick(struct fvp_volume *vol)
{
	mod_delayed_work(vol->pool->destage_wq, &vol->destage_work, 0);
}

void fvp_destage_begin(struct fvp_volume *vol)
{
	vol->progress_ns = fvp_host_now_ns();
	queue_delayed_work(vol->pool->destage_wq, &vol->destage_work, msecs_to_jiffies(BEGIN_MS));
}

void fvp_destage_hurry(struct fvp_pool *pool)
{
	WRITE_ONCE(pool->hurry_ns, fvp_host_now_ns());
	queue_work(pool->bg_wq, &pool->hurry_work);
}

void fvp_destage_hurry_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(work, struct fvp_pool, hurry_work);
	struct fvp_volume *vol;

	mutex_lock(&pool->super_mutex);
	list_for_each_entry (vol, &pool->volumes, node)
		if (READ_ONCE(vol->dirty.entries) && !READ_ONCE(vol->destage_stopped))
			fvp_destage_kick(vol);
	mutex_unlock(&pool->super_mutex);
}

/* Do guests wait for it, or has it got too little of a busy host's time? */
static bool urgent(struct fvp_volume *vol)
{
	return fvp_host_now_ns() - READ_ONCE(vol->progress_ns) > LATE_NS ||
	       READ_ONCE(vol->draining) || READ_ONCE(vol->rescue) ||
	       fvp_pool_dirty_fill(vol->pool) >= (READ_ONCE(vol->order) == FVP_ORDER_STRICT
							  ? FILL_ALL_OUT_STRICT
							  : FILL_ALL_OUT) ||
	       fvp_host_now_ns() - READ_ONCE(vol->pool->hurry_ns) < NSEC_PER_SEC;
}

/* Must it go as fast as it can? */
static bool all_out(struct fvp_volume *vol)
{
	return READ_ONCE(vol->flush_until) > READ_ONCE(vol->dirty.out) || urgent(vol);
}

/* Permille of the time to be at work. */
static u32 duty(struct fvp_volume *vol)
{
	s32 error = (s32)fvp_pool_dirty_fill(vol->pool) - FILL_AIM;
	s32 out;

	vol->destage_integral = clamp(vol->destage_integral + error, 0, INTEGRAL_MAX);
	out = clamp(4 * error + vol->destage_integral / 8, DUTY_MIN, DUTY_MAX);
	/* The origin answers slower than it can: others want it. */
	if (vol->origin_ns > 2 * vol->origin_ns_best)
		out /= 2;
	return (u32)out;
}

/* How long to pause after a batch that took batch_ns. */
static unsigned long pause_jiffies(struct fvp_volume *vol, u64 batch_ns)
{
	u64 pause;
	u32 part;

	if (all_out(vol))
		return 0;
	part = duty(vol);
	pause = div64_u64(batch_ns * (1000 - min(part, 1000u)), part);
	return msecs_to_jiffies((u32)min_t(u64, div64_u64(pause, NSEC_PER_MSEC), PAUSE_MS_MAX));
}

/* Sectors a second that retire while it is at work, smoothed. */
static void rate_update(struct fvp_volume *vol, u64 sectors, u64 batch_ns)
{
	u64 rate = div64_u64(sectors * NSEC_PER_SEC, max_t(u64, batch_ns, 1000));

	WRITE_ONCE(vol->drain_rate, vol->drain_rate ? (vol->drain_rate * 3 + rate) / 4 : rate);
}

/*
 * Nothing is dirty, and nobody may make it so.  On failed flash records in flight still
 * report: none may come after this.  Caller holds vol->lock.
 */
static bool drained(const struct fvp_volume *vol)
{
	return vol->commit == FVP_COMMIT_HELD && !vol->dirty.entries &&
	       (!vol->rescue || fvp_log_idle(vol->pool));
}

/*
 * Writers are held from here on if little is left, and let go when nothing is.  True:
 * write-back has ended.  Caller holds vol->lock.
 */
static bool drain_step(struct fvp_volume *vol, struct list_head *held)
{
	u64 left = vol->dirty.in - vol->dirty.out;

	lockdep_assert_held(&vol->lock);
	if (!vol->draining && !vol->rescue)
		return false;
	if (vol->commit == FVP_COMMIT_ON &&
	    (vol->rescue || (vol->dirty.entries <= HOLD_ENTRIES && left <= HOLD_SECTORS)))
		WRITE_ONCE(vol->commit, FVP_COMMIT_HELD);
	if (!drained(vol))
		return false;
	WRITE_ONCE(vol->commit, FVP_COMMIT_OFF);
	WRITE_ONCE(vol->draining, false);
	vol->saved = vol->rescue;
	WRITE_ONCE(vol->rescue, false);
	list_splice_init(&vol->held, held);
	return true;
}

/* Failed flash: everything that it gave has been saved, and nothing comes any more. */
static bool rescue_over(struct fvp_volume *vol)
{
	bool over;

	spin_lock(&vol->lock);
	over = vol->rescue && drained(vol);
	spin_unlock(&vol->lock);
	return over;
}

static void drain_progress(struct fvp_volume *vol)
{
	bool ended;
	LIST_HEAD(held);

	/* Before anything newer reaches the origin. */
	if (rescue_over(vol))
		fvp_volume_void(vol);

	spin_lock(&vol->lock);
	ended = drain_step(vol, &held);
	spin_unlock(&vol->lock);
	if (!ended)
		return;
	fvp_volume_back_ended(vol);
	fvp_commit_release(vol, &held);
	/* What waits for room in the log, which others may never make, is for the origin now. */
	fvp_log_wake(vol->pool);
	wake_up_all(&vol->pool->wait);
	fvp_host_event(vol->pool);
}

static unsigned long retry_jiffies(struct fvp_volume *vol)
{
	u32 ms = RETRY_MS_MIN << min(vol->destage_failures, 6u);

	return msecs_to_jiffies(min(ms, (u32)RETRY_MS_MAX));
}

static void origin_failed(struct fvp_volume *vol)
{
	if (!vol->destage_failures++)
		pr_warn("%s: takes no destaged writes; they stay on flash and are tried again\n",
			fvp_host_dev_name(vol->origin));
	if (vol->destage_failures == DRAIN_FAILURES)
		wake_up_all(&vol->pool->wait);
	if (vol->destage_failures == 1)
		fvp_host_event(vol->pool);
}

static void origin_well(struct fvp_volume *vol)
{
	if (!vol->destage_failures)
		return;
	pr_info("%s: takes destaged writes again\n", fvp_host_dev_name(vol->origin));
	vol->destage_failures = 0;
	fvp_host_event(vol->pool);
}

bool fvp_destage_stuck(const struct fvp_volume *vol)
{
	return READ_ONCE(vol->destage_failures) ||
	       fvp_host_now_ns() - READ_ONCE(vol->progress_ns) > STUCK_NS;
}

/* The origin has taken a batch: whom commit_stuck() holds may go on. */
static void destage_progress(struct fvp_volume *vol)
{
	LIST_HEAD(held);

	spin_lock(&vol->lock);
	WRITE_ONCE(vol->progress_ns, fvp_host_now_ns());
	if (vol->commit == FVP_COMMIT_ON)
		list_splice_init(&vol->held, &held);
	spin_unlock(&vol->lock);
	fvp_commit_release(vol, &held);
}

bool fvp_volume_drain_hopeless(const struct fvp_volume *vol)
{
	return READ_ONCE(vol->destage_failures) >= DRAIN_FAILURES ||
	       (READ_ONCE(vol->lost_count) && READ_ONCE(vol->pool->health) == FVP_POOL_OK);
}

static void destage_work(struct work_struct *work)
{
	struct fvp_volume *vol =
		container_of(to_delayed_work(work), struct fvp_volume, destage_work);
	u64 begin = fvp_host_now_ns(), out = vol->dirty.out, took;
	bool background = !urgent(vol);
	unsigned long pause;
	int err, before = 0;

	if (READ_ONCE(vol->destage_stopped))
		return;
	/* A worker that sleeps much would take the CPU from guests whose writes are done. */
	if (background)
		before = fvp_host_background();
	/* It is tried again, and its error told, with the guest's own flush. */
	fvp_commit_flush_origin(vol);
	err = fvp_destage_batch(vol);
	if (background)
		fvp_host_foreground(before);
	took = fvp_host_now_ns() - begin;
	if (err != -ENODATA)
		trace_fvp_destage(vol->uuid, vol->dirty.out - out, vol->dirty.in - vol->dirty.out,
				  took, err);
	switch (err) {
	case 0:
		origin_well(vol);
		destage_progress(vol);
		rate_update(vol, vol->dirty.out - out, took);
		fvp_group_update(vol, took);
		pause = pause_jiffies(vol, took);
		break;
	case -EIO:
		origin_failed(vol);
		pause = retry_jiffies(vol);
		break;
	case -ENODATA:
		/* On its way into the log still, most likely. */
		pause = 1;
		break;
	default:
		pause = msecs_to_jiffies(RETRY_MS_MIN);
		break;
	}
	if (READ_ONCE(vol->draining) || READ_ONCE(vol->rescue))
		drain_progress(vol);
	if (!err)
		wake_up_all(&vol->pool->wait);
	if (READ_ONCE(vol->dirty.entries) || READ_ONCE(vol->draining) || READ_ONCE(vol->rescue))
		queue_delayed_work(vol->pool->destage_wq, &vol->destage_work, pause);
}

void fvp_destage_init(struct fvp_volume *vol)
{
	INIT_DELAYED_WORK(&vol->destage_work, destage_work);
	vol->destage_stopped = true;
}

void fvp_destage_stop(struct fvp_volume *vol)
{
	WRITE_ONCE(vol->destage_stopped, true);
	cancel_delayed_work_sync(&vol->destage_work);
}

void fvp_destage_start(struct fvp_volume *vol)
{
	WRITE_ONCE(vol->destage_stopped, false);
	vol->destage_failures = 0;
	if (READ_ONCE(vol->dirty.entries))
		fvp_destage_begin(vol);
}

u64 fvp_volume_flush(struct fvp_volume *vol)
{
	u64 until;

	spin_lock(&vol->lock);
	until = vol->dirty.in;
	vol->flush_until = max(vol->flush_until, until);
	spin_unlock(&vol->lock);
	if (until > READ_ONCE(vol->dirty.out) && !READ_ONCE(vol->destage_stopped))
		fvp_destage_kick(vol);
	return until;
}

void fvp_volume_dirty(struct fvp_volume *vol, struct fvp_dirty_status *out)
{
	struct fvp_dirty_cursor cur;

	spin_lock(&vol->lock);
	out->in = vol->dirty.in;
	out->out = vol->dirty.out;
	out->sectors = out->in - out->out;
	fvp_dirty_begin(vol, &cur);
	out->age_ms = fvp_dirty_at(vol, &cur)
			      ? div64_u64(fvp_host_now_ns() - cur.chunk->born_ns, NSEC_PER_MSEC)
			      : 0;
	out->lost_sectors = vol->lost_sectors;
	out->rate = vol->drain_rate;
	out->draining = vol->draining || vol->rescue;
	out->origin_failing = vol->destage_failures;
	spin_unlock(&vol->lock);
}

void fvp_volume_set_order(struct fvp_volume *vol, enum fvp_order order)
{
	WRITE_ONCE(vol->order, order);
}
