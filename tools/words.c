// SPDX-License-Identifier: GPL-2.0
/* See words.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

void fvp_status_word(const char *status, const char *key, char *value, size_t value_bytes)
{
	size_t key_len = strlen(key);

	value[0] = '\0';
	for (const char *word = status; *word;
	     word += strcspn(word, " "), word += strspn(word, " "))
		if (!strncmp(word, key, key_len) && word[key_len] == '=') {
			word += key_len + 1;
			snprintf(value, value_bytes, "%.*s", (int)strcspn(word, " "), word);
			return;
		}
}

uint64_t fvp_status_number(const char *status, const char *key)
{
	char value[32];

	fvp_status_word(status, key, value, sizeof(value));
	return strtoull(value, NULL, 10);
}

bool fvp_table_word(const char *params, unsigned int n, char *word, size_t word_bytes)
{
	params += strspn(params, " ");
	while (n-- && *params) {
		params += strcspn(params, " ");
		params += strspn(params, " ");
	}
	if (!*params)
		return false;
	snprintf(word, word_bytes, "%.*s", (int)strcspn(params, " "), params);
	return true;
}

bool fvp_device_number_parse(const char *word, unsigned int *major, unsigned int *minor)
{
	return sscanf(word, "%u:%u", major, minor) == 2;
}

void fvp_pool_words_parse(const char *params, struct fvp_pool_table *table)
{
	char word[FVP_DEVICE_WORD_BYTES];
	unsigned int n = 2, count;

	memset(table, 0, sizeof(*table));
	fvp_table_word(params, 0, table->uuid, sizeof(table->uuid));
	count = fvp_table_word(params, 1, word, sizeof(word)) ? (unsigned int)atoi(word) : 0;
	while (table->flash_count < count && table->flash_count < FVP_FLASH_MAX &&
	       fvp_table_word(params, n, table->flash[table->flash_count], FVP_DEVICE_WORD_BYTES)) {
		table->flash_count++;
		n++;
	}
	/* Then the number of options, and each of them. */
	for (n++; fvp_table_word(params, n, word, sizeof(word)); n++)
		if (!strncmp(word, FVP_OPTION_REPLICA, strlen(FVP_OPTION_REPLICA)) &&
		    table->replica_count < FVP_REPLICAS_MAX)
			strcpy(table->replica[table->replica_count++],
			       word + strlen(FVP_OPTION_REPLICA));
}

bool fvp_volume_words_parse(const char *params, struct fvp_volume_words *words)
{
	return fvp_table_word(params, 0, words->pool, sizeof(words->pool)) &&
	       fvp_table_word(params, 1, words->origin, sizeof(words->origin)) &&
	       fvp_table_word(params, 2, words->uuid, sizeof(words->uuid)) &&
	       fvp_table_word(params, 3, words->mode, sizeof(words->mode));
}

bool fvp_replica_words_parse(const char *value, struct fvp_replica_words *words)
{
	unsigned long long slots, failures, acks, ack_us;

	if (sscanf(value, "%36[^,],%15[^,],%63[^,],%llu,%llu,%llu,%llu", words->uuid, words->state,
		   words->device, &slots, &failures, &acks, &ack_us) != 7)
		return false;
	words->slots = slots;
	words->failures = failures;
	words->acks = acks;
	words->ack_us_mean = ack_us;
	return true;
}

bool fvp_range_next(const char **at, uint64_t *lba, uint64_t *len_sectors)
{
	const char *word = strchr(*at, ' ');
	unsigned long long first, count;

	if (!word || sscanf(word, " %llu+%llu", &first, &count) != 2)
		return false;
	*at = word + 1;
	*lba = first;
	*len_sectors = count;
	return true;
}
