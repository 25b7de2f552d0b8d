/* SPDX-License-Identifier: GPL-2.0 */
/* The two dm targets, and what they share. */
#ifndef FVP_TARGET_H
#define FVP_TARGET_H

#include <linux/device-mapper.h>

#include "fvp_uapi.h"
#include "runtime.h"

extern struct target_type fvp_pool_target;
extern struct target_type fvp_volume_target;

/* ti->private of an fvp-pool instance. */
struct fvp_pool_instance {
	struct fvp_runtime *runtime; /* counted */
	struct fvp_watch watch;
	u32 flash_count;
	u32 dev_count; /* flash devices, then replicas */
	struct dm_dev *devs[FVP_DEVICES_MAX + FVP_LEGS_MAX]; /* as in the table line */
};

/* ti->private of an fvp instance. */
struct fvp_instance {
	struct fvp_volume *vol; /* first: map wants nothing else; att's */
	struct fvp_attachment *att; /* counted */
	struct fvp_watch watch;
	struct dm_dev *pool;
	struct dm_dev *origin;
	enum fvp_mode mode; /* requested, of this table line */
	enum fvp_order order; /* likewise */
	char name[FVP_NAME_BYTES]; /* the name= option, "" without */
};

/* The mapped device that a target's table belongs to. */
static inline dev_t fvp_target_devt(struct dm_target *ti)
{
	return disk_devt(dm_disk(dm_table_get_md(ti->table)));
}

/* Parses the usual form with dashes, and nothing after it.  0 or -EINVAL. */
int fvp_parse_uuid(const char *text, uuid_t *uuid);

/* 0 if not the name of a mode. */
enum fvp_mode fvp_parse_mode(const char *text);
const char *fvp_mode_name(enum fvp_mode mode);

/* 0 or -EINVAL. */
int fvp_parse_order(const char *text, enum fvp_order *order);
const char *fvp_order_name(enum fvp_order order);

/* STATUSTYPE_INFO lines, as fvp_uapi.h has them. */
void fvp_status_pool(struct fvp_pool *pool, char *result, unsigned int maxlen);
void fvp_status_volume(const struct fvp_attachment *att, char *result, unsigned int maxlen);

/* The message replicas: <min> [<uuid>...].  0 or -errno.  Sleeps. */
int fvp_message_replicas(struct fvp_volume *vol, unsigned int argc, char **argv);

/* Answers of the messages flush and lost, likewise.  Sleep. */
void fvp_reply_flush(struct fvp_volume *vol, char *result, unsigned int maxlen);
void fvp_reply_lost(struct fvp_volume *vol, char *result, unsigned int maxlen);

#endif /* FVP_TARGET_H */
