/* SPDX-License-Identifier: GPL-2.0 */
/* Superblocks of flash devices, as the tool needs them. */
#ifndef FVP_TOOL_FLASH_H
#define FVP_TOOL_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"

#define FVP_FLASH_MAX 16 /* FVP_DEVICES_MAX */
#define FVP_REPLICAS_MAX 4 /* FVP_LEGS_MAX */
#define FVP_UUID_TEXT_BYTES 37

enum fvp_flash_role { FVP_FLASH_MEMBER, FVP_FLASH_REPLICA };

/* A replica of the pool, by its index. */
struct fvp_flash_leg {
	bool used; /* there is one */
	bool in_sync; /* with all dirty data of its volumes, as of legset_gen */
	char uuid[FVP_UUID_TEXT_BYTES];
};

/* What a flash device or a replica says of itself and its pool. */
struct fvp_flash_info {
	char pool_uuid[FVP_UUID_TEXT_BYTES];
	char device_uuid[FVP_UUID_TEXT_BYTES];
	char label[64]; /* the pool's name when it was made */
	uint64_t generation;
	enum fvp_flash_role role;
	uint32_t legset_gen; /* changes of the set of replicas so far */
	struct fvp_flash_leg legs[FVP_REPLICAS_MAX];
	unsigned int device_index, device_count;
	unsigned int block_sectors, segment_sectors, segment_count;
	unsigned int volume_count;
	bool may_be_dirty; /* one of the volumes is */
	char members[FVP_FLASH_MAX][FVP_UUID_TEXT_BYTES];
};

enum fvp_flash_state {
	FVP_FLASH_VALID,
	FVP_FLASH_NONE, /* no superblock of ours */
	FVP_FLASH_DAMAGED,
	FVP_FLASH_NEWER,
	FVP_FLASH_TRUNCATED,
	FVP_FLASH_UNREADABLE,
};

/*
 * Reads the newest valid copy of an open device.  *why: static text for every
 * state but VALID.
 */
enum fvp_flash_state fvp_flash_read(const struct fvp_device *dev, struct fvp_flash_info *info,
				    const char **why);

/* A volume that the pool has content of: a line of the volume table. */
struct fvp_flash_volume {
	char uuid[FVP_UUID_TEXT_BYTES];
	char name[64]; /* of its device when it was last attached; may be "" */
	uint64_t sectors;
	bool may_be_dirty; /* acknowledged writes of it may be on flash only */
	bool in_service; /* attached, now or when the host went down */
	int mode; /* enum fvp_mode, as it was asked for */
	unsigned int replica_mask; /* replicas that it wants: a bit each */
};

/*
 * The volume table, from one device of the pool, which may be in service.  *list is
 * the caller's to free.  Prints why not.
 */
int fvp_flash_volumes(const struct fvp_device *dev, struct fvp_flash_volume **list,
		      unsigned int *count);

/* A pool to be written: made by fvp_flash_plan(), written by fvp_flash_write(). */
struct fvp_flash_plan;

/*
 * Lays the pool out on the devices (segment_bytes 0: chosen by size).  Prints
 * what is wrong.  Free with fvp_flash_plan_free().
 */
int fvp_flash_plan(const struct fvp_device *dev, unsigned int count, const char *label,
		   uint64_t segment_bytes, struct fvp_flash_plan **plan,
		   struct fvp_flash_info *info);
/* The same for a replica of a pool, of which pool_dev is a flash device. */
int fvp_flash_plan_replica(const struct fvp_device *pool_dev, const struct fvp_device *dev,
			   struct fvp_flash_plan **plan, struct fvp_flash_info *info);
void fvp_flash_plan_free(struct fvp_flash_plan *plan);

/* Writes both copies on one device, durably, and reads them back. */
int fvp_flash_write(const struct fvp_device *dev, const struct fvp_flash_plan *plan,
		    unsigned int index);

/* Erases both copies, durably. */
int fvp_flash_erase(const struct fvp_device *dev);

#endif /* FVP_TOOL_FLASH_H */
