// SPDX-License-Identifier: GPL-2.0
/*
 * Target "fvp-pool": the runtime that all volumes share, as a device of its own.
 *
 *	0 <sectors> fvp-pool <pool uuid> <n> <flash device>{n} [<m> replica=<device>{m}]
 *
 * The device stores nothing.  It exists so that the pool has a name, a status, and
 * an open count that keeps it from being removed under its volumes.
 */
#include <linux/sched/mm.h>

#include "target.h"

/*
 * Takes a reference to each device of the line; of a word, what is behind the prefix.  On error
 * the caller drops what was taken.
 */
static int pool_get_devices(struct dm_target *ti, struct fvp_pool_instance *pi, char **words,
			    u32 count, const char *prefix)
{
	u32 first = pi->dev_count;

	for (; pi->dev_count < first + count; pi->dev_count++) {
		const char *path = words[pi->dev_count - first] + strlen(prefix);
		struct dm_dev *dev;
		u32 i;
		int err;

		err = dm_get_device(ti, path, BLK_OPEN_READ | BLK_OPEN_WRITE, &dev);
		if (err) {
			pr_err("pool: cannot open flash device %s: %s (%d)\n", path,
			       err == -EBUSY ? "it is in use: unmount it or remove what holds it"
					     : "no such block device, or it cannot be written",
			       err);
			ti->error = "Cannot open a flash device";
			return err;
		}

		for (i = 0; i < pi->dev_count && pi->devs[i] != dev; i++)
			;
		if (i < pi->dev_count)
			ti->error = "Flash device is named twice";
		else if (bdev_read_only(dev->bdev))
			ti->error = "Flash device is read-only";
		else if (bdev_is_zoned(dev->bdev))
			ti->error = "Zoned flash devices are not supported";
		else if (dev->bdev->bd_dev == fvp_target_devt(ti))
			ti->error = "A pool cannot be its own flash device";
		else if (bdev_logical_block_size(dev->bdev) >
			 FVP_BLOCK_SECTORS_MAX * FVP_SECTOR_BYTES)
			ti->error = "Flash device's logical block is larger than 4096 bytes";
		if (ti->error) {
			pr_err("pool: %s: %s\n", path, ti->error);
			dm_put_device(ti, dev);
			return -EINVAL;
		}
		pi->devs[pi->dev_count] = dev;
	}
	return 0;
}

static void pool_put_devices(struct dm_target *ti, struct fvp_pool_instance *pi)
{
	while (pi->dev_count)
		dm_put_device(ti, pi->devs[--pi->dev_count]);
}

static int pool_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct fvp_pool_instance *pi;
	struct fvp_pool_line line;
	unsigned int noio;
	int err;

	err = fvp_parse_pool_line(argc, argv, &line, &ti->error);
	if (err)
		return err;

	pi = kzalloc(sizeof(*pi), GFP_KERNEL);
	if (!pi) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	ti->error = NULL;
	err = pool_get_devices(ti, pi, line.flash, line.flash_count, "");
	pi->flash_count = pi->dev_count;
	if (!err)
		err = pool_get_devices(ti, pi, line.replica, line.replica_count,
				       FVP_OPTION_REPLICA);
	if (err)
		goto err_devices;

	/* Volumes may be suspended while this waits for memory. */
	noio = memalloc_noio_save();
	pi->runtime = fvp_runtime_open(&line.uuid, fvp_target_devt(ti), pi->devs, pi->flash_count,
				       pi->devs + pi->flash_count, line.replica_count, &ti->error);
	memalloc_noio_restore(noio);
	if (IS_ERR(pi->runtime)) {
		err = PTR_ERR(pi->runtime);
		goto err_devices;
	}

	fvp_watch_add(pi->runtime, &pi->watch, ti->table);
	ti->num_flush_bios = 0;
	ti->num_discard_bios = 0;
	ti->private = pi;
	return 0;

err_devices:
	pool_put_devices(ti, pi);
	kfree(pi);
	return err;
}

static void pool_dtr(struct dm_target *ti)
{
	struct fvp_pool_instance *pi = ti->private;
	unsigned int noio;

	fvp_watch_remove(&pi->watch);
	noio = memalloc_noio_save();
	fvp_runtime_put(pi->runtime);
	memalloc_noio_restore(noio);
	pool_put_devices(ti, pi);
	kfree(pi);
}

static int pool_map(struct dm_target *ti, struct bio *bio)
{
	if (bio_op(bio) != REQ_OP_READ || (bio->bi_opf & REQ_RAHEAD))
		return DM_MAPIO_KILL;
	zero_fill_bio(bio);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

static void pool_status(struct dm_target *ti, status_type_t type, unsigned int status_flags,
			char *result, unsigned int maxlen)
{
	struct fvp_pool_instance *pi = ti->private;
	unsigned int sz = 0;
	u32 i;

	switch (type) {
	case STATUSTYPE_INFO:
		fvp_status_pool(pi->runtime->pool, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%pUb %u", &pi->runtime->uuid, pi->flash_count);
		for (i = 0; i < pi->flash_count; i++)
			DMEMIT(" %s", pi->devs[i]->name);
		if (pi->dev_count > pi->flash_count)
			DMEMIT(" %u", pi->dev_count - pi->flash_count);
		for (i = pi->flash_count; i < pi->dev_count; i++)
			DMEMIT(" replica=%s", pi->devs[i]->name);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",uuid=%pUb;", &pi->runtime->uuid);
		break;
	}
}

static int pool_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			unsigned int maxlen)
{
	struct fvp_pool_instance *pi = ti->private;
	struct fvp_pool_message msg;
	int err = fvp_parse_pool_message(&pi->runtime->uuid, argc, argv, &msg);
	unsigned int noio;

	if (err)
		return err;
	switch (msg.kind) {
	case FVP_MSG_WAIT_LOADED:
		fvp_pool_wait_loaded(pi->runtime->pool);
		break;
	case FVP_MSG_REPLICA_REMOVE:
		err = fvp_runtime_remove_replica(pi->runtime, &msg.uuid);
		break;
	case FVP_MSG_SCRUB:
		noio = memalloc_noio_save();
		err = fvp_scrub_start(pi->runtime->pool, msg.rate_mib << (20 - SECTOR_SHIFT));
		memalloc_noio_restore(noio);
		break;
	case FVP_MSG_SCRUB_STOP:
		fvp_scrub_stop(pi->runtime->pool);
		break;
	case FVP_MSG_POOL_LATENCY:
		noio = memalloc_noio_save();
		err = fvp_reply_pool_latency(pi->runtime->pool, result, maxlen);
		memalloc_noio_restore(noio);
		break;
	}
	return err;
}

static int pool_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct fvp_pool_instance *pi = ti->private;
	int ret = 0;
	u32 i;

	for (i = 0; i < pi->dev_count && !ret; i++)
		ret = fn(ti, pi->devs[i], 0, bdev_nr_sectors(pi->devs[i]->bdev), data);
	return ret;
}

struct target_type fvp_pool_target = {
	.name = FVP_TARGET_POOL,
	.version = { 1, 2, 0 },
	.module = THIS_MODULE,
	/* Immutable: a pool in use is not replaced by another target's table. */
	.features = DM_TARGET_SINGLETON | DM_TARGET_ALWAYS_WRITEABLE | DM_TARGET_IMMUTABLE,
	.ctr = pool_ctr,
	.dtr = pool_dtr,
	.map = pool_map,
	.status = pool_status,
	.message = pool_message,
	.iterate_devices = pool_iterate_devices,
};
