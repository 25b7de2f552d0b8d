// SPDX-License-Identifier: GPL-2.0
/* Notes of origins that nobody may use: see hidden.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "fvp.h"
#include "hidden.h"
#include "volume.h"

#define LINKS "/dev/fvp/hidden"

static void note_path(const char *key, char path[FVP_PATH_BYTES])
{
	snprintf(path, FVP_PATH_BYTES, FVP_HIDDEN_NOTES "/%.36s", key);
}

/* False if there is no such note, or it is not one of ours. */
static bool note_read(const char *key, struct fvp_hidden *note)
{
	char path[FVP_PATH_BYTES], line[128];
	uuid_t uuid;

	note->key[0] = '\0';
	if (uuid_parse(key, uuid))
		return false;
	note_path(key, path);
	if (!fvp_read_line(path, line, sizeof(line)) ||
	    sscanf(line, "volume %36s pool %36s", note->volume, note->pool) != 2)
		return false;
	snprintf(note->key, sizeof(note->key), "%.36s", key);
	return true;
}

bool fvp_hidden_find(const struct fvp_device *origin, const struct fvp_dm_device *dm,
		     struct fvp_hidden *note)
{
	char key[40];

	note->key[0] = '\0';
	return fvp_volume_uuid(origin, dm, key) && note_read(key, note);
}

void fvp_hidden_restore(const struct fvp_hidden *note)
{
	char path[FVP_PATH_BYTES], fresh[FVP_PATH_BYTES];
	struct fvp_hidden old;
	int fd, folder;
	bool done;

	if (!note->key[0])
		return;
	if (note_read(note->key, &old) && !strcmp(old.volume, note->volume) &&
	    !strcmp(old.pool, note->pool))
		return;
	note_path(note->key, path);
	snprintf(fresh, sizeof(fresh), FVP_HIDDEN_NOTES "/.new-%.36s", note->key);
	mkdir("/etc/fvp", 0755);
	mkdir(FVP_HIDDEN_NOTES, 0755);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	folder = open(FVP_HIDDEN_NOTES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* It is there to hold after a power cut. */
	done = fd >= 0 && folder >= 0 &&
	       dprintf(fd, "volume %s pool %s\n", note->volume, note->pool) > 0 && !fsync(fd) &&
	       !rename(fresh, path) && !fsync(folder);
	if (!done)
		fvp_warn("cannot note in %s that only volume %s may use its origin: %s. After a "
			 "reboot udev and LVM may look at it before fvp does",
			 path, note->volume, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (folder >= 0)
		close(folder);
}

void fvp_hidden_set(const struct fvp_device *origin, const struct fvp_dm_device *dm,
		    const char *volume_uuid, const char *pool_uuid)
{
	struct fvp_hidden note = { 0 };

	if (!fvp_volume_uuid(origin, dm, note.key))
		return;
	snprintf(note.volume, sizeof(note.volume), "%.36s", volume_uuid);
	snprintf(note.pool, sizeof(note.pool), "%.36s", pool_uuid);
	fvp_hidden_restore(&note);
}

void fvp_hidden_clear(const char *volume_uuid, const char *pool_uuid, struct fvp_hidden *cleared)
{
	DIR *folder = opendir(FVP_HIDDEN_NOTES);
	char path[FVP_PATH_BYTES];
	struct fvp_hidden note;
	struct dirent *entry;

	if (cleared)
		memset(cleared, 0, sizeof(*cleared));
	while (folder && (entry = readdir(folder))) {
		if (!note_read(entry->d_name, &note))
			continue;
		if (volume_uuid ? strcmp(note.volume, volume_uuid) : strcmp(note.pool, pool_uuid))
			continue;
		note_path(note.key, path);
		if (unlink(path))
			fvp_warn("cannot remove %s: %s. udev goes on hiding the origin of volume "
				 "%s",
				 path, strerror(errno), note.volume);
		else if (cleared)
			*cleared = note;
	}
	if (folder)
		closedir(folder);
}

/* A synthetic event, as `udevadm trigger` makes it. */
static void announce(const char *sys)
{
	char path[FVP_PATH_BYTES];
	int fd;

	snprintf(path, sizeof(path), "%.400s/uevent", sys);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "change", 6) != 6)
		fvp_warn("cannot have udev look at %s again: %s", sys, strerror(errno));
	close(fd);
}

void fvp_hidden_announce(unsigned int major, unsigned int minor)
{
	char sys[FVP_PATH_BYTES], part[FVP_PATH_BYTES * 2];
	struct dirent *entry;
	DIR *folder;

	snprintf(sys, sizeof(sys), "/sys/dev/block/%u:%u", major, minor);
	announce(sys);
	folder = opendir(sys);
	while (folder && (entry = readdir(folder))) {
		snprintf(part, sizeof(part), "%s/%s/partition", sys, entry->d_name);
		if (access(part, F_OK))
			continue;
		snprintf(part, sizeof(part), "%s/%s", sys, entry->d_name);
		announce(part);
	}
	if (folder)
		closedir(folder);
}

void fvp_hidden_announce_all(void)
{
	DIR *folder = opendir(LINKS);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		char path[FVP_PATH_BYTES];
		struct stat st;

		snprintf(path, sizeof(path), LINKS "/%.200s", entry->d_name);
		if (entry->d_name[0] != '.' && !stat(path, &st) && S_ISBLK(st.st_mode))
			fvp_hidden_announce(major(st.st_rdev), minor(st.st_rdev));
	}
	if (folder)
		closedir(folder);
}
