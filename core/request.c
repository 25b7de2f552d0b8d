// SPDX-License-Identifier: GPL-2.0
/*
 * START HERE.  One guest I/O to one volume: who serves it?
 *
 *	read	hit	flash, remapped; no lock, no copy
 *		hit in an open segment	its RAM buffer
 *		miss	origin, through a buffer that then fills (populate.c)
 *	write, discard, write-zeroes	write-back: commit.c; else write.c
 *	flush	write-back: flash; else origin
 *
 * The host enters by fvp_request_map() and comes back by fvp_request_end(); both are
 * inline in hit.h, with the whole of a plain hit.  The rest of a read is here.
 */
#include "bounce.h"
#include "dirty.h"
#include "hit.h"
#include "leg.h"
#include "lost.h"
#include "pool.h"
#include "populate.h"
#include "request.h"
#include "settle.h"
#include "write.h"

/* Dirty data is read this often before its read is an error. */
#define READ_TRIES 3
#define READ_RETRY_MS 5
/* ... and is waited for in pieces: a minute in all. */
#define READ_WAITS 12000

static const u8 latency_of[] = {
	/* A read is one of two, which its end knows. */
	[FVP_REQ_READ] = FVP_LATENCY_NONE,	   [FVP_REQ_WRITE] = FVP_LATENCY_WRITE,
	[FVP_REQ_FLUSH] = FVP_LATENCY_FLUSH,	   [FVP_REQ_DISCARD] = FVP_LATENCY_NONE,
	[FVP_REQ_WRITE_ZEROES] = FVP_LATENCY_NONE,
};

static __always_inline void latency_count(const struct fvp_request *rq, int error,
					  enum fvp_latency_kind kind)
{
	if (likely(!error && kind != FVP_LATENCY_NONE))
		fvp_request_served(rq, kind);
}

void fvp_read_complete(struct fvp_request *rq, int error, enum fvp_latency_kind kind)
{
	latency_count(rq, error, kind);
	fvp_host_complete(rq, error);
}

void fvp_request_complete(struct fvp_request *rq, int error)
{
	fvp_read_complete(rq, error, latency_of[rq->op]);
}

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
	fvp_stat_inc(vol, ram_hit_ios);
	fvp_stat_add(vol, ram_hit_sectors, rq->len_sectors);
	fvp_read_complete(rq, 0, FVP_LATENCY_READ_FLASH);
	return FVP_MAP_TAKEN;
}

/* Write-back: zeroes that the origin does not have yet, or data that is lost. */
static noinline enum fvp_map read_dataless(struct fvp_volume *vol, struct fvp_request *rq,
					   u32 found)
{
	if (found == FVP_FOUND_ZERO) {
		fvp_host_mem_to_request(vol->pool->zeroes, rq);
		fvp_stat_hit(vol, rq->len_sectors);
		fvp_stat_inc(vol, ram_hit_ios);
		fvp_stat_add(vol, ram_hit_sectors, rq->len_sectors);
	}
	fvp_read_complete(rq, found == FVP_FOUND_ZERO ? 0 : -EIO, FVP_LATENCY_READ_FLASH);
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

bool fvp_read_in_large_blocks(struct fvp_pool *pool, struct fvp_request *rq, u32 offset_sectors)
{
	u32 block_sectors = pool->device_block_sectors;

	return !((offset_sectors | rq->len_sectors) & (block_sectors - 1)) &&
	       fvp_host_request_in_blocks(rq, block_sectors);
}

/* All of it is on flash, at addr and on, or on its way there.  Unpins, or hands the pin on. */
static enum fvp_map read_data(struct fvp_volume *vol, struct fvp_request *rq, int pin, u64 addr)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_segment *seg = fvp_segment_at(pool, addr);
	u32 offset = (u32)addr & (pool->segment_sectors - 1);
	void *ram;

	fvp_heat_hit(pool, addr, rq->len_sectors);
	/* Its content was there before the index said so. */
	ram = READ_ONCE(seg->ram);
	if (ram)
		return read_ram(vol, rq, pin, ram, offset);
	if (!fvp_read_in_blocks(pool, rq, offset))
		return fvp_read_bounce(vol, rq, pin, seg, offset);
	return fvp_read_remap(vol, rq, pin, seg, offset);
}

/*
 * What fvp_read_hit() (hit.h) has found not to be a plain hit.  Unpins, or hands the
 * pin on.
 */
enum fvp_map fvp_read_slow(struct fvp_volume *vol, struct fvp_request *rq, int pin)
{
	struct fvp_hit hit = fvp_index_lookup(&vol->index, rq->lba, rq->len_sectors);
	struct fvp_pool *pool = vol->pool;

