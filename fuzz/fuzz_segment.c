// SPDX-License-Identifier: GPL-2.0
/*
 * A segment from hostile media: every sector is tried as a header, a
 * record and a summary, and every entry of what is accepted is decoded, as the
 * loader does.  Nothing may reach out of the segment.
 *
 * Input: one byte of options, then the segment's first bytes.  Option 1: 4096-byte
 * blocks.  Option 2: magic, key and checksum of blocks are made right.
 */
#include <stdlib.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

#define SEG_SECTORS 128u

static void check(bool ok, const char *what)
{
	if (!ok)
		shim_die("accepted: %s", what);
}

static void make_right(const struct fvp_media *media, u8 *at, u32 offset)
{
	struct fvp_disk_block *disk = (void *)at;
	u32 bytes = FVP_BLOCK_HEADER_BYTES;

	if (le32_to_cpu(disk->magic) != FVP_BLOCK_MAGIC)
		return;
	disk->version = cpu_to_le16(FVP_FORMAT_VERSION);
	disk->pool_key = cpu_to_le64(media->key);
	disk->offset_sectors = cpu_to_le32(offset);
	if (disk->kind == FVP_BLOCK_RECORD)
		bytes = fvp_header_bytes(min(le32_to_cpu(disk->entry_count), 126u));
	if (bytes > (SEG_SECTORS - offset) * FVP_SECTOR_BYTES)
		return;
	disk->crc = 0;
	disk->crc = cpu_to_le32(crc32c(~0u, at, bytes));
}

static u64 entries_read(const struct fvp_disk_entry *disk, u32 count, u32 from, u32 end,
			const u8 *seg)
{
	struct fvp_entry entry;
	u64 sum = 0;

	for (u32 i = 0; i < count; i++) {
		if (fvp_entry_decode(&disk[i], from, end, &entry))
			continue;
		check(entry.offset_sectors <= end, "a place outside the segment");
		if (entry.kind == FVP_ENTRY_DATA) {
			check(entry.len_sectors && entry.offset_sectors >= from &&
				      (u64)entry.offset_sectors + entry.len_sectors <= end,
			      "data out of its place");
			sum += fvp_data_crc(seg + (size_t)entry.offset_sectors * FVP_SECTOR_BYTES,
					    entry.len_sectors);
		}
	}
	return sum;
}

static void try_block(const struct fvp_media *media, const u8 *seg, u32 at)
{
	u32 b = media->block_sectors;
	const u8 *mem = seg + (size_t)at * FVP_SECTOR_BYTES;
	const struct fvp_disk_block *disk = (const void *)mem;
	struct fvp_block block;

	if (!fvp_block_decode(media, mem, FVP_BLOCK_SEGMENT, at, &block))
		check(!at, "a segment header inside a segment");
	if (!fvp_block_decode(media, mem, FVP_BLOCK_RECORD, at, &block)) {
		check(at + block.len_sectors <= SEG_SECTORS - media->block_sectors,
		      "a record over the segment's end");
		check(fvp_header_bytes(block.entry_count) <=
			      (u32)block.header_sectors * FVP_SECTOR_BYTES,
		      "entries over the header's end");
		entries_read(disk->entries, block.entry_count, at + block.header_sectors,
			     at + block.len_sectors, seg);
	}
	if (!fvp_block_decode(media, mem, FVP_BLOCK_SUMMARY, at, &block)) {
		u32 start = SEG_SECTORS - block.len_sectors;

		check(at == SEG_SECTORS - b && block.len_sectors < SEG_SECTORS,
		      "a summary's place");
		check(block.entry_count * FVP_ENTRY_BYTES <=
			      (block.len_sectors - b) * FVP_SECTOR_BYTES,
		      "entries over the summary's end");
		entries_read((const void *)(seg + (size_t)start * FVP_SECTOR_BYTES),
			     block.entry_count, b, start, seg);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	struct fvp_media media = { .key = 0x0123456789abcdefull, .segment_sectors = SEG_SECTORS };
	size_t seg_bytes = SEG_SECTORS * FVP_SECTOR_BYTES;
	u8 *seg;

	if (bytes < 1)
		return 0;
	media.block_sectors = data[0] & 1 ? 8 : 1;
	seg = calloc(1, seg_bytes);
	memcpy(seg, data + 1, min(bytes - 1, seg_bytes));
	/* A short input that ends in a summary footer: that belongs at the end. */
	if ((data[0] & 4) && bytes - 1 >= 4096 && bytes - 1 < seg_bytes - 4096)
		memcpy(seg + seg_bytes - 4096, data + bytes - 4096, 4096);
	for (u32 at = 0; at < SEG_SECTORS; at++) {
		if (data[0] & 2)
			make_right(&media, seg + (size_t)at * FVP_SECTOR_BYTES, at);
		/* Segment headers and summaries are looked for where they belong. */
		if (at % media.block_sectors && at > SEG_SECTORS - media.block_sectors)
			continue;
		try_block(&media, seg, at);
	}
	free(seg);
	return 0;
}
