// SPDX-License-Identifier: GPL-2.0
/*
 * What `fvp status` would say of pools and volumes if somebody asked: logged once when it begins,
 * when it becomes something else, and when it ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"
#include "tell.h"

/* What was last told of a pool or volume. */
struct told {
	struct told *next;
	char name[FVP_DM_NAME_BYTES];
	bool is_pool, known; /* known: it is there at this look */
	char *state; /* what is not as it was asked for, in words; never NULL */
	char effective[24]; /* mode */
	bool dirty_old, failing;
	uint64_t lost_sectors, waiting;
};

static struct told *list;

static struct told *told_get(const char *name, bool is_pool)
{
	struct told *told;

	for (told = list; told; told = told->next)
		if (told->is_pool == is_pool && !strcmp(told->name, name))
			break;
	if (!told) {
		told = calloc(1, sizeof(*told));
		if (!told || !(told->state = strdup("")))
			abort();
		snprintf(told->name, sizeof(told->name), "%s", name);
		told->is_pool = is_pool;
		told->next = list;
		list = told;
	}
	told->known = true;
	return told;
}

static void forget(bool all)
{
	struct told **at = &list;

	while (*at) {
		struct told *told = *at;

		if (told->known && !all) {
			at = &told->next;
			continue;
		}
		*at = told->next;
		free(told->state);
		free(told);
	}
}

/* A line each that the old text did not have. */
static void tell_new_lines(const char *text, const char *old)
{
	char *copy = strdup(text), *state;

	if (!copy)
		abort();
	for (char *line = strtok_r(copy, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
		if (!strstr(old, line))
			fvpd_log(LOG_WARNING, "%s", line);
	free(copy);
}

static void tell_state(struct told *told, const struct fvp_view *volume)
{
	char effective[sizeof(told->effective)], *text;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		abort();
	fvp_note_state(to, volume);
	fclose(to);
	fvp_status_word(volume->status, "effective", effective, sizeof(effective));
	tell_new_lines(text, told->state);
	if (strcmp(effective, told->effective) && told->effective[0])
		fvpd_log(LOG_INFO, "%s: is in %s now", told->name, effective);
	if (told->state[0] && !text[0])
		fvpd_log(LOG_NOTICE, "%s: mode and replicas are as they were asked for again",
			 told->name);
	free(told->state);
	told->state = text;
	strcpy(told->effective, effective);
}

static void tell_dirty(struct fvpd *fvpd, struct told *told, const struct fvp_view *volume)
{
	uint64_t age_ms = fvp_status_number(volume->status, "dirty_age_ms");
	uint64_t bytes = fvp_status_number(volume->status, "dirty_sectors") * 512;
	uint64_t limit_s = fvpd->config.dirty_age_s;
	bool old = limit_s && bytes && age_ms >= limit_s * 1000;

	if (old && !told->dirty_old)
		fvpd_log(LOG_WARNING,
			 "%s: %s are dirty, the oldest for %s: should the flash be lost, the "
			 "origin is that much older than the guest believes. To have it written: "
			 "fvp volume flush %s --wait",
			 told->name, fvp_size_text(bytes), fvp_time_text(age_ms), told->name);
	else if (!old && told->dirty_old)
		fvpd_log(LOG_NOTICE, "%s: nothing is dirty for that long any more", told->name);
	told->dirty_old = old;
}

static void tell_volume(struct fvpd *fvpd, const struct fvp_view *volume)
{
	struct told *told = told_get(volume->dev.name, false);
	uint64_t lost = fvp_status_number(volume->status, "lost_sectors");
	bool failing = fvp_origin_failing(volume);

	/* The kernel gives none while a table changes. */
	if (!volume->status[0])
		return;
	tell_state(told, volume);
	tell_dirty(fvpd, told, volume);
	if (failing != told->failing)
		fvpd_log(failing ? LOG_ERR : LOG_NOTICE, "%s: its origin %s", told->name,
			 failing ? "fails writes: destaging tries again (dmesg has the errors)"
				 : "takes writes again");
	if (lost > told->lost_sectors)
		fvpd_log(LOG_CRIT,
			 "%s: %s of acknowledged writes are LOST: flash does not give them back. "
			 "fvp volume forget %s lists them",
			 told->name, fvp_size_text(lost * 512), told->name);
	told->failing = failing;
	told->lost_sectors = lost;
}

static void tell_pool(const struct fvp_view *pool)
{
	struct told *told = told_get(pool->dev.name, true);
	uint64_t waiting = fvp_status_number(pool->status, "waiting");
	char health[16];
	bool failing;

	if (!pool->status[0])
		return;
	fvp_status_word(pool->status, "health", health, sizeof(health));
	failing = !strcmp(health, "failed");
	if (failing && !told->failing)
		fvpd_log(LOG_CRIT,
			 "pool %s: its flash has failed: volumes are served by their origins. See "
			 "fvp doctor",
			 told->name);
	if (waiting > told->waiting)
		fvpd_log(LOG_ERR,
			 "pool %s: %llu volume%s with %s of acknowledged writes wait%s for an "
			 "origin that is not attached: nobody may use it. fvp status says which",
			 told->name, (unsigned long long)waiting, waiting > 1 ? "s" : "",
			 fvp_size_text(fvp_status_number(pool->status, "waiting_sectors") * 512),
			 waiting > 1 ? "" : "s");
	told->failing = failing;
	told->waiting = waiting;
}

void fvpd_tell_look(struct fvpd *fvpd, const struct fvp_views *pools,
		    const struct fvp_views *volumes)
{
	for (struct told *told = list; told; told = told->next)
		told->known = false;
	for (unsigned int i = 0; i < pools->count; i++)
		tell_pool(&pools->view[i]);
	for (unsigned int i = 0; i < volumes->count; i++)
		tell_volume(fvpd, &volumes->view[i]);
	forget(false);
}

void fvpd_tell_end(void)
{
	forget(true);
}
