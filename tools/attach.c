// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching a volume.  A dm device gets the volume under its own name, while it
 * runs (attach_live.c); on top of any other block device a new dm device is
 * made, which then holds the origin.
 */
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "hidden.h"
#include "host.h"
#include "pool.h"
#include "record.h"
#include "volume.h"
#include "waiting.h"

bool fvp_volume_uuid(const struct fvp_device *origin, const struct fvp_dm_device *dm, char text[40])
{
	/* Namespace of fvp's volumes: any fixed random uuid. */
	static const uuid_t fvp_space = { 0x5b, 0x0e, 0x2c, 0x7d, 0x9f, 0x41, 0x4b, 0x86,
					  0xa3, 0x1a, 0x66, 0xd0, 0x17, 0xc8, 0xe4, 0x52 };
	char identity[600];
	uuid_t uuid;

	if (!fvp_device_identity(origin, dm ? dm->uuid : NULL, identity, sizeof(identity))) {
		if (!dm)
			return false;
		snprintf(identity, sizeof(identity), "dm-name %s %llu", dm->name,
			 (unsigned long long)origin->sectors);
	}
	uuid_generate_sha1(uuid, fvp_space, identity, strlen(identity));
	uuid_unparse_lower(uuid, text);
	return true;
}

/*
 * The volume's uuid: the same for the same storage, so that a later attach finds
 * its content.  False: it is a new one, as nothing tells the origin from others.
 */
static bool choose_uuid(struct fvp_attach *attach, const char *wanted,
			const struct fvp_dm_device *dm)
{
	uuid_t uuid;

	if (!wanted && fvp_volume_uuid(&attach->origin, dm, attach->uuid))
		return true;
	if (wanted) {
		uuid_parse(wanted, uuid);
	} else {
		uuid_generate_random(uuid);
		fvp_warn("%s has neither a uuid nor a serial number: to find its content at the "
			 "next attach, give --uuid then",
			 attach->origin.path);
	}
	uuid_unparse_lower(uuid, attach->uuid);
	return wanted;
}

static bool is_device(const struct fvp_device *dev, const char *word)
{
	unsigned int major, minor;

	return fvp_device_number_parse(word, &major, &minor) && major == dev->major &&
	       minor == dev->minor;
}

/* The origin is not flash of a pool, not attached, and the uuid is not in service. */
static int twin_check(const struct fvp_attach *attach, const struct fvp_views *pools,
		      const struct fvp_views *volumes)
{
	const struct fvp_device *origin = &attach->origin;

	for (unsigned int i = 0; i < pools->count; i++) {
		const struct fvp_dm_device *pool = &pools->view[i].dev;
		struct fvp_pool_table table;

		if (pool->major == origin->major && pool->minor == origin->minor)
			return fvp_error(FVP_REFUSED, "%s is a pool, not an origin", origin->path);
		fvp_pool_table_parse(pool, &table);
		for (unsigned int n = 0; n < table.flash_count; n++)
			if (is_device(origin, table.flash[n]))
				return fvp_error(FVP_REFUSED, "%s is a flash device of pool %s",
						 origin->path, pool->name);
		for (unsigned int n = 0; n < table.replica_count; n++)
			if (is_device(origin, table.replica[n]))
				return fvp_error(FVP_REFUSED, "%s is a replica of pool %s",
						 origin->path, pool->name);
	}
	for (unsigned int i = 0; i < volumes->count; i++) {
		const struct fvp_dm_device *volume = &volumes->view[i].dev;
		struct fvp_volume_table table;

		if (volume->major == origin->major && volume->minor == origin->minor)
			return fvp_error(FVP_REFUSED, "%s is attached already, as volume %s",
					 origin->path, volume->name);
		if (fvp_volume_table_parse(volume, &table))
			continue;
		if (table.origin_major == origin->major && table.origin_minor == origin->minor)
			return fvp_error(FVP_REFUSED, "%s is attached already, as volume %s",
					 origin->path, volume->name);
		if (!strcmp(table.uuid, attach->uuid))
			return fvp_error(FVP_REFUSED,
					 "volume %s has the uuid %s already: is %s another path to "
					 "its origin, or a copy? Give --uuid if it is a copy",
					 volume->name, attach->uuid, origin->path);
	}
	return FVP_OK;
}

