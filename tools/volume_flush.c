// SPDX-License-Identifier: GPL-2.0
/* fvp volume flush: the origin gets what has been acknowledged up to now. */
#include <getopt.h>
#include <stdio.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "report.h"
#include "wait.h"

static int flush(const char *name, bool wait)
{
	struct fvp_wait what = { .name = name };
	uint64_t dirty;
	int ret = fvp_wait_flush_begin(&what, &dirty);

	if (ret)
		return ret;
	if (dirty && !wait) {
		printf("flushing %s: %s to go. Wait for it with fvp volume flush %s --wait\n", name,
		       fvp_size_text(dirty), name);
		return FVP_OK;
	}
	/* A mark of 0 is no mark: nothing was ever dirty. */
	if (dirty && what.until) {
		ret = fvp_wait(&what);
		if (ret)
			return fvp_wait_explain(&what, ret);
		printf("flushed %s in %s: its origin has every write that was acknowledged "
		       "before\n",
		       name, fvp_time_text(what.took_ms));
	} else {
		ret = fvp_wait_nothing(&what);
		if (ret)
			return fvp_wait_explain(&what, ret);
		printf("%s: its origin has every acknowledged write\n", name);
	}
	return FVP_OK;
}

int fvp_volume_flush_verb(int argc, char **argv)
{
	static const struct option known[] = { { "wait", no_argument, NULL, 'w' }, { 0 } };
	struct fvp_views volumes;
	struct fvp_view *volume;
	bool wait = false;
	int c, ret;

	while ((c = fvp_option(argc, argv, "w", known)) != -1) {
		if (c != 'w')
			return fvp_usage_option();
		wait = true;
	}
	if (argc - optind != 1)
		return fvp_usage("name one volume");
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (ret)
		return ret;
	ret = fvp_view_volume(&volumes, argv[optind], &volume);
	if (!ret)
		ret = flush(volume->dev.name, wait);
	fvp_views_free(&volumes);
	return ret;
}
