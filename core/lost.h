/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dirty data that cannot be read any more, by range.  Never guessed: reading or writing it
 * is an error until an administrator accepts the loss.
 */
#ifndef FVP_LOST_H
#define FVP_LOST_H

#include "env.h"

struct fvp_volume;

/* Notes a range.  Short of memory it notes more: the whole volume.  Sleeps. */
void fvp_lost_add(struct fvp_volume *vol, u64 lba, u64 len_sectors);

/* The range has been written to the origin after all, or is superseded. */
void fvp_lost_remove(struct fvp_volume *vol, u64 lba, u64 len_sectors);

bool fvp_lost_overlaps(struct fvp_volume *vol, u64 lba, u64 len_sectors);

/* Forgets all without a word. */
void fvp_lost_clear(struct fvp_volume *vol);

#endif /* FVP_LOST_H */