	/* A miss is one I/O of ours, a hit as long as the extents go on. */
	if (hit.found != FVP_FOUND_DATA)
		hit.len_sectors = min(hit.len_sectors, request_reach(pool, rq->lba));
	if (hit.len_sectors < rq->len_sectors)
		fvp_host_accept(rq, hit.len_sectors);
	if (hit.found != FVP_FOUND_DATA) {
		fvp_pin_leave(&pool->reads, pin);
		return hit.found == FVP_FOUND_NOTHING ? read_miss(vol, rq)
						      : read_dataless(vol, rq, hit.found);
	}
	return read_data(vol, rq, pin, hit.addr);
}

/* Waits until what failed flash still gives is on the origin.  True: it does wait. */
static bool rescue_wait(struct fvp_volume *vol, struct fvp_request *rq)
{
	bool wait;

	/* It is set before the volume stops serving. */
	smp_rmb();
	if (!READ_ONCE(vol->rescue))
		return false;
	spin_lock(&vol->lock);
	wait = vol->rescue;
	if (wait)
		fvp_commit_hold(vol, rq);
	spin_unlock(&vol->lock);
	return wait;
}

/* Reading it, or writing, is an error: see lost.h. */
static bool request_lost(struct fvp_volume *vol, struct fvp_request *rq)
{
	if (likely(!READ_ONCE(vol->lost_count)) ||
	    !fvp_lost_overlaps(vol, rq->lba, rq->len_sectors))
		return false;
	fvp_request_complete(rq, -EIO);
	return true;
}

enum fvp_map fvp_read_unserved(struct fvp_volume *vol, struct fvp_request *rq)
{
	if (rescue_wait(vol, rq) || request_lost(vol, rq))
		return FVP_MAP_TAKEN;
	miss_count(vol, rq->len_sectors);
	fvp_stat_inc(vol, bypass_ios);
	fvp_stat_add(vol, bypass_sectors, rq->len_sectors);
	return fvp_request_origin(vol, rq);
}

static enum fvp_map request_flush(struct fvp_volume *vol, struct fvp_request *rq)
{
	int map = fvp_commit_flush(vol, rq);

	if (map != FVP_MAP_NOT_BACK)
		return map;
	rq->dev = vol->origin;
	rq->dev_sector = 0;
	rq->lba = fvp_settle_mark(vol);
	rq->state = FVP_REQUEST_FLUSH;
	return FVP_MAP_REMAP;
}

static __always_inline enum fvp_map request_write(struct fvp_volume *vol, struct fvp_request *rq)
{
	int map = fvp_commit_map(vol, rq);

	if (map != FVP_MAP_NOT_BACK)
		return map;
	if (request_lost(vol, rq))
		return FVP_MAP_TAKEN;
	rq->state = FVP_REQUEST_WRITE;
	return fvp_write_map(vol, rq);
}

void fvp_request_redo(struct fvp_request *rq)
{
	struct fvp_volume *vol = rq->volume;
	enum fvp_map map;

	/* The request may be over, and the volume gone, before this is. */
	atomic_inc(&vol->busy);
	switch (rq->op) {
	case FVP_REQ_READ:
		/* Held for a rescue: no flash serves the volume any more. */
		map = fvp_read_unserved(vol, rq);
		break;
	case FVP_REQ_FLUSH:
		map = request_flush(vol, rq);
		break;
	default:
		map = request_write(vol, rq);
		break;
	}
	if (map == FVP_MAP_REMAP)
		fvp_host_forward(rq);
	fvp_volume_unbusy(vol);
}

enum fvp_map fvp_request_other(struct fvp_volume *vol, struct fvp_request *rq)
{
	WARN_ON_ONCE(!vol->active);
	switch (rq->op) {
	case FVP_REQ_FLUSH:
		fvp_stat_inc(vol, flush_ios);
		return request_flush(vol, rq);
	case FVP_REQ_WRITE:
		if (rq->len_sectors > request_reach(vol->pool, rq->lba))
			fvp_host_accept(rq, request_reach(vol->pool, rq->lba));
		fvp_stat_inc(vol, write_ios);
		fvp_stat_add(vol, write_sectors, rq->len_sectors);
		break;
	default:
		/* As long as an entry may be that waits for its destaging. */
		if (rq->len_sectors > FVP_DIRTY_LEN_MAX)
			fvp_host_accept(rq, FVP_DIRTY_LEN_MAX);
		fvp_stat_inc(vol, discard_ios);
		fvp_stat_add(vol, discard_sectors, rq->len_sectors);
		break;
	}
	return request_write(vol, rq);
}

