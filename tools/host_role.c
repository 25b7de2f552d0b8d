// SPDX-License-Identifier: GPL-2.0
/*
 * fvp host role: what a block device is to fvp, for udev's rules: they ask for each device of
 * the host, again and again, so this looks at the one device alone, and writes nothing.
 *
 * An origin is hidden from when its volume is attached until it is detached, in any mode: what
 * is written past the pool makes its cache stale, and what is dirty is missing on it.  But never
 * under somebody's feet: systemd would unmount what is not ready any more.
 */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "hidden.h"
#include "host.h"

struct role {
	const char *name;
	char volume[40], pool[40]; /* uuids, or "" */
	bool hide;
};

/* A volume that fvp has made lies on it, so nobody else has it. */
static bool below_a_volume(const struct fvp_device *dev)
{
	char path[FVP_PATH_BYTES], uuid[FVP_DM_UUID_BYTES];
	struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", dev->major, dev->minor);
	folder = opendir(path);
	while (folder && !found && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders/%.200s/dm/uuid",
			 dev->major, dev->minor, entry->d_name);
		found = entry->d_name[0] != '.' && fvp_read_line(path, uuid, sizeof(uuid)) &&
			!strncmp(uuid, FVP_DM_UUID_VOLUME, strlen(FVP_DM_UUID_VOLUME));
	}
	if (folder)
		closedir(folder);
	return found;
}

static bool origin_role(const struct fvp_device *dev, const struct fvp_dm_device *dm,
			struct role *role)
{
	struct fvp_hidden note;
	char users[512];

	if (!fvp_hidden_find(dev, dm, &note))
		return false;
	role->name = "origin";
	snprintf(role->volume, sizeof(role->volume), "%s", note.volume);
	snprintf(role->pool, sizeof(role->pool), "%s", note.pool);
	fvp_device_users(dev->major, dev->minor, users, sizeof(users));
	/* The guard has found nothing dirty for it, and let whoever wants it have it. */
	role->hide = below_a_volume(dev) || (!users[0] && !fvp_host_stale(note.volume));
	return true;
}

static void flash_role(const struct fvp_device *dev, struct role *role)
{
	struct fvp_flash_info info;
	const char *why;

	switch (fvp_flash_read(dev, &info, &why)) {
	case FVP_FLASH_NONE:
	case FVP_FLASH_UNREADABLE:
		return;
	default: /* also one that is damaged, or too new: it is ours */
		break;
	}
	role->name = info.role == FVP_FLASH_MEMBER ? "flash" : "replica";
	snprintf(role->pool, sizeof(role->pool), "%s", info.pool_uuid);
	role->hide = true;
}

/* A partition of an origin is the origin's, too. */
static void partition_role(const struct fvp_device *dev, struct role *role)
{
	char path[FVP_PATH_BYTES], number[32];
	struct fvp_device disk = { .fd = -1 };
	unsigned long long sectors;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", dev->major, dev->minor);
	if (access(path, F_OK))
		return;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", dev->major, dev->minor);
	if (!fvp_read_line(path, number, sizeof(number)) ||
	    !fvp_device_number_parse(number, &disk.major, &disk.minor))
		return;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../size", dev->major, dev->minor);
	/* The disk is not opened: its users, and its partitions', may have it for themselves. */
	if (!fvp_read_line(path, number, sizeof(number)) || sscanf(number, "%llu", &sectors) != 1)
		return;
	disk.sectors = sectors;
	origin_role(&disk, NULL, role);
}

static int dm_role(const struct fvp_device *dev, const char *name, struct role *role)
{
	struct fvp_dm_device dm;

	if (fvp_dm_read(name, FVP_DM_TABLE, &dm))
		return fvp_error(FVP_ABSENT, "device %s is gone", name);
	if (!strncmp(dm.uuid, FVP_DM_UUID_ORIGIN, strlen(FVP_DM_UUID_ORIGIN))) {
		role->name = "hidden-origin";
		role->hide = true;
	} else if (fvp_dm_is(&dm, FVP_TARGET_POOL)) {
		role->name = "pool";
		role->hide = true;
	} else if (fvp_dm_is(&dm, FVP_TARGET_VOLUME)) {
		role->name = "volume";
	} else if (!origin_role(dev, &dm, role) && !dm.suspended) {
		flash_role(dev, role);
	}
	fvp_dm_free(&dm);
	return FVP_OK;
}

int fvp_host_role(int argc, char **argv)
{
	struct role role = { .name = "none" };
	char name[FVP_DM_NAME_BYTES];
	struct fvp_device dev;
	int ret;

	if (fvp_option(argc, argv, "", (struct option[]){ { 0 } }) != -1)
		return fvp_usage_option();
	if (argc - optind != 1)
		return fvp_usage("name one device");
	ret = fvp_device_find(argv[optind], &dev);
	if (ret)
		return ret;
	if (fvp_dm_name_of(dev.major, dev.minor, name)) {
		ret = dm_role(&dev, name, &role);
	} else if (!origin_role(&dev, NULL, &role)) {
		partition_role(&dev, &role);
		if (!strcmp(role.name, "none"))
			flash_role(&dev, &role);
	}
	if (ret)
		return ret;
	/* As udev imports them. */
	printf("FVP_ROLE=%s\nFVP_HIDE=%d\n", role.name, role.hide);
	if (role.volume[0])
		printf("FVP_VOLUME=%s\n", role.volume);
	if (role.pool[0])
		printf("FVP_POOL=%s\n", role.pool);
	return FVP_OK;
}
