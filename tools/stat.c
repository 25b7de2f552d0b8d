// SPDX-License-Identifier: GPL-2.0
/* fvp stat: what the volumes do, an interval at a time, in the manner of iostat. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fvp.h"
#include "sample.h"

#define INTERVAL_MAX 86400
#define COUNT_MAX 1000000000

/* Which volumes: all if none is named. */
struct wanted {
	char **name;
	unsigned int count;
};

static bool is_wanted(const struct wanted *wanted, const char *name)
{
	for (unsigned int i = 0; i < wanted->count; i++)
		if (!strcmp(wanted->name[i], name))
			return true;
	return !wanted->count;
}

/* ---- for people ---- */

static void add_us(struct fvp_columns *table, const struct fvp_histogram *h, double part)
{
	if (h->count)
		fvp_columns_add(table, "%.0f", fvp_histogram_percentile(h, part) / 1000);
	else
		fvp_columns_add(table, "%s", "");
}

static void add_row(struct fvp_columns *table, const struct fvp_volume_sample *v,
		    const struct fvp_rates *r)
{
	fvp_columns_add(table, "%s", v->name);
	fvp_columns_add(table, "%s%s", v->effective, strcmp(v->effective, v->requested) ? "!" : "");
	fvp_columns_add(table, "%.1f", r->reads);
	fvp_columns_add(table, "%.1f", r->writes);
	fvp_columns_add(table, "%.2f", r->read_bytes / 1048576);
	fvp_columns_add(table, "%.2f", r->write_bytes / 1048576);
	if (r->hit_percent < 0)
		fvp_columns_add(table, "%s", "");
	else
		fvp_columns_add(table, "%.1f", r->hit_percent);
	add_us(table, &r->read, 0.5);
	add_us(table, &r->read, 0.99);
	add_us(table, &r->latency[FVP_SAMPLE_WRITE], 0.5);
	add_us(table, &r->latency[FVP_SAMPLE_WRITE], 0.99);
	add_us(table, &r->latency[FVP_SAMPLE_READ_ORIGIN], 0.5);
	add_us(table, &r->latency[FVP_SAMPLE_ORIGIN_WRITE], 0.5);
	fvp_columns_add(table, "%.1f", (double)v->dirty_bytes / 1048576);
	fvp_columns_add(table, "%.2f", r->destage_bytes / 1048576);
	if (!v->dirty_bytes || r->drain_s < 0)
		fvp_columns_add(table, "%s", "");
	else
		fvp_columns_add(table, "%.0f", r->drain_s);
}

static void print_table(const struct fvp_sample *before, const struct fvp_sample *now,
			double seconds, const struct wanted *wanted)
{
	struct fvp_columns table;

	fvp_columns_start(&table,
			  "VOLUME|MODE|>R/S|>W/S|>RMIB/S|>WMIB/S|>HIT%|>R50_US|>R99_US|"
			  ">W50_US|>W99_US|>OR50_US|>OW50_US|>DIRTY_MIB|>DEST_MIB/S|>ETA_S");
	for (unsigned int i = 0; i < now->volumes; i++) {
		const struct fvp_volume_sample *v = &now->volume[i];
		struct fvp_rates rates;

		if (!is_wanted(wanted, v->name))
			continue;
		fvp_rates_between(fvp_sample_volume(before, v->name), v, seconds, &rates);
		add_row(&table, v, &rates);
	}
	fvp_columns_print(&table);
}

/* ---- for programs: one object a line ---- */

static void add_double(struct json_object *object, const char *key, double value)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", value);
	json_object_object_add(object, key, json_object_new_double_s(value, text));
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)value));
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

static void add_latency(struct json_object *object, const char *key, const struct fvp_histogram *h)
{
	struct json_object *one = json_object_new_object();

	add_number(one, "count", h->count);
	if (h->count) {
		add_double(one, "mean_us", fvp_histogram_mean(h) / 1000);
		add_double(one, "p50_us", fvp_histogram_percentile(h, 0.5) / 1000);
		add_double(one, "p99_us", fvp_histogram_percentile(h, 0.99) / 1000);
		add_double(one, "p999_us", fvp_histogram_percentile(h, 0.999) / 1000);
	}
	json_object_object_add(object, key, one);
}

static struct json_object *json_volume(const struct fvp_volume_sample *v, const struct fvp_rates *r)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_object();

	add_string(object, "name", v->name);
	add_string(object, "uuid", v->uuid);
	add_string(object, "pool", v->pool);
	add_string(object, "requested", v->requested);
	add_string(object, "effective", v->effective);
	add_double(object, "reads_per_s", r->reads);
	add_double(object, "writes_per_s", r->writes);
	add_double(object, "flushes_per_s", r->flushes);
	add_double(object, "read_bytes_per_s", r->read_bytes);
	add_double(object, "write_bytes_per_s", r->write_bytes);
	if (r->hit_percent >= 0)
		add_double(object, "hit_rate", r->hit_percent / 100);
	else
		json_object_object_add(object, "hit_rate", NULL);
	add_number(object, "dirty_bytes", v->dirty_bytes);
	add_number(object, "dirty_age_ms", v->dirty_age_ms);
	add_double(object, "destage_bytes_per_s", r->destage_bytes);
	if (r->drain_s >= 0)
		add_double(object, "drain_s", r->drain_s);
	else
		json_object_object_add(object, "drain_s", NULL);
	add_latency(list, "read", &r->read);
	for (int kind = 0; kind < FVP_SAMPLE_KINDS; kind++)
		add_latency(list, fvp_sample_kind_names[kind], &r->latency[kind]);
	json_object_object_add(object, "latency", list);
	list = json_object_new_object();
