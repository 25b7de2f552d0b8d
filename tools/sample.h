/* SPDX-License-Identifier: GPL-2.0 */
/* All volumes and pools at one moment, and what happened between two: for fvp stat and top. */
#ifndef FVP_TOOL_SAMPLE_H
#define FVP_TOOL_SAMPLE_H

#include "histogram.h"
#include "report.h"

#define FVP_SAMPLE_FIELD(name, what) uint64_t name;
#define FVP_SAMPLE_KIND(id, name, what) FVP_SAMPLE_##id,

enum fvp_sample_kind { FVP_VOLUME_LATENCIES(FVP_SAMPLE_KIND) FVP_SAMPLE_KINDS };

/* "read_flash"... */
extern const char *const fvp_sample_kind_names[FVP_SAMPLE_KINDS];

struct fvp_sample_counters {
	FVP_VOLUME_COUNTERS(FVP_SAMPLE_FIELD)
};

struct fvp_volume_sample {
	char name[FVP_DM_NAME_BYTES];
	char uuid[FVP_DM_UUID_BYTES]; /* of the volume */
	char pool[FVP_DM_NAME_BYTES];
	char requested[24], effective[24];
	unsigned int major, minor;
	bool draining, origin_failing;
	uint64_t size_bytes, dirty_bytes, dirty_age_ms, destage_bytes_per_s, lost_bytes, live_bytes;
	unsigned int replicas, replicas_in, replicas_min;
	struct fvp_sample_counters counters;
	struct fvp_histogram latency[FVP_SAMPLE_KINDS];
};

struct fvp_pool_sample {
	char name[FVP_DM_NAME_BYTES];
	char health[16];
	uint64_t dirty_bytes, dirty_span_bytes, dirty_limit_bytes, flash_written_bytes;
	uint64_t waiting, waiting_bytes;
	unsigned int segments, segments_free;
	struct fvp_histogram flash_write;
	unsigned int replica_count;
	struct fvp_replica_words replica[FVP_REPLICAS_MAX];
	struct fvp_histogram replica_ack[FVP_REPLICAS_MAX];
};

struct fvp_sample {
	uint64_t at_ns; /* monotonic */
	struct fvp_volume_sample *volume; /* by name */
	unsigned int volumes;
	struct fvp_pool_sample *pool; /* likewise */
	unsigned int pools;
};

/* FVP_OK or FVP_SYSTEM.  Free with fvp_sample_free(). */
int fvp_sample_load(struct fvp_sample *sample);
void fvp_sample_free(struct fvp_sample *sample);
/* By name, or NULL. */
const struct fvp_volume_sample *fvp_sample_volume(const struct fvp_sample *sample,
						  const char *name);

/* What a volume did between two samples. */
struct fvp_rates {
	double seconds;
	struct fvp_sample_counters delta;
	struct fvp_histogram latency[FVP_SAMPLE_KINDS];
	struct fvp_histogram read; /* as the VM saw it: flash and origin together */
	double reads, writes, flushes; /* a second */
	double read_bytes, write_bytes, destage_bytes; /* a second */
	double hit_percent; /* of the sectors read; < 0: none were */
	double drain_s; /* until what is dirty is at the origin, at this rate; < 0: nobody knows */
};

/* before NULL, or of an earlier attachment: all that now has. */
void fvp_rates_between(const struct fvp_volume_sample *before, const struct fvp_volume_sample *now,
		       double seconds, struct fvp_rates *rates);

#endif /* FVP_TOOL_SAMPLE_H */
