// SPDX-License-Identifier: GPL-2.0
/*
 * fvp volume detach.  Under a running device the old table comes back, from the
 * hidden device that has it; a device that fvp made on top is removed.  First the
 * origin gets what write-back has acknowledged: the kernel would see to that too, but
 * cannot be asked to stop, nor say how far it is.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "hidden.h"
#include "record.h"
#include "volume.h"
#include "wait.h"
#include "waiting.h"

struct options {
	bool keep, leave_dirty;
};

/* What would fail after a long drain is refused before it; and after it, what came meanwhile. */
static int check(const struct fvp_view *volume, const struct fvp_volume_table *table,
		 const struct options *options)
{
	uint64_t lost = fvp_status_number(volume->status, "lost_sectors") * 512;
	char users[512];

	if (!table->live && volume->dev.open_count) {
		fvp_device_users(volume->dev.major, volume->dev.minor, users, sizeof(users));
		return fvp_error(FVP_REFUSED, "volume %s is in use: %s", volume->dev.name,
				 users[0] ? users : "a program has it open");
	}
	if (volume->dev.suspended || volume->dev.inactive_table)
		return fvp_error(FVP_REFUSED,
				 "%s is suspended or has another table loaded: someone is changing "
				 "it. Try again later",
				 volume->dev.name);
	if (options->keep && table->live && volume->dev.open_count)
		return fvp_error(
			FVP_REFUSED,
			"%s is open and will be written without the pool seeing it, so its "
			"content cannot be kept. Detach without --keep, or close it first",
			volume->dev.name);
	if (options->leave_dirty && table->live && volume->dev.open_count)
		return fvp_error(FVP_REFUSED,
				 "%s is open, and whoever has it open would read its origin "
				 "without the last writes. Close it first, or detach it without "
				 "--leave-dirty",
				 volume->dev.name);
	if (lost)
		return fvp_error(FVP_REFUSED,
				 "%s has lost %s of acknowledged writes. Without the volume their "
				 "old content would be read as if nothing had happened. See fvp "
				 "volume forget %s first",
				 volume->dev.name, fvp_size_text(lost), volume->dev.name);
	return FVP_OK;
}

static int origin_refuses(const struct fvp_view *volume, uint64_t dirty_bytes)
{
	return fvp_error(
		FVP_REFUSED,
		"the origin of %s fails writes, and %s of acknowledged writes are on flash "
		"only. Repair the origin (dmesg has its errors) and try again. To leave "
		"them in the pool until it is back: --leave-dirty. %s goes on as before",
		volume->dev.name, fvp_size_text(dirty_bytes), volume->dev.name);
}

/*
 * Leaves write-back and waits until the origin has all, so that the swap or removal
 * itself holds I/O for no longer than it must.  *left: that was done, and is to be undone
 * if the volume stays.
 */
static int drain(const struct fvp_view *volume, bool *left)
{
	const char *name = volume->dev.name;
	uint64_t dirty = fvp_status_number(volume->status, "dirty_sectors");
	struct fvp_wait wait = { .name = name };
	char mode[24];
	int ret;

	if (dirty && fvp_origin_failing(volume))
		return origin_refuses(volume, dirty * 512);
	fvp_status_word(volume->status, "requested", mode, sizeof(mode));
	if (!strcmp(mode, FVP_MODE_NAME_WRITE_BACK)) {
		if (fvp_dm_message(name, "mode " FVP_MODE_NAME_WRITE_THROUGH))
			return fvp_error(FVP_SYSTEM, "cannot end write-back of %s: %s", name,
					 fvp_dm_why());
		*left = true;
	}
	if (!dirty && !*left)
		return FVP_OK;
	ret = fvp_wait(&wait);
	switch (ret) {
	case FVP_SYSTEM:
		/* All that flash gave is there: check() says what that is worth. */
		if (wait.lost && !wait.left_bytes)
			return FVP_OK;
		if (wait.lost)
			return fvp_wait_explain(&wait, ret);
		return origin_refuses(volume, wait.left_bytes);
	case FVP_INTERRUPTED:
		return fvp_error(ret, "interrupted with %s left: %s is not detached",
				 fvp_size_text(wait.left_bytes), name);
	default:
		return fvp_wait_explain(&wait, ret);
	}
}

