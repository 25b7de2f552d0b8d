// SPDX-License-Identifier: GPL-2.0
/* Pools and volumes in words, tables and JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"
#include "replica.h"
#include "report.h"
#include "waiting.h"

/* ---- columns ---- */

static char **new_cell(struct fvp_columns *table)
{
	unsigned int at = table->rows++;
	char **grown = realloc(table->cell, table->rows * sizeof(*grown));

	if (!grown)
		abort();
	table->cell = grown;
	return &grown[at];
}

void fvp_columns_start(struct fvp_columns *table, const char *heads)
{
	memset(table, 0, sizeof(*table));
	while (*heads && table->columns < FVP_COLUMNS_MAX) {
		size_t len = strcspn(heads, "|");

		table->right[table->columns] = *heads == '>';
		if (*heads == '>') {
			heads++;
			len--;
		}
		*new_cell(table) = strndup(heads, len);
		table->columns++;
		heads += len;
		heads += *heads == '|';
	}
}

void fvp_columns_add(struct fvp_columns *table, const char *format, ...)
{
	va_list args;
	char **cell = new_cell(table);

	va_start(args, format);
	if (vasprintf(cell, format, args) < 0)
		abort();
	va_end(args);
}

void fvp_columns_print(struct fvp_columns *table)
{
	int width[FVP_COLUMNS_MAX] = { 0 };

	for (unsigned int i = 0; i < table->rows; i++) {
		int len = (int)strlen(table->cell[i]);
		int *w = &width[i % table->columns];

		*w = len > *w ? len : *w;
	}
	for (unsigned int i = 0; i < table->rows; i++) {
		unsigned int column = i % table->columns;
		bool last = column == table->columns - 1;
		const char *text = table->cell[i][0] ? table->cell[i] : "-";

		if (table->right[column])
			printf("%*s", width[column], text);
		else
			printf("%-*s", last ? 0 : width[column], text);
		fputs(last ? "\n" : "  ", stdout);
		free(table->cell[i]);
	}
	free(table->cell);
}

/* ---- figures ---- */

static double bytes_per_4k(const char *status)
{
	uint64_t live = fvp_status_number(status, "live_sectors");

	return live ? (double)fvp_status_number(status, "index_bytes") * 8 / (double)live : 0;
}

/* Hits by sectors, in percent; -1 if nothing was read. */
static double hit_percent(const char *status)
{
	uint64_t read = fvp_status_number(status, "read_sectors");

	return read ? 100.0 * (double)fvp_status_number(status, "hit_sectors") / (double)read : -1;
}

static double mib(const char *status, const char *key)
{
	return (double)fvp_status_number(status, key) * 512 / 1048576;
}

void fvp_print_pools(const struct fvp_views *pools, const struct fvp_views *volumes)
{
	struct fvp_replicas replicas;
	struct fvp_columns table;
	char word[64], users[256];

	fvp_columns_start(
		&table, "POOL|HEALTH|STATE|REPLICAS|>SIZE|>FREE %|>CACHED MiB|>INDEX KiB|>BYTES/4K|"
			"VOLUMES");
	for (unsigned int i = 0; i < pools->count; i++) {
		const struct fvp_view *pool = &pools->view[i];
		uint64_t segments = fvp_status_number(pool->status, "segments");

		fvp_columns_add(&table, "%s", pool->dev.name);
		fvp_status_word(pool->status, "health", word, sizeof(word));
		fvp_columns_add(&table, "%s", word);
		fvp_status_word(pool->status, "state", word, sizeof(word));
		fvp_columns_add(&table, "%s", word);
		fvp_replicas_parse(pool->status, &replicas);
		if (replicas.count)
			fvp_columns_add(&table, "%u of %u in", replicas.in, replicas.count);
		else
			fvp_columns_add(&table, "%s", "");
		fvp_columns_add(&table, "%s", fvp_size_text(pool->dev.sectors * 512));
		fvp_columns_add(
			&table, "%.0f",
			segments
				? 100.0 * (double)fvp_status_number(pool->status, "segments_free") /
					  (double)segments
				: 0.0);
		fvp_columns_add(&table, "%.1f", mib(pool->status, "live_sectors"));
		fvp_columns_add(&table, "%.1f",
				(double)fvp_status_number(pool->status, "index_bytes") / 1024);
		fvp_columns_add(&table, "%.2f", bytes_per_4k(pool->status));
		fvp_pool_users(pool, volumes, users, sizeof(users));
		fvp_columns_add(&table, "%s", users);
	}
	fvp_columns_print(&table);
}

