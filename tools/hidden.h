/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Origins that nobody but their volume may use, noted on this host for udev: at boot they
 * appear long before flash can be asked what it has for them.  A note is a file under
 * FVP_HIDDEN_NOTES, named by the uuid that the origin's own identity makes.
 *
 * Notes only hide: one too many costs a message, one too few leaves a host as it is without
 * udev's rules.  What decides about data is always on flash.
 */
#ifndef FVP_TOOL_HIDDEN_H
#define FVP_TOOL_HIDDEN_H

#include <stdbool.h>

#include "device.h"
#include "dm.h"

/* Not under /var, which may be mounted later than udev looks at the disks. */
#define FVP_HIDDEN_NOTES "/etc/fvp/origins"

struct fvp_hidden {
	char key[40]; /* "" if there is none */
	char volume[40], pool[40]; /* uuids */
};

/* The note about this device, which the volume lies on; dm: its own device-mapper device, or NULL. */
bool fvp_hidden_find(const struct fvp_device *origin, const struct fvp_dm_device *dm,
		     struct fvp_hidden *note);

/* Notes an origin, durably.  An origin that nothing tells from others has no note.  Warns if it cannot. */
void fvp_hidden_set(const struct fvp_device *origin, const struct fvp_dm_device *dm,
		    const char *volume_uuid, const char *pool_uuid);
/* The same note again, after fvp_hidden_clear(). */
void fvp_hidden_restore(const struct fvp_hidden *note);

/* Removes the note of a volume, or those of all volumes of a pool (the other one NULL); *cleared may be NULL. */
void fvp_hidden_clear(const char *volume_uuid, const char *pool_uuid, struct fvp_hidden *cleared);

/* Has udev look again at a device and its partitions; at all devices that are hidden now. */
void fvp_hidden_announce(unsigned int major, unsigned int minor);
void fvp_hidden_announce_all(void);

#endif /* FVP_TOOL_HIDDEN_H */
