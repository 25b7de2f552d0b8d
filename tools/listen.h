/* SPDX-License-Identifier: GPL-2.0 */
/* Where fvpd serves HTTP: the setting listen of fvp.conf(5), taken apart. */
#ifndef FVP_TOOL_LISTEN_H
#define FVP_TOOL_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

struct fvp_listen {
	bool none;
	bool local; /* a Unix socket, or an address of this host alone */
	struct sockaddr_storage address;
	socklen_t address_bytes;
};

/* none, unix:PATH, ADDRESS:PORT or [ADDRESS]:PORT; numeric.  False: none of these. */
bool fvp_listen_parse(const char *text, struct fvp_listen *listen);

#endif /* FVP_TOOL_LISTEN_H */
