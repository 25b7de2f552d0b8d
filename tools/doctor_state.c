// SPDX-License-Identifier: GPL-2.0
/* Pools and volumes that are active, by their status lines: see doctor.h. */
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "replica.h"
#include "volume.h"

#define FULL_PERCENT 80

static bool is_word(const struct fvp_view *view, const char *key, const char *value)
{
	char word[32];

	fvp_status_word(view->status, key, word, sizeof(word));
	return !strcmp(word, value);
}

/* I/O that is held, or a table that some tool loaded and left. */
static void check_device(struct fvp_doctor *doctor, const struct fvp_dm_device *dev)
{
	if (dev->suspended)
		fvp_found(doctor, "suspended", true, dev->name,
			  "all its I/O waits, and so does all that uses it",
			  fvp_text("the device is suspended"),
			  fvp_text("if no command of yours is at work on it: dmsetup resume %s",
				   dev->name));
	else if (dev->inactive_table)
		fvp_found(doctor, "table-left", false, dev->name,
			  "the next resume of the device, by whatever tool, makes it the device's "
			  "table",
			  fvp_text("a second table is loaded, and not in use"),
			  fvp_text("if no command of yours is at work on it: dmsetup clear %s",
				   dev->name));
}

static void check_replicas(struct fvp_doctor *doctor, const struct fvp_view *pool)
{
	struct fvp_replicas replicas;

	fvp_replicas_parse(pool->status, &replicas);
	for (unsigned int i = 0; i < replicas.count; i++) {
		const struct fvp_replica *replica = &replicas.replica[i];
		bool absent = !replica->path[0];

		if (!strcmp(replica->state, "in"))
			continue;
		fvp_found(doctor, "replica-out", strcmp(replica->state, "syncing") != 0,
			  pool->dev.name,
			  "volumes that need it are not in write-back, or their last writes are in "
			  "fewer places than was asked for",
			  fvp_text("replica %s is not in sync: %s", fvp_replica_name(replica),
				   fvp_replica_words(replica)),
			  absent ? fvp_text("fvp replica add %s DEVICE, when its device is there",
					    pool->dev.name)
				 : fvp_text("fvp replica list %s (it is tried again every few "
					    "seconds; dmesg says why it stays out)",
					    pool->dev.name));
	}
}

static void check_pool(struct fvp_doctor *doctor, const struct fvp_view *pool)
{
	uint64_t limit = fvp_status_number(pool->status, "dirty_limit_sectors");
	uint64_t span = fvp_status_number(pool->status, "dirty_span_sectors");
	const char *name = pool->dev.name;

	check_device(doctor, &pool->dev);
	if (is_word(pool, "health", "failed"))
		fvp_found(doctor, "pool-failed", true, name,
			  "its volumes are served by their origins alone, at their speed",
			  fvp_text("the flash of the pool has failed"),
			  fvp_text("dmesg says how; then detach its volumes (fvp volume detach "
				   "NAME), fvp pool destroy %s, and make one of other flash",
				   name));
	if (limit && span * 100 >= limit * FULL_PERCENT)
		fvp_found(doctor, "dirty-full", false, name,
			  "write-back is slowed to the speed of the origins when it is full",
			  fvp_text("%llu %% of the room for dirty data is taken (%s of %s)",
				   (unsigned long long)(span * 100 / limit),
				   fvp_size_text(span * 512), fvp_size_text(limit * 512)),
			  fvp_text("fvp status says which volume; if its origin is as fast as it "
				   "gets: fvp volume mode NAME write-through"));
	if (fvp_status_number(pool->status, "scrub_damaged_sectors") ||
	    fvp_status_number(pool->status, "scrub_unreadable"))
		fvp_found(doctor, "scrub-damage", true, name,
			  "what is damaged and not written to its origin yet will be lost",
			  fvp_text("the last scrub found damage that it could not mend"),
			  fvp_text("fvp volume flush NAME --wait for each volume, then replace the "
				   "flash"));
	check_replicas(doctor, pool);
}

/* Only what nothing else explains: flash that failed and replicas have findings of their own. */
static void check_mode(struct fvp_doctor *doctor, const struct fvp_view *volume)
{
	char requested[24], effective[24];
	const char *name = volume->dev.name;
	const char *reason = "the kernel log says why: dmesg";
	char *remedy;

	fvp_status_word(volume->status, "requested", requested, sizeof(requested));
	fvp_status_word(volume->status, "effective", effective, sizeof(effective));
	if (!strcmp(requested, effective))
		return;
	if (!strcmp(effective, FVP_MODE_NAME_PASS_THROUGH)) {
		reason = "the flash of its pool has failed";
		remedy = fvp_text("fvp volume detach %s, and attach it to a pool of other flash",
				  name);
	} else if (fvp_status_number(volume->status, "replicas_in") <
		   fvp_status_number(volume->status, "replicas_min")) {
		reason = "too few of its replicas are in sync";
		remedy = fvp_text("fvp replica list; bring them back (fvp replica add), or go on "
				  "with fewer: fvp volume replicas %s --min N ...",
				  name);
	} else if (fvp_status_number(volume->status, "draining")) {
		reason = "it leaves write-back, and its origin does not have everything yet";
		remedy = fvp_text("fvp volume flush %s --wait shows how far it is", name);
	} else {
		remedy = fvp_text("fvp status, and dmesg");
	}
	fvp_found(doctor, "mode-differs", false, name,
		  "the volume does not have the speed, or the safety, that was asked for",
		  fvp_text("%s was asked for, %s is in effect: %s", requested, effective, reason),
		  remedy);
}

