// SPDX-License-Identifier: GPL-2.0
/* Reading tables and status lines: see report.h and include/fvp_uapi.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "report.h"

/* ---- views ---- */

static int add_view(void *arg, const struct fvp_dm_device *found)
{
	struct fvp_views *views = arg;
	struct fvp_view *view, *grown;
	struct fvp_dm_device status;

	grown = realloc(views->view, (views->count + 1) * sizeof(*grown));
	if (!grown)
		abort();
	views->view = grown;
	view = &grown[views->count];
	memset(view, 0, sizeof(*view));
	if (fvp_dm_read(found->name, FVP_DM_TABLE, &view->dev))
		return 0; /* gone meanwhile */
	view->status = strdup("");
	if (!fvp_dm_read(found->name, FVP_DM_STATUS, &status)) {
		if (status.table.count) {
			free(view->status);
			view->status = strdup(status.table.target[0].params);
		}
		fvp_dm_free(&status);
	}
	if (!view->status)
		abort();
	views->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct fvp_view *)a)->dev.name,
		      ((const struct fvp_view *)b)->dev.name);
}

int fvp_views_load(const char *target, struct fvp_views *views)
{
	int ret;

	memset(views, 0, sizeof(*views));
	ret = fvp_dm_each(target, FVP_DM_TABLE, add_view, views);
	if (views->count)
		qsort(views->view, views->count, sizeof(*views->view), by_name);
	return ret;
}

void fvp_views_free(struct fvp_views *views)
{
	for (unsigned int i = 0; i < views->count; i++) {
		fvp_dm_free(&views->view[i].dev);
		free(views->view[i].status);
	}
	free(views->view);
	memset(views, 0, sizeof(*views));
}

struct fvp_view *fvp_views_find(const struct fvp_views *views, const char *name)
{
	for (unsigned int i = 0; i < views->count; i++)
		if (!strcmp(views->view[i].dev.name, name))
			return &views->view[i];
	return NULL;
}

static void names_of(const struct fvp_views *views, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < views->count && used < text_bytes; i++)
		used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", i ? ", " : "",
					 views->view[i].dev.name);
}

int fvp_view_pool(const struct fvp_views *pools, const char *name, struct fvp_view **pool)
{
	char names[256];

	names_of(pools, names, sizeof(names));
	if (!name) {
		if (pools->count == 1) {
			*pool = &pools->view[0];
			return FVP_OK;
		}
		if (!pools->count)
			return fvp_error(FVP_ABSENT,
					 "no pool is active. Make one with fvp pool create, or "
					 "activate one with fvp pool start");
		return fvp_error(FVP_USAGE, "there are several pools (%s): say which with --pool",
				 names);
	}
	if (!strncmp(name, "/dev/mapper/", 12))
		name += 12;
	*pool = fvp_views_find(pools, name);
	if (*pool)
		return FVP_OK;
	return fvp_error(FVP_ABSENT, "no pool named %s is active%s%s", name,
			 names[0] ? "; active: " : "", names);
}

struct fvp_view *fvp_views_lookup(const struct fvp_views *volumes, const char *arg)
{
	char name[FVP_DM_NAME_BYTES];
	struct stat st;

	if (strchr(arg, '/') && !stat(arg, &st) && S_ISBLK(st.st_mode) &&
	    fvp_dm_name_of(major(st.st_rdev), minor(st.st_rdev), name))
		return fvp_views_find(volumes, name);
	return fvp_views_find(volumes, arg);
}

int fvp_view_volume(const struct fvp_views *volumes, const char *arg, struct fvp_view **volume)
{
	char names[256];

	*volume = fvp_views_lookup(volumes, arg);
	if (*volume)
		return FVP_OK;
	names_of(volumes, names, sizeof(names));
	return fvp_error(FVP_ABSENT, "no volume named %s%s%s", arg,
			 names[0] ? "; attached: " : ": none is attached", names);
}

/* ---- tables ---- */

void fvp_pool_table_parse(const struct fvp_dm_device *dev, struct fvp_pool_table *table)
{
	fvp_pool_words_parse(dev->table.target[0].params, table);
}

int fvp_pool_flash_find(const struct fvp_view *pool, struct fvp_device *dev)
{
	struct fvp_pool_table table;
	char path[FVP_PATH_BYTES];

	fvp_pool_table_parse(&pool->dev, &table);
	fvp_device_path_of_word(table.flash[0], path);
	return fvp_device_find(path, dev);
}

static bool device_word(const char *word, unsigned int *major_out, unsigned int *minor_out)
{
	struct stat st;

	if (fvp_device_number_parse(word, major_out, minor_out))
		return true;
	if (stat(word, &st) || !S_ISBLK(st.st_mode))
		return false;
	*major_out = major(st.st_rdev);
	*minor_out = minor(st.st_rdev);
	return true;
}

int fvp_volume_table_parse(const struct fvp_dm_device *dev, struct fvp_volume_table *table)
{
	const char *params = dev->table.target[0].params;
	struct fvp_volume_words words;
	struct fvp_dm_device hidden;

	memset(table, 0, sizeof(*table));
	if (!fvp_volume_words_parse(params, &words) ||
	    !device_word(words.pool, &table->pool_major, &table->pool_minor) ||
	    !device_word(words.origin, &table->origin_major, &table->origin_minor))
		return fvp_error(FVP_SYSTEM, "cannot make sense of the table of %s: %s", dev->name,
				 params);
	strcpy(table->uuid, words.uuid);
	strcpy(table->mode, words.mode);
	if (!fvp_dm_name_of(table->origin_major, table->origin_minor, table->origin_name))
		return FVP_OK;
	if (!fvp_dm_read(table->origin_name, FVP_DM_TABLE, &hidden)) {
		table->live = !strncmp(hidden.uuid, FVP_DM_UUID_ORIGIN, strlen(FVP_DM_UUID_ORIGIN));
		fvp_dm_free(&hidden);
	}
	return FVP_OK;
}

bool fvp_pool_has(const struct fvp_view *pool, const struct fvp_view *volume)
{
	struct fvp_volume_table table;

	return !fvp_volume_table_parse(&volume->dev, &table) &&
	       table.pool_major == pool->dev.major && table.pool_minor == pool->dev.minor;
}

void fvp_pool_users(const struct fvp_view *pool, const struct fvp_views *volumes, char *text,
		    size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < volumes->count && used < text_bytes; i++)
		if (fvp_pool_has(pool, &volumes->view[i]))
			used += (size_t)snprintf(text + used, text_bytes - used, "%s%s",
						 used ? ", " : "", volumes->view[i].dev.name);
	/* More than there is room for. */
	if (used >= text_bytes && text_bytes > 4)
		strcpy(text + text_bytes - 4, "...");
}
