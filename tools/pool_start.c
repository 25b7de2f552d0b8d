// SPDX-License-Identifier: GPL-2.0
/* fvp pool start: activates a pool from its devices and replicas, in any order. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"
#include "replica.h"
#include "waiting.h"

/* A device that was named, and what it says of itself. */
struct medium {
	struct fvp_device dev;
	struct fvp_flash_info info;
	enum fvp_flash_state state;
	const char *why; /* not valid */
};

/* All that were named, by what they turned out to be. */
struct media {
	struct medium medium[FVP_POOL_DEVICES_MAX];
	unsigned int count;
	struct medium *flash[FVP_POOL_DEVICES_MAX], *replica[FVP_POOL_DEVICES_MAX],
		*bad[FVP_POOL_DEVICES_MAX];
	unsigned int flash_count, replica_count, bad_count;
	const struct fvp_flash_info *newest; /* of the flash: the pool's own word */
};

static int media_open(struct media *media, char **args, unsigned int count)
{
	struct fvp_device dev[FVP_POOL_DEVICES_MAX];
	int ret = fvp_pool_devices_open(args, count, dev, false);

	if (ret)
		return ret;
	media->count = count;
	for (unsigned int i = 0; i < count; i++) {
		struct medium *medium = &media->medium[i];

		medium->dev = dev[i];
		medium->state = fvp_flash_read(&dev[i], &medium->info, &medium->why);
		if (medium->state != FVP_FLASH_VALID)
			media->bad[media->bad_count++] = medium;
		else if (medium->info.role == FVP_FLASH_REPLICA)
			media->replica[media->replica_count++] = medium;
		else
			media->flash[media->flash_count++] = medium;
	}
	return FVP_OK;
}

static int twins_check(struct medium *const *medium, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++)
		for (unsigned int j = 0; j < i; j++)
			if (!strcmp(medium[i]->info.device_uuid, medium[j]->info.device_uuid))
				return fvp_error(FVP_MEDIA,
						 "%s and %s are copies of one %s (%s). Take the "
						 "copy away",
						 medium[j]->dev.path, medium[i]->dev.path,
						 fvp_pool_role_name(medium[i]->info.role),
						 medium[i]->info.device_uuid);
	return FVP_OK;
}

/* Flash of one pool, none twice.  The newest superblock says who belongs to it. */
static int flash_check(struct media *media)
{
	if (!media->flash_count && media->replica_count)
		return fvp_error(FVP_MEDIA,
				 "%s is a replica of pool %s (%s). Name the flash devices of that "
				 "pool too",
				 media->replica[0]->dev.path, media->replica[0]->info.label,
				 media->replica[0]->info.pool_uuid);
	for (unsigned int i = 0; i < media->flash_count; i++) {
		const struct medium *first = media->flash[0], *medium = media->flash[i];

		if (strcmp(medium->info.pool_uuid, first->info.pool_uuid))
			return fvp_error(
				FVP_MEDIA,
				"%s belongs to pool %s (%s), but %s belongs to pool %s (%s)",
				first->dev.path, first->info.label, first->info.pool_uuid,
				medium->dev.path, medium->info.label, medium->info.pool_uuid);
		if (!media->newest || medium->info.generation > media->newest->generation)
			media->newest = &medium->info;
	}
	return twins_check(media->flash, media->flash_count);
}

static bool is_named(struct medium *const *medium, unsigned int count, const char *device_uuid)
{
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(medium[i]->info.device_uuid, device_uuid))
			return true;
	return false;
}

/* Flash devices of the pool that were not named: how many, and which. */
static unsigned int flash_missing(const struct media *media, char *text, size_t text_bytes)
{
	unsigned int missing = 0;
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int m = 0; media->newest && m < media->newest->device_count; m++) {
		const char *uuid = media->newest->members[m];

		if (is_named(media->flash, media->flash_count, uuid))
			continue;
		missing++;
		used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", used ? ", " : "",
					 uuid);
	}
	return missing;
}

static unsigned int replicas_missing(const struct media *media)
{
	unsigned int missing = 0;

	for (unsigned int i = 0; i < FVP_REPLICAS_MAX; i++)
		missing += media->newest->legs[i].used &&
			   !is_named(media->replica, media->replica_count,
				     media->newest->legs[i].uuid);
	return missing;
}

/*
 * Nobody can tell what a device without a superblock was.  Where all flash is there and a
 * replica is not, it was that, and the pool goes on without it.
 */
static int bad_check(const struct media *media, const char *name)
{
	char missing[FVP_FLASH_MAX * (FVP_UUID_TEXT_BYTES + 2)];
	unsigned int count = flash_missing(media, missing, sizeof(missing));

	if (media->bad_count &&
	    (!media->newest || count || replicas_missing(media) < media->bad_count))
		return fvp_pool_media_explain(&media->bad[0]->dev, media->bad[0]->state,
					      media->bad[0]->why);
	if (count)
		return fvp_error(FVP_MEDIA,
				 "pool %s has %u flash devices, and %u of them %s not named: %s. "
				 "Name them too",
				 media->newest->label, media->newest->device_count, count,
				 count > 1 ? "are" : "is", missing);
	for (unsigned int i = 0; i < media->bad_count; i++)
		fvp_warn(
			"%s cannot be used as a replica: %s. Pool %s starts without it. To make it "
			"anew: fvp replica remove, then fvp replica create --force",
			media->bad[i]->dev.path, media->bad[i]->why, name);
	return FVP_OK;
}

