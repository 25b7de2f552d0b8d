// SPDX-License-Identifier: GPL-2.0
/* See sample.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fvp.h"
#include "sample.h"

const char *const fvp_sample_kind_names[FVP_SAMPLE_KINDS] = {
#define NAME(id, name, what) #name,
	FVP_VOLUME_LATENCIES(NAME)
#undef NAME
};

static uint64_t bytes_of(const char *status, const char *key)
{
	return fvp_status_number(status, key) * 512;
}

/* What a module that is too old to know the message has of it: nothing. */
static char *ask_latency(const char *name)
{
	char *reply;

	if (fvp_dm_ask(name, "latency", &reply)) {
		free(reply);
		return NULL;
	}
	return reply;
}

static void volume_load(const struct fvp_view *view, struct fvp_volume_sample *v)
{
	const char *status = view->status, *at;
	char word[24], name[FVP_HISTOGRAM_NAME_BYTES];
	struct fvp_volume_table table;
	struct fvp_histogram histogram;
	char *reply;

	memset(v, 0, sizeof(*v));
	snprintf(v->name, sizeof(v->name), "%s", view->dev.name);
	v->major = view->dev.major;
	v->minor = view->dev.minor;
	if (!fvp_volume_table_parse(&view->dev, &table)) {
		fvp_dm_name_of(table.pool_major, table.pool_minor, v->pool);
		snprintf(v->uuid, sizeof(v->uuid), "%s", table.uuid);
	}
	v->size_bytes = view->dev.sectors * 512;
	fvp_status_word(status, "requested", v->requested, sizeof(v->requested));
	fvp_status_word(status, "effective", v->effective, sizeof(v->effective));
	v->draining = fvp_status_number(status, "draining");
	fvp_status_word(status, "origin", word, sizeof(word));
	v->origin_failing = !strcmp(word, "failing");
	v->dirty_bytes = bytes_of(status, "dirty_sectors");
	v->dirty_age_ms = fvp_status_number(status, "dirty_age_ms");
	v->destage_bytes_per_s = bytes_of(status, "destage_rate");
	v->lost_bytes = bytes_of(status, "lost_sectors");
	v->live_bytes = bytes_of(status, "live_sectors");
	v->replicas = (unsigned int)fvp_status_number(status, "replicas");
	v->replicas_in = (unsigned int)fvp_status_number(status, "replicas_in");
	v->replicas_min = (unsigned int)fvp_status_number(status, "replicas_min");
#define LOAD(counter, what) v->counters.counter = fvp_status_number(status, #counter);
	FVP_VOLUME_COUNTERS(LOAD)
#undef LOAD
	reply = ask_latency(v->name);
	for (at = reply; at && (at = fvp_histogram_next(at, name, &histogram));)
		for (int kind = 0; kind < FVP_SAMPLE_KINDS; kind++)
			if (!strcmp(name, fvp_sample_kind_names[kind]))
				v->latency[kind] = histogram;
	free(reply);
}

static void pool_load(const struct fvp_view *view, struct fvp_pool_sample *p)
{
	const char *status = view->status, *at;
	char name[FVP_HISTOGRAM_NAME_BYTES], key[16], value[256];
	struct fvp_histogram histogram;
	char *reply;

	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", view->dev.name);
	fvp_status_word(status, "health", p->health, sizeof(p->health));
	p->dirty_bytes = bytes_of(status, "dirty_sectors");
	p->dirty_span_bytes = bytes_of(status, "dirty_span_sectors");
	p->dirty_limit_bytes = bytes_of(status, "dirty_limit_sectors");
	p->flash_written_bytes = bytes_of(status, "flash_written_sectors");
	p->waiting = fvp_status_number(status, "waiting");
	p->waiting_bytes = bytes_of(status, "waiting_sectors");
	p->segments = (unsigned int)fvp_status_number(status, "segments");
	p->segments_free = (unsigned int)fvp_status_number(status, "segments_free");
	reply = ask_latency(p->name);
	for (unsigned int i = 0; i < FVP_REPLICAS_MAX; i++) {
		struct fvp_replica_words *words = &p->replica[p->replica_count];

		snprintf(key, sizeof(key), "replica%u", i);
		fvp_status_word(status, key, value, sizeof(value));
		if (!fvp_replica_words_parse(value, words))
			continue;
		for (at = reply; at && (at = fvp_histogram_next(at, name, &histogram));)
			if (!strcmp(name, key))
				p->replica_ack[p->replica_count] = histogram;
		p->replica_count++;
	}
	for (at = reply; at && (at = fvp_histogram_next(at, name, &histogram));)
		if (!strcmp(name, "flash_write"))
			p->flash_write = histogram;
	free(reply);
}

