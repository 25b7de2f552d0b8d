/* SPDX-License-Identifier: GPL-2.0 */
/* Not part of env.h: the tools have libuuid's type of the same name. */
#ifndef SHIM_LINUX_UUID_H
#define SHIM_LINUX_UUID_H

#include <stdlib.h>
#include <linux/ctype.h>

#include "env.h"

#define UUID_SIZE 16
#define UUID_STRING_LEN 36

typedef struct {
	u8 b[UUID_SIZE];
} uuid_t;

static inline bool uuid_equal(const uuid_t *a, const uuid_t *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* What follows the text is not looked at. */
static inline int uuid_parse(const char *text, uuid_t *uuid)
{
	char digits[3] = { 0 };
	u32 at = 0;

	for (u32 i = 0; i < UUID_STRING_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
	}
	for (u32 i = 0; i < UUID_SIZE; i++) {
		at += text[at] == '-';
		digits[0] = text[at++];
		digits[1] = text[at++];
		uuid->b[i] = (u8)strtoul(digits, NULL, 16);
	}
	return 0;
}

#endif /* SHIM_LINUX_UUID_H */
