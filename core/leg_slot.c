// SPDX-License-Identifier: GPL-2.0
/*
 * Where a leg has which segment.
 *
 * Every segment that is opened gets a slot, as nobody knows what will be written to it;
 * it is given up when nothing in it is dirty.  The watermarks in it are needed for
 * longer, as they say what of older slots is not dirty: so a slot is used again only
 * after all watermarks have gone into the superblock of the leg.
 */
#include "pool.h"
#include "leg.h"
#include "leg_private.h"

u64 fvp_leg_slot_sector(const struct fvp_leg *leg, const struct fvp_segment *seg)
{
	lockdep_assert_held(&leg->pool->leg_lock);
	if (!fvp_leg_live(leg) || !(seg->legs & 1u << leg->index))
		return 0;
	return fvp_leg_sector(leg, leg->slot_of[fvp_segment_number(leg->pool, seg)] - 1);
}

/* leg_lock held. */
static void slot_stale(struct fvp_leg *leg, u32 slot)
{
	struct fvp_leg_slot *s = &leg->slot[slot];

	if (leg->slot_of[s->segment] == slot + 1) {
		leg->slot_of[s->segment] = 0;
		leg->pool->segments[s->segment].legs &= ~(1u << leg->index);
	}
	s->state = FVP_LEG_SLOT_STALE;
}

/* Nothing of it is dirty, nor will be?  leg_lock held. */
static bool slot_done(const struct fvp_leg *leg, const struct fvp_leg_slot *s)
{
	const struct fvp_segment *seg = &leg->pool->segments[s->segment];
	u8 state = READ_ONCE(seg->state);

	if (READ_ONCE(seg->gen) != s->gen)
		return true;
	return (state == FVP_SEGMENT_LIVE || state == FVP_SEGMENT_FREE) && !READ_ONCE(seg->dirty);
}

/* Frees slots that are not needed.  Caller holds slot_mutex.  0, -ENOSPC or -EIO. */
static int slots_refill(struct fvp_leg *leg)
{
	struct fvp_pool *pool = leg->pool;
	u32 i, count = 0;

	spin_lock_irq(&pool->leg_lock);
	for (i = 0; i < leg->slot_count; i++) {
		if (leg->slot[i].state == FVP_LEG_SLOT_USED && slot_done(leg, &leg->slot[i]))
			slot_stale(leg, i);
		if (leg->slot[i].state == FVP_LEG_SLOT_STALE)
			leg->slot[i].state = FVP_LEG_SLOT_RETIRING;
		count += leg->slot[i].state == FVP_LEG_SLOT_RETIRING;
	}
	spin_unlock_irq(&pool->leg_lock);
	if (!count)
		return -ENOSPC;
	mutex_lock(&pool->super_mutex);
	fvp_volumes_watermark_note(pool);
	fvp_super_write(pool, NULL);
	mutex_unlock(&pool->super_mutex);
	if (!fvp_leg_live(leg))
		return -EIO;
	spin_lock_irq(&pool->leg_lock);
	for (i = 0; i < leg->slot_count; i++)
		if (leg->slot[i].state == FVP_LEG_SLOT_RETIRING)
			leg->slot[i].state = FVP_LEG_SLOT_FREE;
	spin_unlock_irq(&pool->leg_lock);
	return 0;
}

/* A free slot, for the segment; or -1.  leg_lock held. */
static int slot_find(struct fvp_leg *leg, u32 number, u64 gen)
{
	u32 i, slot;

	for (i = 0; i < leg->slot_count; i++) {
		slot = (leg->slot_next + i) % leg->slot_count;
		if (leg->slot[slot].state != FVP_LEG_SLOT_FREE)
			continue;
		leg->slot[slot] = (struct fvp_leg_slot){ .gen = gen,
							 .segment = number,
							 .state = FVP_LEG_SLOT_USED };
		leg->slot_of[number] = slot + 1;
		leg->slot_next = slot + 1;
		return (int)slot;
	}
	return -1;
}

