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

/* Takes a reference to each device of the line.  On error the caller drops what was taken. */
static int pool_get_devices(struct dm_target *ti, struct fvp_pool_instance *pi, char **paths,
			    u32 count, const char *prefix)
{
	u32 first = pi->dev_count;

	for (; pi->dev_count < first + count; pi->dev_count++) {
		const char *path = paths[pi->dev_count - first];
		struct dm_dev *dev;
		u32 i;
		int err;

		if (strncmp(path, prefix, strlen(prefix))) {
			pr_err("pool: unknown option '%s': replica=<device> is known\n", path);
			ti->error = "Unknown option";
			return -EINVAL;
		}
		path += strlen(prefix);
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
	unsigned int noio, count, replicas = 0;
	uuid_t uuid;
	int err;

	if (argc < 3 || kstrtouint(argv[1], 10, &count) || !count || count > argc - 2 ||
	    (count < argc - 2 &&
	     (kstrtouint(argv[2 + count], 10, &replicas) || replicas != argc - 3 - count))) {
		ti->error = "Wants: <pool uuid> <n> <flash device>{n} [<m> replica=<device>{m}]";
		return -EINVAL;
	}
	if (count > FVP_DEVICES_MAX) {
		ti->error = "Too many flash devices";
		return -EINVAL;
	}
	if (replicas > FVP_LEGS_MAX) {
		ti->error = "Too many replicas";
		return -EINVAL;
	}
	if (fvp_parse_uuid(argv[0], &uuid)) {
		ti->error = "Not a uuid";
		return -EINVAL;
	}

	pi = kzalloc(sizeof(*pi), GFP_KERNEL);
	if (!pi) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	ti->error = NULL;
	err = pool_get_devices(ti, pi, argv + 2, count, "");
	pi->flash_count = pi->dev_count;
	if (!err && replicas)
		err = pool_get_devices(ti, pi, argv + 3 + count, replicas, "replica=");
	if (err)
		goto err_devices;

	/* Volumes may be suspended while this waits for memory. */
	noio = memalloc_noio_save();
	pi->runtime = fvp_runtime_open(&uuid, fvp_target_devt(ti), pi->devs, pi->flash_count,
				       pi->devs + pi->flash_count, replicas, &ti->error);
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

static int pool_scrub(struct fvp_runtime *runtime, const char *rate)
{
	unsigned int mib = 0, noio;
	int err;

	if (rate && (kstrtouint(rate, 10, &mib) || !mib || mib > FVP_SCRUB_MIB_MAX)) {
		pr_err("pool %pUb: scrub takes 1 to %u MiB a second, not '%s'\n", &runtime->uuid,
		       FVP_SCRUB_MIB_MAX, rate);
		return -EINVAL;
	}
	noio = memalloc_noio_save();
	err = fvp_scrub_start(runtime->pool, mib << (20 - SECTOR_SHIFT));
	memalloc_noio_restore(noio);
	return err;
}

static int pool_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			unsigned int maxlen)
{
	struct fvp_pool_instance *pi = ti->private;

	if (argc == 1 && !strcmp(argv[0], "wait-loaded")) {
		fvp_pool_wait_loaded(pi->runtime->pool);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[0], "replica-remove"))
		return fvp_runtime_remove_replica(pi->runtime, argv[1]);
	if ((argc == 1 || argc == 2) && !strcmp(argv[0], "scrub"))
		return pool_scrub(pi->runtime, argc == 2 ? argv[1] : NULL);
	if (argc == 1 && !strcmp(argv[0], "scrub-stop")) {
		fvp_scrub_stop(pi->runtime->pool);
		return 0;
	}
	pr_err("pool: unknown message '%s': wait-loaded, replica-remove <uuid>, scrub [<MiB a "
	       "second>] "
	       "and scrub-stop are known\n",
	       argv[0]);
	return -EINVAL;
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
	.version = { 1, 1, 0 },
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
