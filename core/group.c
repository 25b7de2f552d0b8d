// SPDX-License-Identifier: GPL-2.0
/* See group.h. */
#include "pool.h"
#include "commit.h"
#include "group.h"
#include "pace.h"
#include "request.h"

/*
 * Permille of the dirty limit from which flushes wait, and from which they wait for a whole
 * batch's time.  From there on epochs come as large as can be, as fast as they go; but the
 * destager has first to work off the small ones from before, and what comes meanwhile must
 * have room: most of the log.
 */
#define FILL_FROM 20
#define FILL_FULL 250

/* Whatever the fill: so much to destage is a reason to keep it from growing as fast. */
#define BACKLOG_NS_FROM (10 * NSEC_PER_SEC)
#define BACKLOG_NS_FULL (100 * NSEC_PER_SEC)
/* ... with a wait of so much of a batch: to gather others, not to slow them down. */
#define BACKLOG_PERMILLE 125

#define WAIT_NS_MIN (50 * NSEC_PER_USEC)
#define WAIT_NS_MAX (500ULL * NSEC_PER_MSEC)

/* After so many that nobody joined only each 16th waits, to see whether that has changed. */
#define ALONE_MAX 4
#define ALONE_PROBE 16

void fvp_group_update(struct fvp_volume *vol, u64 batch_ns)
{
	u64 backlog;

	batch_ns = vol->batch_ns ? (vol->batch_ns * 7 + batch_ns) / 8 : batch_ns;
	WRITE_ONCE(vol->batch_ns, batch_ns);
	backlog = min_t(u64, fvp_dirty_epochs(vol) * batch_ns, BACKLOG_NS_FULL);
	WRITE_ONCE(vol->group_backlog,
		   backlog <= BACKLOG_NS_FROM
			   ? 0
			   : (u32)div64_u64((backlog - BACKLOG_NS_FROM) * BACKLOG_PERMILLE,
					    BACKLOG_NS_FULL - BACKLOG_NS_FROM));
}

/* How long a flush is to wait for others. */
static noinline u64 group_ns(const struct fvp_volume *vol, u32 fill)
{
	/* Nothing has been destaged yet: as to a disk. */
	u64 batch_ns = READ_ONCE(vol->batch_ns) ?: NSEC_PER_MSEC;
	u32 part = 0;

	if (fill > FILL_FROM)
		part = (fill - FILL_FROM) * 1000 / (FILL_FULL - FILL_FROM);
	part = max(part, READ_ONCE(vol->group_backlog));
	return min_t(u64, div64_u64(batch_ns * part, 1000), WAIT_NS_MAX);
}

bool fvp_group_wanted(struct fvp_volume *vol)
{
	u32 fill = fvp_pool_dirty_fill(vol->pool);
	u64 wait;

	lockdep_assert_held(&vol->lock);
	if (likely(fill <= FILL_FROM && !READ_ONCE(vol->group_backlog)))
		return false;
	if (READ_ONCE(vol->order) != FVP_ORDER_STRICT || vol->rescue)
		return false;
	wait = group_ns(vol, fill);
	if (wait < WAIT_NS_MIN)
		return false;
	if (fill < FVP_PACE_FROM && READ_ONCE(vol->group_alone) >= ALONE_MAX &&
	    ++vol->group_skipped % ALONE_PROBE)
		return false;
	WRITE_ONCE(vol->group_ns, (u32)wait);
	return true;
}

void fvp_group_add(struct fvp_volume *vol, struct fvp_request *rq)
{
	unsigned long flags;

	fvp_stat_inc(vol, grouped_ios);
	spin_lock_irqsave(&vol->pace_lock, flags);
	if (!vol->group_count++) {
		vol->group_due_ns = fvp_host_now_ns() + READ_ONCE(vol->group_ns);
		queue_work(vol->pool->io_wq, &vol->group_work);
	}
	list_add_tail(&rq->commit.node, &vol->grouped);
	spin_unlock_irqrestore(&vol->pace_lock, flags);
}

/* Ends the epoch, and takes all who wait for that; or says how long it has to be waited. */
static u64 group_take(struct fvp_volume *vol, struct list_head *group)
{
	u64 now = fvp_host_now_ns(), wait_ns = 0;

	/* Under both: who joins now has its writes in the epoch that ends, or in none. */
	spin_lock(&vol->lock);
	spin_lock_irq(&vol->pace_lock);
	if (vol->group_count && vol->group_due_ns > now) {
		wait_ns = vol->group_due_ns - now;
	} else if (vol->group_count) {
		WRITE_ONCE(vol->group_alone, vol->group_count > 1 ? 0 : vol->group_alone + 1);
		vol->group_count = 0;
		list_splice_init(&vol->grouped, group);
		fvp_dirty_epoch_end(vol);
	}
	spin_unlock_irq(&vol->pace_lock);
	spin_unlock(&vol->lock);
	return wait_ns;
}

static void group_work(struct work_struct *work)
{
	struct fvp_volume *vol = container_of(work, struct fvp_volume, group_work);
	struct fvp_commit *c;
	LIST_HEAD(group);
	u64 wait_ns;

	while ((wait_ns = group_take(vol, &group)))
		usleep_range(max_t(u64, wait_ns / NSEC_PER_USEC, 1), wait_ns / NSEC_PER_USEC + 50);
	while (!list_empty(&group)) {
		c = list_first_entry(&group, struct fvp_commit, node);
		list_del_init(&c->node);
		fvp_commit_grouped(vol, container_of(c, struct fvp_request, commit));
	}
}

void fvp_group_init(struct fvp_volume *vol)
{
	INIT_LIST_HEAD(&vol->grouped);
	INIT_WORK(&vol->group_work, group_work);
}

void fvp_group_stop(struct fvp_volume *vol)
{
	flush_work(&vol->group_work);
}
