/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fvpd, the daemon: what its files share.
 *
 *	main.c		options, signals, one at a time, the loop
 *	log.c		lines with a priority, as journald reads them
 *	watch.c		hears that a device has changed: uevents, device-mapper's own events
 *	look.c		then looks at all pools and volumes, and so every while anyway
 *	reattach.c	volumes that lost their table to another program get it back
 *	attempt.c	one such attempt, in a process of its own
 *	http.c		serves /metrics, which metrics.c writes
 *	tell.c		what is not as it was asked for, once when it begins and when it ends
 *
 * One thread, one sd_event loop.  Nothing in it waits: what may take long (an attach) is done
 * by a child.  Whoever adds a service takes fvpd.event: sd_event_add_io() for a descriptor,
 * sd_event_add_time_relative() for a timer.  The tool's functions (tools/) are linked, and
 * print through fvp_error(), with a priority before each line.
 */
#ifndef FVP_DAEMON_H
#define FVP_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>
#include <systemd/sd-event.h>

#include "config.h"
#include "report.h"

struct fvpd {
	sd_event *event;
	struct fvp_config config;
	const char *config_path; /* NULL: the usual ones */
	int lock_fd; /* held by the one that runs */
};

/* ---- log.c ---- */

/* What is less urgent than this is not written.  Before: LOG_INFO. */
void fvpd_log_level(int level);
/* One line; names in it are shown so that a terminal obeys none.  LOG_ERR to LOG_DEBUG. */
void fvpd_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What fvp_error() and fvp_warn() write becomes lines of ours. */
void fvpd_log_begin(void);

/* ---- watch.c ---- */

/*
 * Calls fvpd_look_soon() when a block device changes or a device-mapper target has an event.
 * Returns 0, or -errno having said what is missing: then only the regular look is left.
 */
int fvpd_watch_begin(struct fvpd *fvpd);
void fvpd_watch_end(void);

/* ---- look.c ---- */

int fvpd_look_begin(struct fvpd *fvpd);
void fvpd_look_end(void);
/* A look in so many milliseconds, if none comes before. */
void fvpd_look_soon(struct fvpd *fvpd, uint64_t in_ms);

#endif /* FVP_DAEMON_H */
