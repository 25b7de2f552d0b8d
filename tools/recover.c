// SPDX-License-Identifier: GPL-2.0
/* fvp recover: acknowledged writes from replicas to their origins, without the module. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "fvp.h"
#include "hidden.h"
#include "fvp_uapi.h"
#include "recover.h"
#include "report.h"
#include "volume.h"

#define DEVICES_MAX (FVP_FLASH_MAX + FVP_REPLICAS_MAX)
#define ORIGINS_MAX 256
#define UDEV_MS 2000 /* for so long may udev look at a device that was closed */

struct origin {
	char uuid[FVP_UUID_TEXT_BYTES];
	const char *path;
};

struct options {
	struct origin origin[ORIGINS_MAX];
	unsigned int origins;
	bool dry_run, accept_loss, json;
};

/* All devices; how far each volume came. */
struct run {
	struct options options;
	struct fvp_device dev[DEVICES_MAX];
	struct fvp_recover_device look[DEVICES_MAX];
	unsigned int count;
	struct fvp_views pools, volumes; /* that are active on this host */
	unsigned int done, left; /* volumes */
	int worst; /* exit code */
	/* Volumes that one of the replicas so far was to have all of. */
	char (*covered)[FVP_UUID_TEXT_BYTES];
	unsigned int covered_count;
	struct json_object *list;
};

static int origin_parse(char *text, struct options *options)
{
	struct origin *origin = &options->origin[options->origins];
	char *path = strchr(text, '=');
	uuid_t uuid;

	if (path)
		*path++ = '\0';
	if (!path || !*path || uuid_parse(text, uuid))
		return fvp_usage("--origin wants UUID=DEVICE");
	if (options->origins++ == ORIGINS_MAX)
		return fvp_usage("too many origins");
	uuid_unparse_lower(uuid, origin->uuid);
	origin->path = path;
	return FVP_OK;
}

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "origin", required_argument, NULL, FVP_OPTION_AGAIN },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "accept-data-loss", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	int c, ret = FVP_OK;

	while (!ret && (c = fvp_option(argc, argv, "n", known)) != -1) {
		if (c == FVP_OPTION_AGAIN)
			ret = origin_parse(optarg, options);
		else if (c == 'n')
			options->dry_run = true;
		else if (c == 'a')
			options->accept_loss = true;
		else if (c == 'j')
			options->json = true;
		else
			ret = fvp_usage_option();
	}
	if (!ret && argc == optind)
		ret = fvp_usage("name the replicas, or the flash devices of a pool");
	if (!ret && argc - optind > DEVICES_MAX)
		ret = fvp_usage("at most %d devices", DEVICES_MAX);
	return ret;
}

/* ---- which devices may be used ---- */

static bool has_flash(const struct run *run)
{
	for (unsigned int i = 0; i < run->count; i++)
		if (!run->look[i].replica)
			return true;
	return false;
}

/*
 * Replicas alone: none may have missed what another of them has.  The one that knows most
 * comes first: a recovery may have begun with it, and be long over.
 */
static int replicas_check(struct run *run)
{
	const struct fvp_recover_device *look = run->look;
	const unsigned int newest = 0;

	for (unsigned int i = 1; i < run->count; i++) {
		if (look[i].legset_gen <= look[0].legset_gen)
			continue;
		struct fvp_device dev = run->dev[0];
		struct fvp_recover_device first = look[0];

		run->dev[0] = run->dev[i];
		run->look[0] = run->look[i];
		run->dev[i] = dev;
		run->look[i] = first;
	}
	for (unsigned int i = 0; i < run->count; i++) {
		uint32_t least = look[newest].recover_base ? look[newest].recover_base
							   : look[newest].legset_gen;

		if (look[i].legset_gen < least)
			return fvp_error(FVP_REFUSED,
					 "%s knows leg set %u, %s knows %u: it has missed "
					 "acknowledged writes. Leave it out",
					 run->dev[i].path, look[i].legset_gen,
					 run->dev[newest].path, look[newest].legset_gen);
		if (!look[i].in_sync)
			return fvp_error(FVP_REFUSED,
					 "%s was not in sync when it was last written to: it does "
					 "not have all acknowledged writes. Leave it out",
					 run->dev[i].path);
	}
	return FVP_OK;
}

