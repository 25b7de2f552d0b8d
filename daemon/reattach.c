// SPDX-License-Identifier: GPL-2.0
/*
 * A volume under a running device ends when another program (LVM, dmsetup) gives the device
 * another table: the kernel drains it, as that program's suspend asks for, and the pool forgets
 * what it has cached.  From then on the device is written without the pool.  Here such volumes
 * are attached again, as they were, by their records (tools/record.h).
 *
 * Never with what was cached: it is forgotten once more before the attach (--cold), as nobody
 * knows what was written meanwhile.  What is still dirty, since the origin failed as the volume
 * was drained, makes the attach refuse: it is older than what was written since, or the only
 * copy, and only a person knows.  That a boot does not take it up either, the mark of a stale
 * volume sees to (fvp_host_stale_set()).
 *
 * A volume that has not been attached since the host booted is fvp host start's, which attaches
 * it warm; only what the pool knows nothing of any more is attached here.
 *
 * A device is touched when it has been left alone for a while, as whoever changed it may not be
 * done; and where it can be: not under a classic snapshot.  LVM makes the device a
 * snapshot-origin over a new device NAME-real.  A volume between the two would be another one in
 * LVM's eyes; one on top has a second door to NAME-real, which LVM could not remove in the end,
 * and a merge would change the origin below the cache.  So it goes on without flash until LVM
 * gives it a plain table again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "host.h"
#include "reattach.h"
#include "volume.h"

/* One that is lost again that soon makes the next attempt wait longer. */
#define SETTLED_US (60 * 1000000ull)

struct away {
	struct away *next;
	struct fvp_record record;
	bool known; /* in the list of this look */
	bool is_away;
	char table[1024]; /* of its device as it was last seen */
	uint64_t changed_us; /* when that became so */
	uint64_t attached_us; /* when an attempt last succeeded, 0: none did */
	uint64_t next_us; /* not before */
	unsigned int failures; /* in a row */
	uint64_t wait_s; /* after the last one */
	char said[1024]; /* last, about it */
};

static struct away *list;

/* Once, until it is something else. */
static void say(struct away *away, int priority, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!strcmp(text, away->said))
		return;
	strcpy(away->said, text);
	fvpd_log(priority, "%s: %s", away->record.name, text);
}

static struct away *away_find(const char *uuid)
{
	for (struct away *away = list; away; away = away->next)
		if (!strcmp(away->record.uuid, uuid))
			return away;
	return NULL;
}

static struct away *away_get(const struct fvp_record *record)
{
	struct away *away = away_find(record->uuid);

	if (!away) {
		away = calloc(1, sizeof(*away));
		if (!away)
			abort();
		away->next = list;
		list = away;
	}
	away->record = *record;
	away->known = true;
	return away;
}

static void unknown_free(void)
{
	struct away **at = &list;

	while (*at) {
		struct away *away = *at;

		if (away->known) {
			at = &away->next;
			continue;
		}
		*at = away->next;
		free(away);
	}
}

/* ---- attached ones ---- */

static void note_attached(struct fvpd *fvpd, const struct fvp_view *volume)
{
	struct fvp_record now, before;

	if (!fvp_record_make(volume, &now))
		return;
	if (fvp_record_load(now.uuid, &before) && fvp_record_same(&before, &now))
		return;
	/* Whoever changes it right now will record it. */
	if (!fvp_record_note_now(volume->dev.name))
		fvpd_look_soon(fvpd, 1000);
}

/* ---- those that are not ---- */

static uint64_t wait_s(const struct fvpd *fvpd, unsigned int failures)
{
	uint64_t s = fvpd->config.retry_first_s;

	while (--failures && s < fvpd->config.retry_max_s)
		s *= 2;
	return s < fvpd->config.retry_max_s ? s : fvpd->config.retry_max_s;
}

/* Not again before a while; *grows: it is longer than the last one. */
static bool back_off(struct fvpd *fvpd, struct away *away, uint64_t now_us)
{
	uint64_t before = away->wait_s;

	away->wait_s = wait_s(fvpd, ++away->failures);
	away->next_us = now_us + away->wait_s * 1000000;
	return away->wait_s > before;
}

static void done(struct fvpd *fvpd, const char *uuid, bool attached, const char *said)
{
	struct away *away = away_find(uuid);
	uint64_t now_us;
	bool grows;

	fvpd_look_soon(fvpd, 0);
	if (!away)
		return;
	sd_event_now(fvpd->event, CLOCK_MONOTONIC, &now_us);
	if (attached) {
		away->is_away = false;
		if (!said[0])
			return;
		away->attached_us = now_us;
		fvpd_log(LOG_NOTICE, "%s: attached again: %s", away->record.name, said);
		return;
	}
	grows = back_off(fvpd, away, now_us);
	if (!strcmp(away->said, said) && !grows)
		return;
	snprintf(away->said, sizeof(away->said), "%s", said);
	fvpd_log(LOG_ERR, "%s: cannot be attached again (attempt %u, the next in %llu s): %s",
		 away->record.name, away->failures, (unsigned long long)away->wait_s,
		 said[0] ? said : "it does not say why");
}

/* What the device is now, in one line. */
static void table_text(const struct fvp_dm_device *dev, char *text, size_t text_bytes)
{
	int used = snprintf(text, text_bytes, "%u:%u %d %d", dev->major, dev->minor, dev->suspended,
			    dev->inactive_table);

	for (unsigned int i = 0; i < dev->table.count && (size_t)used < text_bytes; i++)
		used += snprintf(text + used, text_bytes - (size_t)used, " %llu %llu %s %s",
				 (unsigned long long)dev->table.target[i].start,
				 (unsigned long long)dev->table.target[i].len_sectors,
				 dev->table.target[i].type, dev->table.target[i].params);
}

