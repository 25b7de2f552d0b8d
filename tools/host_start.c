// SPDX-License-Identifier: GPL-2.0
/*
 * fvp host start: what was in service when the host went down is so again.  The flash knows
 * its pools, volumes and modes; devices are searched for it, again and again while some are
 * missing.  A volume is attached warm: nobody has written its origin since, as this
 * comes before all who could, and `fvp host guard` marks those that went without.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "host.h"
#include "pool.h"
#include "volume.h"

#define FAILED_MAX 256

/* One try after another. */
struct start {
	bool last; /* no more waiting: go on with what is there, say what is not */
	bool cold; /* another host may have written the origins */
	unsigned int missing; /* pools and volumes, in this try */
	char failed[FAILED_MAX][FVP_UUID_TEXT_BYTES]; /* said why: not tried again */
	unsigned int failures;
};

static bool has_failed(const struct start *start, const char *uuid)
{
	for (unsigned int i = 0; i < start->failures; i++)
		if (!strcmp(start->failed[i], uuid))
			return true;
	return false;
}

static void fail(struct start *start, const char *uuid)
{
	if (start->failures < FAILED_MAX)
		snprintf(start->failed[start->failures++], FVP_UUID_TEXT_BYTES, "%s", uuid);
}

static bool pool_active(const char *uuid)
{
	struct fvp_views pools;
	struct fvp_pool_table table;
	bool found = false;

	if (fvp_views_load(FVP_TARGET_POOL, &pools))
		return false;
	for (unsigned int i = 0; i < pools.count && !found; i++) {
		fvp_pool_table_parse(&pools.view[i].dev, &table);
		found = !strcmp(table.uuid, uuid);
	}
	fvp_views_free(&pools);
	return found;
}

static void pool_start(struct start *start, struct fvp_host_scan *scan,
		       const struct fvp_flash_info *newest)
{
	char *argv[FVP_POOL_DEVICES_MAX + 3] = { "start", (char *)newest->label };
	unsigned int flash, replicas;
	int argc = 2;

	flash = fvp_host_absent(scan, newest, &replicas);
	if (flash || (replicas && !start->last)) {
		start->missing++;
		if (start->last)
			fvp_error(FVP_ABSENT,
				  "pool %s (%s) is not started: %u of its %u flash devices are not "
				  "here",
				  newest->label, newest->pool_uuid, flash, newest->device_count);
		return;
	}
	for (unsigned int i = 0; i < scan->flash_count && argc < FVP_POOL_DEVICES_MAX + 2; i++)
		if (!strcmp(scan->flash[i].info.pool_uuid, newest->pool_uuid))
			argv[argc++] = scan->flash[i].dev.path;
	optind = 0;
	if (fvp_pool_start(argc, argv))
		fail(start, newest->pool_uuid);
}

static void pools_start(struct start *start, struct fvp_host_scan *scan)
{
	for (unsigned int i = 0; i < scan->flash_count; i++) {
		const struct fvp_flash_info *newest = &scan->flash[i].info;
		bool seen = false;

		for (unsigned int j = 0; j < scan->flash_count; j++) {
			const struct fvp_flash_info *info = &scan->flash[j].info;

			if (strcmp(info->pool_uuid, newest->pool_uuid))
				continue;
			seen |= j < i;
			if (info->role == FVP_FLASH_MEMBER &&
			    (newest->role != FVP_FLASH_MEMBER ||
			     info->generation > newest->generation))
				newest = info;
		}
		/* A replica alone may wait for its pool, or for fvp recover on another host. */
		if (seen || newest->role != FVP_FLASH_MEMBER ||
		    has_failed(start, newest->pool_uuid) || pool_active(newest->pool_uuid))
			continue;
		pool_start(start, scan, newest);
	}
}

/* The device that is this volume's origin; *is_dm: it keeps its name. */
static const struct fvp_device *origin_find(const struct fvp_host_scan *scan, const char *uuid,
					    bool *is_dm)
{
	for (unsigned int i = 0; i < scan->device_count; i++) {
		const struct fvp_device *dev = &scan->device[i];
		char name[FVP_DM_NAME_BYTES], found[40] = "";
		struct fvp_dm_device dm;

		*is_dm = fvp_dm_name_of(dev->major, dev->minor, name);
		if (*is_dm && fvp_dm_read(name, FVP_DM_TABLE, &dm))
			continue;
		if (!*is_dm || strncmp(dm.uuid, "FVP-", 4))
			fvp_volume_uuid(dev, *is_dm ? &dm : NULL, found);
		if (*is_dm)
			fvp_dm_free(&dm);
		if (!strcmp(found, uuid))
			return dev;
	}
	return NULL;
}

