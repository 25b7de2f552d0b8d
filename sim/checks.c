// SPDX-License-Identifier: GPL-2.0
/* What must hold at rest; and damage that must be survived. */
#include <stdlib.h>

#include "machine.h"

struct ranges {
	struct dev_range *list;
	u32 count, cap;
	u64 end;
};

static int by_sector(const void *a, const void *b)
{
	const struct dev_range *x = a, *y = b;

	return x->sector < y->sector ? -1 : x->sector > y->sector;
}

static void range_add(void *arg, u64 sector, u32 len)
{
	struct ranges *r = arg;

	if (sector >= r->end)
		return;
	if (r->count == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->list = realloc(r->list, r->cap * sizeof(*r->list));
	}
	r->list[r->count++] = (struct dev_range){ sector, min_t(u64, len, r->end - sector) };
}

struct check {
	struct sim_vol *vol;
	struct ranges ranges;
	int index_error;
};

static void check_reads(void *arg)
{
	struct check *check = arg;
	struct sim_vol *vol = check->vol;

	for (u32 i = 0; i < check->ranges.count; i++) {
		struct dev_range *r = &check->ranges.list[i];

		for (u64 off = 0; off < r->len;) {
			u64 len = min_t(u64, r->len - off, 1 + shim_rng_below(&vol->rng, 128));
			struct sim_req *req;

			while (vol->inflight >= 8) {
				struct shim_wait wait;

				shim_wait_prepare(&wait, &vol->wait);
				shim_wait_block(&wait, "check reads", ~0ULL);
			}
			req = sim_req_new(vol, FVP_REQ_READ, r->sector + off, len);
			req->quiet = true;
			sim_req_send(req);
			off += len;
			sim.count->quiet_sectors += len;
		}
	}
	while (vol->inflight) {
		struct shim_wait wait;

		shim_wait_prepare(&wait, &vol->wait);
		shim_wait_block(&wait, "check reads", ~0ULL);
	}
	/* Fills and reclaim may still be at it: what is wrong stays wrong. */
	for (u32 tries = 0; tries < 50; tries++) {
		check->index_error = fvp_index_check(&vol->core->index);
		if (!check->index_error)
			break;
		shim_sleep_ns(2000000);
	}
}

bool check_volume(struct sim_vol *vol, bool sample)
{
	struct check check = { .vol = vol, .ranges = { .end = vol->sectors } };
	u32 read_errors = vol->origin->read_error_permille;
	bool ok;

	store_pages(vol->origin->store, range_add, &check.ranges);
	/* In the middle of a life a sample will do. */
	while (sample && check.ranges.count > 24) {
		u32 drop = (u32)shim_rng_below(&sim.rng, check.ranges.count--);

		check.ranges.list[drop] = check.ranges.list[check.ranges.count];
	}
	if (check.ranges.count)
		qsort(check.ranges.list, check.ranges.count, sizeof(*check.ranges.list), by_sector);
	vol->origin->read_error_permille = 0;
	ok = run_call("quiet check", check_reads, &check);
	vol->origin->read_error_permille = read_errors;
	free(check.ranges.list);
	if (!ok)
		return false;
	sim.count->quiet_checks++;
	if (check.index_error)
		shim_die("volume %u: index check: %d", vol->number, check.index_error);
	return true;
}

static void origin_page(void *arg, u64 sector, u32 len)
{
	struct sim_vol *vol = arg;

	for (u64 lba = sector; lba < min(sector + len, vol->sectors); lba++)
		oracle_check_now(vol->oracle, lba, store_peek(vol->origin->store, lba),
				 "the origin itself");
}

void check_origin(struct sim_vol *vol)
{
	store_pages(vol->origin->store, origin_page, vol);
}

/* --- damage --- */

static void damage(struct fvp_dev *dev, u64 sector, u32 len)
{
	u8 bytes[FVP_SECTOR_BYTES];
	u32 n = 1 + (u32)shim_rng_below(&sim.rng, 8);

	sector += shim_rng_below(&sim.rng, len);
	store_read(dev->store, sector, 1, (struct sim_data){ .bytes = bytes });
	while (n--)
		bytes[shim_rng_below(&sim.rng, sizeof(bytes))] ^=
			(u8)(1 + shim_rng_below(&sim.rng, 255));
	store_poke(dev->store, sector, 1, (struct sim_data){ .bytes = bytes });
	sim.count->corruptions++;
}

/* Sectors of the summary that ends segment number i, or 0. */
static u32 summary_sectors(struct fvp_dev *dev, u64 end)
{
	u8 bytes[FVP_SECTOR_BYTES];
	const struct fvp_disk_block *block = (const void *)bytes;
	u32 len;

	store_read(dev->store, end - m.block_sectors, 1, (struct sim_data){ .bytes = bytes });
	len = le32_to_cpu(block->len_sectors);
	if (le32_to_cpu(block->magic) != FVP_BLOCK_MAGIC ||
	    le16_to_cpu(block->kind) != FVP_BLOCK_SUMMARY || len > m.segment_sectors)
		return 0;
	return len;
}

/* Generation of a superblock copy, 0: not valid. */
static u64 super_generation(struct fvp_dev *dev, u32 copy)
{
	static struct fvp_super super;
	static u8 bytes[FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES];
	const char *why;

	store_read(dev->store, fvp_super_copy_sector(dev->sectors, copy), 64,
		   (struct sim_data){ .bytes = bytes });
	if (fvp_super_decode(bytes, 64 * FVP_SECTOR_BYTES, dev->sectors, &super, &why))
		return 0;
	return super.generation;
}

/* Only while the other copy is as good: one fault at a time. */
static void corrupt_super(struct fvp_dev *dev)
{
	u64 generation = super_generation(dev, 0);

	if (generation && generation == super_generation(dev, 1))
		damage(dev, fvp_super_copy_sector(dev->sectors, (u32)shim_rng_below(&sim.rng, 2)),
		       FVP_SUPER_BYTES / FVP_SECTOR_BYTES);
}

/*
 * One copy of a superblock; or summaries, behind which the records still are.  Data
 * is left alone: a hit is served without a look at its checksum, as by any disk.
 */
void corrupt_flash(void)
{
	u32 count = 1 + (u32)shim_rng_below(&sim.rng, 3);

	while (count--) {
		struct fvp_dev *dev = m.flash[shim_rng_below(&sim.rng, m.flash_count)];
		u64 segments = (dev->sectors - FVP_FIRST_SEGMENT_SECTOR - FVP_SUPER_AREA_SECTORS) /
			       m.segment_sectors;
		u64 end = FVP_FIRST_SEGMENT_SECTOR +
			  (1 + shim_rng_below(&sim.rng, segments)) * m.segment_sectors;
		u32 len = summary_sectors(dev, end);

		if (len)
			damage(dev, end - len, len);
	}
	if (shim_rng_chance(&sim.rng, 1, 3))
		corrupt_super(m.flash[shim_rng_below(&sim.rng, m.flash_count)]);
}

/* Places that cannot be read until written. */
void bad_flash(void)
{
	struct fvp_dev *dev = m.flash[shim_rng_below(&sim.rng, m.flash_count)];
	u64 room = dev->sectors - FVP_FIRST_SEGMENT_SECTOR - FVP_SUPER_AREA_SECTORS;

	if (dev->bad_count == ARRAY_SIZE(dev->bad))
		return;
	dev->bad[dev->bad_count++] =
		(struct dev_range){ FVP_FIRST_SEGMENT_SECTOR + shim_rng_below(&sim.rng, room),
				    1 + shim_rng_below(&sim.rng, 32) };
}
