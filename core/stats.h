/* SPDX-License-Identifier: GPL-2.0 */
/* Counters.  Per volume they are per CPU: one add without lock or shared line. */
#ifndef FVP_STATS_H
#define FVP_STATS_H

#include "env.h"
#include "fvp_uapi.h"

#define FVP_STAT_FIELD(name, what) u64 name;

struct fvp_volume_stats {
	FVP_VOLUME_COUNTERS(FVP_STAT_FIELD)
};

/* The sum over CPUs. */
struct fvp_volume_counters {
	FVP_VOLUME_COUNTERS(FVP_STAT_FIELD)
};

#define fvp_stat_add(vol, field, n) this_cpu_add((vol)->stats->field, (n))
#define fvp_stat_inc(vol, field) this_cpu_add((vol)->stats->field, 1)

/* A read that flash serves. */
#define fvp_stat_hit(vol, len)                                                                     \
	do {                                                                                       \
		fvp_stat_inc(vol, hit_ios);                                                        \
		fvp_stat_add(vol, hit_sectors, len);                                               \
	} while (0)

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
};

#endif /* FVP_STATS_H */
