// SPDX-License-Identifier: GPL-2.0
/*
 * Writes the committed corpora: a few small valid inputs of each kind to start
 * from.  Usage: fuzz-seeds <corpus folder>.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "record.h"
#include "seeds.h"
#include "super.h"

static const char *root;

void seeds_write(const char *target, const char *name, const void *data, size_t bytes)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, target);
	mkdir(root, 0755);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", root, target, name);
	file = fopen(path, "wb");
	if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file)) {
		perror(path);
		exit(1);
	}
}

/* With the byte of options in front that these targets want. */
static void write_file(const char *target, const char *name, u8 options, const void *data,
		       size_t bytes)
{
	u8 *whole = malloc(bytes + 1);

	whole[0] = options;
	memcpy(whole + 1, data, bytes);
	seeds_write(target, name, whole, bytes + 1);
	free(whole);
}

static void seed_super(const char *name, u32 volumes, u32 block_sectors, u8 options)
{
	static struct fvp_super super;
	static u8 copy[65536];

	memset(&super, 0, sizeof(super));
	if (fvp_super_layout(&super, 1ull << 20, 2048))
		shim_die("layout");
	super.generation = 3;
	super.pool_key = 0x0123456789abcdefull;
	super.tail_gen = 2;
	super.device_count = 1;
	super.block_sectors = block_sectors;
	super.volume_count = volumes;
	super.next_volume_id = volumes + 1;
	for (u32 i = 0; i < volumes; i++) {
		super.volumes[i].id = i + 1;
		super.volumes[i].uuid[0] = (u8)(0x70 + i);
		super.volumes[i].state = 1;
		super.volumes[i].size_sectors = 4096;
		strcpy(super.volumes[i].name, "v");
	}
	fvp_super_encode(&super, copy);
	write_file("super", name, options, copy, fvp_super_bytes(volumes, 0));
}

static void seed_segment(const char *name, u32 block_sectors, u32 records, bool sealed, u8 options)
{
	static u8 seg[128 * FVP_SECTOR_BYTES];
	struct fvp_media media = { .key = 0x0123456789abcdefull,
				   .block_sectors = block_sectors,
				   .segment_sectors = 128 };
	struct fvp_block block = { .kind = FVP_BLOCK_SEGMENT,
				   .segment_gen = 5,
				   .len_sectors = 128 };
	u32 at = block_sectors;

	memset(seg, 0, sizeof(seg));
	fvp_block_encode(&media, &block, seg);
	for (u32 i = 0; i < records; i++) {
		u8 *mem = seg + at * FVP_SECTOR_BYTES;
		struct fvp_disk_block *disk = (void *)mem;
		struct fvp_entry data = { .lba = i * 8,
					  .volume = 1,
					  .len_sectors = block_sectors,
					  .offset_sectors = at + block_sectors,
					  .kind = FVP_ENTRY_DATA };
		struct fvp_entry tombstone = {
			.lba = 100, .volume = 1, .len_sectors = 8, .kind = FVP_ENTRY_TOMBSTONE
		};

		data.crc = fvp_data_crc(mem + fvp_block_bytes(&media), block_sectors);
		fvp_entry_encode(&data, &disk->entries[0]);
		fvp_entry_encode(&tombstone, &disk->entries[1]);
		block = (struct fvp_block){ .kind = FVP_BLOCK_RECORD,
					    .header_sectors = (u8)block_sectors,
					    .segment_gen = 5,
					    .seq = i + 1,
					    .offset_sectors = at,
					    .len_sectors = 2 * block_sectors,
					    .entry_count = 2 };
		fvp_block_encode(&media, &block, mem);
		*fvp_ram_entry(&media, seg, 2 * i) = disk->entries[0];
		*fvp_ram_entry(&media, seg, 2 * i + 1) = disk->entries[1];
		at += 2 * block_sectors;
	}
	if (sealed) {
		/* Short: the summary goes behind the records, the target puts it in place. */
		u32 start = fvp_summary_build(&media, seg, 2 * records, 5, 0, 1);
		u32 len = 128 - start;

		memmove(seg + at * FVP_SECTOR_BYTES, seg + start * FVP_SECTOR_BYTES,
			len * FVP_SECTOR_BYTES);
		at = max(at + len, 8u);
	}
	write_file("segment", name, options, seg, (size_t)at * FVP_SECTOR_BYTES);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: fuzz-seeds <corpus folder>\n");
		return 2;
	}
	root = argv[1];
	seed_super("empty", 0, 1, 0);
	seed_super("empty-fix", 0, 8, 1);
	seed_super("volumes", 3, 1, 0);
	seed_super("volumes-fix", 3, 8, 1);
	seed_segment("open", 1, 2, false, 0);
	seed_segment("open-fix", 1, 2, false, 2);
	seed_segment("open-4k-fix", 8, 1, false, 3);
	seed_segment("sealed-fix", 1, 2, true, 6);
	seed_segment("sealed", 1, 2, true, 4);
	seeds_image();
	seeds_text();
	return 0;
}
