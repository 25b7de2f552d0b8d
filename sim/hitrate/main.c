// SPDX-License-Identifier: GPL-2.0
/* fvp-hitrate: see hitrate.h, and docs/policy.md for what came of it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hitrate.h"

static const struct {
	const char *name;
	policy_fn fn;
} policies[] = {
	{ "LRU", policy_lru },
	{ "SIEVE", policy_sieve },
	{ "S3-FIFO", policy_s3fifo },
	{ "optimum", policy_optimum },
};

static void usage(FILE *to)
{
	fputs("usage: fvp-hitrate [--percent N,N...] [--segment-kib N] [--write-back] [--detail] "
	      "TRACE...\n"
	      "TRACE: a file of lines second,r|w,sector,sectors (-: standard input), or one of",
	      to);
	for (u32 i = 0; trace_names[i]; i++)
		fprintf(to, " %s", trace_names[i]);
	fputs("\n--percent: cache sizes, of what the trace touches (default 2,5,10,20,50)\n", to);
}

static double hit_percent(const struct result *r)
{
	return r->read_sectors ? 100.0 * (double)r->hit_sectors / (double)r->read_sectors : 0;
}

/* False, having said so, if anybody has more hits than the optimum: then a figure is wrong. */
static bool plausible(const char *name, const struct result *r, const struct result *best)
{
	if (r->hit_sectors <= best->hit_sectors && r->read_sectors == best->read_sectors)
		return true;
	fprintf(stderr, "fvp-hitrate: %s has more hits than is possible, or other reads\n", name);
	return false;
}

static bool line(const struct trace *trace, double percent, const struct pool_options *given,
		 bool detail)
{
	struct pool_options options = *given;
	struct pool_report report = { 0 };
	struct result ours = { 0 };
	struct result all[ARRAY_SIZE(policies)] = { 0 };
	const struct result *best = &all[ARRAY_SIZE(policies) - 1];
	u64 least = ~0ull;
	bool ok = true;

	options.flash_sectors = (u64)((double)trace->footprint_sectors * percent / 100);
	printf("| %s | %g %% |", trace->name, percent);
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		u64 units = max_t(u64, options.flash_sectors / trace->unit_sectors, 1);

		policies[i].fn(trace, (u32)units, &all[i]);
		printf(" %.1f |", hit_percent(&all[i]));
		if (&all[i] != best)
			least = min(least, all[i].flash_sectors);
	}
	pool_run(trace, &options, &ours, &report);
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		ok &= plausible(policies[i].name, &all[i], best);
	ok &= plausible("fvp", &ours, best);
	printf(" **%.1f** | %.2f |", hit_percent(&ours),
	       (double)ours.flash_sectors / (double)(least ? least : 1));
	if (detail)
		printf(" %u × %u KiB | %.2f | %llu |", report.segments, report.segment_sectors / 2,
		       (double)report.promoted_sectors / (double)ours.flash_sectors,
		       report.reclaimed);
	printf("\n");
	fflush(stdout);
	return ok;
}

static int run(const char *name, const char *percents, const struct pool_options *options,
	       bool detail)
{
	bool generated = false, ok = true;
	struct trace *trace;
	char *end;

	for (u32 i = 0; trace_names[i]; i++)
		generated |= !strcmp(name, trace_names[i]);
	trace = generated ? trace_generate(name) : trace_read(name);
	if (!trace)
		return 1;
	for (const char *at = percents; *at; at = *end ? end + 1 : end) {
		double percent = strtod(at, &end);

		if (end == at || (*end && *end != ',') || !(percent > 0 && percent <= 1000)) {
			fprintf(stderr, "fvp-hitrate: --percent %s: not a list of percentages\n",
				percents);
			trace_free(trace);
			return 2;
		}
		ok &= line(trace, percent, options, detail);
	}
	trace_free(trace);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "percent", required_argument, NULL, 'p' },
		{ "segment-kib", required_argument, NULL, 's' },
		{ "write-back", no_argument, NULL, 'w' },
		{ "detail", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *percents = "2,5,10,20,50";
	struct pool_options options = { 0 };
	bool detail = false;
	int c, ret = 0;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'p':
			percents = optarg;
			break;
		case 's':
			options.segment_sectors = 2 * (u32)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			options.write_back = true;
			break;
		case 'd':
			detail = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return 2;
	}
	printf("| trace | cache |");
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		printf(" %s |", policies[i].name);
	printf(" fvp | flash writes |%s\n|", detail ? " segments | re-inserted | reclaimed |" : "");
	for (size_t i = 0; i < 4 + ARRAY_SIZE(policies) + (detail ? 3 : 0); i++)
		printf(" ---%s |", i ? ":" : "");
	printf("\n");
	for (; optind < argc && !ret; optind++)
		ret = run(argv[optind], percents, &options, detail);
	return ret;
}