int fvp_leg_slot_take(struct fvp_leg *leg, struct fvp_segment *seg, u64 *sector)
{
	struct fvp_pool *pool = leg->pool;
	u32 number = fvp_segment_number(pool, seg), old;
	int slot, err = 0;

	mutex_lock(&pool->slot_mutex);
	for (;;) {
		spin_lock_irq(&pool->leg_lock);
		/* What the segment held before lies on in its slot, to nobody's good. */
		old = leg->slot_of[number];
		if (old)
			slot_stale(leg, old - 1);
		slot = slot_find(leg, number, seg->gen);
		spin_unlock_irq(&pool->leg_lock);
		if (slot >= 0)
			break;
		err = slots_refill(leg);
		if (err)
			break;
	}
	mutex_unlock(&pool->slot_mutex);
	if (!err)
		*sector = fvp_leg_sector(leg, (u32)slot);
	return err;
}

void fvp_leg_slot_use(struct fvp_leg *leg, struct fvp_segment *seg, u64 life)
{
	struct fvp_pool *pool = leg->pool;
	u32 slot;

	spin_lock_irq(&pool->leg_lock);
	slot = leg->slot_of[fvp_segment_number(pool, seg)];
	if (slot && leg->slot[slot - 1].gen == seg->gen && leg->failures == life)
		seg->legs |= 1u << leg->index;
	spin_unlock_irq(&pool->leg_lock);
}

void fvp_leg_slots_reset(struct fvp_leg *leg)
{
	struct fvp_pool *pool = leg->pool;
	u32 i;

	spin_lock_irq(&pool->leg_lock);
	memset(leg->slot, 0, leg->slot_count * sizeof(*leg->slot));
	memset(leg->slot_of, 0, pool->segment_count * sizeof(*leg->slot_of));
	for (i = 0; i < pool->segment_count; i++)
		pool->segments[i].legs &= ~(1u << leg->index);
	leg->slot_next = 0;
	spin_unlock_irq(&pool->leg_lock);
}

void fvp_legs_open_segment(struct fvp_pool *pool, struct fvp_segment *seg,
			   struct fvp_log_buffer *buffer)
{
	struct fvp_leg *leg;
	u64 sector, life;
	int err;
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++) {
		leg = &pool->leg[i];
		/* Before the state: if it fails in between, the slot is not its new life's. */
		life = READ_ONCE(leg->failures);
		smp_rmb();
		if (!fvp_leg_live(leg))
			continue;
		err = fvp_leg_slot_take(leg, seg, &sector);
		if (!err)
			err = fvp_leg_io_wait(leg, &(struct fvp_leg_rw){
							   .op = FVP_IO_WRITE,
							   .sector = sector,
							   .len_sectors = pool->block_sectors,
							   .mem = buffer->mem,
							   .flags = FVP_IO_FUA,
							   .buffer = buffer,
						   });
		if (err)
			fvp_leg_fail(leg, err);
		else
			fvp_leg_slot_use(leg, seg, life);
	}
}

void fvp_legs_seal_segment(struct fvp_pool *pool, struct fvp_segment *seg, u32 start,
			   struct fvp_log_buffer *buffer)
{
	struct fvp_leg_rw rw = {
		.op = FVP_IO_WRITE,
		.seg = seg,
		.sector = start,
		.len_sectors = pool->segment_sectors - start,
		.mem = buffer->mem + (size_t)start * FVP_SECTOR_BYTES,
		.flags = FVP_IO_FUA,
		.buffer = buffer,
	};
	struct fvp_leg *leg;
	int err;
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX && READ_ONCE(seg->dirty); i++) {
		leg = &pool->leg[i];
		/* Most pools have none: nothing is to be prepared for them. */
		if (!fvp_leg_live(leg))
			continue;
		err = fvp_leg_io_wait(leg, &rw);
		if (err && err != -ENOENT)
			fvp_leg_fail(leg, err);
	}
}

static int segment_read(struct fvp_leg *leg, struct fvp_segment *seg, u32 offset_sectors,
			u32 len_sectors, void *mem)
{
	int err;

	if (!fvp_leg_live(leg))
		return -ENOENT;
	mutex_lock(&leg->mutex);
	err = fvp_leg_read(leg, seg, offset_sectors, len_sectors, mem);
	mutex_unlock(&leg->mutex);
	return err;
}

bool fvp_legs_read(struct fvp_pool *pool, struct fvp_segment *seg, u32 offset_sectors,
		   u32 len_sectors, u32 crc, void *mem)
{
	u32 padded = round_up(len_sectors, pool->device_block_sectors), i;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (!segment_read(&pool->leg[i], seg, offset_sectors, padded, mem) &&
		    fvp_data_crc(mem, len_sectors) == crc)
			return true;
	return false;
}