/* First seen away, or with another table than before. */
static void changed(struct fvpd *fvpd, struct away *away, uint64_t now_us)
{
	bool flaps = !away->is_away && away->attached_us && now_us - away->attached_us < SETTLED_US;

	away->changed_us = now_us;
	if (away->is_away) {
		uint64_t at_us = now_us + fvpd->config.retry_first_s * 1000000ull;

		/* Somebody is at it: what stood in the way may be gone. */
		if (away->next_us > at_us)
			away->next_us = at_us;
		return;
	}
	away->is_away = true;
	away->said[0] = '\0';
	if (flaps) {
		back_off(fvpd, away, now_us);
	} else {
		away->failures = 0;
		away->wait_s = 0;
		away->next_us = 0;
	}
	fvpd_log(LOG_WARNING,
		 "%s: another program has replaced its table, which ended volume %s: it goes on "
		 "without flash%s",
		 away->record.name, away->record.uuid,
		 flaps ? ", for longer, as it was attached again just now" : "");
	fvp_host_stale_set(away->record.uuid);
}

/* Not attached since the host booted: it may be warm yet, so its origin is not called stale. */
static void never_came(struct away *away, uint64_t now_us)
{
	away->is_away = true;
	away->changed_us = now_us;
	fvpd_log(LOG_WARNING, "%s: volume %s was attached before the host booted, and is not now",
		 away->record.name, away->record.uuid);
}

static bool pool_is_active(const struct fvp_views *pools, const char *uuid)
{
	struct fvp_pool_table table;

	for (unsigned int i = 0; i < pools->count; i++) {
		fvp_pool_table_parse(&pools->view[i].dev, &table);
		if (!strcmp(table.uuid, uuid))
			return true;
	}
	return false;
}

/* May it be attached again?  Says why not. */
static bool may(struct fvpd *fvpd, struct away *away, const struct fvp_dm_device *dev,
		const struct fvp_views *pools)
{
	char why[128];

	if (!fvpd->config.reattach) {
		say(away, LOG_NOTICE, "is not attached again: that is switched off");
		return false;
	}
	if (fvp_config_excludes(&fvpd->config, away->record.name, away->record.uuid)) {
		say(away, LOG_NOTICE, "is not attached again: it is excluded");
		return false;
	}
	if (!pool_is_active(pools, away->record.pool_uuid)) {
		say(away, LOG_WARNING, "is attached again when its pool %s is active",
		    away->record.pool_uuid);
		return false;
	}
	if (!dev->table.count || dev->suspended || dev->inactive_table)
		return false;
	if (!fvp_attach_live_possible(dev, why, sizeof(why))) {
		say(away, LOG_NOTICE, "%s: it is attached again when that has ended", why);
		return false;
	}
	return true;
}

static void look_at(struct fvpd *fvpd, struct away *away, const struct fvp_dm_device *dev,
		    const struct fvp_views *pools)
{
	uint64_t now_us, at_us;
	char table[sizeof(away->table)];
	int err;

	sd_event_now(fvpd->event, CLOCK_MONOTONIC, &now_us);
	table_text(dev, table, sizeof(table));
	if (!away->is_away && !fvp_record_of_this_boot(&away->record))
		never_came(away, now_us);
	else if (!away->is_away || strcmp(table, away->table))
		changed(fvpd, away, now_us);
	strcpy(away->table, table);
	if (!may(fvpd, away, dev, pools))
		return;
	at_us = away->changed_us + fvpd->config.delay_s * 1000000ull;
	if (at_us < away->next_us)
		at_us = away->next_us;
	if (now_us < at_us) {
		fvpd_look_soon(fvpd, (at_us - now_us) / 1000 + 1);
		return;
	}
	/* The end of the one that runs makes a look. */
	if (fvpd_attempt_runs())
		return;
	err = fvpd_attempt_begin(fvpd, away->record.uuid, done);
	if (err < 0)
		done(fvpd, away->record.uuid, false, strerror(-err));
}

static void look_for(struct fvpd *fvpd, struct away *away, const struct fvp_views *pools)
{
	struct fvp_dm_device dev;
	int ret = fvp_dm_read(away->record.name, FVP_DM_TABLE, &dev);

	if (ret == FVP_ABSENT)
		say(away, LOG_INFO, "its device is gone: it is attached again if it comes back");
	if (ret)
		return;
	if (strcmp(dev.uuid, away->record.dm_uuid)) {
		if (fvp_record_trylock(away->record.uuid)) {
			fvpd_log(LOG_NOTICE,
				 "%s: the device of this name is another one now: volume %s is "
				 "attached no more",
				 away->record.name, away->record.uuid);
			fvp_record_drop(away->record.uuid);
			fvp_record_unlock();
		}
	} else if (!fvp_dm_is(&dev, FVP_TARGET_VOLUME)) {
		look_at(fvpd, away, &dev, pools);
	}
	fvp_dm_free(&dev);
}

void fvpd_reattach_look(struct fvpd *fvpd, const struct fvp_views *pools,
			const struct fvp_views *volumes)
{
	struct fvp_record *records;
	unsigned int count;

	for (unsigned int i = 0; i < volumes->count; i++)
		note_attached(fvpd, &volumes->view[i]);
	for (struct away *away = list; away; away = away->next)
		away->known = false;
	fvp_records_load(&records, &count);
	for (unsigned int i = 0; i < count; i++) {
		struct away *away = away_get(&records[i]);

		if (fvp_host_attached(volumes, records[i].uuid))
			away->is_away = false;
		else
			look_for(fvpd, away, pools);
	}
	free(records);
	unknown_free();
}

void fvpd_reattach_end(void)
{
	for (struct away *away = list; away; away = away->next)
		away->known = false;
	unknown_free();
}
