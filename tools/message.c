// SPDX-License-Identifier: GPL-2.0
/*
 * What the tool says on stderr.  Messages quote names that anyone may have made up: what a
 * terminal would obey, or could not show, is written as \xNN, and a word nobody can read
 * for its length is cut short.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"

const char *fvp_error_begins = "fvp: ", *fvp_warning_begins = "fvp: warning: ";

#define WORD_BYTES 300 /* a longer word is cut: no path or list of ours comes to that */
#define WORD_BYTES_KEPT 60

/* Bytes of the UTF-8 character at text that a terminal only shows; 0: there is none. */
static unsigned int printable(const unsigned char *text)
{
	unsigned int more, i;

	if (text[0] >= 0x20 && text[0] < 0x7f)
		return 1;
	if (text[0] == 0xc2 && text[1] < 0xa0)
		return 0; /* the control characters of Latin-1 */
	if (text[0] >= 0xc2 && text[0] < 0xe0)
		more = 1;
	else if (text[0] >= 0xe0 && text[0] < 0xf0)
		more = 2;
	else if (text[0] >= 0xf0 && text[0] < 0xf5)
		more = 3;
	else
		return 0;
	for (i = 1; i <= more; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return more + 1;
}

void fvp_write_safely(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t word = strcspn((const char *)at, " ");
		const unsigned char *word_end = at + word;
		const unsigned char *shown_end =
			word > WORD_BYTES ? at + WORD_BYTES_KEPT : word_end;

		while (at < shown_end) {
			unsigned int bytes = printable(at);

			if (bytes)
				fwrite(at, 1, bytes, out);
			else
				fprintf(out, "\\x%02x", *at);
			at += bytes ? bytes : 1;
		}
		if (shown_end < word_end)
			fprintf(out, "... (%zu characters)", word);
		at = word_end;
		while (*at == ' ')
			putc(*at++, out);
	}
}

/* One line: what it is, and the message. */
static void say(const char *what, const char *format, va_list args)
{
	char *text;

	fflush(stdout);
	if (vasprintf(&text, format, args) < 0)
		abort();
	fputs(what, stderr);
	fvp_write_safely(stderr, text);
	fputc('\n', stderr);
	free(text);
}

int fvp_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(fvp_error_begins, format, args);
	va_end(args);
	fvp_usage_line(stderr);
	return FVP_USAGE;
}

int fvp_error(enum fvp_exit code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(fvp_error_begins, format, args);
	va_end(args);
	return code;
}

void fvp_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(fvp_warning_begins, format, args);
	va_end(args);
}
