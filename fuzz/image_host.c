// SPDX-License-Identifier: GPL-2.0
/*
 * core/host.h over the devices of an image.  I/O is done at once, its end reported as an
 * interrupt; a guest has one request at a time.
 */
#include <stdlib.h>

#include "image.h"

/* --- origins: a list of what was written, over content of their own --- */

struct image_write {
	struct image_write *next;
	u64 sector, len;
	u8 *bytes; /* NULL: zeroes */
};

void image_origin(struct fvp_dev *dev, u32 number, u64 sectors, bool cache)
{
	memset(dev, 0, sizeof(*dev));
	snprintf(dev->name, sizeof(dev->name), "origin%u", number);
	dev->sectors = sectors;
	dev->block_sectors = 1;
	dev->origin = true;
	dev->cache = cache;
}

void image_origin_free(struct fvp_dev *dev)
{
	while (dev->writes) {
		struct image_write *w = dev->writes;

		dev->writes = w->next;
		free(w->bytes);
		free(w);
	}
}

static void origin_read(struct fvp_dev *dev, u64 sector, u8 *mem)
{
	u64 own[2] = { sector, 0x6e696769726f };

	for (struct image_write *w = dev->writes; w; w = w->next) {
		if (sector - w->sector >= w->len)
			continue;
		if (w->bytes)
			memcpy(mem, w->bytes + (sector - w->sector) * FVP_SECTOR_BYTES,
			       FVP_SECTOR_BYTES);
		else
			memset(mem, 0, FVP_SECTOR_BYTES);
		return;
	}
	memset(mem, 0, FVP_SECTOR_BYTES);
	memcpy(mem, own, sizeof(own));
}

static void origin_write(struct fvp_dev *dev, u64 sector, u64 len, const u8 *mem)
{
	struct image_write *w = calloc(1, sizeof(*w));

	w->sector = sector;
	w->len = len;
	if (mem) {
		w->bytes = malloc(len * FVP_SECTOR_BYTES);
		memcpy(w->bytes, mem, len * FVP_SECTOR_BYTES);
	}
	w->next = dev->writes;
	dev->writes = w;
}

/* --- I/O --- */

/* Does a read fail?  A write makes the sectors good again. */
static bool hits_bad(struct fvp_dev *dev, enum fvp_io_op op, u64 sector, u64 len)
{
	for (u32 i = 0; i < dev->bad_count; i++) {
		if (sector >= (u64)dev->bad[i].sector + dev->bad[i].len ||
		    dev->bad[i].sector >= sector + len)
			continue;
		if (op == FVP_IO_READ)
			return true;
		dev->bad[i--] = dev->bad[--dev->bad_count];
	}
	return false;
}

static int dev_io(struct fvp_dev *dev, enum fvp_io_op op, u64 sector, u64 len, u8 *mem)
{
	if (op == FVP_IO_FLUSH)
		return 0;
	if (!len || sector >= dev->sectors || len > dev->sectors - sector)
		shim_die("%s: I/O beyond the device: %llu+%llu of %llu", dev->name, sector, len,
			 dev->sectors);
	if (sector % dev->block_sectors || len % dev->block_sectors)
		shim_die("%s: I/O %llu+%llu not aligned to %u sectors", dev->name, sector, len,
			 dev->block_sectors);
	if (hits_bad(dev, op, sector, len))
		return -EIO;
	dev->written += op != FVP_IO_READ;
	if (dev->origin) {
		for (u64 i = 0; op == FVP_IO_READ && i < len; i++)
			origin_read(dev, sector + i, mem + i * FVP_SECTOR_BYTES);
		if (op != FVP_IO_READ)
			origin_write(dev, sector, len, op == FVP_IO_WRITE ? mem : NULL);
		return 0;
	}
	if (op == FVP_IO_READ) {
		memcpy(mem, image_at(dev, sector), len * FVP_SECTOR_BYTES);
		return 0;
	}
	image_touch(dev, sector, len);
	if (op == FVP_IO_WRITE)
		memcpy(image_at(dev, sector), mem, len * FVP_SECTOR_BYTES);
	else
		memset(image_at(dev, sector), 0, len * FVP_SECTOR_BYTES);
	return 0;
}

struct fvp_buf {
	u32 len_sectors;
	u8 bytes[];
};

static void io_end(void *arg)
{
	struct fvp_io *io = arg;

	io->done(io);
}

void fvp_host_submit(struct fvp_io *io)
{
	if (io->buf && io->len_sectors > io->buf->len_sectors)
		shim_die("I/O longer than its buffer");
	io->error = dev_io(io->dev, io->op, io->sector, io->len_sectors,
			   io->buf ? io->buf->bytes : io->mem);
	shim_irq_spawn(io_end, io);
}

u64 fvp_host_dev_sectors(struct fvp_dev *dev)
{
	return dev->sectors;
}

bool fvp_host_dev_volatile(struct fvp_dev *dev)
{
	return dev->cache;
}

const char *fvp_host_dev_name(struct fvp_dev *dev)
{
	return dev->name;
}

