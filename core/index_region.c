// SPDX-License-Identifier: GPL-2.0
/*
 * Changing one region of the index: leaves, their table, extents.
 *
 * A change has two halves.  First room is made (leaves grow or split), which
 * may fail for want of memory and changes no mapping.  Then the mapping changes,
 * inside one write section of the region's sequence count, and cannot fail.
 */
#include "index_private.h"

#define INDEX_GFP (GFP_NOWAIT | __GFP_NOWARN)

/* Leaves fill a slab size class each: 5, 9, 13, 21, 29, 61 extents. */
static const u16 leaf_bytes[] = { 64, 96, 128, 192, 256, 512 };
#define LEAF_EXTENTS_MAX ((512 - sizeof(struct fvp_leaf)) / 8)
/* Neighbours that together hold at most this many become one. */
#define LEAF_EXTENTS_MERGE (LEAF_EXTENTS_MAX * 3 / 4)

static size_t leaf_size(u16 cap)
{
	return sizeof(struct fvp_leaf) + cap * sizeof(u64);
}

static struct fvp_leaf *leaf_alloc(struct fvp_index *index, u32 extents)
{
	struct fvp_leaf *leaf;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(leaf_bytes) - 1; i++)
		if (leaf_size(extents) <= leaf_bytes[i])
			break;
	leaf = kmalloc(leaf_bytes[i], INDEX_GFP);
	if (!leaf)
		return NULL;
	leaf->nr = 0;
	leaf->cap = (leaf_bytes[i] - sizeof(*leaf)) / sizeof(u64);
	atomic64_add(leaf_bytes[i], &index->bytes);
	return leaf;
}

static void leaf_free(struct fvp_index *index, struct fvp_leaf *leaf)
{
	atomic64_sub(leaf_size(leaf->cap), &index->bytes);
	kfree_rcu(leaf, rcu);
}

static size_t table_size(u32 cap)
{
	return sizeof(struct fvp_leaf_table) + cap * (sizeof(void *) + sizeof(u32));
}

/* A table of at least twice the leaves, holding what the region has now. */
static struct fvp_leaf_table *table_grow(struct fvp_index *index, struct fvp_region *region)
{
	u32 count = region_leaves(region), cap = max_t(u32, 4, count * 2), i;
	struct fvp_leaf_table *old = region_table(region), *tab;

	tab = kmalloc(table_size(cap), INDEX_GFP);
	if (!tab)
		return NULL;
	tab->cap = cap;
	tab->nr = count;
	for (i = 0; i < count; i++) {
		tab->leaf[i] = region_leaf(region, i);
		table_keys(tab)[i] = old ? table_keys(old)[i] : 0;
	}
	atomic64_add(table_size(cap), &index->bytes);
	return tab;
}

static void table_install(struct fvp_index *index, struct fvp_region *region,
			  struct fvp_leaf_table *tab)
{
	struct fvp_leaf_table *old = region_table(region);

	rcu_assign_pointer(region->tab, tab);
	if (old) {
		atomic64_sub(table_size(old->cap), &index->bytes);
		kfree_rcu(old, rcu);
	}
}

/* Returns the region of lba, made if it is not there; NULL without memory. */
struct fvp_region *fvp_index_region_grow(struct fvp_index *index, u64 lba)
{
	struct fvp_region *region = fvp_index_region(index, lba), **regions;
	u64 number = lba >> REGION_SHIFT, top = number >> TOP_SHIFT;

	if (region)
		return region;
	if (WARN_ON_ONCE(top >= index->top_count))
		return NULL;
	spin_lock(&index->grow_lock);
	regions = index->top[top];
	if (!regions) {
		regions = kcalloc(TOP_REGIONS, sizeof(*regions), INDEX_GFP);
		if (!regions)
			goto out;
		atomic64_add(TOP_REGIONS * sizeof(*regions), &index->bytes);
		/* Pairs with fvp_index_region(). */
		smp_store_release(&index->top[top], regions);
	}
	region = regions[number & (TOP_REGIONS - 1)];
	if (region)
		goto out;
	region = kzalloc(sizeof(*region), INDEX_GFP);
	if (!region)
		goto out;
	spin_lock_init(&region->lock);
	seqcount_spinlock_init(&region->seq, &region->lock);
	atomic64_add(sizeof(*region), &index->bytes);
	smp_store_release(&regions[number & (TOP_REGIONS - 1)], region);
out:
	spin_unlock(&index->grow_lock);
	return region;
}

/* Puts leaf in place of leaf number li. Inside a write section. */
static void region_set_leaf(struct fvp_region *region, u32 li, struct fvp_leaf *leaf)
{
	if (region_table(region))
		WRITE_ONCE(region_table(region)->leaf[li], leaf);
	else
		rcu_assign_pointer(region->only, leaf);
}

