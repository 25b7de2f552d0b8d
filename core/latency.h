/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histograms of latency, log-linear: four buckets to each power of two, so that a bucket is
 * at most a quarter wide.  fvp_uapi.h has their bounds and names.
 *
 * The clock is fvp_clock(), in ticks, because a read hit asks for it twice: env.h has it.
 */
#ifndef FVP_LATENCY_H
#define FVP_LATENCY_H

#include "env.h"
#include "fvp_uapi.h"

struct fvp_latency {
	u64 bucket[FVP_LATENCY_BUCKETS];
	u64 sum_ns;
};

#define FVP_LATENCY_ENUM(id, name, what) FVP_LATENCY_##id,

enum fvp_latency_kind {
	FVP_VOLUME_LATENCIES(FVP_LATENCY_ENUM) FVP_LATENCIES,
	FVP_LATENCY_NONE, /* not measured */
};

/* The bucket for so many nanoseconds. */
static __always_inline u32 fvp_latency_bucket(u64 ns)
{
	u32 shift;

	if (unlikely(ns < FVP_LATENCY_FIRST_NS))
		return 0;
	/* The highest bit and the two below it are what counts. */
	shift = (u32)fls64(ns) - 3;
	return min_t(u32, (shift - FVP_LATENCY_SHIFT) * 4 + (u32)(ns >> shift) - 3,
		     FVP_LATENCY_BUCKETS - 1);
}

/* Since fvp_clock() gave begun.  Clocks of two CPUs may differ a little: never below 0. */
static __always_inline u64 fvp_clock_since(u64 begun)
{
	s64 ticks = (s64)(fvp_clock() - begun);

	return fvp_clock_ns(ticks > 0 ? (u64)ticks : 0);
}

/* Adds one measurement.  The caller excludes others that do. */
static inline void fvp_latency_note(struct fvp_latency *latency, u64 ns)
{
	latency->bucket[fvp_latency_bucket(ns)]++;
	latency->sum_ns += ns;
}

/* Adds what another has; it may change meanwhile. */
void fvp_latency_add(struct fvp_latency *sum, const struct fvp_latency *other);

#endif /* FVP_LATENCY_H */
