// SPDX-License-Identifier: GPL-2.0
/* See stats.h. */
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
