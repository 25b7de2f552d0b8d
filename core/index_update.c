// SPDX-License-Identifier: GPL-2.0
/* Changing the index: what index.h offers, region by region; index_region.c does it. */
#include "index_private.h"

/* Maps the range in its region, all of it or its gaps. */
static __always_inline int index_map(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr,
				     bool gaps_only)
{
	u32 off = lba & (REGION_SECTORS - 1);
	struct fvp_region *region;
	int err;

	/* Requests are cut at multiples far below a region; see request.h. */
	if (WARN_ON_ONCE(len_sectors > REGION_SECTORS - off))
		return -EINVAL;
	region = fvp_index_region(index, lba);
	if (unlikely(!region))
		region = fvp_index_region_grow(index, lba);
	if (unlikely(!region))
		return -ENOMEM;
	spin_lock(&region->lock);
	err = gaps_only ? fvp_region_insert_gaps(index, region, off, off + len_sectors, addr, false)
			: fvp_region_insert(index, region, off, len_sectors, addr, false);
	spin_unlock(&region->lock);
	return err;
}

int fvp_index_insert(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr)
{
	return index_map(index, lba, len_sectors, addr, false);
}

int fvp_index_insert_gaps(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr)
{
	return index_map(index, lba, len_sectors, addr, true);
}

/* Is [lba, stop) all that the volume has of its region? */
static bool region_whole(struct fvp_index *index, u64 lba, u64 stop)
{
	return !(lba & (REGION_SECTORS - 1)) &&
	       (!(stop & (REGION_SECTORS - 1)) || stop == index->sectors);
}

/* The two ways to note that a range is superseded while the index loads. */
static int region_mark(struct fvp_index *index, struct fvp_region *region, u32 off, u32 end,
		       bool whole, bool gaps_only)
{
	int err = 0;

	if (whole && !gaps_only)
		fvp_region_remove(index, region, off, end);
	/* A region superseded as a whole needs no extents to say so. */
	if (whole)
		region->closed = true;
	else if (gaps_only)
		return fvp_region_insert_gaps(index, region, off, end, FVP_ADDR_NONE, true);
	while (!whole && off < end && !err) {
		u32 n = min(end - off, FVP_REGION_INSERT_MAX);

		err = fvp_region_insert(index, region, off, n, FVP_ADDR_NONE, true);
		if (!err)
			off += n;
	}
	if (err) {
		/* Nothing older may come in any more, anywhere. */
		WRITE_ONCE(index->closed, true);
		fvp_region_remove(index, region, off, end);
	}
	return 0;
}

static int index_mark(struct fvp_index *index, u64 lba, u64 len_sectors, bool gaps_only)
{
	u64 end = lba + len_sectors;
	int err = 0;

	while (lba < end && !err) {
		struct fvp_region *region = fvp_index_region_grow(index, lba);
		u64 base = lba & ~(u64)(REGION_SECTORS - 1);
		u64 stop = min_t(u64, end, base + REGION_SECTORS);

		if (region) {
			spin_lock(&region->lock);
			err = region_mark(index, region, (u32)(lba - base), (u32)(stop - base),
					  region_whole(index, lba, stop), gaps_only);
			spin_unlock(&region->lock);
		} else if (gaps_only) {
			err = -ENOMEM;
		} else {
			/* Nobody can have made the region: memory is short for all. */
			WRITE_ONCE(index->closed, true);
		}
		lba = stop;
	}
	return err;
}

int fvp_index_mark_gaps(struct fvp_index *index, u64 lba, u64 len_sectors)
{
	return index_mark(index, lba, len_sectors, true);
}

void fvp_index_supersede(struct fvp_index *index, u64 lba, u64 len_sectors)
{
	index_mark(index, lba, len_sectors, false);
}

static int index_special(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr,
			 bool gaps_only)
{
	u64 end = lba + len_sectors;
	int err = 0;
	u32 n;

	for (; lba < end && !err; lba += n) {
		struct fvp_region *region = fvp_index_region_grow(index, lba);
		u32 off = lba & (REGION_SECTORS - 1);

		/* In pieces: the lock is not to be held for long. */
		n = (u32)min_t(u64, end - lba, min(FVP_REGION_INSERT_MAX, REGION_SECTORS - off));
		if (!region)
			return -ENOMEM;
		spin_lock(&region->lock);
		err = gaps_only ? fvp_region_insert_gaps(index, region, off, off + n, addr, true)
				: fvp_region_insert(index, region, off, n, addr, true);
		spin_unlock(&region->lock);
		cond_resched();
	}
	return err;
}

int fvp_index_insert_special(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr)
{
	return index_special(index, lba, len_sectors, addr, false);
}

int fvp_index_insert_special_gaps(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr)
{
	return index_special(index, lba, len_sectors, addr, true);
}

void fvp_index_remove(struct fvp_index *index, u64 lba, u64 len_sectors)
{
	u64 end = lba + len_sectors;

	while (lba < end) {
		struct fvp_region *region = fvp_index_region(index, lba);
		u64 base = lba & ~(u64)(REGION_SECTORS - 1);
		u64 stop = min_t(u64, end, base + REGION_SECTORS);

		if (region) {
			spin_lock(&region->lock);
			fvp_region_remove(index, region, (u32)(lba - base), (u32)(stop - base));
			spin_unlock(&region->lock);
		}
		lba = stop;
	}
}

