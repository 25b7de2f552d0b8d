// SPDX-License-Identifier: GPL-2.0
/* Opening and closing a pool. */
#include "pool.h"
#include "destage.h"
#include "health.h"
#include "heat.h"
#include "io.h"
#include "leg.h"
#include "load.h"
#include "log_private.h"
#include "populate.h"
#include "reclaim.h"
#include "write.h"

/* Data of fills that may wait in RAM, all volumes together: 32 MiB. */
#define FILL_SECTORS_MAX 65536

struct open_args {
	const struct fvp_pool_params *params;
	struct fvp_super *super[FVP_DEVICES_MAX]; /* by device_index */
	char *err;
	size_t err_len;
};

/* Reads one device's superblock and puts it where it belongs. */
static int member_read(struct fvp_pool *pool, struct open_args *args, u32 i)
{
	struct fvp_dev *dev = args->params->dev[i];
	struct fvp_super *super = vzalloc(sizeof(*super));
	const char *why;
	u32 index;
	int err;

	if (!super)
		return -ENOMEM;
	err = fvp_super_read(dev, super, &why, &pool->load_bytes);
	if (err) {
		snprintf(args->err, args->err_len, "%s: %s (superblock of %llu bytes device)",
			 fvp_host_dev_name(dev), why,
			 (unsigned long long)fvp_host_dev_sectors(dev) * FVP_SECTOR_BYTES);
		goto out;
	}
	index = super->device_index;
	err = -EINVAL;
	if ((super->role == FVP_ROLE_REPLICA) != args->params->recover) {
		snprintf(args->err, args->err_len,
			 args->params->recover ? "%s: a flash device of a pool, not a replica"
					       : "%s: a replica, not a flash device of a pool; "
						 "`fvp recover` saves what is on it",
			 fvp_host_dev_name(dev));
		goto out;
	}
	if (super->device_count != args->params->count) {
		snprintf(args->err, args->err_len, "%s: its pool has %u flash devices, %u given",
			 fvp_host_dev_name(dev), super->device_count, args->params->count);
		goto out;
	}
	if (pool->flash[index].dev) {
		snprintf(args->err, args->err_len,
			 "%s and %s: both are member %u of their pool; give each member once",
			 fvp_host_dev_name(dev), fvp_host_dev_name(pool->flash[index].dev), index);
		goto out;
	}
	if (memcmp(super->members[index], super->device_uuid, 16)) {
		snprintf(args->err, args->err_len, "%s: its superblock contradicts itself",
			 fvp_host_dev_name(dev));
		goto out;
	}
	if (super->block_sectors < args->params->block_sectors) {
		snprintf(args->err, args->err_len,
			 "%s: a device with 4096-byte blocks in a pool made for 512-byte blocks; "
			 "create the pool anew",
			 fvp_host_dev_name(dev));
		goto out;
	}
	pool->flash[index].dev = dev;
	pool->flash[index].sectors = super->device_sectors;
	pool->flash[index].weak = super->weak;
	pool->flash[index].first_segment_sector = super->first_segment_sector;
	pool->flash[index].segment_count = super->segment_count;
	memcpy(pool->flash[index].uuid, super->device_uuid, 16);
	args->super[index] = super;
	return 0;
out:
	vfree(super);
	return err;
}

