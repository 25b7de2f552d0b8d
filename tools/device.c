// SPDX-License-Identifier: GPL-2.0
/* Block devices: see device.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "device.h"
#include "dm.h"
#include "fvp.h"

bool fvp_read_line(const char *path, char *text, size_t text_bytes)
{
	FILE *file = fopen(path, "re");
	char *end;

	if (!file)
		return false;
	if (!fgets(text, (int)text_bytes, file))
		text[0] = '\0';
	fclose(file);
	end = text + strlen(text);
	while (end > text && (end[-1] == '\n' || end[-1] == ' '))
		*--end = '\0';
	return text[0] != '\0';
}

static bool find_path(const char *arg, struct stat *st, char path[FVP_PATH_BYTES])
{
	static const char *const folders[] = { "", "/dev/mapper/", "/dev/" };

	for (size_t i = strchr(arg, '/') ? 0 : 1; i < 3; i++) {
		snprintf(path, FVP_PATH_BYTES, "%s%s", folders[i], arg);
		if (!stat(path, st))
			return true;
		if (!i)
			break;
	}
	snprintf(path, FVP_PATH_BYTES, "%s", arg);
	return false;
}

int fvp_device_find(const char *arg, struct fvp_device *dev)
{
	struct stat st;
	uint64_t bytes;
	int fd, block, read_only;

	memset(dev, 0, sizeof(*dev));
	dev->fd = -1;
	if (!arg[0])
		return fvp_error(FVP_ABSENT, "the name of a device is empty");
	/* Cut short it would be another one. */
	if (strlen(arg) + sizeof("/dev/mapper/") > sizeof(dev->path))
		return fvp_error(FVP_ABSENT, "%s: a path of a device has at most %zu characters",
				 arg, sizeof(dev->path) - sizeof("/dev/mapper/"));
	if (!find_path(arg, &st, dev->path))
		return fvp_error(FVP_ABSENT, "%s: %s", arg, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return fvp_error(
			FVP_REFUSED,
			S_ISREG(st.st_mode)
				? "%s is not a block device (losetup makes one of a file)"
				: "%s is not a block device (lsblk lists those that are there)",
			dev->path);
	dev->major = major(st.st_rdev);
	dev->minor = minor(st.st_rdev);
	fd = fvp_device_open(dev, O_RDONLY);
	if (fd < 0)
		return fvp_error(FVP_SYSTEM, "cannot open %s: %s", dev->path, strerror(errno));
	if (ioctl(fd, BLKGETSIZE64, &bytes) || ioctl(fd, BLKSSZGET, &block) ||
	    ioctl(fd, BLKROGET, &read_only)) {
		int error = errno;

		close(fd);
		return fvp_error(FVP_SYSTEM, "cannot ask the size of %s: %s", dev->path,
				 strerror(error));
	}
	close(fd);
	dev->sectors = bytes / 512;
	dev->block_bytes = (unsigned int)block;
	dev->read_only = read_only;
	return FVP_OK;
}

bool fvp_device_number(const char *arg, unsigned int *major_out, unsigned int *minor_out)
{
	char path[FVP_PATH_BYTES];
	struct stat st;

	if (strlen(arg) + sizeof("/dev/mapper/") > sizeof(path) || !find_path(arg, &st, path) ||
	    !S_ISBLK(st.st_mode))
		return false;
	*major_out = major(st.st_rdev);
	*minor_out = minor(st.st_rdev);
	return true;
}

int fvp_device_open(const struct fvp_device *dev, int flags)
{
	char path[FVP_PATH_BYTES];
	struct stat st;
	int fd;

	if (dev->fd >= 0)
		snprintf(path, sizeof(path), "/proc/self/fd/%d", dev->fd);
	else
		snprintf(path, sizeof(path), "%s", dev->path);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && S_ISBLK(st.st_mode) && major(st.st_rdev) == dev->major &&
	    minor(st.st_rdev) == dev->minor)
		return fd;
	close(fd);
	errno = ENODEV;
	return -1;
}

int fvp_device_open_exclusive(struct fvp_device *dev, bool write)
{
	char users[512];

	if (write && dev->read_only)
		return fvp_error(FVP_REFUSED, "%s is read-only", dev->path);
	dev->fd = fvp_device_open(dev, (write ? O_RDWR : O_RDONLY) | O_EXCL);
	if (dev->fd >= 0)
		return FVP_OK;
	if (errno != EBUSY)
		return fvp_error(FVP_SYSTEM, "cannot open %s: %s", dev->path, strerror(errno));
	fvp_device_users(dev->major, dev->minor, users, sizeof(users));
	return fvp_error(FVP_REFUSED, "%s is in use: %s. Free it first; nothing was changed",
			 dev->path, users[0] ? users : "held by someone who cannot be named");
}

void fvp_device_close(struct fvp_device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
}

/* ---- users ---- */

static void append(char *text, size_t text_bytes, const char *format, const char *word)
{
	size_t used = strlen(text);

	if (used && used + 2 < text_bytes) {
		strcpy(text + used, ", ");
		used += 2;
	}
	snprintf(text + used, text_bytes - used, format, word);
}

static void add_mounts(unsigned int major, unsigned int minor, char *text, size_t text_bytes)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) > 0) {
		unsigned int mount_major, mount_minor;
		char where[256];

		if (sscanf(line, "%*d %*d %u:%u %*s %255s", &mount_major, &mount_minor, where) ==
			    3 &&
		    mount_major == major && mount_minor == minor)
			append(text, text_bytes, "mounted at %s", where);
	}
	free(line);
	if (file)
		fclose(file);
}

