/* SPDX-License-Identifier: GPL-2.0 */
/* What Prometheus scrapes: the text of /metrics. */
#ifndef FVP_DAEMON_METRICS_H
#define FVP_DAEMON_METRICS_H

#include <stddef.h>

#include "sample.h"

/* Text that grows; free(text).  Zeroed to begin with. */
struct fvpd_text {
	char *text;
	size_t bytes, room;
};

/* Adds all of a sample in Prometheus' text format, version 0.0.4.  Touches nothing but memory. */
void fvpd_metrics(const struct fvp_sample *sample, struct fvpd_text *out);

#endif /* FVP_DAEMON_METRICS_H */
