// SPDX-License-Identifier: GPL-2.0
/* Which replica legs a pool has: found at activation, added, removed. */
#include "pool.h"
#include "leg.h"
#include "leg_private.h"

int fvp_leg_find(const struct fvp_pool *pool, const u8 uuid[16])
{
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		if ((pool->super->legs[i].flags & FVP_LEG_USED) &&
		    !memcmp(pool->super->legs[i].uuid, uuid, 16))
			return (int)i;
	return -1;
}

/* --- a device for a leg --- */

void fvp_leg_memory_free(struct fvp_leg *leg)
{
	kvfree(leg->slot);
	kvfree(leg->slot_of);
	vfree(leg->copy);
	vfree(leg->super_mem);
	leg->slot = NULL;
	leg->slot_of = NULL;
	leg->copy = leg->super_mem = NULL;
}

/* Dirty data never takes more than the smallest leg has slots for. */
static void dirty_limit(struct fvp_pool *pool)
{
	u32 max = pool->dirty_segments_room, i;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (pool->leg[i].dev)
			max = min(max, pool->leg[i].slot_count - FVP_LEG_SLOTS_SPARE);
	fvp_log_dirty_limit(pool, max);
}

/* The leg is OUT, and has nothing away.  Caller holds super_mutex, or is alone. */
static int leg_claim(struct fvp_leg *leg, struct fvp_dev *dev, const struct fvp_super *super)
{
	struct fvp_pool *pool = leg->pool;
	struct fvp_leg_slot *slot;
	bool first = !leg->slot;

	slot = kvcalloc(super->segment_count, sizeof(*slot), GFP_KERNEL);
	if (!leg->slot_of)
		leg->slot_of = kvcalloc(pool->segment_count, sizeof(*leg->slot_of), GFP_KERNEL);
	if (!leg->copy)
		leg->copy = vmalloc(FVP_IO_SECTORS_MAX * FVP_SECTOR_BYTES);
	if (!leg->super_mem)
		leg->super_mem = vmalloc(FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES);
	if (!slot || !leg->slot_of || !leg->copy || !leg->super_mem ||
	    (first && fvp_log_buffers_add(pool, FVP_LOG_BUFFERS_LEG))) {
		kvfree(slot);
		return -ENOMEM;
	}
	spin_lock_irq(&pool->leg_lock);
	swap(leg->slot, slot);
	leg->slot_count = super->segment_count;
	leg->dev = dev;
	spin_unlock_irq(&pool->leg_lock);
	fvp_leg_slots_reset(leg);
	kvfree(slot);
	leg->sectors = super->device_sectors;
	leg->first_slot_sector = super->first_segment_sector;
	leg->weak = super->weak;
	leg->told = false;
	dirty_limit(pool);
	return 0;
}

int fvp_leg_check(struct fvp_pool *pool, struct fvp_dev *dev, const struct fvp_super *super,
		  char *err, size_t err_len)
{
	const char *name = fvp_host_dev_name(dev);

	if (super->role != FVP_ROLE_REPLICA) {
		snprintf(err, err_len, "%s: a flash device of a pool, not a replica", name);
		return -EINVAL;
	}
	if (memcmp(super->pool_uuid, pool->uuid, 16) || super->pool_key != pool->key) {
		snprintf(err, err_len,
			 "%s: a replica of another pool, or of this one before it was created anew",
			 name);
		return -EINVAL;
	}
	if (super->segment_sectors != pool->segment_sectors ||
	    super->block_sectors != pool->block_sectors ||
	    super->segment_count < FVP_LEG_SLOTS_MIN) {
		snprintf(err, err_len, "%s: a replica of a geometry that does not fit its pool",
			 name);
		return -EINVAL;
	}
	if (super->legset_gen > pool->super->legset_gen) {
		snprintf(err, err_len,
			 "%s: this replica knows leg set %u, the pool's flash only %u: its dirty "
			 "data has been saved or recovered from elsewhere since; see "
			 "docs/failure.md",
			 name, super->legset_gen, pool->super->legset_gen);
		return -ESTALE;
	}
	return 0;
}

