// SPDX-License-Identifier: GPL-2.0
/*
 * fvp completion: what may stand next on a command line, from the table of verbs and from
 * what is active.  The shell's part is a few lines that ask for it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "report.h"

static const char bash_script[] =
	"# bash completion for fvp: eval \"$(fvp completion bash)\", or a file of bash-completion\n"
	"_fvp() {\n"
	"\tmapfile -t COMPREPLY < <(\"${COMP_WORDS[0]}\" completion words -- "
	"\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -o default -F _fvp fvp\n";

static const char *prefix;

static void offer(const char *word)
{
	if (!strncmp(word, prefix, strlen(prefix)))
		puts(word);
}

static void offer_devices(const char *target)
{
	struct fvp_views views = { 0 };

	if (geteuid() == 0)
		fvp_views_load(target, &views);
	for (unsigned int i = 0; i < views.count; i++)
		offer(views.view[i].dev.name);
	fvp_views_free(&views);
}

/* What stands for one thing in the arguments of a verb; other words are offered as they are. */
static void offer_meaning(const struct fvp_verb *verb, const char *word)
{
	bool makes = !strcmp(verb->name, "create") || !strcmp(verb->name, "start");

	if (!strcmp(word, "MODE")) {
		offer(FVP_MODE_NAME_WRITE_BACK);
		offer(FVP_MODE_NAME_WRITE_THROUGH);
		offer(FVP_MODE_NAME_READ_ONLY_CACHE);
		offer(FVP_MODE_NAME_PASS_THROUGH);
	} else if (!strcmp(word, "ORDER")) {
		offer(FVP_ORDER_NAME_STRICT);
		offer(FVP_ORDER_NAME_RELAXED);
	} else if (!strcmp(word, "POOL")) {
		offer_devices(FVP_TARGET_POOL);
	} else if (!strcmp(word, "NAME") && verb->noun && !strcmp(verb->noun, "volume")) {
		offer_devices(FVP_TARGET_VOLUME);
	} else if (!strcmp(word, "NAME") && verb->noun && !makes) {
		offer_devices(FVP_TARGET_POOL);
	} else if (word[0] >= 'a' && word[0] <= 'z') {
		offer(word);
	}
}

static void offer_each(const struct fvp_verb *verb, char *words)
{
	char *state;

	for (char *word = strtok_r(words, "|", &state); word; word = strtok_r(NULL, "|", &state))
		offer_meaning(verb, word);
}

/* A word of a verb's arguments without its brackets and dots. */
struct argument {
	char word[64];
	bool closes; /* a bracket: an option that ends with one has no value */
	bool repeats;
};

static const char *next_argument(const char *at, struct argument *argument)
{
	size_t len;

	at += strspn(at, " [");
	len = strcspn(at, " ");
	if (!len)
		return NULL;
	snprintf(argument->word, sizeof(argument->word), "%.*s", (int)len, at);
	argument->closes = strchr(argument->word, ']');
	argument->repeats = strstr(argument->word, "...");
	argument->word[strcspn(argument->word, "].")] = '\0';
	return at + len;
}

static void offer_options(const struct fvp_verb *verb)
{
	struct argument argument;

	for (const char *at = verb->arguments; (at = next_argument(at, &argument));) {
		char *state;

		if (argument.word[0] != '-')
			continue;
		for (char *word = strtok_r(argument.word, "|", &state); word;
		     word = strtok_r(NULL, "|", &state))
			offer(word);
	}
	offer("--help");
}

/* What the value of an option stands for; false if it has none, or is no option of the verb. */
static bool value_of(const struct fvp_verb *verb, const char *option, struct argument *value)
{
	struct argument argument;

	if (option[0] != '-')
		return false;
	for (const char *at = verb->arguments; (at = next_argument(at, &argument));)
		if (!argument.closes && !strcmp(argument.word, option))
			return next_argument(at, value);
	return false;
}

static void offer_positional(const struct fvp_verb *verb, unsigned int index)
{
	struct argument argument, last = { 0 };
	bool value = false;

	for (const char *at = verb->arguments; (at = next_argument(at, &argument));) {
		bool is_value = value;

		value = argument.word[0] == '-' && !argument.closes;
		if (is_value || argument.word[0] == '-')
			continue;
		last = argument;
		if (!index--) {
			offer_each(verb, argument.word);
			return;
		}
	}
	if (last.repeats)
		offer_each(verb, last.word);
}

static void offer_verbs(const char *noun)
{
	const char *before = "";

	for (const struct fvp_verb *verb = fvp_verbs; verb->name; verb++) {
		if (noun && verb->noun && !strcmp(verb->noun, noun))
			offer(verb->name);
		if (noun)
			continue;
		if (!verb->noun)
			offer(verb->name);
		else if (strcmp(verb->noun, before))
			offer(before = verb->noun);
	}
}

/* The last word is the one that is being typed. */
static void offer_next(int count, char **words)
{
	const struct fvp_verb *verb = fvp_verb_find(NULL, words[0]);
	int first = verb ? 1 : 2;
	unsigned int index = 0;
	struct argument value;

	prefix = words[count - 1];
	if (count == 1 || (count == 2 && !verb)) {
		offer_verbs(count == 1 ? NULL : words[0]);
		return;
	}
	if (!verb)
		verb = fvp_verb_find(words[0], words[1]);
	if (!verb)
		return;
	if (count - 1 > first && value_of(verb, words[count - 2], &value)) {
		/* A NAME that an option takes is a new one. */
		if (strcmp(value.word, "NAME"))
			offer_each(verb, value.word);
		return;
	}
	if (prefix[0] == '-') {
		offer_options(verb);
		return;
	}
	for (int i = first; i < count - 1; i++)
		if (words[i][0] != '-' && (i == first || !value_of(verb, words[i - 1], &value)))
			index++;
	offer_positional(verb, index);
}

int fvp_completion(int argc, char **argv)
{
	static const struct option known[] = { { 0 } };

	if (fvp_option(argc, argv, "", known) != -1)
		return fvp_usage_option();
	if (argc - optind == 1 && !strcmp(argv[optind], "bash")) {
		fputs(bash_script, stdout);
		return FVP_OK;
	}
	if (argc - optind >= 2 && !strcmp(argv[optind], "words")) {
		offer_next(argc - optind - 1, argv + optind + 1);
		return FVP_OK;
	}
	return fvp_usage("name a shell: bash is known");
}
