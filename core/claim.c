// SPDX-License-Identifier: GPL-2.0
/* See claim.h. */
#include "pool.h"
#include "claim.h"
#include "populate.h"

bool fvp_claim_take(struct fvp_volume *vol, struct fvp_claim *claim)
{
	struct interval_tree_node *other;

	lockdep_assert_held(&vol->lock);
	other = interval_tree_iter_first(&vol->claims, claim->range.start, claim->range.last);
	if (unlikely(other)) {
		list_add_tail(&claim->node, &container_of(other, struct fvp_claim, range)->waiting);
		fvp_stat_inc(vol, write_waits);
		return false;
	}
	interval_tree_insert(&claim->range, &vol->claims);
	if (!RB_EMPTY_ROOT(&vol->fills.rb_root))
		fvp_fill_cancel(vol, claim->range.start,
				claim->range.last - claim->range.start + 1);
	return true;
}

void fvp_claim_release(struct fvp_volume *vol, struct fvp_claim *claim, struct list_head *waiting)
{
	lockdep_assert_held(&vol->lock);
	interval_tree_remove(&claim->range, &vol->claims);
	if (unlikely(!list_empty(&claim->waiting)))
		list_splice_tail_init(&claim->waiting, waiting);
}

void fvp_claims_again(struct list_head *waiting)
{
	struct fvp_claim *claim, *tmp;

	list_for_each_entry_safe (claim, tmp, waiting, node) {
		list_del_init(&claim->node);
		claim->again(claim);
	}
}
