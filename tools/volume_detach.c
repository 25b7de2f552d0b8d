// SPDX-License-Identifier: GPL-2.0
/*
 * fvp volume detach.  Under a running device the old table comes back, from the
 * hidden device that has it; a device that fvp made on top is removed.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "volume.h"

static int keep(const struct fvp_view *volume, const struct fvp_volume_table *table)
{
	char origin[FVP_PATH_BYTES];

	if (table->live && volume->dev.open_count)
		return fvp_error(
			FVP_REFUSED,
			"%s is open and will be written without the pool seeing it, so its "
			"content cannot be kept. Detach without --keep, or close it first",
			volume->dev.name);
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

static int detach_live(const struct fvp_view *volume, const struct fvp_volume_table *table)
{
	struct fvp_dm_device origin;
	uint64_t held_us = 0;
	bool restored;
	int ret = fvp_dm_read(table->origin_name, FVP_DM_TABLE, &origin);

	if (ret)
		return fvp_error(FVP_SYSTEM, "the origin of %s, device %s, cannot be read",
				 volume->dev.name, table->origin_name);
	if (volume->dev.suspended || volume->dev.inactive_table)
		ret = fvp_error(FVP_REFUSED,
				"%s is suspended or has another table loaded: someone is changing "
				"it. Try again later",
				volume->dev.name);
	if (!ret &&
	    fvp_dm_swap(volume->dev.name, &origin.table, &volume->dev.table, &held_us, &restored))
		ret = fvp_error(
			FVP_SYSTEM, "cannot detach %s: %s. %s", volume->dev.name, fvp_dm_why(),
			restored ? "It goes on as before"
				 : "ITS I/O IS HELD: look at dmesg, then dmsetup resume it");
	if (!ret) {
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

static int detach_on_top(const struct fvp_view *volume)
{
	char users[512];

	if (volume->dev.open_count) {
		fvp_device_users(volume->dev.major, volume->dev.minor, users, sizeof(users));
		return fvp_error(FVP_REFUSED, "volume %s is in use: %s", volume->dev.name,
				 users[0] ? users : "a program has it open");
	}
	if (fvp_dm_remove(volume->dev.name))
		return fvp_error(FVP_SYSTEM, "cannot detach %s: %s", volume->dev.name,
				 fvp_dm_why());
	printf("detached %s\n", volume->dev.name);
	return FVP_OK;
}

int fvp_volume_detach(int argc, char **argv)
{
	static const struct option known[] = { { "keep", no_argument, NULL, 'k' }, { 0 } };
	struct fvp_volume_table table = { 0 };
	struct fvp_views volumes;
	struct fvp_view *volume;
	bool want_keep = false;
	int c, ret;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c != 'k')
			return fvp_usage("see fvp volume detach --help");
		want_keep = true;
	}
	if (argc - optind != 1)
		return fvp_usage("name one volume");
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (ret)
		return ret;
	ret = fvp_view_volume(&volumes, argv[optind], &volume);
	if (!ret)
		ret = fvp_volume_table_parse(&volume->dev, &table);
	if (!ret && want_keep)
		ret = keep(volume, &table);
	if (!ret) {
		ret = table.live ? detach_live(volume, &table) : detach_on_top(volume);
		/* It goes on: then nothing was promised. */
		if (ret && want_keep)
			fvp_dm_message(volume->dev.name, "forget");
	}
	fvp_views_free(&volumes);
	return ret;
}
