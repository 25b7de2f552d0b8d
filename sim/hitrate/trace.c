// SPDX-License-Identifier: GPL-2.0
/* Traces: see hitrate.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fiber.h" /* shim_rng */
#include "hitrate.h"

#define BLOCK_SECTORS 8
#define REQUESTS_PER_SECOND 5000 /* of what is generated */
#define REQUEST_SECTORS_MAX 8192 /* of a line that is read; no kernel sends more */

static void add(struct trace *t, u64 lba, u32 len_sectors, bool write, u32 second)
{
	if (!(t->count & (t->count - 1))) {
		size_t room = t->count ? 2 * t->count : 1;

		t->request = realloc(t->request, room * sizeof(*t->request));
		if (!t->request)
			abort();
	}
	t->request[t->count++] = (struct request){
		.lba = lba, .len_sectors = len_sectors, .second = second, .write = write
	};
}

/* --- generators: 4 KiB and more, at multiples of 4 KiB --- */

struct zipf {
	double *sum; /* of the weights of rank 0..i */
	u32 count;
};

static struct zipf zipf_new(u32 count, double exponent)
{
	struct zipf z = { malloc(count * sizeof(double)), count };
	double sum = 0;

	if (!z.sum)
		abort();
	for (u32 i = 0; i < count; i++)
		z.sum[i] = sum += pow(i + 1, -exponent);
	return z;
}

