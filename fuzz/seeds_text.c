// SPDX-License-Identifier: GPL-2.0
/* Texts to start from: what people, the tools and the module write. */
#include "seeds.h"

struct text {
	const char *name;
	u8 parser; /* which, of the target's: as a digit, so that a seed can be read */
	const char *text;
};

#define U1 "11111111-2222-3333-4444-555555555555"
#define U2 "a1b2c3d4-e5f6-4711-8899-aabbccddeeff"

static const struct text lines[] = {
	{ "pool", '0', U1 " 2 /dev/nvme0n1 259:1" },
	{ "pool-replicas", '0', U1 " 1 /dev/sdb 2 replica=/dev/sdc replica=8:16" },
	{ "pool-count", '0', U1 " 3 /dev/sdb" },
	{ "pool-option", '0', U1 " 1 /dev/sdb 1 mirror=/dev/sdc" },
	{ "volume", '1', "253:0 /dev/mapper/a\\ b " U2 " write-back" },
	{ "volume-options", '1',
	  "253:0 8:1 " U2 " write-through 2 name=vm-1.disk+0 order=relaxed" },
	{ "volume-name", '1', "p o " U2 " pass-through 1 name=a/b" },
	{ "volume-mode", '1', "p o " U2 " standby" },
	{ "wait-loaded", '2', "wait-loaded" },
	{ "replica-remove", '2', "replica-remove " U1 },
	{ "mode", '3', "mode read-only-cache" },
	{ "order", '3', "order strict" },
	{ "replicas", '3', "replicas 2 " U1 " " U2 },
	{ "replicas-none", '3', "replicas 0" },
	{ "flush", '3', "flush" },
	{ "forget-lost", '3', "forget-lost" },
	{ "drop", '3', "drop" },
};

static void put(const char *target, const struct text *text)
{
	char data[4096];
	int bytes = snprintf(data, sizeof(data), "%c%s", text->parser, text->text);

	seeds_write(target, text->name, data, (size_t)bytes);
}

void seeds_text(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++)
		put("lines", &lines[i]);
}
