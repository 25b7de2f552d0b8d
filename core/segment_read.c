// SPDX-License-Identifier: GPL-2.0
/*
 * What a segment on media holds.
 *
 * A sealed segment's summary was written after everything in it was durable, so
 * its entries need no look at the data.  A segment without a valid summary was in
 * use when the power went: it is read whole, every sector that no valid record
 * covers is tried for a header, and data counts only if its checksum is right.
 */
#include "pool.h"
#include "io.h"

static int entries_add(struct fvp_segment_entries *out, u32 cap, const struct fvp_entry *entry)
{
	if (out->count == cap)
		return -EUCLEAN;
	out->entry[out->count++] = *entry;
	return 0;
}

/* Reads the summary whose footer is in `block`. */
static int summary_read(struct fvp_pool *pool, struct fvp_segment *seg,
			const struct fvp_block *block, struct fvp_segment_entries *out)
{
	u32 len = block->len_sectors - pool->block_sectors, i;
	struct fvp_disk_entry *disk;
	struct fvp_entry entry;
	int err = -ENOMEM;

	if (!block->entry_count) {
		out->sealed = true;
		return 0;
	}
	disk = kvmalloc((size_t)len * FVP_SECTOR_BYTES, GFP_NOIO);
	out->entry = kvcalloc(block->entry_count, sizeof(*out->entry), GFP_NOIO);
	if (!disk || !out->entry)
		goto out;
	err = fvp_io_mem(seg->dev, FVP_IO_READ,
			 seg->sector + pool->segment_sectors - block->len_sectors, len, disk, 0);
	if (err)
		goto out;
	out->bytes_read += (u64)len * FVP_SECTOR_BYTES;
	err = -EUCLEAN;
	if (crc32c(~0u, disk, block->entry_count * FVP_ENTRY_BYTES) != block->arg)
		goto out;
	for (i = 0; i < block->entry_count; i++) {
		if (fvp_entry_decode(&disk[i], pool->block_sectors,
				     pool->segment_sectors - block->len_sectors, &entry))
			goto out;
		entries_add(out, block->entry_count, &entry);
	}
	out->sealed = true;
	err = 0;
out:
	kvfree(disk);
	if (err) {
		kvfree(out->entry);
		out->entry = NULL;
		out->count = 0;
	}
	return err;
}

/* Takes the valid entries of the record at `at` in mem. */
static void record_take(struct fvp_pool *pool, const void *mem, u32 at,
			const struct fvp_block *block, struct fvp_segment_entries *out, u32 cap)
{
	const struct fvp_disk_block *disk = mem + (size_t)at * FVP_SECTOR_BYTES;
	struct fvp_entry entry;
	u32 i;

	for (i = 0; i < block->entry_count; i++) {
		if (fvp_entry_decode(&disk->entries[i], at + block->header_sectors,
				     at + block->len_sectors, &entry)) {
			atomic64_inc(&pool->stats.bad_blocks);
			return;
		}
		if (entry.kind == FVP_ENTRY_VOID)
			continue;
		if (entry.kind == FVP_ENTRY_DATA &&
		    fvp_data_crc(mem + (size_t)entry.offset_sectors * FVP_SECTOR_BYTES,
				 entry.len_sectors) != entry.crc) {
			/* Torn: never acknowledged, or a fill that is no loss. */
			atomic64_inc(&pool->stats.bad_data);
			continue;
		}
		entries_add(out, cap, &entry);
	}
}

/*
 * Goes over the valid records of the segment in mem; returns how many entries
 * they have, and stores the good ones if there is an out.
 */
static u32 scan_pass(struct fvp_pool *pool, struct fvp_segment *seg, const void *mem,
		     struct fvp_segment_entries *out, u32 cap)
{
	struct fvp_media media = fvp_pool_media(pool);
	u32 b = pool->block_sectors, at = b, count = 0;
	struct fvp_block block;

