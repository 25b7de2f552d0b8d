// SPDX-License-Identifier: GPL-2.0
/* Sizes, times, names, modes and orders in words. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"
#include "fvp_uapi.h"

bool fvp_size_parse(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	char *end;
	unsigned long long number;
	const char *unit;
	unsigned int shift = 0;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || !number)
		return false;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || (end[1] && strcasecmp(end + 1, "iB")))
			return false;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (number > UINT64_MAX >> shift)
		return false;
	*bytes = number << shift;
	return true;
}

bool fvp_number_parse(const char *text, unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value > max)
		return false;
	*number = (unsigned int)value;
	return true;
}

const char *fvp_size_text(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	static char buffers[4][32];
	static unsigned int next;
	char *text = buffers[next++ % 4];
	unsigned int unit = 0;
	double value = (double)bytes;

	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	/* A whole number is shown as one. */
	snprintf(text, sizeof(buffers[0]), value == (double)(uint64_t)value ? "%.0f %s" : "%.1f %s",
		 value, units[unit]);
	return text;
}

const char *fvp_time_text(uint64_t ms)
{
	static char buffers[4][32];
	static unsigned int next;
	char *text = buffers[next++ % 4];
	unsigned long long s = ms / 1000;

	if (ms < 10000)
		snprintf(text, sizeof(buffers[0]), "%.1f s", (double)ms / 1000);
	else if (s < 120)
		snprintf(text, sizeof(buffers[0]), "%llu s", s);
	else if (s < 7200)
		snprintf(text, sizeof(buffers[0]), "%llu min", s / 60);
	else
		snprintf(text, sizeof(buffers[0]), "%llu h %llu min", s / 3600, s / 60 % 60);
	return text;
}

bool fvp_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > 63 || !isalnum((unsigned char)name[0]))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._+:@-", *name))
			return false;
	return true;
}

int fvp_mode_parse(const char *text)
{
	static const struct {
		const char *name;
		int mode;
	} modes[] = {
		{ FVP_MODE_NAME_PASS_THROUGH, FVP_MODE_PASS_THROUGH },
		{ FVP_MODE_NAME_READ_ONLY_CACHE, FVP_MODE_READ_ONLY_CACHE },
		{ FVP_MODE_NAME_WRITE_THROUGH, FVP_MODE_WRITE_THROUGH },
		{ FVP_MODE_NAME_WRITE_BACK, FVP_MODE_WRITE_BACK },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(text, modes[i].name))
			return modes[i].mode;
	return 0;
}

bool fvp_order_valid(const char *text)
{
	return !strcmp(text, FVP_ORDER_NAME_STRICT) || !strcmp(text, FVP_ORDER_NAME_RELAXED);
}
