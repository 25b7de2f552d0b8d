/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histograms of latency as the module gives them (include/fvp_uapi.h).  Touches nothing but
 * memory, so that fuzzers can have it.
 */
#ifndef FVP_TOOL_HISTOGRAM_H
#define FVP_TOOL_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fvp_uapi.h"

struct fvp_histogram {
	uint64_t count, sum_ns;
	uint64_t bucket[FVP_LATENCY_BUCKETS];
};

#define FVP_HISTOGRAM_NAME_BYTES 24

/*
 * The next histogram of an answer to the message latency: from text, which is the answer at
 * first, into name and histogram.  Returns what to go on with, or NULL at its end.  What makes
 * no sense is skipped.
 */
const char *fvp_histogram_next(const char *text, char name[FVP_HISTOGRAM_NAME_BYTES],
			       struct fvp_histogram *histogram);

/* What came between two readings; all of now if the counters began anew. */
void fvp_histogram_minus(const struct fvp_histogram *now, const struct fvp_histogram *before,
			 struct fvp_histogram *difference);

void fvp_histogram_add(struct fvp_histogram *sum, const struct fvp_histogram *other);

/* From and up to how many nanoseconds a bucket counts; the last one's end is UINT64_MAX. */
uint64_t fvp_histogram_from_ns(unsigned int bucket);
uint64_t fvp_histogram_end_ns(unsigned int bucket);

/*
 * So many ns or less took that part of all, 0 to 1: at most a bucket (a quarter) off.  0 if there
 * are none.
 */
double fvp_histogram_percentile(const struct fvp_histogram *histogram, double part);
double fvp_histogram_mean(const struct fvp_histogram *histogram);

#endif /* FVP_TOOL_HISTOGRAM_H */
