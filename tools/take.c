// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that are about to become flash or a replica: may they, and what would be
 * lost with them.
 */
#include <stdio.h>

#include "fvp.h"
#include "pool.h"

/* What stands on a device and would be lost; "" for nothing. */
static int content_of(const struct fvp_device *dev, char *what, size_t what_bytes)
{
	struct fvp_flash_info info;
	const char *why;
	bool found;
	int ret;

	switch (fvp_flash_read(dev, &info, &why)) {
	case FVP_FLASH_VALID:
		snprintf(what, what_bytes, "a %s of fvp pool %s (%s)%s",
			 fvp_pool_role_name(info.role), info.label, info.pool_uuid,
			 info.may_be_dirty ? ", perhaps with acknowledged writes that are nowhere "
					     "else"
					   : "");
		return FVP_OK;
	case FVP_FLASH_DAMAGED:
	case FVP_FLASH_NEWER:
	case FVP_FLASH_TRUNCATED:
		snprintf(what, what_bytes, "a flash device or replica of an fvp pool (%s)", why);
		return FVP_OK;
	case FVP_FLASH_UNREADABLE:
		return fvp_error(FVP_SYSTEM, "cannot read %s: %s", dev->path, why);
	case FVP_FLASH_NONE:
		break;
	}
	ret = fvp_device_signature(dev, what, what_bytes, &found);
	if (!found)
		what[0] = '\0';
	return ret;
}

int fvp_pool_take_check(const struct fvp_device *dev, const struct fvp_take *take)
{
	char what[400];
	int ret;

	if (dev->block_bytes != 512 && dev->block_bytes != 4096)
		return fvp_error(FVP_REFUSED,
				 "%s has logical blocks of %u bytes; only 512 and 4096 are known",
				 dev->path, dev->block_bytes);
	ret = content_of(dev, what, sizeof(what));
	if (ret || !what[0])
		return ret;
	if (!take->force)
		return fvp_error(FVP_REFUSED,
				 "%s holds %s. Nothing was written. If all on it may be lost, say "
				 "--force",
				 dev->path, what);
	if (!take->json)
		printf("%s: %s%s\n", dev->path, take->dry_run ? "would erase " : "erasing ", what);
	return FVP_OK;
}

int fvp_pool_take(const struct fvp_device *dev, const struct fvp_flash_plan *plan,
		  unsigned int index)
{
	int ret = fvp_flash_erase(dev);

	if (!ret)
		ret = fvp_device_wipe(dev);
	if (!ret)
		ret = fvp_flash_write(dev, plan, index);
	return ret;
}