static int devices_check(struct run *run)
{
	unsigned int flash = 0, replicas = 0;

	for (unsigned int i = 0; i < run->count; i++) {
		int ret = fvp_recover_look(&run->dev[i], &run->look[i]);

		if (ret)
			return ret;
		if (strcmp(run->look[i].pool_uuid, run->look[0].pool_uuid))
			return fvp_error(FVP_REFUSED,
					 "%s is of pool %s (%s), %s of pool %s (%s): one pool at a "
					 "time",
					 run->dev[0].path, run->look[0].label,
					 run->look[0].pool_uuid, run->dev[i].path,
					 run->look[i].label, run->look[i].pool_uuid);
	}
	for (unsigned int i = 0; i < run->count && has_flash(run); i++) {
		unsigned int *of_role = run->look[i].replica ? &replicas : &flash;

		++*of_role;
		if (flash > FVP_FLASH_MAX || replicas > FVP_REPLICAS_MAX)
			return fvp_error(FVP_REFUSED,
					 "%s is one %s more than a pool can have (%d flash "
					 "devices, %d replicas): name no copies, and leave out "
					 "replicas that the pool has no more",
					 run->dev[i].path,
					 run->look[i].replica ? "replica" : "flash device",
					 FVP_FLASH_MAX, FVP_REPLICAS_MAX);
	}
	/* With the pool's flash, core itself holds the replicas against it. */
	return has_flash(run) ? FVP_OK : replicas_check(run);
}

/*
 * A replica that its running pool was started without, or has dropped, has dirty data of long
 * ago.  What has been written since is on the origins, and in the pool.
 */
static int active_check(struct run *run)
{
	int ret;

	/* Without device-mapper nothing is active; none of it is needed here. */
	if (access("/sys/module/dm_mod", F_OK))
		return FVP_OK;
	ret = fvp_views_load(FVP_TARGET_POOL, &run->pools);
	if (!ret)
		ret = fvp_views_load(FVP_TARGET_VOLUME, &run->volumes);
	for (unsigned int i = 0; i < run->pools.count && !ret; i++) {
		const struct fvp_dm_device *pool = &run->pools.view[i].dev;
		struct fvp_pool_table table;

		fvp_pool_table_parse(pool, &table);
		if (!strcasecmp(table.uuid, run->look[0].pool_uuid))
			ret = fvp_error(FVP_REFUSED,
					"%s is of pool %s, which is active: what the device has "
					"may be older than what the origins have by now. fvp "
					"replica add gives it back to the pool; to recover from "
					"it all the same, fvp pool stop %s first",
					run->dev[0].path, pool->name, pool->name);
	}
	return ret;
}

/* ---- origins ---- */

/* An origin on which a volume lies is written by the volume, in an order of its own. */
static int origin_volume_check(const struct run *run, const struct fvp_device *origin)
{
	for (unsigned int i = 0; i < run->volumes.count; i++) {
		const struct fvp_dm_device *volume = &run->volumes.view[i].dev;
		bool same = volume->major == origin->major && volume->minor == origin->minor;
		struct fvp_volume_table table;

		if (!same) {
			int ret = fvp_volume_table_parse(volume, &table);

			if (ret)
				return ret;
			same = table.origin_major == origin->major &&
			       table.origin_minor == origin->minor;
		}
		if (same)
			return fvp_error(FVP_REFUSED,
					 "%s is attached to an active pool, as volume %s. Detach "
					 "it first (fvp volume detach %s)",
					 origin->path, volume->name, volume->name);
	}
	return FVP_OK;
}

/*
 * Nobody may have the origin open.  Programs that open a device without O_EXCL (QEMU) do not
 * keep us out; device-mapper counts them.  Called before we have it open ourselves.
 */
