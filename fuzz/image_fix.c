// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a mutated image right again: what core recognises things by, and checksums.  And
 * the mutations: fields of the format rather than bytes, as most bytes mean nothing.
 */
#include <stdlib.h>

#include "image.h"

size_t LLVMFuzzerMutate(u8 *data, size_t bytes, size_t max) __attribute__((__weak__));
size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t max, unsigned int seed);

/* Where segments lie on a device, as its first superblock says. */
struct geometry {
	u64 key, first;
	u32 segment_sectors, block_sectors;
};

static struct geometry geometry_of(struct fvp_dev *dev)
{
	const struct fvp_disk_super *disk = (void *)dev->mem;
	struct geometry g = { .key = le64_to_cpu(disk->pool_key),
			      .first = le64_to_cpu(disk->first_segment_sector),
			      .segment_sectors = le32_to_cpu(disk->segment_sectors),
			      .block_sectors = le16_to_cpu(disk->block_sectors) };

	if (g.first >= IMAGE_DEV_SECTORS || !is_power_of_2(g.segment_sectors) ||
	    g.segment_sectors > IMAGE_DEV_SECTORS) {
		g.first = FVP_FIRST_SEGMENT_SECTOR;
		g.segment_sectors = IMAGE_SEGMENT_SECTORS;
	}
	if (g.block_sectors != FVP_BLOCK_SECTORS_MAX)
		g.block_sectors = 1;
	return g;
}

static void super_fix(struct fvp_dev *dev, u64 sector)
{
	struct fvp_disk_super *disk = (void *)image_at(dev, sector);
	u64 table =
		le32_to_cpu(disk->volume_count) * 128ull + le32_to_cpu(disk->pinned_count) * 8ull;

	memcpy(disk->magic, FVP_SUPER_MAGIC, sizeof(disk->magic));
	disk->version = cpu_to_le32(FVP_FORMAT_VERSION);
	if (table <= (FVP_SUPER_AREA_SECTORS - 8) * FVP_SECTOR_BYTES)
		disk->table_crc =
			cpu_to_le32(crc32c(~0u, image_at(dev, sector) + FVP_SUPER_BYTES, table));
	disk->crc = 0;
	disk->crc = cpu_to_le32(crc32c(~0u, disk, FVP_SUPER_BYTES));
}

static void data_fix(struct fvp_dev *dev, u64 segment, const struct geometry *g,
		     struct fvp_disk_entry *entry)
{
	u32 offset = le32_to_cpu(entry->offset_sectors), len = le32_to_cpu(entry->len_sectors);

	if (le16_to_cpu(entry->kind) == FVP_ENTRY_DATA && offset < g->segment_sectors &&
	    len <= g->segment_sectors - offset && segment + offset + len <= IMAGE_DEV_SECTORS)
		entry->crc = cpu_to_le32(fvp_data_crc(image_at(dev, segment + offset), len));
}

static void block_fix(struct fvp_dev *dev, u64 sector, u32 what)
{
	struct geometry g = geometry_of(dev);
	struct fvp_disk_block *disk = (void *)image_at(dev, sector);
	u64 at = (sector - g.first) & (g.segment_sectors - 1), segment = sector - at;
	u32 count = le32_to_cpu(disk->entry_count), len = le32_to_cpu(disk->len_sectors);
	u32 bytes = FVP_BLOCK_HEADER_BYTES;

	if (le32_to_cpu(disk->magic) != FVP_BLOCK_MAGIC || sector < g.first)
		return;
	if (disk->kind == FVP_BLOCK_RECORD) {
		count = min(count, FVP_RECORD_ENTRIES(g.block_sectors));
		bytes = fvp_header_bytes(count);
		if (bytes > (IMAGE_DEV_SECTORS - sector) * FVP_SECTOR_BYTES)
			return;
		for (u32 i = 0; (what & IMAGE_FIX_DATA) && i < count; i++)
			data_fix(dev, segment, &g, &disk->entries[i]);
	}
	if (!(what & IMAGE_FIX_BLOCK))
		return;
	if (disk->kind == FVP_BLOCK_SUMMARY && len >= g.block_sectors && len <= at + 1 &&
	    count <= (len - g.block_sectors) * (FVP_SECTOR_BYTES / FVP_ENTRY_BYTES))
		disk->arg = cpu_to_le32(crc32c(~0u, image_at(dev, sector + g.block_sectors - len),
					       count * FVP_ENTRY_BYTES));
	disk->version = cpu_to_le16(FVP_FORMAT_VERSION);
	disk->pool_key = cpu_to_le64(g.key);
	disk->offset_sectors = cpu_to_le32((u32)at);
	disk->crc = 0;
	disk->crc = cpu_to_le32(crc32c(~0u, disk, bytes));
}

