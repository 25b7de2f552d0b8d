// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery with core's own code: the pool is opened in this process, over the shim, and
 * its volumes are destaged as the module does it.  So all that holds for the module's
 * destaging holds here: order, checksums, watermarks, what a power cut may do.
 *
 * I/O is done at once, one after the other, and its end reported as an interrupt.
 */
#include "pool.h" /* first: env.h gives the kernel's names */
#include "dirty.h"
#include "fiber.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "fvp.h"
#include "recover.h"

/* Times that a batch may fail before the origin counts as failing. */
#define ORIGIN_TRIES 3

struct fvp_dev {
	char path[FVP_PATH_BYTES];
	int fd;
	u64 sectors;
	bool mute; /* takes writes and forgets them */
};

struct fvp_recover {
	struct fvp_pool *pool;
	struct fvp_dev dev[FVP_DEVICES_MAX + FVP_LEGS_MAX];
	unsigned int count;
	struct fvp_dev origin;
	bool dry_run;
};

/* ---- what core asks of its host ---- */

static int dev_write(struct fvp_dev *dev, const void *mem, u64 bytes, u64 at)
{
	return dev->mute || fvp_write_all(dev->fd, mem, bytes, (off_t)at) ? 0 : -EIO;
}

static int dev_read(struct fvp_dev *dev, void *mem, u64 bytes, u64 at)
{
	return fvp_read_all(dev->fd, mem, bytes, (off_t)at) ? 0 : -EIO;
}

/* Discards are zeroes here: what else they leave is the origin's choice, and this is one. */
static int dev_zero(struct fvp_dev *dev, u64 bytes, u64 at)
{
	static const u8 zeroes[1 << 20];
	int err = 0;

	while (bytes && !err) {
		u64 n = min_t(u64, bytes, sizeof(zeroes));

		err = dev_write(dev, zeroes, n, at);
		bytes -= n;
		at += n;
	}
	return err;
}

static int dev_flush(struct fvp_dev *dev)
{
	return dev->mute || !fdatasync(dev->fd) ? 0 : -EIO;
}

static int dev_io(const struct fvp_io *io)
{
	u64 at = io->sector * FVP_SECTOR_BYTES, bytes = (u64)io->len_sectors * FVP_SECTOR_BYTES;
	int err = io->flags & FVP_IO_PREFLUSH ? dev_flush(io->dev) : 0;

	if (err)
		return err;
	switch (io->op) {
	case FVP_IO_READ:
		return dev_read(io->dev, io->mem, bytes, at);
	case FVP_IO_WRITE:
		err = dev_write(io->dev, io->mem, bytes, at);
		break;
	case FVP_IO_FLUSH:
		return dev_flush(io->dev);
	default:
		err = dev_zero(io->dev, bytes, at);
		break;
	}
	return !err && (io->flags & FVP_IO_FUA) ? dev_flush(io->dev) : err;
}

static void io_end(void *arg)
{
	struct fvp_io *io = arg;

	io->done(io);
}

void fvp_host_submit(struct fvp_io *io)
{
	io->error = dev_io(io);
	shim_irq_spawn(io_end, io);
}

u64 fvp_host_dev_sectors(struct fvp_dev *dev)
{
	return dev->sectors;
}

/* The page cache of this host is in front of it, if nothing else. */
bool fvp_host_dev_volatile(struct fvp_dev *dev)
{
	return true;
}

const char *fvp_host_dev_name(struct fvp_dev *dev)
{
	return dev->path;
}

u64 fvp_host_now_ns(void)
{
	return shim_now_ns();
}

u64 fvp_host_random(void)
{
	u64 value;

	uuid_t uuid;
	uuid_generate_random(uuid);
	memcpy(&value, uuid, sizeof(value));
	return value;
}

int fvp_host_background(void)
{
	return 0;
}

void fvp_host_foreground(int before)
{
}

void fvp_host_event(struct fvp_pool *pool)
{
}

/* There are no guests: nothing below is ever called. */

struct fvp_buf *fvp_host_buf_alloc(u32 len_sectors)
{
	return NULL;
}

void fvp_host_buf_free(struct fvp_buf *buf)
{
}

void fvp_host_buf_to_mem(struct fvp_buf *buf, u32 off_sectors, void *mem, u32 len_sectors)
{
	abort();
}

void fvp_host_request_to_buf(struct fvp_request *rq, struct fvp_buf *buf)
{
	abort();
}

u32 fvp_host_request_to_mem(struct fvp_request *rq, void *mem)
{
	abort();
}

void fvp_host_buf_to_request(struct fvp_buf *buf, u32 buf_off_sectors, struct fvp_request *rq)
{
	abort();
}

void fvp_host_mem_to_request(const void *mem, struct fvp_request *rq)
{
	abort();
}

