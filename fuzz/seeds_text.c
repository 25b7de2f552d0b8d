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
	{ "scrub", '2', "scrub 64" },
	{ "replica-remove", '2', "replica-remove " U1 },
	{ "mode", '3', "mode read-only-cache" },
	{ "order", '3', "order strict" },
	{ "replicas", '3', "replicas 2 " U1 " " U2 },
	{ "replicas-none", '3', "replicas 0" },
	{ "flush", '3', "flush" },
	{ "forget-lost", '3', "forget-lost" },
	{ "drop", '3', "drop" },
};

/* '0' (48) is the fourth of five parsers. */
#define STATUS '2'
#define POOL_TABLE '3'
#define VOLUME_TABLE '4'
#define ARGUMENT '0'
#define RANGES '1'

static const struct text words[] = {
	{ "status-pool", STATUS,
	  "1 health=ok state=loaded uuid=" U1 " devices=2 block_sectors=1 segment_sectors=8192 "
	  "segments=1023 segments_free=9 dirty_sectors=4096 legset=7 replicas=2 "
	  "replica0=" U2 ",in,/dev/nvme1n1,1000,0,123456,87 replica3=" U1 ",out,-,0,3,0,0" },
	{ "status-volume", STATUS,
	  "1 requested=write-back effective=write-through state=loading id=3 keep=0 order=strict "
	  "draining=1 origin=failing dirty_sectors=18446744073709551615 dirty_age_ms=12000 "
	  "replica_mask=5 hit_ios=1" },
	{ "status-cut", STATUS, "1 health= =ok uuid" },
	{ "pool", POOL_TABLE, U1 " 2 259:0 259:1" },
	{ "pool-replicas", POOL_TABLE, U1 " 1 8:0 2 replica=8:16 replica=8:32" },
	{ "pool-many", POOL_TABLE,
	  U1 " 17 1:0 1:1 1:2 1:3 1:4 1:5 1:6 1:7 1:8 1:9 1:10 1:11 1:12" },
	{ "volume", VOLUME_TABLE, "253:0 8:1 " U2 " write-back 2 name=vm order=relaxed" },
	{ "volume-path", VOLUME_TABLE, "/dev/mapper/pool /dev/sdb " U2 " pass-through" },
	{ "size", ARGUMENT, "16MiB" },
	{ "size-large", ARGUMENT, "18446744073709551615" },
	{ "number", ARGUMENT, "3" },
	{ "name", ARGUMENT, "vm-1.disk+0@host:a" },
	{ "mode", ARGUMENT, "read-only-cache" },
	{ "order", ARGUMENT, "relaxed" },
	{ "ranges", RANGES, "sectors=24 100+8 200+16" },
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
	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		put("words", &words[i]);
}
