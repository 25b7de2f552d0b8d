// SPDX-License-Identifier: GPL-2.0
/*
 * Core on a trace: its host over flash in memory and an origin that holds nothing.  I/O is
 * done at once and its end reported as an interrupt; the guest has one request at a time,
 * and all that follows from it is done before the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pool.h"
#include "fiber.h"
#include "hit.h"
#include "hitrate.h"
#include "request.h"
#include "stats.h"
#include "super.h"

struct fvp_dev {
	const char *name;
	u8 *mem; /* NULL: an origin */
	u64 sectors;
	u64 written_sectors;
};

struct fvp_buf {
	u32 len_sectors;
	u8 bytes[];
};

/* --- core's host --- */

static void dev_io(struct fvp_dev *dev, enum fvp_io_op op, u64 sector, u64 len, u8 *mem)
{
	size_t bytes = len * FVP_SECTOR_BYTES;

	if (op == FVP_IO_FLUSH)
		return;
	if (sector >= dev->sectors || len > dev->sectors - sector)
		shim_die("%s: I/O beyond the device: %llu+%llu", dev->name, sector, len);
	if (op != FVP_IO_READ)
		dev->written_sectors += len;
	if (!dev->mem) {
		if (op == FVP_IO_READ)
			memset(mem, 0, bytes);
		return;
	}
	if (op == FVP_IO_READ)
		memcpy(mem, dev->mem + sector * FVP_SECTOR_BYTES, bytes);
	else if (op == FVP_IO_WRITE)
		memcpy(dev->mem + sector * FVP_SECTOR_BYTES, mem, bytes);
	else
		memset(dev->mem + sector * FVP_SECTOR_BYTES, 0, bytes);
}

static void io_end(void *arg)
{
	struct fvp_io *io = arg;

	io->done(io);
}

void fvp_host_submit(struct fvp_io *io)
{
	dev_io(io->dev, io->op, io->sector, io->len_sectors, io->buf ? io->buf->bytes : io->mem);
	io->error = 0;
	shim_irq_spawn(io_end, io);
}

u64 fvp_host_dev_sectors(struct fvp_dev *dev)
{
	return dev->sectors;
}

