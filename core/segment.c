// SPDX-License-Identifier: GPL-2.0
/* The segment table: states, free list, order of generations. */
#include "heat.h"
#include "pool.h"

struct fvp_segment *fvp_segment_take(struct fvp_pool *pool, u64 gen)
{
	struct fvp_segments *segs = &pool->segs;
	struct fvp_segment *seg = NULL;
	unsigned long flags;

	spin_lock_irqsave(&segs->lock, flags);
	if (!list_empty(&segs->free)) {
		seg = list_first_entry(&segs->free, struct fvp_segment, node);
		list_move_tail(&seg->node, &segs->order);
		segs->free_count--;
		seg->gen = gen;
		seg->state = FVP_SEGMENT_OPEN;
	}
	spin_unlock_irqrestore(&segs->lock, flags);
	/* Nothing of it is on flash yet, to be read. */
	if (seg)
		fvp_heat_clear(pool, fvp_segment_addr(pool, seg), pool->segment_sectors);
	return seg;
}

void fvp_segment_release(struct fvp_pool *pool, struct fvp_segment *seg)
{
	struct fvp_segments *segs = &pool->segs;
	unsigned long flags;

	spin_lock_irqsave(&segs->lock, flags);
	seg->state = FVP_SEGMENT_FREE;
	seg->gen = 0;
	list_move_tail(&seg->node, &segs->free);
	segs->free_count++;
	spin_unlock_irqrestore(&segs->lock, flags);
}

void fvp_segment_set_state(struct fvp_pool *pool, struct fvp_segment *seg, u8 state)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->segs.lock, flags);
	seg->state = state;
	spin_unlock_irqrestore(&pool->segs.lock, flags);
}

struct fvp_segment *fvp_segment_oldest(struct fvp_pool *pool)
{
	struct fvp_segments *segs = &pool->segs;
	struct fvp_segment *seg, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&segs->lock, flags);
	list_for_each_entry (seg, &segs->order, node) {
		if (seg->state != FVP_SEGMENT_LIVE)
			break;
		if (READ_ONCE(seg->dirty))
			continue;
		found = seg;
		break;
	}
	spin_unlock_irqrestore(&segs->lock, flags);
	return found;
}

u32 fvp_segment_free_count(struct fvp_pool *pool)
{
	return READ_ONCE(pool->segs.free_count);
}