/*
 * Splits leaf li; the upper part goes to a new leaf behind it.  A writer that
 * appends leaves the lower leaf nearly full.
 */
static int leaf_split(struct fvp_index *index, struct fvp_region *region, u32 li, u32 off)
{
	struct fvp_leaf_table *tab = region_table(region), *grown = NULL;
	struct fvp_leaf *leaf = region_leaf(region, li), *right;
	u32 keep = leaf->nr / 2, i;

	if (off >= e_end(leaf->e[leaf->nr - 1]))
		keep = leaf->nr - 4;
	right = leaf_alloc(index, min_t(u32, LEAF_EXTENTS_MAX, leaf->nr - keep + 8));
	if (!right)
		return -ENOMEM;
	if (!tab || tab->nr == tab->cap) {
		grown = table_grow(index, region);
		if (!grown) {
			leaf_free(index, right);
			return -ENOMEM;
		}
	}
	right->nr = leaf->nr - keep;
	memcpy(right->e, leaf->e + keep, right->nr * sizeof(u64));

	write_seqcount_begin(&region->seq);
	if (grown)
		table_install(index, region, grown);
	tab = region_table(region);
	/* Pointers one by one: a reader must never see half of one. */
	for (i = tab->nr; i > li + 1; i--) {
		WRITE_ONCE(tab->leaf[i], tab->leaf[i - 1]);
		WRITE_ONCE(table_keys(tab)[i], table_keys(tab)[i - 1]);
	}
	/* Release: the new leaf is whole before a reader can find it. */
	smp_store_release(&tab->leaf[li + 1], right);
	WRITE_ONCE(table_keys(tab)[li + 1], e_off(right->e[0]));
	smp_store_release(&tab->nr, tab->nr + 1);
	WRITE_ONCE(leaf->nr, keep);
	write_seqcount_end(&region->seq);
	return 0;
}

/* Makes room for `extra` more extents in the leaf that covers off. */
static int region_prepare(struct fvp_index *index, struct fvp_region *region, u32 off, u32 extra)
{
	for (;;) {
		u32 li = fvp_region_leaf_for(region, off), need;
		struct fvp_leaf *leaf = region_leaf(region, li), *bigger;

		need = (leaf ? leaf->nr : 0) + extra;
		if (leaf && need <= leaf->cap)
			return 0;
		if (need > LEAF_EXTENTS_MAX) {
			if (leaf_split(index, region, li, off))
				return -ENOMEM;
			continue;
		}
		bigger = leaf_alloc(index, leaf ? need : 1);
		if (!bigger)
			return -ENOMEM;
		if (leaf) {
			bigger->nr = leaf->nr;
			memcpy(bigger->e, leaf->e, leaf->nr * sizeof(u64));
		}
		write_seqcount_begin(&region->seq);
		region_set_leaf(region, li, bigger);
		write_seqcount_end(&region->seq);
		if (leaf)
			leaf_free(index, leaf);
	}
}

static void leaf_insert(struct fvp_leaf *leaf, u32 pos, u64 e)
{
	memmove(leaf->e + pos + 1, leaf->e + pos, (leaf->nr - pos) * sizeof(u64));
	leaf->e[pos] = e;
	WRITE_ONCE(leaf->nr, leaf->nr + 1);
}

static void leaf_delete(struct fvp_leaf *leaf, u32 pos, u32 count)
{
	memmove(leaf->e + pos, leaf->e + pos + count, (leaf->nr - pos - count) * sizeof(u64));
	WRITE_ONCE(leaf->nr, leaf->nr - count);
}

/* Accounts for extents (count) and sectors (signed) of e coming or going. */
static void account(struct fvp_index *index, int extents, u64 e, s64 sectors)
{
	if (extents)
		atomic64_add(extents, &index->extents);
	if (!e_dead(e))
		atomic64_add(sectors, &index->live_sectors);
}

/*
 * Takes [off, end) out of the region.  Inside a write section; the leaf that
 * covers off has room for one more extent.
 */
