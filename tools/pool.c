// SPDX-License-Identifier: GPL-2.0
/* What the verbs on pools share: see pool.h. */
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"

int fvp_pool_devices_open(char **args, unsigned int count, struct fvp_device *dev, bool write)
{
	unsigned int i;
	int ret = FVP_OK;

	for (i = 0; i < count; i++)
		dev[i].fd = -1;
	for (i = 0; i < count && !ret; i++) {
		ret = fvp_device_find(args[i], &dev[i]);
		for (unsigned int j = 0; j < i && !ret; j++)
			if (dev[i].major == dev[j].major && dev[i].minor == dev[j].minor)
				ret = fvp_error(FVP_USAGE, "%s and %s are one device", dev[j].path,
						dev[i].path);
		if (!ret)
			ret = fvp_device_open_exclusive(&dev[i], write);
	}
	if (ret)
		fvp_pool_devices_close(dev, count);
	return ret;
}

void fvp_pool_devices_close(struct fvp_device *dev, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		fvp_device_close(&dev[i]);
}

int fvp_pool_name_check(const char *name)
{
	struct fvp_dm_device dev;
	int ret;

	if (!fvp_name_valid(name))
		return fvp_usage("%s: " FVP_NAME_RULE, name);
	ret = fvp_dm_require_targets();
	if (ret)
		return ret;
	ret = fvp_dm_read(name, FVP_DM_TABLE, &dev);
	if (ret == FVP_ABSENT)
		return FVP_OK;
	if (!ret) {
		ret = fvp_error(FVP_REFUSED, "there is a %s named %s already. Choose another name",
				fvp_dm_is(&dev, FVP_TARGET_POOL) ? "pool" : "device-mapper device",
				name);
		fvp_dm_free(&dev);
	}
	return ret;
}

void fvp_pool_device_names(const struct fvp_device *dev, unsigned int count, char *text,
			   size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < count && used < text_bytes; i++)
		used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", i ? ", " : "",
					 dev[i].path);
}

int fvp_pool_activate(const char *name, const char *pool_uuid, const struct fvp_device *dev,
		      unsigned int count, unsigned int replica_count)
{
	char params[64 + FVP_POOL_DEVICES_MAX * 36], uuid[FVP_DM_UUID_BYTES], names[1024];
	struct fvp_dm_table table = { 0 };
	uint64_t sectors = 0;
	int used, ret;

	used = snprintf(params, sizeof(params), "%s %u", pool_uuid, count);
	for (unsigned int i = 0; i < count; i++) {
		used += snprintf(params + used, sizeof(params) - (size_t)used, " %u:%u",
				 dev[i].major, dev[i].minor);
		sectors += dev[i].sectors;
	}
	if (replica_count)
		used += snprintf(params + used, sizeof(params) - (size_t)used, " %u",
				 replica_count);
	for (unsigned int i = count; i < count + replica_count; i++)
		used += snprintf(params + used, sizeof(params) - (size_t)used,
				 " " FVP_OPTION_REPLICA "%u:%u", dev[i].major, dev[i].minor);
	snprintf(uuid, sizeof(uuid), FVP_DM_UUID_POOL "%s", pool_uuid);
	fvp_dm_table_add(&table, 0, sectors, FVP_TARGET_POOL, params);
	ret = fvp_dm_create_hidden(name, uuid, &table);
	fvp_dm_table_free(&table);
	if (!ret)
		return FVP_OK;
	fvp_pool_device_names(dev, count + replica_count, names, sizeof(names));
	return fvp_error(ret, "cannot activate pool %s on %s: %s", name, names, fvp_dm_why());
}

int fvp_pool_idle_check(const struct fvp_view *pool)
{
	struct fvp_views volumes;
	char users[512];
	int ret;

	if (!pool->dev.open_count)
		return FVP_OK;
	ret = fvp_views_load(FVP_TARGET_VOLUME, &volumes);
	if (ret)
		return ret;
	fvp_pool_users(pool, &volumes, users, sizeof(users));
	fvp_views_free(&volumes);
	if (users[0])
		return fvp_error(FVP_REFUSED,
				 "pool %s is in use by %s. Detach them first (fvp volume detach)",
				 pool->dev.name, users);
	return fvp_error(FVP_REFUSED, "pool %s is in use: its device is open %d times",
			 pool->dev.name, pool->dev.open_count);
}