/* Members against each other; the newest superblock becomes the pool's. */
static int members_check(struct fvp_pool *pool, struct open_args *args)
{
	const struct fvp_super *first = args->super[0];
	u32 i, newest = 0;

	for (i = 1; i < pool->flash_count; i++) {
		const struct fvp_super *other = args->super[i];

		if (memcmp(first->pool_uuid, other->pool_uuid, 16) ||
		    first->pool_key != other->pool_key ||
		    first->segment_sectors != other->segment_sectors ||
		    first->block_sectors != other->block_sectors ||
		    memcmp(first->members, other->members, sizeof(first->members))) {
			snprintf(args->err, args->err_len, "%s and %s: not of the same pool",
				 fvp_host_dev_name(pool->flash[0].dev),
				 fvp_host_dev_name(pool->flash[i].dev));
			return -EINVAL;
		}
		if (other->generation > args->super[newest]->generation)
			newest = i;
	}
	first = args->super[newest];
	/* From here on they are counted on, and have to stay in their bounds. */
	if (first->generation >= FVP_GEN_END / 2 || first->legset_gen >= FVP_GEN32_END / 2 ||
	    first->next_volume_id >= FVP_GEN32_END / 2) {
		snprintf(args->err, args->err_len, "%s: its superblock counts what no pool reaches",
			 fvp_host_dev_name(pool->flash[newest].dev));
		return -EUCLEAN;
	}
	pool->super = args->super[newest];
	args->super[newest] = NULL;
	memcpy(pool->uuid, pool->super->pool_uuid, 16);
	pool->key = pool->super->pool_key;
	pool->block_sectors = pool->super->block_sectors;
	pool->device_block_sectors = args->params->block_sectors;
	pool->segment_sectors = pool->super->segment_sectors;
	pool->segment_shift = ilog2(pool->segment_sectors);
	pool->io_sectors_max = min_t(u32, FVP_IO_SECTORS_MAX, pool->segment_sectors / 4);
	return 0;
}

static int segments_init(struct fvp_pool *pool, struct open_args *args)
{
	u64 count = 0;
	u32 d, i;

	for (d = 0; d < pool->flash_count; d++)
		count += pool->flash[d].segment_count;
	if (count < FVP_SEGMENTS_MIN || count << pool->segment_shift > FVP_ADDR_SPECIAL) {
		snprintf(args->err, args->err_len, "%s: a pool of %llu segments is not possible",
			 fvp_host_dev_name(pool->flash[0].dev), (unsigned long long)count);
		return -EINVAL;
	}
	pool->segment_count = (u32)count;
	pool->segments = kvcalloc(pool->segment_count, sizeof(*pool->segments), GFP_KERNEL);
	if (!pool->segments)
		return -ENOMEM;
	spin_lock_init(&pool->segs.lock);
	INIT_LIST_HEAD(&pool->segs.free);
	INIT_LIST_HEAD(&pool->segs.order);
	pool->segs.reserve = clamp_t(u32, pool->segment_count / 32, 3, 16);
	/* The rest: free ones, the next, some being sealed, and what destaging itself writes. */
	pool->dirty_segments_room = max_t(
		s32,
		(s32)pool->segment_count -
			(s32)(pool->segs.reserve + clamp_t(u32, pool->segment_count / 8, 3, 64)),
		2);
	pool->dirty_segments_max = pool->dirty_segments_room;
	for (d = 0, count = 0; d < pool->flash_count; d++) {
		struct fvp_flash *flash = &pool->flash[d];

		flash->segment_first = (u32)count;
		pool->flash_volatile |= fvp_host_dev_volatile(flash->dev);
		for (i = 0; i < flash->segment_count; i++, count++) {
			pool->segments[count].dev = flash->dev;
			pool->segments[count].sector =
				flash->first_segment_sector + ((u64)i << pool->segment_shift);
		}
	}
	fvp_ghost_init(pool);
	return fvp_heat_init(pool);
}