bool fvp_host_dev_volatile(struct fvp_dev *dev)
{
	return !dev->mem;
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
	static struct shim_rng rng = { 1 };

	return shim_rng_next(&rng);
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

struct fvp_buf *fvp_host_buf_alloc(u32 len_sectors)
{
	struct fvp_buf *buf = malloc(sizeof(*buf) + (size_t)len_sectors * FVP_SECTOR_BYTES);

	if (!buf)
		abort();
	buf->len_sectors = len_sectors;
	return buf;
}

void fvp_host_buf_free(struct fvp_buf *buf)
{
	free(buf);
}

void fvp_host_buf_to_mem(struct fvp_buf *buf, u32 off_sectors, void *mem, u32 len_sectors)
{
	memcpy(mem, buf->bytes + (size_t)off_sectors * FVP_SECTOR_BYTES,
	       (size_t)len_sectors * FVP_SECTOR_BYTES);
}

/* What core sees of the guest's request: one bio. */
struct part {
	struct fvp_request rq;
	u8 *data;
	bool done;
};

static struct part *part_of(struct fvp_request *rq)
{
	return container_of(rq, struct part, rq);
}

void fvp_host_request_to_buf(struct fvp_request *rq, struct fvp_buf *buf)
{
	memcpy(buf->bytes, part_of(rq)->data, (size_t)rq->len_sectors * FVP_SECTOR_BYTES);
}

u32 fvp_host_request_to_mem(struct fvp_request *rq, void *mem)
{
	memcpy(mem, part_of(rq)->data, (size_t)rq->len_sectors * FVP_SECTOR_BYTES);
	return fvp_data_crc(mem, rq->len_sectors);
}

void fvp_host_buf_to_request(struct fvp_buf *buf, u32 buf_off_sectors, struct fvp_request *rq)
{
	memcpy(part_of(rq)->data, buf->bytes + (size_t)buf_off_sectors * FVP_SECTOR_BYTES,
	       (size_t)rq->len_sectors * FVP_SECTOR_BYTES);
}

void fvp_host_mem_to_request(const void *mem, struct fvp_request *rq)
{
	memcpy(part_of(rq)->data, mem, (size_t)rq->len_sectors * FVP_SECTOR_BYTES);
}

bool fvp_host_request_in_blocks(struct fvp_request *rq, u32 block_sectors)
{
	return true;
}

void fvp_host_accept(struct fvp_request *rq, u32 len_sectors)
{
	rq->len_sectors = len_sectors;
}

void fvp_host_complete(struct fvp_request *rq, int error)
{
	if (error)
		shim_die("a request failed: %d", error);
	part_of(rq)->done = true;
}

static void part_end(void *arg)
{
	struct part *part = arg;

	if (fvp_request_end(&part->rq, 0) == FVP_END_DONE)
		fvp_host_complete(&part->rq, 0);
}

void fvp_host_forward(struct fvp_request *rq)
{
	dev_io(rq->dev, rq->op == FVP_REQ_READ ? FVP_IO_READ : FVP_IO_WRITE, rq->dev_sector,
	       rq->len_sectors, part_of(rq)->data);
	shim_irq_spawn(part_end, part_of(rq));
}

/* --- the guest --- */

static u8 data[FVP_IO_SECTORS_MAX * FVP_SECTOR_BYTES];

static void rest(void)
{
	/* A moment of virtual time: what can run does, and timers that are due. */
	shim_sleep_ns(1000);
}

static void guest_request(struct fvp_volume *vol, const struct request *request)
{
	u32 off = 0;

	while (off < request->len_sectors) {
		struct part part = { .data = data };

		part.rq.lba = request->lba + off;
		part.rq.len_sectors =
			min_t(u32, request->len_sectors - off, vol->pool->io_sectors_max);
		part.rq.op = request->write ? FVP_REQ_WRITE : FVP_REQ_READ;
		if (fvp_request_map(vol, &part.rq) == FVP_MAP_REMAP)
			fvp_host_forward(&part.rq);
		while (!part.done)
			rest();
		off += part.rq.len_sectors;
	}
	rest();
}

/* --- the pool --- */

static struct fvp_dev flash = { .name = "flash" }, origin = { .name = "origin" };

static void format(const struct pool_options *options)
{
	struct fvp_super *super = calloc(1, sizeof(*super));
	static u8 copy[FVP_SUPER_BYTES];

	if (!super)
		abort();
	super->generation = 1;
	super->pool_key = 1;
	super->tail_gen = 1;
	super->device_count = 1;
	super->block_sectors = 1;
	super->next_volume_id = 1;
	memset(super->pool_uuid, 1, 16);
	memset(super->device_uuid, 2, 16);
	memset(super->members[0], 2, 16);
	if (fvp_super_layout(super, flash.sectors, options->segment_sectors)) {
		fprintf(stderr, "fvp-hitrate: a cache of %llu MiB is too small for a pool\n",
			flash.sectors / SECTORS_PER_MIB);
		exit(1);
	}
	fvp_super_encode(super, copy);
	for (u32 c = 0; c < 2; c++)
		memcpy(flash.mem + fvp_super_copy_sector(flash.sectors, c) * FVP_SECTOR_BYTES, copy,
		       FVP_SUPER_BYTES);
	free(super);
}

static void must(int err, const char *text)
{
	if (err) {
		fprintf(stderr, "fvp-hitrate: %s\n", text);
		exit(1);
	}
}

static void measure(struct fvp_pool *pool, struct fvp_volume *vol, const struct trace *trace,
		    struct result *result, struct pool_report *report)
{
	struct fvp_volume_counters sum = { 0 };

	fvp_volume_stats_read(vol, &sum);
	result->hit_sectors = sum.hit_sectors;
	result->read_sectors = sum.hit_sectors + sum.miss_sectors;
	report->promoted_sectors = sum.promoted_sectors;
	report->reclaimed = (u64)atomic64_read(&pool->stats.segments_reclaimed);
	report->segments = pool->segment_count;
	report->segment_sectors = pool->segment_sectors;
	if (sum.flash_read_errors)
		shim_die("flash in memory failed a read");
}

void pool_run(const struct trace *trace, const struct pool_options *options, struct result *result,
	      struct pool_report *report)
{
	static const struct shim_sched_params sched = { .seed = 1,
							.in_order = true,
							.endless = true };
	struct fvp_pool_params params = { .dev = { &flash }, .count = 1, .block_sectors = 1 };
	enum fvp_mode mode = options->write_back ? FVP_MODE_WRITE_BACK : FVP_MODE_WRITE_THROUGH;
	static const u8 uuid[16] = { 3 };
	struct fvp_volume *vol;
	struct fvp_pool *pool;
	char text[256];
	u64 start_ns;

	flash.sectors = options->flash_sectors;
	flash.written_sectors = 0;
	flash.mem = mmap(NULL, flash.sectors * FVP_SECTOR_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (flash.mem == MAP_FAILED)
		must(-ENOMEM, "no memory for the flash");
	format(options);
	shim_sched_init(&sched);
	must(fvp_pool_open(&params, &pool, text, sizeof(text)), text);
	origin.sectors = trace->volume_sectors;
	must(fvp_volume_attach(pool, uuid, "trace", &origin, origin.sectors, mode, &vol, text,
			       sizeof(text)),
	     text);
	fvp_volume_resume(vol);
	fvp_pool_wait_loaded(pool);
	start_ns = shim_now_ns();
	for (size_t i = 0; i < trace->count; i++) {
		u64 due_ns = start_ns + (u64)trace->request[i].second * NSEC_PER_SEC;

		if (shim_now_ns() < due_ns)
			shim_sleep_ns(due_ns - shim_now_ns());
		guest_request(vol, &trace->request[i]);
	}
	measure(pool, vol, trace, result, report);
	fvp_volume_suspend(vol);
	fvp_volume_detach(vol, FVP_DETACH_KEEP);
	fvp_pool_close(pool);
	result->flash_sectors = flash.written_sectors;
	shim_sched_fini();
	shim_sched_drop_all();
	munmap(flash.mem, flash.sectors * FVP_SECTOR_BYTES);
}
