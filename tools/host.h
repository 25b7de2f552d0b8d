/* SPDX-License-Identifier: GPL-2.0 */
/* All flash and all volumes of this host, found without being named. */
#ifndef FVP_TOOL_HOST_H
#define FVP_TOOL_HOST_H

#include "flash.h"
#include "report.h"

/* A device with a superblock of ours, which nobody holds. */
struct fvp_host_flash {
	struct fvp_device dev;
	struct fvp_flash_info info;
};

struct fvp_host_scan {
	struct fvp_device *device; /* every block device of the host that has sectors */
	unsigned int device_count;
	struct fvp_host_flash *flash;
	unsigned int flash_count;
};

/* Looks at every block device.  Free with fvp_host_scan_free(). */
int fvp_host_scan(struct fvp_host_scan *scan);
void fvp_host_scan_free(struct fvp_host_scan *scan);

/*
 * Flash devices of a pool that its newest superblock names and that were not found, and
 * *replicas, likewise.
 */
unsigned int fvp_host_absent(const struct fvp_host_scan *scan, const struct fvp_flash_info *newest,
			     unsigned int *replicas);

/* The volume of this uuid is attached. */
bool fvp_host_attached(const struct fvp_views *volumes, const char *uuid);

/*
 * A mark on this host, outlasting reboots: somebody may have written the origin of this volume
 * without the pool, so its content there is stale.
 */
bool fvp_host_stale(const char *uuid);
int fvp_host_stale_set(const char *uuid);
void fvp_host_stale_clear(const char *uuid);

#endif /* FVP_TOOL_HOST_H */
