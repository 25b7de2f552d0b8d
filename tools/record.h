/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Volumes that are meant to be attached, with their settings: a file for each, under
 * /var/lib/fvp/volumes.  A pool knows its volumes itself, but forgets one as soon as another
 * program (LVM, dmsetup) gives its device another table; fvpd then finds here how to attach it
 * again.  A file comes with an attach, follows each change, and goes with a detach.
 */
#ifndef FVP_TOOL_RECORD_H
#define FVP_TOOL_RECORD_H

#include <stdbool.h>

#include "replica.h"
#include "report.h"

struct fvp_record {
	char uuid[40]; /* of the volume */
	char name[FVP_DM_NAME_BYTES]; /* of its device */
	char dm_uuid[FVP_DM_UUID_BYTES]; /* likewise; may be "" */
	char boot[FVP_UUID_TEXT_BYTES]; /* of the host, in which it was attached */
	char pool_uuid[FVP_UUID_TEXT_BYTES];
	char mode[24]; /* as it was asked for */
	char order[16];
	unsigned int replica_count, replicas_min;
	char replica[FVP_VOLUME_REPLICAS_MAX][FVP_UUID_TEXT_BYTES];
};

/*
 * Nobody else attaches or detaches this volume, or changes its record, until the process ends,
 * locks another one (it has one at a time), or calls fvp_record_unlock().  Waits.  FVP_OK, also if it has it already,
 * or FVP_SYSTEM with a message.
 */
int fvp_record_lock(const char *uuid);
/* The same, but does not wait: false if somebody has it. */
bool fvp_record_trylock(const char *uuid);
void fvp_record_unlock(void);

/* What would be recorded of an attached volume; false if its table tells too little. */
bool fvp_record_make(const struct fvp_view *volume, struct fvp_record *record);
bool fvp_record_same(const struct fvp_record *a, const struct fvp_record *b);

/* It has been attached since the host booted: if it is not now, its origin may have been written. */
bool fvp_record_of_this_boot(const struct fvp_record *record);

/* False if there is none, or it is damaged. */
bool fvp_record_load(const char *uuid, struct fvp_record *record);
/* Warns if it cannot. */
void fvp_record_save(const struct fvp_record *record);
void fvp_record_drop(const char *uuid);

/*
 * Records the volume of this device as it is now, under its lock; nothing if it is none.
 * fvp_record_note_now(): not if somebody has the lock; false then.
 */
void fvp_record_note(const char *name);
bool fvp_record_note_now(const char *name);

/* By name of the device, or uuid; false if there is none. */
bool fvp_record_find(const char *arg, struct fvp_record *record);
/* All of them; *list is the caller's to free. */
void fvp_records_load(struct fvp_record **list, unsigned int *count);

#endif /* FVP_TOOL_RECORD_H */
