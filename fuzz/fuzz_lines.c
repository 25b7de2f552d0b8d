// SPDX-License-Identifier: GPL-2.0
/*
 * Table lines and messages, as whoever may call dmsetup gives them.  Input: which parser, then
 * the text, split into words as dm does it.  A line that is taken is within its bounds, and
 * comes back from the table that the module would print of it.
 */
#include <stdlib.h>

#include "../kernel/parse.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

#define WORDS_MAX 64

struct words {
	char *argv[WORDS_MAX];
	unsigned int argc;
};

static void check(bool ok, const char *what)
{
	if (!ok)
		shim_die("taken: %s", what);
}

/* Each word is memory of its own, so that reading beyond it is seen. */
static void split(const u8 *at, const u8 *end, struct words *words)
{
	words->argc = 0;
	while (words->argc < WORDS_MAX) {
		char *word, *to;

		while (at < end && *at && isspace(*at))
			at++;
		if (at == end || !*at)
			return;
		word = to = malloc((size_t)(end - at) + 1);
		for (; at < end && *at && !isspace(*at); at++) {
			if (*at == '\\' && at + 1 < end && at[1])
				at++;
			*to++ = (char)*at;
		}
		*to++ = '\0';
		words->argv[words->argc++] = realloc(word, (size_t)(to - word));
	}
}

static void words_free(struct words *words)
{
	while (words->argc)
		free(words->argv[--words->argc]);
}

static bool path_plain(const char *path)
{
	for (; *path; path++)
		if (isspace((unsigned char)*path) || *path == '\\')
			return false;
	return true;
}

static size_t print_uuid(char *text, const uuid_t *uuid)
{
	size_t n = 0;

	for (u32 i = 0; i < UUID_SIZE; i++)
		n += (size_t)sprintf(text + n, "%s%02x",
				     i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid->b[i]);
	return n;
}

static void pool_line(struct words *words)
{
	struct fvp_pool_line line;
	char *error = NULL;

	if (fvp_parse_pool_line(words->argc, words->argv, &line, &error)) {
		check(error && error[0], "refused, and not said why");
		return;
	}
	check(line.flash_count >= 1 && line.flash_count <= FVP_DEVICES_MAX, "flash devices");
	check(line.replica_count <= FVP_LEGS_MAX, "replicas");
	check(line.flash == words->argv + 2, "flash devices elsewhere");
	check(!line.replica_count || line.replica + line.replica_count == words->argv + words->argc,
	      "words behind the replicas");
	for (u32 i = 0; i < line.replica_count; i++)
		check(!strncmp(line.replica[i], "replica=", 8), "not a replica");
}

static void volume_line_again(const struct fvp_volume_line *line)
{
	char text[200];
	size_t n = (size_t)sprintf(text, "pool origin ");
	bool relaxed = line->order == FVP_ORDER_RELAXED;
	unsigned int options = (line->name[0] != 0) + relaxed;
	struct fvp_volume_line again;
	struct words words;
	char *error = NULL;

	n += print_uuid(text + n, &line->uuid);
	n += (size_t)sprintf(text + n, " %s", fvp_mode_name(line->mode));
	if (options)
		n += (size_t)sprintf(text + n, " %u", options);
	if (line->name[0])
		n += (size_t)sprintf(text + n, " name=%s", line->name);
	if (relaxed)
		n += (size_t)sprintf(text + n, " order=%s", fvp_order_name(line->order));
	split((u8 *)text, (u8 *)text + n, &words);
	check(!fvp_parse_volume_line(words.argc, words.argv, &again, &error), "not taken again");
	check(uuid_equal(&again.uuid, &line->uuid) && again.mode == line->mode &&
		      again.order == line->order && !strcmp(again.name, line->name),
	      "another line");
	words_free(&words);
}

static void volume_line(struct words *words)
{
	struct fvp_volume_line line;
	char *error = NULL;

	if (fvp_parse_volume_line(words->argc, words->argv, &line, &error)) {
		check(error && error[0], "refused, and not said why");
		return;
	}
	check(line.pool == words->argv[0] && line.origin == words->argv[1], "other paths");
	check(line.mode >= FVP_MODE_PASS_THROUGH && line.mode <= FVP_MODE_WRITE_BACK, "mode");
	check(line.order == FVP_ORDER_STRICT || line.order == FVP_ORDER_RELAXED, "order");
	check(strnlen(line.name, sizeof(line.name)) < sizeof(line.name), "name without an end");
	check(path_plain(line.name), "name that does not come back");
	volume_line_again(&line);
}

static void pool_message(struct words *words)
{
	static const uuid_t pool = { .b = { 1 } };
	struct fvp_pool_message msg;

	if (!words->argc || fvp_parse_pool_message(&pool, words->argc, words->argv, &msg))
		return;
	switch (msg.kind) {
	case FVP_MSG_WAIT_LOADED:
	case FVP_MSG_SCRUB_STOP:
		check(words->argc == 1, "words too many");
		break;
	case FVP_MSG_REPLICA_REMOVE:
		check(words->argc == 2, "words");
		break;
	case FVP_MSG_SCRUB:
		check(words->argc <= 2 && msg.rate_mib <= FVP_SCRUB_MIB_MAX &&
			      !msg.rate_mib == (words->argc == 1),
		      "rate of a scrub");
		break;
	default:
		check(false, "message");
	}
}

static void volume_message(struct words *words)
{
	static const uuid_t volume = { .b = { 2 } };
	struct fvp_volume_message msg;

	if (!words->argc || fvp_parse_volume_message(&volume, words->argc, words->argv, &msg))
		return;
	switch (msg.kind) {
	case FVP_MSG_MODE:
		check(!strcmp(fvp_mode_name(msg.mode), words->argv[1]), "mode");
		break;
	case FVP_MSG_ORDER:
		check(!strcmp(fvp_order_name(msg.order), words->argv[1]), "order");
		break;
	case FVP_MSG_REPLICAS:
		check(msg.replicas_min <= FVP_VOLUME_LEGS_MAX, "minimum");
		check(msg.replica + msg.replica_count == words->argv + words->argc, "replicas");
		break;
	default:
		check(words->argc == 1 && msg.kind <= FVP_MSG_DROP, "message");
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	static void (*const parsers[])(struct words * words) = { pool_line, volume_line,
								 pool_message, volume_message };
	struct words words;

	shim_quiet = true;
	if (!bytes)
		return 0;
	split(data + 1, data + bytes, &words);
	parsers[data[0] % ARRAY_SIZE(parsers)](&words);
	words_free(&words);
	return 0;
}