static int origin_check(const struct run *run, const struct fvp_device *origin)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000000L };
	char name[FVP_DM_NAME_BYTES], users[512];
	struct fvp_dm_device dm;
	int open_count = 0, ret = origin_volume_check(run, origin);

	if (ret || !fvp_dm_name_of(origin->major, origin->minor, name))
		return ret;
	for (int ms = 0; ms <= UDEV_MS; ms += 100) {
		if (fvp_dm_read(name, FVP_DM_TABLE, &dm))
			return fvp_error(FVP_ABSENT, "%s is gone", origin->path);
		for (unsigned int i = 0; i < dm.table.count && !ret; i++)
			if (!strcmp(dm.table.target[i].type, FVP_TARGET_VOLUME))
				ret = fvp_error(FVP_REFUSED,
						"%s is a volume of an active pool, and no origin: "
						"detach it first",
						origin->path);
		open_count = dm.open_count;
		fvp_dm_free(&dm);
		if (ret || !open_count)
			return ret;
		nanosleep(&pause, NULL);
	}
	fvp_device_users(origin->major, origin->minor, users, sizeof(users));
	return fvp_error(FVP_REFUSED,
			 "the origin %s is in use: %s. Stop whoever uses it (a virtual machine?); "
			 "nothing was written to it",
			 origin->path, users[0] ? users : "a program has it open");
}

/* Is there a device of this name that would be this very volume? */
static bool origin_guess(const char *name, const struct fvp_recover_volume *volume,
			 struct fvp_device *dev)
{
	struct fvp_dm_device dm;
	char path[FVP_PATH_BYTES], uuid[40] = "";
	bool is_dm;

	is_dm = !fvp_dm_read(name, FVP_DM_TABLE, &dm);
	snprintf(path, sizeof(path), is_dm ? "/dev/mapper/%s" : "/dev/%s", name);
	if (!access(path, F_OK) && !fvp_device_find(path, dev))
		fvp_volume_uuid(dev, is_dm ? &dm : NULL, uuid);
	if (is_dm)
		fvp_dm_free(&dm);
	return !strcmp(uuid, volume->uuid);
}

static int origin_find(const struct options *options, const struct fvp_recover_volume *volume,
		       struct fvp_device *dev)
{
	for (unsigned int i = 0; i < options->origins; i++)
		if (!strcmp(options->origin[i].uuid, volume->uuid))
			return fvp_device_find(options->origin[i].path, dev);
	if (volume->name[0] &&
	    (origin_guess(volume->name, volume, dev) ||
	     (!strncmp(volume->name, "fvp-", 4) && origin_guess(volume->name + 4, volume, dev))))
		return FVP_OK;
	return fvp_error(FVP_ABSENT,
			 "the origin of volume %s%s%s%s is not found: give --origin %s=DEVICE",
			 volume->name, volume->name[0] ? " (" : "", volume->uuid,
			 volume->name[0] ? ")" : "", volume->uuid);
}

/* ---- volumes ---- */

static void report(struct run *run, const struct fvp_recover_volume *volume, const char *origin,
		   int ret)
{
	const char *state = run->options.dry_run ? "waiting" : ret ? "left" : "recovered";
	struct json_object *object;

	if (run->options.json) {
		object = json_object_new_object();
		json_object_object_add(object, "uuid", json_object_new_string(volume->uuid));
		json_object_object_add(object, "name", json_object_new_string(volume->name));
		json_object_object_add(object, "origin",
				       origin ? json_object_new_string(origin) : NULL);
		json_object_object_add(object, "dirty_bytes",
				       json_object_new_int64((int64_t)volume->dirty_bytes));
		json_object_object_add(object, "state", json_object_new_string(state));
		json_object_array_add(run->list, object);
		return;
	}
	printf("%s: volume %s (%s) on %s: %llu bytes\n", state, volume->name, volume->uuid,
	       origin ? origin : "no origin", (unsigned long long)volume->dirty_bytes);
	fflush(stdout);
}

static bool covered(const struct run *run, const char *uuid)
{
	for (unsigned int i = 0; i < run->covered_count; i++)
		if (!strcmp(run->covered[i], uuid))
			return true;
	return false;
}

static bool failed_here(char (*failed)[FVP_UUID_TEXT_BYTES], unsigned int count, const char *uuid)
{
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(failed[i], uuid))
			return true;
	return false;
}

/* What this replica was to have, and did not fail to give, later ones are not asked for. */
static void covered_add(struct run *run, struct fvp_recover *r, char (*failed)[FVP_UUID_TEXT_BYTES],
			unsigned int failed_count)
{
	char(*list)[FVP_UUID_TEXT_BYTES];
	unsigned int count = fvp_recover_covered(r, &list);

	run->covered =
		realloc(run->covered, (run->covered_count + count + 1) * sizeof(*run->covered));
	if (!run->covered)
		abort();
	for (unsigned int i = 0; i < count; i++)
		if (!failed_here(failed, failed_count, list[i]))
			memcpy(run->covered[run->covered_count++], list[i], sizeof(*list));
	free(list);
}

