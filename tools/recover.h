/* SPDX-License-Identifier: GPL-2.0 */
/* Recovery: between the verb (recover.c) and core (recover/core.c). */
#ifndef FVP_TOOL_RECOVER_H
#define FVP_TOOL_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "flash.h"

/* What a device holds for a recovery. */
struct fvp_recover_device {
	char pool_uuid[FVP_UUID_TEXT_BYTES], label[64];
	bool replica; /* else: a flash device of the pool */
	bool in_sync; /* a replica that had everything as of its leg set */
	uint32_t legset_gen;
	uint32_t recover_base; /* leg set that a recovery began with, or 0 */
};
/* Prints why not. */
int fvp_recover_look(const struct fvp_device *dev, struct fvp_recover_device *out);

/* A pool opened in this process. */
struct fvp_recover;

/*
 * Opens one replica, or all flash devices of a pool with some replicas.  dry_run: nothing
 * is ever written.  Prints why not.
 */
int fvp_recover_open(const struct fvp_device *dev, const struct fvp_recover_device *look,
		     unsigned int count, bool dry_run, struct fvp_recover **out);
/* Notes what was done, and frees. */
void fvp_recover_close(struct fvp_recover *r);

/* A volume with acknowledged writes that its origin lacks. */
struct fvp_recover_volume {
	char uuid[FVP_UUID_TEXT_BYTES];
	char name[64];
	uint64_t sectors; /* of its origin */
	uint64_t dirty_bytes;
};
/* *list is the caller's to free. */
unsigned int fvp_recover_volumes(struct fvp_recover *r, struct fvp_recover_volume **list);

/*
 * The uuids of all volumes whose dirty data this replica was to have, dirty or not: what it
 * does not have of them, is on their origins.  *list is the caller's to free.
 */
unsigned int fvp_recover_covered(struct fvp_recover *r, char (**list)[FVP_UUID_TEXT_BYTES]);

/* Another replica has seen to the volume: what this one has of it is void from here on. */
int fvp_recover_void(struct fvp_recover *r, const struct fvp_recover_volume *volume);

/*
 * Writes what is dirty of it to the origin, with progress if that is wanted.  Prints why
 * not; what was not written stays.  accept_loss: what cannot be read is given up, else it
 * is an error that says what.
 */
int fvp_recover_volume(struct fvp_recover *r, const struct fvp_recover_volume *volume,
		       const struct fvp_device *origin, bool accept_loss, bool progress);

#endif /* FVP_TOOL_RECOVER_H */