void fvp_print_volumes(const struct fvp_views *volumes)
{
	struct fvp_columns table;

	fvp_columns_start(&table,
			  "VOLUME|POOL|REQUESTED|EFFECTIVE|STATE|>DIRTY MiB|>READ MiB|>HIT %|"
			  ">WRITTEN MiB|>CACHED MiB|>INDEX KiB|>BYTES/4K");
	for (unsigned int i = 0; i < volumes->count; i++) {
		const char *status = volumes->view[i].status;
		char word[64], pool[FVP_DM_NAME_BYTES] = "";
		struct fvp_volume_table words;
		double hit = hit_percent(status);

		fvp_columns_add(&table, "%s", volumes->view[i].dev.name);
		if (!fvp_volume_table_parse(&volumes->view[i].dev, &words))
			fvp_dm_name_of(words.pool_major, words.pool_minor, pool);
		fvp_columns_add(&table, "%s", pool);
		fvp_status_word(status, "requested", word, sizeof(word));
		fvp_columns_add(&table, "%s", word);
		fvp_status_word(status, "effective", word, sizeof(word));
		fvp_columns_add(&table, "%s", word);
		fvp_status_word(status, "state", word, sizeof(word));
		fvp_columns_add(&table, "%s%s%s%s%s", word,
				volumes->view[i].dev.suspended ? ",suspended" : "",
				fvp_status_number(status, "draining") ? ",draining" : "",
				fvp_origin_failing(&volumes->view[i]) ? ",origin-failing" : "",
				fvp_status_number(status, "lost_sectors") ? ",lost" : "");
		fvp_columns_add(&table, "%.1f", mib(status, "dirty_sectors"));
		fvp_columns_add(&table, "%.1f", mib(status, "read_sectors"));
		if (hit < 0)
			fvp_columns_add(&table, "%s", "");
		else
			fvp_columns_add(&table, "%.1f", hit);
		fvp_columns_add(&table, "%.1f", mib(status, "write_sectors"));
		fvp_columns_add(&table, "%.1f", mib(status, "live_sectors"));
		fvp_columns_add(&table, "%.1f",
				(double)fvp_status_number(status, "index_bytes") / 1024);
		fvp_columns_add(&table, "%.2f", bytes_per_4k(status));
	}
	fvp_columns_print(&table);
}

/* ---- JSON ---- */

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

/* replica0=, replica1=...: shown taken apart, as a list. */
static bool is_replica_word(const char *key)
{
	return !strncmp(key, "replica", 7) && key[7] >= '0' && key[7] <= '9';
}

/*
 * Every key=value word of a status line; numbers as numbers.  "origin" is that of the
 * table, a path, everywhere else.
 */
static void add_status(struct json_object *object, const char *status)
{
	char *copy = strdup(status), *rest = NULL;

	if (!copy)
		abort();
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (is_replica_word(word))
			continue;
		if (!strcmp(word, "origin"))
			word = "origin_state";
		if (!strcmp(word, "replica_mask"))
			json_object_object_add(object, word,
					       json_object_new_int64(strtoll(value, NULL, 16)));
		else if (*value && strspn(value, "0123456789") == strlen(value))
			json_object_object_add(object, word,
					       json_object_new_int64(strtoll(value, NULL, 10)));
		else
			add_string(object, word, value);
	}
	free(copy);
}

static void add_double(struct json_object *object, const char *key, double value)
{
	char text[40];

	snprintf(text, sizeof(text), "%.4f", value);
	json_object_object_add(object, key, json_object_new_double_s(value, text));
}

static void add_bytes(struct json_object *object, const char *key, const char *status,
		      const char *sectors_key)
{
	uint64_t bytes = fvp_status_number(status, sectors_key) * 512;

	json_object_object_add(object, key, json_object_new_int64((int64_t)bytes));
}

