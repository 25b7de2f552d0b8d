// SPDX-License-Identifier: GPL-2.0
/* See stats.h and latency.h. */
#include "pool.h"

#define SUM_FIELD(name, what) sum->name += READ_ONCE(stats->name);

void fvp_volume_stats_read(struct fvp_volume *vol, struct fvp_volume_counters *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu (cpu) {
		const struct fvp_volume_stats *stats = per_cpu_ptr(vol->stats, cpu);

		FVP_VOLUME_COUNTERS(SUM_FIELD)
	}
}

void fvp_latency_add(struct fvp_latency *sum, const struct fvp_latency *other)
{
	u32 i;

	for (i = 0; i < FVP_LATENCY_BUCKETS; i++)
		sum->bucket[i] += READ_ONCE(other->bucket[i]);
	sum->sum_ns += READ_ONCE(other->sum_ns);
}

void fvp_volume_latency_read(struct fvp_volume *vol, enum fvp_latency_kind kind,
			     struct fvp_latency *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu (cpu)
		fvp_latency_add(sum, &per_cpu_ptr(vol->stats, cpu)->latency[kind]);
}
