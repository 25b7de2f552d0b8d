// SPDX-License-Identifier: GPL-2.0
/* fvp-sim: seeds, jobs, options, summary. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"

const char *const sim_defect_names[SIM_DEFECT_COUNT] = {
	[SIM_DEFECT_NONE] = "none",
	[SIM_DEFECT_NO_FUA] = "no-fua",
	[SIM_DEFECT_NO_FLUSH] = "no-flush",
	[SIM_DEFECT_EARLY_DONE] = "early-done",
	[SIM_DEFECT_NO_CRC] = "no-crc",
	[SIM_DEFECT_NO_SUSPEND_NOTE] = "no-suspend-note",
	[SIM_DEFECT_NO_PIN] = "no-pin",
	[SIM_DEFECT_LOST_TOMBSTONES] = "lost-tombstones",
	[SIM_DEFECT_SHORT_READ] = "short-read",
	[SIM_DEFECT_HIDE_CACHE] = "hide-cache",
	[SIM_DEFECT_NO_GUEST_FUA] = "no-guest-fua",
	[SIM_DEFECT_NO_DESTAGE_FLUSH] = "no-destage-flush",
	[SIM_DEFECT_NO_ORIGIN_FLUSH] = "no-origin-flush",
	[SIM_DEFECT_LATE_ORIGIN_FLUSH] = "late-origin-flush",
	[SIM_DEFECT_LOST_WATERMARKS] = "lost-watermarks",
	[SIM_DEFECT_RELAXED_ORDER] = "relaxed-order",
	[SIM_DEFECT_LEG_NO_FUA] = "leg-no-fua",
	[SIM_DEFECT_LEG_LOST_RECORD] = "leg-lost-record",
	[SIM_DEFECT_LEG_LOST_WATERMARKS] = "leg-lost-watermarks",
	[SIM_DEFECT_LEG_SET_LOST] = "leg-set-lost",
};

#define JOBS_MAX 64

struct options {
	u64 first, last;
	u32 jobs;
	bool hash;
	u64 origin_cache_given;
	struct sim_config config;
};

static struct options opt = {
	.first = 1,
	.last = 200,
	.jobs = 1,
	.config = { .steps_max = 20000000, .phases = 10 },
};

/* Shared by the jobs. */
struct shared {
	struct sim_counters counters[JOBS_MAX];
	u64 hash; /* of all seeds' traces, whatever the order */
	volatile bool failed;
};
static struct shared *shared;
static u64 seed_now;

static void reproduce(void)
{
	fprintf(stderr, "reproduce with: out/fvp-sim --seed %llu", seed_now);
	if (opt.config.defect)
		fprintf(stderr, " --defect %s", sim_defect_names[opt.config.defect]);
	if (opt.config.origin_cache)
		fprintf(stderr, " --origin-cache");
	if (opt.config.write_back)
		fprintf(stderr, " --write-back");
	if (opt.config.no_write_back)
		fprintf(stderr, " --no-write-back");
	if (opt.config.crash_often)
		fprintf(stderr, " --crash-often");
	if (opt.config.phases != 10)
		fprintf(stderr, " --phases %u", opt.config.phases);
	fprintf(stderr, " --verbose\n");
}

static void die_hook(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "\nVIOLATION seed %llu step %llu: %s\n", seed_now, shim_steps(), what);
	reproduce();
	shared->failed = true;
	if (getenv("FVP_SIM_ABORT"))
		return;
	fflush(stderr);
	_exit(1);
}

static void on_fault(int sig)
{
	static const char text[] = "\nVIOLATION: fault in core or simulator\n";

	if (write(2, text, sizeof(text) - 1) < 0)
		_exit(2);
	fprintf(stderr, "seed %llu step %llu signal %d\n", seed_now, shim_steps(), sig);
	reproduce();
	shared->failed = true;
	signal(sig, SIG_DFL);
	raise(sig);
}

static void run_job(u32 job)
{
	for (u64 seed = opt.first + job; seed <= opt.last && !shared->failed; seed += opt.jobs) {
		struct sim_config config = opt.config;

		seed_now = seed;
		config.seed = seed;
		sim_run_seed(&config, &shared->counters[job]);
		__sync_fetch_and_add(&shared->hash, shim_trace_hash);
		if (opt.hash)
			printf("seed %llu trace %016llx\n", seed, shim_trace_hash);
	}
}

static int run_jobs(void)
{
	int status, failed = 0;

	fflush(stdout);
	if (opt.jobs == 1) {
		run_job(0);
		return shared->failed;
	}
	for (u32 job = 0; job < opt.jobs; job++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("fvp-sim: fork");
			return 1;
		}
		if (!pid) {
			run_job(job);
			fflush(stdout);
			_exit(shared->failed);
		}
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}

