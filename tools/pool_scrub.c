// SPDX-License-Identifier: GPL-2.0
/* fvp pool scrub: has the kernel verify all that a pool's flash holds, and shows how far it is. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "report.h"
#include "wait.h"

#define POLL_MS 200
#define TTY_MS 500 /* between two updates of the line */
#define LOG_MS 5000 /* between two lines of a log */

static const char *const words[] = {
	"scrub_segments",	 "segments",
	"scrub_rate_mib",	 "scrub_checked_sectors",
	"scrub_dropped_sectors", "scrub_mended_sectors",
	"scrub_damaged_sectors", "scrub_headers_mended",
	"scrub_unreadable",
};

static void show(const char *name, const char *status, uint64_t elapsed_ms, uint64_t first,
		 bool tty)
{
	uint64_t done = fvp_status_number(status, "scrub_segments");
	uint64_t all = fvp_status_number(status, "segments");

	printf("%s%s: %llu of %llu segments, %s of data verified", tty ? "\r" : "", name,
	       (unsigned long long)done, (unsigned long long)all,
	       fvp_size_text(fvp_status_number(status, "scrub_checked_sectors") * 512));
	if (done > first && elapsed_ms >= 1000)
		printf(", about %s to go",
		       fvp_time_text((all - done) * elapsed_ms / (done - first)));
	fputs(tty ? "\033[K" : "\n", stdout);
	fflush(stdout);
}

static void bytes_line(const char *status, const char *word, const char *what)
{
	uint64_t sectors = fvp_status_number(status, word);

	if (sectors)
		printf("  %s %s\n", fvp_size_text(sectors * 512), what);
}

/* What was found, and the exit code that goes with it. */
static int result(const char *name, const char *status, bool json)
{
	uint64_t unreadable = fvp_status_number(status, "scrub_unreadable");
	uint64_t damaged = fvp_status_number(status, "scrub_damaged_sectors");
	uint64_t headers = fvp_status_number(status, "scrub_headers_mended");
	char state[16];

	fvp_status_word(status, "scrub", state, sizeof(state));
	if (json) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "pool", json_object_new_string(name));
		json_object_object_add(object, "scrub", json_object_new_string(state));
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			json_object_object_add(object, words[i],
					       json_object_new_int64((int64_t)fvp_status_number(
						       status, words[i])));
		fvp_json_print(object);
	} else {
		printf("scrub of pool %s: %s; %s of data verified\n", name, state,
		       fvp_size_text(fvp_status_number(status, "scrub_checked_sectors") * 512));
		bytes_line(status, "scrub_dropped_sectors",
			   "of cached data were damaged, and dropped: the origins have them");
		bytes_line(status, "scrub_mended_sectors",
			   "of acknowledged writes were damaged, and written anew from a replica");
		if (headers)
			printf("  %llu damaged headers were written anew\n",
			       (unsigned long long)headers);
	}
	if (damaged)
		return fvp_error(
			FVP_MEDIA,
			"%s of acknowledged writes are damaged on the flash of pool %s, and no "
			"replica has them (dmesg says which): what is not written anew before "
			"it is destaged is lost. Replace the flash device",
			fvp_size_text(damaged * 512), name);
	if (unreadable)
		return fvp_error(
			FVP_MEDIA,
			"%llu segments of pool %s cannot be read: replace the flash device",
			(unsigned long long)unreadable, name);
	return FVP_OK;
}

/* Looks until the scrub is over.  Leaves the last status in *status, to be freed. */
static int loop(const char *name, bool quiet, bool tty, char **status)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	uint64_t start = fvp_now_ms(), shown = 0, first = 0, now;
	char state[16];

	for (bool begun = false;; begun = true) {
		struct fvp_dm_device dev;
		int ret = fvp_dm_read(name, FVP_DM_STATUS, &dev);

		if (ret)
			return ret;
		free(*status);
		*status = strdup(dev.table.count == 1 ? dev.table.target[0].params : "");
		fvp_dm_free(&dev);
		if (!*status)
			abort();
		now = fvp_now_ms();
		if (!begun)
			first = fvp_status_number(*status, "scrub_segments");
		fvp_status_word(*status, "scrub", state, sizeof(state));
		if (strcmp(state, "running"))
			return FVP_OK;
		if (fvp_interrupted())
			return FVP_INTERRUPTED;
		if (!quiet && (!begun || now - shown >= (tty ? TTY_MS : LOG_MS))) {
			show(name, *status, now - start, first, tty);
			shown = now;
		}
		nanosleep(&pause, NULL);
	}
}

static int wait_end(const char *name, bool json)
{
	bool tty = isatty(STDOUT_FILENO) && !json;
	struct fvp_signals signals;
	char *status = NULL;
	int ret;

	fvp_signals_hold(&signals);
	ret = loop(name, json, tty, &status);
	fvp_signals_release(&signals);
	if (tty)
		fputs("\r\033[K", stdout);
	if (!ret)
		ret = result(name, status, json);
	else if (ret == FVP_INTERRUPTED)
		fvp_error(ret,
			  "interrupted; the scrub goes on in the kernel. fvp pool scrub %s shows "
			  "it, and --stop ends it",
			  name);
	free(status);
	return ret;
}

/* One that runs already will do. */
static int begin(const char *name, unsigned int mib)
{
	char message[32];
	int error;

	snprintf(message, sizeof(message), mib ? "scrub %u" : "scrub", mib);
	error = fvp_dm_message(name, message);
	if (!error || error == FVP_REFUSED)
		return FVP_OK;
	return fvp_error(FVP_SYSTEM, "cannot scrub pool %s: %s", name, fvp_dm_why());
}

static int end(const char *name)
{
	if (fvp_dm_message(name, "scrub-stop"))
		return fvp_error(FVP_SYSTEM, "cannot stop the scrub of pool %s: %s", name,
				 fvp_dm_why());
	return FVP_OK;
}

int fvp_pool_scrub(int argc, char **argv)
{
	static const struct option known[] = { { "rate", required_argument, NULL, 'r' },
					       { "no-wait", no_argument, NULL, 'n' },
					       { "stop", no_argument, NULL, 's' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	bool wait = true, stop = false, json = false;
	unsigned long mib = 0;
	struct fvp_views pools;
	struct fvp_view *pool;
	char *rest;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		switch (c) {
		case 'r':
			mib = strtoul(optarg, &rest, 10);
			if (*rest || *optarg < '0' || *optarg > '9' || !mib ||
			    mib > FVP_SCRUB_MIB_MAX)
				return fvp_usage("--rate takes 1 to %d MiB a second, not '%s'",
						 FVP_SCRUB_MIB_MAX, optarg);
			break;
		case 'n':
			wait = false;
			break;
		case 's':
			stop = true;
			break;
		case 'j':
			json = true;
			break;
		default:
			return fvp_usage_option();
		}
	}
	if (argc - optind != 1)
		return fvp_usage("name one pool");
	if (stop && (mib || !wait))
		return fvp_usage("--stop goes with neither --rate nor --no-wait");
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (ret)
		return ret;
	ret = fvp_view_pool(&pools, argv[optind], &pool);
	if (!ret)
		ret = stop ? end(pool->dev.name) : begin(pool->dev.name, (unsigned int)mib);
	if (!ret && (wait || stop))
		ret = wait_end(pool->dev.name, json);
	else if (!ret && !json)
		printf("scrubbing pool %s; fvp pool scrub %s shows how far it is\n", pool->dev.name,
		       pool->dev.name);
	fvp_views_free(&pools);
	return ret;
}
