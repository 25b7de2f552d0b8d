/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Index of one volume: non-overlapping ranges of sectors -> flash address.
 *
 * Idea: an extent is one u64, so that a leaf is a sorted array of plain
 * integers, 8 bytes an extent:
 *
 *	63        47 46       38  37   36                      0
 *	[ offset 17 | len-1   9 |dead| flash address in sectors 37 ]
 *
 * The volume is cut into regions of 2^17 sectors (64 MiB); an extent is at most
 * 512 sectors (longer ones are several), never crosses a region, and addresses
 * 2^37 sectors (64 TiB) of pool.  A region holds a table of leaves, a leaf up to
 * FVP_LEAF_EXTENTS extents; leaves grow through the slab's size classes.
 *
 * Readers walk under RCU and a per-region sequence count and retry when a
 * writer was at work; writers hold the region's spinlock (process context only).
 *
 * A *dead* extent is content on flash that must not be read but that a replay
 * would find: lookups miss, fvp_index_overlaps() says yes, so that a write
 * supersedes it durably first.  FVP_ADDR_NONE marks a range that was superseded
 * while the index was still loading: it keeps the loader from filling it.
 * FVP_ADDR_ZERO() and FVP_ADDR_LOST are content of write-back that is not data.
 */
#ifndef FVP_INDEX_H
#define FVP_INDEX_H

#include "env.h"

#define FVP_ADDR_BITS 37
/* Addresses from here on are no places on flash. */
#define FVP_ADDR_SPECIAL (1ULL << (FVP_ADDR_BITS - 1))
#define FVP_ADDR_NONE ((1ULL << FVP_ADDR_BITS) - 1)
/* Dirty content that cannot be read any more (write-back): an error to whoever reads. */
#define FVP_ADDR_LOST (FVP_ADDR_NONE - 1)
/*
 * The range reads as zeroes, says the entry at that address in the log: also a dead
 * extent, so that only slow lookups need to know.
 */
#define FVP_ADDR_ZERO(addr) (FVP_ADDR_SPECIAL | (addr))

struct fvp_region;

struct fvp_index {
	u64 sectors;
	u32 top_count;
	struct fvp_region **
		*top; /* [top_count] -> [512] -> region; filled in on demand, freed at destroy */
	/*
	 * Memory ran short while loading: nothing is loaded any more, and absence will
	 * never prove anything.  Set under a region lock; never cleared.
	 */
	bool closed;
	spinlock_t grow_lock; /* adding regions */
	atomic64_t bytes; /* of RAM, all of the above */
	atomic64_t extents; /* live and dead */
	atomic64_t live_sectors;
};

enum fvp_found {
	FVP_FOUND_NOTHING,
	FVP_FOUND_DATA,
	FVP_FOUND_ZERO,
	FVP_FOUND_LOST,
};

struct fvp_hit {
	u64 addr; /* of data */
	u32 len_sectors; /* this much, from the start of the lookup, is alike */
	u32 found; /* enum fvp_found */
};

int fvp_index_init(struct fvp_index *index, u64 sectors);
/* No reader or writer may be left. */
void fvp_index_destroy(struct fvp_index *index);

/*
 * Looks [lba, lba+len) up.  No lock, any context.  The caller must hold the pool's
 * reads (pin.h) if it goes on to use the address.  index_lookup.h has the shortcut of
 * the hit path.
 */
struct fvp_hit fvp_index_lookup(struct fvp_index *index, u64 lba, u32 len_sectors);

/* True if anything, dead or alive, is there.  len may be large. */
bool fvp_index_overlaps(struct fvp_index *index, u64 lba, u64 len_sectors);

/* Maps the range to addr, replacing what was there.  0 or -ENOMEM (nothing changed). */
int fvp_index_insert(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr);

/* Like insert, but only where nothing (dead or alive) is: for loading, newest first. */
int fvp_index_insert_gaps(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr);

/*
 * Marks the range's gaps as superseded (dead, FVP_ADDR_NONE); existing extents stay.  0 or
 * -ENOMEM: not all of them.
 */
int fvp_index_mark_gaps(struct fvp_index *index, u64 lba, u64 len_sectors);

/*
 * Replaces the range by such marks: while loading, in place of remove.  Never fails:
 * short of memory it removes, and closes the index to the loader.
 */
void fvp_index_supersede(struct fvp_index *index, u64 lba, u64 len_sectors);

/*
 * Maps the range to a special address, FVP_ADDR_ZERO() or FVP_ADDR_LOST, replacing what
 * was there.  0, or -ENOMEM: perhaps only part of it.
 */
int fvp_index_insert_special(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr);

/*
 * Takes exactly that special address out of the range again; with keep_marks it leaves
 * marks (FVP_ADDR_NONE) behind, for while the index is loading.
 */
void fvp_index_retire_special(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr,
			      bool keep_marks);

/* The same only where nothing is: for loading. */
int fvp_index_insert_special_gaps(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr);

/*
 * Removes the range.  Never fails: short of memory to cut an extent in two, it
 * leaves the whole extent dead.  len may be large.
 */
void fvp_index_remove(struct fvp_index *index, u64 lba, u64 len_sectors);

/*
 * Moves the range from old_addr.. to new_addr.. if all of it is alive and maps
 * there still.  0, or -ESTALE or -ENOMEM with nothing changed.
 */
int fvp_index_move(struct fvp_index *index, u64 lba, u32 len_sectors, u64 old_addr, u64 new_addr);

/* True if all of the range is alive and lies at addr on. */
bool fvp_index_maps(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr);

/* Marks extents that touch the range and map into [addr, addr+addr_len) dead, whole. */
void fvp_index_kill(struct fvp_index *index, u64 lba, u32 len_sectors, u64 addr, u64 addr_len);

/*
 * Removes what of the range, dead or alive, maps into [addr, addr+addr_len).
 * Returns live sectors removed.
 */
u64 fvp_index_evict(struct fvp_index *index, u64 lba, u64 len_sectors, u64 addr, u64 addr_len);

/* Calls fn for each extent of the range in order; fn must not change the index. Holds the region lock. */
void fvp_index_walk(struct fvp_index *index, u64 lba, u64 len_sectors,
		    void (*fn)(void *arg, u64 lba, u32 len_sectors, u64 addr, bool dead),
		    void *arg);

/* Removes all extents with FVP_ADDR_NONE (after loading). */
void fvp_index_unmark(struct fvp_index *index);

/* Checks the structure; 0 or -EUCLEAN with a message.  For tests and the simulator. */
int fvp_index_check(struct fvp_index *index);

u64 fvp_index_bytes(const struct fvp_index *index);

#endif /* FVP_INDEX_H */
