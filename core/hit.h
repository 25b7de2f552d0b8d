/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data path's entrance and exit, and all of a plain read hit, inline: pin,
 * lookup, remap, unpin.  No lock, no call.  What is not plain goes on in
 * request.c.
 */
#ifndef FVP_HIT_H
#define FVP_HIT_H

#include "heat.h"
#include "index_lookup.h"
#include "pool.h"
#include "request.h"

enum fvp_map fvp_read_slow(struct fvp_volume *vol, struct fvp_request *rq, int pin);
enum fvp_map fvp_read_unserved(struct fvp_volume *vol, struct fvp_request *rq);
enum fvp_end fvp_read_failed(struct fvp_request *rq);
enum fvp_map fvp_request_other(struct fvp_volume *vol, struct fvp_request *rq);
void fvp_request_other_end(struct fvp_request *rq, int error);

bool fvp_read_in_large_blocks(struct fvp_pool *pool, struct fvp_request *rq, u32 offset_sectors);

/*
 * Can flash read the request as it is: its place, and its memory?  A guest's device has the
 * origin's blocks, and those of flash may be larger.
 */
static __always_inline bool fvp_read_in_blocks(struct fvp_pool *pool, struct fvp_request *rq,
					       u32 offset_sectors)
{
	return pool->device_block_sectors == 1 ||
	       fvp_read_in_large_blocks(pool, rq, offset_sectors);
}

static __always_inline enum fvp_map fvp_read_remap(struct fvp_volume *vol, struct fvp_request *rq,
						   int pin, struct fvp_segment *seg,
						   u32 offset_sectors)
{
	rq->dev = seg->dev;
	rq->dev_sector = seg->sector + offset_sectors;
	rq->pin = (s8)pin;
	rq->state = FVP_REQUEST_HIT;
	fvp_stat_hit(vol, rq->len_sectors);
	return FVP_MAP_REMAP;
}

static __always_inline enum fvp_map fvp_read_hit(struct fvp_volume *vol, struct fvp_request *rq)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_segment *seg;
	u64 addr;
	u32 offset;
	int pin;

	if (unlikely(!READ_ONCE(vol->serving)))
		return fvp_read_unserved(vol, rq);
	/* Before the lookup: from here on no segment that it finds is reused (I2). */
	pin = fvp_pin_enter(&pool->reads);
	addr = fvp_index_find(&vol->index, rq->lba, rq->len_sectors);
	if (unlikely(addr == FVP_ADDR_NONE))
		return fvp_read_slow(vol, rq, pin);
	seg = &pool->segments[addr >> pool->segment_shift];
	offset = (u32)addr & (pool->segment_sectors - 1);
	if (unlikely(READ_ONCE(seg->ram)) || !fvp_read_in_blocks(pool, rq, offset))
		return fvp_read_slow(vol, rq, pin);
	fvp_heat_hit(pool, addr, rq->len_sectors);
	return fvp_read_remap(vol, rq, pin, seg, offset);
}

/*
 * Decides who serves rq.  Process context; may sleep only when a write needs
 * memory.  Takes no lock for a read hit.
 */
static __always_inline enum fvp_map fvp_request_map(struct fvp_volume *vol, struct fvp_request *rq)
{
	rq->volume = vol;
	rq->tries = 0;
	rq->begun = fvp_stat_clock();
	trace_fvp_request(vol->uuid, rq->op, rq->lba, rq->len_sectors, rq->flags & FVP_REQ_FUA);
	if (likely(rq->op == FVP_REQ_READ))
		return fvp_read_hit(vol, rq);
	return fvp_request_other(vol, rq);
}

/* Counts how long the request has taken: it is over, without an error. */
static __always_inline void fvp_request_served(const struct fvp_request *rq,
					       enum fvp_latency_kind kind)
{
	u64 ns = fvp_stat_latency(rq->volume, kind, rq->begun);

	trace_fvp_served(rq->volume->uuid, kind, rq->lba, rq->len_sectors, ns);
}

/*
 * The device that rq was sent to is done with it: error is 0 or -errno.  Any
 * context.  With FVP_END_TAKEN the host must have kept what it needs to send
 * the request's data anew.
 */
static __always_inline enum fvp_end fvp_request_end(struct fvp_request *rq, int error)
{
	if (likely(rq->state == FVP_REQUEST_HIT)) {
		fvp_pin_leave(&rq->volume->pool->reads, rq->pin);
		if (unlikely(error))
			return fvp_read_failed(rq);
		fvp_request_served(rq, FVP_LATENCY_READ_FLASH);
		return FVP_END_DONE;
	}
	fvp_request_other_end(rq, error);
	return FVP_END_DONE;
}

#endif /* FVP_HIT_H */