static u64 copy_b(void)
{
	return fvp_super_copy_sector(IMAGE_DEV_SECTORS, 1);
}

static void chunk_back(void *arg, struct image_chunk chunk, u8 *mem)
{
	if (mem)
		memcpy(mem, image_at(&image_dev[chunk.dev], chunk.sector), chunk.bytes);
}

void image_fix(u8 *data, size_t bytes, u32 what)
{
	static struct image image;

	if (!image_load(data, bytes, &image))
		return;
	for (u32 d = 0; d < IMAGE_DEVS; d++) {
		struct fvp_dev *dev = &image_dev[d];

		for (u32 i = 0; i < IMAGE_DEV_SECTORS; i++) {
			if (!(dev->touched[i / 8] & 1u << i % 8))
				continue;
			if (!i || i == copy_b()) {
				if (what & IMAGE_FIX_SUPER)
					super_fix(dev, i);
			} else {
				block_fix(dev, i, what);
			}
		}
	}
	image_chunks(data, bytes, chunk_back, NULL);
}

/* --- mutations --- */

#define CHUNKS_MAX 2048

struct chunks {
	struct image_chunk chunk[CHUNKS_MAX];
	u8 *mem[CHUNKS_MAX];
	u32 count;
};

static void chunk_list(void *arg, struct image_chunk chunk, u8 *mem)
{
	struct chunks *list = arg;

	if (mem && list->count < CHUNKS_MAX) {
		list->chunk[list->count] = chunk;
		list->mem[list->count++] = mem;
	}
}

/* A field: where in its struct, and how long. */
struct field {
	u16 at, bytes;
};
#define FIELD(type, name)                                                                          \
	{                                                                                          \
		offsetof(struct type, name), sizeof(((struct type *)0)->name)                      \
	}

static const struct field super_fields[] = {
	FIELD(fvp_disk_super, incompat),
	FIELD(fvp_disk_super, generation),
	FIELD(fvp_disk_super, tail_gen),
	FIELD(fvp_disk_super, device_sectors),
	FIELD(fvp_disk_super, first_segment_sector),
	FIELD(fvp_disk_super, segment_sectors),
	FIELD(fvp_disk_super, segment_count),
	FIELD(fvp_disk_super, device_index),
	FIELD(fvp_disk_super, device_count),
	FIELD(fvp_disk_super, block_sectors),
	FIELD(fvp_disk_super, volume_count),
	FIELD(fvp_disk_super, next_volume_id),
	FIELD(fvp_disk_super, pinned_count),
	FIELD(fvp_disk_super, legset_gen),
	FIELD(fvp_disk_super, role),
	FIELD(fvp_disk_super, leg_index),
	FIELD(fvp_disk_super, recover_base),
	FIELD(fvp_disk_super, legs[0].flags),
	FIELD(fvp_disk_super, legs[1].flags),
	FIELD(fvp_disk_super, legs[2].flags),
	FIELD(fvp_disk_super, pool_key),
	FIELD(fvp_disk_super, tail_gen),
};