/* One device at activation. */
static int leg_find_one(struct fvp_pool *pool, struct fvp_dev *dev, struct fvp_super *super,
			char *err, size_t err_len)
{
	struct fvp_leg *leg;
	const char *why;
	int ret, index;

	ret = fvp_super_read(dev, super, &why, &pool->load_bytes);
	if (ret) {
		pr_warn("%s cannot be used as a replica: %s (%d); the pool goes on without it\n",
			fvp_host_dev_name(dev), why, ret);
		return 0;
	}
	ret = fvp_leg_check(pool, dev, super, err, err_len);
	if (ret)
		return ret;
	index = fvp_leg_find(pool, super->device_uuid);
	if (index < 0) {
		snprintf(err, err_len, "%s: has been removed from the replicas of its pool",
			 fvp_host_dev_name(dev));
		return -EINVAL;
	}
	leg = &pool->leg[index];
	if (leg->dev) {
		snprintf(err, err_len, "%s and %s: both are replica %u of their pool",
			 fvp_host_dev_name(dev), fvp_host_dev_name(leg->dev), (u32)index);
		return -EINVAL;
	}
	ret = leg_claim(leg, dev, super);
	if (ret)
		return ret;
	/* As of this leg set it has everything; what came last is looked after later. */
	if ((pool->super->legs[index].flags & super->legs[index].flags & FVP_LEG_IN_SYNC) &&
	    super->legset_gen == pool->super->legset_gen)
		WRITE_ONCE(leg->state, FVP_LEG_IN);
	return 0;
}

int fvp_legs_find(struct fvp_pool *pool, const struct fvp_pool_params *params, char *err,
		  size_t err_len)
{
	struct fvp_super *super;
	int ret = 0;
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++) {
		if (!(pool->super->legs[i].flags & FVP_LEG_USED))
			continue;
		memcpy(pool->leg[i].uuid, pool->super->legs[i].uuid, 16);
		WRITE_ONCE(pool->leg[i].state, FVP_LEG_OUT);
		pool->leg_count++;
	}
	if (!params->leg_count)
		return 0;
	super = vzalloc(sizeof(*super));
	if (!super)
		return -ENOMEM;
	for (i = 0; i < params->leg_count && !ret; i++)
		ret = leg_find_one(pool, params->leg[i], super, err, err_len);
	vfree(super);
	return ret;
}

/* --- adding and removing --- */

/* Out, with nothing of ours on its device?  leg_lock held. */
static bool leg_at_rest(const struct fvp_leg *leg)
{
	return leg->state == FVP_LEG_OUT && list_empty(&leg->inflight) && !leg->away;
}

static bool leg_idle(struct fvp_leg *leg)
{
	bool idle;

	spin_lock_irq(&leg->pool->leg_lock);
	idle = leg_at_rest(leg);
	spin_unlock_irq(&leg->pool->leg_lock);
	return idle;
}

static int leg_place(struct fvp_pool *pool, const u8 uuid[16], char *err, size_t err_len)
{
	int index = fvp_leg_find(pool, uuid);
	u32 i;

	if (index >= 0) {
		if (leg_idle(&pool->leg[index]))
			return index;
		snprintf(err, err_len, "this replica is in use already, by way of %s",
			 fvp_host_dev_name(pool->leg[index].dev));
		return -EBUSY;
	}
	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (!(pool->super->legs[i].flags & FVP_LEG_USED))
			return (int)i;
	snprintf(err, err_len, "the pool has %d replicas already: remove one first", FVP_LEGS_MAX);
	return -ENOSPC;
}

static void leg_queue(struct fvp_leg *leg)
{
	queue_delayed_work(leg->pool->bg_wq, &leg->sync_work, 0);
}

/*
 * A leg that is out may be just being tried: no more on return.  Its index, or -1: the pool
 * knows no such leg.
 */
static int leg_leave(struct fvp_pool *pool, const u8 uuid[16])
{
	int index;

	mutex_lock(&pool->super_mutex);
	index = fvp_leg_find(pool, uuid);
	mutex_unlock(&pool->super_mutex);
	if (index >= 0)
		cancel_delayed_work_sync(&pool->leg[index].sync_work);
	return index;
}