#define ADD(name, what) add_number(list, #name, r->delta.name);
	FVP_VOLUME_COUNTERS(ADD)
#undef ADD
	json_object_object_add(object, "counters", list);
	return object;
}

static struct json_object *json_pool(const struct fvp_sample *before,
				     const struct fvp_pool_sample *p)
{
	struct json_object *object = json_object_new_object();
	struct fvp_histogram latency = p->flash_write;
	uint64_t written = 0;

	for (unsigned int i = 0; i < before->pools; i++)
		if (!strcmp(before->pool[i].name, p->name)) {
			written = before->pool[i].flash_written_bytes;
			fvp_histogram_minus(&p->flash_write, &before->pool[i].flash_write,
					    &latency);
		}
	add_string(object, "name", p->name);
	add_string(object, "health", p->health);
	add_number(object, "dirty_bytes", p->dirty_bytes);
	add_number(object, "dirty_span_bytes", p->dirty_span_bytes);
	add_number(object, "dirty_limit_bytes", p->dirty_limit_bytes);
	add_number(object, "flash_written_bytes",
		   p->flash_written_bytes > written ? p->flash_written_bytes - written : 0);
	add_latency(object, "flash_write", &latency);
	return object;
}

static void print_json(const struct fvp_sample *before, const struct fvp_sample *now,
		       double seconds, const struct wanted *wanted)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct fvp_rates rates;

	add_number(object, "time", (uint64_t)time(NULL));
	add_double(object, "seconds", seconds);
	for (unsigned int i = 0; i < now->volumes; i++) {
		const struct fvp_volume_sample *v = &now->volume[i];

		if (!is_wanted(wanted, v->name))
			continue;
		fvp_rates_between(fvp_sample_volume(before, v->name), v, seconds, &rates);
		json_object_array_add(list, json_volume(v, &rates));
	}
	json_object_object_add(object, "volumes", list);
	list = json_object_new_array();
	for (unsigned int i = 0; i < now->pools; i++)
		json_object_array_add(list, json_pool(before, &now->pool[i]));
	json_object_object_add(object, "pools", list);
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
}

/* ---- the verb ---- */

static void sleep_until(struct timespec *next, unsigned int seconds)
{
	next->tv_sec += seconds;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
		;
}

static int run(unsigned int interval, unsigned int count, bool json, const struct wanted *wanted)
{
	struct fvp_sample before, now;
	struct timespec next;
	int ret = fvp_sample_load(&before);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < wanted->count; i++)
		if (!fvp_sample_volume(&before, wanted->name[i])) {
			ret = fvp_error(
				FVP_ABSENT,
				"no volume named %s is attached. fvp volume show lists them",
				wanted->name[i]);
			fvp_sample_free(&before);
			return ret;
		}
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (unsigned int i = 0; !ret && (!count || i < count); i++) {
		double seconds;

		sleep_until(&next, interval);
		ret = fvp_sample_load(&now);
		if (ret)
			break;
		seconds = (double)(now.at_ns - before.at_ns) / 1e9;
		if (json) {
			print_json(&before, &now, seconds, wanted);
		} else {
			if (i)
				putchar('\n');
			print_table(&before, &now, seconds, wanted);
		}
		/* A reader that is gone ends it. */
		if (fflush(stdout))
			ret = fvp_error(FVP_SYSTEM, "cannot write: %s", strerror(errno));
		fvp_sample_free(&before);
		before = now;
	}
	fvp_sample_free(&before);
	return ret;
}

int fvp_stat(int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "volume", required_argument, NULL, FVP_OPTION_AGAIN },
		{ 0 },
	};
	unsigned int interval = 1, count = 0;
	struct wanted wanted = { .name = calloc((size_t)argc + 1, sizeof(char *)) };
	bool json = false;
	int c, ret = FVP_OK;

	if (!wanted.name)
		abort();
	while (!ret && (c = fvp_option(argc, argv, "", known)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == FVP_OPTION_AGAIN)
			wanted.name[wanted.count++] =
				strncmp(optarg, "/dev/mapper/", 12) ? optarg : optarg + 12;
		else
			ret = fvp_usage_option();
	}
	if (!ret && argc - optind > 2)
		ret = fvp_usage("stat takes an interval and a count: name volumes with --volume");
	if (!ret && argc > optind &&
	    (!fvp_number_parse(argv[optind], INTERVAL_MAX, &interval) || !interval))
		ret = fvp_usage("an interval is 1 to %u seconds", INTERVAL_MAX);
	if (!ret && argc - optind == 2 &&
	    (!fvp_number_parse(argv[optind + 1], COUNT_MAX, &count) || !count))
		ret = fvp_usage("a count is 1 to %u", COUNT_MAX);
	/* Without an interval: one. */
	if (argc == optind)
		count = 1;
	if (!ret)
		ret = run(interval, count, json, &wanted);
	free(wanted.name);
	return ret;
}
