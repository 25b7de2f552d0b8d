// SPDX-License-Identifier: GPL-2.0
/*
 * fvp pool create.  Everything that can be refused is refused before the first
 * byte is written, on any device.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"

struct options {
	struct fvp_take take;
	uint64_t segment_bytes;
};

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "segment-size", required_argument, NULL, 's' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	int c;

	while ((c = fvp_option(argc, argv, "fn", known)) != -1) {
		if (c == 'f')
			options->take.force = true;
		else if (c == 'n')
			options->take.dry_run = true;
		else if (c == 'j')
			options->take.json = true;
		else if (c == 's') {
			if (!fvp_size_parse(optarg, &options->segment_bytes))
				return fvp_usage("%s is not a size: try 1M", optarg);
		} else
			return fvp_usage_option();
	}
	if (argc - optind < 2)
		return fvp_usage("name the pool and at least one device");
	if (argc - optind > FVP_FLASH_MAX + 1)
		return fvp_usage("a pool has at most %d devices", FVP_FLASH_MAX);
	return FVP_OK;
}

static void report(const char *name, const struct fvp_device *dev, unsigned int count,
		   const struct fvp_flash_info *info, const struct options *options)
{
	uint64_t room = (uint64_t)info->segment_count * info->segment_sectors * 512;
	struct json_object *object, *list;
	char names[1024];

	if (!options->take.json) {
		fvp_pool_device_names(dev, count, names, sizeof(names));
		printf("%s pool %s (%s) on %s: %u segments of %s, %s\n",
		       options->take.dry_run ? "would make" : "made", name, info->pool_uuid, names,
		       info->segment_count, fvp_size_text(info->segment_sectors * 512ull),
		       fvp_size_text(room));
		return;
	}
	object = json_object_new_object();
	list = json_object_new_array();
	json_object_object_add(object, "name", json_object_new_string(name));
	json_object_object_add(object, "uuid", json_object_new_string(info->pool_uuid));
	json_object_object_add(object, "dry_run", json_object_new_boolean(options->take.dry_run));
	json_object_object_add(object, "segments", json_object_new_int(info->segment_count));
	json_object_object_add(object, "segment_sectors",
			       json_object_new_int(info->segment_sectors));
	json_object_object_add(object, "block_sectors", json_object_new_int(info->block_sectors));
	json_object_object_add(object, "room_bytes", json_object_new_int64((int64_t)room));
	for (unsigned int i = 0; i < count; i++)
		json_object_array_add(list, json_object_new_string(dev[i].path));
	json_object_object_add(object, "device_paths", list);
	fvp_json_print(object);
}

static int write_all(const struct fvp_device *dev, unsigned int count,
		     const struct fvp_flash_plan *plan)
{
	int ret = FVP_OK;

	for (unsigned int i = 0; i < count && !ret; i++)
		ret = fvp_pool_take(&dev[i], plan, i);
	/* Half a pool is no pool: what was written is taken back. */
	for (unsigned int i = 0; i < count && ret; i++)
		fvp_flash_erase(&dev[i]);
	return ret;
}

int fvp_pool_create(int argc, char **argv)
{
	struct options options = { 0 };
	struct fvp_device dev[FVP_FLASH_MAX];
	struct fvp_flash_plan *plan = NULL;
	struct fvp_flash_info info;
	unsigned int count;
	const char *name;
	int ret;

	ret = parse(argc, argv, &options);
	if (ret)
		return ret;
	name = argv[optind];
	count = (unsigned int)(argc - optind - 1);
	ret = fvp_pool_name_check(name);
	if (ret)
		return ret;
	ret = fvp_pool_devices_open(argv + optind + 1, count, dev, true);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < count && !ret; i++)
		ret = fvp_pool_take_check(&dev[i], &options.take);
	if (!ret)
		ret = fvp_flash_plan(dev, count, name, options.segment_bytes, &plan, &info);
	if (!ret && !options.take.dry_run)
		ret = write_all(dev, count, plan);
	/* The module wants the devices for itself. */
	fvp_pool_devices_close(dev, count);
	if (!ret && !options.take.dry_run)
		ret = fvp_pool_activate(name, info.pool_uuid, dev, count, 0);
	if (!ret)
		report(name, dev, count, &info, &options);
	fvp_flash_plan_free(plan);
	return ret;
}
