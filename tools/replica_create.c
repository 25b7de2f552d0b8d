// SPDX-License-Identifier: GPL-2.0
/*
 * fvp replica create: makes a replica of a device and gives it to an active pool, which
 * syncs it by itself.  As with pool create, what can be refused is refused before the
 * first byte is written.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"
#include "replica.h"

static int parse(int argc, char **argv, struct fvp_take *take)
{
	static const struct option known[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	int c;

	while ((c = fvp_option(argc, argv, "fn", known)) != -1) {
		if (c == 'f')
			take->force = true;
		else if (c == 'n')
			take->dry_run = true;
		else if (c == 'j')
			take->json = true;
		else
			return fvp_usage_option();
	}
	if (argc - optind != 2)
		return fvp_usage("name a pool and one device");
	return FVP_OK;
}

/* The pool can have one more, with blocks like this device's. */
static int pool_check(const struct fvp_view *pool, const struct fvp_device *dev)
{
	struct fvp_replicas replicas;
	struct fvp_pool_table table;
	unsigned int block_bytes = 0;
	char health[16];

	fvp_status_word(pool->status, "health", health, sizeof(health));
	if (strcmp(health, "ok"))
		return fvp_error(FVP_REFUSED,
				 "pool %s has failed: it takes no more replicas. See fvp status",
				 pool->dev.name);
	fvp_replicas_parse(pool->status, &replicas);
	if (replicas.count == FVP_REPLICAS_MAX)
		return fvp_error(FVP_REFUSED,
				 "pool %s has %d replicas, and a pool has no more: fvp replica "
				 "remove one first",
				 pool->dev.name, FVP_REPLICAS_MAX);
	fvp_pool_table_parse(&pool->dev, &table);
	for (unsigned int i = 0; i < table.flash_count; i++) {
		char path[FVP_PATH_BYTES];
		struct fvp_device flash;
		int ret;

		fvp_device_path_of_word(table.flash[i], path);
		ret = fvp_device_find(path, &flash);
		if (ret)
			return ret;
		if (flash.block_bytes > block_bytes)
			block_bytes = flash.block_bytes;
	}
	if (dev->block_bytes > block_bytes)
		return fvp_error(FVP_REFUSED,
				 "%s has logical blocks of %u bytes, and the flash of pool %s of "
				 "%u: a replica must not have larger ones",
				 dev->path, dev->block_bytes, pool->dev.name, block_bytes);
	return FVP_OK;
}

static void report(const struct fvp_view *pool, const struct fvp_device *dev,
		   const struct fvp_flash_info *info, const struct fvp_take *take)
{
	uint64_t room = (uint64_t)info->segment_count * info->segment_sectors * 512;
	struct json_object *object;

	if (!take->json) {
		printf("%s %s a replica of pool %s (%s): %u segments of %s, %s\n",
		       take->dry_run ? "would make" : "made", dev->path, pool->dev.name,
		       info->device_uuid, info->segment_count,
		       fvp_size_text(info->segment_sectors * 512ull), fvp_size_text(room));
		if (!take->dry_run)
			printf("  It is being synced: fvp replica list. Volumes use it when they "
			       "are told to: fvp volume replicas\n");
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "pool", json_object_new_string(pool->dev.name));
	json_object_object_add(object, "uuid", json_object_new_string(info->device_uuid));
	json_object_object_add(object, "device", json_object_new_string(dev->path));
	json_object_object_add(object, "dry_run", json_object_new_boolean(take->dry_run));
	json_object_object_add(object, "slots", json_object_new_int((int)info->segment_count));
	json_object_object_add(object, "segment_sectors",
			       json_object_new_int((int)info->segment_sectors));
	json_object_object_add(object, "size_bytes", json_object_new_int64((int64_t)room));
	fvp_json_print(object);
}

/* The superblock is written; the module did not take it, and why says its reason. */
static int take_back(const struct fvp_view *pool, struct fvp_device *dev, const char *uuid)
{
	char why[1024], message[80];
	int ret;

	snprintf(why, sizeof(why), "%s", fvp_dm_why());
	/* It may have taken it before something else failed. */
	snprintf(message, sizeof(message), "replica-remove %s", uuid);
	fvp_dm_message(pool->dev.name, message);
	ret = fvp_device_open_exclusive(dev, true);
	if (!ret)
		ret = fvp_flash_erase(dev);
	fvp_device_close(dev);
	return fvp_error(FVP_SYSTEM, "cannot give %s to pool %s as a replica: %s.%s", dev->path,
			 pool->dev.name, why, ret ? "" : " Its superblock is erased again");
}

static int create(const struct fvp_view *pool, char *arg, const struct fvp_take *take)
{
	struct fvp_device dev, flash;
	struct fvp_flash_plan *plan = NULL;
	struct fvp_flash_info info;
	int ret = fvp_pool_devices_open(&arg, 1, &dev, true);

	if (ret)
		return ret;
	ret = pool_check(pool, &dev);
	if (!ret)
		ret = fvp_pool_flash_find(pool, &flash);
	if (!ret)
		ret = fvp_flash_plan_replica(&flash, &dev, &plan, &info);
	if (!ret)
		ret = fvp_pool_take_check(&dev, take);
	if (!ret && !take->dry_run) {
		ret = fvp_pool_take(&dev, plan, 0);
		if (ret)
			fvp_flash_erase(&dev);
	}
	/* The module wants it for itself. */
	fvp_device_close(&dev);
	if (!ret && !take->dry_run && fvp_replica_reload(pool, &dev, info.device_uuid))
		ret = take_back(pool, &dev, info.device_uuid);
	if (!ret)
		report(pool, &dev, &info, take);
	fvp_flash_plan_free(plan);
	return ret;
}

int fvp_replica_create(int argc, char **argv)
{
	struct fvp_take take = { 0 };
	struct fvp_views pools;
	struct fvp_view *pool;
	int ret = parse(argc, argv, &take);

	if (!ret && !take.dry_run)
		ret = fvp_replicas_lock();
	if (ret)
		return ret;
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_view_pool(&pools, argv[optind], &pool);
	if (!ret)
		ret = create(pool, argv[optind + 1], &take);
	fvp_views_free(&pools);
	return ret;
}
