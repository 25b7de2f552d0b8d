// SPDX-License-Identifier: GPL-2.0
/* What is on a device, as libblkid knows it: file systems, RAID, LVM, partition tables. */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "fvp.h"

static blkid_probe probe_start(const struct fvp_device *dev)
{
	blkid_probe pr = blkid_new_probe();

	if (!pr || blkid_probe_set_device(pr, dev->fd, 0, 0)) {
		blkid_free_probe(pr);
		return NULL;
	}
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE |
						      BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL |
						      BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	return pr;
}

static const char *value_of(blkid_probe pr, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(pr, name, &value, NULL) ? NULL : value;
}

static const char *usage_word(const char *usage)
{
	if (!usage)
		return "data";
	if (!strcmp(usage, "filesystem"))
		return "file system";
	if (!strcmp(usage, "raid"))
		return "RAID or LVM member";
	if (!strcmp(usage, "crypto"))
		return "encrypted volume";
	return "data";
}

static void describe(blkid_probe pr, char *what, size_t what_bytes)
{
	const char *type = value_of(pr, "TYPE"), *label = value_of(pr, "LABEL");
	const char *table = value_of(pr, "PTTYPE");
	size_t used = strlen(what);

	if (used && used + 6 < what_bytes) {
		strcpy(what + used, " and ");
		used += 5;
	}
	if (type)
		snprintf(what + used, what_bytes - used, "%s %s%s%s%s", type,
			 usage_word(value_of(pr, "USAGE")), label ? " (label " : "",
			 label ? label : "", label ? ")" : "");
	else
		snprintf(what + used, what_bytes - used, "%s partition table",
			 table ? table : "unknown");
}

int fvp_device_signature(const struct fvp_device *dev, char *what, size_t what_bytes, bool *found)
{
	blkid_probe pr = probe_start(dev);
	char last[256] = "", now[256];
	int ret;

	*found = false;
	what[0] = '\0';
	if (!pr)
		return fvp_error(FVP_SYSTEM, "cannot examine %s: %s", dev->path, strerror(errno));
	while (!(ret = blkid_do_probe(pr))) {
		*found = true;
		now[0] = '\0';
		describe(pr, now, sizeof(now));
		/* One thing may be recognised by several magic numbers. */
		if (strcmp(now, last))
			describe(pr, what, what_bytes);
		strcpy(last, now);
	}
	blkid_free_probe(pr);
	if (ret < 0)
		return fvp_error(FVP_SYSTEM, "cannot examine %s: read error", dev->path);
	return FVP_OK;
}

int fvp_device_wipe(const struct fvp_device *dev)
{
	blkid_probe pr = probe_start(dev);
	int ret;

	if (!pr)
		return fvp_error(FVP_SYSTEM, "cannot examine %s: %s", dev->path, strerror(errno));
	while (!(ret = blkid_do_probe(pr))) {
		if (blkid_do_wipe(pr, 0)) {
			ret = -1;
			break;
		}
	}
	blkid_free_probe(pr);
	if (ret < 0 || fsync(dev->fd))
		return fvp_error(FVP_SYSTEM, "cannot erase the old signatures on %s: %s", dev->path,
				 strerror(errno));
	return FVP_OK;
}
