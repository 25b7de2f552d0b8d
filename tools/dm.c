// SPDX-License-Identifier: GPL-2.0
/* Device-mapper through libdevmapper: see dm.h. */
#include <errno.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "kmsg.h"
#include "wait.h"

#define UDEV_HIDDEN                                                                                \
	(DM_UDEV_DISABLE_DISK_RULES_FLAG | DM_UDEV_DISABLE_OTHER_RULES_FLAG |                      \
	 DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG)

static char why[1024];

const char *fvp_dm_why(void)
{
	return why;
}

/* The library would print messages of its own beside ours. */
static void no_log(int level, const char *file, int line, int error, const char *format, ...)
{
	(void)level, (void)file, (void)line, (void)error, (void)format;
}

static struct dm_task *task(int type, const char *name)
{
	struct dm_task *dmt;

	dm_log_with_errno_init(no_log);
	dmt = dm_task_create(type);
	if (dmt && name && !dm_task_set_name(dmt, name)) {
		dm_task_destroy(dmt);
		dmt = NULL;
	}
	if (!dmt)
		snprintf(why, sizeof(why), "cannot talk to device-mapper: is dm-mod loaded?");
	return dmt;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static uint64_t run_end_us; /* when the kernel was done with the last call */

/* Runs; why says what went wrong.  0 or the errno. */
static int run(struct dm_task *dmt)
{
	int error, done;

	fvp_kmsg_mark();
	done = dm_task_run(dmt);
	run_end_us = now_us();
	if (done)
		return 0;
	error = dm_task_get_errno(dmt);
	if (!error)
		error = EIO;
	if (!fvp_kmsg_since_mark(why, sizeof(why)))
		snprintf(why, sizeof(why), "%s", strerror(error));
	return error;
}

/* Runs and destroys; waits for udev where a cookie was set.  0 or the errno. */
static int finish(struct dm_task *dmt, bool cookie_set, uint32_t cookie)
{
	int error = run(dmt);

	dm_task_destroy(dmt);
	if (cookie_set)
		dm_udev_wait(cookie);
	return error;
}

static int simple(int type, const char *name)
{
	struct dm_task *dmt = task(type, name);

	if (!dmt)
		return FVP_SYSTEM;
	return finish(dmt, false, 0) ? FVP_SYSTEM : FVP_OK;
}

static int simple_udev(int type, const char *name)
{
	struct dm_task *dmt = task(type, name);
	uint32_t cookie = 0;

	if (!dmt)
		return FVP_SYSTEM;
	if (type == DM_DEVICE_RESUME)
		/*
		 * No file system is frozen by the suspend that comes before: the data
		 * stays where it is, only the way to it changes.
		 */
		dm_task_skip_lockfs(dmt);
	if (type == DM_DEVICE_REMOVE)
		dm_task_retry_remove(dmt); /* udev may look at it for a moment */
	if (!dm_task_set_cookie(dmt, &cookie, 0)) {
		/* No semaphore to wait for udev with: I/O that is held cannot wait for that. */
		if (type == DM_DEVICE_RESUME)
			return finish(dmt, false, 0) ? FVP_SYSTEM : FVP_OK;
		dm_task_destroy(dmt);
		snprintf(why, sizeof(why), "cannot make a udev cookie");
		return FVP_SYSTEM;
	}
	return finish(dmt, true, cookie) ? FVP_SYSTEM : FVP_OK;
}

int fvp_dm_clear(const char *name)
{
	return simple(DM_DEVICE_CLEAR, name);
}

int fvp_dm_resume(const char *name)
{
	return simple_udev(DM_DEVICE_RESUME, name);
}

int fvp_dm_remove(const char *name)
{
	return simple_udev(DM_DEVICE_REMOVE, name);
}

static bool add_targets(struct dm_task *dmt, const struct fvp_dm_table *table)
{
	for (unsigned int i = 0; i < table->count; i++) {
		const struct fvp_dm_target *t = &table->target[i];

		if (!dm_task_add_target(dmt, t->start, t->len_sectors, t->type, t->params))
			return false;
	}
	return true;
}

static int create(const char *name, const char *uuid, const struct fvp_dm_table *table,
		  uint16_t udev_flags)
{
	struct dm_task *dmt = task(DM_DEVICE_CREATE, name);
	uint32_t cookie = 0;

	if (!dmt)
		return FVP_SYSTEM;
	if (!dm_task_set_uuid(dmt, uuid) || !add_targets(dmt, table) ||
	    !dm_task_set_cookie(dmt, &cookie, udev_flags)) {
		dm_task_destroy(dmt);
		snprintf(why, sizeof(why), "out of memory");
		return FVP_SYSTEM;
	}
	return finish(dmt, true, cookie) ? FVP_SYSTEM : FVP_OK;
}

int fvp_dm_create_hidden(const char *name, const char *uuid, const struct fvp_dm_table *table)
{
	return create(name, uuid, table, UDEV_HIDDEN);
}

int fvp_dm_create(const char *name, const char *uuid, const struct fvp_dm_table *table)
{
	return create(name, uuid, table, 0);
}

int fvp_dm_load(const char *name, const struct fvp_dm_table *table)
{
	struct dm_task *dmt = task(DM_DEVICE_RELOAD, name);

	if (!dmt)
		return FVP_SYSTEM;
	if (!add_targets(dmt, table)) {
		dm_task_destroy(dmt);
		snprintf(why, sizeof(why), "out of memory");
		return FVP_SYSTEM;
	}
	return finish(dmt, false, 0) ? FVP_SYSTEM : FVP_OK;
}

int fvp_dm_ask(const char *name, const char *message, char **reply)
{
	struct dm_task *dmt = task(DM_DEVICE_TARGET_MSG, name);
	const char *text;
	int error;

	*reply = NULL;
	if (!dmt)
		return FVP_SYSTEM;
	if (!dm_task_set_sector(dmt, 0) || !dm_task_set_message(dmt, message)) {
		dm_task_destroy(dmt);
		snprintf(why, sizeof(why), "out of memory");
		return FVP_SYSTEM;
	}
	error = run(dmt);
	text = error ? NULL : dm_task_get_message_response(dmt);
	*reply = strdup(text ? text : "");
	dm_task_destroy(dmt);
	if (!*reply)
		abort();
	if (error == EBUSY)
		return FVP_REFUSED;
	return error ? FVP_SYSTEM : FVP_OK;
}

int fvp_dm_message(const char *name, const char *message)
{
	char *reply;
	int ret = fvp_dm_ask(name, message, &reply);

	free(reply);
	return ret;
}

int fvp_dm_swap(const char *name, const struct fvp_dm_table *new_table,
		const struct fvp_dm_table *old_table, uint64_t *held_us, bool *restored)
{
	struct fvp_signals signals;
	char first_why[sizeof(why)];
	uint64_t start_us;
	int ret = FVP_SYSTEM;

	*restored = true;
	/* Ended before it is back on the old table, after a failure, it would leave all I/O held. */
	fvp_signals_hold(&signals);
	/*
	 * This program may itself live on the device: while its I/O is held,
	 * no page of it may have to be read.
	 */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	if (fvp_dm_load(name, new_table))
		goto out;
	start_us = now_us();
	/*
	 * With a table loaded the kernel suspends the device itself: one call, so that
	 * nothing that ends this program comes between the two, SIGKILL included.
	 */
	if (!fvp_dm_resume(name)) {
		/* Not what udev's rules took after that. */
		*held_us = run_end_us - start_us;
		ret = FVP_OK;
		goto out;
	}
	/* Perhaps suspended, perhaps on the new table already: back to the old one. */
	snprintf(first_why, sizeof(first_why), "%s", why);
	if (fvp_dm_load(name, old_table) || fvp_dm_resume(name)) {
		*restored = false;
		fvp_dm_resume(name);
	}
	snprintf(why, sizeof(why), "%s", first_why);
out:
	munlockall();
	fvp_signals_release(&signals);
	return ret;
}

/* ---- tables ---- */

int fvp_dm_table_add(struct fvp_dm_table *table, uint64_t start, uint64_t len_sectors,
		     const char *type, const char *params)
{
	struct fvp_dm_target *grown =
		realloc(table->target, (table->count + 1) * sizeof(*table->target));

	if (!grown)
		abort();
	table->target = grown;
	grown += table->count++;
	grown->start = start;
	grown->len_sectors = len_sectors;
	grown->type = strdup(type);
	grown->params = strdup(params);
	if (!grown->type || !grown->params)
		abort();
	return FVP_OK;
}

void fvp_dm_table_free(struct fvp_dm_table *table)
{
	for (unsigned int i = 0; i < table->count; i++) {
		free(table->target[i].type);
		free(table->target[i].params);
	}
	free(table->target);
	memset(table, 0, sizeof(*table));
}

void fvp_dm_free(struct fvp_dm_device *dev)
{
	fvp_dm_table_free(&dev->table);
}

bool fvp_dm_is(const struct fvp_dm_device *dev, const char *type)
{
	return dev->table.count == 1 && !strcmp(dev->table.target[0].type, type);
}

/* ---- reading ---- */

int fvp_dm_read(const char *name, enum fvp_dm_what what, struct fvp_dm_device *dev)
{
	struct dm_task *dmt = task(what == FVP_DM_TABLE ? DM_DEVICE_TABLE : DM_DEVICE_STATUS, name);
	struct dm_info info;
	void *next = NULL;
	int ret = FVP_OK;

	memset(dev, 0, sizeof(*dev));
	if (!dmt)
		return fvp_error(FVP_SYSTEM, "%s", why);
	dm_task_no_flush(dmt);
	if (!dm_task_run(dmt) || !dm_task_get_info(dmt, &info) || !info.exists) {
		int error = dm_task_get_errno(dmt);

		ret = FVP_ABSENT;
		if (error && error != ENXIO)
			ret = fvp_error(FVP_SYSTEM, "cannot read device %s: %s", name,
					strerror(error));
		goto out;
	}
	snprintf(dev->name, sizeof(dev->name), "%s", dm_task_get_name(dmt));
	snprintf(dev->uuid, sizeof(dev->uuid), "%s", dm_task_get_uuid(dmt));
	dev->major = info.major;
	dev->minor = info.minor;
	dev->open_count = info.open_count;
	dev->suspended = info.suspended;
	dev->read_only = info.read_only;
	dev->live_table = info.live_table;
	dev->inactive_table = info.inactive_table;
	do {
		uint64_t start, len_sectors;
		char *type, *params;

		next = dm_get_next_target(dmt, next, &start, &len_sectors, &type, &params);
		if (!type)
			continue;
		fvp_dm_table_add(&dev->table, start, len_sectors, type, params);
		dev->sectors = start + len_sectors;
	} while (next);
out:
	dm_task_destroy(dmt);
	return ret;
}

int fvp_dm_each(const char *type, enum fvp_dm_what what,
		int (*fn)(void *arg, const struct fvp_dm_device *dev), void *arg)
{
	struct dm_task *dmt = task(DM_DEVICE_LIST, NULL);
	struct dm_names *names;
	unsigned int next = 0;
	int ret = FVP_OK;

	if (!dmt)
		return fvp_error(FVP_SYSTEM, "%s", why);
	if (!dm_task_run(dmt)) {
		ret = fvp_error(FVP_SYSTEM, "cannot list device-mapper devices: %s",
				strerror(dm_task_get_errno(dmt)));
		goto out;
	}
	names = dm_task_get_names(dmt);
	if (!names->dev)
		goto out;
	do {
		struct fvp_dm_device dev;

		names = (struct dm_names *)((char *)names + next);
		/* One that went away since the list was made is none of ours any more. */
		if (!fvp_dm_read(names->name, what, &dev)) {
			if (!type || fvp_dm_is(&dev, type))
				ret = fn(arg, &dev);
			fvp_dm_free(&dev);
		}
		next = names->next;
	} while (next && !ret);
out:
	dm_task_destroy(dmt);
	return ret;
}

bool fvp_dm_name_of(unsigned int major, unsigned int minor, char name[FVP_DM_NAME_BYTES])
{
	char path[64];
	FILE *file;
	bool found;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm/name", major, minor);
	file = fopen(path, "re");
	if (!file)
		return false;
	found = fgets(name, FVP_DM_NAME_BYTES, file);
	fclose(file);
	if (found)
		name[strcspn(name, "\n")] = '\0';
	return found;
}

/* ---- targets ---- */

static bool have_target(const char *type)
{
	struct dm_task *dmt = task(DM_DEVICE_LIST_VERSIONS, NULL);
	struct dm_versions *version, *last;
	bool found = false;

	if (!dmt || !dm_task_run(dmt))
		goto out;
	version = dm_task_get_versions(dmt);
	do {
		last = version;
		found |= !strcmp(version->name, type);
		version = (struct dm_versions *)((char *)version + version->next);
	} while (last->next && !found);
out:
	if (dmt)
		dm_task_destroy(dmt);
	return found;
}

bool fvp_dm_have_targets(void)
{
	return have_target(FVP_TARGET_POOL) && have_target(FVP_TARGET_VOLUME);
}

int fvp_dm_require_targets(void)
{
	pid_t child;

	if (fvp_dm_have_targets())
		return FVP_OK;
	child = fork();
	if (!child) {
		execlp("modprobe", "modprobe", "-q", "dm-fvp", NULL);
		_exit(127);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	if (fvp_dm_have_targets())
		return FVP_OK;
	return fvp_error(FVP_SYSTEM, "the kernel module dm-fvp is not loaded and modprobe cannot "
				     "load it. Build and install it for this kernel, then try "
				     "again");
}