static const struct field volume_fields[] = {
	FIELD(fvp_disk_volume, id),    FIELD(fvp_disk_volume, state),
	FIELD(fvp_disk_volume, epoch), FIELD(fvp_disk_volume, size_sectors),
	FIELD(fvp_disk_volume, mode),  FIELD(fvp_disk_volume, flags),
	FIELD(fvp_disk_volume, legs),  FIELD(fvp_disk_volume, legs_min),
	FIELD(fvp_disk_volume, uuid),  FIELD(fvp_disk_volume, watermark),
};

static const struct field block_fields[] = {
	FIELD(fvp_disk_block, kind),	    FIELD(fvp_disk_block, header_sectors),
	FIELD(fvp_disk_block, arg),	    FIELD(fvp_disk_block, segment_gen),
	FIELD(fvp_disk_block, segment_gen), FIELD(fvp_disk_block, seq),
	FIELD(fvp_disk_block, tail_gen),    FIELD(fvp_disk_block, legset_gen),
	FIELD(fvp_disk_block, len_sectors), FIELD(fvp_disk_block, entry_count),
};

static const struct field entry_fields[] = {
	FIELD(fvp_disk_entry, lba),
	FIELD(fvp_disk_entry, volume),
	FIELD(fvp_disk_entry, len_sectors),
	FIELD(fvp_disk_entry, len_sectors),
	FIELD(fvp_disk_entry, offset_sectors),
	FIELD(fvp_disk_entry, kind),
	FIELD(fvp_disk_entry, kind),
	FIELD(fvp_disk_entry, flags),
	FIELD(fvp_disk_entry, arg),
};

static void field_mutate(struct shim_rng *r, u8 *mem, u32 room, const struct field *fields,
			 u32 count)
{
	static const u64 values[] = {
		0,	    1,		2,	    3,		7,	    8,		127,
		128,	    129,	255,	    511,	512,	    1024,	4096,
		32767,	    32768,	65535,	    65536,	1ull << 17, 1ull << 21, 1ull << 24,
		1ull << 31, 0xffffffff, 1ull << 32, 1ull << 46, 1ull << 47, 1ull << 54, 1ull << 55,
		1ull << 63, ~0ull,	~0ull - 1,
	};
	const struct field *f = &fields[shim_rng_below(r, count)];
	u64 value = 0;

	if ((u32)f->at + f->bytes > room)
		return;
	if (f->bytes > 8) {
		mem[f->at + shim_rng_below(r, f->bytes)] = (u8)shim_rng_below(r, 4);
		return;
	}
	memcpy(&value, mem + f->at, f->bytes);
	switch (shim_rng_below(r, 6)) {
	case 0:
		value = values[shim_rng_below(r, ARRAY_SIZE(values))];
		break;
	case 1:
		value = shim_rng_below(r, 16);
		break;
	case 2:
		value ^= 1ull << shim_rng_below(r, f->bytes * 8);
		break;
	default:
		value += shim_rng_below(r, 9) - 4;
		break;
	}
	memcpy(mem + f->at, &value, f->bytes);
}

/* An entry of a summary begins anywhere; of a record behind its header. */
static void entry_mutate(struct shim_rng *r, u8 *mem, u32 room, u32 from)
{
	u32 count = room > from ? (room - from) / FVP_ENTRY_BYTES : 0;
	u32 at = from + (u32)shim_rng_below(r, count) * FVP_ENTRY_BYTES;

	if (count)
		field_mutate(r, mem + at, room - at, entry_fields, ARRAY_SIZE(entry_fields));
}