bool fvp_host_request_in_blocks(struct fvp_request *rq, u32 block_sectors)
{
	abort();
}

void fvp_host_accept(struct fvp_request *rq, u32 len_sectors)
{
	abort();
}

void fvp_host_complete(struct fvp_request *rq, int error)
{
	abort();
}

void fvp_host_forward(struct fvp_request *rq)
{
	abort();
}

/* ---- running core ---- */

/*
 * Core is called as it is: what blocks lets its workers run, and time passes only then.
 * (Before the first call there is a device.)
 */
static int dev_open(struct fvp_dev *out, const struct fvp_device *dev, bool mute)
{
	static const struct shim_sched_params params = { .seed = 1, .in_order = true };
	static bool begun;

	if (!begun)
		shim_sched_init(&params);
	begun = true;
	snprintf(out->path, sizeof(out->path), "%s", dev->path);
	out->sectors = dev->sectors;
	out->mute = mute;
	/* The descriptor in dev holds the device for this program. */
	out->fd = fvp_device_open(dev, mute ? O_RDONLY : O_RDWR);
	if (out->fd < 0)
		return fvp_error(FVP_SYSTEM, "cannot open %s: %s", dev->path, strerror(errno));
	/* Others have written past the cache. */
	ioctl(out->fd, BLKFLSBUF, 0);
	return FVP_OK;
}

int fvp_recover_look(const struct fvp_device *dev, struct fvp_recover_device *out)
{
	struct fvp_super *super = calloc(1, sizeof(*super));
	struct fvp_dev reader;
	int ret = dev_open(&reader, dev, true);
	const char *why;
	u64 bytes = 0;

	memset(out, 0, sizeof(*out));
	if (!ret) {
		if (fvp_super_read(&reader, super, &why, &bytes))
			ret = fvp_error(FVP_MEDIA, "%s: %s", dev->path, why);
		close(reader.fd);
	}
	if (!ret) {
		uuid_unparse_lower(super->pool_uuid, out->pool_uuid);
		snprintf(out->label, sizeof(out->label), "%s", super->label);
		out->replica = super->role == FVP_ROLE_REPLICA;
		out->in_sync = super->legs[super->leg_index].flags & FVP_LEG_IN_SYNC;
		out->legset_gen = super->legset_gen;
		out->recover_base = super->recover_base;
	}
	free(super);
	return ret;
}

int fvp_recover_open(const struct fvp_device *dev, const struct fvp_recover_device *look,
		     unsigned int count, bool dry_run, struct fvp_recover **out)
{
	struct fvp_recover *r = calloc(1, sizeof(*r));
	struct fvp_pool_params params = { .block_sectors = 1 };
	char text[256];
	int ret = FVP_OK;

	if (!r)
		abort();
	r->dry_run = dry_run;
	params.recover = look[0].replica && count == 1;
	for (; r->count < count && !ret; r->count++) {
		struct fvp_dev *to = &r->dev[r->count];

		ret = dev_open(to, &dev[r->count], dry_run);
		if (look[r->count].replica && !params.recover)
			params.leg[params.leg_count++] = to;
		else
			params.dev[params.count++] = to;
		params.block_sectors =
			max(params.block_sectors, dev[r->count].block_bytes / FVP_SECTOR_BYTES);
	}
	if (!ret && fvp_pool_open(&params, &r->pool, text, sizeof(text)))
		ret = fvp_error(FVP_MEDIA, "%s", text);
	if (!ret) {
		*out = r;
		return FVP_OK;
	}
	while (r->count)
		close(r->dev[--r->count].fd);
	free(r);
	return ret;
}

void fvp_recover_close(struct fvp_recover *r)
{
	fvp_pool_close(r->pool);
	while (r->count)
		close(r->dev[--r->count].fd);
	free(r);
}

unsigned int fvp_recover_volumes(struct fvp_recover *r, struct fvp_recover_volume **list)
{
	struct fvp_pool *pool = r->pool;
	struct fvp_dirty_status dirty;
	struct fvp_volume *vol;
	unsigned int n = 0;

	*list = calloc(pool->super->volume_count + 1, sizeof(**list));
	if (!*list)
		abort();
	list_for_each_entry (vol, &pool->volumes, node) {
		struct fvp_recover_volume *out = &(*list)[n];

		fvp_volume_dirty(vol, &dirty);
		if (!dirty.sectors)
			continue;
		uuid_unparse_lower(vol->uuid, out->uuid);
		out->sectors = vol->sectors;
		out->dirty_bytes = dirty.sectors * FVP_SECTOR_BYTES;
		for (u32 i = 0; i < pool->super->volume_count; i++)
			if (pool->super->volumes[i].id == vol->id)
				snprintf(out->name, sizeof(out->name), "%s",
					 pool->super->volumes[i].name);
		n++;
	}
	return n;
}

