/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hit rates: core/ as it is, on a trace, beside the policies of the literature with the same
 * bytes of cache.
 *
 *	main.c     options, tables
 *	trace.c    traces, read or generated
 *	policy.c   LRU, SIEVE, S3-FIFO, and the optimum that knows the future
 *	pool.c     core/ over flash in memory and an origin without content
 *
 * Hit rate counts reads only, by sectors.  Flash writes are what the device is told to
 * write: of core with headers, summaries and superblocks, of the others the bytes of what
 * they insert.
 */
#ifndef HITRATE_H
#define HITRATE_H

#include "env.h"

#define SECTORS_PER_MIB 2048ull

struct request {
	u64 lba; /* sectors */
	u32 len_sectors;
	u32 second; /* when it came */
	bool write;
};

struct trace {
	const char *name;
	struct request *request;
	size_t count;
	u64 volume_sectors;
	u64 footprint_sectors; /* distinct sectors that it touches */
	u32 unit_sectors; /* all its requests begin and end at multiples of this */
	/* Unit by unit, for the policies; units are numbered as they come up first. */
	u32 *unit;
	u32 *request_of; /* which request the unit belongs to */
	size_t unit_count;
	u32 distinct;
};

struct result {
	u64 read_sectors, hit_sectors;
	u64 flash_sectors; /* written to flash */
};

/*
 * Each returns a trace of its own, to be freed with trace_free(); NULL, having said why.
 * A generator's name is one of those in trace_names.
 */
struct trace *trace_generate(const char *name);
struct trace *trace_read(const char *path); /* lines second,op,sector,sectors; "-": stdin */
void trace_free(struct trace *trace);
extern const char *const trace_names[];

/* The policies: units is the size of the cache. */
typedef void (*policy_fn)(const struct trace *trace, u32 units, struct result *result);
void policy_lru(const struct trace *trace, u32 units, struct result *result);
void policy_sieve(const struct trace *trace, u32 units, struct result *result);
void policy_s3fifo(const struct trace *trace, u32 units, struct result *result);
/*
 * Evicts what is read again last, or never, and does not insert what would be that.  No
 * policy has more hits.
 */
void policy_optimum(const struct trace *trace, u32 units, struct result *result);

struct pool_options {
	u64 flash_sectors; /* the whole device, superblocks included */
	u32 segment_sectors; /* 0: what fvp pool create would choose */
	bool write_back;
};

struct pool_report {
	u64 promoted_sectors, reclaimed;
	u32 segments, segment_sectors;
};

/* Runs core on the trace.  Ends the program with a message if core refuses anything. */
void pool_run(const struct trace *trace, const struct pool_options *options, struct result *result,
	      struct pool_report *report);

#endif /* HITRATE_H */
