// SPDX-License-Identifier: GPL-2.0
/*
 * Superblocks on flash devices and replicas.  Layout, encoding and verification are core's
 * own (core/super.c); here is the I/O, past the page cache, since the module
 * reads and writes below it.
 */
#include "super.h" /* first: env.h gives the kernel's names */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "flash.h"
#include "fvp.h"

#define AREA_BYTES ((size_t)FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES)

_Static_assert(FVP_FLASH_MAX == FVP_DEVICES_MAX && FVP_REPLICAS_MAX == FVP_LEGS_MAX,
	       "flash.h repeats fvp_format.h's bounds");

struct fvp_flash_plan {
	struct fvp_super super; /* what all devices share */
	struct {
		u64 device_sectors;
		u32 segment_count;
	} device[FVP_DEVICES_MAX];
};

static void *area_alloc(void)
{
	void *mem = NULL;

	if (posix_memalign(&mem, 4096, AREA_BYTES))
		abort();
	memset(mem, 0, AREA_BYTES);
	return mem;
}

static int open_direct(const struct fvp_device *dev, int flags)
{
	/* The descriptor in dev holds the device; this one only does I/O. */
	return fvp_device_open(dev, flags | O_DIRECT);
}

/* ---- reading ---- */

static void info_fill(const struct fvp_super *super, struct fvp_flash_info *info)
{
	memset(info, 0, sizeof(*info));
	uuid_unparse_lower(super->pool_uuid, info->pool_uuid);
	uuid_unparse_lower(super->device_uuid, info->device_uuid);
	snprintf(info->label, sizeof(info->label), "%s", super->label);
	info->generation = super->generation;
	info->device_index = super->device_index;
	info->device_count = super->device_count;
	info->block_sectors = super->block_sectors;
	info->segment_sectors = super->segment_sectors;
	info->segment_count = super->segment_count;
	for (u32 i = 0; i < super->volume_count; i++) {
		info->volume_count += super->volumes[i].state != FVP_VOLUME_NONE;
		info->may_be_dirty |= super->volumes[i].flags & FVP_VOLUME_MAY_BE_DIRTY;
	}
	for (u32 i = 0; i < super->device_count; i++)
		uuid_unparse_lower(super->members[i], info->members[i]);
	info->role = super->role == FVP_ROLE_REPLICA ? FVP_FLASH_REPLICA : FVP_FLASH_MEMBER;
	info->legset_gen = super->legset_gen;
	for (u32 i = 0; i < FVP_LEGS_MAX; i++) {
		info->legs[i].used = super->legs[i].flags & FVP_LEG_USED;
		info->legs[i].in_sync = super->legs[i].flags & FVP_LEG_IN_SYNC;
		uuid_unparse_lower(super->legs[i].uuid, info->legs[i].uuid);
	}
}

static int copy_read(int fd, u64 sectors, u32 copy, void *mem, struct fvp_super *super,
		     const char **why)
{
	off_t at = (off_t)fvp_super_copy_sector(sectors, copy) * FVP_SECTOR_BYTES;
	u32 bytes;
	int err;

	*why = "read error";
	if (!fvp_read_all(fd, mem, FVP_SUPER_BYTES, at))
		return -EIO;
	err = fvp_super_peek(mem, sectors, &bytes, why);
	if (err)
		return err;
	*why = "read error";
	if (!fvp_read_all(fd, mem, bytes, at))
		return -EIO;
	return fvp_super_decode(mem, bytes, sectors, super, why);
}

static enum fvp_flash_state state_of(int err)
{
	switch (err) {
	case 0:
		return FVP_FLASH_VALID;
	case -ENODATA:
		return FVP_FLASH_NONE;
	case -EOPNOTSUPP:
		return FVP_FLASH_NEWER;
	case -EFBIG:
		return FVP_FLASH_TRUNCATED;
	case -EIO:
		return FVP_FLASH_UNREADABLE;
	default:
		return FVP_FLASH_DAMAGED;
	}
}

