// SPDX-License-Identifier: GPL-2.0
/* See pace.h. */
#include "pace.h"
#include "request.h"

/* Sectors a second at least: a stalled origin is felt at the dirty limit, not here. */
#define RATE_MIN 2048

/* No acknowledgement waits longer, whatever the clock says. */
#define DELAY_NS_MAX (500ULL * NSEC_PER_MSEC)

/* Allowed inflow in permille of the drain rate. */
static u64 allowed_permille(const struct fvp_volume *vol)
{
	u32 fill = fvp_pool_dirty_fill(vol->pool);

	if (READ_ONCE(vol->draining))
		return 500;
	if (fill < 900)
		return 1000 + (u64)(900 - fill) * 7000 / (900 - FVP_PACE_FROM);
	return fill < 1000 ? 1000 - (u64)(fill - 900) * 7 : 300;
}

void fvp_pace(struct fvp_volume *vol, struct fvp_request *rq)
{
	u64 rate = max_t(u64, READ_ONCE(vol->drain_rate), RATE_MIN);
	u64 now = fvp_host_now_ns();
	unsigned long flags;
	bool queue;

	rate = max_t(u64, rate * allowed_permille(vol) / 1000, 1);
	spin_lock_irqsave(&vol->pace_lock, flags);
	/* What was not used in the past is gone. */
	vol->pace_ns = max(vol->pace_ns, now);
	rq->commit.due_ns = vol->pace_ns;
	vol->pace_ns += div64_u64((u64)rq->len_sectors * NSEC_PER_SEC, rate);
	vol->pace_ns = min(vol->pace_ns, now + DELAY_NS_MAX);
	queue = rq->commit.due_ns > now || !list_empty(&vol->paced);
	if (queue) {
		list_add_tail(&rq->commit.node, &vol->paced);
		fvp_stat_inc(vol, paced_ios);
		rq->commit.paced_ns = now;
		/* Under the lock: without it the request may be over, and the volume gone. */
		queue_work(vol->pool->io_wq, &vol->pace_work);
	}
	spin_unlock_irqrestore(&vol->pace_lock, flags);
	if (!queue)
		fvp_request_complete(rq, 0);
}

/* The first in the list if it is due, off the list; else how long until then. */
static struct fvp_request *paced_take(struct fvp_volume *vol, u64 *wait_ns)
{
	u64 now = fvp_host_now_ns();
	struct fvp_commit *c;

	*wait_ns = 0;
	spin_lock_irq(&vol->pace_lock);
	c = list_first_entry_or_null(&vol->paced, struct fvp_commit, node);
	if (c && c->due_ns > now && fvp_pace_wanted(vol) && !vol->pace_stopping) {
		*wait_ns = c->due_ns - now;
		c = NULL;
	}
	if (c) {
		list_del_init(&c->node);
		fvp_stat_add(vol, paced_ns, now - min(now, c->paced_ns));
		trace_fvp_paced(vol->uuid, now - min(now, c->paced_ns));
	}
	spin_unlock_irq(&vol->pace_lock);
	return c ? container_of(c, struct fvp_request, commit) : NULL;
}

static void pace_work(struct work_struct *work)
{
	struct fvp_volume *vol = container_of(work, struct fvp_volume, pace_work);
	struct fvp_request *rq;
	u64 wait_ns;

	for (;;) {
		rq = paced_take(vol, &wait_ns);
		if (rq)
			fvp_request_complete(rq, 0);
		else if (wait_ns)
			usleep_range(max_t(u64, wait_ns / NSEC_PER_USEC, 1),
				     wait_ns / NSEC_PER_USEC + 50);
		else
			return;
	}
}

void fvp_pace_init(struct fvp_volume *vol)
{
	spin_lock_init(&vol->pace_lock);
	INIT_LIST_HEAD(&vol->paced);
	INIT_WORK(&vol->pace_work, pace_work);
}

void fvp_pace_stop(struct fvp_volume *vol)
{
	vol->pace_stopping = true;
	flush_work(&vol->pace_work);
}
