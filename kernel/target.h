/* SPDX-License-Identifier: GPL-2.0 */
/* The two dm targets, and what they share. */
#ifndef FVP_TARGET_H
#define FVP_TARGET_H

#include <linux/device-mapper.h>

#include "fvp_uapi.h"
#include "parse.h"
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

/* STATUSTYPE_INFO lines, as fvp_uapi.h has them. */
void fvp_status_pool(struct fvp_pool *pool, char *result, unsigned int maxlen);
void fvp_status_volume(const struct fvp_attachment *att, char *result, unsigned int maxlen);

/* The message replicas.  0 or -errno.  Sleeps. */
int fvp_message_replicas(struct fvp_volume *vol, const struct fvp_volume_message *msg);

/* Answers of the messages flush and lost, likewise.  Sleep. */
void fvp_reply_flush(struct fvp_volume *vol, char *result, unsigned int maxlen);
void fvp_reply_lost(struct fvp_volume *vol, char *result, unsigned int maxlen);

/* Answers of the messages latency: 1, or -ENOMEM.  Sleep. */
int fvp_reply_volume_latency(struct fvp_volume *vol, char *result, unsigned int maxlen);
int fvp_reply_pool_latency(struct fvp_pool *pool, char *result, unsigned int maxlen);

#endif /* FVP_TARGET_H */