/* Replicas of this pool, none twice; those that it has besides are told. */
static int replicas_check(const struct media *media, const char *name)
{
	int ret = twins_check(media->replica, media->replica_count);

	for (unsigned int i = 0; i < media->replica_count && !ret; i++)
		ret = fvp_replica_media_check(&media->replica[i]->dev, &media->replica[i]->info,
					      media->newest, media->newest->label);
	for (unsigned int i = 0; i < FVP_REPLICAS_MAX && !ret; i++) {
		const struct fvp_flash_leg *leg = &media->newest->legs[i];

		if (leg->used && !is_named(media->replica, media->replica_count, leg->uuid))
			fvp_warn("pool %s has a replica %s, which is not among these devices: "
				 "volumes that need it stay in write-through. When it is there: "
				 "fvp replica add %s DEVICE",
				 name, leg->uuid, name);
	}
	return ret;
}

/* Flash and replicas, as fvp_pool_activate() wants them; nobody holds them any more. */
static void media_close(struct media *media, struct fvp_device *dev)
{
	for (unsigned int i = 0; i < media->count; i++)
		fvp_device_close(&media->medium[i].dev);
	for (unsigned int i = 0; i < media->flash_count; i++)
		*dev++ = media->flash[i]->dev;
	for (unsigned int i = 0; i < media->replica_count; i++)
		*dev++ = media->replica[i]->dev;
}

/* A copy of an active pool (a clone, another path to it) must not be activated beside it. */
static int twin_check(const char *pool_uuid)
{
	struct fvp_views pools;
	char uuid[FVP_DM_UUID_BYTES];
	int ret = fvp_views_load(FVP_TARGET_POOL, &pools);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < pools.count && !ret; i++)
		if (fvp_table_word(pools.view[i].dev.table.target[0].params, 0, uuid,
				   sizeof(uuid)) &&
		    !strcmp(uuid, pool_uuid))
			ret = fvp_error(FVP_REFUSED,
					"a pool with the uuid %s is active already, as %s: these "
					"devices are a copy of it",
					pool_uuid, pools.view[i].dev.name);
	fvp_views_free(&pools);
	return ret;
}

/* Volumes whose last writes are in the pool alone: before anyone uses their origins. */
static void report_waiting(const char *name)
{
	struct fvp_views pools, volumes = { 0 };
	struct fvp_view *pool = NULL;

	if (!fvp_views_load(FVP_TARGET_POOL, &pools) &&
	    !fvp_views_load(FVP_TARGET_VOLUME, &volumes))
		pool = fvp_views_find(&pools, name);
	if (pool)
		fvp_waiting_print(pool, &volumes);
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
}

static void report(const char *name, const struct media *media, bool json)
{
	const struct fvp_flash_info *info = media->newest;
	struct json_object *object;

	if (!json) {
		printf("started pool %s (%s): %u flash device%s", name, info->pool_uuid,
		       media->flash_count, media->flash_count > 1 ? "s" : "");
		if (media->replica_count)
			printf(", %u replica%s", media->replica_count,
			       media->replica_count > 1 ? "s" : "");
		putchar('\n');
		report_waiting(name);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "name", json_object_new_string(name));
	json_object_object_add(object, "uuid", json_object_new_string(info->pool_uuid));
	json_object_object_add(object, "devices", json_object_new_int((int)media->flash_count));
	json_object_object_add(object, "replicas", json_object_new_int((int)media->replica_count));
	json_object_object_add(object, "replicas_missing",
			       json_object_new_int((int)replicas_missing(media)));
	json_object_object_add(object, "volumes", json_object_new_int((int)info->volume_count));
	fvp_json_print(object);
}

int fvp_pool_start(int argc, char **argv)
{
	static const struct option known[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct fvp_device dev[FVP_POOL_DEVICES_MAX];
	struct media media = { 0 };
	unsigned int count;
	bool json = false;
	const char *name;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c != 'j')
			return fvp_usage_option();
		json = true;
	}
	if (argc - optind < 2)
		return fvp_usage("name the pool and its devices");
	count = (unsigned int)(argc - optind - 1);
	if (count > FVP_POOL_DEVICES_MAX)
		return fvp_usage("a pool has at most %d devices and %d replicas", FVP_FLASH_MAX,
				 FVP_REPLICAS_MAX);
	name = argv[optind];
	ret = fvp_pool_name_check(name);
	if (ret)
		return ret;
	ret = media_open(&media, argv + optind + 1, count);
	if (ret)
		return ret;
	ret = flash_check(&media);
	if (!ret)
		ret = bad_check(&media, name);
	if (!ret)
		ret = replicas_check(&media, name);
	if (!ret)
		ret = twin_check(media.newest->pool_uuid);
	media_close(&media, dev);
	if (!ret)
		ret = fvp_pool_activate(name, media.newest->pool_uuid, dev, media.flash_count,
					media.replica_count);
	if (!ret)
		report(name, &media, json);
	return ret;
}
