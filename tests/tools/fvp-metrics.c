// SPDX-License-Identifier: GPL-2.0
/*
 * fvp-metrics VOLUMES: /metrics of a made-up host with so many volumes, one of whose names is as bad as can be, and two
 * pools.  For the tests of the exporter: what promtool says of it, and what a thousand volumes cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"
#include "metrics.h"

/* The tool's fvp_usage() ends with it. */
void fvp_usage_line(FILE *out)
{
	fputs("usage: fvp-metrics VOLUMES\n", out);
}

static void volume_make(unsigned int i, struct fvp_volume_sample *v)
{
	memset(v, 0, sizeof(*v));
	snprintf(v->name, sizeof(v->name), "vg0-vm--%u--disk--0", i);
	if (!i)
		strcpy(v->name, "a\"b\\c\nd{e}");
	strcpy(v->pool, "flash");
	strcpy(v->requested, "write-back");
	strcpy(v->effective, i % 2 ? "write-back" : "write-through");
	v->size_bytes = 1ULL << 40;
	v->dirty_bytes = 4096ULL * i;
	v->dirty_age_ms = 1500;
	v->counters.hit_ios = 1000 + i;
	v->counters.hit_sectors = 8000;
	v->counters.paced_ns = 1234567890;
	for (int kind = 0; kind < FVP_SAMPLE_KINDS; kind++)
		for (unsigned int b = 0; b < FVP_LATENCY_BUCKETS; b++) {
			v->latency[kind].bucket[b] = b + i;
			v->latency[kind].count += b + i;
			v->latency[kind].sum_ns += (b + i) * fvp_histogram_from_ns(b);
		}
}

int main(int argc, char **argv)
{
	unsigned int volumes = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	struct fvp_sample sample = { .volumes = volumes, .pools = 2 };
	struct fvpd_text text = { 0 };

	sample.volume = calloc(volumes + 1, sizeof(*sample.volume));
	sample.pool = calloc(2, sizeof(*sample.pool));
	if (!sample.volume || !sample.pool)
		abort();
	for (unsigned int i = 0; i < volumes; i++)
		volume_make(i, &sample.volume[i]);
	strcpy(sample.pool[0].name, "flash");
	strcpy(sample.pool[0].health, "ok");
	sample.pool[0].replica_count = 1;
	strcpy(sample.pool[0].replica[0].uuid, "11111111-2222-3333-4444-555555555555");
	strcpy(sample.pool[0].replica[0].state, "in");
	strcpy(sample.pool[1].name, "spare");
	strcpy(sample.pool[1].health, "failed");
	fvpd_metrics(&sample, &text);
	fwrite(text.text, 1, text.bytes, stdout);
	fvp_sample_free(&sample);
	free(text.text);
	return 0;
}
