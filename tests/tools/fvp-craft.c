// SPDX-License-Identifier: GPL-2.0
/*
 * Makes contents of flash devices that would take long to come about: for tests.
 *
 *	fvp-craft full FILE [SEGMENTS]
 *		a pool of one device, every segment in use, as a power cut leaves it.
 *		One volume, ACTIVE, cached from its start, in extents of 64 KiB; the
 *		data of sealed segments stays a hole: zeroes.  Prints key=value words.
 *	fvp-craft poke FILE a|b|ab OFFSET VALUE
 *		puts a little-endian 32-bit value into copies of the superblock, and
 *		makes their checksums right
 *
 * Encoding is core's own (core/super.c, core/record.c).
 */
#include "record.h" /* first: env.h gives the kernel's names */
#include "super.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define EXTENT_SECTORS 128u /* 64 KiB */
#define VOLUME_ID 1
#define POOL_KEY 0x1122334455667788ull
/* Records of the segment that was open at the power cut. */
#define OPEN_RECORDS 4u

static const u8 pool_uuid[16] = "fvp-craft: pool";
static const u8 device_uuid[16] = "fvp-craft: dev.";
static const u8 volume_uuid[16] = "fvp-craft: vol.";

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *zalloc(size_t bytes)
{
	void *mem = calloc(1, bytes);

	if (!mem)
		abort();
	return mem;
}

static void put(int fd, const void *mem, u32 len_sectors, u64 sector)
{
	size_t bytes = (size_t)len_sectors * FVP_SECTOR_BYTES;

	if (pwrite(fd, mem, bytes, (off_t)sector * FVP_SECTOR_BYTES) != (ssize_t)bytes)
		die("write");
}