static void region_carve(struct fvp_index *index, struct fvp_region *region, u32 off, u32 end)
{
	u32 li = fvp_region_leaf_for(region, off), count = region_leaves(region);

	for (; li < count; li++) {
		struct fvp_leaf *leaf = region_leaf(region, li);
		u32 i = fvp_leaf_first_after(leaf, off), j;
		u64 e;

		if (i < leaf->nr && e_off(leaf->e[i]) < off) {
			e = leaf->e[i];
			leaf->e[i] = e_cut_tail(e, off);
			if (e_end(e) > end) {
				account(index, 1, e, -(s64)(end - off));
				leaf_insert(leaf, i + 1, e_cut_front(e, end));
				return;
			}
			account(index, 0, e, -(s64)(e_end(e) - off));
			i++;
		}
		for (j = i; j < leaf->nr && e_end(leaf->e[j]) <= end; j++)
			account(index, -1, leaf->e[j], -(s64)e_len(leaf->e[j]));
		if (j < leaf->nr) {
			e = leaf->e[j];
			if (e_off(e) < end) {
				account(index, 0, e, -(s64)(end - e_off(e)));
				leaf->e[j] = e_cut_front(e, end);
			}
		}
		leaf_delete(leaf, i, j - i);
		/* An extent that begins at or behind end: done. */
		if (i < leaf->nr)
			return;
	}
}

static bool extends(u64 left, u64 right)
{
	if (e_end(left) != e_off(right) || e_dead(left) != e_dead(right) ||
	    e_len(left) + e_len(right) > EXTENT_SECTORS_MAX)
		return false;
	if (addr_special(e_addr(left)) || addr_special(e_addr(right)))
		return e_addr(left) == e_addr(right);
	return e_addr(left) + e_len(left) == e_addr(right);
}

/* Puts e where the region has nothing.  Inside a write section, with room. */
static void region_put(struct fvp_index *index, struct fvp_region *region, u64 e)
{
	struct fvp_leaf *leaf = region_leaf(region, fvp_region_leaf_for(region, e_off(e)));
	u32 i = fvp_leaf_first_after(leaf, e_off(e));

	account(index, 1, e, e_len(e));
	if (i && extends(leaf->e[i - 1], e)) {
		e = e_make(e_off(leaf->e[i - 1]), e_len(leaf->e[i - 1]) + e_len(e),
			   e_addr(leaf->e[i - 1]), e_dead(e));
		leaf->e[i - 1] = e;
		atomic64_dec(&index->extents);
		if (i < leaf->nr && extends(e, leaf->e[i])) {
			leaf->e[i - 1] = e_make(e_off(e), e_len(e) + e_len(leaf->e[i]), e_addr(e),
						e_dead(e));
			leaf_delete(leaf, i, 1);
			atomic64_dec(&index->extents);
		}
	} else if (i < leaf->nr && extends(e, leaf->e[i])) {
		leaf->e[i] = e_make(e_off(e), e_len(e) + e_len(leaf->e[i]), e_addr(e), e_dead(e));
		atomic64_dec(&index->extents);
	} else {
		leaf_insert(leaf, i, e);
	}
}

/* Drops leaf li from the table. The table keeps at least one leaf. */
static void table_drop(struct fvp_index *index, struct fvp_region *region, u32 li)
{
	struct fvp_leaf_table *tab = region_table(region);
	struct fvp_leaf *leaf = tab->leaf[li];
	u32 i;

	write_seqcount_begin(&region->seq);
	for (i = li; i + 1 < tab->nr; i++) {
		WRITE_ONCE(tab->leaf[i], tab->leaf[i + 1]);
		/* Leaf 0 covers from sector 0 on, whatever its key says. */
		WRITE_ONCE(table_keys(tab)[i], i ? table_keys(tab)[i + 1] : 0);
	}
	smp_store_release(&tab->nr, tab->nr - 1);
	write_seqcount_end(&region->seq);
	leaf_free(index, leaf);
}

/* Gives memory back around off: empty leaves go, small neighbours merge. */
static void region_tidy(struct fvp_index *index, struct fvp_region *region, u32 off)
{
	struct fvp_leaf_table *tab = region_table(region);
	u32 li;

	if (!tab)
		return;
	li = fvp_region_leaf_for(region, off);
	while (li < tab->nr && tab->nr > 1 && !tab->leaf[li]->nr)
		table_drop(index, region, li);
	li = min(li, tab->nr - 1);
	if (li)
		li--;
	while (li + 1 < tab->nr) {
		struct fvp_leaf *left = tab->leaf[li], *right = tab->leaf[li + 1];
		u32 sum = left->nr + right->nr;

		if (sum > left->cap || sum > LEAF_EXTENTS_MERGE)
			return;
		write_seqcount_begin(&region->seq);
		memcpy(left->e + left->nr, right->e, right->nr * sizeof(u64));
		WRITE_ONCE(left->nr, sum);
		write_seqcount_end(&region->seq);
		table_drop(index, region, li + 1);
	}
}

