/* SPDX-License-Identifier: GPL-2.0 */
/* What the verbs on pools share. */
#ifndef FVP_TOOL_POOL_H
#define FVP_TOOL_POOL_H

#include "device.h"
#include "flash.h"
#include "report.h"

/* Finds and opens all devices for this program alone; refuses one named twice.  All or none. */
int fvp_pool_devices_open(char **args, unsigned int count, struct fvp_device *dev, bool write);
void fvp_pool_devices_close(struct fvp_device *dev, unsigned int count);

/* The name is valid and free, and the kernel has the module. */
int fvp_pool_name_check(const char *name);

/* Creates the pool's dm device over devices that nobody holds. */
int fvp_pool_activate(const char *name, const char *pool_uuid, const struct fvp_device *dev,
		      unsigned int count);

/* Refuses if volumes or others have the pool open: the message says who. */
int fvp_pool_idle_check(const struct fvp_view *pool);

/* "a, b" of their paths. */
void fvp_pool_device_names(const struct fvp_device *dev, unsigned int count, char *text,
			   size_t text_bytes);

#endif /* FVP_TOOL_POOL_H */