static void add_swaps(unsigned int major, unsigned int minor, char *text, size_t text_bytes)
{
	FILE *file = fopen("/proc/swaps", "re");
	char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) > 0) {
		char path[256];
		struct stat st;

		if (sscanf(line, "%255s", path) == 1 && !stat(path, &st) && S_ISBLK(st.st_mode) &&
		    st.st_rdev == makedev(major, minor))
			append(text, text_bytes, "%s", "swap space");
	}
	free(line);
	if (file)
		fclose(file);
}

static void add_holders(const char *sys, char *text, size_t text_bytes)
{
	char path[FVP_PATH_BYTES], name[FVP_DM_NAME_BYTES];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "%s/holders", sys);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/holders/%s/dm/name", sys, entry->d_name);
		if (fvp_read_line(path, name, sizeof(name)))
			append(text, text_bytes, "held by device-mapper device %s", name);
		else
			append(text, text_bytes, "held by %s", entry->d_name);
	}
	if (folder)
		closedir(folder);
}

void fvp_device_users(unsigned int major, unsigned int minor, char *text, size_t text_bytes)
{
	char sys[64], path[FVP_PATH_BYTES], number[32];
	struct dirent *entry;
	DIR *folder;

	text[0] = '\0';
	snprintf(sys, sizeof(sys), "/sys/dev/block/%u:%u", major, minor);
	add_mounts(major, minor, text, text_bytes);
	add_swaps(major, minor, text, text_bytes);
	add_holders(sys, text, text_bytes);
	/* A whole disk is held through its partitions. */
	folder = opendir(sys);
	while (folder && (entry = readdir(folder))) {
		unsigned int part_major, part_minor;
		char users[256];

		snprintf(path, sizeof(path), "%s/%s/partition", sys, entry->d_name);
		if (entry->d_name[0] == '.' || access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%s/%s/dev", sys, entry->d_name);
		if (!fvp_read_line(path, number, sizeof(number)) ||
		    sscanf(number, "%u:%u", &part_major, &part_minor) != 2)
			continue;
		fvp_device_users(part_major, part_minor, users, sizeof(users));
		if (users[0]) {
			snprintf(path, sizeof(path), "partition %.60s %s", entry->d_name, users);
			append(text, text_bytes, "%s", path);
		}
	}
	if (folder)
		closedir(folder);
}

/* ---- names ---- */

void fvp_device_path(unsigned int major, unsigned int minor, char path[FVP_PATH_BYTES])
{
	char sys[64], line[256], name[FVP_DM_NAME_BYTES];
	FILE *file;

	if (fvp_dm_name_of(major, minor, name)) {
		snprintf(path, FVP_PATH_BYTES, "/dev/mapper/%s", name);
		return;
	}
	snprintf(path, FVP_PATH_BYTES, "%u:%u", major, minor);
	snprintf(sys, sizeof(sys), "/sys/dev/block/%u:%u/uevent", major, minor);
	file = fopen(sys, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "DEVNAME=", 8))
			snprintf(path, FVP_PATH_BYTES, "/dev/%s", line + 8);
	}
	if (file)
		fclose(file);
}

bool fvp_device_path_of_word(const char *word, char path[FVP_PATH_BYTES])
{
	unsigned int major, minor;

	if (sscanf(word, "%u:%u", &major, &minor) != 2) {
		snprintf(path, FVP_PATH_BYTES, "%s", word);
		return false;
	}
	fvp_device_path(major, minor, path);
	return true;
}

/* A partition's own uuid, as the kernel read it from the table. */
static bool partition_uuid(const char *sys, char *uuid, size_t uuid_bytes)
{
	char path[128], line[256];
	FILE *file;
	bool found = false;

	snprintf(path, sizeof(path), "%s/uevent", sys);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "PARTUUID=", 9)) {
			snprintf(uuid, uuid_bytes, "%s", line + 9);
			found = true;
		}
	}
	if (file)
		fclose(file);
	return found;
}

bool fvp_device_identity(const struct fvp_device *dev, const char *dm_uuid, char *text,
			 size_t text_bytes)
{
	/* From the most to the least trustworthy; all are the device's own, not the host's. */
	static const struct {
		const char *file, *word;
	} names[] = {
		{ "wwid", "wwid" },
		{ "device/wwid", "wwid" },
		{ "serial", "serial" },
		{ "device/serial", "serial" },
		{ "loop/backing_file", "file" },
	};
	char sys[64], path[128], value[256];

	if (dm_uuid && dm_uuid[0]) {
		snprintf(text, text_bytes, "dm-uuid %s", dm_uuid);
		return true;
	}
	snprintf(sys, sizeof(sys), "/sys/dev/block/%u:%u", dev->major, dev->minor);
	if (partition_uuid(sys, value, sizeof(value))) {
		snprintf(text, text_bytes, "partition-uuid %s", value);
		return true;
	}
	snprintf(path, sizeof(path), "%s/partition", sys);
	if (!access(path, F_OK))
		return false; /* its disk's serial number is not its own */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", sys, names[i].file);
		if (!fvp_read_line(path, value, sizeof(value)))
			continue;
		snprintf(text, text_bytes, "%s %s %llu", names[i].word, value,
			 (unsigned long long)dev->sectors);
		return true;
	}
	return false;
}

bool fvp_read_all(int fd, void *mem, size_t bytes, off_t at)
{
	while (bytes) {
		ssize_t done = pread(fd, mem, bytes, at);

		if (done <= 0)
			return false;
		mem = (char *)mem + done;
		bytes -= (size_t)done;
		at += done;
	}
	return true;
}

bool fvp_write_all(int fd, const void *mem, size_t bytes, off_t at)
{
	while (bytes) {
		ssize_t done = pwrite(fd, mem, bytes, at);

		if (done <= 0)
			return false;
		mem = (const char *)mem + done;
		bytes -= (size_t)done;
		at += done;
	}
	return true;
}
