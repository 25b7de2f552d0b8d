// SPDX-License-Identifier: GPL-2.0
/*
 * fvp pool destroy: deactivates a pool and erases its superblocks.  Nothing is
 * lost: all that is on the flash is also on the origins.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"

static int confirm(const struct fvp_view *pool, uint64_t clean_bytes)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return fvp_error(FVP_REFUSED, "this needs a yes: say --yes");
	printf("Destroy pool %s? %s of cached content go; the origins have all of it. [y/N] ",
	       pool->dev.name, fvp_size_text(clean_bytes));
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return FVP_OK;
	return fvp_error(FVP_REFUSED, "not destroyed");
}

/* The device's path, found before the pool goes. */
static unsigned int flash_paths(const struct fvp_view *pool,
				char paths[FVP_FLASH_MAX][FVP_PATH_BYTES])
{
	const char *params = pool->dev.table.target[0].params;
	char word[FVP_PATH_BYTES];
	unsigned int count = 0;

	while (count < FVP_FLASH_MAX && fvp_table_word(params, count + 2, word, sizeof(word)))
		fvp_device_path_of_word(word, paths[count++]);
	return count;
}

static int destroy(const struct fvp_view *pool)
{
	char paths[FVP_FLASH_MAX][FVP_PATH_BYTES];
	unsigned int count = flash_paths(pool, paths);
	int ret = FVP_OK;

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
	return ret;
}

int fvp_pool_destroy(int argc, char **argv)
{
	static const struct option known[] = { { "yes", no_argument, NULL, 'y' }, { 0 } };
	struct fvp_views pools;
	struct fvp_view *pool;
	uint64_t clean_bytes;
	bool yes = false;
	int c, ret;

	while ((c = getopt_long(argc, argv, "y", known, NULL)) != -1) {
		if (c != 'y')
			return fvp_usage("see fvp pool destroy --help");
		yes = true;
	}
	if (argc - optind != 1)
		return fvp_usage("name one pool");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (ret)
		return ret;
	ret = fvp_view_pool(&pools, argv[optind], &pool);
	if (!ret)
		ret = fvp_pool_idle_check(pool);
	if (!ret) {
		clean_bytes = fvp_status_number(pool->status, "live_sectors") * 512;
		if (!yes)
			ret = confirm(pool, clean_bytes);
	}
	if (!ret)
		ret = destroy(pool);
	if (!ret)
		printf("destroyed pool %s: %s of cached content are gone; the origins have all of "
		       "it\n",
		       argv[optind], fvp_size_text(clean_bytes));
	fvp_views_free(&pools);
	return ret;
}