static int keep(const struct fvp_view *volume, const struct fvp_volume_table *table)
{
	char origin[FVP_PATH_BYTES];

	if (fvp_dm_message(volume->dev.name, "keep"))
		return fvp_error(FVP_SYSTEM, "cannot keep the content of %s: %s", volume->dev.name,
				 fvp_dm_why());
	fvp_device_path(table->origin_major, table->origin_minor, origin);
	printf("the pool keeps %s of %s: use it again with fvp volume attach --warm, and only if "
	       "nobody writes %s until then\n",
	       fvp_size_text(fvp_status_number(volume->status, "live_sectors") * 512),
	       volume->dev.name, table->live ? volume->dev.name : origin);
	return FVP_OK;
}

static int detach_live(const struct fvp_view *volume, const struct fvp_volume_table *table,
		       bool *detached)
{
	struct fvp_dm_device origin;
	uint64_t held_us = 0;
	bool restored;
	int ret = fvp_dm_read(table->origin_name, FVP_DM_TABLE, &origin);

	if (ret)
		return fvp_error(FVP_SYSTEM, "the origin of %s, device %s, cannot be read",
				 volume->dev.name, table->origin_name);
	if (fvp_dm_swap(volume->dev.name, &origin.table, &volume->dev.table, &held_us, &restored))
		ret = fvp_error(
			FVP_SYSTEM, "cannot detach %s: %s. %s", volume->dev.name, fvp_dm_why(),
			restored ? "It goes on as before"
				 : "ITS I/O IS HELD: look at dmesg, then dmsetup resume it");
	if (!ret) {
		*detached = true;
		printf("detached %s; its I/O was held for %.1f ms\n", volume->dev.name,
		       (double)held_us / 1000);
		if (fvp_dm_remove(origin.name))
			ret = fvp_error(FVP_SYSTEM,
					"%s is detached, but the hidden device %s cannot be "
					"removed: %s",
					volume->dev.name, origin.name, fvp_dm_why());
	}
	fvp_dm_free(&origin);
	return ret;
}

static int detach_on_top(const struct fvp_view *volume, bool *detached)
{
	if (fvp_dm_remove(volume->dev.name))
		return fvp_error(FVP_SYSTEM, "cannot detach %s: %s", volume->dev.name,
				 fvp_dm_why());
	*detached = true;
	printf("detached %s\n", volume->dev.name);
	return FVP_OK;
}

static int detach_now(const struct fvp_view *volume, const struct fvp_volume_table *table,
		      const struct options *options)
{
	struct fvp_hidden hidden = { 0 };
	bool detached = false;
	int ret = fvp_record_lock(table->uuid);

	if (!ret)
		ret = check(volume, table, options);
	if (!ret && options->keep)
		ret = keep(volume, table);
	/* It may have been kept before, by a detach that was killed. */
	else if (!ret && fvp_dm_message(volume->dev.name, "forget"))
		ret = fvp_error(FVP_SYSTEM, "cannot have the content of %s forgotten: %s",
				volume->dev.name, fvp_dm_why());
	if (!ret) {
		/* Before: ended in between, it must not be attached again by fvpd. */
		fvp_record_drop(table->uuid);
		/*
		 * Before udev sees the origin with its own table.  What is left dirty is missing on
		 * it, so it stays hidden.
		 */
		if (!options->leave_dirty)
			fvp_hidden_clear(table->uuid, NULL, &hidden);
		ret = table->live ? detach_live(volume, table, &detached)
				  : detach_on_top(volume, &detached);
		if (!detached) {
			fvp_record_note(volume->dev.name);
			fvp_hidden_restore(&hidden);
		} else if (!table->live) {
			fvp_hidden_announce(table->origin_major, table->origin_minor);
		}
	}
	fvp_record_unlock();
	return ret;
}