unsigned int fvp_recover_covered(struct fvp_recover *r, char (**list)[FVP_UUID_TEXT_BYTES])
{
	const struct fvp_super *super = r->pool->super;
	unsigned int n = 0;

	*list = calloc(super->volume_count + 1, sizeof(**list));
	if (!*list)
		abort();
	for (u32 i = 0; i < super->volume_count; i++)
		if (super->volumes[i].legs & 1u << super->leg_index)
			uuid_unparse_lower(super->volumes[i].uuid, (*list)[n++]);
	return n;
}

int fvp_recover_void(struct fvp_recover *r, const struct fvp_recover_volume *volume)
{
	struct fvp_volume *vol;
	uuid_t uuid;

	uuid_parse(volume->uuid, uuid);
	vol = fvp_volume_find(r->pool, uuid);
	if (vol)
		fvp_volume_void(vol);
	return READ_ONCE(r->pool->health) == FVP_POOL_OK
		       ? FVP_OK
		       : fvp_error(FVP_SYSTEM, "%s takes no writes", r->dev[0].path);
}

static void print_lost(struct fvp_volume *vol, const struct fvp_recover_volume *volume)
{
	struct fvp_lost_range ranges[16];
	u32 count = fvp_volume_lost(vol, ranges, ARRAY_SIZE(ranges));

	for (u32 i = 0; i < min_t(u32, count, ARRAY_SIZE(ranges)); i++)
		fprintf(stderr, "  %s: bytes %llu to %llu\n",
			volume->name[0] ? volume->name : volume->uuid,
			ranges[i].lba * FVP_SECTOR_BYTES,
			(ranges[i].lba + ranges[i].len_sectors) * FVP_SECTOR_BYTES - 1);
	if (count > ARRAY_SIZE(ranges))
		fprintf(stderr, "  and %u more\n", (u32)(count - ARRAY_SIZE(ranges)));
}

/* Until nothing is dirty, or it does not go on, which is said. */
static int destage(struct fvp_volume *vol, const struct fvp_recover_volume *volume,
		   bool accept_loss, bool progress)
{
	struct fvp_dirty_status dirty;
	u32 failures = 0;

	for (;;) {
		fvp_volume_flush(vol);
		msleep(10);
		fvp_volume_dirty(vol, &dirty);
		if (progress)
			fprintf(stderr, "\r%s: %llu of %llu bytes left ", volume->uuid,
				dirty.sectors * FVP_SECTOR_BYTES,
				(unsigned long long)volume->dirty_bytes);
		/* Lost data first: a rescue ends with nothing dirty, whatever it could not save. */
		if (!dirty.sectors && !dirty.lost_sectors &&
		    fvp_volume_effective_mode(vol) != FVP_MODE_WRITE_BACK)
			break;
		failures = dirty.origin_failing ? failures + 1 : 0;
		if (failures > ORIGIN_TRIES)
			return fvp_error(FVP_SYSTEM, "%s does not take writes; %llu bytes are left",
					 vol->origin->path, dirty.sectors * FVP_SECTOR_BYTES);
		if (!dirty.lost_sectors)
			continue;
		print_lost(vol, volume);
		if (!accept_loss)
			return fvp_error(FVP_MEDIA,
					 "%s: %llu bytes of acknowledged writes cannot be read "
					 "any more. Another replica may have them; "
					 "--accept-data-loss gives them up",
					 volume->uuid, dirty.lost_sectors * FVP_SECTOR_BYTES);
		fvp_volume_forget_lost(vol);
	}
	if (progress)
		fputc('\n', stderr);
	return FVP_OK;
}

int fvp_recover_volume(struct fvp_recover *r, const struct fvp_recover_volume *volume,
		       const struct fvp_device *origin, bool accept_loss, bool progress)
{
	struct fvp_volume *vol;
	char text[256];
	uuid_t uuid;
	int ret = dev_open(&r->origin, origin, r->dry_run);

	if (ret)
		return ret;
	uuid_parse(volume->uuid, uuid);
	if (fvp_volume_attach(r->pool, uuid, volume->name, &r->origin, r->origin.sectors,
			      FVP_MODE_PASS_THROUGH, &vol, text, sizeof(text))) {
		ret = fvp_error(FVP_MEDIA, "%s", text);
	} else {
		fvp_volume_resume(vol);
		ret = destage(vol, volume, accept_loss, progress);
		fvp_volume_suspend(vol);
		/* Its line stays, and says that this replica had all of it: fvp_recover_covered(). */
		fvp_volume_detach(vol, FVP_DETACH_KEEP);
	}
	if (!ret && dev_flush(&r->origin))
		ret = fvp_error(FVP_SYSTEM, "%s: %s", origin->path, strerror(errno));
	close(r->origin.fd);
	return ret;
}
