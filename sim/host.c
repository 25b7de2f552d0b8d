// SPDX-License-Identifier: GPL-2.0
/*
 * core/host.h over simulated devices; and the part of the kernel between a guest
 * and core: cutting requests, remapping them, telling core when they end.
 */
#include <stdlib.h>

#include "dirty.h"
#include "machine.h"

/* --- core's own I/O and memory --- */

struct fvp_buf {
	u32 len_sectors;
	u64 stamps[];
};

static void io_done(void *arg, int error)
{
	struct fvp_io *io = arg;

	io->error = error;
	io->done(io);
}

void fvp_host_submit(struct fvp_io *io)
{
	struct sim_data payload = { .bytes = io->mem };
	static const enum dev_op ops[] = {
		[FVP_IO_READ] = DEV_READ,	    [FVP_IO_WRITE] = DEV_WRITE,
		[FVP_IO_FLUSH] = DEV_FLUSH,	    [FVP_IO_DISCARD] = DEV_DISCARD,
		[FVP_IO_WRITE_ZEROES] = DEV_ZEROES,
	};
	bool data = io->op == FVP_IO_READ || io->op == FVP_IO_WRITE;

	if (data && !io->mem == !io->buf)
		shim_die("I/O with both or neither of mem and buf");
	if (io->buf) {
		if (io->len_sectors > io->buf->len_sectors)
			shim_die("I/O longer than its buffer");
		payload = (struct sim_data){ .stamps = io->buf->stamps };
	}
	if (data && io->len_sectors > FVP_IO_SECTORS_MAX)
		shim_die("I/O of %u sectors", io->len_sectors);
	dev_submit(io->dev, ops[io->op], io->flags, io->sector, io->len_sectors, payload, false,
		   io_done, io);
}

u64 fvp_host_dev_sectors(struct fvp_dev *dev)
{
	return dev->dead ? 0 : dev->sectors;
}

bool fvp_host_dev_volatile(struct fvp_dev *dev)
{
	return dev->cache && sim.config.defect != SIM_DEFECT_HIDE_CACHE;
}

const char *fvp_host_dev_name(struct fvp_dev *dev)
{
	return dev->name;
}

struct fvp_buf *fvp_host_buf_alloc(u32 len_sectors)
{
	struct fvp_buf *buf;

	if (shim_in_irq())
		shim_die("buffer allocated in an interrupt");
	if (!len_sectors || len_sectors > FVP_IO_SECTORS_MAX)
		shim_die("buffer of %u sectors", len_sectors);
	if (!sim.calm && shim_rng_chance(&sim.io_rng, sim.alloc_fail_permille, 1000)) {
		sim.count->fault_buf_alloc++;
		return NULL;
	}
	buf = shim_alloc(sizeof(*buf) + len_sectors * sizeof(u64), __GFP_NOFAIL, "fvp_buf");
	buf->len_sectors = len_sectors;
	return buf;
}

void fvp_host_buf_free(struct fvp_buf *buf)
{
	shim_free(buf);
}

void fvp_host_buf_to_mem(struct fvp_buf *buf, u32 off_sectors, void *mem, u32 len_sectors)
{
	if (off_sectors + len_sectors > buf->len_sectors)
		shim_die("copy beyond a buffer");
	for (u32 i = 0; i < len_sectors; i++) {
		shim_point();
		sim_stamp_expand(buf->stamps[off_sectors + i],
				 (u8 *)mem + (size_t)i * FVP_SECTOR_BYTES);
	}
}

u64 fvp_host_now_ns(void)
{
	return shim_now_ns();
}

