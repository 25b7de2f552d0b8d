// SPDX-License-Identifier: GPL-2.0
/* fvp pool stop: deactivates a pool; its content stays on the flash devices. */
#include <getopt.h>
#include <stdio.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"

int fvp_pool_stop(int argc, char **argv)
{
	static const struct option known[] = { { 0 } };
	struct fvp_views pools;
	struct fvp_view *pool;
	uint64_t dirty_bytes;
	int ret;

	if (fvp_option(argc, argv, "", known) != -1)
		return fvp_usage_option();
	if (argc - optind != 1)
		return fvp_usage("name one pool");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (ret)
		return ret;
	ret = fvp_view_pool(&pools, argv[optind], &pool);
	if (!ret)
		ret = fvp_pool_idle_check(pool);
	if (!ret && fvp_dm_remove(pool->dev.name))
		ret = fvp_error(FVP_SYSTEM, "cannot stop pool %s: %s", pool->dev.name,
				fvp_dm_why());
	if (!ret) {
		dirty_bytes = fvp_status_number(pool->status, "dirty_sectors") * 512;
		if (dirty_bytes)
			printf("stopped pool %s. Its flash has %s of acknowledged writes that "
			       "their origins do not have: start it again, and attach their "
			       "volumes, before anyone uses those\n",
			       pool->dev.name, fvp_size_text(dirty_bytes));
	}
	fvp_views_free(&pools);
	return ret;
}
