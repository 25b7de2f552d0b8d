// SPDX-License-Identifier: GPL-2.0
/*
 * Replays a trace against a block device and checks every sector it reads.
 * lab/replay runs it, in a guest and on files.
 *
 * Threads take the requests in order, each with one in flight.  A request waits
 * for those in flight that it overlaps if one of the two writes; so at any
 * moment the model knows what a sector must contain.
 *
 * For a power cut, each acknowledged request is noted on a device of its own,
 * one sector each, before anything that overlaps it starts.  After the cut,
 * what is noted must be there; of the few requests that may have been in
 * flight, each may be there or not, and what is read then must stay.
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "replay_model.h"

#define DEPTH_MAX 64
#define CHUNK_SECTORS 2048
#define WINDOW 64 /* with a note device: requests from the first not acknowledged on */
#define SYNC_EVERY 997 /* requests between flushes; prime, so that they fall anywhere */
#define NOTE_MAGIC 0x6b6361207066762eull

static struct {
	const char *trace, *device, *acks;
	uint32_t depth, cut_at;
	bool resume, strict;
} options = { .depth = 8 };

static struct trace trace;
static struct model model;
static int device_fd = -1, acks_fd = -1;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* who starts the next request */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects all that follows */
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct slot {
	uint64_t lba;
	uint32_t len_sectors;
	uint32_t write;
	bool busy;
} slots[DEPTH_MAX];
static uint8_t *done; /* by request */
static uint32_t next_request, low_water; /* all below low_water are done */
static uint64_t waited;

static atomic_ullong wrong_sectors, checked_sectors, io_errors;

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *buffer_alloc(uint32_t len_sectors)
{
	void *mem;

	if (posix_memalign(&mem, 4096, (size_t)len_sectors * SECTOR_BYTES))
		err(3, "malloc");
	return mem;
}

static bool io(int fd, bool write, void *data, uint64_t lba, uint32_t len_sectors)
{
	size_t bytes = (size_t)len_sectors * SECTOR_BYTES;
	off_t at = (off_t)(lba * SECTOR_BYTES);
	ssize_t n = write ? pwrite(fd, data, bytes, at) : pread(fd, data, bytes, at);

	if (n == (ssize_t)bytes)
		return true;
	if (!atomic_fetch_add(&io_errors, 1) || n < 0)
		warn("%s of %u sectors at %llu: %zd bytes", write ? "write" : "read", len_sectors,
		     (unsigned long long)lba, n);
	return false;
}

static int device_open(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT);

	if (fd < 0)
		err(3, "%s", path);
	return fd;
}

/* ---- replay ---- */

static bool overlaps_in_flight(const struct trace_request *r)
{
	for (uint32_t s = 0; s < options.depth; s++)
		if (slots[s].busy && (slots[s].write || r->write) &&
		    r->lba < slots[s].lba + slots[s].len_sectors &&
		    slots[s].lba < r->lba + r->len_sectors)
			return true;
	return false;
}

/* The next request that may start now, registered in slot; false at the end of the trace. */
static bool take(struct slot *slot, uint32_t *index)
{
	bool more = false;

	pthread_mutex_lock(&turn);
	pthread_mutex_lock(&lock);
	while (next_request < trace.count && done[next_request])
		next_request++;
	if (next_request < trace.count) {
		const struct trace_request *r = &trace.request[next_request];

		while (overlaps_in_flight(r) ||
		       (acks_fd >= 0 && next_request >= low_water + WINDOW)) {
			waited++;
			pthread_cond_wait(&ended, &lock);
		}
		slot->lba = r->lba;
		slot->len_sectors = r->len_sectors;
		slot->write = r->write;
		slot->busy = true;
		*index = next_request++;
		more = true;
	}
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&turn);
	return more;
}

static void release(struct slot *slot, uint32_t index)
{
	pthread_mutex_lock(&lock);
	slot->busy = false;
	done[index] = 1;
	while (low_water < trace.count && done[low_water])
		low_water++;
	pthread_cond_signal(&ended); /* the one that has the turn */
	pthread_mutex_unlock(&lock);
}

static void note(uint64_t *sector, uint32_t index)
{
	sector[0] = NOTE_MAGIC;
	sector[1] = index;
	if (!io(acks_fd, true, sector, index, 1))
		errx(3, "cannot note an acknowledgement on %s", options.acks);
}

