/* SPDX-License-Identifier: GPL-2.0 */
/* The small HTTP server in fvpd: see http.c. */
#ifndef FVP_DAEMON_HTTP_H
#define FVP_DAEMON_HTTP_H

#include "fvpd.h"

/*
 * Serves as the configuration says, or not any more.  Called anew after a reload, it keeps the
 * server if nothing about it changed.  What cannot be is logged: fvpd goes on without.
 */
void fvpd_http_configure(struct fvpd *fvpd);
void fvpd_http_end(void);

#endif /* FVP_DAEMON_HTTP_H */