/* What is no read hit has come back from its device. Any context. */
void fvp_request_other_end(struct fvp_request *rq, int error)
{
	latency_count(rq, error,
		      rq->state == FVP_REQUEST_FORWARDED ? FVP_LATENCY_READ_ORIGIN
							 : latency_of[rq->op]);
	if (rq->state == FVP_REQUEST_WRITE)
		fvp_write_end(rq, error);
	else if (rq->state == FVP_REQUEST_FLUSH && rq->lba && !error)
		fvp_settle_flushed(rq->volume, rq->lba);
}

/* The pool's address of what a read was sent to, or FVP_ADDR_NONE. */
static u64 request_addr(const struct fvp_pool *pool, const struct fvp_request *rq)
{
	u32 i;

	for (i = 0; i < pool->flash_count; i++) {
		const struct fvp_flash *flash = &pool->flash[i];

		if (flash->dev == rq->dev)
			return ((u64)flash->segment_first << pool->segment_shift) + rq->dev_sector -
			       flash->first_segment_sector;
	}
	return FVP_ADDR_NONE;
}

/*
 * Serves a read anew from a worker, where it cannot be cut: what the index says of all of
 * it alike.  A range that is dirty and in pieces by now is destaged first.
 */
static enum fvp_map read_again(struct fvp_volume *vol, struct fvp_request *rq)
{
	struct fvp_pool *pool = vol->pool;
	u32 waits = 0;

	while (READ_ONCE(vol->serving)) {
		int pin = fvp_pin_enter(&pool->reads);
		struct fvp_hit hit = fvp_index_lookup(&vol->index, rq->lba, rq->len_sectors);

		if (hit.len_sectors == rq->len_sectors && hit.found == FVP_FOUND_DATA)
			return read_data(vol, rq, pin, hit.addr);
		fvp_pin_leave(&pool->reads, pin);
		if (hit.len_sectors == rq->len_sectors && hit.found != FVP_FOUND_NOTHING)
			return read_dataless(vol, rq, hit.found);
		if (!fvp_dirty_covers(vol, rq->lba, rq->len_sectors))
			break;
		if (waits++ == READ_WAITS) {
			fvp_request_complete(rq, -EIO);
			return FVP_MAP_TAKEN;
		}
		fvp_volume_flush(vol);
		msleep(READ_RETRY_MS);
	}
	return fvp_read_unserved(vol, rq);
}

/*
 * Dirty data that flash does not give: may it help to try again?  A replica leg has it,
 * perhaps: then destaging takes it from there, and the origin has it after that.
 */
static bool read_may_help(struct fvp_volume *vol, struct fvp_request *rq)
{
	if (rq->tries++ < READ_TRIES)
		return true;
	if (!(fvp_legs_in(vol->pool) & vol->legs) || rq->tries > READ_WAITS)
		return false;
	fvp_volume_flush(vol);
	return true;
}

void fvp_read_fallback(struct fvp_volume *vol, struct fvp_request *rq, u64 addr)
{
	enum fvp_map map;

	if (addr != FVP_ADDR_NONE && !READ_ONCE(vol->dirty.entries) && !READ_ONCE(vol->rescue)) {
		/* Not to be used again, and the origin has it too. */
		fvp_index_kill(&vol->index, rq->lba, rq->len_sectors, addr, rq->len_sectors);
		map = fvp_request_origin(vol, rq);
	} else if (READ_ONCE(vol->serving) && fvp_dirty_covers(vol, rq->lba, rq->len_sectors)) {
		/*
		 * Only flash has it, or some of it: again, a few times.  (An extent may be
		 * clean in part, and is left alone until all is.)
		 */
		if (addr != FVP_ADDR_NONE && !read_may_help(vol, rq)) {
			fvp_request_complete(rq, -EIO);
			return;
		}
		msleep(READ_RETRY_MS);
		map = read_again(vol, rq);
	} else {
		map = READ_ONCE(vol->serving) ? fvp_request_origin(vol, rq)
					      : fvp_read_unserved(vol, rq);
	}
	if (map == FVP_MAP_REMAP)
		fvp_host_forward(rq);
}

static void read_retry(struct work_struct *work)
{
	struct fvp_request *rq = container_of(work, struct fvp_request, work);

	fvp_read_fallback(rq->volume, rq, request_addr(rq->volume->pool, rq));
}

enum fvp_end fvp_read_failed(struct fvp_request *rq)
{
	fvp_stat_inc(rq->volume, flash_read_errors);
	INIT_WORK(&rq->work, read_retry);
	queue_work(rq->volume->pool->io_wq, &rq->work);
	return FVP_END_TAKEN;
}