/* As it is after the drain: flash may have failed, or someone opened it, in that time. */
static int detach_drained(const char *name, const char *uuid, const struct options *options)
{
	struct fvp_volume_table table;
	struct fvp_views volumes;
	struct fvp_view *volume;
	int ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);

	if (!ret)
		ret = fvp_view_volume(&volumes, name, &volume);
	if (!ret)
		ret = fvp_volume_table_parse(&volume->dev, &table);
	if (!ret && strcmp(table.uuid, uuid))
		ret = fvp_error(FVP_REFUSED, "%s is another volume by now. Try again", name);
	if (!ret)
		ret = detach_now(volume, &table, options);
	fvp_views_free(&volumes);
	return ret;
}

static int detach(const struct fvp_view *volume, const struct options *options)
{
	const char *name = volume->dev.name;
	struct fvp_volume_table table;
	bool left = false;
	int ret = fvp_volume_table_parse(&volume->dev, &table);

	if (ret)
		return ret;
	if (options->leave_dirty) {
		ret = detach_now(volume, &table, options);
	} else {
		ret = check(volume, &table, options);
		if (ret)
			return ret;
		ret = drain(volume, &left);
		if (!ret)
			ret = detach_drained(name, table.uuid, options);
	}
	if (!ret)
		return FVP_OK;
	/* It goes on: then nothing was promised, and it is as it was. */
	if (options->keep)
		fvp_dm_message(name, "forget");
	if (left)
		fvp_dm_message(name, "mode " FVP_MODE_NAME_WRITE_BACK);
	return ret;
}

/* No pool has acknowledged writes of it, as far as is known: its own has to be active to tell. */
static bool origin_is_complete(const struct fvp_record *record, const struct fvp_views *volumes)
{
	bool told = false, complete = true;
	struct fvp_pool_table table;
	struct fvp_waiting waiting;
	struct fvp_views pools;

	if (fvp_views_load(FVP_TARGET_POOL, &pools))
		return false;
	for (unsigned int i = 0; i < pools.count; i++) {
		fvp_pool_table_parse(&pools.view[i].dev, &table);
		told |= !strcmp(table.uuid, record->pool_uuid);
		complete &= !fvp_waiting_load(&pools.view[i], volumes, &waiting) &&
			    !fvp_waiting_find(&waiting, record->uuid);
		fvp_waiting_free(&waiting);
	}
	fvp_views_free(&pools);
	return told && complete;
}

/* Its table is another program's already: then fvpd is to leave it so.  False: it is not known. */
static bool detach_lost(const char *arg, const struct fvp_views *volumes, int *ret)
{
	const char *name = strncmp(arg, "/dev/mapper/", 12) ? arg : arg + 12;
	struct fvp_record record;

	if (!fvp_record_find(name, &record))
		return false;
	*ret = fvp_record_lock(record.uuid);
	if (*ret)
		return true;
	fvp_record_drop(record.uuid);
	/* With writes that it lacks it stays hidden from all but fvp. */
	if (origin_is_complete(&record, volumes))
		fvp_hidden_clear(record.uuid, NULL, NULL);
	fvp_record_unlock();
	printf("%s is not attached now: another program has replaced its table, or it is gone. "
	       "fvpd will not attach it again\n",
	       record.name);
	return true;
}

int fvp_volume_detach_verb(int argc, char **argv)
{
	static const struct option known[] = { { "keep", no_argument, NULL, 'k' },
					       { "leave-dirty", no_argument, NULL, 'l' },
					       { 0 } };
	struct options options = { 0 };
	struct fvp_signals signals;
	struct fvp_views volumes;
	struct fvp_view *volume;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c == 'k')
			options.keep = true;
		else if (c == 'l')
			options.leave_dirty = true;
		else
			return fvp_usage_option();
	}
	if (argc - optind != 1)
		return fvp_usage("name one volume");
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (ret)
		return ret;
	if (!fvp_views_lookup(&volumes, argv[optind]) &&
	    detach_lost(argv[optind], &volumes, &ret)) {
		fvp_views_free(&volumes);
		return ret;
	}
	ret = fvp_view_volume(&volumes, argv[optind], &volume);
	/* Once it has begun it ends: detached, or as it was. */
	fvp_signals_hold(&signals);
	if (!ret)
		ret = detach(volume, &options);
	fvp_signals_release(&signals);
	fvp_views_free(&volumes);
	return ret;
}
