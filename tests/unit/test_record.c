// SPDX-License-Identifier: GPL-2.0
/* Blocks of the log: headers, entries, summaries. */
#include "record.h"
#include "unit.h"

#define SEG_SECTORS 256u

static u8 seg[SEG_SECTORS * FVP_SECTOR_BYTES];

static struct fvp_media media_of(u32 block_sectors)
{
	return (struct fvp_media){ .key = 0xfeedfacecafebeefull,
				   .block_sectors = block_sectors,
				   .segment_sectors = SEG_SECTORS };
}

/* A record of data entries of len sectors each, at sector `at`; returns its end. */
static u32 put_record(const struct fvp_media *media, u32 at, u32 count, u32 len, u64 seq)
{
	struct fvp_disk_block *disk = (void *)(seg + at * FVP_SECTOR_BYTES);
	u32 pos = at + media->block_sectors;
	struct fvp_block block;

	memset(disk, 0, fvp_block_bytes(media));
	for (u32 i = 0; i < count; i++) {
		struct fvp_entry entry = { .lba = seq * 1000 + i * 8,
					   .volume = 3,
					   .len_sectors = len,
					   .offset_sectors = pos,
					   .kind = FVP_ENTRY_DATA };

		memset(seg + pos * FVP_SECTOR_BYTES, (int)(seq + i), len * FVP_SECTOR_BYTES);
		entry.crc = fvp_data_crc(seg + pos * FVP_SECTOR_BYTES, len);
		fvp_entry_encode(&entry, &disk->entries[i]);
		pos += round_up(len, media->block_sectors);
	}
	block = (struct fvp_block){ .kind = FVP_BLOCK_RECORD,
				    .segment_gen = 9,
				    .seq = seq,
				    .header_sectors = (u8)media->block_sectors,
				    .tail_gen = 4,
				    .legset_gen = 1,
				    .offset_sectors = at,
				    .len_sectors = pos - at,
				    .entry_count = count };
	fvp_block_encode(media, &block, disk);
	return pos;
}

TEST(record_round_trip, "a record header comes back as it was encoded, in both block sizes")
{
	for (u32 b = 1; b <= 8; b += 7) {
		struct fvp_media media = media_of(b);
		struct fvp_block block;

		memset(seg, 0, sizeof(seg));
		put_record(&media, 16, 3, 8, 55);
		EXPECT_EQ(fvp_block_decode(&media, seg + 16 * FVP_SECTOR_BYTES, FVP_BLOCK_RECORD,
					   16, &block),
			  0);
		EXPECT_EQ(block.segment_gen, 9);
		EXPECT_EQ(block.seq, 55);
		EXPECT_EQ(block.tail_gen, 4);
		EXPECT_EQ(block.entry_count, 3);
		EXPECT_EQ(block.len_sectors, b + 24);
	}
}

TEST(record_every_byte, "a record header with any one byte flipped is refused")
{
	struct fvp_media media = media_of(1);
	struct fvp_block block;
	u8 *at = seg + 16 * FVP_SECTOR_BYTES;

	memset(seg, 0, sizeof(seg));
	put_record(&media, 16, 3, 8, 55);
	for (u32 i = 0; i < fvp_header_bytes(3); i++) {
		at[i] ^= 1;
		if (!fvp_block_decode(&media, at, FVP_BLOCK_RECORD, 16, &block))
			unit_fail(__FILE__, __LINE__, "byte %u flipped, and accepted", i);
		at[i] ^= 1;
	}
}

TEST(record_other_place, "a block of another place, kind or pool is not taken")
{
	struct fvp_media media = media_of(1), other = media;
	struct fvp_block block;
	u8 *at = seg + 16 * FVP_SECTOR_BYTES;

	memset(seg, 0, sizeof(seg));
	put_record(&media, 16, 1, 8, 55);
	EXPECT_EQ(fvp_block_decode(&media, at, FVP_BLOCK_RECORD, 17, &block), -ENODATA);
	EXPECT_EQ(fvp_block_decode(&media, at, FVP_BLOCK_SEGMENT, 16, &block), -ENODATA);
	other.key ^= 1;
	EXPECT_EQ(fvp_block_decode(&other, at, FVP_BLOCK_RECORD, 16, &block), -ENODATA);
}

