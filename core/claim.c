// SPDX-License-Identifier: GPL-2.0
/* See claim.h. */
#include "pool.h"
#include "claim.h"
#include "populate.h"

struct fvp_claim *fvp_claim_find(struct fvp_volume *vol, u64 first, u64 last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&vol->lock);
	if (vol->claim && vol->claim->range.start <= last && first <= vol->claim->range.last)
		return vol->claim;
	if (likely(RB_EMPTY_ROOT(&vol->claims.rb_root)))
		return NULL;
	node = interval_tree_iter_first(&vol->claims, first, last);
	return node ? container_of(node, struct fvp_claim, range) : NULL;
}

/* There are other claims, or fills. */
static noinline bool take_among(struct fvp_volume *vol, struct fvp_claim *claim)
{
	struct fvp_claim *other = fvp_claim_find(vol, claim->range.start, claim->range.last);

	if (unlikely(other)) {
		list_add_tail(&claim->node, &other->waiting);
		fvp_stat_inc(vol, write_waits);
		return false;
	}
	if (!vol->claim)
		vol->claim = claim;
	else
		interval_tree_insert(&claim->range, &vol->claims);
	fvp_fill_cancel(vol, claim->range.start, claim->range.last - claim->range.start + 1);
	return true;
}

bool fvp_claim_take(struct fvp_volume *vol, struct fvp_claim *claim)
{
	lockdep_assert_held(&vol->lock);
	if (unlikely(vol->claim || !RB_EMPTY_ROOT(&vol->claims.rb_root) ||
		     !RB_EMPTY_ROOT(&vol->fills.rb_root)))
		return take_among(vol, claim);
	/* The tree costs more than all else here, and mostly there is but one. */
	vol->claim = claim;
	return true;
}

void fvp_claim_release(struct fvp_volume *vol, struct fvp_claim *claim)
{
	lockdep_assert_held(&vol->lock);
	if (likely(vol->claim == claim))
		vol->claim = NULL;
	else
		interval_tree_remove(&claim->range, &vol->claims);
}

void fvp_claims_again(struct fvp_claim *claim)
{
	struct fvp_claim *other, *tmp;

	list_for_each_entry_safe (other, tmp, &claim->waiting, node) {
		list_del_init(&other->node);
		other->again(other);
	}
}
