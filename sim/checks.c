// SPDX-License-Identifier: GPL-2.0
/* What must hold at rest; and damage that must be survived. */
#include <stdlib.h>

#include "machine.h"

#define RANGE_SECTORS 128

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

/* The 64 KiB around a sector that something is known of. */
static void range_add(void *arg, u64 lba)
{
	struct ranges *r = arg;
	u64 sector = round_down(lba, RANGE_SECTORS);

	if (r->count && r->list[r->count - 1].sector == sector)
		return;
	if (r->count == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->list = realloc(r->list, r->cap * sizeof(*r->list));
	}
	r->list[r->count++] =
		(struct dev_range){ sector, min_t(u64, RANGE_SECTORS, r->end - sector) };
}

struct check {
	struct sim_vol *vol;
	bool clean; /* nothing is dirty: the origin has the same */
	struct ranges ranges;
	int index_error;
};

static void check_reads(void *arg)
{
	struct check *check = arg;
	struct sim_vol *vol = check->vol;
	struct fvp_dirty_status dirty;

	fvp_volume_dirty(vol->core, &dirty);
	check->clean = !dirty.sectors;
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
			req->quiet = check->clean;
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

	oracle_for_each(vol->oracle, range_add, &check.ranges);
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
	sim.count->quiet_checks_clean += check.clean;
	if (check.index_error)
		shim_die("volume %u: index check: %d", vol->number, check.index_error);
	return true;
}

static void origin_sector(void *arg, u64 lba)
{
	struct sim_vol *vol = arg;

	oracle_check_now(vol->oracle, lba, store_peek(vol->origin->store, lba),
			 "the origin itself");
}

void check_origin(struct sim_vol *vol)
{
	oracle_for_each(vol->oracle, origin_sector, vol);
}

/* --- damage --- */

/* What was done lately, so that it can be taken back. */
static struct damage {
	struct fvp_dev *dev;
	u64 sector;
	u8 was[FVP_SECTOR_BYTES], is[FVP_SECTOR_BYTES];
} damages[8];
static u32 damage_count;

static void damage(struct fvp_dev *dev, u64 sector, u32 len)
{
	struct damage *d = &damages[damage_count++ % ARRAY_SIZE(damages)];
	u32 n = 1 + (u32)shim_rng_below(&sim.rng, 8);

	d->dev = dev;
	d->sector = sector + shim_rng_below(&sim.rng, len);
	store_read(dev->store, d->sector, 1, (struct sim_data){ .bytes = d->was });
	memcpy(d->is, d->was, FVP_SECTOR_BYTES);
	while (n--)
		d->is[shim_rng_below(&sim.rng, FVP_SECTOR_BYTES)] ^=
			(u8)(1 + shim_rng_below(&sim.rng, 255));
	store_poke(dev->store, d->sector, 1, (struct sim_data){ .bytes = d->is });
	sim.count->corruptions++;
}

bool heal_flash(void)
{
	u8 bytes[FVP_SECTOR_BYTES];
	bool any = false;

	for (u32 i = min_t(u32, damage_count, ARRAY_SIZE(damages)); i-- > 0;) {
		struct damage *d = &damages[i];

		store_read(d->dev->store, d->sector, 1, (struct sim_data){ .bytes = bytes });
		if (memcmp(bytes, d->is, sizeof(bytes)))
			continue;
		store_poke(d->dev->store, d->sector, 1, (struct sim_data){ .bytes = d->was });
		any = true;
	}
	damage_count = 0;
	for (u32 i = 0; i < m.flash_count; i++) {
		any |= m.flash[i]->bad_count != 0;
		m.flash[i]->bad_count = 0;
	}
	m.damaged = false;
	sim.count->healings += any;
	return any;
}

void damage_forget(void)
{
	damage_count = 0;
}

/*
 * Sectors of the summary that ends a segment, or 0.  It must be of the segment's present
 * life: where an older one's lies, records may be that nothing else has.
 */
static u32 summary_sectors(struct fvp_dev *dev, u64 end)
{
	u8 bytes[FVP_SECTOR_BYTES], first[FVP_SECTOR_BYTES];
	const struct fvp_disk_block *block = (const void *)bytes, *header = (const void *)first;
	u32 len;

	store_read(dev->store, end - m.block_sectors, 1, (struct sim_data){ .bytes = bytes });
	store_read(dev->store, end - m.segment_sectors, 1, (struct sim_data){ .bytes = first });
	len = le32_to_cpu(block->len_sectors);
	if (le32_to_cpu(block->magic) != FVP_BLOCK_MAGIC ||
	    le16_to_cpu(block->kind) != FVP_BLOCK_SUMMARY || len > m.segment_sectors ||
	    block->segment_gen != header->segment_gen || block->pool_key != header->pool_key)
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
 * One copy of a superblock; or summaries, behind which the records still are; or a
 * segment's header.  Data is left alone: a hit is served without a look at its
 * checksum, as by any disk.
 */
void corrupt_flash(void)
{
	u32 count = 1 + (u32)shim_rng_below(&sim.rng, 3);
	bool header = shim_rng_chance(&sim.rng, 1, 4);

	while (count--) {
		struct fvp_dev *dev = m.flash[shim_rng_below(&sim.rng, m.flash_count)];
		u64 segments = (dev->sectors - FVP_FIRST_SEGMENT_SECTOR - FVP_SUPER_AREA_SECTORS) /
			       m.segment_sectors;
		u64 end = FVP_FIRST_SEGMENT_SECTOR +
			  (1 + shim_rng_below(&sim.rng, segments)) * m.segment_sectors;
		u32 len = summary_sectors(dev, end);

		if (len)
			damage(dev, end - len, len);
		/* Of one that is open, too: its records tell what it is. */
		if (header && !m.damaged) {
			damage(dev, end - m.segment_sectors, 1);
			m.damaged = true;
		}
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
