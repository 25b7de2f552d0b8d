/* SPDX-License-Identifier: GPL-2.0 */
/* Counters.  Per volume they are per CPU: one add without lock or shared line. */
#ifndef FVP_STATS_H
#define FVP_STATS_H

#include "env.h"
#include "fvp_uapi.h"
#include "latency.h"

#define FVP_STAT_FIELD(name, what) u64 name;

/* The sum over CPUs. */
struct fvp_volume_counters {
	FVP_VOLUME_COUNTERS(FVP_STAT_FIELD)
};

struct fvp_volume_stats {
	FVP_VOLUME_COUNTERS(FVP_STAT_FIELD)
	struct fvp_latency latency[FVP_LATENCIES];
};

/* FVP_STATISTICS is the host's: 0 builds all without them, to see what they cost. */
#define fvp_stat_add(vol, field, n)                                                                \
	do {                                                                                       \
		if (FVP_STATISTICS)                                                                \
			this_cpu_add((vol)->stats->field, (n));                                    \
	} while (0)
#define fvp_stat_inc(vol, field) fvp_stat_add(vol, field, 1)

/* A read that flash serves. */
#define fvp_stat_hit(vol, len)                                                                     \
	do {                                                                                       \
		fvp_stat_inc(vol, hit_ios);                                                        \
		fvp_stat_add(vol, hit_sectors, len);                                               \
	} while (0)

/* The time for fvp_stat_latency(). */
static __always_inline u64 fvp_stat_clock(void)
{
	return FVP_STATISTICS ? fvp_clock() : 0;
}

static __always_inline u64 fvp_stats_latency(struct fvp_volume_stats __percpu *stats,
					     enum fvp_latency_kind kind, u64 begun)
{
	u64 ns = fvp_clock_since(begun);
	u32 bucket = fvp_latency_bucket(ns);

	this_cpu_add(stats->latency[kind].bucket[bucket], 1);
	this_cpu_add(stats->latency[kind].sum_ns, ns);
	return ns;
}

/* Something that began when fvp_stat_clock() gave begun is over.  Returns how long it took, in ns. */
#define fvp_stat_latency(vol, kind, begun)                                                         \
	(FVP_STATISTICS ? fvp_stats_latency((vol)->stats, kind, begun) : 0)

/* Per pool: changed on slow paths only. */
struct fvp_pool_stats {
	atomic64_t
		flash_written_sectors; /* everything: data, headers, padding, summaries, superblocks */
	atomic64_t inserted_sectors; /* data appended to the log */
	atomic64_t records;
	atomic64_t record_entries;
	atomic64_t segments_sealed;
	atomic64_t segments_reclaimed;
	atomic64_t loaded_entries;
	atomic64_t bad_blocks; /* blocks on media that failed verification where one was due */
	atomic64_t bad_data; /* data whose checksum failed */
	struct fvp_latency flash_write; /* of records; log->lock */
};

#endif /* FVP_STATS_H */
