/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Activation: finding the live segments, then loading the clean index behind the
 * I/O that is already served.
 *
 * Segments load newest first and entries within one last first, each only into
 * what is still unmapped: so the newest content of a sector wins and the order of
 * loading is the only bookkeeping.  Until all is loaded absence proves nothing:
 * writes put a tombstone in any case (write.c), and mark what they supersede.
 */
#ifndef FVP_LOAD_H
#define FVP_LOAD_H

#include "env.h"

struct fvp_pool;

/*
 * Reads all segment headers and sorts out which segments are live.  Sets
 * log.next_gen.  0 or -errno.  Sleeps.
 */
int fvp_load_scan(struct fvp_pool *pool, char *err, size_t err_len);

/* May flash hold the only copy of acknowledged writes?  By the superblock. */
bool fvp_load_may_be_dirty(const struct fvp_pool *pool);

/*
 * Nothing is lost yet, and nothing is to be guessed: what may hold acknowledged writes
 * has to be readable.  -EUCLEAN, and what to do about it in err.
 */
int fvp_load_dirty_missing(struct fvp_pool *pool, u64 gen, char *err, size_t err_len);

/*
 * Loads the segments that may hold dirty data, newest first; they must be readable.  Before
 * any I/O is served.  0 or -errno with a message in err.  Sleeps.
 */
int fvp_load_dirty(struct fvp_pool *pool, char *err, size_t err_len);

/* Worker: loads the index. */
void fvp_load_work(struct work_struct *work);

#endif /* FVP_LOAD_H */
