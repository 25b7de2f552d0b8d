/* SPDX-License-Identifier: GPL-2.0 */
/* A number and nothing else: a sign +, digits, a newline at the end. */
#ifndef SHIM_LINUX_KSTRTOX_H
#define SHIM_LINUX_KSTRTOX_H

#include "env.h"

static inline int kstrtouint(const char *text, unsigned int base, unsigned int *out)
{
	u64 number = 0;

	if (base != 10)
		shim_die("kstrtouint() of base %u", base);
	text += *text == '+';
	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		number = number * 10 + (u64)(*text - '0');
		if (number > U32_MAX)
			return -ERANGE;
	}
	text += *text == '\n';
	if (*text)
		return -EINVAL;
	*out = (unsigned int)number;
	return 0;
}

#endif /* SHIM_LINUX_KSTRTOX_H */