TEST(record_impossible, "lengths and counts that do not fit the segment are refused")
{
	struct fvp_media media = media_of(1);
	struct fvp_block block = {
		.kind = FVP_BLOCK_RECORD,
		.header_sectors = 1,
		.offset_sectors = 200,
		.len_sectors = 56, /* the last block is not its */
		.entry_count = 1,
	};
	struct fvp_block out;

	memset(seg, 0, sizeof(seg));
	fvp_block_encode(&media, &block, seg);
	EXPECT_EQ(fvp_block_decode(&media, seg, FVP_BLOCK_RECORD, 200, &out), -EUCLEAN);
	block.len_sectors = 55;
	fvp_block_encode(&media, &block, seg);
	EXPECT_EQ(fvp_block_decode(&media, seg, FVP_BLOCK_RECORD, 200, &out), 0);
	block.entry_count = FVP_RECORD_ENTRIES(1) + 1;
	fvp_block_encode(&media, &block, seg);
	EXPECT_EQ(fvp_block_decode(&media, seg, FVP_BLOCK_RECORD, 200, &out), -EUCLEAN);
	block.entry_count = 1;
	block.header_sectors = 0;
	fvp_block_encode(&media, &block, seg);
	EXPECT_EQ(fvp_block_decode(&media, seg, FVP_BLOCK_RECORD, 200, &out), -EUCLEAN);
	block.header_sectors = 1;
	block.entry_count = 0;
	fvp_block_encode(&media, &block, seg);
	EXPECT_EQ(fvp_block_decode(&media, seg, FVP_BLOCK_RECORD, 200, &out), -EUCLEAN);
}

TEST(record_generation, "a generation that no pool reaches is refused")
{
	struct fvp_media media = media_of(1);
	struct fvp_block block = { .kind = FVP_BLOCK_SEGMENT, .len_sectors = SEG_SECTORS };
	struct fvp_block out;

	memset(seg, 0, sizeof(seg));
	block.segment_gen = FVP_GEN_END - 1;
	fvp_block_encode(&media, &block, seg);
	EXPECT_EQ(fvp_block_decode(&media, seg, FVP_BLOCK_SEGMENT, 0, &out), 0);
	block.segment_gen = FVP_GEN_END;
	fvp_block_encode(&media, &block, seg);
	EXPECT_EQ(fvp_block_decode(&media, seg, FVP_BLOCK_SEGMENT, 0, &out), -EUCLEAN);
}

TEST(entry_place, "an entry without data has a place in its record, too")
{
	struct fvp_entry entry = { .lba = 1,
				   .volume = 1,
				   .len_sectors = 8,
				   .offset_sectors = 30,
				   .kind = FVP_ENTRY_ZERO };
	struct fvp_disk_entry disk;
	struct fvp_entry out;

	fvp_entry_encode(&entry, &disk);
	EXPECT_EQ(fvp_entry_decode(&disk, 20, 30, &out), 0);
	EXPECT_EQ(fvp_entry_decode(&disk, 20, 29, &out), -EUCLEAN);
	entry.kind = FVP_ENTRY_WATERMARK;
	entry.lba = FVP_GEN_END;
	fvp_entry_encode(&entry, &disk);
	EXPECT_EQ(fvp_entry_decode(&disk, 20, 30, &out), -EUCLEAN);
}

