// SPDX-License-Identifier: GPL-2.0
/*
 * fvp pool destroy: deactivates a pool and erases its superblocks.  Nothing is
 * lost, as a rule: what is on the flash is also on the origins.  What is not is what
 * write-back has acknowledged for volumes that are not attached any more: refused.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "hidden.h"
#include "pool.h"
#include "replica.h"
#include "waiting.h"

static int confirm(const struct fvp_view *pool, uint64_t clean_bytes, bool dirty)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return fvp_error(FVP_REFUSED, "this needs a yes: say --yes");
	printf("Destroy pool %s? %s of cached content go%s. [y/N] ", pool->dev.name,
	       fvp_size_text(clean_bytes), dirty ? "" : "; the origins have all of it");
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return FVP_OK;
	return fvp_error(FVP_REFUSED, "not destroyed");
}

/* The devices' paths, found before the pool goes: its flash, and the replicas that are there. */
static unsigned int device_paths(const struct fvp_view *pool, const struct fvp_replicas *replicas,
				 char paths[FVP_POOL_DEVICES_MAX][FVP_PATH_BYTES])
{
	struct fvp_pool_table table;
	unsigned int count = 0;

	fvp_pool_table_parse(&pool->dev, &table);
	for (unsigned int i = 0; i < table.flash_count; i++)
		fvp_device_path_of_word(table.flash[i], paths[count++]);
	for (unsigned int i = 0; i < replicas->count; i++)
		if (replicas->replica[i].path[0])
			snprintf(paths[count++], FVP_PATH_BYTES, "%s", replicas->replica[i].path);
	return count;
}

/* What could not be erased, since it is not there. */
static void report_left(const struct fvp_view *pool, const struct fvp_replicas *replicas)
{
	for (unsigned int i = 0; i < replicas->count; i++)
		if (!replicas->replica[i].path[0])
			fvp_warn("replica %s of pool %s is not there and keeps its superblock: if "
				 "its device comes back, take it for something new with --force",
				 replicas->replica[i].uuid, pool->dev.name);
}

/*
 * What came since the question was asked may not go with the answer: *view is as the pool is
 * now, on return, and must be the pool of then with no more of what is only there.
 */
static int still_check(const struct fvp_view *then, const struct fvp_views *now,
		       struct fvp_view **view)
{
	struct fvp_pool_table before, after;
	int ret = fvp_view_pool(now, then->dev.name, view);

	if (ret)
		return ret;
	fvp_pool_table_parse(&then->dev, &before);
	fvp_pool_table_parse(&(*view)->dev, &after);
	if (strcmp(before.uuid, after.uuid))
		return fvp_error(FVP_REFUSED,
				 "%s is another pool by now. Nothing was changed: try again",
				 then->dev.name);
	if (fvp_status_number((*view)->status, "dirty_sectors") >
	    fvp_status_number(then->status, "dirty_sectors"))
		return fvp_error(FVP_REFUSED,
				 "pool %s has got acknowledged writes meanwhile. Nothing was "
				 "changed: see fvp status",
				 then->dev.name);
	return fvp_pool_idle_check(*view);
}

static int dirty_check(const struct fvp_view *pool, bool accept)
{
	uint64_t dirty_bytes = fvp_status_number(pool->status, "dirty_sectors") * 512;
	struct fvp_views volumes;

	if (!dirty_bytes)
		return FVP_OK;
	if (accept) {
		fvp_warn("%s of acknowledged writes go with pool %s", fvp_size_text(dirty_bytes),
			 pool->dev.name);
		return FVP_OK;
	}
	if (!fvp_views_load(FVP_TARGET_VOLUME, &volumes))
		fvp_waiting_print(pool, &volumes);
	fvp_views_free(&volumes);
	return fvp_error(
		FVP_REFUSED,
		"pool %s has %s of acknowledged writes that are nowhere else. Attach their "
		"volumes, or say --accept-data-loss. Nothing was changed",
		pool->dev.name, fvp_size_text(dirty_bytes));
}

static int destroy(const struct fvp_view *pool)
{
	char paths[FVP_POOL_DEVICES_MAX][FVP_PATH_BYTES];
	struct fvp_replicas replicas;
	struct fvp_pool_table table;
	unsigned int count;
	int ret = FVP_OK;

	fvp_replicas_parse(pool->status, &replicas);
	count = device_paths(pool, &replicas, paths);
	if (fvp_dm_remove(pool->dev.name))
		return fvp_error(FVP_SYSTEM, "cannot stop pool %s: %s. Nothing was erased",
				 pool->dev.name, fvp_dm_why());
	/* One that fails keeps its superblock; the others are erased all the same. */
	for (unsigned int i = 0; i < count; i++) {
		struct fvp_device dev;
		int one = fvp_device_find(paths[i], &dev);

		if (!one)
			one = fvp_device_open_exclusive(&dev, true);
		if (!one)
			one = fvp_flash_erase(&dev);
		fvp_device_close(&dev);
		if (one)
			ret = one;
	}
	report_left(pool, &replicas);
	/* Of volumes that are not attached: what was theirs here is gone. */
	fvp_pool_table_parse(&pool->dev, &table);
	fvp_hidden_clear(NULL, table.uuid, NULL);
	fvp_hidden_announce_all();
	return ret;
}

int fvp_pool_destroy(int argc, char **argv)
{
	static const struct option known[] = { { "yes", no_argument, NULL, 'y' },
					       { "accept-data-loss", no_argument, NULL, 'a' },
					       { 0 } };
	struct fvp_views pools, after = { 0 };
	struct fvp_view *pool;
	uint64_t clean_bytes;
	bool yes = false, accept = false, dirty = false;
	int c, ret;

	while ((c = fvp_option(argc, argv, "y", known)) != -1) {
		if (c == 'y')
			yes = true;
		else if (c == 'a')
			accept = true;
		else
			return fvp_usage_option();
	}
	if (argc - optind != 1)
		return fvp_usage("name one pool");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (ret)
		return ret;
	ret = fvp_view_pool(&pools, argv[optind], &pool);
	if (!ret)
		ret = fvp_pool_idle_check(pool);
	if (!ret)
		ret = dirty_check(pool, accept);
	if (!ret) {
		clean_bytes = fvp_status_number(pool->status, "live_sectors") * 512;
		dirty = fvp_status_number(pool->status, "dirty_sectors");
		if (!yes) {
			ret = confirm(pool, clean_bytes, dirty);
			if (!ret)
				ret = fvp_views_load(FVP_TARGET_POOL, &after);
			if (!ret)
				ret = still_check(pool, &after, &pool);
		}
	}
	if (!ret)
		ret = destroy(pool);
	if (!ret)
		printf("destroyed pool %s: %s of cached content are gone%s\n", argv[optind],
		       fvp_size_text(clean_bytes), dirty ? "" : "; the origins have all of it");
	fvp_views_free(&after);
	fvp_views_free(&pools);
	return ret;
}
