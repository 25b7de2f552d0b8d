// SPDX-License-Identifier: GPL-2.0
/*
 * fvp volume forget: gives up acknowledged writes.  There are two kinds:
 *
 *	of an attached volume	what flash does not give back: lost already
 *	of one that is not	what a pool keeps for an origin that is not there
 *
 * To remove the latter, the volume is attached to nothing: over a device that takes
 * every write and keeps none (target "zero"), where its writes go until none are left.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fvp.h"
#include "hidden.h"
#include "fvp_uapi.h"
#include "volume.h"
#include "wait.h"
#include "waiting.h"

static int refuse(void)
{
	return fvp_error(FVP_REFUSED, "nothing was changed. To give that up, say "
				      "--accept-data-loss");
}

/* ---- attached: lost ranges ---- */

static void print_ranges(const char *reply, uint64_t sectors)
{
	uint64_t lba, count, shown = 0;

	while (fvp_range_next(&reply, &lba, &count)) {
		printf("  sectors %llu to %llu (%s at byte %llu)\n", (unsigned long long)lba,
		       (unsigned long long)(lba + count - 1), fvp_size_text(count * 512),
		       (unsigned long long)(lba * 512));
		shown += count;
	}
	if (shown < sectors)
		printf("  and %s more\n", fvp_size_text((sectors - shown) * 512));
}

/* Destaging goes on behind what was given up, and may find more of the kind. */
static void note_more(const char *name)
{
	const struct timespec pause = { .tv_sec = 1 };
	struct fvp_dm_device dev;
	uint64_t lost = 0;

	nanosleep(&pause, NULL);
	if (fvp_dm_read(name, FVP_DM_STATUS, &dev))
		return;
	if (dev.table.count == 1)
		lost = fvp_status_number(dev.table.target[0].params, "lost_sectors") * 512;
	fvp_dm_free(&dev);
	if (lost)
		printf("of what was written after it, another %s are lost: look again\n",
		       fvp_size_text(lost));
}

static int forget_lost(const struct fvp_view *volume, bool accept)
{
	const char *name = volume->dev.name;
	uint64_t sectors;
	char *reply;

	if (fvp_dm_ask(name, "lost", &reply)) {
		free(reply);
		return fvp_error(FVP_SYSTEM, "cannot ask %s what it lost: %s", name, fvp_dm_why());
	}
	sectors = fvp_status_number(reply, "sectors");
	if (!sectors) {
		free(reply);
		printf("%s has lost nothing\n", name);
		return FVP_OK;
	}
	printf("%s has lost %s of acknowledged writes, which flash does not give back. Reading or "
	       "writing them is an error:\n",
	       name, fvp_size_text(sectors * 512));
	print_ranges(reply, sectors);
	free(reply);
	if (!accept)
		return refuse();
	if (fvp_dm_message(name, "forget-lost"))
		return fvp_error(FVP_SYSTEM, "cannot give up what %s lost: %s", name, fvp_dm_why());
	printf("given up: these sectors read what the origin has, which is older\n");
	note_more(name);
	return FVP_OK;
}

/* ---- not attached: writes that wait ---- */

/* Over the device that keeps nothing, until nothing is dirty and nothing lost. */
static int drain_nowhere(struct fvp_attach *attach, const struct fvp_dm_device *nowhere)
{
	struct fvp_wait wait = { .name = attach->name, .forget_lost = true };
	char uuid[FVP_DM_UUID_BYTES];
	struct fvp_dm_table table;
	int ret;

	snprintf(uuid, sizeof(uuid), "FVP-forget-%s", attach->uuid);
	fvp_attach_table(attach, nowhere->major, nowhere->minor, &table);
	ret = fvp_dm_create_hidden(attach->name, uuid, &table);
	fvp_dm_table_free(&table);
	if (ret)
		return fvp_error(ret, "cannot give up the writes of %s: %s", attach->uuid,
				 fvp_dm_why());
	ret = fvp_wait(&wait);
	/* The device is gone in a moment: no advice may name it. */
	if (ret == FVP_SYSTEM)
		fvp_error(ret,
			  "pool %s does not give up %s of the acknowledged writes of %s (dmesg "
			  "may say why): the rest is given up. Try again",
			  attach->pool->dev.name, fvp_size_text(wait.left_bytes), attach->uuid);
	else if (ret == FVP_INTERRUPTED)
		fvp_error(ret, "interrupted: %s of the acknowledged writes of %s are not given up",
			  fvp_size_text(wait.left_bytes), attach->uuid);
	else if (ret)
		fvp_wait_explain(&wait, ret);
	if (fvp_dm_remove(attach->name) && !ret)
		ret = fvp_error(FVP_SYSTEM, "cannot remove the device %s: %s", attach->name,
				fvp_dm_why());
	return ret;
}

