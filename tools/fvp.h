/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fvp, the command line tool: what its files share.
 *
 *	main.c		the verbs, their help; options.c, message.c: their options, what they say
 *	pool_*.c replica_*.c volume_*.c status.c	one verb each
 *	wait.c		until the origin has all, with progress
 *	dm.c		device-mapper ioctls; kmsg.c: why the kernel refused one
 *	device.c	block devices: size, who holds them, what they contain
 *	flash.c		superblocks: knows core/super.h; media.c: what is wrong with one;
 *			take.c: devices that are to get one
 *	recover.c	the verb; recover/core.c runs all of core/ over files, in this process
 *	host*.c		all pools and volumes, when the host boots and goes down
 *	attach.c	a volume, on top or (attach_live.c) under a running device
 *	record.c	volumes that are meant to be attached, and how
 *	hidden.c	origins that udev is to keep others from
 *	words.c		status lines, table lines and answers of the module, as text
 *	report.c	the same, by device; waiting.c: volumes whose origin is not there
 *	replicas.c	replicas, by the status line; replica_table.c: other ones for a pool
 *	config.c	what may be set for fvpd (daemon/), check_config.c: is it right?
 *	listen.c	where that serves HTTP
 *	completion.c	what may stand next on a command line
 *	doctor.c	the verb; doctor_*.c: what it looks at
 *	stat.c, top.c, top_draw.c	the verbs; sample.c: what happened between two looks;
 *			histogram.c: latencies
 *	print.c		tables for people, JSON; notes.c: write-back in words
 *
 * Every function that can fail prints its one message itself, through
 * fvp_error(), and returns an exit code, so that callers only unwind.
 */
#ifndef FVP_TOOL_H
#define FVP_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FVP_VERSION "0.1.0"

/* Exit codes: fvp(8) documents them. */
enum fvp_exit {
	FVP_OK = 0,
	FVP_USAGE = 1, /* wrong words on the command line */
	FVP_REFUSED = 2, /* in use, exists already, holds data: nothing was changed */
	FVP_SYSTEM = 3, /* the kernel or a device failed */
	FVP_ABSENT = 4, /* no such pool, volume or device */
	FVP_MEDIA = 5, /* a flash device is missing, foreign, damaged or too new */
	FVP_FOUND = 6, /* doctor has found something, or check-config an error */
	FVP_INTERRUPTED = 130, /* while it waited */
};

/* What such messages begin with; for programs that are not fvp. */
extern const char *fvp_error_begins, *fvp_warning_begins;
/* Prints "fvp: " and the message to stderr; returns code. */
int fvp_error(enum fvp_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fvp_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Verbs: argv[0] is the last word of the verb.  (Some are called so as core has functions of
 * the plain names.)
 */
int fvp_pool_create(int argc, char **argv);
int fvp_pool_start(int argc, char **argv);
int fvp_pool_stop(int argc, char **argv);
int fvp_pool_show(int argc, char **argv);
int fvp_pool_scrub(int argc, char **argv);
int fvp_pool_destroy(int argc, char **argv);
int fvp_replica_create(int argc, char **argv);
int fvp_replica_add(int argc, char **argv);
int fvp_replica_remove(int argc, char **argv);
int fvp_replica_list(int argc, char **argv);
int fvp_volume_attach_verb(int argc, char **argv);
int fvp_volume_detach_verb(int argc, char **argv);
int fvp_volume_mode(int argc, char **argv);
int fvp_volume_order(int argc, char **argv);
int fvp_volume_replicas(int argc, char **argv);
int fvp_volume_flush_verb(int argc, char **argv);
int fvp_volume_forget(int argc, char **argv);
int fvp_volume_show(int argc, char **argv);
int fvp_status(int argc, char **argv);
int fvp_recover(int argc, char **argv);
int fvp_host_start(int argc, char **argv);
int fvp_host_guard(int argc, char **argv);
int fvp_host_stop(int argc, char **argv);
int fvp_stat(int argc, char **argv);
int fvp_top(int argc, char **argv);
int fvp_host_role(int argc, char **argv);
int fvp_doctor(int argc, char **argv);
int fvp_check_config(int argc, char **argv);
int fvp_completion(int argc, char **argv);

struct fvp_verb {
	const char *noun, *name; /* noun: NULL if it has none */
	int (*run)(int argc, char **argv);
	const char *arguments; /* [optional], DEVICE... again and again, A|B either */
	const char *help;
};
extern const struct fvp_verb fvp_verbs[]; /* behind the last one: name NULL */
const struct fvp_verb *fvp_verb_find(const char *noun, const char *name);

/* Prints the help of the verb being run: to stdout and FVP_OK, or to stderr and FVP_USAGE. */
int fvp_help(void);
int fvp_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fvp_usage_line(FILE *out);
/* "pool create": of the verb being run. */
const char *fvp_verb_words(void);
/* Writes it so that a terminal shows all and obeys nothing; a word of 300 characters is cut. */
void fvp_write_safely(FILE *out, const char *text);

/*
 * getopt_long(), but no option is abbreviated or given twice (but one whose value is
 * FVP_OPTION_AGAIN).  '?' if it is wrong: then fvp_usage_option() says what, FVP_USAGE.
 */
struct option;
#define FVP_OPTION_AGAIN '+'
int fvp_option(int argc, char **argv, const char *letters, const struct option *known);
int fvp_usage_option(void);

/* Text. */
bool fvp_size_parse(const char *text, uint64_t *bytes); /* 4M, 1G, 512 */
/* A number from 0 to max; false if text is none. */
bool fvp_number_parse(const char *text, unsigned int max, unsigned int *number);
/* "1.2 GiB" into one of a few static buffers. */
const char *fvp_size_text(uint64_t bytes);
/* "2.5 s", "3 min", likewise. */
const char *fvp_time_text(uint64_t ms);
/* A name that device-mapper and the module's tables take. */
bool fvp_name_valid(const char *name);
#define FVP_NAME_RULE                                                                              \
	"a name has 1 to 63 letters, digits or ._+:@- and starts with a letter or digit"
/* enum fvp_mode, or 0. */
int fvp_mode_parse(const char *text);
#define FVP_MODE_RULE "write-back, write-through, read-only-cache and pass-through are"
bool fvp_order_valid(const char *text);
#define FVP_ORDER_RULE "strict and relaxed are"

#endif /* FVP_TOOL_H */
