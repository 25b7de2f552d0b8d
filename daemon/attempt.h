/* SPDX-License-Identifier: GPL-2.0 */
/* One attempt at a time to attach a volume again, in a child. */
#ifndef FVP_DAEMON_ATTEMPT_H
#define FVP_DAEMON_ATTEMPT_H

#include "fvpd.h"
#include "record.h"

/* said: what it printed, in one line; "" if it found nothing to do. */
typedef void (*fvpd_attempt_fn)(struct fvpd *fvpd, const char *uuid, bool attached,
				const char *said);

bool fvpd_attempt_runs(void);
/* None may run.  0, and later done is called; or -errno. */
int fvpd_attempt_begin(struct fvpd *fvpd, const char *uuid, fvpd_attempt_fn done);

#endif /* FVP_DAEMON_ATTEMPT_H */
