/* SPDX-License-Identifier: GPL-2.0 */
/* What the verbs on pools share. */
#ifndef FVP_TOOL_POOL_H
#define FVP_TOOL_POOL_H

#include "device.h"
#include "flash.h"
#include "report.h"

/* Flash devices and replicas. */
#define FVP_POOL_DEVICES_MAX (FVP_FLASH_MAX + FVP_REPLICAS_MAX)

/* Finds and opens all devices for this program alone; refuses one named twice.  All or none. */
int fvp_pool_devices_open(char **args, unsigned int count, struct fvp_device *dev, bool write);
void fvp_pool_devices_close(struct fvp_device *dev, unsigned int count);

/* "flash device" or "replica". */
const char *fvp_pool_role_name(enum fvp_flash_role role);

/* How a device is to be taken for a pool. */
struct fvp_take {
	bool force; /* even if it holds something */
	bool dry_run; /* not at all: only say so */
	bool json; /* say nothing for people */
};

/* take.c: refuses a device that holds something or cannot serve; writes nothing. */
int fvp_pool_take_check(const struct fvp_device *dev, const struct fvp_take *take);
/* Erases what is recognised on an open device and writes the plan's superblock `index`. */
int fvp_pool_take(const struct fvp_device *dev, const struct fvp_flash_plan *plan,
		  unsigned int index);

/* media.c: reads the superblock of an open device, or says what is wrong with it (FVP_MEDIA). */
int fvp_pool_media_read(const struct fvp_device *dev, struct fvp_flash_info *info);
/* Says it, of a state that is not valid. */
int fvp_pool_media_explain(const struct fvp_device *dev, enum fvp_flash_state state,
			   const char *why);

/* The name is valid and free, and the kernel has the module. */
int fvp_pool_name_check(const char *name);

/*
 * Creates the pool's dm device over devices that nobody holds: count flash devices, and
 * after them replica_count replicas.
 */
int fvp_pool_activate(const char *name, const char *pool_uuid, const struct fvp_device *dev,
		      unsigned int count, unsigned int replica_count);

/* Refuses if volumes or others have the pool open: the message says who. */
int fvp_pool_idle_check(const struct fvp_view *pool);

/* "a, b" of their paths. */
void fvp_pool_device_names(const struct fvp_device *dev, unsigned int count, char *text,
			   size_t text_bytes);

#endif /* FVP_TOOL_POOL_H */