/* Which of two errors says more about a device without a valid copy. */
static int worse(int a, int b)
{
	static const int order[] = { -EOPNOTSUPP, -EFBIG, -EUCLEAN, -EIO, -ENODATA };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return a;
}

/* The newest valid copy of the device; freed by the caller.  NULL with the state otherwise. */
static struct fvp_super *super_read(const struct fvp_device *dev, enum fvp_flash_state *state,
				    const char **why)
{
	struct fvp_super *super = malloc(2 * sizeof(*super));
	const char *why_copy[2] = { "cannot open it", "cannot open it" };
	void *mem = area_alloc();
	int err[2] = { -EIO, -EIO }, ret, best = 0;
	int fd = open_direct(dev, O_RDONLY);

	if (!super)
		abort();
	if (dev->sectors < FVP_FIRST_SEGMENT_SECTOR + FVP_SUPER_AREA_SECTORS) {
		*why = "too small to hold a pool";
		ret = -ENODATA;
		goto out;
	}
	for (u32 copy = 0; copy < 2 && fd >= 0; copy++)
		err[copy] = copy_read(fd, dev->sectors, copy, mem, &super[copy], &why_copy[copy]);
	if (!err[0] && !err[1])
		best = super[1].generation > super[0].generation;
	else
		best = err[0] ? 1 : 0;
	ret = err[best];
	/* A newer version's copy speaks for the device, as it does to the module. */
	if (ret || err[0] == -EOPNOTSUPP)
		ret = worse(err[0], err[1]);
	*why = ret == err[0] ? why_copy[0] : why_copy[1];
	if (!ret && best)
		memcpy(&super[0], &super[1], sizeof(*super));
out:
	if (fd >= 0)
		close(fd);
	free(mem);
	*state = state_of(ret);
	if (ret) {
		free(super);
		return NULL;
	}
	return super;
}

enum fvp_flash_state fvp_flash_read(const struct fvp_device *dev, struct fvp_flash_info *info,
				    const char **why)
{
	enum fvp_flash_state state;
	struct fvp_super *super = super_read(dev, &state, why);

	memset(info, 0, sizeof(*info));
	if (super)
		info_fill(super, info);
	free(super);
	return state;
}

int fvp_flash_volumes(const struct fvp_device *dev, struct fvp_flash_volume **list,
		      unsigned int *count)
{
	enum fvp_flash_state state;
	const char *why;
	struct fvp_super *super = super_read(dev, &state, &why);

	*list = NULL;
	*count = 0;
	if (!super)
		return fvp_error(FVP_MEDIA, "cannot read the volume table of %s: %s", dev->path,
				 why);
	*list = calloc(super->volume_count + 1, sizeof(**list));
	if (!*list)
		abort();
	for (u32 i = 0; i < super->volume_count; i++) {
		const struct fvp_super_volume *line = &super->volumes[i];
		struct fvp_flash_volume *volume = &(*list)[*count];

		if (line->state == FVP_VOLUME_NONE)
			continue;
		volume->may_be_dirty = line->flags & FVP_VOLUME_MAY_BE_DIRTY;
		volume->in_service = line->state == FVP_VOLUME_ACTIVE;
		volume->mode = (int)line->mode;
		uuid_unparse_lower(line->uuid, volume->uuid);
		snprintf(volume->name, sizeof(volume->name), "%s", line->name);
		volume->sectors = line->size_sectors;
		volume->replica_mask = line->legs;
		(*count)++;
	}
	free(super);
	return FVP_OK;
}

/* ---- making ---- */

static int too_small(const struct fvp_device *dev, u64 segment_sectors)
{
	u64 least = FVP_FIRST_SEGMENT_SECTOR + FVP_SUPER_AREA_SECTORS +
		    FVP_SEGMENTS_MIN * segment_sectors + FVP_BLOCK_SECTORS_MAX;

	return fvp_error(FVP_REFUSED,
			 "%s is too small: it has %s, and a flash device needs at least %s with "
			 "segments of %s",
			 dev->path, fvp_size_text(dev->sectors * 512), fvp_size_text(least * 512),
			 fvp_size_text(segment_sectors * 512));
}

