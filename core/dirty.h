/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a volume's origin does not have yet: a queue of the volume's dirty entries in
 * log order.  Writers add at its end, together with the reservation in the log; the
 * destager reads from its head, and retires.  24 bytes an entry.
 */
#ifndef FVP_DIRTY_H
#define FVP_DIRTY_H

#include "env.h"
#include "record.h"

struct fvp_append;
struct fvp_pool;
struct fvp_segment;
struct fvp_volume;

struct fvp_dirty_entry {
	u64 lba : 55;
	u64 failed : 1; /* never got into the log: to be passed by */
	u64 kind : 8; /* enum fvp_entry_kind: data, zero, discard */
	u64 addr : 40; /* of the data in the pool; else its place in the log as an address */
	u64 len_sectors : 24;
	u32 crc;
	u32 epoch; /* of the guest's flushes */
};

#define FVP_DIRTY_LEN_MAX (1u << 21) /* of an entry without data: 1 GiB */
#define FVP_DIRTY_CHUNK 168

struct fvp_dirty_chunk {
	struct list_head node;
	u64 born_ns; /* of its first entry */
	u32 first, end; /* entries in use: [first, end) */
	struct fvp_dirty_entry e[FVP_DIRTY_CHUNK];
};

_Static_assert(sizeof(struct fvp_dirty_entry) == 24, "dirty entry");
_Static_assert(sizeof(struct fvp_dirty_chunk) <= 4096, "a chunk is a page");

/* In struct fvp_volume; under vol->lock. */
struct fvp_dirty {
	struct list_head chunks;
	struct fvp_dirty_chunk *spare;
	u64 entries;
	u64 in, out; /* sectors ever added, and retired; without data an entry counts as one */
	u32 epoch;
	u32 acked; /* the latest epoch of which a write has been acknowledged; any context, READ_ONCE */
	bool epoch_used; /* something is in it */
};

/* A walk over the queue from its head.  Whoever retires is the only one to walk. */
struct fvp_dirty_cursor {
	struct fvp_dirty_chunk *chunk;
	u32 at;
};

void fvp_dirty_init(struct fvp_volume *vol);
/* The place in the log of the oldest dirty entry; all ones: nothing is dirty. */
u64 fvp_dirty_from(struct fvp_volume *vol);
/* Forgets all entries (closing a pool: they are on flash). */
void fvp_dirty_destroy(struct fvp_volume *vol);

static inline u32 fvp_dirty_weight(const struct fvp_dirty_entry *e)
{
	return e->kind == FVP_ENTRY_DATA ? (u32)e->len_sectors : 1;
}

/* Is there room for one more without allocating?  Caller holds vol->lock. */
static inline bool fvp_dirty_has_room(const struct fvp_dirty *dirty)
{
	return dirty->spare || (!list_empty(&dirty->chunks) &&
				list_last_entry(&dirty->chunks, struct fvp_dirty_chunk, node)->end <
					FVP_DIRTY_CHUNK);
}

/* Makes room.  0 or -ENOMEM.  Sleeps. */
int fvp_dirty_make_room(struct fvp_volume *vol);

/* Adds a reserved append; there is room.  Caller holds vol->lock. */
struct fvp_dirty_entry *fvp_dirty_push(struct fvp_volume *vol, const struct fvp_append *append);

/* At activation: adds an entry found on flash before all others.  0 or -ENOMEM. */
int fvp_dirty_push_front(struct fvp_volume *vol, struct fvp_segment *seg,
			 const struct fvp_entry *entry);

/* The guest has flushed, or ended a FUA write.  Caller holds vol->lock. */
void fvp_dirty_epoch_end(struct fvp_volume *vol);

/*
 * A write of the epoch is about to be acknowledged: flushes from now on have to end it.  Any
 * context, no lock; but for the first of an epoch it only looks.
 */
static inline void fvp_dirty_acked(struct fvp_dirty *dirty, u32 epoch)
{
	u32 old = READ_ONCE(dirty->acked);

	while (unlikely((s32)(epoch - old) > 0) && !try_cmpxchg(&dirty->acked, &old, epoch))
		;
}

/*
 * Has a flush that begins now to end the epoch?  Not while all of it is still under way: a
 * flush says nothing about that.  Caller holds vol->lock.
 */
static inline bool fvp_dirty_epoch_ends(const struct fvp_dirty *dirty)
{
	return dirty->epoch_used && (s32)(dirty->epoch - READ_ONCE(dirty->acked)) <= 0;
}

/* How many epochs are dirty, the open one included.  Process context. */
u32 fvp_dirty_epochs(struct fvp_volume *vol);

/* The entry at the cursor (NULL: none), and the next.  Caller holds vol->lock. */
void fvp_dirty_begin(struct fvp_volume *vol, struct fvp_dirty_cursor *cur);
struct fvp_dirty_entry *fvp_dirty_at(struct fvp_volume *vol, struct fvp_dirty_cursor *cur);

/* Place of an entry in the log. */
u64 fvp_dirty_place(struct fvp_pool *pool, const struct fvp_dirty_entry *e);

/*
 * Retires the first count entries: their segments are free of them.  Any waiter for
 * room is woken.  Process context.
 */
void fvp_dirty_retire(struct fvp_volume *vol, u32 count);

/* Is any of the range data or zeroes that the origin does not have?  Slow: for errors. */
bool fvp_dirty_covers(struct fvp_volume *vol, u64 lba, u32 len_sectors);

/* Sectors of all segments that hold dirty data, and the limit of that. */
u64 fvp_pool_dirty_span(struct fvp_pool *pool);
u64 fvp_pool_dirty_limit(struct fvp_pool *pool);

/* Span by limit in permille.  Any context. */
u32 fvp_pool_dirty_fill(const struct fvp_pool *pool);

#endif /* FVP_DIRTY_H */
