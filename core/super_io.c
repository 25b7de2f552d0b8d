// SPDX-License-Identifier: GPL-2.0
/* Superblock copies on their devices: reading the newest, writing all. */
#include "pool.h"
#include "health.h"
#include "io.h"
#include "leg.h"

/*
 * Reads one copy of a device that ends at sector `end` into mem (of a whole super
 * area) and decodes it.
 */
static int copy_read(struct fvp_super_reader *reader, u64 end, u32 copy, void *mem,
		     struct fvp_super *super, const char **why, u64 *bytes_read)
{
	u64 sectors = fvp_host_dev_sectors(reader->dev);
	u64 at;
	u32 bytes;
	int err;

	*why = "the device is too small to hold a pool";
	if (sectors < FVP_FIRST_SEGMENT_SECTOR + FVP_SUPER_AREA_SECTORS)
		return -ENODATA;
	at = fvp_super_copy_sector(end, copy);
	*why = "read error";
	err = reader->read(reader, at, FVP_SUPER_BYTES / FVP_SECTOR_BYTES, mem);
	if (err)
		return err;
	*bytes_read += FVP_SUPER_BYTES;
	err = fvp_super_peek(mem, sectors, &bytes, why);
	if (err)
		return err;
	if (bytes > FVP_SUPER_BYTES) {
		*why = "read error";
		err = reader->read(reader, at + FVP_SUPER_BYTES / FVP_SECTOR_BYTES,
				   (bytes - FVP_SUPER_BYTES) / FVP_SECTOR_BYTES,
				   mem + FVP_SUPER_BYTES);
		if (err)
			return err;
		*bytes_read += bytes - FVP_SUPER_BYTES;
	}
	return fvp_super_decode(mem, bytes, sectors, super, why);
}

int fvp_super_read_by(struct fvp_super_reader *reader, struct fvp_super *super, const char **why,
		      u64 *bytes_read)
{
	void *mem = vmalloc(FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES);
	struct fvp_super *second = vmalloc(sizeof(*second));
	const char *why_b;
	u64 end;
	int a, b;

	if (!mem || !second) {
		*why = "out of memory";
		a = -ENOMEM;
		goto out;
	}
	end = fvp_host_dev_sectors(reader->dev);
	a = copy_read(reader, end, 0, mem, super, why, bytes_read);
	/* A device that has grown has its copy B where it ended before. */
	if (!a)
		end = super->device_sectors;
	b = copy_read(reader, end, 1, mem, second, &why_b, bytes_read);
	super->weak = !a && (b || second->generation < super->generation);
	second->weak = 0;
	/*
	 * A copy of a newer format speaks for the device, whatever the other says;
	 * then the newest generation.
	 */
	if (a == -EOPNOTSUPP)
		goto out;
	if (b == -EOPNOTSUPP) {
		a = b;
		*why = why_b;
	} else if (b && !a) {
		goto out;
	} else if (!b && (a || second->generation > super->generation)) {
		memcpy(super, second, sizeof(*super));
		a = 0;
	} else if (a == -ENODATA && b != -ENODATA) {
		/* Damaged says more than absent. */
		a = b;
		*why = why_b;
	}
out:
	vfree(second);
	vfree(mem);
	return a;
}

static int plain_read(struct fvp_super_reader *reader, u64 sector, u32 len_sectors, void *mem)
{
	return fvp_io_mem(reader->dev, FVP_IO_READ, sector, len_sectors, mem, 0);
}

int fvp_super_read(struct fvp_dev *dev, struct fvp_super *super, const char **why, u64 *bytes_read)
{
	struct fvp_super_reader reader = { .dev = dev, .read = plain_read };

	return fvp_super_read_by(&reader, super, why, bytes_read);
}

/* Encodes the pool's superblock for device i and writes one copy of it. */
static int copy_write(struct fvp_pool *pool, u32 i, u32 copy, void *mem, u32 bytes)
{
	struct fvp_super *super = pool->super;
	struct fvp_flash *flash = &pool->flash[i];
	int err;

	super->device_index = i;
	super->device_sectors = flash->sectors;
	super->first_segment_sector = flash->first_segment_sector;
	super->segment_count = flash->segment_count;
	super->role = pool->recover ? FVP_ROLE_REPLICA : FVP_ROLE_MEMBER;
	memcpy(super->device_uuid, flash->uuid, sizeof(super->device_uuid));
	super->incompat &= ~FVP_INCOMPAT_LEGS;
	super->incompat |= pool->leg_count || pool->recover ? FVP_INCOMPAT_LEGS : 0;
	fvp_super_encode(super, mem);
	err = fvp_io_mem(flash->dev, FVP_IO_WRITE, fvp_super_copy_sector(flash->sectors, copy),
			 bytes / FVP_SECTOR_BYTES, mem, FVP_IO_FUA | FVP_IO_SYNC);
	atomic64_add(bytes / FVP_SECTOR_BYTES, &pool->stats.flash_written_sectors);
	if (err) {
		pr_err("cannot write the superblock of %s: error %d\n",
		       fvp_host_dev_name(flash->dev), err);
		fvp_health_flash_failed(pool, flash->dev, err);
	}
	return err;
}

int fvp_super_write(struct fvp_pool *pool, u32 *taken)
{
	u32 bytes = fvp_super_bytes(pool->super->volume_count, pool->super->pinned_count), copy, i,
	    failed = 0;
	void *mem = pool->super_mem;
	int err, first = 0;

	lockdep_assert_held(&pool->super_mutex);
	pool->super->generation++;
	/* One copy everywhere, then the other: one whole set of them at any moment. */
	for (copy = 0; copy < 2; copy++) {
		for (i = 0; i < pool->flash_count; i++) {
			err = copy_write(pool, i, copy ^ pool->flash[i].weak, mem, bytes);
			if (!err)
				continue;
			failed |= 1u << i;
			if (!first)
				first = err;
		}
	}
	for (i = 0; i < pool->flash_count; i++)
		if (!(failed & 1u << i))
			pool->flash[i].weak = 0;
	/* A leg that fails is dropped; that is not this update's failure. */
	if (pool->leg_count)
		fvp_legs_super_write(pool);
	if (taken)
		*taken = pool->flash_count - hweight32(failed);
	return first;
}