static void check_volume(struct fvp_doctor *doctor, const struct fvp_view *volume)
{
	uint64_t dirty = fvp_status_number(volume->status, "dirty_sectors") * 512;
	uint64_t lost = fvp_status_number(volume->status, "lost_sectors") * 512;
	uint64_t age_ms = fvp_status_number(volume->status, "dirty_age_ms");
	const char *name = volume->dev.name;
	struct fvp_volume_table table;

	check_device(doctor, &volume->dev);
	check_mode(doctor, volume);
	if (fvp_origin_failing(volume))
		fvp_found(doctor, "origin-failing", true, name,
			  "what is acknowledged stays on flash until the origin takes it, and "
			  "flash fills up",
			  fvp_text("the origin fails writes; %s wait for it", fvp_size_text(dirty)),
			  fvp_text("mend the origin (dmesg has its errors); destaging tries again "
				   "by itself"));
	if (lost)
		fvp_found(doctor, "data-lost", true, name,
			  "reading or writing what is lost is an error, and destaging waits",
			  fvp_text("%s of acknowledged writes are lost: flash does not give them "
				   "back",
				   fvp_size_text(lost)),
			  fvp_text("fvp volume forget %s lists them, and with --accept-data-loss "
				   "the origin's own content counts again",
				   name));
	if (dirty && age_ms >= doctor->dirty_age_s * 1000)
		fvp_found(doctor, "dirty-old", false, name,
			  "should the flash be lost, the origin is that much older than the guest "
			  "believes",
			  fvp_text("%s are dirty, the oldest for %s", fvp_size_text(dirty),
				   fvp_time_text(age_ms)),
			  fvp_text("fvp volume flush %s --wait", name));
	/* Those that fvp_volume_uuid() makes from a name are of version 5. */
	if (!fvp_volume_table_parse(&volume->dev, &table) && table.uuid[14] != '5')
		fvp_found(doctor, "origin-unnamed", false, name,
			  "at the next attach nothing of the origin tells which volume it is: "
			  "without --uuid what flash has of it is not found",
			  fvp_text("its origin has no uuid or serial number of its own"),
			  fvp_text("keep for the next attach: fvp volume attach ORIGIN --uuid %s",
				   table.uuid));
}

/* A hidden device that an attach made, under a device with a table that is not ours any more. */
static int check_orphan(void *arg, const struct fvp_dm_device *dev)
{
	struct fvp_doctor *doctor = arg;
	size_t prefix = strlen(FVP_DM_UUID_ORIGIN);
	struct fvp_volume_table table;
	char name[FVP_DM_NAME_BYTES];

	if (strncmp(dev->uuid, FVP_DM_UUID_ORIGIN, prefix))
		return 0;
	for (unsigned int i = 0; i < doctor->volumes.count; i++)
		if (!fvp_volume_table_parse(&doctor->volumes.view[i].dev, &table) &&
		    table.origin_major == dev->major && table.origin_minor == dev->minor)
			return 0;
	snprintf(name, sizeof(name), "%s", dev->name);
	if (strlen(name) > strlen(FVP_ORIGIN_SUFFIX) &&
	    !strcmp(name + strlen(name) - strlen(FVP_ORIGIN_SUFFIX), FVP_ORIGIN_SUFFIX))
		name[strlen(name) - strlen(FVP_ORIGIN_SUFFIX)] = '\0';
	fvp_found(
		doctor, "acceleration-lost", false, name, "it is as slow as without flash",
		fvp_text("another tool (lvextend, dmsetup) has replaced the table of this device, "
			 "which ended its acceleration"),
		fvp_text("fvp volume attach /dev/mapper/%s", name));
	return 0;
}

void fvp_doctor_state(struct fvp_doctor *doctor)
{
	for (unsigned int i = 0; i < doctor->pools.count; i++)
		check_pool(doctor, &doctor->pools.view[i]);
	for (unsigned int i = 0; i < doctor->volumes.count; i++)
		check_volume(doctor, &doctor->volumes.view[i]);
	fvp_dm_each(NULL, FVP_DM_TABLE, check_orphan, doctor);
}
