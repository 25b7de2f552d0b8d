// SPDX-License-Identifier: GPL-2.0
/*
 * Changing which replicas an active pool has: its table, who wants them, and whether a
 * superblock fits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"
#include "replica.h"

/* In a directory that only root writes, so that nobody else can hold it. */
#define LOCK_PATH "/run/fvp-replica.lock"

int fvp_replicas_lock(void)
{
	int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fvp_error(FVP_SYSTEM, "cannot open " LOCK_PATH ": %s", strerror(errno));
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return FVP_OK;
	fprintf(stderr, "fvp: waiting for another fvp replica to end\n");
	while (flock(fd, LOCK_EX)) {
		int error = errno;

		if (error == EINTR)
			continue;
		close(fd);
		return fvp_error(FVP_SYSTEM, "cannot lock " LOCK_PATH ": %s", strerror(error));
	}
	return FVP_OK;
}

/*
 * By what the module uses, and not by the table: that may name devices which have gone,
 * or which the module would not have, and a table with them is refused.
 */
static void table_params(const struct fvp_view *pool, const struct fvp_device *add,
			 const char *uuid, char *params, size_t params_bytes)
{
	struct fvp_pool_table table;
	struct fvp_replicas replicas;
	char options[FVP_REPLICAS_MAX * (FVP_DEVICE_WORD_BYTES + 10)] = "";
	unsigned int count = 0;
	size_t used;

	fvp_pool_table_parse(&pool->dev, &table);
	fvp_replicas_parse(pool->status, &replicas);
	for (unsigned int i = 0, at = 0; i < replicas.count; i++) {
		const struct fvp_replica *replica = &replicas.replica[i];

		if (!replica->path[0] || !strcmp(replica->uuid, uuid) ||
		    (add && replica->major == add->major && replica->minor == add->minor))
			continue;
		at += (unsigned int)snprintf(options + at, sizeof(options) - at,
					     " " FVP_OPTION_REPLICA "%u:%u", replica->major,
					     replica->minor);
		count++;
	}
	used = (size_t)snprintf(params, params_bytes, "%s %u", table.uuid, table.flash_count);
	for (unsigned int i = 0; i < table.flash_count; i++)
		used += (size_t)snprintf(params + used, params_bytes - used, " %s", table.flash[i]);
	if (count || add)
		used += (size_t)snprintf(params + used, params_bytes - used, " %u%s",
					 count + (add ? 1 : 0), options);
	if (add)
		snprintf(params + used, params_bytes - used, " " FVP_OPTION_REPLICA "%u:%u",
			 add->major, add->minor);
}

int fvp_replica_reload(const struct fvp_view *pool, const struct fvp_device *add, const char *uuid)
{
	char params[64 + (FVP_FLASH_MAX + FVP_REPLICAS_MAX) * (FVP_DEVICE_WORD_BYTES + 10)];
	struct fvp_dm_table table = { 0 };
	uint64_t held_us;
	bool restored;
	int ret;

	table_params(pool, add, uuid, params, sizeof(params));
	fvp_dm_table_add(&table, 0, pool->dev.sectors, FVP_TARGET_POOL, params);
	/* The pool's own device carries no I/O: nothing is held up meanwhile. */
	ret = fvp_dm_swap(pool->dev.name, &table, &pool->dev.table, &held_us, &restored);
	fvp_dm_table_free(&table);
	return ret;
}

int fvp_replica_wanted_by(const struct fvp_view *pool, const struct fvp_replica *replica,
			  char *text, size_t text_bytes)
{
	struct fvp_flash_volume *list = NULL;
	unsigned int count = 0;
	struct fvp_device dev;
	size_t used = 0;
	int ret;

	text[0] = '\0';
	ret = fvp_pool_flash_find(pool, &dev);
	if (!ret)
		ret = fvp_flash_volumes(&dev, &list, &count);
	for (unsigned int i = 0; i < count && used < text_bytes; i++)
		if (list[i].replica_mask & 1u << replica->index)
			used += (size_t)snprintf(text + used, text_bytes - used, "%s%s%s%s%s",
						 used ? ", " : "", list[i].name,
						 list[i].name[0] ? " (" : "", list[i].uuid,
						 list[i].name[0] ? ")" : "");
	free(list);
	return ret;
}

int fvp_replica_media_check(const struct fvp_device *dev, const struct fvp_flash_info *info,
			    const struct fvp_flash_info *pool_info, const char *pool_name)
{
	bool known = false;

	if (info->role != FVP_FLASH_REPLICA)
		return fvp_error(FVP_MEDIA, "%s is a flash device of pool %s (%s), and no replica",
				 dev->path, info->label, info->pool_uuid);
	if (strcmp(info->pool_uuid, pool_info->pool_uuid))
		return fvp_error(
			FVP_MEDIA, "%s is a replica of pool %s (%s), and not of pool %s (%s)",
			dev->path, info->label, info->pool_uuid, pool_name, pool_info->pool_uuid);
	for (unsigned int i = 0; i < FVP_REPLICAS_MAX; i++)
		known |= pool_info->legs[i].used &&
			 !strcmp(pool_info->legs[i].uuid, info->device_uuid);
	if (!known)
		return fvp_error(FVP_MEDIA,
				 "%s (%s) has been removed from the replicas of pool %s. Leave it "
				 "out; fvp replica create --force makes a new one of it",
				 dev->path, info->device_uuid, pool_name);
	if (info->legset_gen > pool_info->legset_gen)
		return fvp_error(
			FVP_MEDIA,
			"%s knows leg set %u, the flash of pool %s only %u: what was dirty "
			"has been saved or recovered from elsewhere since, and that flash "
			"is out of date. See docs/failure.md",
			dev->path, info->legset_gen, pool_name, pool_info->legset_gen);
	return FVP_OK;
}