static int volume_run(struct run *run, struct fvp_recover *r,
		      const struct fvp_recover_volume *volume)
{
	struct fvp_device origin = { .fd = -1 };
	bool found;
	int ret = origin_find(&run->options, volume, &origin);

	found = !ret;
	if (!ret)
		ret = origin_check(run, &origin);
	if (!ret && !run->options.dry_run) {
		ret = fvp_device_open_exclusive(&origin, true);
		if (!ret)
			ret = fvp_recover_volume(r, volume, &origin, run->options.accept_loss,
						 isatty(STDERR_FILENO));
		fvp_device_close(&origin);
		/* It lacks nothing any more. */
		if (!ret)
			fvp_hidden_clear(volume->uuid, NULL, NULL);
	}
	if (ret)
		run->worst = ret;
	run->left += ret != FVP_OK;
	run->done += ret == FVP_OK;
	report(run, volume, found ? origin.path : NULL, ret);
	return ret;
}

/* What one replica has, or a whole pool. */
static int pass(struct run *run, unsigned int first, unsigned int count)
{
	char(*failed)[FVP_UUID_TEXT_BYTES];
	struct fvp_recover_volume *list;
	unsigned int volumes, failed_count = 0;
	struct fvp_recover *r;
	int ret = fvp_recover_open(&run->dev[first], &run->look[first], count, run->options.dry_run,
				   &r);

	if (ret)
		return ret;
	volumes = fvp_recover_volumes(r, &list);
	failed = calloc(volumes + 1, sizeof(*failed));
	if (!failed)
		abort();
	for (unsigned int i = 0; i < volumes; i++) {
		if (covered(run, list[i].uuid)) {
			if (!run->options.dry_run)
				ret = fvp_recover_void(r, &list[i]);
		} else if (volume_run(run, r, &list[i])) {
			memcpy(failed[failed_count++], list[i].uuid, sizeof(*failed));
		}
	}
	covered_add(run, r, failed, failed_count);
	free(failed);
	free(list);
	fvp_recover_close(r);
	return ret;
}

static int passes(struct run *run)
{
	int ret = FVP_OK;

	if (has_flash(run))
		return pass(run, 0, run->count);
	for (unsigned int i = 0; i < run->count && !ret; i++)
		ret = pass(run, i, 1);
	return ret;
}

static void summary(struct run *run)
{
	struct json_object *object;

	if (run->options.json) {
		object = json_object_new_object();
		json_object_object_add(object, "pool",
				       json_object_new_string(run->look[0].pool_uuid));
		json_object_object_add(object, "dry_run",
				       json_object_new_boolean(run->options.dry_run));
		json_object_object_add(object, "volumes", run->list);
		run->list = NULL;
		fvp_json_print(object);
	} else if (!run->done && !run->left) {
		printf("nothing to recover: all origins have all acknowledged writes\n");
	} else if (run->options.dry_run) {
		printf("nothing was written\n");
	}
}

int fvp_recover(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int ret;

	if (!run)
		abort();
	ret = parse(argc, argv, &run->options);
	for (; !ret && run->count < (unsigned int)(argc - optind); run->count++) {
		struct fvp_device *dev = &run->dev[run->count];

		dev->fd = -1;
		ret = fvp_device_find(argv[optind + (int)run->count], dev);
		if (!ret)
			ret = fvp_device_open_exclusive(dev, !run->options.dry_run);
	}
	if (!ret)
		ret = devices_check(run);
	if (!ret)
		ret = active_check(run);
	run->list = json_object_new_array();
	if (!ret)
		ret = passes(run);
	if (!run->options.dry_run)
		fvp_hidden_announce_all();
	if (!ret)
		summary(run);
	if (!ret)
		ret = run->worst;
	json_object_put(run->list);
	free(run->covered);
	fvp_views_free(&run->volumes);
	fvp_views_free(&run->pools);
	for (unsigned int i = 0; i < run->count; i++)
		if (run->dev[i].fd >= 0)
			fvp_device_close(&run->dev[i]);
	free(run);
	return ret;
}