void fvp_region_kill(struct fvp_index *index, struct fvp_region *region, struct fvp_cursor *cur)
{
	write_seqcount_begin(&region->seq);
	account(index, 0, cur->e, -(s64)e_len(cur->e));
	cur->leaf->e[cur->pos] |= DEAD_BIT;
	write_seqcount_end(&region->seq);
}

/* Removes [off, end) of a region; never fails (see index.h). Region lock held. */
void fvp_region_remove(struct fvp_index *index, struct fvp_region *region, u32 off, u32 end)
{
	struct fvp_cursor cur;

	if (!fvp_region_next(region, off, &cur) || e_off(cur.e) >= end)
		return;
	if (e_off(cur.e) < off && e_end(cur.e) > end &&
	    region_prepare(index, region, e_off(cur.e), 1)) {
		/* No memory to cut it in two: the whole of it is not to be read. */
		fvp_region_kill(index, region, &cur);
		return;
	}
	write_seqcount_begin(&region->seq);
	region_carve(index, region, off, end);
	write_seqcount_end(&region->seq);
	region_tidy(index, region, off);
}

/*
 * Leaves behind the one that covers off now begin at `end` at the earliest, so
 * that an extent never reaches into another leaf's share.  They have nothing
 * before end.  Inside a write section.
 */
static void region_raise_keys(struct fvp_region *region, u32 off, u32 end)
{
	struct fvp_leaf_table *tab = region_table(region);
	u32 li = fvp_region_leaf_for(region, off) + 1;

	for (; tab && li < tab->nr && table_keys(tab)[li] < end; li++)
		WRITE_ONCE(table_keys(tab)[li], end);
}

/* An extent of just this range gets another address: the common case of overwriting. */
static __always_inline bool region_replace(struct fvp_region *region, u32 off, u32 len, u64 addr,
					   bool dead)
{
	struct fvp_leaf *leaf = region_leaf(region, fvp_region_leaf_for(region, off));
	u64 e, key = ((u64)off << OFF_SHIFT) | ((1ULL << OFF_SHIFT) - 1);
	u64 *base;
	unsigned long n, half;

	if (!leaf || !leaf->nr)
		return false;
	base = leaf->e;
	for (n = leaf->nr; n > 1; n -= half) {
		half = n / 2;
		base = base[half] <= key ? base + half : base;
	}
	e = *base;
	if (e_off(e) != off || e_len(e) != len || e_dead(e) != dead)
		return false;
	write_seqcount_begin(&region->seq);
	WRITE_ONCE(*base, e_make(off, len, addr, dead));
	write_seqcount_end(&region->seq);
	return true;
}

static noinline int region_insert(struct fvp_index *index, struct fvp_region *region, u32 off,
				  u32 len, u64 addr, bool dead)
{
	u32 pieces = DIV_ROUND_UP(len, EXTENT_SECTORS_MAX), at, n;

	/* The pieces, and one more for an extent that is cut in two. */
	if (region_prepare(index, region, off, pieces + 1))
		return -ENOMEM;
	write_seqcount_begin(&region->seq);
	region_carve(index, region, off, off + len);
	region_raise_keys(region, off, off + len);
	for (at = off; len; at += n, len -= n) {
		n = min(len, EXTENT_SECTORS_MAX);
		region_put(index, region, e_make(at, n, addr, dead));
		if (!addr_special(addr))
			addr += n;
	}
	write_seqcount_end(&region->seq);
	region_tidy(index, region, off);
	return 0;
}

/*
 * Replaces [off, off+len), of at most FVP_REGION_INSERT_MAX, by a mapping to addr;
 * -ENOMEM with nothing changed.
 */
int fvp_region_insert(struct fvp_index *index, struct fvp_region *region, u32 off, u32 len,
		      u64 addr, bool dead)
{
	if (likely(region_replace(region, off, len, addr, dead)))
		return 0;
	return region_insert(index, region, off, len, addr, dead);
}

/* Fills the gaps of [off, end) with a mapping; addr belongs to off. */
int fvp_region_insert_gaps(struct fvp_index *index, struct fvp_region *region, u32 off, u32 end,
			   u64 addr, bool dead)
{
	struct fvp_cursor cur;
	int err = 0;

	if (region->closed || index->closed)
		return 0;
	while (off < end && !err) {
		u32 stop = min(end, off + FVP_REGION_INSERT_MAX), next = stop;

		if (fvp_region_next(region, off, &cur) && e_off(cur.e) < stop) {
			stop = max(off, e_off(cur.e));
			next = min(end, e_end(cur.e));
		}
		if (stop > off)
			err = fvp_region_insert(index, region, off, stop - off, addr, dead);
		if (!addr_special(addr))
			addr += next - off;
		off = next;
	}
	return err;
}
