// SPDX-License-Identifier: GPL-2.0
/*
 * crash-rig: cuts the power of a pool and a volume at any number of moments (rig.h says how).
 *
 * A pool has a few lives.  A life is: activation, everything read, load; then the power goes at
 * POINTS moments of it, one after another, activation included, and each time the volume is looked
 * at.  The next life goes on from the last of these, so that its points are second power cuts.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

#define LIVES 4 /* of a pool */
#define SHOWN_MAX 3
#define VIOLATIONS_MAX 5
#define AGAIN_MAGIC 0x3167697268736172ull

struct options {
	const char *mode, *save, *again;
	uint64_t seed, points, points_life, ops, mib, seconds;
	double begun;
	bool broken, verbose;
};

/* Where we are: what a violation is reported with. */
static struct {
	const struct options *options;
	struct stack stack;
	const char *segment_size;
	uint64_t pool, life, point;
	struct state_how how;
	uint64_t violations, points, in_life, recoveries, activation_points;
} rig;

void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "crash-rig: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	_exit(2);
}

void *need(size_t bytes)
{
	void *p = calloc(1, bytes ? bytes : 1);

	if (!p)
		die("out of memory");
	return p;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void *need_pages(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, 4096, bytes))
		die("out of memory");
	memset(p, 0, bytes);
	return p;
}

/* ---- one state, to be looked at again ---- */

/* The devices after the power cut, and what each sector may read as. */
struct again_header {
	uint64_t magic, seed, pool, life, moment;
	uint64_t disks, sectors[DISKS], cache[DISKS];
	struct stack stack;
};

static uint64_t (*allowed_now)[ALLOWED_MAX];
static unsigned int *allowed_count;

static void again_io(FILE *file, void *data, size_t bytes, bool save)
{
	if ((save ? fwrite(data, 1, bytes, file) : fread(data, 1, bytes, file)) != bytes)
		die("the saved state: %s", save ? strerror(errno) : "too short");
}

static void again(const char *path, bool save)
{
	struct again_header header = { .magic = AGAIN_MAGIC };
	FILE *file = fopen(path, save ? "we" : "re");

	if (!file)
		die("%s: %s", path, strerror(errno));
	if (save) {
		header.seed = rig.options->seed;
		header.pool = rig.pool;
		header.life = rig.life;
		header.moment = rig.how.moment;
		header.disks = disks;
		header.stack = rig.stack;
		for (unsigned int i = 0; i < disks; i++) {
			header.sectors[i] = disk[i].sectors;
			header.cache[i] = disk[i].cache;
		}
	}
	again_io(file, &header, sizeof(header), save);
	if (header.magic != AGAIN_MAGIC || header.disks > DISKS)
		die("%s is no saved state", path);
	rig.stack = header.stack;
	for (unsigned int i = 0; i < header.disks; i++) {
		if (!save) {
			disk_start(i, header.sectors[i]);
			disk_set_cache(&disk[i], header.cache[i]);
		}
		again_io(file, disk[i].image, disk[i].sectors * SECTOR, save);
	}
	if (!save) {
		allowed_now = need(disk[ORIGIN].sectors * sizeof(*allowed_now));
		allowed_count = need(disk[ORIGIN].sectors * sizeof(*allowed_count));
	}
	again_io(file, allowed_now, disk[ORIGIN].sectors * sizeof(*allowed_now), save);
	again_io(file, allowed_count, disk[ORIGIN].sectors * sizeof(*allowed_count), save);
	fclose(file);
}

/* ---- looking ---- */

static void violation(const char *what)
{
	rig.violations++;
	printf("VIOLATION: %s: mode %s, seed %llu, pool %llu, life %llu, moment %llu, state seed "
	       "%llu; segments of %s, volatile: flash %d, origin %d\n",
	       what, rig.options->mode, (unsigned long long)rig.options->seed,
	       (unsigned long long)rig.pool, (unsigned long long)rig.life,
	       (unsigned long long)rig.how.moment, (unsigned long long)rig.how.seed,
	       rig.segment_size, disk[FLASH].cache, disk[ORIGIN].cache);
	fflush(stdout);
}

