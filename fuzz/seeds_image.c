// SPDX-License-Identifier: GPL-2.0
/*
 * Images to start from: pools as core itself leaves them, closed or cut off in the middle of
 * something, with what is done to them next.
 */
#include <stdlib.h>

#include "image.h"
#include "seeds.h"

struct scenario {
	const char *name;
	u8 flash_count, leg_count, flags, volumes;
	bool cut; /* no clean end */
	u8 then_flags; /* for what comes after */
	bool bad; /* some of it cannot be read then */
	struct image_op op[24];
};

/* clang-format off */
#define R(v, lba, len) { IMAGE_OP_READ, v, len - 1, lba }
#define W(v, lba, len) { IMAGE_OP_WRITE, v, len - 1, lba }
#define FUA(v, lba, len) { IMAGE_OP_WRITE_FUA, v, len - 1, lba }
#define ZERO(v, lba, len) { IMAGE_OP_ZEROES, v, len - 1, lba }
#define DISCARD(v, lba, len) { IMAGE_OP_DISCARD, v, len - 1, lba }
#define FLUSH(v) { IMAGE_OP_FLUSH, v, 0, 0 }
#define MODE(v, mode) { IMAGE_OP_MODE, v, mode - 1, 0 }
#define DROP(v) { IMAGE_OP_DROP, v, 0, 0 }
#define DESTAGE(v) { IMAGE_OP_DESTAGE, v, 0, 0 }
#define WAIT(ms) { IMAGE_OP_WAIT, 0, ms, 0 }
#define SUSPEND(v) { IMAGE_OP_SUSPEND, v, 0, 0 }
#define REOPEN { IMAGE_OP_REOPEN, 0, 0, 0 }
#define CRASH { IMAGE_OP_CRASH, 0, 0, 0 }
#define LEGS(v, mask, want) { IMAGE_OP_LEGS, v, mask, want }
/* clang-format on */

static const struct scenario scenarios[] = {
	{ "empty", 1, 0, 0, 0, false, 0, false, { WAIT(1) } },
	{ "clean", 1, 0, 0, 1, false, 0, false, { W(0, 8, 4), R(0, 40, 8), R(0, 44, 9) } },
	{ "dirty", 1, 0, 0, 1, true, 0, false, { W(0, 8, 4), W(0, 10, 8), W(0, 100, 1) } },
	{ "dirty-4k", 1, 0, IMAGE_BLOCK_4K, 1, true, 0, false, { W(0, 8, 4), FUA(0, 16, 8) } },
	{ "epochs",
	  1,
	  0,
	  IMAGE_FLASH_CACHE | IMAGE_ORIGIN_CACHE,
	  2,
	  true,
	  0,
	  false,
	  { W(0, 8, 4), FLUSH(0), W(0, 8, 2), W(1, 0, 3), FLUSH(1), W(0, 9, 1), R(0, 60, 4) } },
	{ "zeroes",
	  1,
	  0,
	  0,
	  1,
	  true,
	  0,
	  false,
	  { W(0, 8, 8), ZERO(0, 10, 3), DISCARD(0, 100, 30), W(0, 110, 2) } },
	{ "through",
	  1,
	  0,
	  IMAGE_ORIGIN_CACHE,
	  1,
	  true,
	  0,
	  false,
	  { MODE(0, 3), WAIT(500), R(0, 8, 8), W(0, 10, 2), R(0, 8, 8), FLUSH(0), WAIT(2000) } },
	{ "sealed",
	  2,
	  0,
	  0,
	  2,
	  true,
	  0,
	  false,
	  { W(0, 0, 50), W(0, 50, 50), W(1, 0, 50), ZERO(0, 20, 4), W(0, 100, 50), W(1, 9, 9) } },
	{ "destaged",
	  1,
	  0,
	  0,
	  1,
	  true,
	  0,
	  false,
	  { W(0, 0, 30), W(0, 50, 40), DESTAGE(0), WAIT(100), W(0, 20, 4), DROP(0), W(0, 7, 1) } },
	{ "reopened",
	  1,
	  0,
	  0,
	  1,
	  true,
	  0,
	  false,
	  { W(0, 0, 9), REOPEN, W(0, 4, 9), CRASH, R(0, 2, 4), W(0, 3, 1), R(0, 80, 4), CRASH } },
	{ "suspended", 1, 0, 0, 2, true, 0, false, { W(0, 0, 9), W(1, 1, 4), SUSPEND(0) } },
	{ "full",
	  1,
	  0,
	  0,
	  1,
	  true,
	  0,
	  false,
	  { W(0, 0, 90), W(0, 90, 90), W(0, 180, 90), W(0, 270, 90), W(0, 0, 90), W(0, 90, 90),
	    W(0, 360, 90), W(0, 270, 90), W(0, 0, 90), W(0, 90, 90) } },
	{ "leg",
	  1,
	  1,
	  0,
	  1,
	  true,
	  0,
	  false,
	  { WAIT(200), LEGS(0, 1, 1), W(0, 8, 4), W(0, 10, 8), W(0, 100, 1) } },
	{ "legs",
	  2,
	  2,
	  IMAGE_FLASH_CACHE,
	  2,
	  true,
	  0,
	  false,
	  { WAIT(200), LEGS(0, 3, 1), LEGS(1, 2, 1), W(0, 8, 4), W(1, 10, 8), FLUSH(0),
	    W(0, 100, 1), ZERO(0, 90, 20) } },
	{ "leg-late",
	  1,
	  2,
	  IMAGE_SECOND_LEG_LATER,
	  1,
	  true,
	  IMAGE_SECOND_LEG_LATER,
	  false,
	  { W(0, 8, 4), WAIT(300), LEGS(0, 2, 1), W(0, 9, 4) } },
	{ "leg-gone",
	  1,
	  1,
	  0,
	  1,
	  true,
	  IMAGE_NO_LEGS,
	  false,
	  { WAIT(200), LEGS(0, 1, 1), W(0, 8, 4), W(0, 10, 8) } },
	{ "recover",
	  1,
	  1,
	  0,
	  1,
	  true,
	  IMAGE_RECOVER,
	  false,
	  { WAIT(200), LEGS(0, 1, 1), W(0, 8, 4), W(0, 10, 8), ZERO(0, 100, 9), FLUSH(0),
	    W(0, 9, 1) } },
	{ "recover-sealed",
	  1,
	  1,
	  0,
	  2,
	  true,
	  IMAGE_RECOVER,
	  false,
	  { WAIT(200), LEGS(0, 1, 1), W(0, 0, 60), W(0, 40, 60), W(0, 9, 2), W(1, 9, 2) } },
	{ "bad",
	  1,
	  1,
	  0,
	  1,
	  true,
	  0,
	  true,
	  { WAIT(200), LEGS(0, 1, 0), W(0, 8, 4), W(0, 10, 8), R(0, 60, 9) } },
};

