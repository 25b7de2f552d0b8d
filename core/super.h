/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Superblock and volume table: decoded form, encoding, verification.  No I/O in
 * super.c, so that the tools and the fuzzers use it as it is; super_io.c reads
 * and writes the copies.
 */
#ifndef FVP_SUPER_H
#define FVP_SUPER_H

#include "env.h"
#include "fvp_format.h"

struct fvp_flash;
struct fvp_pool;
struct fvp_dev;

/* A line of the volume table, decoded. */
struct fvp_super_volume {
	u8 uuid[16];
	u32 id;
	u32 state; /* enum fvp_disk_volume_state */
	u64 epoch;
	u64 size_sectors;
	u32 mode;
	u32 flags; /* FVP_VOLUME_* */
	u64 watermark; /* a place; see fvp_place() */
	u8 legs, legs_min;
	char name[FVP_NAME_BYTES];
};

struct fvp_super_leg {
	u8 uuid[16];
	u32 flags; /* FVP_LEG_* */
};

struct fvp_super {
	u8 weak; /* copy that is damaged or older: the next update writes it first */
	u64 incompat, ro_compat, compat;
	u8 pool_uuid[16];
	u8 device_uuid[16];
	u64 generation;
	u64 pool_key;
	u64 tail_gen;
	u64 device_sectors;
	u64 first_segment_sector;
	u32 segment_sectors;
	u32 segment_count;
	u32 device_index;
	u32 device_count;
	u32 block_sectors;
	u32 volume_count;
	u32 pinned_count;
	u32 next_volume_id;
	char label[FVP_NAME_BYTES];
	u8 members[FVP_DEVICES_MAX][16];
	u32 legset_gen;
	u8 role; /* enum fvp_disk_role */
	u8 leg_index;
	u32 recover_base; /* leg set that a recovery from this replica began with, or 0 */
	struct fvp_super_leg legs[FVP_LEGS_MAX];
	struct fvp_super_volume volumes[FVP_VOLUMES_MAX];
	u64 pinned[FVP_PINNED_MAX]; /* ascending */
};

/* Bytes of a copy with this many volumes and pinned segments: a multiple of FVP_SUPER_BYTES. */
static inline u32 fvp_super_bytes(u32 volume_count, u32 pinned_count)
{
	return FVP_SUPER_BYTES +
	       DIV_ROUND_UP(volume_count * 128u + pinned_count * 8u, FVP_SUPER_BYTES) *
		       FVP_SUPER_BYTES;
}

/* First sector of copy 0 (A) or 1 (B) on a device of device_sectors. */
u64 fvp_super_copy_sector(u64 device_sectors, u32 copy);

/* Encodes into out, of at least fvp_super_bytes() bytes. */
void fvp_super_encode(const struct fvp_super *super, void *out);

/*
 * Looks at the first FVP_SUPER_BYTES of a copy: verifies checksum, version,
 * features and every size against device_sectors.  Returns 0 and the bytes of
 * the whole copy, or: -ENODATA no superblock at all, -EUCLEAN damaged,
 * -EOPNOTSUPP newer format or unknown features, -EFBIG the device is smaller than
 * the superblock says.  *why (static text) tells what is wrong.
 */
int fvp_super_peek(const void *in, u64 device_sectors, u32 *bytes, const char **why);

/* Decodes a whole copy of in_bytes; same errors. */
int fvp_super_decode(const void *in, u32 in_bytes, u64 device_sectors, struct fvp_super *super,
		     const char **why);

/*
 * Lays out a new device: fills segment_sectors (0: chosen by size) and counts.
 * 0, or -ENOSPC if the device is too small, -EINVAL.
 */
int fvp_super_layout(struct fvp_super *super, u64 device_sectors, u32 segment_sectors);

/*
 * Makes *super that of a new replica of uuid for a pool, of which pool_super is any.  0 or
 * -ENOSPC: it would have fewer than FVP_LEG_SLOTS_MIN slots.
 */
int fvp_super_replica(const struct fvp_super *pool_super, u64 device_sectors, const u8 uuid[16],
		      struct fvp_super *super);

/*
 * Reads the newest valid copy of a device.  *super is the caller's.  Sleeps.  Errors
 * as fvp_super_peek(), and -EIO.
 */
int fvp_super_read(struct fvp_dev *dev, struct fvp_super *super, const char **why, u64 *bytes_read);

/* The same by a way of reading of the caller's. */
struct fvp_super_reader {
	struct fvp_dev *dev;
	/* 0 or -errno. */
	int (*read)(struct fvp_super_reader *reader, u64 sector, u32 len_sectors, void *mem);
};
int fvp_super_read_by(struct fvp_super_reader *reader, struct fvp_super *super, const char **why,
		      u64 *bytes_read);

/*
 * Writes pool->super with its next generation, durably, to copy A and then B of
 * every flash device, and then to the replica legs (leg.h).  0 when all took it; else the first error of flash, after trying all, and
 * the pool's health has got the message.  *taken, if given: devices that took both.
 * Caller holds pool->super_mutex.  Sleeps.
 */
int fvp_super_write(struct fvp_pool *pool, u32 *taken);

#endif /* FVP_SUPER_H */