static int plan_devices(const struct fvp_device *dev, unsigned int count, u32 segment_sectors,
			struct fvp_flash_plan *plan)
{
	struct fvp_super *super = &plan->super;

	for (unsigned int i = 0; i < count; i++) {
		int err = fvp_super_layout(super, dev[i].sectors, segment_sectors);

		if (err == -ENOSPC || (!err && super->segment_count < FVP_SEGMENTS_MIN))
			return too_small(&dev[i], segment_sectors ? segment_sectors
								  : super->segment_sectors);
		if (err)
			return fvp_error(FVP_USAGE,
					 "a segment is a power of two from %s to %s, not %s",
					 fvp_size_text(FVP_SEGMENT_SECTORS_MIN * 512ull),
					 fvp_size_text(FVP_SEGMENT_SECTORS_MAX * 512ull),
					 fvp_size_text(segment_sectors * 512ull));
		plan->device[i].device_sectors = super->device_sectors;
		plan->device[i].segment_count = super->segment_count;
	}
	return FVP_OK;
}

/* The smallest device's choice suits all: one segment size serves the whole pool. */
static u32 choose_segment(const struct fvp_device *dev, unsigned int count)
{
	struct fvp_super *super = calloc(1, sizeof(*super));
	u64 least = dev[0].sectors;
	u32 segment_sectors = 2048;

	if (!super)
		abort();
	for (unsigned int i = 1; i < count; i++)
		least = min_t(u64, least, dev[i].sectors);
	if (!fvp_super_layout(super, least, 0))
		segment_sectors = super->segment_sectors;
	free(super);
	return segment_sectors;
}

int fvp_flash_plan(const struct fvp_device *dev, unsigned int count, const char *label,
		   uint64_t segment_bytes, struct fvp_flash_plan **plan_out,
		   struct fvp_flash_info *info)
{
	struct fvp_flash_plan *plan = calloc(1, sizeof(*plan));
	struct fvp_super *super;
	u32 segment_sectors;
	int ret;

	if (!plan)
		abort();
	super = &plan->super;
	if (segment_bytes % 512 || segment_bytes / 512 > U32_MAX / 2)
		segment_bytes = 512; /* refused below, with the bounds */
	segment_sectors = segment_bytes ? (u32)(segment_bytes / 512) : choose_segment(dev, count);
	ret = plan_devices(dev, count, segment_sectors, plan);
	if (ret) {
		free(plan);
		return ret;
	}
	uuid_generate_random(super->pool_uuid);
	if (getrandom(&super->pool_key, sizeof(super->pool_key), 0) != sizeof(super->pool_key))
		abort();
	super->generation = 1;
	super->tail_gen = 1;
	super->device_count = count;
	/*
	 * Flash works in pages of 4096 bytes and more, whatever block it reports: aligned
	 * data is read and written in whole pages.
	 */
	super->block_sectors = FVP_BLOCK_SECTORS_MAX;
	super->next_volume_id = 1;
	snprintf(super->label, sizeof(super->label), "%s", label);
	for (unsigned int i = 0; i < count; i++) {
		uuid_generate_random(super->members[i]);
	}
	memcpy(super->device_uuid, super->members[0], 16);
	info_fill(super, info);
	info->segment_count = 0;
	for (unsigned int i = 0; i < count; i++)
		info->segment_count += plan->device[i].segment_count;
	*plan_out = plan;
	return FVP_OK;
}

/* For a pool of pool_super; says what the device lacks. */
static int plan_replica(const struct fvp_super *pool_super, const struct fvp_device *dev,
			struct fvp_flash_plan *plan)
{
	u64 least = FVP_FIRST_SEGMENT_SECTOR + FVP_SUPER_AREA_SECTORS +
		    (u64)FVP_LEG_SLOTS_MIN * pool_super->segment_sectors;
	uuid_t uuid;