void fvp_attach_table(const struct fvp_attach *attach, unsigned int origin_major,
		      unsigned int origin_minor, struct fvp_dm_table *table)
{
	bool named = fvp_name_valid(attach->name);
	char params[512];
	int used = snprintf(params, sizeof(params), "%u:%u %u:%u %s %s", attach->pool->dev.major,
			    attach->pool->dev.minor, origin_major, origin_minor, attach->uuid,
			    attach->mode);

	if (named || attach->relaxed)
		snprintf(params + used, sizeof(params) - (size_t)used, " %d%s%s%s",
			 named + attach->relaxed, named ? " name=" : "", named ? attach->name : "",
			 attach->relaxed ? " order=" FVP_ORDER_NAME_RELAXED : "");
	memset(table, 0, sizeof(*table));
	fvp_dm_table_add(table, 0, attach->origin.sectors, FVP_TARGET_VOLUME, params);
}

/*
 * A volume that comes and goes without "keep" loses its content durably.  Only
 * so can content be dropped before the first read of the volume.
 */
int fvp_attach_forget(const struct fvp_attach *attach, unsigned int origin_major,
		      unsigned int origin_minor)
{
	char name[FVP_DM_NAME_BYTES + 16], uuid[FVP_DM_UUID_BYTES];
	struct fvp_dm_table table;
	int ret;

	snprintf(name, sizeof(name), "%.100s-fvp-forget", attach->name);
	snprintf(uuid, sizeof(uuid), "FVP-forget-%s", attach->uuid);
	fvp_attach_table(attach, origin_major, origin_minor, &table);
	ret = fvp_dm_create_hidden(name, uuid, &table);
	fvp_dm_table_free(&table);
	if (!ret)
		ret = fvp_dm_remove(name);
	if (!ret)
		return FVP_OK;
	ret = fvp_error(FVP_SYSTEM, "cannot make pool %s forget old content of %s: %s",
			attach->pool->dev.name, attach->origin.path, fvp_dm_why());
	fvp_dm_remove(name);
	return ret;
}

/* Form (b): a new device on top. */
static int attach_on_top(struct fvp_attach *attach)
{
	struct fvp_device *origin = &attach->origin;
	char uuid[FVP_DM_UUID_BYTES];
	struct fvp_flash_info info;
	struct fvp_dm_device other;
	struct fvp_dm_table table;
	const char *why;
	int ret;

	ret = fvp_dm_read(attach->name, FVP_DM_TABLE, &other);
	if (!ret) {
		fvp_dm_free(&other);
		return fvp_error(FVP_REFUSED,
				 "there is a device-mapper device named %s already. Choose another "
				 "name with --name",
				 attach->name);
	}
	if (ret != FVP_ABSENT)
		return ret;
	ret = fvp_device_open_exclusive(origin, true);
	if (ret)
		return ret;
	if (fvp_flash_read(origin, &info, &why) == FVP_FLASH_VALID)
		ret = fvp_error(FVP_REFUSED, "%s is a %s of pool %s (%s), not an origin",
				origin->path, fvp_pool_role_name(info.role), info.label,
				info.pool_uuid);
	fvp_device_close(origin);
	if (!ret && !attach->warm)
		ret = fvp_attach_forget(attach, origin->major, origin->minor);
	if (ret)
		return ret;
	snprintf(uuid, sizeof(uuid), FVP_DM_UUID_VOLUME "%s", attach->uuid);
	fvp_attach_table(attach, origin->major, origin->minor, &table);
	ret = fvp_dm_create(attach->name, uuid, &table);
	fvp_dm_table_free(&table);
	if (ret)
		return fvp_error(ret, "cannot attach %s as volume %s: %s", origin->path,
				 attach->name, fvp_dm_why());
	return FVP_OK;
}

