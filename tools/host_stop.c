// SPDX-License-Identifier: GPL-2.0
/*
 * fvp host guard: may virtual machines start?  fvp host stop: what a host that goes down must
 * know.
 *
 * Dirty data is safe on flash, so a shutdown need not wait for origins.  But one that takes
 * device-mapper's devices apart would: removing a volume drains it, for as long as that
 * takes, and forgets what is cached.  So a process keeps them open; the host then goes down
 * as in a power cut, which volumes survive warm.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "hidden.h"
#include "host.h"
#include "recover.h"

/* ---- guard ---- */

struct guard {
	struct fvp_views volumes;
	unsigned int unsafe, stale;
	int ret; /* worst */
};

/* Nothing but the flag says that it may be dirty, or a look into the log that it is. */
static void volume_unsafe(struct guard *guard, const char *name, const char *uuid, const char *pool,
			  const char *what)
{
	guard->unsafe++;
	fvp_error(
		FVP_REFUSED,
		"volume %s (%s) is not attached, and pool %s %s that its origin lacks: nobody may "
		"use the origin",
		name, uuid, pool, what);
}

/* Is it dirty?  dirty: what a look into the log found, NULL if there was none. */
static void volume_check(struct guard *guard, const struct fvp_flash_volume *volume,
			 const char *pool, const struct fvp_recover_volume *dirty,
			 unsigned int dirty_count, bool looked)
{
	char what[64];

	if (fvp_host_attached(&guard->volumes, volume->uuid))
		return;
	for (unsigned int i = 0; i < dirty_count; i++) {
		if (strcmp(dirty[i].uuid, volume->uuid))
			continue;
		snprintf(what, sizeof(what), "has %s of acknowledged writes",
			 fvp_size_text(dirty[i].dirty_bytes));
		volume_unsafe(guard, volume->name, volume->uuid, pool, what);
		return;
	}
	if (volume->may_be_dirty && !looked)
		volume_unsafe(guard, volume->name, volume->uuid, pool,
			      "may have acknowledged writes");
	/* The origin has all, but will be written behind the pool. */
	else if (!volume->in_service && !volume->may_be_dirty)
		return;
	else if (fvp_host_stale_set(volume->uuid))
		guard->ret = FVP_SYSTEM;
	else
		guard->stale++;
}

static void volumes_check(struct guard *guard, const struct fvp_device *dev, const char *pool,
			  const struct fvp_recover_volume *dirty, unsigned int dirty_count,
			  bool looked)
{
	struct fvp_flash_volume *list;
	unsigned int count;

	if (fvp_flash_volumes(dev, &list, &count)) {
		guard->ret = FVP_MEDIA;
		return;
	}
	for (unsigned int i = 0; i < count; i++)
		volume_check(guard, &list[i], pool, dirty, dirty_count, looked);
	free(list);
}

/*
 * A pool that is not active, by one of its flash devices.  In write-back a volume is flagged
 * all the time, so the log is looked into, if all of it is there.
 */
static void pool_check(struct guard *guard, const struct fvp_host_scan *scan,
		       const struct fvp_host_flash *flash)
{
	struct fvp_recover_device look[FVP_FLASH_MAX];
	struct fvp_recover_volume *dirty = NULL;
	struct fvp_device dev[FVP_FLASH_MAX];
	struct fvp_recover *r = NULL;
	unsigned int count = 0, dirty_count = 0, replicas;
	bool whole = flash->info.may_be_dirty && !fvp_host_absent(scan, &flash->info, &replicas);

	for (unsigned int i = 0; i < scan->flash_count && whole; i++) {
		const struct fvp_flash_info *info = &scan->flash[i].info;

		if (info->role != FVP_FLASH_MEMBER ||
		    strcmp(info->pool_uuid, flash->info.pool_uuid))
			continue;
		whole = count < FVP_FLASH_MAX;
		if (!whole)
			break;
		dev[count] = scan->flash[i].dev;
		whole = !fvp_device_open_exclusive(&dev[count], false);
		if (whole) {
			count++;
			whole = !fvp_recover_look(&dev[count - 1], &look[count - 1]);
		}
	}
	if (whole && !fvp_recover_open(dev, look, count, true, &r))
		dirty_count = fvp_recover_volumes(r, &dirty);
	volumes_check(guard, &flash->dev, flash->info.label, dirty, dirty_count, r);
	free(dirty);
	if (r)
		fvp_recover_close(r);
	while (count)
		fvp_device_close(&dev[--count]);
}

/* Once for each pool, by its newest superblock. */
static void pools_check(struct guard *guard, const struct fvp_host_scan *scan)
{
	for (unsigned int i = 0; i < scan->flash_count; i++) {
		const struct fvp_flash_info *info = &scan->flash[i].info;
		bool best = info->role == FVP_FLASH_MEMBER;

		for (unsigned int j = 0; j < scan->flash_count && best; j++) {
			const struct fvp_flash_info *other = &scan->flash[j].info;

			if (j == i || other->role != FVP_FLASH_MEMBER ||
			    strcmp(other->pool_uuid, info->pool_uuid))
				continue;
			best = info->generation > other->generation ||
			       (info->generation == other->generation && i < j);
		}
		if (best)
			pool_check(guard, scan, &scan->flash[i]);
	}
}

