/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log: where entries and data go on flash.
 *
 * There is one current segment.  An append reserves a place in the open record,
 * its caller copies the data into the segment's RAM buffer, and commits.  A record
 * is closed and submitted, as one I/O, as soon as nobody copies into it and fewer
 * than FVP_LOG_INFLIGHT records are in flight; else it keeps gathering: group
 * commit without a timer.  Records complete in any order.
 *
 * The next segment is opened (its header durable) ahead of need by a worker, and a
 * full one is sealed by another.
 */
#ifndef FVP_LOG_H
#define FVP_LOG_H

#include "env.h"
#include "host.h"
#include "record.h"
#include "segment.h"

#define FVP_LOG_INFLIGHT 4
#define FVP_LOG_RECORDS 32 /* records open, copied into or in flight; a power of two */
/* Segment buffers: current, next and those being sealed; more of them if they are small. */
#define FVP_LOG_BUFFERS_MIN 3
#define FVP_LOG_BUFFERS_MAX 8
#define FVP_LOG_BUFFERS_SECTORS 32768 /* 16 MiB in all, where the minimum allows */

_Static_assert(!(FVP_LOG_RECORDS & (FVP_LOG_RECORDS - 1)), "numbers of records wrap around");

/* RAM for a segment while not all of it is durable everywhere. */
struct fvp_log_buffer {
	void *mem;
	struct fvp_mem *mem_of;
	atomic_t refs; /* its segment, and I/O to legs that the leg has not given back */
};

/* That a replica leg may hold up by not giving I/O back. */
#define FVP_LOG_BUFFERS_LEG 2
#define FVP_LOG_BUFFERS (FVP_LOG_BUFFERS_MAX + FVP_LEGS_MAX * FVP_LOG_BUFFERS_LEG)

struct fvp_log_record {
	struct fvp_pool *pool;
	struct fvp_segment *seg;
	struct fvp_append *appends; /* that have a done(), in order; log->lock until it is sent */
	struct fvp_append **appends_end;
	u64 seq;
	u32 start; /* sector in the segment, of the log block whose end is the header */
	u32 len_sectors; /* from there on */
	u32 entry_first; /* number in the segment */
	u32 entry_count;
	u32 writers; /* still copying */
	bool closed; /* takes no more */
	bool durable; /* FUA */
	bool sync; /* somebody waits for it */
	bool done; /* written, or failed: free as soon as all before it are */
	u8 legs; /* replica legs that are to have it, too: a bit each */
	atomic_t pending; /* if there are any: devices that do not have it yet */
	u64 begun; /* of fvp_stat_clock(), when flash got it */
	u64 flash_ns; /* how long flash took */
	struct fvp_io io;
};

/* Something that waits for room in the log; its work is queued when there may be some. */
struct fvp_log_waiter {
	struct list_head node;
	struct work_struct *work;
	struct workqueue_struct *wq;
};

/* A segment has fewer records. */
#define FVP_LOG_SEQ_BITS 24
/*
 * An activation's first number is a multiple of so many bits more: the sequence runs ahead
 * of a segment by two, as the next one is open by then.
 */
#define FVP_LOG_SEQ_FROM_BITS (FVP_LOG_SEQ_BITS + 2)

/* The sequence number of a segment's header. */
static inline u64 fvp_log_header_seq(u64 seq_from, u64 gen)
{
	return seq_from + (gen << FVP_LOG_SEQ_BITS);
}

struct fvp_log {
	spinlock_t lock; /* irq-safe: protects all below */
	struct fvp_segment *cur;
	struct fvp_segment *next; /* ready to be current */
	u32 pos; /* next free sector of cur */
	u32 entry_count; /* in cur, open record included */
	struct fvp_log_record *open;
	u32 inflight;
	u64 seq; /* of the next record */
	u64 next_gen;
	u64 seq_from; /* immutable: no earlier activation has given this out */
	/*
	 * Records in log order, open, being copied into or in flight: records[n % FVP_LOG_RECORDS]
	 * for n from records_from to records_to.  The others are free.
	 */
	u32 records_from, records_to;
	u64 head; /* place behind the last reservation */
	u64 dirty_entries; /* that are not retired, all volumes */
	u64 dirty_gen; /* of the oldest segment with any; if there are any */
	u32 dirty_segments; /* with any */
	u32 dirty_fill; /* permille of the limit; see fvp_pool_dirty_fill() */
	bool dirty_last; /* not more than one segment may still become dirty; READ_ONCE */
	struct list_head waiters;
	struct fvp_segment *full[FVP_LOG_BUFFERS]; /* segments that wait for their seal */
	struct fvp_log_buffer buffer[FVP_LOG_BUFFERS]; /* with memory, in use or not; or without */
	struct fvp_log_record records[FVP_LOG_RECORDS];
	struct work_struct submit_work; /* closes the open record after completions */
};

