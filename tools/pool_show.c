// SPDX-License-Identifier: GPL-2.0
/* fvp pool show: one pool, or all. */
#include <getopt.h>
#include <stdio.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "replica.h"
#include "report.h"
#include "waiting.h"

static const char *const shown[] = {
	"uuid",
	"health",
	"state",
	"block_sectors",
	"segment_sectors",
	"segments",
	"segments_free",
	"live_sectors",
	"index_bytes",
	"index_extents",
	"load_bytes",
	"load_bytes_before_io",
	"volumes",
	"attached",
	"inserted_sectors",
	"flash_written_sectors",
	"segments_sealed",
	"segments_reclaimed",
	"bad_blocks",
	"bad_data",
	"dirty_sectors",
	"dirty_span_sectors",
	"dirty_limit_sectors",
	"waiting",
	"waiting_sectors",
	"legset",
};

static void print_one(const struct fvp_view *pool, const struct fvp_views *volumes)
{
	char word[FVP_PATH_BYTES], path[FVP_PATH_BYTES], users[512];
	struct fvp_pool_table table;
	struct fvp_replicas replicas;

	printf("%-22s %s\n", "name", pool->dev.name);
	fvp_pool_table_parse(&pool->dev, &table);
	for (unsigned int i = 0; i < table.flash_count; i++) {
		fvp_device_path_of_word(table.flash[i], path);
		printf("%-22s %s\n", "device", path);
	}
	fvp_replicas_parse(pool->status, &replicas);
	for (unsigned int i = 0; i < replicas.count; i++)
		printf("%-22s %s %s, %s\n", "replica", replicas.replica[i].uuid,
		       replicas.replica[i].path[0] ? replicas.replica[i].path : "-",
		       fvp_replica_words(&replicas.replica[i]));
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		fvp_status_word(pool->status, shown[i], word, sizeof(word));
		if (word[0])
			printf("%-22s %s\n", shown[i], word);
	}
	fvp_pool_users(pool, volumes, users, sizeof(users));
	printf("%-22s %s\n", "used by", users[0] ? users : "-");
	fvp_waiting_print(pool, volumes);
}

static void print_all_json(const struct fvp_views *pools, const struct fvp_views *volumes)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < pools->count; i++)
		json_object_array_add(list, fvp_json_pool(&pools->view[i], volumes));
	fvp_json_print(list);
}

int fvp_pool_show(int argc, char **argv)
{
	static const struct option known[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct fvp_views pools, volumes = { 0 };
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
	if (!ret)
		ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (!ret && argc > optind) {
		ret = fvp_view_pool(&pools, argv[optind], &pool);
		if (!ret && json)
			fvp_json_print(fvp_json_pool(pool, &volumes));
		else if (!ret)
			print_one(pool, &volumes);
	} else if (!ret && json) {
		print_all_json(&pools, &volumes);
	} else if (!ret) {
		fvp_print_pools(&pools, &volumes);
		fvp_print_replicas(&pools, "\n");
		for (unsigned int i = 0; i < pools.count; i++)
			fvp_waiting_print(&pools.view[i], &volumes);
	}
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
	return ret;
}
