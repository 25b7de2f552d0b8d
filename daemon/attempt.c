// SPDX-License-Identifier: GPL-2.0
/*
 * One attempt to attach a volume again, in a child: the kernel may make it wait for as long as
 * an origin takes for its I/O.  The child outlives a daemon that ends meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"
#include "flash.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "volume.h"

static struct {
	pid_t pid; /* 0: none */
	char uuid[40];
	char said[4096];
	size_t said_bytes;
	int pipe;
	sd_event_source *child, *output;
	fvpd_attempt_fn done;
} attempt;

/* ---- the child ---- */

/* Its pool has it as in service when the host went down: then fvp host start knows best. */
static int boot_check(const struct fvp_record *record, const struct fvp_view *pool)
{
	struct fvp_flash_volume *list;
	struct fvp_device dev;
	unsigned int count;
	int ret;

	if (fvp_record_of_this_boot(record))
		return FVP_OK;
	ret = fvp_pool_flash_find(pool, &dev);
	if (!ret)
		ret = fvp_flash_volumes(&dev, &list, &count);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < count && !ret; i++)
		if (!strcmp(list[i].uuid, record->uuid) &&
		    (list[i].in_service || list[i].may_be_dirty))
			ret = fvp_error(FVP_REFUSED,
					"it was attached when the host went down, and its pool has "
					"kept what was cached: fvp host start attaches it with "
					"that");
	free(list);
	return ret;
}

/* As the record says it; its dirty data went to the origin, or the attach refuses. */
static int attach_now(const struct fvp_record *record)
{
	struct fvp_replicas replicas = { .count = record->replica_count };
	struct fvp_attach_request request = {
		.uuid = record->uuid,
		.mode = record->mode,
		.order = record->order,
		.exact = record->replica_count ? &replicas : NULL,
		.exact_min = record->replicas_min,
		.cold = true,
	};
	char path[FVP_PATH_BYTES];
	struct fvp_dm_device dev;
	struct fvp_views pools;
	struct fvp_pool_table table;
	int ret = fvp_dm_read(record->name, FVP_DM_TABLE, &dev);

	if (ret)
		return ret == FVP_ABSENT ? fvp_error(ret, "its device is gone") : ret;
	fvp_device_path(dev.major, dev.minor, path);
	ret = fvp_dm_is(&dev, FVP_TARGET_VOLUME) || strcmp(dev.uuid, record->dm_uuid);
	fvp_dm_free(&dev);
	if (ret)
		return FVP_OK; /* somebody was faster, or it is another one */
	for (unsigned int i = 0; i < replicas.count; i++)
		strcpy(replicas.replica[i].uuid, record->replica[i]);
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < pools.count; i++) {
		fvp_pool_table_parse(&pools.view[i].dev, &table);
		if (strcmp(table.uuid, record->pool_uuid))
			continue;
		request.pool = pools.view[i].dev.name;
		ret = boot_check(record, &pools.view[i]);
	}
	request.origin = path;
	if (!request.pool)
		ret = fvp_error(FVP_ABSENT, "its pool is not active");
	if (!ret)
		ret = fvp_attach(&request);
	fvp_views_free(&pools);
	return ret;
}

static int child_run(const char *uuid, int out)
{
	struct fvp_record record;
	sigset_t none;
	int ret;

	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	fvp_error_begins = "";
	fvp_warning_begins = "";
	ret = fvp_record_lock(uuid);
	/* A detach that was faster has taken the record away. */
	if (!ret && fvp_record_load(uuid, &record))
		ret = attach_now(&record);
	fflush(stdout);
	return ret;
}

/* ---- the daemon ---- */

static void output_take(void)
{
	size_t room = sizeof(attempt.said) - 1 - attempt.said_bytes;
	char rest[256] = "";
	ssize_t got;

	do {
		char *to = room ? attempt.said + attempt.said_bytes : rest;

		got = read(attempt.pipe, to, room ? room : sizeof(rest));
		if (got > 0 && room) {
			attempt.said_bytes += (size_t)got;
			room -= (size_t)got;
		}
	} while (got > 0);
	attempt.said[attempt.said_bytes] = '\0';
	if (!got && attempt.output)
		sd_event_source_set_enabled(attempt.output, SD_EVENT_OFF);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	output_take();
	return 0;
}

/* Its lines as one. */
static void said_join(void)
{
	while (attempt.said_bytes && attempt.said[attempt.said_bytes - 1] == '\n')
		attempt.said[--attempt.said_bytes] = '\0';
	for (char *c = attempt.said; *c; c++)
		if (*c == '\n')
			*c = ' ';
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *arg)
{
	bool attached = info->si_code == CLD_EXITED && info->si_status == FVP_OK;
	char uuid[40];

	output_take();
	said_join();
	snprintf(uuid, sizeof(uuid), "%s", attempt.uuid);
	if (info->si_code != CLD_EXITED && !attempt.said[0])
		snprintf(attempt.said, sizeof(attempt.said), "the attempt was ended by signal %d",
			 info->si_status);
	attempt.child = sd_event_source_disable_unref(attempt.child);
	attempt.output = sd_event_source_disable_unref(attempt.output);
	close(attempt.pipe);
	attempt.pid = 0;
	attempt.done(arg, uuid, attached, attempt.said);
	return 0;
}

bool fvpd_attempt_runs(void)
{
	return attempt.pid;
}

int fvpd_attempt_begin(struct fvpd *fvpd, const char *uuid, fvpd_attempt_fn done)
{
	int ends[2], err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (!pid) {
		/* What it inherits would keep the next daemon from starting. */
		close(fvpd->lock_fd);
		_exit(child_run(uuid, ends[1]));
	}
	err = -errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err;
	}
	memset(&attempt, 0, sizeof(attempt));
	attempt.pid = pid;
	attempt.pipe = ends[0];
	attempt.done = done;
	snprintf(attempt.uuid, sizeof(attempt.uuid), "%s", uuid);
	err = sd_event_add_child(fvpd->event, &attempt.child, pid, WEXITED, on_exit_of_child, fvpd);
	if (err >= 0)
		err = sd_event_add_io(fvpd->event, &attempt.output, ends[0], EPOLLIN, on_output,
				      fvpd);
	if (err >= 0)
		return 0;
	/* It runs, and nobody will hear of its end but the next look. */
	sd_event_source_unref(attempt.child);
	close(ends[0]);
	attempt.pid = 0;
	return err;
}
