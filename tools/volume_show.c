// SPDX-License-Identifier: GPL-2.0
/* fvp volume show: one volume with all its counters, or all volumes in a table. */
#include <getopt.h>
#include <stdio.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "report.h"

static const struct {
	const char *name, *what;
} counters[] = {
#define COUNTER(name, what) { #name, what },
	FVP_VOLUME_COUNTERS(COUNTER)
#undef COUNTER
};

static void print_one(const struct fvp_view *volume)
{
	static const struct {
		const char *key, *shown;
	} words[] = {
		{ "requested", "requested" },
		{ "effective", "effective" },
		{ "state", "state" },
		{ "order", "order" },
		{ "draining", "draining" },
		{ "origin", "origin writes" },
		{ "keep", "keep" },
		{ "replicas", "replicas" },
		{ "replicas_in", "replicas in" },
		{ "replicas_min", "replicas needed" },
		{ "dirty_sectors", "dirty_sectors" },
		{ "dirty_age_ms", "dirty_age_ms" },
		{ "destage_rate", "destage_rate" },
		{ "lost_sectors", "lost_sectors" },
		{ "live_sectors", "live_sectors" },
		{ "index_bytes", "index_bytes" },
		{ "index_extents", "index_extents" },
	};
	struct fvp_volume_table table;
	char text[FVP_PATH_BYTES] = "";
	uint64_t read = fvp_status_number(volume->status, "read_sectors");
	uint64_t live = fvp_status_number(volume->status, "live_sectors");

	printf("%-20s %s\n", "name", volume->dev.name);
	if (!fvp_volume_table_parse(&volume->dev, &table)) {
		fvp_dm_name_of(table.pool_major, table.pool_minor, text);
		printf("%-20s %s\n", "pool", text);
		fvp_device_path(table.origin_major, table.origin_minor, text);
		printf("%-20s %s%s\n", "origin", text, table.live ? " (attached live)" : "");
		printf("%-20s %s\n", "uuid", table.uuid);
	}
	printf("%-20s %s\n", "size", fvp_size_text(volume->dev.sectors * 512));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		fvp_status_word(volume->status, words[i].key, text, sizeof(text));
		printf("%-20s %s\n", words[i].shown, text);
	}
	if (live)
		printf("%-20s %.2f\n", "index bytes/4K",
		       (double)fvp_status_number(volume->status, "index_bytes") * 8 / (double)live);
	if (read)
		printf("%-20s %.1f %%\n", "hit rate",
		       100.0 * (double)fvp_status_number(volume->status, "hit_sectors") /
			       (double)read);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		printf("%-20s %-12llu %s\n", counters[i].name,
		       (unsigned long long)fvp_status_number(volume->status, counters[i].name),
		       counters[i].what);
	fvp_print_notes(volume);
}

static void print_all_json(const struct fvp_views *volumes)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < volumes->count; i++)
		json_object_array_add(list, fvp_json_volume(&volumes->view[i]));
	fvp_json_print(list);
}

int fvp_volume_show(int argc, char **argv)
{
	static const struct option known[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct fvp_views volumes;
	struct fvp_view *volume;
	bool json = false;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c != 'j')
			return fvp_usage_option();
		json = true;
	}
	if (argc - optind > 1)
		return fvp_usage("name one volume, or none for all");
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (!ret && argc > optind) {
		ret = fvp_view_volume(&volumes, argv[optind], &volume);
		if (!ret && json)
			fvp_json_print(fvp_json_volume(volume));
		else if (!ret)
			print_one(volume);
	} else if (!ret && json) {
		print_all_json(&volumes);
	} else if (!ret) {
		fvp_print_volumes(&volumes);
	}
	fvp_views_free(&volumes);
	return ret;
}
