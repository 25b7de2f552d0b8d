// SPDX-License-Identifier: GPL-2.0
/*
 * The index: packed extents in leaves, leaves in regions.  See index.h for the
 * idea.  This file reads, checks and walks; index_update.c changes; the lookup of a
 * hit is in index_lookup.h.
 *
 * What makes a torn read harmless: leaf pointers are stored whole and freed
 * after an RCU grace period, counts never exceed capacities, and whatever was
 * computed from a half-done change is thrown away by the sequence count.
 */
#include "index.h"
#include "index_lookup.h"

int fvp_index_init(struct fvp_index *index, u64 sectors)
{
	memset(index, 0, sizeof(*index));
	index->sectors = sectors;
	index->top_count = (u32)(((sectors ? sectors - 1 : 0) >> (REGION_SHIFT + TOP_SHIFT)) + 1);
	index->top = kvcalloc(index->top_count, sizeof(*index->top), GFP_KERNEL);
	if (!index->top)
		return -ENOMEM;
	spin_lock_init(&index->grow_lock);
	atomic64_set(&index->bytes, index->top_count * sizeof(*index->top));
	return 0;
}

void fvp_index_destroy(struct fvp_index *index)
{
	u32 t, r, l;

	if (!index->top)
		return;
	for (t = 0; t < index->top_count; t++) {
		for (r = 0; index->top[t] && r < TOP_REGIONS; r++) {
			struct fvp_region *region = index->top[t][r];

			if (!region)
				continue;
			for (l = 0; l < region_leaves(region); l++)
				kfree(region_leaf(region, l));
			kfree(rcu_dereference_protected(region->tab, 1));
			kfree(region);
		}
		kfree(index->top[t]);
		cond_resched();
	}
	kvfree(index->top);
	index->top = NULL;
}

/* What a dead extent says to a reader. */
static u32 dead_found(u64 e)
{
	if (!addr_special(e_addr(e)) || e_addr(e) == FVP_ADDR_NONE)
		return FVP_FOUND_NOTHING;
	return e_addr(e) == FVP_ADDR_LOST ? FVP_FOUND_LOST : FVP_FOUND_ZERO;
}

static struct fvp_hit region_lookup(struct fvp_region *region, u32 off, u32 len)
{
	struct fvp_hit hit = { .found = FVP_FOUND_NOTHING, .len_sectors = len, .addr = 0 };
	u32 leaf_end, nr, lo, hi, end;
	struct fvp_leaf *leaf = fvp_leaf_for_reader(region, off, &leaf_end);
	u64 e;

	if (unlikely(!leaf))
		return hit;
	nr = min_t(u32, READ_ONCE(leaf->nr), leaf->cap);
	/* lo: number of extents that begin at or before off. */
	lo = 0;
	hi = nr;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (e_off(leaf->e[mid]) <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo) {
		e = leaf->e[lo - 1];
		end = e_end(e);
		if (off < end && !e_dead(e)) {
			hit.found = FVP_FOUND_DATA;
			hit.addr = e_addr(e) + (off - e_off(e));
			/* Neighbours that go on, in the volume and on flash. */
			while (end < off + len && lo < nr) {
				e = leaf->e[lo++];
				if (e_off(e) != end || e_dead(e) ||
				    e_addr(e) != hit.addr + (end - off))
					break;
				end = e_end(e);
			}
			hit.len_sectors = min(len, end - off);
			return hit;
		}
		if (off < end && dead_found(e)) {
			hit.found = dead_found(e);
			hit.len_sectors = min(len, end - off);
			return hit;
		}
	}
	/* A miss runs to the next extent that says something, or as far as this leaf can tell. */
	while (lo < nr && e_dead(leaf->e[lo]) && !dead_found(leaf->e[lo]))
		lo++;
	end = lo < nr ? e_off(leaf->e[lo]) : leaf_end;
	if (end > off && end - off < len)
		hit.len_sectors = end - off;
	return hit;
}

struct fvp_hit fvp_index_lookup(struct fvp_index *index, u64 lba, u32 len_sectors)
{
	struct fvp_region *region = fvp_index_region(index, lba);
	u32 off = lba & (REGION_SECTORS - 1);
	struct fvp_hit hit = { .len_sectors = min(len_sectors, REGION_SECTORS - off) };
	u32 len = hit.len_sectors;
	unsigned int seq;

	if (!region)
		return hit;
	rcu_read_lock();
	do {
		seq = read_seqcount_begin(&region->seq);
		hit = region_lookup(region, off, len);
	} while (read_seqcount_retry(&region->seq, seq));
	rcu_read_unlock();
	return hit;
}

