/* SPDX-License-Identifier: GPL-2.0 */
/* A guest's bio and the request core makes of it; the bios of core's own I/O. */
#ifndef FVP_BIO_H
#define FVP_BIO_H

#include <linux/bio.h>
#include <linux/device-mapper.h>

#include "hit.h"

/* dm's per-bio data.  Not zeroed: a hit writes only what it needs. */
struct fvp_bio {
	struct fvp_request rq;
	struct bio *bio;
	/* To send or copy the data anew after a device advanced bi_iter. */
	u32 bvec_idx;
	u32 bvec_done;
	u16 bio_flags;
	bool completed; /* by core, not by a device: end_io lets it pass */
};

/*
 * Notes what is needed later, before fvp_request_map().  The first part of rq is
 * the caller's.
 */
static inline void fvp_bio_begin(struct fvp_bio *fb, struct bio *bio)
{
	/* dm would look for it each time. */
	fb->bio = bio;
	fb->bvec_idx = bio->bi_iter.bi_idx;
	fb->bvec_done = bio->bi_iter.bi_bvec_done;
	fb->bio_flags = bio->bi_flags;
	fb->completed = false;
}

int fvp_bio_init(void);
void fvp_bio_exit(void);

#endif /* FVP_BIO_H */