static void default_name(struct fvp_attach *attach)
{
	const char *last = strrchr(attach->origin.path, '/');
	char *c;

	snprintf(attach->name, sizeof(attach->name), "fvp-%.59s",
		 last ? last + 1 : attach->origin.path);
	for (c = attach->name; *c; c++) {
		char one[2] = { *c, '\0' };

		if (!fvp_name_valid(one) && !strchr("._+:@-", *c))
			*c = '_';
	}
}

/* known: the uuid is the origin's own. */
static bool may_be_its_origin(const struct fvp_attach *attach, bool known,
			      const struct fvp_flash_volume *volume)
{
	bool wants_uuid = fvp_waiting_wants_uuid(volume);

	if (!strcmp(volume->name, attach->name))
		return !known || wants_uuid;
	return !known && wants_uuid && volume->sectors == attach->origin.sectors;
}

/*
 * Writes in a pool may wait for this origin under a uuid that nothing of it tells, and the
 * volume would come up without them under another: only a person knows.
 */
static int unknown_check(const struct fvp_attach *attach, bool known, const struct fvp_views *pools,
			 const struct fvp_views *volumes)
{
	int ret = FVP_OK;

	for (unsigned int p = 0; p < pools->count && !ret; p++) {
		struct fvp_waiting waiting;

		ret = fvp_waiting_load(&pools->view[p], volumes, &waiting);
		for (unsigned int i = 0; i < waiting.count && !ret; i++) {
			const struct fvp_flash_volume *volume = &waiting.list[i];

			if (!may_be_its_origin(attach, known, volume))
				continue;
			ret = fvp_error(FVP_REFUSED,
					"pool %s may have acknowledged writes of volume %s, and "
					"nothing tells whether %s is its origin. If it is: --uuid "
					"%s. If it is another one, give it a new uuid (uuidgen "
					"makes one): --uuid UUID",
					pools->view[p].dev.name,
					volume->name[0] ? volume->name : volume->uuid,
					attach->origin.path, volume->uuid);
		}
		fvp_waiting_free(&waiting);
	}
	return ret;
}

/* Destaging of what waited has begun. */
static void report_waiting(const struct fvp_attach *attach)
{
	struct fvp_dm_device dev;
	uint64_t dirty = 0;

	if (!attach->waiting || fvp_dm_read(attach->name, FVP_DM_STATUS, &dev))
		return;
	if (dev.table.count == 1)
		dirty = fvp_status_number(dev.table.target[0].params, "dirty_sectors");
	fvp_dm_free(&dev);
	if (dirty)
		printf("the pool has %s of acknowledged writes that the origin lacks; they are "
		       "being written to it. To wait for it: fvp volume flush %s --wait\n",
		       fvp_size_text(dirty * 512), attach->name);
}

static void report(const struct fvp_attach *attach, bool live, bool json)
{
	struct json_object *object;

	if (!json) {
		printf("attached %s to pool %s as /dev/mapper/%s, %s", attach->origin.path,
		       attach->pool->dev.name, attach->name, attach->mode);
		if (attach->replicas)
			printf(" with %u replica%s", attach->replicas,
			       attach->replicas > 1 ? "s" : "");
		if (live)
			printf("; its I/O was held for %.1f ms", (double)attach->held_us / 1000);
		putchar('\n');
		report_waiting(attach);
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "name", json_object_new_string(attach->name));
	json_object_object_add(object, "uuid", json_object_new_string(attach->uuid));
	json_object_object_add(object, "origin", json_object_new_string(attach->origin.path));
	json_object_object_add(object, "pool", json_object_new_string(attach->pool->dev.name));
	json_object_object_add(object, "mode", json_object_new_string(attach->mode));
	json_object_object_add(object, "order",
			       json_object_new_string(attach->relaxed ? FVP_ORDER_NAME_RELAXED
								      : FVP_ORDER_NAME_STRICT));
	if (attach->replicas)
		json_object_object_add(object, "replicas",
				       json_object_new_int((int)attach->replicas));
	json_object_object_add(object, "live", json_object_new_boolean(live));
	if (live)
		json_object_object_add(object, "held_us",
				       json_object_new_int64((int64_t)attach->held_us));
	fvp_json_print(object);
}

