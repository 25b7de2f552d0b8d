/* SPDX-License-Identifier: GPL-2.0 */
/* Pools and volumes as they stand, for people and for programs. */
#ifndef FVP_TOOL_REPORT_H
#define FVP_TOOL_REPORT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "device.h"
#include "dm.h"
#include "flash.h"
#include "words.h"

/* A pool or volume: its device with its table, and its status line. */
struct fvp_view {
	struct fvp_dm_device dev;
	char *status; /* "" if the kernel gave none */
};

struct fvp_views {
	struct fvp_view *view;
	unsigned int count;
};

/* All devices of a target, in the order of their names.  Free with fvp_views_free(). */
int fvp_views_load(const char *target, struct fvp_views *views);
void fvp_views_free(struct fvp_views *views);
struct fvp_view *fvp_views_find(const struct fvp_views *views, const char *name);

/* By name or path; NULL if there is none. */
struct fvp_view *fvp_views_lookup(const struct fvp_views *volumes, const char *arg);

/* Looks one up; FVP_ABSENT with a message that says what there is. */
int fvp_view_pool(const struct fvp_views *pools, const char *name, struct fvp_view **pool);
int fvp_view_volume(const struct fvp_views *volumes, const char *arg, struct fvp_view **volume);

/* A pool's table line. */
void fvp_pool_table_parse(const struct fvp_dm_device *dev, struct fvp_pool_table *table);
/* The first flash device of an active pool: its superblock is the pool's. */
int fvp_pool_flash_find(const struct fvp_view *pool, struct fvp_device *dev);

/* A volume's table line, taken apart. */
struct fvp_volume_table {
	unsigned int pool_major, pool_minor, origin_major, origin_minor;
	char uuid[40], mode[24];
	char origin_name[FVP_DM_NAME_BYTES]; /* its dm name, or "" */
	bool live; /* swapped in under a running device: the origin is a hidden dm device */
};
int fvp_volume_table_parse(const struct fvp_dm_device *dev, struct fvp_volume_table *table);

bool fvp_pool_has(const struct fvp_view *pool, const struct fvp_view *volume);
/* "a, b" of the volumes that use the pool; empty if none; "..." at the end if there are more. */
void fvp_pool_users(const struct fvp_view *pool, const struct fvp_views *volumes, char *text,
		    size_t text_bytes);

/* New objects, owned by the caller. */
struct json_object *fvp_json_pool(const struct fvp_view *pool, const struct fvp_views *volumes);
struct json_object *fvp_json_volume(const struct fvp_view *volume);
/* Prints and frees. */
void fvp_json_print(struct json_object *object);

/* A table for people: columns as wide as needed.  "-" for an empty cell. */
#define FVP_COLUMNS_MAX 16
struct fvp_columns {
	unsigned int columns, rows;
	bool right[FVP_COLUMNS_MAX]; /* aligned to the right */
	char **cell;
};
void fvp_columns_start(struct fvp_columns *table,
		       const char *heads); /* "|"-separated; ">" first: right */
void fvp_columns_add(struct fvp_columns *table, const char *format, ...)
	__attribute__((format(printf, 2, 3))); /* next cell */
void fvp_columns_print(struct fvp_columns *table); /* and frees */

void fvp_print_pools(const struct fvp_views *pools, const struct fvp_views *volumes);
void fvp_print_volumes(const struct fvp_views *volumes);

/* Write-back in words, about one volume; nothing if there is nothing to say. */
void fvp_print_notes(const struct fvp_view *volume);
/* Of that, what is not as it was asked for: the mode, replicas.  A line each. */
void fvp_note_state(FILE *to, const struct fvp_view *volume);
/* Its origin fails writes of destaging. */
bool fvp_origin_failing(const struct fvp_view *volume);

/* May this host be rebooted? */
uint64_t fvp_dirty_bytes(const struct fvp_views *pools);
void fvp_print_reboot(const struct fvp_views *pools, const struct fvp_views *volumes);
struct json_object *fvp_json_reboot(const struct fvp_views *pools, const struct fvp_views *volumes);

#endif /* FVP_TOOL_REPORT_H */
