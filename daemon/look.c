// SPDX-License-Identifier: GPL-2.0
/*
 * One look at all pools and volumes: when something has changed, and every check_interval, as
 * an event may be missed and the age of dirty data makes none.
 */
#include <stdio.h>
#include <string.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "fvpd.h"
#include "reattach.h"
#include "tell.h"

static sd_event_source *timer;
static uint64_t next_us; /* monotonic: when it is due */

static void schedule(struct fvpd *fvpd, uint64_t at_us)
{
	next_us = at_us;
	sd_event_source_set_time(timer, at_us);
	sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void look(struct fvpd *fvpd)
{
	struct fvp_views pools, volumes = { 0 };

	if (!fvp_views_load(FVP_TARGET_POOL, &pools) &&
	    !fvp_views_load(FVP_TARGET_VOLUME, &volumes)) {
		fvpd_tell_look(fvpd, &pools, &volumes);
		fvpd_reattach_look(fvpd, &pools, &volumes);
		fvpd_log(LOG_DEBUG, "looked at %u pools and %u volumes", pools.count,
			 volumes.count);
	}
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
}

static int on_timer(sd_event_source *source, uint64_t us, void *arg)
{
	struct fvpd *fvpd = arg;
	uint64_t now_us;

	sd_event_now(fvpd->event, CLOCK_MONOTONIC, &now_us);
	schedule(fvpd, now_us + fvpd->config.check_interval_s * 1000000ull);
	look(fvpd);
	return 0;
}

void fvpd_look_soon(struct fvpd *fvpd, uint64_t in_ms)
{
	uint64_t now_us;

	sd_event_now(fvpd->event, CLOCK_MONOTONIC, &now_us);
	if (now_us + in_ms * 1000 < next_us)
		schedule(fvpd, now_us + in_ms * 1000);
}

int fvpd_look_begin(struct fvpd *fvpd)
{
	uint64_t now_us;
	int err = sd_event_now(fvpd->event, CLOCK_MONOTONIC, &now_us);

	if (err >= 0)
		err = sd_event_add_time(fvpd->event, &timer, CLOCK_MONOTONIC, now_us, 10000,
					on_timer, fvpd);
	next_us = now_us;
	return err;
}

void fvpd_look_end(void)
{
	timer = sd_event_source_unref(timer);
	fvpd_reattach_end();
	fvpd_tell_end();
}
