/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Segments: the unit in which flash is opened, appended to, sealed and
 * reclaimed.
 *
 *	FREE -> OPEN -> SEALING -> LIVE -> FREE
 *
 * A segment is opened with a generation one above the newest: generations order
 * segments, records within one are ordered by place.  Reclaim takes the oldest.
 * Before a segment is reused the superblock's tail generation has passed it
 * durably, so a replay never mixes what it held with what came later (I13).
 */
#ifndef FVP_SEGMENT_H
#define FVP_SEGMENT_H

#include "env.h"
#include "host.h"
#include "record.h"

struct fvp_log_buffer;
struct fvp_pool;

enum fvp_segment_state {
	FVP_SEGMENT_FREE,
	FVP_SEGMENT_OPEN, /* current or next of the log */
	FVP_SEGMENT_SEALING, /* full; records or summary still in flight */
	FVP_SEGMENT_LIVE, /* sealed, or found at activation */
};

struct fvp_segment {
	/*
	 * The whole segment's content while not all of it is durable, else NULL.
	 * Read under pool->reads; freed after a grace period of that.
	 */
	void *ram;
	struct fvp_log_buffer *buffer; /* that it is in; the log's */
	struct fvp_dev *dev; /* immutable */
	u64 sector; /* immutable: where it begins on dev */
	u64 gen;
	u64 seq; /* of its header */
	struct list_head node; /* in free or order; segs->lock */
	u32 pending; /* records in flight; log->lock */
	u32 dirty; /* entries that the origin does not have; log->lock */
	u32 entry_count; /* once it takes no more */
	u8 state; /* enum fvp_segment_state; segs->lock */
	u8 legs; /* replica legs that have what is dirty in it: a bit each; pool->leg_lock */
	bool sealed; /* found at activation with a summary */
};

struct fvp_segments {
	spinlock_t lock; /* irq-safe, innermost: protects lists, counts, states */
	struct list_head free; /* reused in the order in which they came free */
	struct list_head order; /* the others, by generation */
	u32 free_count;
	u32 reserve; /* reclaim keeps this many free */
};

/*
 * A place in the log as one number: everything before it was appended before.
 * (Generations stay below 2^47, segments below 2^16 sectors.)
 */
#define FVP_PLACE_POS_BITS 16
static inline u64 fvp_place(u64 gen, u32 pos_sectors)
{
	return gen << FVP_PLACE_POS_BITS | pos_sectors;
}

static inline u64 fvp_place_gen(u64 place)
{
	return place >> FVP_PLACE_POS_BITS;
}

static inline u32 fvp_place_pos(u64 place)
{
	return (u32)(place & ((1u << FVP_PLACE_POS_BITS) - 1));
}

/* Takes the longest-free segment and makes it OPEN with that generation; NULL if none. */
struct fvp_segment *fvp_segment_take(struct fvp_pool *pool, u64 gen);
void fvp_segment_release(struct fvp_pool *pool, struct fvp_segment *seg);
void fvp_segment_set_state(struct fvp_pool *pool, struct fvp_segment *seg, u8 state);
/* The oldest segment without dirty data if it is LIVE, else NULL. */
struct fvp_segment *fvp_segment_oldest(struct fvp_pool *pool);
u32 fvp_segment_free_count(struct fvp_pool *pool);

/*
 * Entries of a segment as its media has them, decoded and verified, in log
 * order: from the summary, or where there is none by a scan of everything in it,
 * data checksums included (I5: holes do not end it).
 */
struct fvp_segment_entries {
	struct fvp_entry *entry; /* kvmalloc'ed */
	u32 count;
	bool sealed; /* from a summary */
	u64 bytes_read;
};

/*
 * The newest generation of any record on the segment, whose header is damaged, and the
 * sequence number that the header had; 0: it has no records of this pool.  0 or -errno.
 * Sleeps.
 */
int fvp_segment_read_generation(struct fvp_pool *pool, struct fvp_segment *seg, u64 *gen, u64 *seq);

/* 0 or -errno; free with kvfree(out->entry).  Sleeps. */
int fvp_segment_read_entries(struct fvp_pool *pool, struct fvp_segment *seg,
			     struct fvp_segment_entries *out);

#endif /* FVP_SEGMENT_H */
