// SPDX-License-Identifier: GPL-2.0
/* What the verbs of a host share: its flash and devices, and marks of stale volumes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fvp.h"
#include "host.h"

#define CLASS "/sys/class/block"
#define STALE "/var/lib/fvp/stale"

/* A path below another device (a multipath device, a pool) is not the one to use. */
static bool held(const char *name)
{
	char path[FVP_PATH_BYTES];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), CLASS "/%s/holders", name);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return found;
}

static bool find(const char *name, struct fvp_device *dev)
{
	char path[FVP_PATH_BYTES], line[32];

	snprintf(path, sizeof(path), CLASS "/%s/size", name);
	if (!fvp_read_line(path, line, sizeof(line)) || !strcmp(line, "0"))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", name);
	for (char *c = path; *c; c++)
		if (*c == '!')
			*c = '/';
	return !access(path, F_OK) && !fvp_device_find(path, dev);
}

static void add(struct fvp_host_scan *scan, const char *name)
{
	struct fvp_host_flash flash = { 0 };
	const char *why;

	if (!find(name, &flash.dev))
		return;
	scan->device = reallocarray(scan->device, scan->device_count + 1, sizeof(*scan->device));
	if (!scan->device)
		abort();
	scan->device[scan->device_count++] = flash.dev;
	if (held(name) || fvp_flash_read(&flash.dev, &flash.info, &why) != FVP_FLASH_VALID)
		return;
	scan->flash = reallocarray(scan->flash, scan->flash_count + 1, sizeof(*scan->flash));
	if (!scan->flash)
		abort();
	scan->flash[scan->flash_count++] = flash;
}

int fvp_host_scan(struct fvp_host_scan *scan)
{
	DIR *dir = opendir(CLASS);
	struct dirent *entry;

	memset(scan, 0, sizeof(*scan));
	if (!dir)
		return fvp_error(FVP_SYSTEM, "cannot read " CLASS ": %s", strerror(errno));
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			add(scan, entry->d_name);
	closedir(dir);
	return FVP_OK;
}

void fvp_host_scan_free(struct fvp_host_scan *scan)
{
	free(scan->device);
	free(scan->flash);
	memset(scan, 0, sizeof(*scan));
}

static bool is_there(const struct fvp_host_scan *scan, const char *device_uuid)
{
	for (unsigned int i = 0; i < scan->flash_count; i++)
		if (!strcmp(scan->flash[i].info.device_uuid, device_uuid))
			return true;
	return false;
}

unsigned int fvp_host_absent(const struct fvp_host_scan *scan, const struct fvp_flash_info *newest,
			     unsigned int *replicas)
{
	unsigned int flash = 0;

	*replicas = 0;
	for (unsigned int i = 0; i < newest->device_count; i++)
		flash += !is_there(scan, newest->members[i]);
	for (unsigned int i = 0; i < FVP_REPLICAS_MAX; i++)
		*replicas += newest->legs[i].used && !is_there(scan, newest->legs[i].uuid);
	return flash;
}

bool fvp_host_attached(const struct fvp_views *volumes, const char *uuid)
{
	struct fvp_volume_table table;

	for (unsigned int i = 0; i < volumes->count; i++)
		if (!fvp_volume_table_parse(&volumes->view[i].dev, &table) &&
		    !strcmp(table.uuid, uuid))
			return true;
	return false;
}

static void stale_path(const char *uuid, char path[FVP_PATH_BYTES])
{
	snprintf(path, FVP_PATH_BYTES, STALE "/%s", uuid);
}

bool fvp_host_stale(const char *uuid)
{
	char path[FVP_PATH_BYTES];

	stale_path(uuid, path);
	return !access(path, F_OK);
}

int fvp_host_stale_set(const char *uuid)
{
	char path[FVP_PATH_BYTES];
	int fd, folder, ret = FVP_OK;

	stale_path(uuid, path);
	mkdir("/var/lib/fvp", 0755);
	mkdir(STALE, 0755);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	folder = open(STALE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* What is written to the origin from now on may outlive a power cut: so must the mark. */
	if (fd < 0 || folder < 0 || fsync(fd) || fsync(folder))
		ret = fvp_error(FVP_SYSTEM, "cannot note in %s that a volume is stale: %s", path,
				strerror(errno));
	if (fd >= 0)
		close(fd);
	if (folder >= 0)
		close(folder);
	return ret;
}

void fvp_host_stale_clear(const char *uuid)
{
	char path[FVP_PATH_BYTES];

	stale_path(uuid, path);
	unlink(path);
}
