// SPDX-License-Identifier: GPL-2.0
/* An input to devices and back (image.h). */
#include <stdlib.h>

#include "image.h"

struct fvp_dev image_dev[IMAGE_DEVS];

void image_touch(struct fvp_dev *dev, u64 sector, u64 len)
{
	for (; len; sector++, len--)
		dev->touched[sector / 8] |= 1u << sector % 8;
}

static bool touched(const struct fvp_dev *dev, u32 sector)
{
	return dev->touched[sector / 8] & 1u << sector % 8;
}

void image_reset(void)
{
	for (u32 d = 0; d < IMAGE_DEVS; d++) {
		struct fvp_dev *dev = &image_dev[d];

		if (!dev->mem)
			dev->mem = calloc(IMAGE_DEV_SECTORS, FVP_SECTOR_BYTES);
		for (u32 i = 0; i < IMAGE_DEV_SECTORS; i++)
			if (touched(dev, i))
				memset(image_at(dev, i), 0, FVP_SECTOR_BYTES);
		memset(dev->touched, 0, sizeof(dev->touched));
		snprintf(dev->name, sizeof(dev->name), "%s%u",
			 d < IMAGE_FLASH_MAX ? "flash" : "leg", d);
		dev->sectors = IMAGE_DEV_SECTORS;
		dev->cache = false;
		dev->bad_count = 0;
		dev->written = 0;
	}
}

void image_chunks(u8 *data, size_t bytes, void (*fn)(void *arg, struct image_chunk chunk, u8 *mem),
		  void *arg)
{
	struct image_head *head = (void *)data;
	size_t at;

	if (bytes < sizeof(*head))
		return;
	at = sizeof(*head) + min(head->op_count, IMAGE_OPS_MAX) * sizeof(struct image_op);
	while (at + sizeof(struct image_chunk) <= bytes) {
		struct image_chunk chunk;
		u64 room;

		memcpy(&chunk, data + at, sizeof(chunk));
		if (chunk.dev & IMAGE_CHUNK_BAD) {
			fn(arg, chunk, NULL);
			at += sizeof(chunk);
			continue;
		}
		chunk.dev %= IMAGE_DEVS;
		chunk.sector %= IMAGE_DEV_SECTORS;
		room = (u64)(IMAGE_DEV_SECTORS - chunk.sector) * FVP_SECTOR_BYTES;
		chunk.bytes =
			(u16)min_t(u64, chunk.bytes, min_t(u64, bytes - at - sizeof(chunk), room));
		fn(arg, chunk, data + at + sizeof(chunk));
		at += image_chunk_bytes(chunk);
	}
}

static void chunk_load(void *arg, struct image_chunk chunk, u8 *mem)
{
	struct fvp_dev *dev = &image_dev[chunk.dev % IMAGE_DEVS];

	if (mem) {
		image_touch(dev, chunk.sector, DIV_ROUND_UP(chunk.bytes, FVP_SECTOR_BYTES));
		memcpy(image_at(dev, chunk.sector), mem, chunk.bytes);
	} else if (dev->bad_count < IMAGE_BAD_MAX) {
		dev->bad[dev->bad_count].sector = chunk.sector % IMAGE_DEV_SECTORS;
		dev->bad[dev->bad_count++].len = chunk.bytes;
	}
}

bool image_load(const u8 *data, size_t bytes, struct image *image)
{
	u32 ops;

	image_reset();
	memset(image, 0, sizeof(*image));
	if (bytes < sizeof(image->head) || bytes > IMAGE_INPUT_MAX)
		return false;
	memcpy(&image->head, data, sizeof(image->head));
	ops = min(image->head.op_count, IMAGE_OPS_MAX);
	if (bytes < sizeof(image->head) + ops * sizeof(image->op[0]))
		return false;
	memcpy(image->op, data + sizeof(image->head), ops * sizeof(image->op[0]));
	image->head.op_count = (u8)ops;
	image->head.flash_count = 1 + image->head.flash_count % IMAGE_FLASH_MAX;
	image->head.leg_count %= IMAGE_LEGS_MAX + 1;
	image_chunks((u8 *)data, bytes, chunk_load, NULL);
	return true;
}

size_t image_save(const struct image *image, u8 *data, size_t max)
{
	size_t at = sizeof(image->head);
	struct image_head head = image->head;

	head.flash_count--;
	memcpy(data, &head, sizeof(head));
	memcpy(data + at, image->op, head.op_count * sizeof(image->op[0]));
	at += head.op_count * sizeof(image->op[0]);
	for (u32 d = 0; d < IMAGE_DEVS; d++) {
		for (u32 i = 0; i < IMAGE_DEV_SECTORS; i++) {
			struct image_chunk chunk = { .dev = (u8)d, .sector = i };
			const u8 *mem = image_at(&image_dev[d], i);

			if (!touched(&image_dev[d], i))
				continue;
			for (chunk.bytes = FVP_SECTOR_BYTES; chunk.bytes; chunk.bytes--)
				if (mem[chunk.bytes - 1])
					break;
			if (!chunk.bytes)
				continue;
			if (at + image_chunk_bytes(chunk) > max)
				return 0;
			memset(data + at, 0, image_chunk_bytes(chunk));
			memcpy(data + at, &chunk, sizeof(chunk));
			memcpy(data + at + sizeof(chunk), mem, chunk.bytes);
			at += image_chunk_bytes(chunk);
		}
	}
	return at;
}
