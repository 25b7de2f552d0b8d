/* SPDX-License-Identifier: GPL-2.0 */
/* Volumes that lost their table to another program get it back: see reattach.c. */
#ifndef FVP_DAEMON_REATTACH_H
#define FVP_DAEMON_REATTACH_H

#include "fvpd.h"

/* Records what is attached, and begins to attach again what no longer is. */
void fvpd_reattach_look(struct fvpd *fvpd, const struct fvp_views *pools,
			const struct fvp_views *volumes);
void fvpd_reattach_end(void);

#endif /* FVP_DAEMON_REATTACH_H */
