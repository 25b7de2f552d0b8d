// SPDX-License-Identifier: GPL-2.0
/*
 * A failed dm ioctl returns an errno; what was wrong stands in the kernel log
 * alone.  /dev/kmsg gives one record a read; a reader that was overtaken gets
 * EPIPE and goes on with the oldest record there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"

#define KMSG_RECORD_BYTES 8192

static int kmsg_fd = -1;

void fvp_kmsg_mark(void)
{
	if (kmsg_fd < 0)
		kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_fd >= 0)
		lseek(kmsg_fd, 0, SEEK_END);
}

/* Where a message starts to be worth showing, and how much it is worth. */
static const char *worth(const char *message, int *rank)
{
	const char *fvp = strstr(message, "fvp: ");

	if (!fvp)
		fvp = strstr(message, "fvp-pool: ");
	if (fvp) {
		*rank = 2;
		return strchr(fvp, ':') + 2;
	}
	if (!strncmp(message, "device-mapper: ", 15)) {
		*rank = 1;
		return message + 15;
	}
	*rank = 0;
	return NULL;
}

bool fvp_kmsg_since_mark(char *text, size_t text_bytes)
{
	char record[KMSG_RECORD_BYTES];
	int best = 0;

	if (kmsg_fd < 0)
		return false;
	for (;;) {
		ssize_t bytes = read(kmsg_fd, record, sizeof(record) - 1);
		const char *from;
		char *message;
		int rank;

		if (bytes < 0 && errno == EPIPE)
			continue;
		if (bytes <= 0)
			break;
		record[bytes] = '\0';
		/* "priority,sequence,time,flags;message\n KEY=value\n" */
		message = strchr(record, ';');
		if (!message)
			continue;
		message++;
		message[strcspn(message, "\n")] = '\0';
		from = worth(message, &rank);
		if (!rank || rank < best)
			continue;
		best = rank;
		snprintf(text, text_bytes, "%s", from);
	}
	return best > 0;
}
