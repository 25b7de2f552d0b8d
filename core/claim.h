/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A write's claim of its range while it is on its way: until its place in the log and
 * in the index is settled (write-back), or the origin has it (other modes).
 * Overlapping claims are had one after the other, in the order of asking.
 */
#ifndef FVP_CLAIM_H
#define FVP_CLAIM_H

#include "env.h"

struct fvp_volume;

struct fvp_claim {
	struct interval_tree_node range; /* in vol->claims, or vol->claim's; inclusive; vol->lock */
	struct list_head waiting; /* claims that wait for this one; vol->lock */
	struct list_head node; /* in another's waiting */
	/* The claim it waited for is gone: ask again.  Process context. */
	void (*again)(struct fvp_claim *claim);
};

static inline void fvp_claim_init(struct fvp_claim *claim, u64 lba, u64 len_sectors,
				  void (*again)(struct fvp_claim *claim))
{
	claim->range.start = lba;
	claim->range.last = lba + len_sectors - 1;
	INIT_LIST_HEAD(&claim->waiting);
	claim->again = again;
}

/* A claim that overlaps, or NULL; it stays while the caller holds vol->lock. */
struct fvp_claim *fvp_claim_find(struct fvp_volume *vol, u64 first, u64 last);

/*
 * True: had, and fills of the range are cancelled.  False: another has it; again()
 * follows.  Caller holds vol->lock.
 */
bool fvp_claim_take(struct fvp_volume *vol, struct fvp_claim *claim);

/*
 * Gives a claim back.  Nobody waits for it any more after that; those that do (none if the
 * lock was held all the time) are for fvp_claims_again() without the lock.  Caller holds
 * vol->lock.
 */
void fvp_claim_release(struct fvp_volume *vol, struct fvp_claim *claim);
void fvp_claims_again(struct fvp_claim *claim);

/* Both, without vol->lock, which is taken only if another claim came meanwhile. */
void fvp_claim_end(struct fvp_volume *vol, struct fvp_claim *claim);

#endif /* FVP_CLAIM_H */
