// SPDX-License-Identifier: GPL-2.0
/*
 * Lines on stderr.  Where journald reads them each begins with its priority, as sd-daemon(3)
 * has it; elsewhere with a word for it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fvp.h"
#include "fvpd.h"

static int level_max = LOG_INFO;
static bool for_journal;

void fvpd_log_level(int level)
{
	level_max = level;
}

static const char *begins(int priority)
{
	static const char *const priorities[] = { "<0>", "<1>", "<2>", "<3>",
						  "<4>", "<5>", "<6>", "<7>" };
	static const char *const words[] = {
		"fvpd: error: ",   "fvpd: error: ", "fvpd: error: ", "fvpd: error: ",
		"fvpd: warning: ", "fvpd: ",	    "fvpd: ",	     "fvpd: debug: ",
	};

	return (for_journal ? priorities : words)[LOG_PRI(priority)];
}

void fvpd_log_begin(void)
{
	for_journal = getenv("JOURNAL_STREAM");
	fvp_error_begins = begins(LOG_ERR);
	fvp_warning_begins = begins(LOG_WARNING);
}

void fvpd_log(int priority, const char *format, ...)
{
	va_list args;
	char *text;
	int bytes;

	if (priority > level_max)
		return;
	va_start(args, format);
	bytes = vasprintf(&text, format, args);
	va_end(args);
	if (bytes < 0)
		abort();
	fputs(begins(priority), stderr);
	fvp_write_safely(stderr, text);
	fputc('\n', stderr);
	free(text);
}
