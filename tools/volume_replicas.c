// SPDX-License-Identifier: GPL-2.0
/*
 * fvp volume replicas: where else, beside the pool's flash, the dirty data of a volume
 * goes, and how many of those have to be in sync for write-back.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "record.h"
#include "replica.h"
#include "volume.h"
#include "wait.h"

static int pool_of(const struct fvp_view *volume, const struct fvp_views *pools,
		   const struct fvp_view **pool)
{
	struct fvp_volume_table table;
	int ret = fvp_volume_table_parse(&volume->dev, &table);

	for (unsigned int i = 0; i < pools->count && !ret; i++) {
		*pool = &pools->view[i];
		if ((*pool)->dev.major == table.pool_major &&
		    (*pool)->dev.minor == table.pool_minor)
			return FVP_OK;
	}
	return ret ? ret : fvp_error(FVP_ABSENT, "the pool of volume %s is gone", volume->dev.name);
}

static void show(const struct fvp_view *volume)
{
	struct fvp_replicas replicas;

	fvp_replicas_of_volume(volume, &replicas);
	if (!replicas.count) {
		printf("%s has no replicas: what is dirty is on the pool's flash alone\n",
		       volume->dev.name);
		return;
	}
	printf("%s: dirty data goes to %u replica%s beside flash; write-back needs %llu of them, "
	       "%u in sync\n",
	       volume->dev.name, replicas.count, replicas.count > 1 ? "s" : "",
	       (unsigned long long)fvp_status_number(volume->status, "replicas_min"), replicas.in);
	for (unsigned int i = 0; i < replicas.count; i++)
		printf("  %s  %s  %s\n", replicas.replica[i].uuid,
		       replicas.replica[i].path[0] ? replicas.replica[i].path : "-",
		       fvp_replica_words(&replicas.replica[i]));
}

/* all, none, or each by its device or uuid. */
static int wanted_parse(const struct fvp_view *pool, char **args, int count,
			struct fvp_replicas *wanted)
{
	struct fvp_replicas all;

	memset(wanted, 0, sizeof(*wanted));
	if (count == 1 && !strcmp(args[0], "none"))
		return FVP_OK;
	if (count == 1 && !strcmp(args[0], "all"))
		return fvp_volume_replicas_choose(pool, "all", wanted);
	fvp_replicas_parse(pool->status, &all);
	for (int i = 0; i < count; i++) {
		const struct fvp_replica *replica;
		int ret = fvp_replica_find(pool, &all, args[i], &replica);

		if (ret)
			return ret;
		if (fvp_replica_lookup(wanted, replica->uuid))
			return fvp_usage("%s is named twice", args[i]);
		wanted->replica[wanted->count++] = *replica;
	}
	return fvp_volume_replicas_check(wanted);
}

/*
 * What is dirty now is on none of the replicas that come: the kernel has the origin get it
 * first, and cannot be interrupted then.  So most of it is done before, with progress.
 */
static int flush(const char *name)
{
	struct fvp_wait wait = { .name = name };
	uint64_t dirty;
	int ret = fvp_wait_flush_begin(&wait, &dirty);

	if (ret || !dirty || !wait.until)
		return ret;
	ret = fvp_wait_explain(&wait, fvp_wait(&wait));
	if (ret)
		fvp_warn("the replicas of %s are as they were", name);
	return ret;
}

static int set(const struct fvp_view *volume, const struct fvp_views *pools, char **args, int count,
	       const char *min_text)
{
	const struct fvp_view *pool = NULL;
	struct fvp_replicas wanted;
	struct fvp_views after;
	unsigned int min;
	int ret = pool_of(volume, pools, &pool);

	if (!ret)
		ret = wanted_parse(pool, args, count, &wanted);
	if (ret)
		return ret;
	min = wanted.count;
	if (min_text && !fvp_number_parse(min_text, wanted.count, &min))
		return fvp_usage("--min: %s is not a number from 0 to %u, as many as were named",
				 min_text, wanted.count);
	ret = flush(volume->dev.name);
	if (!ret)
		ret = fvp_volume_replicas_set(volume->dev.name, &wanted, min);
	if (ret)
		return ret;
	fvp_record_note(volume->dev.name);
	if (!fvp_views_load(FVP_TARGET_VOLUME, &after) && fvp_views_find(&after, volume->dev.name))
		show(fvp_views_find(&after, volume->dev.name));
	fvp_views_free(&after);
	return FVP_OK;
}

int fvp_volume_replicas(int argc, char **argv)
{
	static const struct option known[] = { { "min", required_argument, NULL, 'm' }, { 0 } };
	struct fvp_views pools, volumes = { 0 };
	struct fvp_view *volume;
	const char *min = NULL;
	int c, ret;

	while ((c = fvp_option(argc, argv, "m:", known)) != -1) {
		if (c != 'm')
			return fvp_usage_option();
		min = optarg;
	}
	if (argc == optind || (min && argc - optind == 1))
		return fvp_usage("name a volume, and all, none or replicas of its pool");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (!ret)
		ret = fvp_view_volume(&volumes, argv[optind], &volume);
	if (!ret && argc - optind == 1)
		show(volume);
	else if (!ret)
		ret = set(volume, &pools, argv + optind + 1, argc - optind - 1, min);
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
	return ret;
}