static void chunk_mutate(struct shim_rng *r, const struct image_chunk *chunk, u8 *mem)
{
	const struct fvp_disk_block *disk = (void *)mem;
	u64 area = chunk->sector >= copy_b() ? chunk->sector - copy_b() : chunk->sector;
	u32 room = chunk->bytes;

	if (!area) {
		field_mutate(r, mem, room, super_fields, ARRAY_SIZE(super_fields));
	} else if (area < FVP_SUPER_AREA_SECTORS) {
		u32 at = (u32)shim_rng_below(r, DIV_ROUND_UP(room, 128)) * 128;

		field_mutate(r, mem + at, room - at, volume_fields, ARRAY_SIZE(volume_fields));
	} else if (room >= 4 && le32_to_cpu(disk->magic) == FVP_BLOCK_MAGIC) {
		if (shim_rng_chance(r, 1, 2))
			field_mutate(r, mem, room, block_fields, ARRAY_SIZE(block_fields));
		else
			entry_mutate(r, mem, room, FVP_BLOCK_HEADER_BYTES);
	} else {
		entry_mutate(r, mem, room, 0);
	}
}

/* Moves, drops or doubles a chunk: the header in front of mem is the input's own. */
static size_t chunk_shuffle(struct shim_rng *r, struct image_chunk chunk, u8 *mem, u8 *data,
			    size_t bytes, size_t max)
{
	struct image_chunk *head = (void *)(mem - sizeof(*head));
	u8 *from = (u8 *)head;
	size_t whole = min_t(size_t, image_chunk_bytes(chunk), (size_t)(data + bytes - from));

	switch (shim_rng_below(r, 4)) {
	case 0: /* gone */
		memmove(from, from + whole, (size_t)(data + bytes - from) - whole);
		return bytes - whole;
	case 1: /* twice */
		if (bytes + whole > max)
			return bytes;
		memcpy(data + bytes, from, whole);
		head = (void *)(data + bytes);
		bytes += whole;
		break;
	}
	chunk = *head;
	if (shim_rng_chance(r, 1, 3))
		chunk.dev = (u8)shim_rng_below(r, IMAGE_DEVS);
	else
		chunk.sector += (u32)(shim_rng_below(r, 7) - 3) *
				(shim_rng_chance(r, 1, 2) ? IMAGE_SEGMENT_SECTORS : 1);
	*head = chunk;
	return bytes;
}

static void ops_mutate(struct shim_rng *r, u8 *data, size_t bytes)
{
	struct image_head *head = (void *)data;
	struct image_op *op = (void *)(head + 1);

	if (bytes < sizeof(*head) + min(head->op_count, IMAGE_OPS_MAX) * sizeof(*op))
		return;
	if (!head->op_count || shim_rng_chance(r, 1, 8)) {
		head->flags ^= 1u << shim_rng_below(r, 6);
		return;
	}
	op += shim_rng_below(r, min(head->op_count, IMAGE_OPS_MAX));
	*op = (struct image_op){ .kind = (u8)shim_rng_next(r),
				 .volume = (u8)shim_rng_below(r, 4),
				 .len = (u16)shim_rng_next(r),
				 .lba = (u32)shim_rng_below(r, 300) };
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t max, unsigned int seed)
{
	static struct chunks list;
	struct shim_rng r = { .s = seed };
	u32 what = 0, times = 1 + (u32)shim_rng_below(&r, 4);

	if (!LLVMFuzzerMutate)
		return bytes;
	if (shim_rng_chance(&r, 1, 10))
		bytes = LLVMFuzzerMutate(data, bytes, max);
	for (; times; times--) {
		u32 i;

		list.count = 0;
		image_chunks(data, bytes, chunk_list, &list);
		if (!list.count || shim_rng_chance(&r, 1, 5)) {
			ops_mutate(&r, data, bytes);
			continue;
		}
		i = (u32)shim_rng_below(&r, list.count);
		if (shim_rng_chance(&r, 1, 5))
			bytes = chunk_shuffle(&r, list.chunk[i], list.mem[i], data, bytes, max);
		else
			chunk_mutate(&r, &list.chunk[i], list.mem[i]);
	}
	/* Now and then something stays wrong. */
	for (u32 bit = 1; bit <= IMAGE_FIX_DATA; bit <<= 1)
		if (!shim_rng_chance(&r, 1, 12))
			what |= bit;
	image_fix(data, bytes, what);
	return bytes;
}