	while (at < pool->segment_sectors) {
		if (fvp_block_decode(&media, mem + (size_t)at * FVP_SECTOR_BYTES, FVP_BLOCK_RECORD,
				     at, &block) ||
		    block.segment_gen != seg->gen || block.seq <= seg->seq) {
			at++;
			continue;
		}
		count += block.entry_count;
		if (out)
			record_take(pool, mem, at, &block, out, cap);
		at += block.len_sectors;
		cond_resched();
	}
	return count;
}

/* All of it, for kvfree(); or an error. */
static void *segment_read(struct fvp_pool *pool, struct fvp_segment *seg)
{
	void *mem = kvmalloc((size_t)pool->segment_sectors * FVP_SECTOR_BYTES, GFP_NOIO);
	int err;

	if (!mem)
		return ERR_PTR(-ENOMEM);
	err = fvp_io_mem(seg->dev, FVP_IO_READ, seg->sector, pool->segment_sectors, mem, 0);
	if (!err)
		return mem;
	kvfree(mem);
	return ERR_PTR(err);
}

int fvp_segment_read_generation(struct fvp_pool *pool, struct fvp_segment *seg, u64 *gen, u64 *seq)
{
	struct fvp_media media = fvp_pool_media(pool);
	void *mem = segment_read(pool, seg);
	struct fvp_block block;
	u32 at;

	if (IS_ERR(mem))
		return PTR_ERR(mem);
	*gen = *seq = 0;
	for (at = pool->block_sectors; at < pool->segment_sectors; at++) {
		cond_resched();
		if (fvp_block_decode(&media, mem + (size_t)at * FVP_SECTOR_BYTES, FVP_BLOCK_RECORD,
				     at, &block) ||
		    block.segment_gen < *gen || (block.segment_gen == *gen && block.seq < *seq))
			continue;
		*gen = block.segment_gen;
		*seq = block.seq;
	}
	kvfree(mem);
	/* Of the last record: from there to the beginning of its activation. */
	*seq = fvp_log_header_seq(
		round_down(*seq - fvp_log_header_seq(0, *gen), 1ULL << FVP_LOG_SEQ_FROM_BITS),
		*gen);
	return 0;
}

static int segment_scan(struct fvp_pool *pool, struct fvp_segment *seg,
			struct fvp_segment_entries *out)
{
	void *mem = segment_read(pool, seg);
	int err = 0;
	u32 cap;

	if (IS_ERR(mem))
		return PTR_ERR(mem);
	out->bytes_read += (u64)pool->segment_sectors * FVP_SECTOR_BYTES;
	cap = scan_pass(pool, seg, mem, NULL, 0);
	if (!cap)
		goto out;
	out->entry = kvcalloc(cap, sizeof(*out->entry), GFP_NOIO);
	if (out->entry)
		scan_pass(pool, seg, mem, out, cap);
	else
		err = -ENOMEM;
out:
	kvfree(mem);
	return err;
}

int fvp_segment_read_entries(struct fvp_pool *pool, struct fvp_segment *seg,
			     struct fvp_segment_entries *out)
{
	struct fvp_media media = fvp_pool_media(pool);
	u32 at = pool->segment_sectors - pool->block_sectors;
	struct fvp_block block;
	void *footer;
	int err;

	memset(out, 0, sizeof(*out));
	footer = kmalloc(fvp_block_bytes(&media), GFP_NOIO);
	if (!footer)
		return -ENOMEM;
	err = fvp_io_mem(seg->dev, FVP_IO_READ, seg->sector + at, pool->block_sectors, footer, 0);
	if (!err)
		out->bytes_read += fvp_block_bytes(&media);
	if (!err && !fvp_block_decode(&media, footer, FVP_BLOCK_SUMMARY, at, &block) &&
	    block.segment_gen == seg->gen && block.seq == seg->seq) {
		err = summary_read(pool, seg, &block, out);
		if (err == -EUCLEAN)
			atomic64_inc(&pool->stats.bad_blocks);
		if (!err)
			goto out;
	}
	if (err != -ENOMEM)
		err = segment_scan(pool, seg, out);
out:
	kfree(footer);
	return err;
}