int fvp_leg_add(struct fvp_pool *pool, struct fvp_dev *dev, char *err, size_t err_len)
{
	struct fvp_super *super = vzalloc(sizeof(*super));
	struct fvp_leg *leg;
	const char *why;
	int ret, left = -1;
	u64 bytes = 0;

	if (!super) {
		snprintf(err, err_len, "%s: out of memory", fvp_host_dev_name(dev));
		return -ENOMEM;
	}
	ret = fvp_super_read(dev, super, &why, &bytes);
	if (ret)
		snprintf(err, err_len, "%s: %s: make it a replica first", fvp_host_dev_name(dev),
			 why);
	else
		left = leg_leave(pool, super->device_uuid);
	mutex_lock(&pool->slot_mutex);
	mutex_lock(&pool->super_mutex);
	if (!ret)
		ret = fvp_leg_check(pool, dev, super, err, err_len);
	if (!ret)
		ret = leg_place(pool, super->device_uuid, err, err_len);
	if (ret < 0)
		goto out;
	leg = &pool->leg[ret];
	ret = leg_claim(leg, dev, super);
	if (ret) {
		snprintf(err, err_len, "%s: out of memory", fvp_host_dev_name(dev));
		goto out;
	}
	if (leg->state == FVP_LEG_NONE) {
		memcpy(leg->uuid, super->device_uuid, 16);
		memcpy(pool->super->legs[leg->index].uuid, super->device_uuid, 16);
		pool->super->legs[leg->index].flags = FVP_LEG_USED;
		WRITE_ONCE(leg->state, FVP_LEG_OUT);
		WRITE_ONCE(pool->leg_count, pool->leg_count + 1);
		fvp_super_write(pool, NULL);
	}
	left = (int)leg->index;
out:
	/* It begins, or goes on as it was. */
	if (left >= 0)
		leg_queue(&pool->leg[left]);
	mutex_unlock(&pool->super_mutex);
	mutex_unlock(&pool->slot_mutex);
	vfree(super);
	return ret;
}

/* No volume wants it?  Caller holds super_mutex. */
static bool leg_wanted(struct fvp_pool *pool, u32 index)
{
	u32 i;

	for (i = 0; i < pool->super->volume_count; i++)
		if (pool->super->volumes[i].legs & 1u << index)
			return true;
	return false;
}

/* The pool has it no more, unless it is in use. */
static bool leg_take_out(struct fvp_leg *leg)
{
	bool idle;

	spin_lock_irq(&leg->pool->leg_lock);
	idle = leg_at_rest(leg);
	if (idle) {
		WRITE_ONCE(leg->state, FVP_LEG_NONE);
		leg->dev = NULL;
	}
	spin_unlock_irq(&leg->pool->leg_lock);
	return idle;
}

int fvp_leg_remove(struct fvp_pool *pool, const u8 uuid[16], char *err, size_t err_len)
{
	struct fvp_leg *leg = NULL;
	int index, ret = 0;

	mutex_lock(&pool->super_mutex);
	index = fvp_leg_find(pool, uuid);
	if (index < 0) {
		snprintf(err, err_len, "the pool has no such replica");
		ret = -ENOENT;
	} else if (leg_wanted(pool, (u32)index)) {
		snprintf(err, err_len,
			 "volumes want this replica: `fvp volume replicas` changes that");
		ret = -EBUSY;
	} else {
		leg = &pool->leg[index];
	}
	mutex_unlock(&pool->super_mutex);
	if (ret)
		return ret;
	cancel_delayed_work_sync(&leg->sync_work);
	fvp_leg_fail(leg, -ESHUTDOWN);
	flush_work(&leg->drop_work);
	cancel_delayed_work_sync(&leg->sync_work);
	/* Its device may keep I/O for ever. */
	if (!wait_event_timeout(pool->wait, leg_idle(leg),
				msecs_to_jiffies(2 * FVP_LEG_TIMEOUT_MS))) {
		snprintf(err, err_len, "%s does not give I/O back: try again when it does",
			 fvp_host_dev_name(leg->dev));
		leg_queue(leg);
		return -EBUSY;
	}
	mutex_lock(&pool->slot_mutex);
	mutex_lock(&pool->super_mutex);
	if (leg_wanted(pool, (u32)index)) {
		snprintf(err, err_len, "a volume has begun to want this replica");
		ret = -EBUSY;
	} else if (!leg_take_out(leg)) {
		/* Whoever found the leg there before it failed may have begun only now. */
		snprintf(err, err_len, "%s is in use just now: try again",
			 fvp_host_dev_name(leg->dev));
		ret = -EBUSY;
	} else {
		dirty_limit(pool);
		memset(&pool->super->legs[index], 0, sizeof(pool->super->legs[index]));
		WRITE_ONCE(pool->leg_count, pool->leg_count - 1);
		fvp_super_write(pool, NULL);
	}
	mutex_unlock(&pool->super_mutex);
	mutex_unlock(&pool->slot_mutex);
	if (ret)
		leg_queue(leg);
	return ret;
}
