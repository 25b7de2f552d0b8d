// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching under a running dm device D, which stays open and keeps its name:
 *
 *	1. a hidden device H gets a copy of D's table; nobody uses it yet
 *	2. D's new table, one fvp target over H, is loaded beside the live one
 *	3. D is suspended (its I/O in flight ends), resumed with the new table
 *
 * From 3 on the volume alone writes H, and the same sectors as before lie
 * below.  A step that fails is undone with those before it; D never stops
 * serving for longer than the swap.
 *
 * Until 3, D's users write past the pool.  So content that the pool has of an
 * earlier attachment may be stale, and is forgotten first unless the user
 * knows better (--warm).
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "volume.h"

/*
 * Targets that map sectors and keep no state of their own in the table, so that
 * two devices with one table are two doors to the same room.
 */
static bool target_copies(const char *type)
{
	static const char *const known[] = { "linear", "striped", "thin", "delay",
					     "flakey", "error",	  "zero" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(type, known[i]))
			return true;
	return false;
}

static int device_check(const struct fvp_dm_device *dev)
{
	if (!strncmp(dev->uuid, FVP_DM_UUID_ORIGIN, strlen(FVP_DM_UUID_ORIGIN)))
		return fvp_error(FVP_REFUSED, "%s is the hidden origin of a volume", dev->name);
	if (dev->read_only)
		return fvp_error(FVP_REFUSED, "%s is read-only", dev->name);
	if (dev->suspended)
		return fvp_error(FVP_REFUSED,
				 "%s is suspended: someone is changing it. Try again "
				 "later, or dmsetup resume it",
				 dev->name);
	if (dev->inactive_table)
		return fvp_error(FVP_REFUSED,
				 "%s has another table loaded: someone is changing it. Try again "
				 "later, or dmsetup clear it",
				 dev->name);
	if (!dev->live_table || !dev->table.count)
		return fvp_error(FVP_REFUSED, "%s has no table", dev->name);
	for (unsigned int i = 0; i < dev->table.count; i++)
		if (!target_copies(dev->table.target[i].type))
			return fvp_error(FVP_REFUSED,
					 "%s is of type %s, which cannot be moved under a running "
					 "device: attach a device above or below it",
					 dev->name, dev->table.target[i].type);
	return FVP_OK;
}

bool fvp_attach_live_possible(const struct fvp_dm_device *dev, char *why, size_t why_bytes)
{
	for (unsigned int i = 0; i < dev->table.count; i++) {
		const struct fvp_dm_target *target = &dev->table.target[i];
		char word[32], below[FVP_DM_NAME_BYTES];
		unsigned int major, minor;

		if (!target_copies(target->type)) {
			snprintf(why, why_bytes, "has a table of type %s now", target->type);
			return false;
		}
		/* LVM removes that device at the end: nobody may hold it then. */
		if (fvp_table_word(target->params, 0, word, sizeof(word)) &&
		    fvp_device_number_parse(word, &major, &minor) &&
		    fvp_dm_name_of(major, minor, below) && !fnmatch("*-pvmove[0-9]*", below, 0)) {
			snprintf(why, why_bytes, "is being moved (%s)", below);
			return false;
		}
	}
	return dev->table.count > 0;
}

static bool is_ours(const struct fvp_dm_device *dev)
{
	return !strncmp(dev->uuid, FVP_DM_UUID_ORIGIN, strlen(FVP_DM_UUID_ORIGIN));
}

/* One that a crash or a foreign table swap left behind, and that nobody has open, goes. */
static int remove_leftover(const char *hidden)
{
	struct fvp_dm_device dev;
	int ret = fvp_dm_read(hidden, FVP_DM_TABLE, &dev);

	/* Whoever was at work on it, or looks at all new devices, may have it for a moment. */
	for (unsigned int tries = 0; !ret && dev.open_count && is_ours(&dev) && tries < 20;
	     tries++) {
		fvp_dm_free(&dev);
		usleep(100000);
		ret = fvp_dm_read(hidden, FVP_DM_TABLE, &dev);
	}
	if (ret)
		return ret == FVP_ABSENT ? FVP_OK : ret;
	if (dev.open_count || !is_ours(&dev))
		ret = fvp_error(FVP_REFUSED, "device %s exists and is in use: dmsetup info %s",
				hidden, hidden);
	else if (fvp_dm_remove(hidden))
		ret = fvp_error(FVP_SYSTEM, "cannot remove the left over device %s: %s", hidden,
				fvp_dm_why());
	fvp_dm_free(&dev);
	return ret;
}

static int swap_in(struct fvp_attach *attach, const struct fvp_dm_device *dev,
		   const struct fvp_dm_device *hidden)
{
	struct fvp_dm_table table;
	bool restored;
	int ret;

	if (!attach->warm) {
		ret = fvp_attach_forget(attach, hidden->major, hidden->minor);
		if (ret)
			return ret;
	}
	fvp_attach_table(attach, hidden->major, hidden->minor, &table);
	ret = fvp_dm_swap(dev->name, &table, &dev->table, &attach->held_us, &restored);
	fvp_dm_table_free(&table);
	if (!ret)
		return FVP_OK;
	return fvp_error(ret, "cannot attach %s: %s. %s", dev->name, fvp_dm_why(),
			 restored ? "It goes on as before"
				  : "ITS I/O IS HELD: look at dmesg, then dmsetup resume it");
}

int fvp_attach_live(struct fvp_attach *attach, const struct fvp_dm_device *dev)
{
	char hidden[FVP_DM_NAME_BYTES + 16], uuid[FVP_DM_UUID_BYTES];
	struct fvp_dm_device origin;
	int ret = device_check(dev);

	if (ret)
		return ret;
	if (strlen(dev->name) + strlen(FVP_ORIGIN_SUFFIX) >= FVP_DM_NAME_BYTES)
		return fvp_error(FVP_REFUSED, "the name %s is too long to add %s to it", dev->name,
				 FVP_ORIGIN_SUFFIX);
	snprintf(hidden, sizeof(hidden), "%s" FVP_ORIGIN_SUFFIX, dev->name);
	snprintf(uuid, sizeof(uuid), FVP_DM_UUID_ORIGIN "%s", attach->uuid);
	ret = remove_leftover(hidden);
	if (ret)
		return ret;
	if (fvp_dm_create_hidden(hidden, uuid, &dev->table))
		return fvp_error(FVP_SYSTEM, "cannot make a second device with the table of %s: %s",
				 dev->name, fvp_dm_why());
	ret = fvp_dm_read(hidden, FVP_DM_TABLE, &origin);
	if (!ret) {
		ret = swap_in(attach, dev, &origin);
		fvp_dm_free(&origin);
	}
	if (ret)
		fvp_dm_remove(hidden);
	return ret;
}