static int remove_waiting(const struct fvp_view *pool, const struct fvp_flash_volume *volume)
{
	struct fvp_attach attach = { .pool = pool, .mode = FVP_MODE_NAME_WRITE_THROUGH };
	char name[FVP_DM_NAME_BYTES], uuid[FVP_DM_UUID_BYTES];
	struct fvp_dm_table table = { 0 };
	struct fvp_dm_device nowhere;
	int ret;

	attach.origin.sectors = volume->sectors;
	snprintf(attach.uuid, sizeof(attach.uuid), "%s", volume->uuid);
	snprintf(attach.name, sizeof(attach.name), "fvp-forget-%s", volume->uuid);
	snprintf(name, sizeof(name), "fvp-nowhere-%s", volume->uuid);
	snprintf(uuid, sizeof(uuid), "FVP-nowhere-%s", volume->uuid);
	fvp_dm_table_add(&table, 0, volume->sectors, "zero", "");
	ret = fvp_dm_create_hidden(name, uuid, &table);
	fvp_dm_table_free(&table);
	if (ret)
		return fvp_error(ret, "cannot make the device %s: %s", name, fvp_dm_why());
	ret = fvp_dm_read(name, FVP_DM_TABLE, &nowhere);
	if (!ret) {
		ret = drain_nowhere(&attach, &nowhere);
		fvp_dm_free(&nowhere);
	}
	if (fvp_dm_remove(name) && !ret)
		ret = fvp_error(FVP_SYSTEM, "cannot remove the device %s: %s", name, fvp_dm_why());
	return ret;
}

static int forget_waiting(const struct fvp_view *pool, const struct fvp_waiting *waiting,
			  const struct fvp_flash_volume *volume, bool accept)
{
	const char *name = volume->name[0] ? volume->name : volume->uuid;
	int ret;

	if (waiting->count == 1)
		printf("pool %s has %s of acknowledged writes of %s (%s), which is not attached: "
		       "its "
		       "origin lacks them\n",
		       pool->dev.name, fvp_size_text(waiting->bytes), name, volume->uuid);
	else
		printf("pool %s has acknowledged writes of volumes that are not attached: %s in "
		       "all. How many of them are of %s (%s) is not known before it is attached\n",
		       pool->dev.name, fvp_size_text(waiting->bytes), name, volume->uuid);
	if (!accept)
		return refuse();
	ret = remove_waiting(pool, volume);
	if (ret)
		return ret;
	/* Its origin's own content counts again. */
	fvp_hidden_clear(volume->uuid, NULL, NULL);
	fvp_hidden_announce_all();
	printf("given up: pool %s has nothing of %s any more\n", pool->dev.name, name);
	return FVP_OK;
}

/* By its uuid, or by the name that it had when it was attached. */
static bool is_named(const struct fvp_flash_volume *volume, const char *arg)
{
	return !strcmp(volume->uuid, arg) || !strcmp(volume->name, arg);
}

/* Nothing sees to it that names are unique: disks come and go, and pools. */
static int refuse_several(const struct fvp_views *pools, const struct fvp_waiting *waiting,
			  const char *arg)
{
	fvp_error(FVP_REFUSED, "several volumes that are not attached are %s:", arg);
	for (unsigned int p = 0; p < pools->count; p++)
		for (unsigned int i = 0; i < waiting[p].count; i++)
			if (is_named(&waiting[p].list[i], arg))
				fprintf(stderr, "  %s in pool %s\n", waiting[p].list[i].uuid,
					pools->view[p].dev.name);
	return fvp_error(FVP_REFUSED,
			 "say which by its uuid. If more than one pool has that, fvp pool stop the "
			 "others first. Nothing was changed");
}

static int forget_unattached(const struct fvp_views *pools, const struct fvp_views *volumes,
			     const char *arg, bool accept)
{
	struct fvp_waiting *waiting = calloc(pools->count + 1, sizeof(*waiting));
	const struct fvp_flash_volume *volume = NULL;
	unsigned int found = 0, pool = 0;
	int ret = FVP_OK;

	if (!waiting)
		abort();
	for (unsigned int p = 0; p < pools->count && !ret; p++) {
		ret = fvp_waiting_load(&pools->view[p], volumes, &waiting[p]);
		for (unsigned int i = 0; i < waiting[p].count && !ret; i++) {
			if (!is_named(&waiting[p].list[i], arg))
				continue;
			volume = &waiting[p].list[i];
			pool = p;
			found++;
		}
	}
	if (!ret && found > 1)
		ret = refuse_several(pools, waiting, arg);
	else if (!ret && found)
		ret = forget_waiting(&pools->view[pool], &waiting[pool], volume, accept);
	else if (!ret)
		ret = fvp_error(
			FVP_ABSENT,
			"no volume %s is attached, and no active pool has acknowledged "
			"writes for one. If its pool is not active, fvp pool start it first",
			arg);
	for (unsigned int p = 0; p < pools->count; p++)
		fvp_waiting_free(&waiting[p]);
	free(waiting);
	return ret;
}

int fvp_volume_forget(int argc, char **argv)
{
	static const struct option known[] = { { "accept-data-loss", no_argument, NULL, 'a' },
					       { 0 } };
	struct fvp_views pools, volumes = { 0 };
	struct fvp_view *volume;
	bool accept = false;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c != 'a')
			return fvp_usage_option();
		accept = true;
	}
	if (argc - optind != 1)
		return fvp_usage("name one volume");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (!ret) {
		volume = fvp_views_lookup(&volumes, argv[optind]);
		ret = volume ? forget_lost(volume, accept)
			     : forget_unattached(&pools, &volumes, argv[optind], accept);
	}
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
	return ret;
}
