// SPDX-License-Identifier: GPL-2.0
/* fvp status: all pools and volumes, and whether the host may be rebooted. */
#include <getopt.h>
#include <stdio.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "replica.h"
#include "report.h"
#include "waiting.h"

static void print_json(const struct fvp_views *pools, const struct fvp_views *volumes)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_object_object_add(object, "version", json_object_new_string(FVP_VERSION));
	for (unsigned int i = 0; i < pools->count; i++)
		json_object_array_add(list, fvp_json_pool(&pools->view[i], volumes));
	json_object_object_add(object, "pools", list);
	list = json_object_new_array();
	for (unsigned int i = 0; i < volumes->count; i++)
		json_object_array_add(list, fvp_json_volume(&volumes->view[i]));
	json_object_object_add(object, "volumes", list);
	json_object_object_add(object, "reboot", fvp_json_reboot(pools, volumes));
	fvp_json_print(object);
}

static void print_all(const struct fvp_views *pools, const struct fvp_views *volumes)
{
	if (!pools->count)
		puts("no pool is active");
	else
		fvp_print_pools(pools, volumes);
	fvp_print_replicas(pools, "\n");
	if (volumes->count) {
		putchar('\n');
		fvp_print_volumes(volumes);
	}
	putchar('\n');
	for (unsigned int i = 0; i < volumes->count; i++)
		fvp_print_notes(&volumes->view[i]);
	for (unsigned int i = 0; i < pools->count; i++)
		fvp_waiting_print(&pools->view[i], volumes);
	fvp_print_reboot(pools, volumes);
}

int fvp_status(int argc, char **argv)
{
	static const struct option known[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct fvp_views pools, volumes = { 0 };
	bool json = false;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c != 'j')
			return fvp_usage_option();
		json = true;
	}
	if (argc > optind)
		return fvp_usage("status takes no names");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (!ret && json)
		print_json(&pools, &volumes);
	else if (!ret)
		print_all(&pools, &volumes);
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
	return ret;
}
