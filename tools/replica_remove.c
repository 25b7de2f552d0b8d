// SPDX-License-Identifier: GPL-2.0
/* fvp replica remove: the pool has this replica no more. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"
#include "replica.h"

static int wanted_check(const struct fvp_view *pool, const struct fvp_replica *replica)
{
	char names[1024];
	int ret = fvp_replica_wanted_by(pool, replica, names, sizeof(names));

	if (ret || !names[0])
		return ret;
	return fvp_error(FVP_REFUSED,
			 "replica %s of pool %s is wanted by %s. Change that with fvp volume "
			 "replicas (a volume that is not attached has to be attached for it)",
			 fvp_replica_name(replica), pool->dev.name, names);
}

/* Its device is nobody's any more. */
static int erase(const struct fvp_replica *replica)
{
	struct fvp_device dev;
	int ret = fvp_device_find(replica->path, &dev);

	if (!ret)
		ret = fvp_device_open_exclusive(&dev, true);
	if (!ret)
		ret = fvp_flash_erase(&dev);
	fvp_device_close(&dev);
	return ret;
}

static int remove_one(const struct fvp_view *pool, const struct fvp_replica *replica)
{
	const char *name = pool->dev.name;
	char message[80];
	int ret = wanted_check(pool, replica);

	if (ret)
		return ret;
	snprintf(message, sizeof(message), "replica-remove %s", replica->uuid);
	if (fvp_dm_message(name, message))
		return fvp_error(FVP_SYSTEM, "cannot remove replica %s from pool %s: %s",
				 fvp_replica_name(replica), name, fvp_dm_why());
	if (fvp_replica_reload(pool, NULL, replica->uuid))
		return fvp_error(
			FVP_SYSTEM,
			"pool %s has replica %s no more, but its device keeps a table with "
			"it (%s): the superblock is not erased before the pool is "
			"stopped",
			name, fvp_replica_name(replica), fvp_dm_why());
	if (!replica->path[0]) {
		printf("removed replica %s from pool %s. Its device is not there and keeps its "
		       "superblock: if it comes back, fvp refuses it, and takes it for something "
		       "new only with --force\n",
		       replica->uuid, name);
		return FVP_OK;
	}
	ret = erase(replica);
	if (!ret)
		printf("removed replica %s (%s) from pool %s and erased its superblock\n",
		       replica->path, replica->uuid, name);
	return ret;
}

int fvp_replica_remove(int argc, char **argv)
{
	static const struct option known[] = { { 0 } };
	const struct fvp_replica *replica;
	struct fvp_replicas replicas;
	struct fvp_views pools;
	struct fvp_view *pool;
	int ret;

	if (fvp_option(argc, argv, "", known) != -1)
		return fvp_usage_option();
	if (argc - optind != 2)
		return fvp_usage("name a pool and a replica of it: its device or uuid");
	ret = fvp_replicas_lock();
	if (ret)
		return ret;
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_view_pool(&pools, argv[optind], &pool);
	if (!ret) {
		fvp_replicas_parse(pool->status, &replicas);
		ret = fvp_replica_find(pool, &replicas, argv[optind + 1], &replica);
	}
	if (!ret)
		ret = remove_one(pool, replica);
	fvp_views_free(&pools);
	return ret;
}