/* Who may use the last room. */
enum fvp_log_class {
	FVP_LOG_FILL, /* only while a free segment stays behind, and dirty data has room */
	FVP_LOG_COMMIT, /* dirty data: likewise, up to the dirty limit */
	FVP_LOG_WRITE, /* tombstones: all there is, but for what destaging needs */
	FVP_LOG_DESTAGE, /* all there is: it makes room */
};

struct fvp_append {
	/* In. */
	u64 lba;
	u32 volume;
	u32 len_sectors;
	u16 kind; /* enum fvp_entry_kind */
	u16 flags; /* FVP_ENTRY_*; may be set until the commit */
	u32 arg;
	u8 legs; /* replica legs that are to have it, if they are in the set */
	bool fua; /* durable when done, whatever cache the device has */
	/*
	 * If set: runs when the record is written, or failed (error != 0).  May run in
	 * interrupt context.
	 */
	void (*done)(struct fvp_append *append, int error);

	/* Out. */
	struct fvp_append *next; /* of the record's */
	struct fvp_log_record *record;
	struct fvp_disk_entry *disk;
	void *data; /* copy the data here */
	u64 addr; /* in the pool */
	u32 offset_sectors; /* in the segment */
};

int fvp_log_init(struct fvp_pool *pool);
void fvp_log_destroy(struct fvp_pool *pool);

/*
 * Reserves a place.  0: the caller must call fvp_log_commit() soon, without
 * waiting for other I/O.  -EAGAIN: no room now; waiter, if given, is kicked when
 * there may be.  -EIO: flash has failed.  Process context; does not sleep.
 */
int fvp_log_reserve(struct fvp_pool *pool, struct fvp_append *append, enum fvp_log_class class,
		    struct fvp_log_waiter *waiter);

/*
 * The same under a spinlock: a record that is full is not submitted but returned in
 * *closed, for fvp_log_submit_closed() without the lock.
 */
int fvp_log_reserve_locked(struct fvp_pool *pool, struct fvp_append *append,
			   enum fvp_log_class class, struct fvp_log_waiter *waiter,
			   struct fvp_log_record **closed);
void fvp_log_submit_closed(struct fvp_log_record *closed);

/*
 * Everything that lies before this place has been written (or failed).  Any context.
 */
u64 fvp_log_written(struct fvp_pool *pool);

/* A segment has no dirty entries any more: notes the oldest that has.  Any context. */
void fvp_log_dirty_advance(struct fvp_pool *pool);

/* So many segments may have dirty data from now on: whoever waits for room looks again.  Any context. */
void fvp_log_dirty_limit(struct fvp_pool *pool, u32 segments);

/*
 * The data is in place (crc: of it), or keep is false: then the entry is void, and
 * done() is not called.  The append belongs to the log until done(), if it has one.
 * Process context, may sleep (submits I/O).
 */
void fvp_log_commit(struct fvp_pool *pool, struct fvp_append *append, u32 crc, bool keep);

/* One of the devices that record->pending counts has it, or need not.  Any context. */
void fvp_log_record_put(struct fvp_log_record *record);

/*
 * Ends segments that were opened before a leg came.  True: the current one and what
 * comes is on the leg.  False: not yet; try again later.  Process context.
 */
bool fvp_log_turn(struct fvp_pool *pool, u8 leg_bit);

/* A buffer is in use by one more, or one less.  Any context. */
void fvp_log_buffer_hold(struct fvp_log_buffer *buffer);
void fvp_log_buffer_put(struct fvp_pool *pool, struct fvp_log_buffer *buffer);
/* More of them, for a leg that may hold some up.  0 or -ENOMEM.  Sleeps. */
int fvp_log_buffers_add(struct fvp_pool *pool, u32 count);

/* Wakes everything that waits for room. Any context. */
void fvp_log_wake(struct fvp_pool *pool);

/* No record open or in flight? */
bool fvp_log_idle(struct fvp_pool *pool);

/* Seals the current segment and waits until nothing is in flight.  For closing. Sleeps. */
void fvp_log_stop(struct fvp_pool *pool);

/* Writes the header of a segment, of its gen and seq, one log block, to mem.  Process context. */
void fvp_log_segment_header(struct fvp_pool *pool, const struct fvp_segment *seg, void *mem);
/* Is what is in mem the header of a segment of that generation? */
bool fvp_log_header_right(struct fvp_pool *pool, u64 gen, const void *mem);

/* Opens the first segment.  At activation.  0 or -errno.  Sleeps. */
int fvp_log_start(struct fvp_pool *pool);

#endif /* FVP_LOG_H */