u64 fvp_host_now_ns(void)
{
	return shim_now_ns();
}

u64 fvp_host_random(void)
{
	return 0x6e6f742072616e64;
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

/* --- buffers and requests --- */

struct fvp_buf *fvp_host_buf_alloc(u32 len_sectors)
{
	struct fvp_buf *buf =
		shim_alloc(sizeof(*buf) + len_sectors * FVP_SECTOR_BYTES, __GFP_NOFAIL, "fvp_buf");

	buf->len_sectors = len_sectors;
	return buf;
}

void fvp_host_buf_free(struct fvp_buf *buf)
{
	shim_free(buf);
}

void fvp_host_buf_to_mem(struct fvp_buf *buf, u32 off_sectors, void *mem, u32 len_sectors)
{
	memcpy(mem, buf->bytes + off_sectors * FVP_SECTOR_BYTES, len_sectors * FVP_SECTOR_BYTES);
}

/* What core sees of a guest's request. */
struct part {
	struct fvp_request rq;
	u8 *data;
	bool done;
	int error;
	struct list_head wait;
};

static struct part *part_of(struct fvp_request *rq)
{
	return container_of(rq, struct part, rq);
}

void fvp_host_request_to_buf(struct fvp_request *rq, struct fvp_buf *buf)
{
	memcpy(buf->bytes, part_of(rq)->data, rq->len_sectors * FVP_SECTOR_BYTES);
}

u32 fvp_host_request_to_mem(struct fvp_request *rq, void *mem)
{
	memcpy(mem, part_of(rq)->data, rq->len_sectors * FVP_SECTOR_BYTES);
	return fvp_data_crc(mem, rq->len_sectors);
}

void fvp_host_buf_to_request(struct fvp_buf *buf, u32 buf_off_sectors, struct fvp_request *rq)
{
	memcpy(part_of(rq)->data, buf->bytes + buf_off_sectors * FVP_SECTOR_BYTES,
	       rq->len_sectors * FVP_SECTOR_BYTES);
}

void fvp_host_mem_to_request(const void *mem, struct fvp_request *rq)
{
	memcpy(part_of(rq)->data, mem, rq->len_sectors * FVP_SECTOR_BYTES);
}

bool fvp_host_request_in_blocks(struct fvp_request *rq, u32 block_sectors)
{
	return true;
}

void fvp_host_accept(struct fvp_request *rq, u32 len_sectors)
{
	if (!len_sectors || len_sectors >= rq->len_sectors)
		shim_die("fvp_host_accept(%u of %u)", len_sectors, rq->len_sectors);
	rq->len_sectors = len_sectors;
}

void fvp_host_complete(struct fvp_request *rq, int error)
{
	struct part *part = part_of(rq);

	part->error = error;
	part->done = true;
	shim_wake(&part->wait, UINT_MAX);
}

static void part_end(void *arg)
{
	struct part *part = arg;

	if (fvp_request_end(&part->rq, part->error) == FVP_END_DONE)
		fvp_host_complete(&part->rq, part->error);
}

void fvp_host_forward(struct fvp_request *rq)
{
	static const enum fvp_io_op ops[] = {
		[FVP_REQ_READ] = FVP_IO_READ,
		[FVP_REQ_WRITE] = FVP_IO_WRITE,
		[FVP_REQ_FLUSH] = FVP_IO_FLUSH,
		[FVP_REQ_DISCARD] = FVP_IO_DISCARD,
		[FVP_REQ_WRITE_ZEROES] = FVP_IO_WRITE_ZEROES,
	};
	struct part *part = part_of(rq);

	if (!rq->dev->origin && rq->op != FVP_REQ_READ)
		shim_die("a guest's write sent to flash");
	part->error = dev_io(rq->dev, ops[rq->op], rq->dev_sector, rq->len_sectors, part->data);
	shim_irq_spawn(part_end, part);
}

int image_request(struct fvp_volume *vol, u8 op, u8 flags, u64 lba, u64 len, u8 *data)
{
	struct shim_wait wait;
	u64 off = 0;
	int error = 0;

	do {
		/* On the heap: a crash ends this fiber, and its stack serves another. */
		struct part *part = shim_alloc(sizeof(*part), __GFP_NOFAIL, "request");

		memset(part, 0, sizeof(*part));
		INIT_LIST_HEAD(&part->wait);
		part->data = data ? data + off * FVP_SECTOR_BYTES : NULL;
		part->rq.lba = lba + off;
		part->rq.len_sectors = (u32)(len - off);
		part->rq.op = op;
		part->rq.flags = flags;
		if (fvp_request_map(vol, &part->rq) == FVP_MAP_REMAP)
			fvp_host_forward(&part->rq);
		while (!part->done) {
			shim_wait_prepare(&wait, &part->wait);
			shim_wait_block(&wait, "request", ~0ULL);
		}
		if (part->error)
			error = part->error;
		off += part->rq.len_sectors;
		shim_free(part);
	} while (off < len);
	return error;
}
