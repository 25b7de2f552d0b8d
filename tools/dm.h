/* SPDX-License-Identifier: GPL-2.0 */
/* Device-mapper devices: read, create, swap tables, remove. */
#ifndef FVP_TOOL_DM_H
#define FVP_TOOL_DM_H

#include <stdbool.h>
#include <stdint.h>

#define FVP_DM_NAME_BYTES 128
#define FVP_DM_UUID_BYTES 129

/* What fvp puts before the uuid of the devices it makes. */
#define FVP_DM_UUID_POOL "FVP-pool-"
#define FVP_DM_UUID_VOLUME "FVP-volume-"
#define FVP_DM_UUID_ORIGIN "FVP-origin-"

struct fvp_dm_target {
	uint64_t start, len_sectors;
	char *type;
	char *params;
};

struct fvp_dm_table {
	struct fvp_dm_target *target;
	unsigned int count;
};

struct fvp_dm_device {
	char name[FVP_DM_NAME_BYTES];
	char uuid[FVP_DM_UUID_BYTES];
	unsigned int major, minor;
	int open_count;
	bool suspended, read_only, live_table, inactive_table;
	uint64_t sectors;
	struct fvp_dm_table table; /* as `dmsetup table`, or `dmsetup status` */
};

enum fvp_dm_what { FVP_DM_TABLE, FVP_DM_STATUS };

/* True if the table is one target of this type. */
bool fvp_dm_is(const struct fvp_dm_device *dev, const char *type);

/*
 * Reads a device.  Returns FVP_OK, FVP_ABSENT (says nothing: the caller knows
 * what was looked for) or FVP_SYSTEM.  Free with fvp_dm_free().
 */
int fvp_dm_read(const char *name, enum fvp_dm_what what, struct fvp_dm_device *dev);
void fvp_dm_free(struct fvp_dm_device *dev);

/*
 * Calls fn with each device whose table is one target of this type (NULL: with each device),
 * until one returns non-zero, which is returned.
 */
int fvp_dm_each(const char *type, enum fvp_dm_what what,
		int (*fn)(void *arg, const struct fvp_dm_device *dev), void *arg);

/* The name of the dm device with this number; false if it is no dm device. */
bool fvp_dm_name_of(unsigned int major, unsigned int minor, char name[FVP_DM_NAME_BYTES]);

int fvp_dm_table_add(struct fvp_dm_table *table, uint64_t start, uint64_t len_sectors,
		     const char *type, const char *params);
void fvp_dm_table_free(struct fvp_dm_table *table);

/*
 * The following return FVP_OK, or FVP_SYSTEM having said nothing: the caller
 * says what it was doing and adds fvp_dm_why(), the kernel's own reason.
 */
const char *fvp_dm_why(void);

/* Our own devices are nobody's to scan: udev makes the node and leaves them alone. */
int fvp_dm_create_hidden(const char *name, const char *uuid, const struct fvp_dm_table *table);
/* A device that people use: udev treats it as any disk. */
int fvp_dm_create(const char *name, const char *uuid, const struct fvp_dm_table *table);
int fvp_dm_load(const char *name, const struct fvp_dm_table *table);
int fvp_dm_clear(const char *name); /* drops a loaded table that was not resumed */
/* With the loaded table, if there is one: I/O in flight ends first, new I/O waits meanwhile. */
int fvp_dm_resume(const char *name);
int fvp_dm_remove(const char *name);
/* Also FVP_REFUSED: the target is busy with such a thing already. */
int fvp_dm_message(const char *name, const char *message);
/* The same for a message that is answered; *reply is the caller's to free. */
int fvp_dm_ask(const char *name, const char *message, char **reply);

/*
 * Gives a live device another table.  On failure the device runs on its old
 * table, as before (*restored), or is left suspended, which the caller must
 * say.  *held_us: how long its I/O was held.
 */
int fvp_dm_swap(const char *name, const struct fvp_dm_table *new_table,
		const struct fvp_dm_table *old_table, uint64_t *held_us, bool *restored);

/* The kernel knows the targets fvp and fvp-pool. */
bool fvp_dm_have_targets(void);
/* It does, or learns them now.  Prints why not. */
int fvp_dm_require_targets(void);

#endif /* FVP_TOOL_DM_H */
