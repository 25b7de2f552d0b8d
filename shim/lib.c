// SPDX-License-Identifier: GPL-2.0
/* Messages, death, small library functions.  Needs nothing else of the shim. */
#include <stdlib.h>

#include "env.h"

bool shim_quiet;
void (*shim_die_hook)(const char *what);
long shim_points_left = LONG_MAX;

/* Without a scheduler nobody else can run. */
static void preempt_nobody(void)
{
	shim_points_left = LONG_MAX;
}
void (*shim_preempt_hook)(void) = preempt_nobody;

void shim_die(const char *fmt, ...)
{
	static bool dying;
	char what[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	fflush(stdout);
	if (!dying && shim_die_hook) {
		dying = true;
		shim_die_hook(what);
	}
	fprintf(stderr, "%s\n", what);
	abort();
}

void shim_printk(const char *level, const char *fmt, ...)
{
	va_list args;

	if (shim_quiet)
		return;
	fprintf(stderr, "[%s] ", level);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
}

int scnprintf(char *buf, size_t len, const char *fmt, ...)
{
	va_list args;
	int n;

	if (!len)
		return 0;
	va_start(args, fmt);
	n = vsnprintf(buf, len, fmt, args);
	va_end(args);
	return n < (int)len ? n : (int)len - 1;
}

ssize_t strscpy(char *dst, const char *src, size_t len)
{
	size_t n = strnlen(src, len);

	if (!len)
		return -E2BIG;
	if (n == len) {
		memcpy(dst, src, len - 1);
		dst[len - 1] = 0;
		return -E2BIG;
	}
	memcpy(dst, src, n + 1);
	return (ssize_t)n;
}

void *memchr_inv(const void *p, int c, size_t len)
{
	const u8 *at = p;

	for (; len; at++, len--)
		if (*at != (u8)c)
			return (void *)at;
	return NULL;
}

void sort(void *base, size_t num, size_t width, int (*cmp)(const void *, const void *),
	  void (*swap_fn)(void *, void *, int))
{
	(void)swap_fn;
	if (num > 1)
		qsort(base, num, width, cmp);
}