int fvp_sample_load(struct fvp_sample *sample)
{
	struct fvp_views pools = { 0 }, volumes = { 0 };
	struct timespec ts;
	int ret;

	memset(sample, 0, sizeof(*sample));
	ret = fvp_views_load(FVP_TARGET_POOL, &pools);
	if (!ret)
		ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (!ret) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		sample->at_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
		sample->volume = calloc(volumes.count + 1, sizeof(*sample->volume));
		sample->pool = calloc(pools.count + 1, sizeof(*sample->pool));
		if (!sample->volume || !sample->pool)
			abort();
		for (unsigned int i = 0; i < volumes.count; i++)
			volume_load(&volumes.view[i], &sample->volume[sample->volumes++]);
		for (unsigned int i = 0; i < pools.count; i++)
			pool_load(&pools.view[i], &sample->pool[sample->pools++]);
	}
	fvp_views_free(&volumes);
	fvp_views_free(&pools);
	return ret;
}

void fvp_sample_free(struct fvp_sample *sample)
{
	free(sample->volume);
	free(sample->pool);
	memset(sample, 0, sizeof(*sample));
}

static int by_name(const void *name, const void *volume)
{
	return strcmp(name, ((const struct fvp_volume_sample *)volume)->name);
}

const struct fvp_volume_sample *fvp_sample_volume(const struct fvp_sample *sample, const char *name)
{
	if (!sample->volumes)
		return NULL;
	return bsearch(name, sample->volume, sample->volumes, sizeof(*sample->volume), by_name);
}

void fvp_rates_between(const struct fvp_volume_sample *before, const struct fvp_volume_sample *now,
		       double seconds, struct fvp_rates *r)
{
	static const struct fvp_volume_sample nothing;
	const struct fvp_sample_counters *c = &now->counters, *b;
	uint64_t sectors;

	/* It was detached and attached in between: its counters began anew. */
	if (!before || strcmp(before->uuid, now->uuid) ||
	    c->hit_ios + c->miss_ios + c->write_ios < before->counters.hit_ios +
							      before->counters.miss_ios +
							      before->counters.write_ios)
		before = &nothing;
	b = &before->counters;
	memset(r, 0, sizeof(*r));
	r->seconds = seconds;
#define DELTA(name, what) r->delta.name = c->name > b->name ? c->name - b->name : 0;
	FVP_VOLUME_COUNTERS(DELTA)
#undef DELTA
	for (int kind = 0; kind < FVP_SAMPLE_KINDS; kind++)
		fvp_histogram_minus(&now->latency[kind], &before->latency[kind], &r->latency[kind]);
	r->read = r->latency[FVP_SAMPLE_READ_FLASH];
	fvp_histogram_add(&r->read, &r->latency[FVP_SAMPLE_READ_ORIGIN]);
	r->reads = (double)(r->delta.hit_ios + r->delta.miss_ios) / seconds;
	r->writes = (double)r->delta.write_ios / seconds;
	r->flushes = (double)r->delta.flush_ios / seconds;
	sectors = r->delta.hit_sectors + r->delta.miss_sectors;
	r->read_bytes = (double)sectors * 512 / seconds;
	r->write_bytes = (double)r->delta.write_sectors * 512 / seconds;
	r->destage_bytes = (double)r->delta.destaged_sectors * 512 / seconds;
	r->hit_percent = sectors ? 100.0 * (double)r->delta.hit_sectors / (double)sectors : -1;
	r->drain_s = -1;
	if (!now->dirty_bytes)
		r->drain_s = 0;
	else if (now->destage_bytes_per_s)
		r->drain_s = (double)now->dirty_bytes / (double)now->destage_bytes_per_s;
}
