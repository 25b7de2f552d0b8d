// SPDX-License-Identifier: GPL-2.0
/* Traces, stamps and the model: see replay_model.h. */
#include <err.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay_model.h"

#define WORDS (SECTOR_BYTES / 8)
#define PRINTED_MAX 20

void trace_load(const char *path, struct trace *trace)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	size_t done = 0;

	memset(trace, 0, sizeof(*trace));
	if (fd < 0 || fstat(fd, &st))
		err(3, "%s", path);
	if (!st.st_size || st.st_size % (off_t)sizeof(*trace->request))
		errx(3, "%s: not a trace as lab/replay writes it", path);
	trace->count = (uint32_t)((size_t)st.st_size / sizeof(*trace->request));
	trace->request = malloc((size_t)st.st_size);
	if (!trace->request)
		err(3, "malloc");
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, (char *)trace->request + done, (size_t)st.st_size - done);

		if (n <= 0)
			err(3, "%s", path);
		done += (size_t)n;
	}
	close(fd);
	for (uint32_t i = 0; i < trace->count; i++) {
		const struct trace_request *r = &trace->request[i];

		if (!r->len_sectors)
			errx(3, "%s: request %u is empty", path, i);
		if (r->lba + r->len_sectors > trace->end_sector)
			trace->end_sector = r->lba + r->len_sectors;
		if (r->len_sectors > trace->len_sectors_max)
			trace->len_sectors_max = r->len_sectors;
	}
}

void model_init(struct model *model, const struct trace *trace)
{
	memset(model, 0, sizeof(*model));
	model->trace = trace;
	model->version1 = mmap(NULL, trace->end_sector * sizeof(uint32_t), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (model->version1 == MAP_FAILED)
		err(3, "mmap");
	for (uint32_t i = 0; i < trace->count; i++)
		for (uint32_t s = 0; s < trace->request[i].len_sectors; s++)
			model->version1[trace->request[i].lba + s] = 1;
}

void model_apply(struct model *model, uint32_t i)
{
	const struct trace_request *r = &model->trace->request[i];

	for (uint32_t s = 0; r->write && s < r->len_sectors; s++)
		model->version1[r->lba + s] = i + 2;
}

uint32_t model_next(const struct model *model, uint64_t *lba, uint32_t len_max)
{
	const uint64_t end = model->trace->end_sector;
	uint64_t first = *lba;
	uint32_t len = 0;

	while (first < end && !model->version1[first])
		first++;
	while (first + len < end && len < len_max && model->version1[first + len])
		len++;
	*lba = first;
	return len;
}

static void stamp_one(uint64_t *word, uint64_t lba, uint32_t version)
{
	uint64_t value = lba * 0x9e3779b97f4a7c15ull ^ version * 0xc2b2ae3d27d4eb4full;

	word[0] = lba;
	word[1] = version;
	for (unsigned int i = 2; i < WORDS; i++) {
		value += 0xd6e8feb86659fd93ull;
		word[i] = value;
	}
}

void stamp_write(void *data, uint64_t lba, uint32_t len_sectors, uint32_t version)
{
	for (uint32_t s = 0; s < len_sectors; s++)
		stamp_one((uint64_t *)data + (size_t)s * WORDS, lba + s, version);
}

void stamp_model(const struct model *model, void *data, uint64_t lba, uint32_t len_sectors)
{
	for (uint32_t s = 0; s < len_sectors; s++)
		stamp_one((uint64_t *)data + (size_t)s * WORDS, lba + s,
			  model->version1[lba + s] - 1);
}

static bool stamp_is(const uint64_t *word, uint64_t lba, uint32_t version)
{
	uint64_t want[WORDS];

	if (word[0] != lba || word[1] != version)
		return false;
	stamp_one(want, lba, version);
	return !memcmp(word, want, SECTOR_BYTES);
}

static void describe(const uint64_t *word, char *text, size_t text_bytes)
{
	static const uint64_t zero[WORDS];

	if (!memcmp(word, zero, SECTOR_BYTES))
		snprintf(text, text_bytes, "zeroes");
	else if (word[1] <= UINT32_MAX && stamp_is(word, word[0], (uint32_t)word[1]))
		snprintf(text, text_bytes, "lba %llu version %llu", (unsigned long long)word[0],
			 (unsigned long long)word[1]);
	else
		snprintf(text, text_bytes, "no stamp: %016llx %016llx ...",
			 (unsigned long long)word[0], (unsigned long long)word[1]);
}

/* A request that may have happened, later than what the model has, left this sector. */
static bool uncertain_is(struct model *model, const uint64_t *word, uint64_t lba)
{
	for (uint32_t u = 0; u < model->uncertain_count; u++) {
		uint32_t i = model->uncertain[u];
		const struct trace_request *r = &model->trace->request[i];

		if (!r->write || lba < r->lba || lba >= r->lba + r->len_sectors ||
		    i + 2 < model->version1[lba] || !stamp_is(word, lba, i + 1))
			continue;
		model->version1[lba] = i + 2;
		return true;
	}
	return false;
}

uint32_t model_check(struct model *model, const void *data, uint64_t lba, uint32_t len_sectors,
		     const char *where)
{
	static atomic_uint printed;
	uint32_t wrong = 0;

	for (uint32_t s = 0; s < len_sectors; s++) {
		const uint64_t *word = (const uint64_t *)data + (size_t)s * WORDS;
		char got[96];

		if (stamp_is(word, lba + s, model->version1[lba + s] - 1) ||
		    uncertain_is(model, word, lba + s))
			continue;
		wrong++;
		if (atomic_fetch_add(&printed, 1) >= PRINTED_MAX)
			continue;
		describe(word, got, sizeof(got));
		printf("WRONG %s: lba %llu: expected version %u, got %s\n", where,
		       (unsigned long long)(lba + s), model->version1[lba + s] - 1, got);
		fflush(stdout);
	}
	return wrong;
}