static int workers_init(struct fvp_pool *pool)
{
	u32 i;
	int err;

	spin_lock_init(&pool->fill_lock);
	INIT_LIST_HEAD(&pool->fills);
	INIT_LIST_HEAD(&pool->volumes);
	for (i = 0; i < FVP_VOLUME_HASH; i++)
		INIT_LIST_HEAD(&pool->by_id[i]);
	mutex_init(&pool->super_mutex);
	mutex_init(&pool->seg_mutex);
	init_waitqueue_head(&pool->wait);
	pool->fill_sectors_max = FILL_SECTORS_MAX;
	INIT_WORK(&pool->fill_work, fvp_populate_work);
	INIT_LIST_HEAD(&pool->fill_waiter.node);
	pool->fill_waiter.work = &pool->fill_work;
	INIT_WORK(&pool->prepare_work, fvp_log_prepare_work);
	INIT_WORK(&pool->seal_work, fvp_log_seal_work);
	INIT_WORK(&pool->reclaim_work, fvp_reclaim_work);
	INIT_WORK(&pool->load_work, fvp_load_work);
	INIT_WORK(&pool->hurry_work, fvp_destage_hurry_work);
	INIT_DELAYED_WORK(&pool->health_work, fvp_health_work);
	fvp_scrub_init(pool);
	pool->io_wq = alloc_workqueue("fvp_io", WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	pool->bg_wq = alloc_workqueue("fvp_bg", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	pool->destage_wq = alloc_workqueue("fvp_destage", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	pool->fill_waiter.wq = pool->bg_wq;
	pool->write_pool = mempool_create_kmalloc_pool(64, sizeof(struct fvp_write));
	pool->super_mem = vmalloc(FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES);
	pool->zeroes = vzalloc(FVP_IO_SECTORS_MAX * FVP_SECTOR_BYTES);
	err = fvp_legs_init(pool);
	/* From here on pool_free() finds all that it looks at, if only empty. */
	pool->workers_ready = true;
	if (err || !pool->io_wq || !pool->bg_wq || !pool->destage_wq || !pool->write_pool ||
	    !pool->super_mem || !pool->zeroes)
		return -ENOMEM;
	return fvp_pins_init(&pool->reads);
}

/* Two segments must be free to begin with: the oldest go if they are not. */
static int room_make(struct fvp_pool *pool)
{
	struct fvp_segment *seg;
	int err = 0;

	mutex_lock(&pool->seg_mutex);
	while (!err && fvp_segment_free_count(pool) < 2 && (seg = fvp_segment_oldest(pool))) {
		/* It may have been loaded with the dirty ones. */
		fvp_reclaim_forget(pool, seg);
		err = fvp_reclaim_void_through(pool, seg);
	}
	mutex_unlock(&pool->seg_mutex);
	return err;
}

int fvp_pool_flush_flash(struct fvp_pool *pool)
{
	u32 i;
	int err;

	/* On a failed pool too: those of its devices that are well. */
	for (i = 0; i < pool->flash_count; i++) {
		if (!fvp_host_dev_volatile(pool->flash[i].dev))
			continue;
		err = fvp_io_flush(pool->flash[i].dev);
		if (err)
			fvp_health_flash_failed(pool, pool->flash[i].dev, err);
	}
	return READ_ONCE(pool->health) == FVP_POOL_FAILED ? -EIO : 0;
}

/* Undoes what fvp_pool_open() did, as far as it came. */
static void pool_free(struct fvp_pool *pool)
{
	if (pool->destage_wq)
		destroy_workqueue(pool->destage_wq);
	if (pool->bg_wq)
		destroy_workqueue(pool->bg_wq);
	if (pool->io_wq)
		destroy_workqueue(pool->io_wq);
	fvp_log_destroy(pool);
	if (pool->workers_ready)
		fvp_volumes_close(pool);
	fvp_legs_free(pool);
	fvp_pins_destroy(&pool->reads);
	mempool_destroy(pool->write_pool);
	kvfree(pool->load_order);
	fvp_ghost_free(pool);
	fvp_heat_free(pool);
	kvfree(pool->segments);
	vfree(pool->zeroes);
	vfree(pool->super_mem);
	vfree(pool->super);
	kvfree(pool);
}

/* Everything that is verified or read before anything is written. */
static int pool_read(struct fvp_pool *pool, struct open_args *args)
{
	u32 i;
	int err;

	pool->recover = args->params->recover;
	pool->flash_count = args->params->count;
	for (i = 0; i < pool->flash_count; i++) {
		err = member_read(pool, args, i);
		if (err)
			return err;
	}
	err = members_check(pool, args);
	if (!err)
		err = segments_init(pool, args);
	if (!err)
		err = workers_init(pool);
	if (!err)
		err = fvp_log_init(pool);
	if (!err)
		err = fvp_legs_find(pool, args->params, args->err, args->err_len);
	if (!err)
		err = fvp_volumes_open(pool);
	if (!err)
		err = fvp_load_scan(pool, args->err, args->err_len);
	return err;
}

/* Flash of the pool that is seen beside this replica is out of date from here on. */
static int recover_note(struct fvp_pool *pool)
{
	int err;

	mutex_lock(&pool->super_mutex);
	if (!pool->super->recover_base)
		pool->super->recover_base = pool->super->legset_gen;
	pool->super->legset_gen++;
	err = fvp_super_write(pool, NULL);
	mutex_unlock(&pool->super_mutex);
	return err;
}

/* From here on flash is written. */
static int pool_start(struct fvp_pool *pool, struct open_args *args)
{
	u32 i;
	int err = 0;

	/*
	 * What is about to be believed may sit in a volatile cache still, if only the
	 * host crashed: it must not vanish after it was believed.
	 */
	for (i = 0; i < pool->flash_count && !err; i++)
		err = fvp_io_flush(pool->flash[i].dev);
	if (err)
		goto out;
	pool->load_gen_end = pool->log.next_gen;
	pool->loading = true;
	/* Dirty data first: without it nothing may be served. */
	err = fvp_load_dirty(pool, args->err, args->err_len);
	if (err)
		return err;
	err = pool->recover ? recover_note(pool) : fvp_legs_start(pool);
	if (!err)
		err = room_make(pool);
	if (!err)
		err = fvp_log_start(pool);
	/* All is dirty: destaging makes room, and the log begins then. */
	if (err == -EAGAIN)
		err = 0;
out:
	if (err)
		snprintf(args->err, args->err_len, "%s: flash takes no writes (error %d)",
			 fvp_host_dev_name(pool->flash[0].dev), err);
	return err;
}

int fvp_pool_open(const struct fvp_pool_params *params, struct fvp_pool **out, char *err,
		  size_t err_len)
{
	struct open_args args = { .params = params, .err = err, .err_len = err_len };
	struct fvp_pool *pool = kvzalloc(sizeof(*pool), GFP_KERNEL);
	u32 i;
	int ret;

	snprintf(err, err_len, "out of memory");
	if (!pool)
		return -ENOMEM;
	ret = params->count < 1 || params->count > FVP_DEVICES_MAX ? -EINVAL
								   : pool_read(pool, &args);
	for (i = 0; i < FVP_DEVICES_MAX; i++)
		vfree(args.super[i]);
	if (!ret)
		ret = pool_start(pool, &args);
	if (ret) {
		pool->stopping = true;
		if (pool->bg_wq)
			cancel_delayed_work_sync(&pool->health_work);
		if (pool->workers_ready)
			fvp_legs_stop(pool);
		pool_free(pool);
		return ret;
	}
	err[0] = '\0';
	pool->load_bytes_before_io = pool->load_bytes;
	queue_work(pool->bg_wq, &pool->load_work);
	*out = pool;
	return 0;
}

void fvp_pool_close(struct fvp_pool *pool)
{
	fvp_scrub_stop(pool);
	/* Fills first: they would open segments. */
	flush_work(&pool->fill_work);
	fvp_log_stop(pool);
	fvp_populate_stop(pool);
	cancel_delayed_work_sync(&pool->health_work);
	flush_workqueue(pool->bg_wq);
	fvp_legs_stop(pool);
	flush_workqueue(pool->io_wq);
	pool_free(pool);
}

void fvp_pool_wait_loaded(struct fvp_pool *pool)
{
	wait_event(pool->wait, READ_ONCE(pool->load_done));
}
