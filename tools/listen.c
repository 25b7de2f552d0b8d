// SPDX-License-Identifier: GPL-2.0
/* See listen.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "fvp.h"
#include "listen.h"

static bool unix_parse(const char *path, struct fvp_listen *listen)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&listen->address;

	if (path[0] != '/' || strlen(path) >= sizeof(un->sun_path))
		return false;
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	listen->address_bytes = sizeof(*un);
	listen->local = true;
	return true;
}

static bool inet_parse(const char *host, unsigned int port, struct fvp_listen *listen)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&listen->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&listen->address;

	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((in_port_t)port);
		listen->address_bytes = sizeof(*in);
		listen->local = ntohl(in->sin_addr.s_addr) >> 24 == 127;
		return true;
	}
	memset(&listen->address, 0, sizeof(listen->address));
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((in_port_t)port);
	listen->address_bytes = sizeof(*in6);
	listen->local = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return true;
}

bool fvp_listen_parse(const char *text, struct fvp_listen *listen)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	unsigned int port;
	int len;

	memset(listen, 0, sizeof(*listen));
	if (!strcmp(text, "none")) {
		listen->none = listen->local = true;
		return true;
	}
	if (!strncmp(text, "unix:", 5))
		return unix_parse(text + 5, listen);
	if (!colon || !fvp_number_parse(colon + 1, 65535, &port) || !port)
		return false;
	len = (int)(colon - text);
	if (text[0] == '[' && len > 2 && colon[-1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', (size_t)len)) {
		/* Where the address ends and the port begins has to be said. */
		return false;
	}
	if (len >= (int)sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", len, text);
	return inet_parse(host, port, listen);
}