/*
 * Finds the first extent that ends after off, and where it stands.  Region lock
 * held.
 */
bool fvp_region_next(struct fvp_region *region, u32 off, struct fvp_cursor *cur)
{
	u32 li = fvp_region_leaf_for(region, off), count = region_leaves(region);

	lockdep_assert_held(&region->lock);
	for (; li < count; li++) {
		struct fvp_leaf *leaf = region_leaf(region, li);
		u32 i = fvp_leaf_first_after(leaf, off);

		if (i < leaf->nr) {
			cur->leaf = leaf;
			cur->leaf_number = li;
			cur->pos = i;
			cur->e = leaf->e[i];
			return true;
		}
	}
	return false;
}

void fvp_index_walk(struct fvp_index *index, u64 lba, u64 len_sectors,
		    void (*fn)(void *arg, u64 lba, u32 len_sectors, u64 addr, bool dead), void *arg)
{
	u64 end = lba + len_sectors;

	while (lba < end) {
		struct fvp_region *region = fvp_index_region(index, lba);
		u64 base = lba & ~(u64)(REGION_SECTORS - 1);
		u64 stop = min_t(u64, end, base + REGION_SECTORS);
		struct fvp_cursor cur;
		u32 off = (u32)(lba - base);

		if (region) {
			spin_lock(&region->lock);
			while (fvp_region_next(region, off, &cur) && base + e_off(cur.e) < stop) {
				u32 from = max(off, e_off(cur.e));
				u32 to = min_t(u32, e_end(cur.e), (u32)(stop - base));
				u64 addr = e_addr(cur.e);

				if (!addr_special(addr))
					addr += from - e_off(cur.e);
				fn(arg, base + from, to - from, addr, e_dead(cur.e));
				off = to;
				if (base + off >= stop)
					break;
			}
			spin_unlock(&region->lock);
			cond_resched();
		}
		lba = stop;
	}
}

bool fvp_index_overlaps(struct fvp_index *index, u64 lba, u64 len_sectors)
{
	u64 end = lba + len_sectors;
	bool found = false;

	while (lba < end && !found) {
		u64 number = lba >> REGION_SHIFT;
		struct fvp_region *region = fvp_index_region(index, lba);
		u64 base = number << REGION_SHIFT;
		struct fvp_cursor cur;

		if (region) {
			spin_lock(&region->lock);
			found = fvp_region_next(region, (u32)(lba - base), &cur) &&
				base + e_off(cur.e) < end;
			spin_unlock(&region->lock);
		}
		lba = base + REGION_SECTORS;
		/* Nothing below a missing top entry: skip 32 GiB at once. */
		if (!region && (number >> TOP_SHIFT) < index->top_count &&
		    !READ_ONCE(index->top[number >> TOP_SHIFT]))
			lba = ((number >> TOP_SHIFT) + 1) << (TOP_SHIFT + REGION_SHIFT);
	}
	return found;
}

static int region_check(struct fvp_region *region, u64 *extents, u64 *live)
{
	u32 li, i, end = 0, count = region_leaves(region);

	for (li = 0; li < count; li++) {
		struct fvp_leaf *leaf = region_leaf(region, li);
		struct fvp_leaf_table *tab = region_table(region);

		if (leaf->nr > leaf->cap)
			return -EUCLEAN;
		for (i = 0; i < leaf->nr; i++) {
			u64 e = leaf->e[i];

			if (e_off(e) < end || e_end(e) > REGION_SECTORS)
				return -EUCLEAN;
			if (tab && li && e_off(e) < table_keys(tab)[li])
				return -EUCLEAN;
			if (tab && li + 1 < count && e_end(e) > table_keys(tab)[li + 1])
				return -EUCLEAN;
			end = e_end(e);
			(*extents)++;
			if (!e_dead(e))
				*live += e_len(e);
		}
	}
	return 0;
}

int fvp_index_check(struct fvp_index *index)
{
	u64 extents = 0, live = 0;
	u32 t, r;
	int err = 0;

	for (t = 0; t < index->top_count && !err; t++) {
		for (r = 0; index->top[t] && r < TOP_REGIONS && !err; r++) {
			struct fvp_region *region = index->top[t][r];

			if (!region)
				continue;
			spin_lock(&region->lock);
			err = region_check(region, &extents, &live);
			spin_unlock(&region->lock);
		}
	}
	if (!err && (extents != (u64)atomic64_read(&index->extents) ||
		     live != (u64)atomic64_read(&index->live_sectors)))
		err = -EUCLEAN;
	return err;
}

u64 fvp_index_bytes(const struct fvp_index *index)
{
	return (u64)atomic64_read(&index->bytes);
}
