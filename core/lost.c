// SPDX-License-Identifier: GPL-2.0
/* See lost.h. */
#include "pool.h"
#include "destage.h"
#include "lost.h"
#include "write.h"

struct lost {
	struct interval_tree_node range; /* in vol->lost, inclusive, not overlapping; vol->lock */
	bool accepted; /* the administrator knows; vol->lock */
};

static void lost_insert(struct fvp_volume *vol, struct lost *lost, u64 first, u64 last)
{
	lost->range.start = first;
	lost->range.last = last;
	interval_tree_insert(&lost->range, &vol->lost);
	vol->lost_count++;
	vol->lost_open += !lost->accepted;
	vol->lost_sectors += last - first + 1;
}

/* Takes [first, last] out; `spare` is used, and set NULL, to cut one in two. */
static void lost_cut(struct fvp_volume *vol, u64 first, u64 last, struct lost **spare)
{
	struct interval_tree_node *node;
	struct lost *lost;
	u64 start, end;

	while ((node = interval_tree_iter_first(&vol->lost, first, last))) {
		lost = container_of(node, struct lost, range);
		start = node->start;
		end = node->last;
		interval_tree_remove(node, &vol->lost);
		vol->lost_count--;
		vol->lost_open -= !lost->accepted;
		vol->lost_sectors -= end - start + 1;
		if (start < first && end > last && *spare) {
			(*spare)->accepted = lost->accepted;
			lost_insert(vol, *spare, last + 1, end);
			*spare = NULL;
			end = last;
		}
		if (start < first)
			lost_insert(vol, lost, start, first - 1);
		else if (end > last)
			lost_insert(vol, lost, last + 1, end);
		else
			kfree(lost);
	}
}

void fvp_lost_add(struct fvp_volume *vol, u64 lba, u64 len_sectors)
{
	struct lost *lost = kmalloc(sizeof(*lost), GFP_NOIO | __GFP_NOFAIL);
	struct lost *spare = kmalloc(sizeof(*spare), GFP_NOIO | __GFP_NOFAIL);

	lost->accepted = false;
	spin_lock(&vol->lock);
	lost_cut(vol, lba, lba + len_sectors - 1, &spare);
	lost_insert(vol, lost, lba, lba + len_sectors - 1);
	spin_unlock(&vol->lock);
	kfree(spare);
}

void fvp_lost_remove(struct fvp_volume *vol, u64 lba, u64 len_sectors)
{
	struct lost *spare;

	if (!READ_ONCE(vol->lost_count))
		return;
	spare = kmalloc(sizeof(*spare), GFP_NOIO | __GFP_NOFAIL);
	spin_lock(&vol->lock);
	lost_cut(vol, lba, lba + len_sectors - 1, &spare);
	spin_unlock(&vol->lock);
	kfree(spare);
}

bool fvp_lost_overlaps(struct fvp_volume *vol, u64 lba, u64 len_sectors)
{
	bool found;

	spin_lock(&vol->lock);
	found = interval_tree_iter_first(&vol->lost, lba, lba + len_sectors - 1);
	spin_unlock(&vol->lock);
	return found;
}

void fvp_lost_clear(struct fvp_volume *vol)
{
	struct lost *spare = NULL;

	spin_lock(&vol->lock);
	lost_cut(vol, 0, ~0ULL, &spare);
	spin_unlock(&vol->lock);
}

u32 fvp_volume_lost(struct fvp_volume *vol, struct fvp_lost_range *out, u32 max)
{
	struct interval_tree_node *node;
	u32 n = 0;

	spin_lock(&vol->lock);
	for (node = interval_tree_iter_first(&vol->lost, 0, ~0ULL); node && n < max;
	     node = interval_tree_iter_next(node, 0, ~0ULL))
		out[n++] = (struct fvp_lost_range){ .lba = node->start,
						    .len_sectors = node->last - node->start + 1 };
	n = vol->lost_count;
	spin_unlock(&vol->lock);
	return n;
}

static void lost_accept(struct fvp_volume *vol)
{
	struct interval_tree_node *node;

	spin_lock(&vol->lock);
	for (node = interval_tree_iter_first(&vol->lost, 0, ~0ULL); node;
	     node = interval_tree_iter_next(node, 0, ~0ULL))
		container_of(node, struct lost, range)->accepted = true;
	WRITE_ONCE(vol->lost_open, 0);
	spin_unlock(&vol->lock);
}

/* The first range that has been accepted, copied; false: none. */
static bool lost_accepted(struct fvp_volume *vol, struct fvp_lost_range *range)
{
	struct interval_tree_node *node;

	spin_lock(&vol->lock);
	node = interval_tree_iter_first(&vol->lost, 0, ~0ULL);
	while (node && !container_of(node, struct lost, range)->accepted)
		node = interval_tree_iter_next(node, 0, ~0ULL);
	if (node)
		*range = (struct fvp_lost_range){ .lba = node->start,
						  .len_sectors = node->last - node->start + 1 };
	spin_unlock(&vol->lock);
	return node;
}

void fvp_volume_forget_lost(struct fvp_volume *vol)
{
	struct fvp_lost_range range;

	/* What turns out to be lost from here on has to be accepted anew. */
	lost_accept(vol);
	while (lost_accepted(vol, &range)) {
		/* What flash has of it must not come back at the next activation. */
		fvp_write_drop(vol, range.lba, range.len_sectors);
		fvp_lost_remove(vol, range.lba, range.len_sectors);
	}
	fvp_destage_hurry(vol->pool);
}