static void print_uuid(const char *name, const u8 uuid[16])
{
	printf("%s=", name);
	for (int i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
	printf("\n");
}

static void put_segment_header(int fd, const struct fvp_media *media, u64 sector, u64 gen)
{
	struct fvp_block block = {
		.kind = FVP_BLOCK_SEGMENT,
		.segment_gen = gen,
		.tail_gen = 1,
		.len_sectors = media->segment_sectors,
	};
	void *mem = zalloc(fvp_block_bytes(media));

	fvp_block_encode(media, &block, mem);
	put(fd, mem, media->block_sectors, sector);
	free(mem);
}

/* A full segment: header and summary.  Returns how many extents it has. */
static u32 put_sealed(int fd, const struct fvp_media *media, u64 sector, u64 gen, u64 lba)
{
	u32 extents = media->segment_sectors / EXTENT_SECTORS - 2;
	u32 len = fvp_summary_sectors(media, extents);
	struct fvp_disk_entry *entries = zalloc((size_t)len * FVP_SECTOR_BYTES);
	struct fvp_block footer = {
		.kind = FVP_BLOCK_SUMMARY,
		.segment_gen = gen,
		.tail_gen = 1,
		.offset_sectors = media->segment_sectors - media->block_sectors,
		.len_sectors = len,
		.entry_count = extents,
	};

	put_segment_header(fd, media, sector, gen);
	for (u32 i = 0; i < extents; i++) {
		struct fvp_entry entry = {
			.lba = lba + (u64)i * EXTENT_SECTORS,
			.volume = VOLUME_ID,
			.len_sectors = EXTENT_SECTORS,
			.offset_sectors = 2 * media->block_sectors + i * EXTENT_SECTORS,
			.kind = FVP_ENTRY_DATA,
		};
		fvp_entry_encode(&entry, &entries[i]);
	}
	footer.arg = crc32c(~0u, entries, extents * FVP_ENTRY_BYTES);
	fvp_block_encode(media, &footer,
			 (void *)entries + (size_t)(len - media->block_sectors) * 512);
	put(fd, entries, len, sector + media->segment_sectors - len);
	free(entries);
	return extents;
}

/* The segment that was open: records with data, no summary.  Returns its extents. */
static u32 put_open(int fd, const struct fvp_media *media, u64 sector, u64 gen, u64 lba)
{
	u32 len = media->block_sectors + EXTENT_SECTORS, at = media->block_sectors;

	put_segment_header(fd, media, sector, gen);
	for (u32 i = 0; i < OPEN_RECORDS; i++, at += len) {
		struct fvp_disk_block *record = zalloc((size_t)len * FVP_SECTOR_BYTES);
		void *data = (void *)record + fvp_block_bytes(media);
		struct fvp_entry entry = {
			.lba = lba + (u64)i * EXTENT_SECTORS,
			.volume = VOLUME_ID,
			.len_sectors = EXTENT_SECTORS,
			.offset_sectors = at + media->block_sectors,
			.crc = fvp_data_crc(data, EXTENT_SECTORS),
			.kind = FVP_ENTRY_DATA,
		};
		struct fvp_block block = {
			.kind = FVP_BLOCK_RECORD,
			.header_sectors = (u8)media->block_sectors,
			.segment_gen = gen,
			.seq = i + 1,
			.tail_gen = 1,
			.offset_sectors = at,
			.len_sectors = len,
			.entry_count = 1,
		};

		fvp_entry_encode(&entry, record->entries);
		fvp_block_encode(media, &block, record);
		put(fd, record, len, sector + at);
		free(record);
	}
	return OPEN_RECORDS;
}

static void put_super(int fd, struct fvp_super *super, u64 lba)
{
	u32 bytes = fvp_super_bytes(1, 0);
	void *mem = zalloc(bytes);

	memcpy(super->pool_uuid, pool_uuid, 16);
	memcpy(super->device_uuid, device_uuid, 16);
	memcpy(super->members[0], device_uuid, 16);
	memcpy(super->volumes[0].uuid, volume_uuid, 16);
	super->generation = 1;
	super->tail_gen = 1;
	super->device_count = 1;
	super->next_volume_id = VOLUME_ID + 1;
	super->volume_count = 1;
	super->volumes[0].id = VOLUME_ID;
	super->volumes[0].state = FVP_VOLUME_ACTIVE;
	super->volumes[0].size_sectors = lba;
	super->volumes[0].mode = 3;
	fvp_super_encode(super, mem);
	for (u32 copy = 0; copy < 2; copy++)
		put(fd, mem, bytes / FVP_SECTOR_BYTES,
		    fvp_super_copy_sector(super->device_sectors, copy));
	free(mem);
}

/* count: so many of its segments, or 0 for all. */
static int full(int fd, u64 device_sectors, u32 count)
{
	struct fvp_super *super = zalloc(sizeof(*super));
	struct fvp_media media;
	u64 extents = 0, sector, lba;
	u32 i;

	if (fvp_super_layout(super, device_sectors, 0)) {
		fprintf(stderr, "fvp-craft: the device is too small\n");
		return 1;
	}
	if (!count || count > super->segment_count)
		count = super->segment_count;
	super->block_sectors = FVP_BLOCK_SECTORS_MAX;
	super->pool_key = POOL_KEY;
	media.key = POOL_KEY;
	media.block_sectors = super->block_sectors;
	media.segment_sectors = super->segment_sectors;
	for (i = 0; i < count; i++) {
		sector = super->first_segment_sector + (u64)i * super->segment_sectors;
		lba = extents * EXTENT_SECTORS;
		extents += (i + 1 < count ? put_sealed : put_open)(fd, &media, sector, i + 1, lba);
	}
	put_super(fd, super, extents * EXTENT_SECTORS);
	print_uuid("pool_uuid", pool_uuid);
	print_uuid("volume_uuid", volume_uuid);
	printf("segments=%u\nextents=%llu\nvolume_bytes=%llu\n", super->segment_count, extents,
	       extents * EXTENT_SECTORS * FVP_SECTOR_BYTES);
	free(super);
	return 0;
}

static u32 super_crc(const u8 *mem)
{
	static const u8 zero[4];
	const u32 at = offsetof(struct fvp_disk_super, crc);
	u32 crc = crc32c(crc32c(~0u, mem, at), zero, 4);

	return crc32c(crc, mem + at + 4, FVP_SUPER_BYTES - at - 4);
}

static int poke(int fd, u64 device_sectors, char **argv)
{
	u32 offset = (u32)strtoul(argv[4], NULL, 0);
	__le32 value = cpu_to_le32((u32)strtoul(argv[5], NULL, 0));

	if (offset > FVP_SUPER_BYTES - sizeof(value))
		return 2;
	for (u32 copy = 0; copy < 2; copy++) {
		struct fvp_disk_super super;
		u64 sector = fvp_super_copy_sector(device_sectors, copy);

		if (!strchr(argv[3], copy ? 'b' : 'a'))
			continue;
		if (pread(fd, &super, sizeof(super), (off_t)sector * FVP_SECTOR_BYTES) !=
		    sizeof(super))
			die("read");
		memcpy((u8 *)&super + offset, &value, sizeof(value));
		super.crc = cpu_to_le32(super_crc((u8 *)&super));
		put(fd, &super, FVP_SUPER_BYTES / FVP_SECTOR_BYTES, sector);
	}
	return fsync(fd) ? 1 : 0;
}

int main(int argc, char **argv)
{
	off_t end;
	int fd;

	if (argc < 3)
		goto usage;
	fd = open(argv[2], O_RDWR | O_CLOEXEC);
	end = lseek(fd, 0, SEEK_END);
	if (fd < 0 || end < 0)
		die(argv[2]);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "full"))
		return full(fd, (u64)end / FVP_SECTOR_BYTES,
			    argc == 4 ? (u32)strtoul(argv[3], NULL, 0) : 0);
	if (argc == 6 && !strcmp(argv[1], "poke"))
		return poke(fd, (u64)end / FVP_SECTOR_BYTES, argv);
usage:
	fprintf(stderr, "usage: fvp-craft full FILE [SEGMENTS] | poke FILE a|b|ab OFFSET VALUE\n");
	return 2;
}