static const char *mode_name(int mode)
{
	static const char *const names[] = { FVP_MODE_NAME_WRITE_BACK, FVP_MODE_NAME_WRITE_THROUGH,
					     FVP_MODE_NAME_READ_ONLY_CACHE,
					     FVP_MODE_NAME_PASS_THROUGH };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fvp_mode_parse(names[i]) == mode)
			return names[i];
	return FVP_MODE_NAME_WRITE_THROUGH;
}

static void volume_start(struct start *start, const struct fvp_host_scan *scan,
			 const struct fvp_view *pool, const struct fvp_flash_volume *volume)
{
	bool is_dm, cold = start->cold || fvp_host_stale(volume->uuid);
	const struct fvp_device *origin = origin_find(scan, volume->uuid, &is_dm);
	char path[FVP_PATH_BYTES];
	char *argv[] = { "attach",
			 path,
			 "--pool",
			 (char *)pool->dev.name,
			 "--uuid",
			 (char *)volume->uuid,
			 "--mode",
			 (char *)mode_name(volume->mode),
			 cold ? "--cold" : "--warm",
			 "--name",
			 (char *)volume->name,
			 NULL };
	int argc = 9;

	if (!origin) {
		start->missing++;
		if (start->last)
			fvp_error(
				FVP_ABSENT,
				"volume %s (%s) of pool %s is not attached: no device here is its "
				"origin. When it is there: fvp host start. If its uuid was given "
				"or made up: fvp volume attach DEVICE --uuid %s --warm",
				volume->name, volume->uuid, pool->dev.name, volume->uuid);
		return;
	}
	if (!is_dm && volume->name[0])
		argc = 11;
	else
		argv[argc] = NULL;
	fvp_device_path(origin->major, origin->minor, path);
	optind = 0;
	if (fvp_volume_attach_verb(argc, argv))
		fail(start, volume->uuid);
}

static void volumes_start(struct start *start, const struct fvp_host_scan *scan)
{
	struct fvp_views pools, volumes = { 0 };

	if (fvp_views_load(FVP_TARGET_POOL, &pools) || fvp_views_load(FVP_TARGET_VOLUME, &volumes))
		return;
	for (unsigned int p = 0; p < pools.count; p++) {
		struct fvp_flash_volume *list;
		struct fvp_device dev;
		unsigned int count;

		if (fvp_pool_flash_find(&pools.view[p], &dev) ||
		    fvp_flash_volumes(&dev, &list, &count)) {
			start->missing++;
			continue;
		}
		for (unsigned int i = 0; i < count; i++)
			if ((list[i].in_service || list[i].may_be_dirty) &&
			    !has_failed(start, list[i].uuid) &&
			    !fvp_host_attached(&volumes, list[i].uuid))
				volume_start(start, scan, &pools.view[p], &list[i]);
		free(list);
	}
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
}

static int try(struct start *start)
{
	struct fvp_host_scan scan;
	int ret = fvp_host_scan(&scan);

	if (ret)
		return ret;
	start->missing = 0;
	pools_start(start, &scan);
	volumes_start(start, &scan);
	fvp_host_scan_free(&scan);
	return FVP_OK;
}

int fvp_host_start(int argc, char **argv)
{
	static const struct option known[] = { { "wait", required_argument, NULL, 'w' },
					       { "cold", no_argument, NULL, 'c' },
					       { 0 } };
	static struct start start;
	unsigned int wait = 0;
	time_t end;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c == '?')
			return fvp_usage_option();
		if (c == 'c')
			start.cold = true;
		else if (c != 'w' || !fvp_number_parse(optarg, 86400, &wait))
			return fvp_usage("--wait wants seconds, at most 86400");
	}
	if (optind != argc)
		return fvp_usage("it takes no names");
	ret = fvp_dm_require_targets();
	if (ret)
		return ret;
	end = time(NULL) + (time_t)wait;
	do {
		start.last = time(NULL) >= end;
		ret = try(&start);
		fflush(stdout);
		if (!ret && start.missing && !start.last)
			sleep(1);
	} while (!ret && start.missing && !start.last);
	if (ret)
		return ret;
	if (start.missing)
		return FVP_ABSENT;
	return start.failures ? FVP_SYSTEM : FVP_OK;
}
