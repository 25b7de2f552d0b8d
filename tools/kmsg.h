/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own words on what it refused. */
#ifndef FVP_TOOL_KMSG_H
#define FVP_TOOL_KMSG_H

#include <stdbool.h>
#include <stddef.h>

/* Remembers the end of the kernel log. */
void fvp_kmsg_mark(void);

/* The last thing the module (or else device-mapper) has said since the mark. */
bool fvp_kmsg_since_mark(char *text, size_t text_bytes);

#endif /* FVP_TOOL_KMSG_H */