static void read_volume(uint8_t *to)
{
	uint64_t bytes = disk[ORIGIN].sectors * SECTOR;
	int fd = open(STACK_VOLUME, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		die(STACK_VOLUME ": %s", strerror(errno));
	for (uint64_t at = 0; at < bytes; at += 1 << 20) {
		if (pread(fd, to + at, 1 << 20, (off_t)at) != 1 << 20) {
			violation("the volume cannot be read");
			break;
		}
	}
	close(fd);
}

/* Each sector is what the guest may find; prints where not. */
static bool allowed_check(const uint8_t *image, const char *what)
{
	unsigned int wrong = 0;

	for (uint64_t s = 0; s < disk[ORIGIN].sectors; s++) {
		uint64_t content = content_of(image + s * SECTOR, s);
		bool found = false;

		for (unsigned int i = 0; i < allowed_count[s] && !found; i++)
			found = allowed_now[s][i] == content;
		if (found || wrong++ >= SHOWN_MAX)
			continue;
		printf("  %s: sector %llu is %lld; it may be", what, (unsigned long long)s,
		       (long long)content);
		for (unsigned int i = 0; i < allowed_count[s]; i++)
			printf(" %llu", (unsigned long long)allowed_now[s][i]);
		printf("\n");
		if (!rig.options->again)
			oracle_explain(s, rig.how.moment);
	}
	if (wrong)
		printf("  %s: %u sectors\n", what, wrong);
	return !wrong;
}

/* As the power cut left the devices, not as the look at them did. */
static void save(bool life_began)
{
	static bool saved;

	if (saved || !rig.violations || !rig.options->save)
		return;
	saved = true;
	if (!life_began)
		state_make(&rig.how);
	for (unsigned int i = 0; i < disks && life_began; i++)
		memcpy(disk[i].image, disk[i].base, disk[i].sectors * SECTOR);
	again(rig.options->save, true);
	printf("  saved: crash-rig --again %s looks at this state again\n", rig.options->save);
	fflush(stdout);
}

/* The volume on what the devices hold now.  volume: room for what is read. */
static bool look(uint8_t *volume)
{
	if (!stack_start(&rig.stack)) {
		violation("it does not start");
		return false;
	}
	read_volume(volume);
	if (!allowed_check(volume, "volume"))
		violation("the volume is wrong");
	if (!stack_healthy())
		violation("not healthy");
	return true;
}

static void look_and_stop(uint8_t *volume)
{
	disk_play();
	if (!look(volume)) {
		disk_play_end();
		return;
	}
	if (!stack_stop())
		die("cannot stop: the next state needs the devices");
	disk_play_read(&disk[ORIGIN]);
	disk_play_end();
	if (memcmp(volume, disk[ORIGIN].image, disk[ORIGIN].sectors * SECTOR))
		violation("after a clean stop the origin is not what was read");
}

/* The flash is gone: all comes from the replica. */
static void look_recovered(void)
{
	bool recovered;

	rig.recoveries++;
	memset(disk[FLASH].image, 0, disk[FLASH].sectors * SECTOR);
	disk_play();
	recovered = stack_recover();
	disk_play_read(&disk[ORIGIN]);
	disk_play_end();
	if (!recovered) {
		violation("recover refuses");
		return;
	}
	if (!allowed_check(disk[ORIGIN].image, "recovered origin"))
		violation("the recovered origin is wrong");
}

static void allowed_make(uint64_t moment)
{
	for (uint64_t s = 0; s < disk[ORIGIN].sectors; s++)
		allowed_count[s] = oracle_allowed(s, moment, allowed_now[s]);
}

/* What holds of the devices themselves, before anybody looks through the module. */
static void look_origin(void)
{
	if (rig.stack.mode == WRITE_BACK && !rig.stack.relaxed &&
	    !oracle_origin_in_order(disk[ORIGIN].image, rig.how.moment))
		violation("the origin alone is no state that the guest could have left");
	if (!strcmp(rig.options->mode, "write-through") &&
	    !allowed_check(disk[ORIGIN].image, "origin alone"))
		violation("the origin alone lacks what was acknowledged");
}

/* ---- moments ---- */

/* A device's flush or FUA has just been done, or is just to be. */
static uint64_t moment_of_flush(uint64_t *seed, uint64_t fallback)
{
	for (unsigned int tries = 0; disk_log_len && tries < 50; tries++) {
		const struct disk_io *io = &disk_log[below(seed, disk_log_len)];

		if ((io->kind == DISK_FLUSH || io->fua) && io->done != NEVER)
			return io->done - below(seed, 2);
	}
	return fallback;
}

static void state_next(uint64_t begun, uint64_t read_all, uint64_t ended)
{
	uint64_t seed = seed_of(rig.options->seed, rig.pool << 20 | rig.life << 16, rig.point);
	uint64_t what = below(&seed, 100);

	rig.how.moment = begun + below(&seed, ended - begun + 1);
	if (what < 50)
		rig.how.moment = moment_of_flush(&seed, rig.how.moment);
	else if (what < 60)
		rig.how.moment = begun + below(&seed, read_all - begun + 1);
	else if (what < 65)
		rig.how.moment = ended;
	rig.how.seed = seed;
	rig.how.forget_durable = rig.options->broken;
	rig.activation_points += rig.how.moment < read_all;
	state_make(&rig.how);
	allowed_make(rig.how.moment);
}

/* Returns false if the pool is not to go on: it has shown a violation. */
static bool life(uint8_t *volume, uint64_t *read)
{
	uint64_t begun = moment_next(), read_all, ended, cut = rig.how.moment;
	uint64_t seed = seed_of(rig.options->seed, rig.pool, rig.life);
	uint64_t before = rig.violations, replica_in = NEVER;
	unsigned int legset = 0;
	double at = seconds(), loaded;

	disk_record();
	if (!look(volume)) {
		save(true);
		return false;
	}
	for (uint64_t s = 0; s < disk[ORIGIN].sectors; s++)
		read[s] = content_of(volume + s * SECTOR, s);
	if (rig.violations != before) {
		if (!stack_stop())
			die("cannot stop");
		save(true);
		return false;
	}
	oracle_next_life(cut, read);
	read_all = moment_now();
	if (rig.stack.replica) {
		legset = stack_replica_wait(&rig.stack);
		replica_in = moment_now();
	}
	if (!load_run(STACK_VOLUME, rig.options->ops, seed))
		violation("a read under load is wrong");
	ended = moment_now();
	/* One that was out for a while, as it did not answer in time, knows nothing of that. */
	if (rig.stack.replica && stack_replica_wait(&rig.stack) != legset)
		replica_in = NEVER;
	disk_record_end();
	oracle_settle_log(!disk[FLASH].cache && !disk[ORIGIN].cache && !rig.stack.replica);
	if (!stack_stop())
		die("cannot stop");
	if (rig.violations != before)
		return false;
	loaded = seconds();
	for (rig.point = 0; rig.point < rig.options->points_life; rig.point++) {
		state_next(begun, read_all, ended);
		look_origin();
		rig.points++;
		if (rig.point % 4 == 3 && rig.how.moment > replica_in)
			look_recovered();
		else
			look_and_stop(volume);
		save(false);
		if (rig.violations != before)
			return false;
	}
	if (rig.options->verbose)
		printf("pool %llu life %llu: log of %zu, activation %.1f s and load, %.3f s a "
		       "point\n",
		       (unsigned long long)rig.pool, (unsigned long long)rig.life, disk_log_len,
		       loaded - at, (seconds() - loaded) / (double)rig.options->points_life);
	fflush(stdout);
	/* Where the next life begins. */
	state_next(begun, read_all, ended);
	return true;
}

static void pool_begin(void)
{
	static const char *const segments[] = { "64K", "128K" };
	uint64_t seed = seed_of(rig.options->seed, rig.pool, 1 << 20);
	bool volatile_caches = below(&seed, 4);

	for (unsigned int i = 0; i < disks; i++) {
		memset(disk[i].image, 0, disk[i].sectors * SECTOR);
		disk_set_cache(&disk[i], volatile_caches && below(&seed, 4));
	}
	rig.segment_size = segments[below(&seed, 2)];
	rig.stack.relaxed = !below(&seed, 4);
	oracle_start(disk[ORIGIN].sectors);
	stack_create(&rig.stack, rig.segment_size);
	rig.how = (struct state_how){ .moment = moment_now() };
	allowed_make(rig.how.moment);
}

static void mode_choose(void)
{
	uint64_t seed = seed_of(rig.options->seed, rig.pool, 1 << 21 | rig.life);

	if (!strcmp(rig.options->mode, "mixed"))
		rig.stack.mode = below(&seed, 2) ? WRITE_BACK : WRITE_THROUGH;
	else if (!strcmp(rig.options->mode, "write-through"))
		rig.stack.mode = WRITE_THROUGH;
	else
		rig.stack.mode = WRITE_BACK;
}

static bool enough(void)
{
	const struct options *options = rig.options;

	return rig.points >= options->points || rig.violations >= VIOLATIONS_MAX ||
	       (options->seconds && seconds() - options->begun > (double)options->seconds);
}

static void run(const struct options *options)
{
	void *volume;
	uint64_t *read;

	disk_start(FLASH, options->mib << 11);
	disk_start(ORIGIN, options->mib << 10);
	rig.stack.replica = !strcmp(options->mode, "replica");
	if (rig.stack.replica)
		disk_start(REPLICA, options->mib << 11);
	volume = need_pages(disk[ORIGIN].sectors * SECTOR);
	read = need(disk[ORIGIN].sectors * sizeof(*read));
	allowed_now = need(disk[ORIGIN].sectors * sizeof(*allowed_now));
	allowed_count = need(disk[ORIGIN].sectors * sizeof(*allowed_count));
	for (; !enough(); rig.pool++) {
		mode_choose();
		pool_begin();
		for (rig.life = 0; rig.life < LIVES && !enough(); rig.life++) {
			mode_choose();
			if (!life(volume, read))
				break;
		}
	}
}

static void look_again(const char *path)
{
	void *volume;

	again(path, false);
	volume = need_pages(disk[ORIGIN].sectors * SECTOR);
	rig.segment_size = "?";
	look_and_stop(volume);
	rig.points++;
}

static void usage(void)
{
	puts("crash-rig [--mode write-back|write-through|mixed|replica] [--points N] [--life N]\n"
	     "          [--ops N] [--seed N] [--mib N] [--seconds N] [--save FILE] [--break]\n"
	     "          [--verbose] | --again FILE\n"
	     "--life: points of each life.  --seconds: no life begins after them.  --mib: size of\n"
	     "the flash; the origin has half.  --break: devices forget what they said was durable, "
	     "which must be\n"
	     "found.  --save: the first state that is wrong; --again looks at it.\n"
	     "Needs what tests/crash/setup makes.  Status 1: violations.");
	exit(2);
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "mode", 1, NULL, 'm' },    { "points", 1, NULL, 'p' },  { "life", 1, NULL, 'l' },
		{ "ops", 1, NULL, 'o' },     { "seed", 1, NULL, 's' },	  { "mib", 1, NULL, 'M' },
		{ "seconds", 1, NULL, 't' }, { "save", 1, NULL, 'S' },	  { "again", 1, NULL, 'a' },
		{ "break", 0, NULL, 'b' },   { "verbose", 0, NULL, 'v' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (c) {
		case 'm':
			options->mode = optarg;
			break;
		case 'p':
			options->points = number;
			break;
		case 'l':
			options->points_life = number;
			break;
		case 'o':
			options->ops = number;
			break;
		case 's':
			options->seed = number;
			break;
		case 't':
			options->seconds = number;
			break;
		case 'M':
			options->mib = number;
			break;
		case 'S':
			options->save = optarg;
			break;
		case 'a':
			options->again = optarg;
			break;
		case 'b':
			options->broken = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || !options->points || !options->points_life || !options->mib)
		usage();
}

int main(int argc, char **argv)
{
	struct options options = { .mode = "write-back",
				   .seed = 1,
				   .points = 200,
				   .points_life = 40,
				   .ops = 400,
				   .mib = 4 };

	options.begun = seconds();
	parse(argc, argv, &options);
	rig.options = &options;
	if (options.again)
		look_again(options.again);
	else
		run(&options);
	printf("load: %llu writes (%llu FUA), %llu flushes, %llu zeroes, %llu discards, %llu "
	       "reads, "
	       "%llu destages\n",
	       (unsigned long long)load_counts.writes, (unsigned long long)load_counts.fua,
	       (unsigned long long)load_counts.flushes, (unsigned long long)load_counts.zeroes,
	       (unsigned long long)load_counts.discards, (unsigned long long)load_counts.reads,
	       (unsigned long long)load_counts.destages);
	printf("states: writes of devices durable %llu, kept %llu, dropped %llu, torn %llu\n",
	       (unsigned long long)state_counts.durable, (unsigned long long)state_counts.kept,
	       (unsigned long long)state_counts.dropped, (unsigned long long)state_counts.torn);
	printf("crash-rig: mode %s, seed %llu: %llu points (%llu in activation, %llu recoveries), "
	       "%llu pools, %llu violations, %.0f s\n",
	       options.mode, (unsigned long long)options.seed, (unsigned long long)rig.points,
	       (unsigned long long)rig.activation_points, (unsigned long long)rig.recoveries,
	       (unsigned long long)rig.pool, (unsigned long long)rig.violations,
	       seconds() - options.begun);
	fflush(stdout);
	/* The kernel hangs up with us. */
	_exit(rig.violations ? 1 : 0);
}