static struct json_object *json_waiting(const struct fvp_view *pool,
					const struct fvp_views *volumes)
{
	struct json_object *list = json_object_new_array();
	struct fvp_waiting waiting;

	fvp_waiting_load(pool, volumes, &waiting);
	for (unsigned int i = 0; i < waiting.count; i++) {
		struct json_object *one = json_object_new_object();

		add_string(one, "name", waiting.list[i].name);
		add_string(one, "uuid", waiting.list[i].uuid);
		json_object_object_add(
			one, "size_bytes",
			json_object_new_int64((int64_t)waiting.list[i].sectors * 512));
		json_object_array_add(list, one);
	}
	fvp_waiting_free(&waiting);
	return list;
}

struct json_object *fvp_json_pool(const struct fvp_view *pool, const struct fvp_views *volumes)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	char path[FVP_PATH_BYTES];
	struct fvp_pool_table table;
	struct fvp_replicas replicas;

	add_string(object, "name", pool->dev.name);
	add_status(object, pool->status);
	json_object_object_add(object, "size_bytes",
			       json_object_new_int64((int64_t)pool->dev.sectors * 512));
	add_double(object, "index_bytes_per_4k", bytes_per_4k(pool->status));
	fvp_pool_table_parse(&pool->dev, &table);
	for (unsigned int i = 0; i < table.flash_count; i++) {
		fvp_device_path_of_word(table.flash[i], path);
		json_object_array_add(list, json_object_new_string(path));
	}
	json_object_object_add(object, "device_paths", list);
	list = json_object_new_array();
	fvp_replicas_parse(pool->status, &replicas);
	for (unsigned int i = 0; i < replicas.count; i++)
		json_object_array_add(list, fvp_json_replica(pool, &replicas.replica[i]));
	json_object_object_add(object, "replica_list", list);
	list = json_object_new_array();
	for (unsigned int i = 0; i < volumes->count; i++)
		if (fvp_pool_has(pool, &volumes->view[i]))
			json_object_array_add(list,
					      json_object_new_string(volumes->view[i].dev.name));
	json_object_object_add(object, "volume_names", list);
	add_bytes(object, "dirty_bytes", pool->status, "dirty_sectors");
	add_bytes(object, "waiting_bytes", pool->status, "waiting_sectors");
	json_object_object_add(object, "waiting_volumes", json_waiting(pool, volumes));
	return object;
}

struct json_object *fvp_json_volume(const struct fvp_view *volume)
{
	struct json_object *object = json_object_new_object(), *list;
	struct fvp_volume_table table;
	struct fvp_replicas replicas;
	char pool[FVP_DM_NAME_BYTES] = "", path[FVP_PATH_BYTES];
	double hit = hit_percent(volume->status);

	add_string(object, "name", volume->dev.name);
	if (!fvp_volume_table_parse(&volume->dev, &table)) {
		fvp_dm_name_of(table.pool_major, table.pool_minor, pool);
		add_string(object, "pool", pool);
		fvp_device_path(table.origin_major, table.origin_minor, path);
		add_string(object, "origin", path);
		add_string(object, "uuid", table.uuid);
		json_object_object_add(object, "live", json_object_new_boolean(table.live));
	}
	json_object_object_add(object, "size_bytes",
			       json_object_new_int64((int64_t)volume->dev.sectors * 512));
	json_object_object_add(object, "suspended", json_object_new_boolean(volume->dev.suspended));
	json_object_object_add(object, "open_count", json_object_new_int(volume->dev.open_count));
	add_status(object, volume->status);
	if (hit < 0)
		json_object_object_add(object, "hit_rate", NULL);
	else
		add_double(object, "hit_rate", hit / 100);
	add_double(object, "index_bytes_per_4k", bytes_per_4k(volume->status));
	add_bytes(object, "dirty_bytes", volume->status, "dirty_sectors");
	add_bytes(object, "lost_bytes", volume->status, "lost_sectors");
	list = json_object_new_array();
	fvp_replicas_of_volume(volume, &replicas);
	for (unsigned int i = 0; i < replicas.count; i++)
		json_object_array_add(list, json_object_new_string(replicas.replica[i].uuid));
	json_object_object_add(object, "replica_uuids", list);
	return object;
}

void fvp_json_print(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