/* Writes that another pool has for the origin would overwrite what comes through this one. */
static int waiting_elsewhere_check(const struct fvp_attach *attach, const struct fvp_view *pool,
				   const struct fvp_views *volumes)
{
	struct fvp_waiting waiting;
	int ret = fvp_waiting_load(pool, volumes, &waiting);

	if (ret)
		return fvp_error(
			ret,
			"pool %s may have acknowledged writes of %s, and cannot tell. Stop "
			"it first (fvp pool stop %s)",
			pool->dev.name, attach->origin.path, pool->dev.name);
	if (fvp_waiting_find(&waiting, attach->uuid))
		ret = fvp_error(FVP_REFUSED,
				"pool %s may have acknowledged writes of %s that it lacks (%s in "
				"all). If nobody has written it since, attach it there (--pool %s "
				"--warm) and they are written to it. Else one of both is lost: fvp "
				"volume forget %s gives up what is in that pool",
				pool->dev.name, attach->origin.path, fvp_size_text(waiting.bytes),
				pool->dev.name, attach->uuid);
	fvp_waiting_free(&waiting);
	return ret;
}

/*
 * The pool may have writes of this volume that the origin lacks: since a power cut, or since
 * an origin failed.  They go to the origin, unless somebody may have written it
 * meanwhile: then neither side is right, and only a person can decide.
 */
static int waiting_check(struct fvp_attach *attach, const struct fvp_views *pools,
			 const struct fvp_views *volumes)
{
	struct fvp_waiting waiting;
	int ret = FVP_OK;

	for (unsigned int i = 0; i < pools->count && !ret; i++)
		if (&pools->view[i] != attach->pool)
			ret = waiting_elsewhere_check(attach, &pools->view[i], volumes);
	if (ret)
		return ret;
	ret = fvp_waiting_load(attach->pool, volumes, &waiting);

	if (!ret && fvp_waiting_find(&waiting, attach->uuid)) {
		attach->waiting = true;
		if (!attach->warm)
			ret = fvp_error(
				FVP_REFUSED,
				"pool %s may have acknowledged writes of %s that it lacks (%s in "
				"all). If nobody has written it since, attach it with --warm and "
				"they are written to it. Else one of both is lost: fvp volume "
				"forget %s gives up what is in the pool",
				attach->pool->dev.name, attach->origin.path,
				fvp_size_text(waiting.bytes), attach->uuid);
	}
	fvp_waiting_free(&waiting);
	return ret;
}

/* Dirty data goes to the replicas from the first on: so they are set before write-back begins. */
static int replicas_begin(struct fvp_attach *attach, const struct fvp_replicas *wanted,
			  unsigned int min, const char *mode)
{
	char message[64];
	int ret = fvp_volume_replicas_set(attach->name, wanted, min);

	snprintf(message, sizeof(message), "mode %s", mode);
	if (!ret && strcmp(attach->mode, mode) && fvp_dm_message(attach->name, message))
		ret = fvp_error(FVP_SYSTEM, "cannot set the mode of %s to %s: %s", attach->name,
				mode, fvp_dm_why());
	if (ret)
		fvp_warn("%s is attached, in %s. When that is mended: fvp volume replicas, then "
			 "fvp volume mode",
			 attach->name, attach->mode);
	attach->mode = mode;
	attach->replicas = wanted->count;
	return ret;
}

/* Of the volume's device; *live: that is the origin, which dm then is. */
static int name_choose(struct fvp_attach *attach, const struct fvp_attach_request *request,
		       struct fvp_dm_device *dm, bool *live)
{
	char name[FVP_DM_NAME_BYTES];