static void summary(double seconds)
{
	struct sim_counters sum = { 0 };
	u32 column = 0;

	for (u32 job = 0; job < opt.jobs; job++) {
		const u64 *from = (const u64 *)&shared->counters[job];
		u64 *to = (u64 *)&sum;

		for (u32 i = 0; i < sizeof(sum) / sizeof(u64); i++)
			to[i] += from[i];
	}
#define PRINT_COUNTER(name) printf("%-28s%12llu%s", #name, sum.name, ++column % 3 ? "   " : "\n");
	SIM_COUNTERS(PRINT_COUNTER)
	printf("%s%llu seeds in %.1f s, trace %016llx\n", column % 3 ? "\n" : "", sum.seeds,
	       seconds, shared->hash);
}

/* A seed of its own: the same in every run. */
static void costs(void)
{
	static const u32 depths[] = { 1, 1, 32, 32 };

	for (u32 i = 0; i < 3 * ARRAY_SIZE(depths); i++) {
		struct sim_cost cost;
		bool fua = i & 1, cache = i / ARRAY_SIZE(depths) == 1;
		u32 depth = depths[i % ARRAY_SIZE(depths)];
		u32 legs = i / ARRAY_SIZE(depths) == 2 ? 2 : 0;

		seed_now = 0;
		sim_cost(&cost, depth, fua, cache, legs);
		printf("depth %-2u%s%s: %llu.%03llu flash writes a write, longest took %llu us\n",
		       depth, fua ? " fua" : "    ", cache ? ", volatile cache" : "",
		       cost.flash_writes / cost.writes,
		       cost.flash_writes * 1000 / cost.writes % 1000, cost.longest_ns / 1000);
		if (legs)
			printf("depth %-2u%s, %u legs: %llu writes to each, %llu to flash\n", depth,
			       fua ? " fua" : "    ", legs, cost.leg_writes / legs,
			       cost.flash_writes);
	}
}

static int usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: fvp-sim [--seeds FIRST..LAST] [--seed N] [--jobs N] [--phases N]\n"
		"               [--steps N] [--defect NAME] [--origin-cache] [--hash] [--verbose]\n"
		"               [--write-back | --no-write-back] [--crash-often]\n"
		"defects:");
	for (u32 i = 1; i < SIM_DEFECT_COUNT; i++)
		fprintf(status ? stderr : stdout, " %s", sim_defect_names[i]);
	fprintf(status ? stderr : stdout, "\n");
	return status;
}

static bool parse_seeds(const char *text)
{
	char *end;

	opt.first = strtoull(text, &end, 10);
	opt.last = opt.first;
	if (!strncmp(end, "..", 2))
		opt.last = strtoull(end + 2, &end, 10);
	return !*end && opt.last >= opt.first;
}

static bool parse_defect(const char *name)
{
	for (u32 i = 1; i < SIM_DEFECT_COUNT; i++) {
		if (!strcmp(name, sim_defect_names[i])) {
			opt.config.defect = i;
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "phases", required_argument, NULL, 'p' },
		{ "steps", required_argument, NULL, 't' },
		{ "defect", required_argument, NULL, 'd' },
		{ "origin-cache", no_argument, NULL, 'o' },
		{ "write-back", no_argument, NULL, 'w' },
		{ "no-write-back", no_argument, NULL, 'W' },
		{ "crash-often", no_argument, NULL, 'c' },
		{ "hash", no_argument, NULL, 'H' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct timespec t0, t1;
	int c, failed;

	while ((c = getopt_long(argc, argv, "s:j:vh", options, NULL)) != -1) {
		switch (c) {
		case 's':
			if (!parse_seeds(optarg))
				return usage(2);
			break;
		case 'j':
			opt.jobs = clamp_t(u32, (u32)atoi(optarg), 1, JOBS_MAX);
			break;
		case 'p':
			opt.config.phases = (u32)atoi(optarg);
			break;
		case 't':
			opt.config.steps_max = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			if (!parse_defect(optarg))
				return usage(2);
			break;
		case 'o':
			opt.config.origin_cache = true;
			break;
		case 'w':
			opt.config.write_back = true;
			break;
		case 'W':
			opt.config.no_write_back = true;
			break;
		case 'c':
			opt.config.crash_often = true;
			break;
		case 'H':
			opt.hash = true;
			break;
		case 'v':
			opt.config.verbose = true;
			break;
		default:
			return usage(c == 'h' ? 0 : 2);
		}
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		perror("fvp-sim: mmap");
		return 2;
	}
	shim_quiet = !opt.config.verbose;
	shim_die_hook = die_hook;
#ifndef __SANITIZE_ADDRESS__
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	signal(SIGFPE, on_fault);
#else
	(void)on_fault;
#endif
	clock_gettime(CLOCK_MONOTONIC, &t0);
	failed = run_jobs();
	clock_gettime(CLOCK_MONOTONIC, &t1);
	if (!failed && !opt.config.defect && !opt.config.no_write_back && opt.first != opt.last)
		costs();
	summary((double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
	return failed;
}
