/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Table lines and messages, from words to what they mean (fvp_uapi.h has them): no device
 * is opened and nothing is changed here.  Knows neither dm nor bio, so that fuzzers can have it.
 *
 * All of it returns 0, or -EINVAL with a line in the log where a short text would not do.
 */
#ifndef FVP_PARSE_H
#define FVP_PARSE_H

#include <linux/uuid.h>

#include "fvp_uapi.h"
#include "pool.h"

/* Parses the usual form with dashes, and nothing after it. */
int fvp_parse_uuid(const char *text, uuid_t *uuid);

/* 0 if not the name of a mode. */
enum fvp_mode fvp_parse_mode(const char *text);
const char *fvp_mode_name(enum fvp_mode mode);

int fvp_parse_order(const char *text, enum fvp_order *order);
const char *fvp_order_name(enum fvp_order order);

/* --- table lines: *error is the short text --- */

#define FVP_OPTION_REPLICA "replica="

struct fvp_pool_line {
	uuid_t uuid;
	unsigned int flash_count, replica_count;
	char **flash; /* paths: words of the line, in place */
	char **replica; /* likewise, each behind FVP_OPTION_REPLICA */
};
int fvp_parse_pool_line(unsigned int argc, char **argv, struct fvp_pool_line *line, char **error);

struct fvp_volume_line {
	const char *pool, *origin; /* paths: words of the line, in place */
	uuid_t uuid;
	enum fvp_mode mode;
	enum fvp_order order;
	char name[FVP_NAME_BYTES]; /* "" without */
};
int fvp_parse_volume_line(unsigned int argc, char **argv, struct fvp_volume_line *line,
			  char **error);

/* --- messages: at least one word, as dm has it; of whom they are is for the log --- */

struct fvp_pool_message {
	enum fvp_pool_message_kind {
		FVP_MSG_WAIT_LOADED,
		FVP_MSG_REPLICA_REMOVE,
		FVP_MSG_SCRUB,
		FVP_MSG_SCRUB_STOP,
		FVP_MSG_POOL_LATENCY,
	} kind;
	uuid_t uuid; /* REPLICA_REMOVE */
	unsigned int rate_mib; /* SCRUB: at most FVP_SCRUB_MIB_MAX a second; 0: none was given */
};
int fvp_parse_pool_message(const uuid_t *pool, unsigned int argc, char **argv,
			   struct fvp_pool_message *msg);

struct fvp_volume_message {
	enum fvp_volume_message_kind {
		FVP_MSG_MODE,
		FVP_MSG_ORDER,
		FVP_MSG_REPLICAS,
		FVP_MSG_FLUSH,
		FVP_MSG_LOST,
		FVP_MSG_FORGET_LOST,
		FVP_MSG_KEEP,
		FVP_MSG_FORGET,
		FVP_MSG_DROP,
		FVP_MSG_LATENCY,
	} kind;
	enum fvp_mode mode; /* MODE */
	enum fvp_order order; /* ORDER */
	u8 replicas_min; /* REPLICAS, at most FVP_VOLUME_LEGS_MAX */
	unsigned int replica_count; /* likewise, any number */
	char **replica; /* words: uuids, or what somebody took for one */
};
int fvp_parse_volume_message(const uuid_t *volume, unsigned int argc, char **argv,
			     struct fvp_volume_message *msg);

#endif /* FVP_PARSE_H */