	*live = fvp_dm_name_of(attach->origin.major, attach->origin.minor, name);
	if (*live && request->name)
		return fvp_error(FVP_USAGE, "%s is a device-mapper device: it keeps its name",
				 attach->origin.path);
	if (*live && fvp_dm_read(name, FVP_DM_TABLE, dm)) {
		*live = false;
		return fvp_error(FVP_ABSENT, "device %s is gone", name);
	}
	if (*live)
		snprintf(attach->name, sizeof(attach->name), "%s", name);
	else if (request->name)
		snprintf(attach->name, sizeof(attach->name), "%s", request->name);
	else
		default_name(attach);
	return FVP_OK;
}

/* What this host remembers of the volume.  After the swap, so that udev hides nothing that is in use. */
static void note(const struct fvp_attach *attach, const struct fvp_dm_device *dm)
{
	struct fvp_pool_table table;

	fvp_host_stale_clear(attach->uuid);
	fvp_pool_table_parse(&attach->pool->dev, &table);
	fvp_hidden_set(&attach->origin, dm, attach->uuid, table.uuid);
	if (!dm)
		fvp_hidden_announce(attach->origin.major, attach->origin.minor);
}

static int attach(struct fvp_attach *attach, const struct fvp_attach_request *request,
		  const struct fvp_views *pools, const struct fvp_views *volumes)
{
	const struct fvp_replicas *wanted = request->exact;
	unsigned int min = request->exact_min;
	struct fvp_replicas chosen;
	struct fvp_dm_device dm;
	bool known, live;
	int ret = FVP_OK;

	if (request->replicas) {
		ret = fvp_volume_replicas_choose(attach->pool, request->replicas, &chosen);
		wanted = &chosen;
		min = chosen.count;
	}
	if (ret)
		return ret;
	if (wanted && !strcmp(request->mode, FVP_MODE_NAME_WRITE_BACK))
		attach->mode = FVP_MODE_NAME_WRITE_THROUGH;
	ret = name_choose(attach, request, &dm, &live);
	if (ret)
		return ret;
	known = choose_uuid(attach, request->uuid, live ? &dm : NULL);
	attach->warm = request->warm || (!live && !request->cold && !fvp_host_stale(attach->uuid));
	ret = fvp_record_lock(attach->uuid);
	if (!ret)
		ret = twin_check(attach, pools, volumes);
	if (!ret && !request->uuid)
		ret = unknown_check(attach, known, pools, volumes);
	if (!ret)
		ret = waiting_check(attach, pools, volumes);
	if (!ret)
		ret = live ? fvp_attach_live(attach, &dm) : attach_on_top(attach);
	if (!ret) {
		note(attach, live ? &dm : NULL);
		if (wanted)
			ret = replicas_begin(attach, wanted, min, request->mode);
		fvp_record_note(attach->name);
	}
	if (!ret)
		report(attach, live, request->json);
	fvp_record_unlock();
	if (live)
		fvp_dm_free(&dm);
	return ret;
}

int fvp_attach(const struct fvp_attach_request *request)
{
	struct fvp_attach what = { 0 };
	struct fvp_views pools, volumes = { 0 };
	struct fvp_view *pool;
	int ret = fvp_device_find(request->origin, &what.origin);

	if (ret)
		return ret;
	if (what.origin.read_only)
		return fvp_error(FVP_REFUSED, "%s is read-only", what.origin.path);
	if (!what.origin.sectors)
		return fvp_error(FVP_REFUSED, "%s has no sectors", what.origin.path);
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (!ret)
		ret = fvp_view_pool(&pools, request->pool, &pool);
	if (!ret) {
		what.pool = pool;
		what.mode = request->mode;
		what.relaxed = !strcmp(request->order, FVP_ORDER_NAME_RELAXED);
		ret = attach(&what, request, &pools, &volumes);
	}
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
	return ret;
}
