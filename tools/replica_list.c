// SPDX-License-Identifier: GPL-2.0
/* fvp replica list: the replicas of one pool, or of all. */
#include <getopt.h>
#include <stdio.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "replica.h"

static void print_json(const struct fvp_views *pools)
{
	struct json_object *list = json_object_new_array();
	struct fvp_replicas replicas;

	for (unsigned int p = 0; p < pools->count; p++) {
		fvp_replicas_parse(pools->view[p].status, &replicas);
		for (unsigned int i = 0; i < replicas.count; i++)
			json_object_array_add(
				list, fvp_json_replica(&pools->view[p], &replicas.replica[i]));
	}
	fvp_json_print(list);
}

int fvp_replica_list(int argc, char **argv)
{
	static const struct option known[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct fvp_views pools, shown;
	struct fvp_view *pool;
	bool json = false;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c != 'j')
			return fvp_usage_option();
		json = true;
	}
	if (argc - optind > 1)
		return fvp_usage("name one pool, or none for all");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	shown = pools;
	if (!ret && argc > optind) {
		ret = fvp_view_pool(&pools, argv[optind], &pool);
		shown = (struct fvp_views){ .view = pool, .count = 1 };
	}
	if (!ret && json)
		print_json(&shown);
	else if (!ret && !fvp_print_replicas(&shown, ""))
		puts("no replicas. fvp replica create makes one");
	fvp_views_free(&pools);
	return ret;
}