/* What every input does with its image, after all of it has been loaded. */
static const struct image_op then[] = {
	R(0, 8, 4),	   W(0, 9, 2), R(1, 0, 20), FLUSH(0),	   ZERO(0, 3, 4), W(1, 30, 9),
	DISCARD(0, 20, 8), CRASH,      R(0, 90, 9), W(0, 1, 3),	   DESTAGE(0),	  WAIT(1500),
	MODE(0, 3),	   REOPEN,     W(0, 50, 5), R(0, 100, 20), CRASH,
};

static void super_put(struct fvp_dev *dev, const struct fvp_super *super)
{
	for (u32 copy = 0; copy < 2; copy++) {
		u64 at = fvp_super_copy_sector(IMAGE_DEV_SECTORS, copy);

		fvp_super_encode(super, image_at(dev, at));
		image_touch(dev, at, fvp_super_bytes(super->volume_count, 0) / FVP_SECTOR_BYTES);
	}
}

static void format(const struct scenario *sc)
{
	static struct fvp_super super, leg;
	u8 uuid[16] = { 0 };

	memset(&super, 0, sizeof(super));
	super.generation = 1;
	super.pool_key = 0x0123456789abcdefull;
	super.tail_gen = 1;
	super.device_count = sc->flash_count;
	super.block_sectors = sc->flags & IMAGE_BLOCK_4K ? 8 : 1;
	super.pool_uuid[0] = 0x50;
	for (u32 d = 0; d < sc->flash_count; d++)
		super.members[d][0] = (u8)(0xd0 + d);
	for (u32 i = 0; i < sc->leg_count; i++) {
		super.legs[i].uuid[0] = (u8)(0x1e + i);
		super.legs[i].flags = FVP_LEG_USED;
		super.incompat = FVP_INCOMPAT_LEGS;
	}
	super.volume_count = sc->volumes;
	super.next_volume_id = sc->volumes + 1;
	for (u32 i = 0; i < sc->volumes; i++)
		super.volumes[i] = (struct fvp_super_volume){ .uuid = { (u8)(0x70 + i) },
							      .id = i + 1,
							      .state = FVP_VOLUME_KEPT,
							      .size_sectors = 400 << (4 * i),
							      .mode = FVP_MODE_WRITE_BACK };
	for (u32 d = 0; d < sc->flash_count; d++) {
		memcpy(super.device_uuid, super.members[d], 16);
		super.device_index = d;
		if (fvp_super_layout(&super, IMAGE_DEV_SECTORS, IMAGE_SEGMENT_SECTORS))
			shim_die("layout");
		super_put(&image_dev[d], &super);
	}
	for (u32 i = 0; i < sc->leg_count; i++) {
		uuid[0] = (u8)(0x1e + i);
		if (fvp_super_replica(&super, IMAGE_DEV_SECTORS, uuid, &leg))
			shim_die("layout of a replica");
		leg.leg_index = (u8)i;
		super_put(&image_dev[IMAGE_FLASH_MAX + i], &leg);
	}
}

void seeds_image(void)
{
	static u8 data[IMAGE_INPUT_MAX];

	for (u32 i = 0; i < ARRAY_SIZE(scenarios); i++) {
		const struct scenario *sc = &scenarios[i];
		struct image image = { .head = { .flash_count = sc->flash_count,
						 .leg_count = sc->leg_count,
						 .flags = sc->flags } };
		size_t bytes;

		image_reset();
		format(sc);
		memcpy(image.op, sc->op, sizeof(sc->op));
		while (image.head.op_count < ARRAY_SIZE(sc->op) &&
		       memchr_inv(&sc->op[image.head.op_count], 0, sizeof(sc->op[0])))
			image.head.op_count++;
		image_run(&image, sc->cut);
		memcpy(image.op, then, sizeof(then));
		image.head.op_count = ARRAY_SIZE(then);
		image.head.flags =
			(sc->flags & (IMAGE_FLASH_CACHE | IMAGE_ORIGIN_CACHE | IMAGE_BLOCK_4K)) |
			sc->then_flags;
		bytes = image_save(&image, data, sizeof(data) - sizeof(struct image_chunk));
		if (!bytes)
			shim_die("%s: too long", sc->name);
		if (sc->bad) {
			struct image_chunk bad = { .dev = IMAGE_CHUNK_BAD,
						   .bytes = 6,
						   .sector = FVP_FIRST_SEGMENT_SECTOR + 2 };

			memcpy(data + bytes, &bad, sizeof(bad));
			bytes += sizeof(bad);
		}
		seeds_write("image", sc->name, data, bytes);
	}
}
