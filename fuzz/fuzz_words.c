// SPDX-License-Identifier: GPL-2.0
/*
 * What the tool reads: status lines, tables and answers of the module, also of one that is
 * newer, and words of the command line.  Input: which of them, then the text.  Every string ends
 * within its bounds; names, modes and orders that the tool takes are taken by the module, and of
 * a pool's table both make the same.
 */
#include <stdlib.h>

#include "../kernel/parse.h"
#include "../tools/fvp.h"
#include "../tools/histogram.h"
#include "../tools/words.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

#define WORDS_MAX 64

static void check(bool ok, const char *what)
{
	if (!ok)
		shim_die("taken: %s", what);
}

/* A field that holds one word. */
static void check_word(const char *field, size_t field_bytes)
{
	check(strnlen(field, field_bytes) < field_bytes, "a word without an end");
	check(!strchr(field, ' '), "two words");
}

#define CHECK_WORD(field) check_word(field, sizeof(field))

static void status(const char *text)
{
	static const char *const keys[] = { "health", "state",	   "uuid",	"devices",
					    "origin", "requested", "effective", "dirty_sectors" };
	struct fvp_replica_words replica;
	char word[16], large[256], key[16];

	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		fvp_status_word(text, keys[i], word, sizeof(word));
		CHECK_WORD(word);
		fvp_status_word(text, keys[i], large, sizeof(large));
		check(!strncmp(word, large, strlen(word)), "another value");
		fvp_size_text(fvp_status_number(text, keys[i]));
		fvp_time_text(fvp_status_number(text, keys[i]));
	}
	for (u32 i = 0; i < FVP_REPLICAS_MAX; i++) {
		snprintf(key, sizeof(key), "replica%u", i);
		fvp_status_word(text, key, large, sizeof(large));
		if (!fvp_replica_words_parse(large, &replica))
			continue;
		CHECK_WORD(replica.uuid);
		CHECK_WORD(replica.state);
		CHECK_WORD(replica.device);
		check(replica.uuid[0] && replica.state[0] && replica.device[0], "an empty word");
	}
}

/* As the module would have it, if the text has nothing that dm treats otherwise. */
static void pool_table_same(char *text, const struct fvp_pool_table *table)
{
	struct fvp_pool_line line;
	char *argv[WORDS_MAX], *error = NULL, *rest = NULL;
	unsigned int argc = 0;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (argc == WORDS_MAX || strlen(word) >= FVP_DEVICE_WORD_BYTES + 5)
			return;
		argv[argc++] = word;
	}
	if (fvp_parse_pool_line(argc, argv, &line, &error))
		return;
	check(!strcmp(table->uuid, argv[0]), "another uuid");
	check(table->flash_count == line.flash_count, "another number of flash devices");
	check(table->replica_count == line.replica_count, "another number of replicas");
}

static void pool_table(const char *text)
{
	struct fvp_pool_table table;
	char *copy;

	fvp_pool_words_parse(text, &table);
	CHECK_WORD(table.uuid);
	check(table.flash_count <= FVP_FLASH_MAX, "flash devices");
	check(table.replica_count <= FVP_REPLICAS_MAX, "replicas");
	for (u32 i = 0; i < table.flash_count; i++)
		CHECK_WORD(table.flash[i]);
	for (u32 i = 0; i < table.replica_count; i++)
		CHECK_WORD(table.replica[i]);
	copy = strdup(text);
	if (!strchr(text, '\\'))
		pool_table_same(copy, &table);
	free(copy);
}

static void volume_table(const char *text)
{
	struct fvp_volume_words words;
	unsigned int major, minor;

	if (!fvp_volume_words_parse(text, &words))
		return;
	CHECK_WORD(words.pool);
	CHECK_WORD(words.origin);
	CHECK_WORD(words.uuid);
	CHECK_WORD(words.mode);
	fvp_device_number_parse(words.pool, &major, &minor);
}

static void argument(const char *text)
{
	char *line[] = {
		"p", "o", "11111111-2222-3333-4444-555555555555", "write-back", "1", NULL
	};
	struct fvp_volume_line taken;
	char option[128], *error = NULL;
	unsigned int number;
	enum fvp_order order;
	uint64_t bytes = 0;

	if (fvp_size_parse(text, &bytes)) {
		check(bytes, "a size of nothing");
		check(strlen(fvp_size_text(bytes)), "a size without a text");
	}
	if (fvp_number_parse(text, 4, &number))
		check(number <= 4, "a number too large");
	check((enum fvp_mode)fvp_mode_parse(text) == fvp_parse_mode(text), "another mode");
	check(fvp_order_valid(text) == !fvp_parse_order(text, &order), "another order");
	if (!fvp_name_valid(text))
		return;
	snprintf(option, sizeof(option), "name=%s", text);
	line[5] = option;
	check(!fvp_parse_volume_line(6, line, &taken, &error), "a name that the module refuses");
	check(!strcmp(taken.name, text), "another name");
}

static void histograms(const char *text)
{
	struct fvp_histogram h, twice, back;
	char name[FVP_HISTOGRAM_NAME_BYTES];
	double before = 0;

	while ((text = fvp_histogram_next(text, name, &h))) {
		CHECK_WORD(name);
		check(name[0], "a histogram without a name");
		for (u32 i = 0; i <= 100; i++) {
			double ns = fvp_histogram_percentile(&h, i / 100.0);

			check(ns >= before, "percentiles that fall");
			before = ns;
		}
		before = 0;
		fvp_histogram_mean(&h);
		twice = h;
		fvp_histogram_add(&twice, &h);
		fvp_histogram_minus(&twice, &h, &back);
	}
}

static void ranges(const char *text)
{
	const char *at = text, *last = text;
	uint64_t lba, len_sectors;

	while (fvp_range_next(&at, &lba, &len_sectors)) {
		check(at > last && at <= text + strlen(text), "beyond the text");
		last = at;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	static void (*const parsers[])(const char *text) = { status,   pool_table, volume_table,
							     argument, ranges,	   histograms };
	char *text;

	shim_quiet = true;
	if (!bytes)
		return 0;
	text = malloc(bytes);
	memcpy(text, data + 1, bytes - 1);
	text[bytes - 1] = '\0';
	parsers[data[0] % ARRAY_SIZE(parsers)](text);
	free(text);
	return 0;
}