int fvp_host_guard(int argc, char **argv)
{
	struct guard guard = { .ret = FVP_OK };
	struct fvp_views pools = { 0 };
	struct fvp_host_scan scan;
	int ret;

	if (fvp_option(argc, argv, "", (struct option[]){ { 0 } }) != -1)
		return fvp_usage_option();
	if (optind != argc)
		return fvp_usage("it takes no names");
	ret = fvp_host_scan(&scan);
	if (ret)
		return ret;
	/* Without device-mapper nothing is attached. */
	if (!access("/dev/mapper/control", F_OK)) {
		ret = fvp_views_load(FVP_TARGET_VOLUME, &guard.volumes);
		if (!ret)
			ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	}
	for (unsigned int i = 0; i < pools.count && !ret; i++) {
		struct fvp_device dev;

		ret = fvp_pool_flash_find(&pools.view[i], &dev);
		if (!ret)
			volumes_check(&guard, &dev, pools.view[i].dev.name, NULL, 0, false);
	}
	if (!ret)
		pools_check(&guard, &scan);
	/* udev has hidden them until now. */
	if (guard.stale)
		fvp_hidden_announce_all();
	if (guard.unsafe)
		fvp_error(FVP_REFUSED,
			  "virtual machines must not start. Get the volumes attached: modprobe "
			  "dm-fvp, fvp host start --wait 60, then start the machines' service "
			  "again. Or, without the module: fvp recover with the devices of the pool "
			  "writes all to the origins");
	fvp_views_free(&pools);
	fvp_views_free(&guard.volumes);
	fvp_host_scan_free(&scan);
	if (ret)
		return ret;
	return guard.unsafe ? FVP_REFUSED : guard.ret;
}

/* ---- stop ---- */

/* To whoever called, and to the console, where people look when a host does not go down. */
static void say(const char *text)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	printf("%s\n", text);
	fflush(stdout);
	if (fd >= 0)
		dprintf(fd, "fvp: %s\n", text);
	if (fd >= 0)
		close(fd);
}

static int dirty_load(uint64_t *bytes)
{
	struct fvp_views pools;
	int ret = fvp_views_load(FVP_TARGET_POOL, &pools);

	*bytes = ret ? 0 : fvp_dirty_bytes(&pools);
	fvp_views_free(&pools);
	return ret;
}

static int drain(const struct fvp_views *volumes, unsigned int limit, uint64_t *dirty)
{
	time_t end = time(NULL) + (time_t)limit;
	char text[160], *reply;
	int ret = FVP_OK;

	snprintf(text, sizeof(text), "writing %s of dirty data to the origins, for at most %u s",
		 fvp_size_text(*dirty), limit);
	say(text);
	for (unsigned int i = 0; i < volumes->count; i++) {
		reply = NULL;
		if (fvp_dm_ask(volumes->view[i].dev.name, "flush", &reply))
			fvp_warn("cannot flush %s: %s", volumes->view[i].dev.name, fvp_dm_why());
		free(reply);
	}
	while (!ret && *dirty && time(NULL) < end) {
		usleep(200000);
		ret = dirty_load(dirty);
	}
	return ret;
}

/* systemd leaves processes alone whose first argument begins with this, as storage needs them. */
static int hold(const struct fvp_views *volumes)
{
	pid_t pid;

	if (!volumes->count)
		return FVP_OK;
	for (unsigned int i = 0; i < volumes->count; i++) {
		char path[FVP_PATH_BYTES];

		snprintf(path, sizeof(path), "/dev/mapper/%s", volumes->view[i].dev.name);
		if (open(path, O_RDONLY) < 0)
			return fvp_error(FVP_SYSTEM, "cannot open %s: %s", path, strerror(errno));
	}
	pid = fork();
	if (pid < 0)
		return fvp_error(FVP_SYSTEM, "cannot start a process: %s", strerror(errno));
	if (pid)
		return FVP_OK;
	if (setsid() < 0 || !freopen("/dev/null", "r+", stdin) ||
	    !freopen("/dev/null", "r+", stdout) || !freopen("/dev/null", "r+", stderr))
		_exit(1);
	execl("/bin/sleep", "@fvp-hold", "infinity", NULL);
	_exit(1);
}

int fvp_host_stop(int argc, char **argv)
{
	static const struct option known[] = { { "drain", required_argument, NULL, 'd' },
					       { "hold", no_argument, NULL, 'h' },
					       { 0 } };
	struct fvp_views volumes;
	unsigned int limit = 0;
	bool keep_open = false;
	uint64_t dirty;
	char text[200];
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c == '?')
			return fvp_usage_option();
		if (c == 'h')
			keep_open = true;
		else if (c != 'd' || !fvp_number_parse(optarg, 86400, &limit))
			return fvp_usage("--drain wants seconds, at most 86400");
	}
	if (optind != argc)
		return fvp_usage("it takes no names");
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (ret)
		return ret;
	ret = dirty_load(&dirty);
	if (!ret && dirty && limit)
		ret = drain(&volumes, limit, &dirty);
	if (!ret && dirty)
		snprintf(text, sizeof(text),
			 "%s (%llu bytes) of acknowledged writes stay on flash; the origins get "
			 "them when the pools are started again",
			 fvp_size_text(dirty), (unsigned long long)dirty);
	else if (!ret)
		snprintf(text, sizeof(text), "nothing is dirty: the origins have every write");
	if (!ret)
		say(text);
	if (keep_open) {
		int held = hold(&volumes);

		ret = ret ? ret : held;
	}
	fvp_views_free(&volumes);
	return ret;
}