u64 fvp_host_random(void)
{
	return shim_rng_next(&sim.io_rng);
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

/* --- guest requests --- */

enum part_state {
	PART_MAPPING, /* in fvp_request_map() */
	PART_SENT, /* at a device, fvp_request_end() will be called */
	PART_CORES, /* core has it */
};

/* What core sees of a guest's request: one bio. */
struct part {
	struct fvp_request rq;
	struct list_head node; /* all */
	struct sim_req *req;
	u64 *data;
	enum part_state state;
	bool mapping; /* the mapper still looks at it */
	bool complete; /* before the mapper was through */
	bool ended; /* defect: core was told already */
	bool pieces; /* its memory lies in pieces smaller than the flash's blocks */
	u64 lba;
	u32 len;
};

static LIST_HEAD(parts);

static struct part *part_of(struct fvp_request *rq)
{
	return container_of(rq, struct part, rq);
}

static void part_free(struct part *part)
{
	list_del(&part->node);
	free(part);
}

static void req_put(struct sim_req *req)
{
	if (!--req->parts)
		sim_req_done(req);
}

static void part_done(struct part *part, int error)
{
	struct sim_req *req = part->req;

	if (error && !req->error)
		req->error = error;
	/* The request is gone: core must not look at it again. */
	memset(&part->rq, 0xdd, sizeof(part->rq));
	if (part->mapping)
		part->complete = true;
	else
		part_free(part);
	req_put(req);
}

static void part_sent_done(void *arg, int error)
{
	struct part *part = arg;

	part->state = PART_CORES;
	if (part->ended || fvp_request_end(&part->rq, error) == FVP_END_DONE)
		part_done(part, error);
}

static void part_send(struct part *part)
{
	static const enum dev_op ops[] = {
		[FVP_REQ_READ] = DEV_READ,	     [FVP_REQ_WRITE] = DEV_WRITE,
		[FVP_REQ_FLUSH] = DEV_FLUSH,	     [FVP_REQ_DISCARD] = DEV_DISCARD,
		[FVP_REQ_WRITE_ZEROES] = DEV_ZEROES,
	};
	struct fvp_request *rq = &part->rq;

	if (rq->len_sectors != part->len)
		shim_die("a request's length changed without fvp_host_accept()");
	if (rq->dev->flash && rq->op != FVP_REQ_READ)
		shim_die("a guest's write sent to flash");
	if (part->pieces && rq->dev->block_sectors > 1 && rq->dev->flash)
		shim_die("memory in small pieces sent to a device of large blocks");
	part->state = PART_SENT;
	if (sim.config.defect == SIM_DEFECT_NO_PIN && rq->dev->flash) {
		part->ended = true;
		fvp_request_end(rq, 0);
	}
	dev_submit(rq->dev, ops[rq->op], rq->flags & FVP_REQ_FUA ? FVP_IO_FUA : 0, rq->dev_sector,
		   rq->len_sectors, (struct sim_data){ .stamps = part->data }, true, part_sent_done,
		   part);
}

bool fvp_host_request_in_blocks(struct fvp_request *rq, u32 block_sectors)
{
	return !part_of(rq)->pieces;
}

void fvp_host_accept(struct fvp_request *rq, u32 len_sectors)
{
	struct part *part = part_of(rq);

	if (part->state != PART_MAPPING || rq->op == FVP_REQ_FLUSH || !len_sectors ||
	    len_sectors >= rq->len_sectors)
		shim_die("fvp_host_accept(%u of %u) out of place", len_sectors, rq->len_sectors);
	rq->len_sectors = len_sectors;
	part->len = len_sectors;
	sim.count->reads_split++;
}

static void check_taken(struct part *part, bool data)
{
	if (part->state == PART_SENT)
		shim_die("core touches a request that a device has");
	if (data && !part->data)
		shim_die("copy of a request without data");
	if (part->rq.len_sectors != part->len)
		shim_die("a request's length changed without fvp_host_accept()");
}

void fvp_host_request_to_buf(struct fvp_request *rq, struct fvp_buf *buf)
{
	struct part *part = part_of(rq);

	check_taken(part, true);
	if (rq->len_sectors > buf->len_sectors)
		shim_die("copy beyond a buffer");
	memcpy(buf->stamps, part->data, rq->len_sectors * sizeof(u64));
}

u32 fvp_host_request_to_mem(struct fvp_request *rq, void *mem)
{
	struct part *part = part_of(rq);
	u32 crc = ~0u;

	check_taken(part, true);
	for (u32 i = 0; i < rq->len_sectors; i++) {
		void *sector = (u8 *)mem + (size_t)i * FVP_SECTOR_BYTES;

		/* Copying takes time: other CPUs get on, and the guest may change its page. */
		shim_point();
		sim_stamp_expand(part->data[i], sector);
		crc = fvp_host_crc32c(crc, sector, FVP_SECTOR_BYTES);
	}
	return crc;
}

void fvp_host_buf_to_request(struct fvp_buf *buf, u32 buf_off_sectors, struct fvp_request *rq)
{
	struct part *part = part_of(rq);

	check_taken(part, true);
	if (buf_off_sectors + rq->len_sectors > buf->len_sectors)
		shim_die("copy beyond a buffer");
	memcpy(part->data, buf->stamps + buf_off_sectors, rq->len_sectors * sizeof(u64));
}

void fvp_host_mem_to_request(const void *mem, struct fvp_request *rq)
{
	struct part *part = part_of(rq);

	check_taken(part, true);
	for (u32 i = 0; i < rq->len_sectors; i++) {
		/* Copying takes time: other CPUs get on. */
		shim_point();
		part->data[i] = sim_stamp_of((const u8 *)mem + (size_t)i * FVP_SECTOR_BYTES);
	}
}

void fvp_host_complete(struct fvp_request *rq, int error)
{
	struct part *part = part_of(rq);

	check_taken(part, false);
	part_done(part, error);
	shim_point();
}

void fvp_host_forward(struct fvp_request *rq)
{
	struct part *part = part_of(rq);

	shim_assert_may_sleep("fvp_host_forward");
	check_taken(part, false);
	part_send(part);
}

/* Maps one piece; returns how much of it core took. */
static u32 part_map(struct sim_req *req, u64 off, u32 len)
{
	struct part *part = calloc(1, sizeof(*part));
	enum fvp_map map;

	/* A host clears nothing that is core's. */
	memset(&part->rq, 0xa5, sizeof(part->rq));
	part->req = req;
	part->data = req->data ? req->data + off : NULL;
	part->state = PART_MAPPING;
	part->mapping = true;
	part->lba = req->lba + off;
	part->len = len;
	part->pieces = m.block_sectors > 1 && shim_rng_chance(&sim.io_rng, 1, 4);
	part->rq.lba = part->lba;
	part->rq.len_sectors = len;
	part->rq.op = req->op;
	part->rq.flags = req->fua ? FVP_REQ_FUA : 0;
	list_add_tail(&part->node, &parts);
	req->parts++;
	map = fvp_request_map(req->vol->core, &part->rq);
	len = part->len;
	part->mapping = false;
	if (part->complete) {
		if (map != FVP_MAP_TAKEN)
			shim_die("a request completed and remapped");
		part_free(part);
	} else if (map == FVP_MAP_REMAP) {
		if (part->state != PART_MAPPING)
			shim_die("a request forwarded and remapped");
		sim.count->reads_remapped += part->rq.dev->flash;
		part_send(part);
	} else if (part->state == PART_MAPPING) {
		part->state = PART_CORES;
	}
	return len;
}

void sim_req_send(struct sim_req *req)
{
	u32 io_max = sim.pool->io_sectors_max;
	u64 off = 0;

	if (!is_power_of_2(io_max) || io_max > FVP_IO_SECTORS_MAX)
		shim_die("io_sectors_max is %u", io_max);
	req->begun_ns = shim_now_ns();
	req->parts = 1;
	do {
		off += part_map(req, off, (u32)(req->len - off));
		if (req->fickle && shim_rng_chance(&sim.io_rng, 1, 2))
			sim_req_change(req, off);
	} while (off < req->len);
	req_put(req);
}

/* What everybody waits for, as far as numbers say it. */
static void report(void)
{
	u64 waiting_sectors = 0;
	u32 waiting = fvp_pool_waiting(sim.pool, &waiting_sectors);

	fprintf(stderr, "pool health %u, %u of %u segments free, dirty span %llu of %llu sectors, ",
		READ_ONCE(sim.pool->health), fvp_segment_free_count(sim.pool),
		sim.pool->segment_count, fvp_pool_dirty_span(sim.pool),
		fvp_pool_dirty_limit(sim.pool));
	fprintf(stderr, "%u volumes wait with %llu\n", waiting, waiting_sectors);
	for (u32 i = 0; i < m.vol_count; i++) {
		struct fvp_volume *core = m.vol[i].core;
		struct fvp_dirty_status dirty;

		if (!core)
			continue;
		fvp_volume_dirty(core, &dirty);
		fprintf(stderr,
			"volume %u: %u requests, mode %u effective %u, dirty %llu, lost %llu%s%s\n",
			i, m.vol[i].inflight, m.vol[i].mode, (u32)fvp_volume_effective_mode(core),
			dirty.sectors, dirty.lost_sectors, dirty.draining ? ", draining" : "",
			dirty.origin_failing ? ", origin failing" : "");
	}
}

void sim_req_check_age(struct sim_vol *vol)
{
	struct sim_req *req;

	list_for_each_entry (req, &vol->reqs, node) {
		u64 age_ns = shim_now_ns() - req->begun_ns;

		if (age_ns > 15ULL * NSEC_PER_SEC)
			sim_call_administrator();
		if (age_ns > 60ULL * NSEC_PER_SEC) {
			shim_sched_report();
			report();
			shim_die("volume %u: request op %u %llu+%llu not done after a minute",
				 vol->number, req->op, req->lba, req->len);
		}
	}
}

void sim_host_crash(void)
{
	struct part *part, *n;

	list_for_each_entry_safe (part, n, &parts, node)
		part_free(part);
}
