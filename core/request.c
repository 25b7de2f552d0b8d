// SPDX-License-Identifier: GPL-2.0
/*
 * START HERE.  One guest I/O to one volume: who serves it?
 *
 *	read	hit	flash, remapped; no lock, no copy
 *		hit in an open segment	its RAM buffer
 *		miss	origin, through a buffer that then fills (populate.c)
 *	write, discard, write-zeroes	write.c
 *	flush	origin: flash is not authoritative in the modes of this version
 *
 * The host enters by fvp_request_map() and comes back by fvp_request_end(); both are
 * inline in hit.h, with the whole of a plain hit.  The rest of a read is here.
 */
#include "bounce.h"
#include "hit.h"
#include "pool.h"
#include "populate.h"
#include "request.h"
#include "settle.h"
#include "write.h"

enum fvp_map fvp_request_origin(struct fvp_volume *vol, struct fvp_request *rq)
{
	rq->dev = vol->origin;
	rq->dev_sector = rq->lba;
	rq->state = FVP_REQUEST_FORWARDED;
	fvp_stat_inc(vol, origin_read_ios);
	return FVP_MAP_REMAP;
}

/*
 * Sectors from lba to the next multiple of the longest I/O of ours: so an entry of the
 * log never crosses one.
 */
static u32 request_reach(const struct fvp_pool *pool, u64 lba)
{
	return pool->io_sectors_max - (u32)(lba & (pool->io_sectors_max - 1));
}

static void miss_count(struct fvp_volume *vol, u32 len_sectors)
{
	fvp_stat_inc(vol, miss_ios);
	fvp_stat_add(vol, miss_sectors, len_sectors);
}

/* The data is in an open segment: copy it from there.  Unpins. */
static noinline enum fvp_map read_ram(struct fvp_volume *vol, struct fvp_request *rq, int pin,
				      const void *ram, u32 offset_sectors)
{
	fvp_host_mem_to_request(ram + (size_t)offset_sectors * FVP_SECTOR_BYTES, rq);
	fvp_pin_leave(&vol->pool->reads, pin);
	fvp_stat_hit(vol, rq->len_sectors);
	fvp_stat_add(vol, ram_hit_sectors, rq->len_sectors);
	fvp_host_complete(rq, 0);
	return FVP_MAP_TAKEN;
}

static noinline enum fvp_map read_miss(struct fvp_volume *vol, struct fvp_request *rq)
{
	miss_count(vol, rq->len_sectors);
	if (fvp_populate_miss(vol, rq)) {
		fvp_stat_inc(vol, origin_read_ios);
		return FVP_MAP_TAKEN;
	}
	return fvp_request_origin(vol, rq);
}

/*
 * What fvp_read_hit() (hit.h) has found not to be a plain hit.  Unpins, or hands the
 * pin on.
 */
enum fvp_map fvp_read_slow(struct fvp_volume *vol, struct fvp_request *rq, int pin)
{
	struct fvp_hit hit = fvp_index_lookup(&vol->index, rq->lba, rq->len_sectors);
	struct fvp_pool *pool = vol->pool;
	struct fvp_segment *seg;
	u32 offset;
	void *ram;

	/* A miss is one I/O of ours, a hit as long as the extents go on. */
	if (!hit.hit)
		hit.len_sectors = min(hit.len_sectors, request_reach(pool, rq->lba));
	if (hit.len_sectors < rq->len_sectors)
		fvp_host_accept(rq, hit.len_sectors);
	if (!hit.hit) {
		fvp_pin_leave(&pool->reads, pin);
		return read_miss(vol, rq);
	}
	seg = fvp_segment_at(pool, hit.addr);
	offset = (u32)hit.addr & (pool->segment_sectors - 1);
	fvp_segment_hit_note(pool, seg, offset);
	/* Its content was there before the index said so. */
	ram = READ_ONCE(seg->ram);
	if (ram)
		return read_ram(vol, rq, pin, ram, offset);
	if ((offset | rq->len_sectors) & (pool->device_block_sectors - 1))
		return fvp_read_bounce(vol, rq, pin, seg, offset);
	return fvp_read_remap(vol, rq, pin, seg, offset);
}

enum fvp_map fvp_read_unserved(struct fvp_volume *vol, struct fvp_request *rq)
{
	miss_count(vol, rq->len_sectors);
	return fvp_request_origin(vol, rq);
}

enum fvp_map fvp_request_other(struct fvp_volume *vol, struct fvp_request *rq)
{
	WARN_ON_ONCE(!vol->active);
	switch (rq->op) {
	case FVP_REQ_FLUSH:
		fvp_stat_inc(vol, flush_ios);
		rq->dev = vol->origin;
		rq->dev_sector = 0;
		rq->lba = fvp_settle_mark(vol);
		rq->state = FVP_REQUEST_FLUSH;
		return FVP_MAP_REMAP;
	case FVP_REQ_WRITE:
		if (rq->len_sectors > request_reach(vol->pool, rq->lba))
			fvp_host_accept(rq, request_reach(vol->pool, rq->lba));
		fvp_stat_inc(vol, write_ios);
		fvp_stat_add(vol, write_sectors, rq->len_sectors);
		break;
	default:
		fvp_stat_inc(vol, discard_ios);
		break;
	}
	rq->state = FVP_REQUEST_WRITE;
	return fvp_write_map(vol, rq);
}

/* What is no read hit has come back from its device. Any context. */
void fvp_request_other_end(struct fvp_request *rq, int error)
{
	if (rq->state == FVP_REQUEST_WRITE)
		fvp_write_end(rq, error);
	else if (rq->state == FVP_REQUEST_FLUSH && rq->lba && !error)
		fvp_settle_flushed(rq->volume, rq->lba);
}

/*
 * Flash could not be read: what it holds there is not to be used again, and the
 * origin has it too.  Process context.
 */
static void read_retry(struct work_struct *work)
{
	struct fvp_request *rq = container_of(work, struct fvp_request, work);
	struct fvp_volume *vol = rq->volume;
	struct fvp_pool *pool = vol->pool;
	u32 i;

	for (i = 0; i < pool->flash_count; i++) {
		struct fvp_flash *flash = &pool->flash[i];
		u64 addr = (u64)flash->segment_first << pool->segment_shift;

		if (flash->dev != rq->dev)
			continue;
		addr += rq->dev_sector - flash->first_segment_sector;
		fvp_index_kill(&vol->index, rq->lba, rq->len_sectors, addr, rq->len_sectors);
	}
	fvp_request_origin(vol, rq);
	fvp_host_forward(rq);
}

enum fvp_end fvp_read_failed(struct fvp_request *rq)
{
	fvp_stat_inc(rq->volume, flash_read_errors);
	INIT_WORK(&rq->work, read_retry);
	queue_work(rq->volume->pool->io_wq, &rq->work);
	return FVP_END_TAKEN;
}
