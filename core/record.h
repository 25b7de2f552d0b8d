/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks of the log: segment headers, records, summaries.  Encoding, and
 * decoding with nothing trusted.  No I/O, no locks, any context.
 */
#ifndef FVP_RECORD_H
#define FVP_RECORD_H

#include "env.h"
#include "fvp_format.h"
#include "host.h"

/* What every block of a pool is checked against. */
struct fvp_media {
	u64 key;
	u32 block_sectors;
	u32 segment_sectors;
};

struct fvp_block {
	u8 kind;
	u8 header_sectors; /* record; else 0 */
	u32 arg; /* see fvp_disk_block */
	u64 segment_gen;
	u64 seq;
	u64 tail_gen;
	u32 legset_gen;
	u32 offset_sectors;
	u32 len_sectors;
	u32 entry_count;
};

struct fvp_entry {
	u64 lba;
	u32 volume;
	u32 len_sectors;
	u32 offset_sectors; /* in the segment */
	u32 crc;
	u16 kind;
	u16 flags;
	u32 arg;
};

static inline u32 fvp_block_bytes(const struct fvp_media *media)
{
	return media->block_sectors * FVP_SECTOR_BYTES;
}

/* crc32c as the format uses it, over data of any length. */
static inline u32 fvp_data_crc(const void *data, u32 len_sectors)
{
	return fvp_host_crc32c(~0u, data, len_sectors * FVP_SECTOR_BYTES);
}

/* Sectors of a summary of that many entries, footer included. */
static inline u32 fvp_summary_sectors(const struct fvp_media *media, u32 entries)
{
	return round_up(entries * FVP_ENTRY_BYTES, fvp_block_bytes(media)) / FVP_SECTOR_BYTES +
	       media->block_sectors;
}

/* Bytes of a header with its entries: what of its sectors counts. */
static inline u32 fvp_header_bytes(u32 entries)
{
	return FVP_BLOCK_HEADER_BYTES + entries * FVP_ENTRY_BYTES;
}

/* What the checksum of a header covers. */
static inline u32 fvp_block_crc_bytes(u8 kind, u32 entry_count)
{
	return kind == FVP_BLOCK_RECORD ? fvp_header_bytes(entry_count) : FVP_BLOCK_HEADER_BYTES;
}

/*
 * Writes the header into mem, and the checksum: entries of a record must be there
 * already.
 */
static inline void fvp_block_encode(const struct fvp_media *media, const struct fvp_block *block,
				    void *mem)
{
	struct fvp_disk_block *disk = mem;

	disk->magic = cpu_to_le32(FVP_BLOCK_MAGIC);
	disk->kind = block->kind;
	disk->header_sectors = block->header_sectors;
	disk->version = cpu_to_le16(FVP_FORMAT_VERSION);
	disk->arg = cpu_to_le32(block->arg);
	disk->pool_key = cpu_to_le64(media->key);
	disk->segment_gen = cpu_to_le64(block->segment_gen);
	disk->seq = cpu_to_le64(block->seq);
	disk->tail_gen = cpu_to_le64(block->tail_gen);
	disk->legset_gen = cpu_to_le32(block->legset_gen);
	disk->offset_sectors = cpu_to_le32(block->offset_sectors);
	disk->len_sectors = cpu_to_le32(block->len_sectors);
	disk->entry_count = cpu_to_le32(block->entry_count);
	disk->crc = 0;
	disk->crc = cpu_to_le32(
		fvp_host_crc32c(~0u, mem, fvp_block_crc_bytes(block->kind, block->entry_count)));
}

/* Does what may be a damaged header have the key of this pool?  mem: one sector. */
bool fvp_block_ours(const struct fvp_media *media, const void *mem);

/*
 * Verifies the header at mem, which was read at offset_sectors of a segment, and
 * decodes it.  mem reaches to the end of the segment, or holds one log block if no record
 * is looked for.  0; -ENODATA: no block of this pool and place; -EUCLEAN: one, but damaged.
 */
int fvp_block_decode(const struct fvp_media *media, const void *mem, enum fvp_block_kind kind,
		     u32 offset_sectors, struct fvp_block *block);

/* Inline: then the caller's entry is never made. */
static inline void fvp_entry_encode(const struct fvp_entry *entry, struct fvp_disk_entry *disk)
{
	_Static_assert(sizeof(*disk) == 32, "no field is left out");
	disk->lba = cpu_to_le64(entry->lba);
	disk->volume = cpu_to_le32(entry->volume);
	disk->len_sectors = cpu_to_le32(entry->len_sectors);
	disk->offset_sectors = cpu_to_le32(entry->offset_sectors);
	disk->crc = cpu_to_le32(entry->crc);
	disk->kind = cpu_to_le16(entry->kind);
	disk->flags = cpu_to_le16(entry->flags);
	disk->arg = cpu_to_le32(entry->arg);
}

/*
 * Decodes an entry whose data must lie in [from, end) of the segment; end itself must lie in
 * it.  0, or -EUCLEAN.
 */
int fvp_entry_decode(const struct fvp_disk_entry *disk, u32 from, u32 end, struct fvp_entry *entry);

/*
 * Where entry number n of a segment is kept while the segment is in ram: from the footer of its
 * summary to come downwards, so that there is no telling how many there will be.
 */
static inline struct fvp_disk_entry *fvp_ram_entry(const struct fvp_media *media, void *ram, u32 n)
{
	struct fvp_disk_entry *footer =
		ram + (size_t)(media->segment_sectors - media->block_sectors) * FVP_SECTOR_BYTES;

	return footer - 1 - n;
}

/*
 * Builds the summary of a segment of generation gen, whose header has seq, at its end: of those
 * of its first `entries` entries (fvp_ram_entry()) that are not void.  Returns the summary's
 * first sector.
 */
u32 fvp_summary_build(const struct fvp_media *media, void *ram, u32 entries, u64 gen, u64 seq,
		      u64 tail_gen);

#endif /* FVP_RECORD_H */
