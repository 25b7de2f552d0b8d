// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of the log.  Together with super.c the only place that touches __le
 * fields.  A block is accepted only with the pool's key (random: data that a
 * guest stores cannot pass for a block), its own position and a right checksum.
 */
#include "record.h"

static u32 block_crc(const void *mem, u32 bytes)
{
	static const u8 zero[4];
	const u32 at = offsetof(struct fvp_disk_block, crc);
	u32 crc = fvp_host_crc32c(~0u, mem, at);

	crc = fvp_host_crc32c(crc, zero, sizeof(zero));
	return fvp_host_crc32c(crc, mem + at + 4, bytes - at - 4);
}

/* Length and entry count against the kind and the segment. */
static bool block_fits(const struct fvp_media *media, const struct fvp_block *block)
{
	u32 seg = media->segment_sectors, b = media->block_sectors;

	switch (block->kind) {
	case FVP_BLOCK_SEGMENT:
		return !block->offset_sectors && block->len_sectors == seg && !block->entry_count;
	case FVP_BLOCK_RECORD:
		return block->header_sectors >= 1 && block->header_sectors <= b &&
		       block->offset_sectors >= b && block->offset_sectors < seg - b &&
		       !((block->offset_sectors + block->header_sectors) % b) &&
		       block->len_sectors >= block->header_sectors &&
		       /* The last block is the summary's. */
		       block->len_sectors <= seg - b - block->offset_sectors &&
		       block->entry_count >= 1 &&
		       block->entry_count <= FVP_RECORD_ENTRIES((u32)block->header_sectors);
	case FVP_BLOCK_SUMMARY:
		return block->offset_sectors == seg - b &&
		       block->entry_count <= seg * (FVP_SECTOR_BYTES / FVP_ENTRY_BYTES) &&
		       block->len_sectors == fvp_summary_sectors(media, block->entry_count) &&
		       block->len_sectors <= seg - b;
	default:
		return false;
	}
}

bool fvp_block_ours(const struct fvp_media *media, const void *mem)
{
	const struct fvp_disk_block *disk = mem;

	/* Not by the magic number: flash that was another pool's is full of those. */
	return le64_to_cpu(disk->pool_key) == media->key;
}

int fvp_block_decode(const struct fvp_media *media, const void *mem, enum fvp_block_kind kind,
		     u32 offset_sectors, struct fvp_block *block)
{
	const struct fvp_disk_block *disk = mem;

	if (le32_to_cpu(disk->magic) != FVP_BLOCK_MAGIC ||
	    le64_to_cpu(disk->pool_key) != media->key || disk->kind != kind ||
	    le32_to_cpu(disk->offset_sectors) != offset_sectors)
		return -ENODATA;
	block->kind = kind;
	block->header_sectors = disk->header_sectors;
	block->segment_gen = le64_to_cpu(disk->segment_gen);
	block->seq = le64_to_cpu(disk->seq);
	block->tail_gen = le64_to_cpu(disk->tail_gen);
	block->legset_gen = le32_to_cpu(disk->legset_gen);
	block->offset_sectors = offset_sectors;
	block->len_sectors = le32_to_cpu(disk->len_sectors);
	block->entry_count = le32_to_cpu(disk->entry_count);
	block->arg = le32_to_cpu(disk->arg);
	if (block->segment_gen >= FVP_GEN_END)
		return -EUCLEAN;
	/* First: what the checksum covers must lie in the segment. */
	if (!block_fits(media, block) || le16_to_cpu(disk->version) != FVP_FORMAT_VERSION ||
	    le32_to_cpu(disk->crc) != block_crc(mem, fvp_block_crc_bytes(kind, block->entry_count)))
		return -EUCLEAN;
	return 0;
}

int fvp_entry_decode(const struct fvp_disk_entry *disk, u32 from, u32 end, struct fvp_entry *entry)
{
	entry->lba = le64_to_cpu(disk->lba);
	entry->volume = le32_to_cpu(disk->volume);
	entry->len_sectors = le32_to_cpu(disk->len_sectors);
	entry->offset_sectors = le32_to_cpu(disk->offset_sectors);
	entry->crc = le32_to_cpu(disk->crc);
	entry->kind = le16_to_cpu(disk->kind);
	entry->flags = le16_to_cpu(disk->flags);
	entry->arg = le32_to_cpu(disk->arg);
	/* An entry without data has a place all the same: where its data would be. */
	if (entry->lba >= 1ULL << 55 || entry->offset_sectors > end)
		return -EUCLEAN;
	switch (entry->kind) {
	case FVP_ENTRY_VOID:
		return 0;
	case FVP_ENTRY_TOMBSTONE:
	case FVP_ENTRY_ZERO:
	case FVP_ENTRY_DISCARD:
		return entry->len_sectors ? 0 : -EUCLEAN;
	case FVP_ENTRY_SETTLED:
	case FVP_ENTRY_WATERMARK:
		return entry->len_sectors <= FVP_SEGMENT_SECTORS_MAX && entry->lba < FVP_GEN_END
			       ? 0
			       : -EUCLEAN;
	case FVP_ENTRY_DATA:
		if (!entry->len_sectors || entry->offset_sectors < from ||
		    entry->offset_sectors >= end ||
		    entry->len_sectors > end - entry->offset_sectors)
			return -EUCLEAN;
		return 0;
	default:
		/* A kind of a later format would come with an incompatible feature. */
		return -EUCLEAN;
	}
}

u32 fvp_summary_build(const struct fvp_media *media, void *ram, u32 entries, u64 gen, u64 seq,
		      u64 tail_gen)
{
	struct fvp_disk_entry *footer = fvp_ram_entry(media, ram, 0) + 1, *from, *low, *high;
	u32 seg = media->segment_sectors, count, room;
	struct fvp_block block = { .kind = FVP_BLOCK_SUMMARY };

	for (from = low = footer; entries; entries--) {
		from--;
		if (from->kind == cpu_to_le16(FVP_ENTRY_VOID))
			continue;
		low--;
		if (unlikely(low != from))
			*low = *from;
	}
	count = (u32)(footer - low);
	block.segment_gen = gen;
	block.seq = seq;
	block.tail_gen = tail_gen;
	block.offset_sectors = seg - media->block_sectors;
	block.len_sectors = fvp_summary_sectors(media, count);
	block.entry_count = count;
	room = (block.len_sectors - media->block_sectors) * (FVP_SECTOR_BYTES / FVP_ENTRY_BYTES);
	low = footer - room;
	/* By words: counted in instructions, bytes take eight times as many. */
	memset64((u64 *)low, 0, (size_t)(room - count) * (FVP_ENTRY_BYTES / sizeof(u64)));
	memset64((u64 *)footer, 0, fvp_block_bytes(media) / sizeof(u64));
	/* The first entry lies highest, what is left over lowest: the other way round. */
	for (high = footer - 1; low < high; low++, high--)
		swap(*low, *high);
	block.arg = fvp_host_crc32c(~0u, footer - room, count * FVP_ENTRY_BYTES);
	fvp_block_encode(media, &block, footer);
	return seg - block.len_sectors;
}
