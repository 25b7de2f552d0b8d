// SPDX-License-Identifier: GPL-2.0
/* Superblocks that cannot be used, in words, each with its remedy. */
#include "fvp.h"
#include "pool.h"

const char *fvp_pool_role_name(enum fvp_flash_role role)
{
	return role == FVP_FLASH_REPLICA ? "replica" : "flash device";
}

int fvp_pool_media_explain(const struct fvp_device *dev, enum fvp_flash_state state,
			   const char *why)
{
	char what[400];
	bool found = false;

	switch (state) {
	case FVP_FLASH_VALID:
		return FVP_OK;
	case FVP_FLASH_NONE:
		fvp_device_signature(dev, what, sizeof(what), &found);
		return fvp_error(FVP_MEDIA, "%s is no flash device of a pool, nor a replica%s%s",
				 dev->path, found ? ": it holds " : "", found ? what : "");
	case FVP_FLASH_NEWER:
		return fvp_error(FVP_MEDIA,
				 "%s: %s. It was written by a newer fvp: use that one, or make it "
				 "anew with --force (fvp pool create, fvp replica create)",
				 dev->path, why);
	case FVP_FLASH_TRUNCATED:
		return fvp_error(FVP_MEDIA,
				 "%s: %s. It was cut short: give it back its size, or make it anew "
				 "with --force (fvp pool create, fvp replica create)",
				 dev->path, why);
	case FVP_FLASH_UNREADABLE:
		return fvp_error(FVP_MEDIA, "%s: cannot read its superblock (%s; dmesg has more)",
				 dev->path, why);
	default:
		return fvp_error(FVP_MEDIA,
				 "%s: %s, in both copies. What was not dirty is on the origins: "
				 "make it anew with --force (fvp pool create, fvp replica create)",
				 dev->path, why);
	}
}

int fvp_pool_media_read(const struct fvp_device *dev, struct fvp_flash_info *info)
{
	const char *why;
	enum fvp_flash_state state = fvp_flash_read(dev, info, &why);

	return fvp_pool_media_explain(dev, state, why);
}
