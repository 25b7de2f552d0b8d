// SPDX-License-Identifier: GPL-2.0
/*
 * fvp replica add: gives a replica back to its pool, which was started without it, or has
 * lost the device that it was on.  What it missed is synced.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"
#include "replica.h"

/* The pool uses it now: nothing is to be done, or nothing can be. */
static int used_already(const struct fvp_view *pool, const struct fvp_replica *replica)
{
	return fvp_error(FVP_REFUSED,
			 "%s is in use by pool %s already, as replica %s: %s. One that fails is "
			 "tried again every few seconds; dmesg says why it stays out",
			 replica->path, pool->dev.name, replica->uuid, fvp_replica_words(replica));
}

static int pool_media_read(const struct fvp_view *pool, struct fvp_flash_info *info)
{
	struct fvp_device flash;
	int ret = fvp_pool_flash_find(pool, &flash);

	return ret ? ret : fvp_pool_media_read(&flash, info);
}

/* Another device serves this replica: two copies of it must not both. */
static int twin_check(const struct fvp_view *pool, const struct fvp_replicas *replicas,
		      const struct fvp_device *dev, const char *uuid)
{
	const struct fvp_replica *replica = fvp_replica_lookup(replicas, uuid);

	if (!replica || !replica->path[0] || !strcmp(replica->state, "out"))
		return FVP_OK;
	return fvp_error(FVP_REFUSED,
			 "replica %s of pool %s is in use already, by way of %s (%s): is %s a copy "
			 "of it, or another path to it?",
			 uuid, pool->dev.name, replica->path, fvp_replica_words(replica),
			 dev->path);
}

static int add(const struct fvp_view *pool, char *arg)
{
	struct fvp_flash_info info, pool_info;
	struct fvp_replicas replicas;
	const struct fvp_replica *used;
	struct fvp_device dev;
	int ret;

	fvp_replicas_parse(pool->status, &replicas);
	used = fvp_replica_lookup(&replicas, arg);
	if (used && used->path[0])
		return used_already(pool, used);
	ret = fvp_pool_devices_open(&arg, 1, &dev, true);
	if (ret)
		return ret;
	ret = fvp_pool_media_read(&dev, &info);
	if (!ret)
		ret = pool_media_read(pool, &pool_info);
	if (!ret)
		ret = fvp_replica_media_check(&dev, &info, &pool_info, pool->dev.name);
	if (!ret)
		ret = twin_check(pool, &replicas, &dev, info.device_uuid);
	fvp_device_close(&dev);
	if (ret)
		return ret;
	if (fvp_replica_reload(pool, &dev, info.device_uuid))
		return fvp_error(FVP_SYSTEM, "cannot give %s to pool %s as a replica: %s", dev.path,
				 pool->dev.name, fvp_dm_why());
	printf("pool %s has replica %s again, on %s. It is being synced: fvp replica list\n",
	       pool->dev.name, info.device_uuid, dev.path);
	return FVP_OK;
}

int fvp_replica_add(int argc, char **argv)
{
	static const struct option known[] = { { 0 } };
	struct fvp_views pools;
	struct fvp_view *pool;
	int ret;

	if (fvp_option(argc, argv, "", known) != -1)
		return fvp_usage_option();
	if (argc - optind != 2)
		return fvp_usage("name a pool and one device");
	ret = fvp_replicas_lock();
	if (ret)
		return ret;
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_view_pool(&pools, argv[optind], &pool);
	if (!ret)
		ret = add(pool, argv[optind + 1]);
	fvp_views_free(&pools);
	return ret;
}
