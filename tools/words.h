/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Status lines, table lines and answers of the module, from words to what they mean; as
 * include/fvp_uapi.h has them.  Touches nothing but memory, so that fuzzers can have it.
 */
#ifndef FVP_TOOL_WORDS_H
#define FVP_TOOL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "flash.h"

/* The value of key in a status line ("" if it has none), and as a number (0). */
void fvp_status_word(const char *status, const char *key, char *value, size_t value_bytes);
uint64_t fvp_status_number(const char *status, const char *key);

/* The n-th word of a table's parameters, from 0; false if there are fewer. */
bool fvp_table_word(const char *params, unsigned int n, char *word, size_t word_bytes);

/* "major:minor" */
bool fvp_device_number_parse(const char *word, unsigned int *major, unsigned int *minor);

/* A pool's table line, taken apart: devices as the kernel has them, "major:minor". */
#define FVP_OPTION_REPLICA "replica="
#define FVP_DEVICE_WORD_BYTES 32
struct fvp_pool_table {
	char uuid[FVP_UUID_TEXT_BYTES];
	unsigned int flash_count, replica_count;
	char flash[FVP_FLASH_MAX][FVP_DEVICE_WORD_BYTES];
	char replica[FVP_REPLICAS_MAX][FVP_DEVICE_WORD_BYTES];
};
void fvp_pool_words_parse(const char *params, struct fvp_pool_table *table);

/* A volume's; false if words are missing. */
struct fvp_volume_words {
	char pool[FVP_PATH_BYTES], origin[FVP_PATH_BYTES];
	char uuid[40], mode[24];
};
bool fvp_volume_words_parse(const char *params, struct fvp_volume_words *words);

/* The value of replica<n>= in a pool's status line. */
struct fvp_replica_words {
	char uuid[FVP_UUID_TEXT_BYTES];
	char state[16];
	char device[64]; /* /dev/ and the kernel's name, or "-" */
	uint64_t slots, failures, acks, ack_us_mean;
};
bool fvp_replica_words_parse(const char *value, struct fvp_replica_words *words);

/* The next "<lba>+<sectors>" of an answer to the message lost; *at goes behind it. */
bool fvp_range_next(const char **at, uint64_t *lba, uint64_t *len_sectors);

#endif /* FVP_TOOL_WORDS_H */
