// SPDX-License-Identifier: GPL-2.0
/*
 * fvp volume mode: another mode, from the next request on.  Only leaving write-back takes
 * time: the origin first gets what it lacks.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "record.h"
#include "report.h"
#include "wait.h"

/* After the change: says what goes on, or waits for its end. */
static int follow(const char *name, const char *mode, bool wait)
{
	struct fvp_wait what = { .name = name };
	struct fvp_dm_device dev;
	const char *status;
	char effective[24];
	uint64_t dirty;
	bool draining;
	int ret = fvp_dm_read(name, FVP_DM_STATUS, &dev);

	if (ret)
		return fvp_wait_explain(&what, ret);
	status = dev.table.count == 1 ? dev.table.target[0].params : "";
	dirty = fvp_status_number(status, "dirty_sectors");
	draining = fvp_status_number(status, "draining");
	fvp_status_word(status, "effective", effective, sizeof(effective));
	fvp_dm_free(&dev);
	if (!draining) {
		if (strcmp(effective, mode))
			fvp_warn("%s stays in %s for now: see fvp status", name, effective);
		return wait ? fvp_wait_explain(&what, fvp_wait_nothing(&what)) : FVP_OK;
	}
	if (!wait) {
		printf("%s leaves write-back for %s, which takes effect when its origin has the %s "
		       "that are dirty. fvp status shows how far it is; --wait waits for it\n",
		       name, mode, fvp_size_text(dirty * 512));
		return FVP_OK;
	}
	ret = fvp_wait(&what);
	if (ret)
		return fvp_wait_explain(&what, ret);
	printf("%s is in %s after %s: its origin has every acknowledged write\n", name, mode,
	       fvp_time_text(what.took_ms));
	return FVP_OK;
}

int fvp_volume_mode(int argc, char **argv)
{
	static const struct option known[] = { { "wait", no_argument, NULL, 'w' }, { 0 } };
	struct fvp_views volumes;
	struct fvp_view *volume;
	char message[64];
	bool wait = false;
	const char *mode;
	int c, ret;

	while ((c = fvp_option(argc, argv, "w", known)) != -1) {
		if (c != 'w')
			return fvp_usage_option();
		wait = true;
	}
	if (argc - optind != 2)
		return fvp_usage("name a volume and a mode");
	mode = argv[optind + 1];
	if (!fvp_mode_parse(mode))
		return fvp_usage("%s is no mode: " FVP_MODE_RULE, mode);
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (ret)
		return ret;
	ret = fvp_view_volume(&volumes, argv[optind], &volume);
	if (!ret) {
		snprintf(message, sizeof(message), "mode %s", mode);
		if (fvp_dm_message(volume->dev.name, message))
			ret = fvp_error(FVP_SYSTEM, "cannot set the mode of %s to %s: %s",
					volume->dev.name, mode, fvp_dm_why());
	}
	if (!ret) {
		fvp_record_note(volume->dev.name);
		ret = follow(volume->dev.name, mode, wait);
	}
	fvp_views_free(&volumes);
	return ret;
}