TEST(entry_bounds, "an entry whose data lies outside its record is refused")
{
	struct fvp_entry entry = {
		.lba = 1, .volume = 1, .len_sectors = 8, .kind = FVP_ENTRY_DATA
	};
	struct fvp_disk_entry disk;
	struct fvp_entry out;

	for (u32 off = 0; off < 64; off++) {
		bool inside = off >= 20 && off + 8 <= 40;

		entry.offset_sectors = off;
		fvp_entry_encode(&entry, &disk);
		EXPECT_EQ(fvp_entry_decode(&disk, 20, 40, &out), inside ? 0 : -EUCLEAN);
	}
	entry.offset_sectors = 20;
	entry.len_sectors = U32_MAX;
	fvp_entry_encode(&entry, &disk);
	EXPECT_EQ(fvp_entry_decode(&disk, 20, 40, &out), -EUCLEAN);
	entry.len_sectors = 0;
	fvp_entry_encode(&entry, &disk);
	EXPECT_EQ(fvp_entry_decode(&disk, 20, 40, &out), -EUCLEAN);
}

TEST(entry_kinds, "kinds that this version does not know are refused")
{
	struct fvp_entry entry = { .lba = 1, .volume = 1, .len_sectors = 8 }, out;
	struct fvp_disk_entry disk;

	entry.kind = FVP_ENTRY_TOMBSTONE;
	fvp_entry_encode(&entry, &disk);
	EXPECT_EQ(fvp_entry_decode(&disk, 1, 10, &out), 0);
	entry.kind = 77;
	fvp_entry_encode(&entry, &disk);
	EXPECT_EQ(fvp_entry_decode(&disk, 1, 10, &out), -EUCLEAN);
}

TEST(summary_is_the_entries, "a summary holds the entries of all records, in order")
{
	for (u32 b = 1; b <= 8; b += 7) {
		struct fvp_media media = media_of(b);
		u32 at = b, start, records = 4;
		struct fvp_block block;

		memset(seg, 0, sizeof(seg));
		fvp_block_encode(&media,
				 &(struct fvp_block){ .kind = FVP_BLOCK_SEGMENT,
						      .segment_gen = 9,
						      .len_sectors = SEG_SECTORS },
				 seg);
		for (u32 i = 0; i < records; i++) {
			struct fvp_disk_block *disk = (void *)(seg + at * FVP_SECTOR_BYTES);

			at = put_record(&media, at, 3, 8, i + 1);
			for (u32 j = 0; j < 4; j++)
				*fvp_ram_entry(&media, seg, i * 4 + j) =
					/* One in four is void. */
					j == 2 ? (struct fvp_disk_entry){ 0 }
					       : disk->entries[j - (j > 2)];
		}
		start = fvp_summary_build(&media, seg, records * 4, 9, 55, 4);
		EXPECT(start >= at && start < SEG_SECTORS);
		EXPECT_EQ(fvp_block_decode(&media, seg + (SEG_SECTORS - b) * FVP_SECTOR_BYTES,
					   FVP_BLOCK_SUMMARY, SEG_SECTORS - b, &block),
			  0);
		EXPECT_EQ(block.segment_gen, 9);
		EXPECT_EQ(block.entry_count, records * 3);
		EXPECT_EQ(SEG_SECTORS - block.len_sectors, start);
		EXPECT_EQ(block.arg, crc32c(~0u, seg + start * FVP_SECTOR_BYTES,
					    records * 3 * FVP_ENTRY_BYTES));
		for (u32 i = 0; i < records * 3; i++) {
			const struct fvp_disk_entry *disk =
				(void *)(seg + start * FVP_SECTOR_BYTES);
			struct fvp_entry entry;

			EXPECT_EQ(fvp_entry_decode(&disk[i], b, start, &entry), 0);
			EXPECT_EQ(entry.lba, (i / 3 + 1) * 1000 + i % 3 * 8);
			EXPECT_EQ(entry.crc,
				  fvp_data_crc(seg + entry.offset_sectors * FVP_SECTOR_BYTES,
					       entry.len_sectors));
		}
	}
}
