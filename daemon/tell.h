/* SPDX-License-Identifier: GPL-2.0 */
/* Logs what is not as it was asked for: see tell.c. */
#ifndef FVP_DAEMON_TELL_H
#define FVP_DAEMON_TELL_H

#include "fvpd.h"

void fvpd_tell_look(struct fvpd *fvpd, const struct fvp_views *pools,
		    const struct fvp_views *volumes);
void fvpd_tell_end(void);

#endif /* FVP_DAEMON_TELL_H */