/* True if all of [off, end) is alive and maps to addr on. */
static bool region_maps(struct fvp_region *region, u32 off, u32 end, u64 addr)
{
	struct fvp_cursor cur;

	while (off < end) {
		if (!fvp_region_next(region, off, &cur) || e_off(cur.e) > off || e_dead(cur.e) ||
		    e_addr(cur.e) + (off - e_off(cur.e)) != addr)
			return false;
		addr += e_end(cur.e) - off;
		off = e_end(cur.e);
	}
	return true;
}

bool fvp_index_maps(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr)
{
	struct fvp_region *region = fvp_index_region(index, lba);
	u32 off = lba & (REGION_SECTORS - 1);
	bool maps;

	if (!region || len_sectors > REGION_SECTORS - off)
		return false;
	spin_lock(&region->lock);
	maps = region_maps(region, off, off + len_sectors, addr);
	spin_unlock(&region->lock);
	return maps;
}

int fvp_index_move(struct fvp_index *index, u64 lba, u32 len_sectors, u64 old_addr, u64 new_addr)
{
	struct fvp_region *region = fvp_index_region(index, lba);
	u32 off = lba & (REGION_SECTORS - 1);
	int err = -ESTALE;

	if (!region || len_sectors > REGION_SECTORS - off)
		return -ESTALE;
	spin_lock(&region->lock);
	if (region_maps(region, off, off + len_sectors, old_addr))
		err = fvp_region_insert(index, region, off, len_sectors, new_addr, false);
	spin_unlock(&region->lock);
	return err;
}

void fvp_index_kill(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr, u64 addr_len)
{
	struct fvp_region *region = fvp_index_region(index, lba);
	u32 off = lba & (REGION_SECTORS - 1), end = off + len_sectors;
	struct fvp_cursor cur;

	if (!region)
		return;
	spin_lock(&region->lock);
	while (off < end && fvp_region_next(region, off, &cur) && e_off(cur.e) < end) {
		if (!e_dead(cur.e) && e_addr(cur.e) < addr + addr_len &&
		    e_addr(cur.e) + e_len(cur.e) > addr)
			fvp_region_kill(index, region, &cur);
		off = e_end(cur.e);
	}
	spin_unlock(&region->lock);
}

/*
 * Evicts the part of [off, end) that maps into the flash range.  Returns live
 * sectors removed.
 */
static u64 region_evict(struct fvp_index *index, struct fvp_region *region, u32 off, u32 end,
			u64 addr, u64 addr_len)
{
	struct fvp_cursor cur;
	u64 live = 0;

	while (off < end && fvp_region_next(region, off, &cur) && e_off(cur.e) < end) {
		u32 from = max(off, e_off(cur.e)), to = min(end, e_end(cur.e));

		if (e_addr(cur.e) != FVP_ADDR_NONE && e_addr(cur.e) >= addr &&
		    e_addr(cur.e) < addr + addr_len) {
			if (!e_dead(cur.e))
				live += to - from;
			fvp_region_remove(index, region, from, to);
		}
		off = to;
	}
	return live;
}

u64 fvp_index_evict(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr, u64 addr_len)
{
	u64 end = lba + len_sectors, live = 0;

	while (lba < end) {
		struct fvp_region *region = fvp_index_region(index, lba);
		u64 base = lba & ~(u64)(REGION_SECTORS - 1);
		u64 stop = min_t(u64, end, base + REGION_SECTORS);

		if (region) {
			spin_lock(&region->lock);
			live += region_evict(index, region, (u32)(lba - base), (u32)(stop - base),
					     addr, addr_len);
			spin_unlock(&region->lock);
			cond_resched();
		}
		lba = stop;
	}
	return live;
}

/* Puts a mark in place of [from, to), or closes the index to the loader. */
static void region_mark_piece(struct fvp_index *index, struct fvp_region *region, u32 from, u32 to)
{
	if (!fvp_region_insert(index, region, from, to - from, FVP_ADDR_NONE, true))
		return;
	WRITE_ONCE(index->closed, true);
	fvp_region_remove(index, region, from, to);
}

void fvp_index_retire_special(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr,
			      bool keep_marks)
{
	u64 end = lba + len_sectors;

	while (lba < end) {
		struct fvp_region *region = fvp_index_region(index, lba);
		u64 base = lba & ~(u64)(REGION_SECTORS - 1);
		u64 stop = min_t(u64, end, base + REGION_SECTORS);
		u32 off = (u32)(lba - base);
		struct fvp_cursor cur;

		if (region) {
			spin_lock(&region->lock);
			while (base + off < stop && fvp_region_next(region, off, &cur) &&
			       base + e_off(cur.e) < stop) {
				u32 from = max(off, e_off(cur.e));
				u32 to = min_t(u32, e_end(cur.e), (u32)(stop - base));

				if (e_addr(cur.e) == addr && keep_marks)
					region_mark_piece(index, region, from, to);
				else if (e_addr(cur.e) == addr)
					fvp_region_remove(index, region, from, to);
				off = to;
			}
			spin_unlock(&region->lock);
			cond_resched();
		}
		lba = stop;
	}
}

void fvp_index_unmark(struct fvp_index *index)
{
	u32 t, r;

	for (t = 0; t < index->top_count; t++) {
		for (r = 0; index->top[t] && r < TOP_REGIONS; r++) {
			struct fvp_region *region = index->top[t][r];
			struct fvp_cursor cur;
			u32 off = 0;

			if (!region)
				continue;
			spin_lock(&region->lock);
			region->closed = false;
			while (fvp_region_next(region, off, &cur)) {
				off = e_end(cur.e);
				if (e_addr(cur.e) == FVP_ADDR_NONE)
					fvp_region_remove(index, region, e_off(cur.e),
							  e_end(cur.e));
			}
			spin_unlock(&region->lock);
		}
		cond_resched();
	}
}
