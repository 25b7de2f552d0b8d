// SPDX-License-Identifier: GPL-2.0
/* fvp pool start: activates a pool from its devices, in any order. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"
#include "waiting.h"

/* One pool, all its members, none twice.  The newest superblock says who belongs to it. */
static int members_check(const struct fvp_device *dev, const struct fvp_flash_info *info,
			 unsigned int count, const struct fvp_flash_info **newest)
{
	char missing[FVP_FLASH_MAX * (FVP_UUID_TEXT_BYTES + 2)] = "";
	unsigned int missing_count = 0;
	size_t used = 0;

	*newest = &info[0];
	for (unsigned int i = 1; i < count; i++) {
		if (strcmp(info[i].pool_uuid, info[0].pool_uuid))
			return fvp_error(
				FVP_MEDIA,
				"%s belongs to pool %s (%s), but %s belongs to pool %s (%s)",
				dev[0].path, info[0].label, info[0].pool_uuid, dev[i].path,
				info[i].label, info[i].pool_uuid);
		for (unsigned int j = 0; j < i; j++)
			if (!strcmp(info[i].device_uuid, info[j].device_uuid))
				return fvp_error(FVP_MEDIA,
						 "%s and %s are copies of one flash device (%s). "
						 "Take the copy away",
						 dev[j].path, dev[i].path, info[i].device_uuid);
		if (info[i].generation > (*newest)->generation)
			*newest = &info[i];
	}
	for (unsigned int m = 0; m < (*newest)->device_count; m++) {
		bool have = false;

		for (unsigned int i = 0; i < count; i++)
			have |= !strcmp(info[i].device_uuid, (*newest)->members[m]);
		if (have)
			continue;
		missing_count++;
		used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%s",
					 used ? ", " : "", (*newest)->members[m]);
	}
	if (missing_count)
		return fvp_error(FVP_MEDIA,
				 "pool %s has %u flash devices, and %u of them %s not named: %s. "
				 "Name them too",
				 (*newest)->label, (*newest)->device_count, missing_count,
				 missing_count > 1 ? "are" : "is", missing);
	return FVP_OK;
}

/* A copy of an active pool (a clone, another path to it) must not be activated beside it. */
static int twin_check(const char *pool_uuid)
{
	struct fvp_views pools;
	char uuid[FVP_DM_UUID_BYTES];
	int ret = fvp_views_load(FVP_TARGET_POOL, &pools);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < pools.count && !ret; i++)
		if (fvp_table_word(pools.view[i].dev.table.target[0].params, 0, uuid,
				   sizeof(uuid)) &&
		    !strcmp(uuid, pool_uuid))
			ret = fvp_error(FVP_REFUSED,
					"a pool with the uuid %s is active already, as %s: these "
					"devices are a copy of it",
					pool_uuid, pools.view[i].dev.name);
	fvp_views_free(&pools);
	return ret;
}

/* Volumes whose last writes are in the pool alone: before anyone uses their origins. */
static void report_waiting(const char *name)
{
	struct fvp_views pools, volumes = { 0 };
	struct fvp_view *pool = NULL;

	if (!fvp_views_load(FVP_TARGET_POOL, &pools) &&
	    !fvp_views_load(FVP_TARGET_VOLUME, &volumes))
		pool = fvp_views_find(&pools, name);
	if (pool)
		fvp_waiting_print(pool, &volumes);
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
}

static void report(const char *name, const struct fvp_flash_info *info, unsigned int count,
		   bool json)
{
	struct json_object *object;

	if (!json) {
		printf("started pool %s (%s): %u flash device%s\n", name, info->pool_uuid, count,
		       count > 1 ? "s" : "");
		report_waiting(name);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "name", json_object_new_string(name));
	json_object_object_add(object, "uuid", json_object_new_string(info->pool_uuid));
	json_object_object_add(object, "devices", json_object_new_int((int)count));
	json_object_object_add(object, "volumes", json_object_new_int((int)info->volume_count));
	fvp_json_print(object);
}

int fvp_pool_start(int argc, char **argv)
{
	static const struct option known[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct fvp_flash_info info[FVP_FLASH_MAX];
	const struct fvp_flash_info *newest = NULL;
	struct fvp_device dev[FVP_FLASH_MAX];
	unsigned int count;
	bool json = false;
	int c, ret;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c != 'j')
			return fvp_usage("see fvp pool start --help");
		json = true;
	}
	if (argc - optind < 2)
		return fvp_usage("name the pool and its devices");
	count = (unsigned int)(argc - optind - 1);
	if (count > FVP_FLASH_MAX)
		return fvp_usage("a pool has at most %d devices", FVP_FLASH_MAX);
	ret = fvp_pool_name_check(argv[optind]);
	if (ret)
		return ret;
	ret = fvp_pool_devices_open(argv + optind + 1, count, dev, false);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < count && !ret; i++)
		ret = fvp_pool_media_read(&dev[i], &info[i]);
	if (!ret)
		ret = members_check(dev, info, count, &newest);
	if (!ret)
		ret = twin_check(newest->pool_uuid);
	fvp_pool_devices_close(dev, count);
	if (!ret)
		ret = fvp_pool_activate(argv[optind], newest->pool_uuid, dev, count);
	if (!ret)
		report(argv[optind], newest, count, json);
	return ret;
}
