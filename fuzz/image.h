/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A few small devices as one input: flash and replicas with whatever is on them, and what a
 * guest does once a pool has been made of them.
 *
 *	struct image_head | struct image_op [op_count] | chunks to the end
 *
 * A chunk is some bytes at the start of a sector; what no chunk covers is zero.  So an
 * image of a few MiB is an input of a few KiB, and each mutation hits something.
 *
 * image.c: to devices and back.  image_fix.c: making it right again after a mutation.
 * image_host.c: what core asks of its host.  fuzz_image.c: what is done with it.
 */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include "fiber.h"
#include "pool.h"
#include "hit.h"
#include "super.h"

#define IMAGE_FLASH_MAX 2
#define IMAGE_LEGS_MAX 2
#define IMAGE_DEVS (IMAGE_FLASH_MAX + IMAGE_LEGS_MAX)
#define IMAGE_SEGMENT_SECTORS 128
#define IMAGE_SEGMENTS 16
#define IMAGE_DEV_SECTORS                                                                          \
	(FVP_FIRST_SEGMENT_SECTOR + IMAGE_SEGMENTS * IMAGE_SEGMENT_SECTORS + FVP_SUPER_AREA_SECTORS)
#define IMAGE_BAD_MAX 8
#define IMAGE_OPS_MAX 64
#define IMAGE_INPUT_MAX (1u << 18)

#define IMAGE_BLOCK_4K 1u /* devices have 4096-byte blocks */
#define IMAGE_FLASH_CACHE 2u
#define IMAGE_ORIGIN_CACHE 4u
#define IMAGE_RECOVER 8u /* from the first replica, without flash */
#define IMAGE_SECOND_LEG_LATER 16u /* it is added while the pool is open */
#define IMAGE_NO_LEGS 32u /* the pool is opened without its replicas */

struct image_head {
	u8 flash_count, leg_count;
	u8 flags;
	u8 op_count;
	u32 pad;
};

enum image_op_kind {
	IMAGE_OP_READ,
	IMAGE_OP_WRITE,
	IMAGE_OP_WRITE_FUA,
	IMAGE_OP_FLUSH,
	IMAGE_OP_DISCARD,
	IMAGE_OP_ZEROES,
	IMAGE_OP_MODE,
	IMAGE_OP_DROP,
	IMAGE_OP_DESTAGE,
	IMAGE_OP_WAIT,
	IMAGE_OP_LEGS, /* that the volume wants */
	IMAGE_OP_SUSPEND, /* and resume */
	IMAGE_OP_REOPEN, /* everything is closed, and opened again */
	IMAGE_OP_CRASH, /* the host is gone; what devices have they keep */
	IMAGE_OP_KINDS,
};

struct image_op {
	u8 kind; /* modulo */
	u8 volume; /* of those attached, modulo */
	u16 len; /* modulo; of other things: what */
	u32 lba; /* modulo */
};

#define IMAGE_CHUNK_BAD 0x80u /* of dev: reading these sectors fails until they are written */
struct image_chunk {
	u8 dev;
	u8 pad;
	u16 bytes; /* that follow, padded to 8; of a bad one: sectors, and nothing follows */
	u32 sector;
};

_Static_assert(sizeof(struct image_head) == 8 && sizeof(struct image_op) == 8 &&
		       sizeof(struct image_chunk) == 8,
	       "input");

/* A device: flash with bytes, an origin with a list of what was written. */
struct fvp_dev {
	char name[16];
	u64 sectors;
	u32 block_sectors;
	bool cache;
	bool origin;
	u8 *mem; /* flash */
	u8 touched[IMAGE_DEV_SECTORS / 8]; /* may be other than zero */
	struct {
		u32 sector, len;
	} bad[IMAGE_BAD_MAX];
	u32 bad_count;
	struct image_write *writes; /* origin: newest first */
	u64 written; /* I/O so far that changed it */
};

extern struct fvp_dev image_dev[IMAGE_DEVS]; /* flash, then replicas */

static inline u8 *image_at(struct fvp_dev *dev, u64 sector)
{
	return dev->mem + sector * FVP_SECTOR_BYTES;
}

/* --- image.c --- */

struct image {
	struct image_head head;
	struct image_op op[IMAGE_OPS_MAX];
};

/* Fills image_dev[] from an input.  False: too short for anything. */
bool image_load(const u8 *data, size_t bytes, struct image *image);
/* Calls fn with each chunk of the input, cut to what is there. */
void image_chunks(u8 *data, size_t bytes, void (*fn)(void *arg, struct image_chunk chunk, u8 *mem),
		  void *arg);
/* Makes an input of image_dev[] and image; returns its bytes, 0: more than max. */
size_t image_save(const struct image *image, u8 *data, size_t max);
/* All devices are empty. */
void image_reset(void);
void image_touch(struct fvp_dev *dev, u64 sector, u64 len);

/* Bytes of a chunk in the input. */
static inline size_t image_chunk_bytes(struct image_chunk chunk)
{
	return sizeof(chunk) + round_up(chunk.bytes, 8);
}

/* --- image_fix.c --- */

#define IMAGE_FIX_SUPER 1u /* checksums of superblocks */
#define IMAGE_FIX_BLOCK 2u /* key, place and checksums of blocks */
#define IMAGE_FIX_DATA 4u /* checksums of data in their entries */
#define IMAGE_FIX_ALL 7u

/* Makes an input right in place; returns its bytes (never more). */
void image_fix(u8 *data, size_t bytes, u32 what);

/* --- image_host.c --- */

/* An origin of so many sectors, with content of its own. */
void image_origin(struct fvp_dev *dev, u32 number, u64 sectors, bool cache);
void image_origin_free(struct fvp_dev *dev);
/* A guest's request, whole; data for READ and WRITE.  0 or -errno.  Sleeps. */
int image_request(struct fvp_volume *vol, u8 op, u8 flags, u64 lba, u64 len, u8 *data);

/* --- image_run.c --- */

/*
 * Makes a pool of image_dev[], does what image says, and closes it.  Dies if core breaks a
 * promise, or does not come to an end.  With keep it leaves as a power cut would.
 */
void image_run(const struct image *image, bool keep);

#endif /* FUZZ_IMAGE_H */