static void one_request(uint32_t index, void *data, uint64_t *note_sector)
{
	const struct trace_request *r = &trace.request[index];

	if (r->write) {
		stamp_write(data, r->lba, r->len_sectors, index + 1);
		if (!io(device_fd, true, data, r->lba, r->len_sectors))
			return;
		model_apply(&model, index);
	} else if (io(device_fd, false, data, r->lba, r->len_sectors)) {
		checked_sectors += r->len_sectors;
		wrong_sectors += model_check(&model, data, r->lba, r->len_sectors, "read");
	}
	if (index % SYNC_EVERY == SYNC_EVERY - 1 && fdatasync(device_fd)) {
		warn("flush");
		io_errors++;
	}
	if (acks_fd >= 0)
		note(note_sector, index);
}

static void *worker(void *arg)
{
	struct slot *slot = arg;
	void *data = buffer_alloc(trace.len_sectors_max);
	uint64_t *note_sector = buffer_alloc(1);
	uint32_t index;

	memset(note_sector, 0, SECTOR_BYTES);
	while (take(slot, &index)) {
		one_request(index, data, note_sector);
		release(slot, index);
		if (options.cut_at && index == options.cut_at) {
			printf("REACHED %u\n", index);
			fflush(stdout);
		}
	}
	free(note_sector);
	free(data);
	return NULL;
}

