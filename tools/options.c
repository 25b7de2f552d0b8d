// SPDX-License-Identifier: GPL-2.0
/* Options of the verbs: getopt_long() made strict. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fvp.h"

static char wrong[256];

static int refuse(const char *format, const char *word)
{
	snprintf(wrong, sizeof(wrong), format, word);
	return '?';
}

/* What getopt_long() stumbled over. */
static int refuse_unknown(const char *arg, int c)
{
	char letter[3] = { '-', (char)optopt, '\0' };

	if (c == ':')
		return refuse("%s needs a value", arg[1] == '-' ? arg : letter);
	if (arg[0] != '-' || arg[1] != '-')
		return refuse("there is no option %s", letter);
	return optopt ? refuse("%s: this option takes no value", arg)
		      : refuse("there is no option %s", arg);
}

int fvp_option(int argc, char **argv, const char *letters, const struct option *known)
{
	static unsigned char seen[256];
	char strict[32];
	int index = -1, c;

	/* A verb may run others: each begins anew. */
	if (optind <= 1)
		memset(seen, 0, sizeof(seen));
	snprintf(strict, sizeof(strict), ":%s", letters);
	opterr = 0;
	c = getopt_long(argc, argv, strict, known, &index);
	if (c == -1)
		return c;
	if (c == '?' || c == ':')
		return refuse_unknown(argv[optind - 1], c);
	if (index >= 0) {
		/* The value, if it was a word of its own, stands between. */
		const char *arg = argv[optind - 1];
		size_t len = strlen(known[index].name);

		if (optarg == arg)
			arg = argv[optind - 2];
		if (strncmp(arg + 2, known[index].name, len) ||
		    (arg[2 + len] && arg[2 + len] != '='))
			return refuse("there is no option %s: options are not abbreviated", arg);
	}
	if (seen[c] && c != FVP_OPTION_AGAIN)
		return refuse("%s is given twice",
			      index >= 0 ? known[index].name : argv[optind - 1]);
	seen[c] = 1;
	return c;
}

int fvp_usage_option(void)
{
	return fvp_usage("%s: see fvp %s --help", wrong, fvp_verb_words());
}