static u32 zipf_rank(const struct zipf *z, struct shim_rng *rng)
{
	double x = (double)(shim_rng_next(rng) >> 11) / (double)(1ull << 53) * z->sum[z->count - 1];
	u32 low = 0, high = z->count - 1;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (z->sum[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Where the block of a rank lies: anywhere, as popular blocks are not neighbours. */
static u64 scattered(u32 rank, u32 blocks)
{
	return (u64)rank * 40503 % blocks; /* coprime to powers of two */
}

struct generator {
	struct trace *t;
	struct shim_rng rng;
	u64 scan_at, loop_at;
};

static void emit(struct generator *g, u64 block, u32 blocks, bool write)
{
	add(g->t, block * BLOCK_SECTORS, blocks * BLOCK_SECTORS, write,
	    (u32)(g->t->count / REQUESTS_PER_SECOND));
}

#define ZIPF_BLOCKS (1u << 16) /* 256 MiB */
#define ZIPF_REQUESTS 1000000u
#define ZIPF_EXPONENT 0.9

static void zipf(struct generator *g)
{
	struct zipf z = zipf_new(ZIPF_BLOCKS, ZIPF_EXPONENT);

	for (u32 i = 0; i < ZIPF_REQUESTS; i++)
		emit(g, scattered(zipf_rank(&z, &g->rng), ZIPF_BLOCKS), 1, false);
	free(z.sum);
}

static void zipf_writes(struct generator *g)
{
	struct zipf z = zipf_new(ZIPF_BLOCKS, ZIPF_EXPONENT);

	for (u32 i = 0; i < ZIPF_REQUESTS; i++)
		emit(g, scattered(zipf_rank(&z, &g->rng), ZIPF_BLOCKS), 1,
		     shim_rng_chance(&g->rng, 3, 10));
	free(z.sum);
}

/* Half of all I/O is a backup, say, that reads everything else once. */
static void scan(struct generator *g)
{
	struct zipf z = zipf_new(ZIPF_BLOCKS / 4, ZIPF_EXPONENT);
	u64 scan_at = ZIPF_BLOCKS / 4;

	for (u32 i = 0; i < ZIPF_REQUESTS / 2; i++) {
		emit(g, scattered(zipf_rank(&z, &g->rng), ZIPF_BLOCKS / 4), 1, false);
		/* In bursts, over one part after another of a disk eight times as large. */
		if (i / 20000 % 2 == 0) {
			emit(g, scan_at, 1, false);
			emit(g, scan_at + 1, 1, false);
			scan_at += 2;
		}
	}
	free(z.sum);
}

/* A file larger than the cache, read from its beginning to its end, again and again. */
static void loop(struct generator *g)
{
	for (u32 i = 0; i < ZIPF_REQUESTS / 2; i++)
		emit(g, i % (ZIPF_BLOCKS / 2), 1, false);
}

/* What is popular moves on: a tenth of the ranks is somewhere else after each twentieth. */
static void shift(struct generator *g)
{
	struct zipf z = zipf_new(ZIPF_BLOCKS / 2, ZIPF_EXPONENT);

	for (u32 i = 0; i < ZIPF_REQUESTS; i++) {
		u32 rank = zipf_rank(&z, &g->rng);

		emit(g,
		     scattered((rank + i / (ZIPF_REQUESTS / 20) * (ZIPF_BLOCKS / 20)) % ZIPF_BLOCKS,
			       ZIPF_BLOCKS),
		     1, false);
	}
	free(z.sum);
}

/* All of it: 70 % reads in sizes up to 64 KiB, with a scan and a loop in between. */
static void mixed(struct generator *g)
{
	struct zipf z = zipf_new(ZIPF_BLOCKS / 16, ZIPF_EXPONENT);
	u64 scan_at = ZIPF_BLOCKS + ZIPF_BLOCKS / 4, loop_at = 0;

	for (u32 i = 0; i < ZIPF_REQUESTS / 4; i++) {
		u64 place = scattered(zipf_rank(&z, &g->rng), ZIPF_BLOCKS / 16) * 16;
		u32 blocks = 1u << shim_rng_below(&g->rng, 5);

		emit(g, place, blocks, shim_rng_chance(&g->rng, 3, 10));
		if (i % 8 == 0) {
			emit(g, scan_at, 8, false);
			scan_at += 8;
		}
		if (i % 8 == 4) {
			emit(g, ZIPF_BLOCKS + loop_at, 8, false);
			loop_at = (loop_at + 8) % (ZIPF_BLOCKS / 4);
		}
	}
	free(z.sum);
}

static const struct {
	void (*fn)(struct generator *g);
} generators[] = { { zipf }, { zipf_writes }, { scan }, { loop }, { shift }, { mixed } };

const char *const trace_names[] = { "zipf", "zipf-writes", "scan", "loop", "shift", "mixed", NULL };

/* --- units --- */

struct numbers {
	u64 *key;
	u32 *value;
	u64 mask;
};

/* The number of what has this key: the next one if it is new. */
static u32 number(struct numbers *n, u64 key, u32 *next)
{
	u64 at = key * 0x9E3779B97F4A7C15ull >> 20 & n->mask;

	while (n->key[at] != key && n->key[at] != ~0ull)
		at = (at + 1) & n->mask;
	if (n->key[at] == ~0ull) {
		n->key[at] = key;
		n->value[at] = (*next)++;
	}
	return n->value[at];
}

static u64 gcd(u64 a, u64 b)
{
	return b ? gcd(b, a % b) : a;
}

static void units_make(struct trace *t)
{
	struct numbers n = { 0 };
	u64 unit = 0, sectors = 0, room = 1;

	for (size_t i = 0; i < t->count; i++) {
		const struct request *rq = &t->request[i];

		unit = gcd(gcd(unit, rq->lba), rq->len_sectors);
		sectors += rq->len_sectors;
		t->volume_sectors = max(t->volume_sectors, rq->lba + rq->len_sectors);
	}
	t->unit_sectors = (u32)unit;
	t->unit = malloc(sectors / unit * sizeof(*t->unit));
	t->request_of = malloc(sectors / unit * sizeof(*t->request_of));
	while (room < 2 * (sectors / unit))
		room *= 2;
	n.mask = room - 1;
	n.key = malloc(room * sizeof(*n.key));
	n.value = malloc(room * sizeof(*n.value));
	if (!t->unit || !t->request_of || !n.key || !n.value)
		abort();
	memset(n.key, 0xff, room * sizeof(*n.key));
	for (size_t i = 0; i < t->count; i++) {
		const struct request *rq = &t->request[i];

		for (u64 at = 0; at < rq->len_sectors; at += unit) {
			t->request_of[t->unit_count] = (u32)i;
			t->unit[t->unit_count++] = number(&n, (rq->lba + at) / unit, &t->distinct);
		}
	}
	free(n.key);
	free(n.value);
	t->footprint_sectors = t->distinct * unit;
}

/* --- */

static struct trace *trace_new(const char *name)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->name = name;
	return t;
}

struct trace *trace_generate(const char *name)
{
	struct generator g = { .rng = { 1 } };

	for (u32 i = 0; trace_names[i]; i++) {
		if (strcmp(trace_names[i], name))
			continue;
		g.t = trace_new(trace_names[i]);
		generators[i].fn(&g);
		units_make(g.t);
		return g.t;
	}
	fprintf(stderr, "fvp-hitrate: no generator named %s\n", name);
	return NULL;
}

static int line_parse(const char *line, struct trace *t)
{
	unsigned long long lba;
	unsigned int second, len;
	char op, end;

	if (sscanf(line, "%u,%c,%llu,%u%c", &second, &op, &lba, &len, &end) != 5 || end != '\n' ||
	    (op != 'r' && op != 'w') || !len || len > REQUEST_SECTORS_MAX || lba >> 40)
		return -1;
	add(t, lba, len, op == 'w', second);
	return 0;
}

struct trace *trace_read(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	struct trace *t = trace_new("trace");
	char line[128];
	u64 number = 0;

	if (!file) {
		fprintf(stderr, "fvp-hitrate: %s: %s\n", path, strerror(errno));
		goto fail;
	}
	while (fgets(line, sizeof(line), file)) {
		/* The first line may say what the columns are. */
		if (!line_parse(line, t) || !number++)
			continue;
		fprintf(stderr, "fvp-hitrate: %s: not second,r|w,sector,sectors: %s", path, line);
		goto fail;
	}
	if (!t->count || ferror(file)) {
		fprintf(stderr, "fvp-hitrate: %s: no requests\n", path);
		goto fail;
	}
	if (file != stdin)
		fclose(file);
	units_make(t);
	return t;
fail:
	if (file && file != stdin)
		fclose(file);
	trace_free(t);
	return NULL;
}

void trace_free(struct trace *t)
{
	free(t->request);
	free(t->unit);
	free(t->request_of);
	free(t);
}
