/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fills and origins with a volatile cache.
 *
 * Such an origin may lose, at a power cut, writes that it acknowledged and nobody
 * flushed.  Flash must not keep what the origin then no longer has: a sector would
 * read new, and after eviction old (I6).  So fills of such a volume are *unsettled*
 * on flash until the origin has been flushed after them; a settled entry in the log
 * then says up to where.  A replay treats unsettled data as absent.
 *
 * A guest's own flushes do it; without one the origin is flushed every few seconds
 * as long as there are unsettled fills, and at suspend.
 */
#ifndef FVP_SETTLE_H
#define FVP_SETTLE_H

#include "env.h"
#include "record.h"
#include "segment.h"

struct fvp_pool;
struct fvp_volume;

void fvp_settle_init(struct fvp_volume *vol);

/* A fill is about to be published: entry flags for it.  Caller holds vol->lock. */
u16 fvp_settle_fill(struct fvp_volume *vol);

/* A flush is about to go to the origin: what it will settle. Any context. */
u64 fvp_settle_mark(struct fvp_volume *vol);

/* That flush has succeeded.  Any context. */
void fvp_settle_flushed(struct fvp_volume *vol, u64 place);

/* Settles all fills so far, before a suspend: flushes the origin and notes it.  Sleeps. */
void fvp_settle_now(struct fvp_volume *vol);

/* Loading: takes note of a settled entry. */
void fvp_settle_load(struct fvp_volume *vol, const struct fvp_entry *entry);
/* Loading: may this data of segment generation gen be believed? */
bool fvp_settle_believed(const struct fvp_volume *vol, u64 gen, const struct fvp_entry *entry);

#endif /* FVP_SETTLE_H */
