// SPDX-License-Identifier: GPL-2.0
/* fvp volume order: in which order the origin gets what write-back has acknowledged. */
#include <getopt.h>
#include <stdio.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "record.h"
#include "report.h"

int fvp_volume_order(int argc, char **argv)
{
	static const struct option known[] = { { 0 } };
	struct fvp_views volumes;
	struct fvp_view *volume;
	char message[64];
	int ret;

	if (fvp_option(argc, argv, "", known) != -1)
		return fvp_usage_option();
	if (argc - optind != 2)
		return fvp_usage("name a volume and an order");
	if (!fvp_order_valid(argv[optind + 1]))
		return fvp_usage("%s is no order: " FVP_ORDER_RULE, argv[optind + 1]);
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (ret)
		return ret;
	ret = fvp_view_volume(&volumes, argv[optind], &volume);
	if (!ret) {
		snprintf(message, sizeof(message), "order %s", argv[optind + 1]);
		if (fvp_dm_message(volume->dev.name, message))
			ret = fvp_error(FVP_SYSTEM, "cannot set the order of %s to %s: %s",
					volume->dev.name, argv[optind + 1], fvp_dm_why());
		else
			fvp_record_note(volume->dev.name);
	}
	fvp_views_free(&volumes);
	return ret;
}
