// SPDX-License-Identifier: GPL-2.0
/* See histogram.h. */
#include <stdlib.h>
#include <string.h>

#include "histogram.h"

uint64_t fvp_histogram_from_ns(unsigned int bucket)
{
	return bucket ? FVP_LATENCY_FROM_NS(bucket) : 0;
}

uint64_t fvp_histogram_end_ns(unsigned int bucket)
{
	return bucket + 1 < FVP_LATENCY_BUCKETS ? FVP_LATENCY_FROM_NS(bucket + 1) : UINT64_MAX;
}

/* A number at *at, which goes behind it; false if there is none. */
static bool number(const char **at, uint64_t *value)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	*value = strtoull(*at, &end, 10);
	*at = end;
	return true;
}

/* <count>,<sum>[,<bucket>:<count>...], up to the end of the word. */
static bool parse(const char *at, struct fvp_histogram *h)
{
	uint64_t bucket, count;

	memset(h, 0, sizeof(*h));
	if (!number(&at, &count) || *at++ != ',' || !number(&at, &h->sum_ns))
		return false;
	while (*at == ',') {
		at++;
		if (!number(&at, &bucket) || *at++ != ':' || !number(&at, &count) ||
		    bucket >= FVP_LATENCY_BUCKETS)
			return false;
		h->bucket[bucket] = count;
	}
	/* What the buckets say: so all of it is of one moment. */
	for (unsigned int i = 0; i < FVP_LATENCY_BUCKETS; i++)
		h->count += h->bucket[i];
	return !*at || *at == ' ';
}

const char *fvp_histogram_next(const char *text, char name[FVP_HISTOGRAM_NAME_BYTES],
			       struct fvp_histogram *histogram)
{
	for (;;) {
		size_t word, len;

		text += strspn(text, " ");
		if (!*text)
			return NULL;
		word = strcspn(text, " ");
		len = strcspn(text, "= ");
		if (len && len < word && len < FVP_HISTOGRAM_NAME_BYTES &&
		    parse(text + len + 1, histogram)) {
			memcpy(name, text, len);
			name[len] = '\0';
			return text + word;
		}
		text += word;
	}
}

void fvp_histogram_minus(const struct fvp_histogram *now, const struct fvp_histogram *before,
			 struct fvp_histogram *difference)
{
	struct fvp_histogram d = { .sum_ns = now->sum_ns - before->sum_ns };

	for (unsigned int i = 0; i < FVP_LATENCY_BUCKETS; i++) {
		if (now->bucket[i] < before->bucket[i]) {
			*difference = *now;
			return;
		}
		d.bucket[i] = now->bucket[i] - before->bucket[i];
		d.count += d.bucket[i];
	}
	if (now->sum_ns < before->sum_ns)
		d.sum_ns = 0;
	*difference = d;
}

void fvp_histogram_add(struct fvp_histogram *sum, const struct fvp_histogram *other)
{
	sum->count += other->count;
	sum->sum_ns += other->sum_ns;
	for (unsigned int i = 0; i < FVP_LATENCY_BUCKETS; i++)
		sum->bucket[i] += other->bucket[i];
}

double fvp_histogram_percentile(const struct fvp_histogram *h, double part)
{
	double wanted = part * (double)h->count, before = 0;

	for (unsigned int i = 0; i < FVP_LATENCY_BUCKETS; i++) {
		double from = (double)fvp_histogram_from_ns(i), count = (double)h->bucket[i];

		if (!h->bucket[i] || before + count < wanted) {
			before += count;
			continue;
		}
		/* The last bucket has no end to be between. */
		if (i + 1 == FVP_LATENCY_BUCKETS)
			return from;
		return from + ((double)fvp_histogram_end_ns(i) - from) * (wanted - before) / count;
	}
	return 0;
}

double fvp_histogram_mean(const struct fvp_histogram *h)
{
	return h->count ? (double)h->sum_ns / (double)h->count : 0;
}
