/* SPDX-License-Identifier: GPL-2.0 */
/* Replicas of active pools: what the verbs on them, and the reports, share. */
#ifndef FVP_TOOL_REPLICA_H
#define FVP_TOOL_REPLICA_H

#include "device.h"
#include "flash.h"
#include "report.h"

#define FVP_VOLUME_REPLICAS_MAX 3 /* FVP_VOLUME_LEGS_MAX */

struct fvp_replica {
	unsigned int index; /* its bit in a volume's replica_mask */
	char uuid[FVP_UUID_TEXT_BYTES];
	char state[16]; /* the module's word: out, dropping, syncing, in */
	char path[FVP_PATH_BYTES]; /* of its device; "": it has none, or it is gone */
	unsigned int major, minor; /* of that */
	uint64_t slots, failures, acks, ack_us_mean;
	uint64_t size_bytes; /* of its slots */
};

struct fvp_replicas {
	struct fvp_replica replica[FVP_REPLICAS_MAX];
	unsigned int count, in; /* in: how many are */
};

/* All replicas of a pool, by its status line. */
void fvp_replicas_parse(const char *pool_status, struct fvp_replicas *replicas);

/* Those that a volume wants. */
void fvp_replicas_of_volume(const struct fvp_view *volume, struct fvp_replicas *replicas);

/* By uuid, or by a device that is there; NULL if it is none of them. */
const struct fvp_replica *fvp_replica_lookup(const struct fvp_replicas *replicas, const char *arg);
/* The same; FVP_ABSENT with a message. */
int fvp_replica_find(const struct fvp_view *pool, const struct fvp_replicas *replicas,
		     const char *arg, const struct fvp_replica **replica);

/* Its state, for people. */
const char *fvp_replica_words(const struct fvp_replica *replica);
/* Its device, or else its uuid. */
const char *fvp_replica_name(const struct fvp_replica *replica);

/*
 * Until this program ends no other one changes which replicas a pool has.  Comes before
 * the pool is looked at: a table made from an old look would drop what another one added.
 * Waits for that one.  FVP_OK, or FVP_SYSTEM with a message.
 */
int fvp_replicas_lock(void);

/* Gives the pool's device a table with this replica (NULL: none) and without that of uuid. */
int fvp_replica_reload(const struct fvp_view *pool, const struct fvp_device *add, const char *uuid);

/* "a (uuid), b (uuid)" of the volumes, attached or not, that want the replica; "" for none. */
int fvp_replica_wanted_by(const struct fvp_view *pool, const struct fvp_replica *replica,
			  char *text, size_t text_bytes);

/* Superblock of a replica against that of an active pool; says what does not fit. */
int fvp_replica_media_check(const struct fvp_device *dev, const struct fvp_flash_info *info,
			    const struct fvp_flash_info *pool_info, const char *pool_name);

/* A table of the replicas of all these pools, behind `before`; false: there are none. */
bool fvp_print_replicas(const struct fvp_views *pools, const char *before);
struct json_object *fvp_json_replica(const struct fvp_view *pool,
				     const struct fvp_replica *replica);

#endif /* FVP_TOOL_REPLICA_H */