static void threads_run(void *(*fn)(void *), uint32_t count)
{
	pthread_t thread[DEPTH_MAX];

	for (uint32_t i = 0; i < count; i++)
		if (pthread_create(&thread[i], NULL, fn, &slots[i]))
			errx(3, "cannot start a thread");
	for (uint32_t i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
}

/* ---- checking all ---- */

static pthread_mutex_t check_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t check_next;
static const char *check_where;

static void *checker(void *unused)
{
	void *data = buffer_alloc(CHUNK_SECTORS);

	for (;;) {
		uint64_t lba;
		uint32_t len;

		pthread_mutex_lock(&check_lock);
		lba = check_next;
		len = model_next(&model, &lba, CHUNK_SECTORS);
		check_next = lba + len;
		pthread_mutex_unlock(&check_lock);
		if (!len)
			break;
		if (!io(device_fd, false, data, lba, len))
			continue;
		checked_sectors += len;
		wrong_sectors += model_check(&model, data, lba, len, check_where);
	}
	free(data);
	return unused;
}

static void check_all(const char *where)
{
	check_next = 0;
	check_where = where;
	threads_run(checker, options.depth < 4 ? options.depth : 4);
}

/* What was noted before the cut; the others of the window may have happened. */
static void resume(void)
{
	static uint32_t uncertain[2 * WINDOW];
	uint64_t *notes = buffer_alloc(CHUNK_SECTORS);
	uint32_t acknowledged = 0, count = 0;

	for (uint32_t i = 0; i < trace.count; i += CHUNK_SECTORS) {
		uint32_t len = trace.count - i < CHUNK_SECTORS ? trace.count - i : CHUNK_SECTORS;

		if (!io(acks_fd, false, notes, i, len))
			errx(3, "cannot read the notes on %s", options.acks);
		for (uint32_t s = 0; s < len; s++) {
			done[i + s] = notes[s * 64] == NOTE_MAGIC && notes[s * 64 + 1] == i + s;
			acknowledged += done[i + s];
		}
	}
	free(notes);
	while (low_water < trace.count && done[low_water])
		low_water++;
	for (uint32_t i = 0; i < trace.count; i++) {
		if (done[i]) {
			if (i >= low_water + WINDOW)
				errx(3, "request %u is noted, %u is not: not a window of %u", i,
				     low_water, WINDOW);
			model_apply(&model, i);
		} else if (i < low_water + WINDOW) {
			uncertain[count++] = i;
		}
	}
	model.uncertain = uncertain;
	model.uncertain_count = count;
	check_all("after the cut");
	model.uncertain_count = 0;
	printf("resumed acknowledged=%u uncertain=%u checked_sectors=%llu wrong_sectors=%llu\n",
	       acknowledged, count, (unsigned long long)checked_sectors,
	       (unsigned long long)wrong_sectors);
	fflush(stdout);
}

/* ---- verbs ---- */

static int result(const char *verb, double start_s)
{
	printf("%s requests=%u seconds=%.1f checked_sectors=%llu wrong_sectors=%llu io_errors=%llu "
	       "waits=%llu\n",
	       verb, trace.count, now_s() - start_s, (unsigned long long)checked_sectors,
	       (unsigned long long)wrong_sectors, (unsigned long long)io_errors,
	       (unsigned long long)waited);
	return wrong_sectors || io_errors ? 1 : 0;
}

static int run(void)
{
	double start_s = now_s();

	device_fd = device_open(options.device, O_RDWR);
	if (options.acks)
		acks_fd = device_open(options.acks, O_RDWR);
	if (options.resume)
		resume();
	threads_run(worker, options.depth);
	if (fdatasync(device_fd))
		err(3, "flush");
	return result("replayed", start_s);
}

static int stamp(void)
{
	void *data = buffer_alloc(CHUNK_SECTORS);
	double start_s = now_s();
	uint64_t lba = 0;
	uint32_t len;

	device_fd = open(options.device, O_RDWR);
	if (device_fd < 0)
		err(3, "%s", options.device);
	while ((len = model_next(&model, &lba, CHUNK_SECTORS))) {
		stamp_model(&model, data, lba, len);
		if (!io(device_fd, true, data, lba, len))
			return 3;
		lba += len;
	}
	free(data);
	return result("stamped", start_s);
}

/* What the trace never touched must still be empty: finds writes that went astray. */
static void check_untouched(void)
{
	static const uint8_t zero[SECTOR_BYTES];
	uint8_t *data = buffer_alloc(CHUNK_SECTORS);
	off_t at = 0;

	while ((at = lseek(device_fd, at, SEEK_DATA)) >= 0) {
		uint64_t lba = (uint64_t)at / SECTOR_BYTES;
		ssize_t n = pread(device_fd, data, (size_t)CHUNK_SECTORS * SECTOR_BYTES, at);

		if (n <= 0)
			break;
		for (uint32_t s = 0; s < (size_t)n / SECTOR_BYTES; s++) {
			if (lba + s < trace.end_sector && model.version1[lba + s])
				continue;
			checked_sectors++;
			if (!memcmp(data + (size_t)s * SECTOR_BYTES, zero, SECTOR_BYTES))
				continue;
			if (!wrong_sectors++)
				printf("WRONG %s: lba %llu: never written, but not empty\n",
				       options.device, (unsigned long long)(lba + s));
		}
		at += n;
	}
	free(data);
}

static int verify(void)
{
	double start_s = now_s();
	struct stat st;

	if (stat(options.device, &st))
		err(3, "%s", options.device);
	device_fd = open(options.device, O_RDONLY | (S_ISBLK(st.st_mode) ? O_DIRECT : 0));
	if (device_fd < 0)
		err(3, "%s", options.device);
	for (uint32_t i = 0; i < trace.count; i++)
		model_apply(&model, i);
	check_all(options.device);
	if (options.strict)
		check_untouched();
	return result("verified", start_s);
}

static int usage(void)
{
	fputs("usage: fvp-replay stamp  --trace FILE --device DEVICE\n"
	      "       fvp-replay run    --trace FILE --device DEVICE [--depth N]\n"
	      "                         [--acks DEVICE [--cut-at N | --resume]]\n"
	      "       fvp-replay verify --trace FILE --device DEVICE [--strict]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "trace", required_argument, NULL, 't' },
		{ "device", required_argument, NULL, 'd' },
		{ "acks", required_argument, NULL, 'a' },
		{ "depth", required_argument, NULL, 'q' },
		{ "cut-at", required_argument, NULL, 'c' },
		{ "resume", no_argument, NULL, 'r' },
		{ "strict", no_argument, NULL, 's' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 't':
			options.trace = optarg;
			break;
		case 'd':
			options.device = optarg;
			break;
		case 'a':
			options.acks = optarg;
			break;
		case 'q':
			options.depth = (uint32_t)atoi(optarg);
			break;
		case 'c':
			options.cut_at = (uint32_t)atoi(optarg);
			break;
		case 'r':
			options.resume = true;
			break;
		case 's':
			options.strict = true;
			break;
		default:
			return usage();
		}
	}
	if (argc - optind != 1 || !options.trace || !options.device || options.depth < 1 ||
	    options.depth > DEPTH_MAX || (options.resume && !options.acks))
		return usage();
	trace_load(options.trace, &trace);
	model_init(&model, &trace);
	done = calloc(trace.count, 1);
	if (!done)
		err(3, "malloc");
	if (!strcmp(argv[optind], "run"))
		return run();
	if (!strcmp(argv[optind], "stamp"))
		return stamp();
	if (!strcmp(argv[optind], "verify"))
		return verify();
	return usage();
}
