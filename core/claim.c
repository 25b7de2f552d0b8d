// SPDX-License-Identifier: GPL-2.0
/* See claim.h. */
#include "pool.h"
#include "claim.h"
#include "populate.h"

/*
 * The lone claim goes into the tree with the others: now it stays until vol->lock is had
 * by who gives it back.
 */
static void lone_settle(struct fvp_volume *vol)
{
	struct fvp_claim *lone = xchg(&vol->claim, NULL);

	if (lone)
		interval_tree_insert(&lone->range, &vol->claims);
}

struct fvp_claim *fvp_claim_find(struct fvp_volume *vol, u64 first, u64 last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&vol->lock);
	lone_settle(vol);
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
	interval_tree_insert(&claim->range, &vol->claims);
	fvp_fill_cancel(vol, claim->range.start, claim->range.last - claim->range.start + 1);
	return true;
}

bool fvp_claim_take(struct fvp_volume *vol, struct fvp_claim *claim)
{
	lockdep_assert_held(&vol->lock);
	/* Acquire: one that has just been given back without the lock has been before us. */
	if (unlikely(smp_load_acquire(&vol->claim) || !RB_EMPTY_ROOT(&vol->claims.rb_root) ||
		     !RB_EMPTY_ROOT(&vol->fills.rb_root)))
		return take_among(vol, claim);
	/* The tree costs more than all else here, and mostly there is but one. */
	WRITE_ONCE(vol->claim, claim);
	return true;
}

/* Who waits for a claim has put it into the tree: the lone one goes without the lock. */
static bool lone_release(struct fvp_volume *vol, struct fvp_claim *claim)
{
	return cmpxchg(&vol->claim, claim, NULL) == claim;
}

void fvp_claim_release(struct fvp_volume *vol, struct fvp_claim *claim)
{
	lockdep_assert_held(&vol->lock);
	if (!lone_release(vol, claim))
		interval_tree_remove(&claim->range, &vol->claims);
}

void fvp_claim_end(struct fvp_volume *vol, struct fvp_claim *claim)
{
	if (likely(lone_release(vol, claim)))
		return;
	spin_lock(&vol->lock);
	interval_tree_remove(&claim->range, &vol->claims);
	spin_unlock(&vol->lock);
	fvp_claims_again(claim);
}

void fvp_claims_again(struct fvp_claim *claim)
{
	struct fvp_claim *other, *tmp;

	list_for_each_entry_safe (other, tmp, &claim->waiting, node) {
		list_del_init(&other->node);
		other->again(other);
	}
}
