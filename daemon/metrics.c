// SPDX-License-Identifier: GPL-2.0
/*
 * See metrics.h.  Base units (bytes, seconds), _total for what only grows.  Of a volume's 98 buckets of
 * latency every fourth bound is given, so that they are powers of two: a thousand volumes with three kinds of
 * requests are some 80,000 lines.  A histogram that has nothing in it is left out.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"
#include "metrics.h"

/* ---- text ---- */

static char *room_for(struct fvpd_text *out, size_t bytes)
{
	if (out->room - out->bytes < bytes + 1) {
		out->room = (out->room + bytes + 1) * 2;
		out->text = realloc(out->text, out->room);
		if (!out->text)
			abort();
	}
	return out->text + out->bytes;
}

static void add_text(struct fvpd_text *out, const char *text)
{
	size_t bytes = strlen(text);

	memcpy(room_for(out, bytes), text, bytes + 1);
	out->bytes += bytes;
}

/* Far the most of what is added: snprintf() would be most of the time. */
static void add_number(struct fvpd_text *out, uint64_t number)
{
	char digits[24], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	add_text(out, at);
}

static void add_format(struct fvpd_text *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_format(struct fvpd_text *out, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_text(out, text);
}

/* A label's value: names of devices may have anything in them. */
static void add_label(struct fvpd_text *out, const char *value)
{
	for (; *value; value++) {
		char one[3] = { *value, '\0', '\0' };

		if (*value == '\\' || *value == '"' || *value == '\n') {
			one[0] = '\\';
			one[1] = *value == '\n' ? 'n' : *value;
		}
		add_text(out, one);
	}
}

static void head(struct fvpd_text *out, const char *name, const char *type, const char *help)
{
	add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* {volume="...",pool="...  with the second quote to come, for all of its lines. */
static void labels_make(const struct fvp_volume_sample *v, struct fvpd_text *labels)
{
	labels->bytes = 0;
	add_text(labels, "{volume=\"");
	add_label(labels, v->name);
	add_text(labels, "\",pool=\"");
	add_label(labels, v->pool);
	add_text(labels, "\"");
}

/* ---- volumes ---- */

enum unit { COUNT, SECTORS, NANOSECONDS };

static const struct counter {
	const char *name, *what;
	size_t offset;
} counters[] = {
#define COUNTER(name, what) { #name, what, offsetof(struct fvp_sample_counters, name) },
	FVP_VOLUME_COUNTERS(COUNTER)
#undef COUNTER
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

/* hit_sectors: fvp_volume_hit_bytes_total. */
static enum unit counter_name(const struct counter *counter, char name[96])
{
	const char *end = strrchr(counter->name, '_');
	int stem = end ? (int)(end - counter->name) : 0;

	if (end && !strcmp(end, "_sectors")) {
		snprintf(name, 96, "fvp_volume_%.*s_bytes_total", stem, counter->name);
		return SECTORS;
	}
	if (end && !strcmp(end, "_ns")) {
		snprintf(name, 96, "fvp_volume_%.*s_seconds_total", stem, counter->name);
		return NANOSECONDS;
	}
	snprintf(name, 96, "fvp_volume_%s_total", counter->name);
	return COUNT;
}

static void add_value(struct fvpd_text *out, enum unit unit, uint64_t value)
{
	if (unit == NANOSECONDS)
		add_format(out, "%.9f", (double)value / 1e9);
	else
		add_number(out, unit == SECTORS ? value * 512 : value);
}

static void add_counters(const struct fvp_sample *sample, const struct fvpd_text *labels,
			 struct fvpd_text *out)
{
	char name[96];

	for (size_t i = 0; i < COUNTERS; i++) {
		enum unit unit = counter_name(&counters[i], name);

		head(out, name, "counter", counters[i].what);
		for (unsigned int v = 0; v < sample->volumes; v++) {
			const char *base = (const char *)&sample->volume[v].counters;

			add_text(out, name);
			add_text(out, labels[v].text);
			add_text(out, "} ");
			add_value(out, unit, *(const uint64_t *)(base + counters[i].offset));
			add_text(out, "\n");
		}
	}
}

#define GAUGES(X)                                                                                  \
	X("size_bytes", "size of the volume", (double)v->size_bytes)                               \
	X("cached_bytes", "of it, on flash", (double)v->live_bytes)                                \
	X("dirty_bytes", "acknowledged, and not yet on the origin", (double)v->dirty_bytes)        \
	X("dirty_age_seconds", "of the oldest of that", (double)v->dirty_age_ms / 1000)            \
	X("destage_rate_bytes", "written to the origin in a second, lately",                       \
	  (double)v->destage_bytes_per_s)                                                          \
	X("lost_bytes", "acknowledged data that flash has lost", (double)v->lost_bytes)            \
	X("mode_degraded", "1 if another mode is in force than the requested one",                 \
	  strcmp(v->requested, v->effective) ? 1.0 : 0.0)                                          \
	X("draining", "1 while write-back ends", v->draining ? 1.0 : 0.0)                          \
	X("origin_failing", "1 while the origin fails writes of destaging",                        \
	  v->origin_failing ? 1.0 : 0.0)                                                           \
	X("replicas_wanted", "replicas that dirty data is to go to", (double)v->replicas)          \
	X("replicas_in", "of those, in sync", (double)v->replicas_in)                              \
	X("replicas_min", "that write-back needs", (double)v->replicas_min)

static void add_gauges(const struct fvp_sample *sample, const struct fvpd_text *labels,
		       struct fvpd_text *out)
{
#define GAUGE(name, help, value)                                                                   \
	head(out, "fvp_volume_" name, "gauge", help);                                              \
	for (unsigned int i = 0; i < sample->volumes; i++) {                                       \
		const struct fvp_volume_sample *v = &sample->volume[i];                            \
                                                                                                   \
		add_text(out, "fvp_volume_" name);                                                 \
		add_text(out, labels[i].text);                                                     \
		add_format(out, "} %.15g\n", value);                                               \
	}
	GAUGES(GAUGE)
#undef GAUGE
	head(out, "fvp_volume_mode_info", "gauge", "modes of the volume, as labels");
	for (unsigned int i = 0; i < sample->volumes; i++) {
		const struct fvp_volume_sample *v = &sample->volume[i];

		add_text(out, "fvp_volume_mode_info");
		add_text(out, labels[i].text);
		add_format(out, ",requested=\"%s\",effective=\"%s\"} 1\n", v->requested,
			   v->effective);
	}
}

/* ---- latencies ---- */

#define BOUNDS ((FVP_LATENCY_BUCKETS - 2) / 4 + 1)

/* ,le="0.001024"} of each bound; the first bucket, then each fourth, ends there. */
static char bound_text[BOUNDS][40];

static void bounds_make(void)
{
	for (unsigned int i = 0; i < BOUNDS; i++)
		snprintf(bound_text[i], sizeof(bound_text[i]), ",le=\"%.9g\"} ",
			 (double)FVP_LATENCY_FROM_NS(i * 4 + 1) / 1e9);
}

/* labels: {a="b" without the end. */
static void add_histogram(struct fvpd_text *out, const char *name, const char *labels,
			  const struct fvp_histogram *h)
{
	uint64_t count = 0;
	unsigned int bucket = 0;

	for (unsigned int i = 0; i < BOUNDS; i++) {
		for (; bucket <= i * 4; bucket++)
			count += h->bucket[bucket];
		add_text(out, name);
		add_text(out, "_bucket");
		add_text(out, labels);
		add_text(out, bound_text[i]);
		add_number(out, count);
		add_text(out, "\n");
	}
	add_format(out, "%s_bucket", name);
	add_text(out, labels);
	add_format(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum", h->count, name);
	add_text(out, labels);
	add_format(out, "} %.9f\n%s_count", (double)h->sum_ns / 1e9, name);
	add_text(out, labels);
	add_format(out, "} %" PRIu64 "\n", h->count);
}

static void add_latencies(const struct fvp_sample *sample, const struct fvpd_text *labels,
			  struct fvpd_text *out)
{
	static const char name[] = "fvp_volume_latency_seconds";
	struct fvpd_text all = { 0 };

	head(out, name, "histogram",
	     "how long requests took: read_flash, read_origin, write and flush until they were "
	     "acknowledged, origin_write at the origin alone");
	for (unsigned int i = 0; i < sample->volumes; i++) {
		for (int kind = 0; kind < FVP_SAMPLE_KINDS; kind++) {
			if (!sample->volume[i].latency[kind].count)
				continue;
			all.bytes = 0;
			add_text(&all, labels[i].text);
			add_text(&all, ",kind=\"");
			add_text(&all, fvp_sample_kind_names[kind]);
			add_text(&all, "\"");
			add_histogram(out, name, all.text, &sample->volume[i].latency[kind]);
		}
	}
	free(all.text);
}

/* ---- pools ---- */

static void pool_line(struct fvpd_text *out, const char *name, const struct fvp_pool_sample *p,
		      const char *more, double value)
{
	add_text(out, name);
	add_text(out, "{pool=\"");
	add_label(out, p->name);
	add_text(out, "\"");
	add_text(out, more);
	add_format(out, "} %.15g\n", value);
}

#define POOL_GAUGES(X)                                                                             \
	X("healthy", "gauge", "1 if the pool's flash is in use, 0 if it has failed",               \
	  strcmp(p->health, "ok") ? 0.0 : 1.0)                                                     \
	X("dirty_bytes", "gauge", "acknowledged, and not yet on its origin",                       \
	  (double)p->dirty_bytes)                                                                  \
	X("dirty_span_bytes", "gauge", "of the log, from the oldest of that on",                   \
	  (double)p->dirty_span_bytes)                                                             \
	X("dirty_limit_bytes", "gauge", "that the span may have", (double)p->dirty_limit_bytes)    \
	X("segments", "gauge", "segments of the log", (double)p->segments)                         \
	X("segments_free", "gauge", "of those, free", (double)p->segments_free)                    \
	X("waiting_volumes", "gauge", "volumes with dirty data whose origin is not attached",      \
	  (double)p->waiting)                                                                      \
	X("waiting_bytes", "gauge", "of their dirty data", (double)p->waiting_bytes)               \
	X("flash_written_bytes_total", "counter", "written to flash, of all kinds",                \
	  (double)p->flash_written_bytes)

static void add_replicas(const struct fvp_sample *sample, struct fvpd_text *out)
{
	char more[96];

	head(out, "fvp_replica_in_sync", "gauge", "1 if the replica is in the leg set");
	for (unsigned int i = 0; i < sample->pools; i++)
		for (unsigned int r = 0; r < sample->pool[i].replica_count; r++) {
			const struct fvp_replica_words *words = &sample->pool[i].replica[r];

			snprintf(more, sizeof(more), ",replica=\"%s\"", words->uuid);
			pool_line(out, "fvp_replica_in_sync", &sample->pool[i], more,
				  strcmp(words->state, "in") ? 0 : 1);
		}
	head(out, "fvp_replica_failures_total", "counter", "times that it left the leg set");
	for (unsigned int i = 0; i < sample->pools; i++)
		for (unsigned int r = 0; r < sample->pool[i].replica_count; r++) {
			const struct fvp_replica_words *words = &sample->pool[i].replica[r];

			snprintf(more, sizeof(more), ",replica=\"%s\"", words->uuid);
			pool_line(out, "fvp_replica_failures_total", &sample->pool[i], more,
				  (double)words->failures);
		}
}

static void pool_labels(struct fvpd_text *labels, const struct fvp_pool_sample *p)
{
	labels->bytes = 0;
	add_text(labels, "{pool=\"");
	add_label(labels, p->name);
	add_text(labels, "\"");
}

static void add_pool_latencies(const struct fvp_sample *sample, struct fvpd_text *out)
{
	struct fvpd_text labels = { 0 };

	head(out, "fvp_pool_flash_write_seconds", "histogram",
	     "how long flash took to write a record of the log");
	for (unsigned int i = 0; i < sample->pools; i++) {
		pool_labels(&labels, &sample->pool[i]);
		add_histogram(out, "fvp_pool_flash_write_seconds", labels.text,
			      &sample->pool[i].flash_write);
	}
	head(out, "fvp_replica_ack_seconds", "histogram",
	     "how long a replica took to acknowledge a record of the log");
	for (unsigned int i = 0; i < sample->pools; i++)
		for (unsigned int r = 0; r < sample->pool[i].replica_count; r++) {
			pool_labels(&labels, &sample->pool[i]);
			add_text(&labels, ",replica=\"");
			add_text(&labels, sample->pool[i].replica[r].uuid);
			add_text(&labels, "\"");
			add_histogram(out, "fvp_replica_ack_seconds", labels.text,
				      &sample->pool[i].replica_ack[r]);
		}
	free(labels.text);
}

static void add_pools(const struct fvp_sample *sample, struct fvpd_text *out)
{
#define GAUGE(name, type, help, value)                                                             \
	head(out, "fvp_pool_" name, type, help);                                                   \
	for (unsigned int i = 0; i < sample->pools; i++) {                                         \
		const struct fvp_pool_sample *p = &sample->pool[i];                                \
                                                                                                   \
		pool_line(out, "fvp_pool_" name, p, "", value);                                    \
	}
	POOL_GAUGES(GAUGE)
#undef GAUGE
	add_replicas(sample, out);
	add_pool_latencies(sample, out);
}

void fvpd_metrics(const struct fvp_sample *sample, struct fvpd_text *out)
{
	struct fvpd_text *labels = calloc(sample->volumes + 1, sizeof(*labels));

	if (!labels)
		abort();
	bounds_make();
	for (unsigned int i = 0; i < sample->volumes; i++)
		labels_make(&sample->volume[i], &labels[i]);
	head(out, "fvp_build_info", "gauge", "version, as a label");
	add_text(out, "fvp_build_info{version=\"" FVP_VERSION "\"} 1\n");
	add_counters(sample, labels, out);
	add_gauges(sample, labels, out);
	add_latencies(sample, labels, out);
	add_pools(sample, out);
	for (unsigned int i = 0; i < sample->volumes; i++)
		free(labels[i].text);
	free(labels);
}