	uuid_generate_random(uuid);
	if (fvp_super_replica(pool_super, dev->sectors, uuid, &plan->super))
		return fvp_error(
			FVP_REFUSED,
			"%s is too small: it has %s, and a replica of pool %s needs at least %s, "
			"for %d segments of %s",
			dev->path, fvp_size_text(dev->sectors * 512), pool_super->label,
			fvp_size_text(least * 512), FVP_LEG_SLOTS_MIN,
			fvp_size_text(pool_super->segment_sectors * 512ull));
	plan->device[0].device_sectors = plan->super.device_sectors;
	plan->device[0].segment_count = plan->super.segment_count;
	return FVP_OK;
}

int fvp_flash_plan_replica(const struct fvp_device *pool_dev, const struct fvp_device *dev,
			   struct fvp_flash_plan **plan_out, struct fvp_flash_info *info)
{
	struct fvp_flash_plan *plan;
	enum fvp_flash_state state;
	const char *why;
	struct fvp_super *pool_super = super_read(pool_dev, &state, &why);
	int ret;

	if (!pool_super)
		return fvp_error(FVP_MEDIA, "cannot read the superblock of %s: %s", pool_dev->path,
				 why);
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		abort();
	ret = plan_replica(pool_super, dev, plan);
	free(pool_super);
	if (ret) {
		free(plan);
		return ret;
	}
	info_fill(&plan->super, info);
	*plan_out = plan;
	return FVP_OK;
}

void fvp_flash_plan_free(struct fvp_flash_plan *plan)
{
	free(plan);
}

int fvp_flash_write(const struct fvp_device *dev, const struct fvp_flash_plan *plan,
		    unsigned int index)
{
	struct fvp_super *super = malloc(sizeof(*super));
	struct fvp_flash_info info;
	void *mem = area_alloc();
	int fd = open_direct(dev, O_RDWR | O_DSYNC);
	int ret = FVP_OK;
	const char *why;

	if (!super)
		abort();
	memcpy(super, &plan->super, sizeof(*super));
	super->device_index = index;
	super->device_sectors = plan->device[index].device_sectors;
	super->segment_count = plan->device[index].segment_count;
	memcpy(super->device_uuid, super->members[index], 16);
	fvp_super_encode(super, mem);
	for (u32 copy = 0; copy < 2 && !ret; copy++) {
		off_t at = (off_t)fvp_super_copy_sector(dev->sectors, copy) * FVP_SECTOR_BYTES;

		if (fd < 0 || !fvp_write_all(fd, mem, FVP_SUPER_BYTES, at) || fsync(fd))
			ret = fvp_error(FVP_SYSTEM, "cannot write the superblock of %s: %s",
					dev->path, strerror(errno));
	}
	if (!ret && fvp_flash_read(dev, &info, &why) != FVP_FLASH_VALID)
		ret = fvp_error(FVP_SYSTEM,
				"%s does not give back the superblock written to it: %s", dev->path,
				why);
	if (fd >= 0)
		close(fd);
	free(mem);
	free(super);
	return ret;
}

int fvp_flash_erase(const struct fvp_device *dev)
{
	void *mem = area_alloc();
	int fd = open_direct(dev, O_RDWR | O_DSYNC);
	int ret = FVP_OK;

	for (u32 copy = 0; copy < 2 && !ret; copy++) {
		off_t at = (off_t)fvp_super_copy_sector(dev->sectors, copy) * FVP_SECTOR_BYTES;

		if (fd < 0 || !fvp_write_all(fd, mem, FVP_SUPER_BYTES, at) || fsync(fd))
			ret = fvp_error(FVP_SYSTEM, "cannot erase the superblock of %s: %s",
					dev->path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	free(mem);
	return ret;
}
