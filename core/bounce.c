// SPDX-License-Identifier: GPL-2.0
/* Bounced hits; see bounce.h. */
#include "bounce.h"
#include "pool.h"

struct bounce {
	struct fvp_request *rq;
	struct fvp_volume *vol;
	struct fvp_buf *buf;
	struct fvp_io io;
	struct work_struct work;
	u64 addr;
	u32 skip_sectors; /* from the start of buf to the request's data */
	int pin;
};

/* Process context. */
static void bounce_end(struct work_struct *work)
{
	struct bounce *bounce = container_of(work, struct bounce, work);
	struct fvp_request *rq = bounce->rq;
	struct fvp_volume *vol = bounce->vol;
	int error = bounce->io.error;
	u64 addr;

	if (!error)
		fvp_host_buf_to_request(bounce->buf, bounce->skip_sectors, rq);
	fvp_pin_leave(&vol->pool->reads, bounce->pin);
	addr = bounce->addr;
	fvp_host_buf_free(bounce->buf);
	kfree(bounce);
	if (!error) {
		fvp_read_complete(rq, 0, FVP_LATENCY_READ_FLASH);
		return;
	}
	fvp_stat_inc(vol, flash_read_errors);
	fvp_read_fallback(vol, rq, addr);
}

/* Memory was short: the origin, unless only flash has it.  Process context. */
static void bounce_again(struct work_struct *work)
{
	struct fvp_request *rq = container_of(work, struct fvp_request, work);

	fvp_read_fallback(rq->volume, rq, FVP_ADDR_NONE);
}

static void bounce_done(struct fvp_io *io)
{
	struct bounce *bounce = container_of(io, struct bounce, io);

	queue_work(bounce->vol->pool->io_wq, &bounce->work);
}

enum fvp_map fvp_read_bounce(struct fvp_volume *vol, struct fvp_request *rq, int pin,
			     struct fvp_segment *seg, u32 offset_sectors)
{
	struct fvp_pool *pool = vol->pool;
	u32 from = round_down(offset_sectors, pool->device_block_sectors);
	u32 end = round_up(offset_sectors + rq->len_sectors, pool->device_block_sectors);
	struct bounce *bounce = kmalloc(sizeof(*bounce), GFP_NOWAIT | __GFP_NOWARN);

	/* A buffer holds one I/O; a request of the greatest length may reach over it. */
	if (!bounce || end - from > FVP_IO_SECTORS_MAX)
		goto origin;
	bounce->buf = fvp_host_buf_alloc(end - from);
	if (!bounce->buf)
		goto origin;
	bounce->rq = rq;
	bounce->vol = vol;
	bounce->pin = pin;
	bounce->addr = fvp_segment_addr(pool, seg) + offset_sectors;
	bounce->skip_sectors = offset_sectors - from;
	INIT_WORK(&bounce->work, bounce_end);
	bounce->io = (struct fvp_io){
		.dev = seg->dev,
		.sector = seg->sector + from,
		.len_sectors = end - from,
		.op = FVP_IO_READ,
		.flags = FVP_IO_SYNC,
		.buf = bounce->buf,
		.done = bounce_done,
	};
	fvp_stat_hit(vol, rq->len_sectors);
	fvp_host_submit(&bounce->io);
	return FVP_MAP_TAKEN;
origin:
	fvp_pin_leave(&pool->reads, pin);
	kfree(bounce);
	INIT_WORK(&rq->work, bounce_again);
	queue_work(pool->io_wq, &rq->work);
	return FVP_MAP_TAKEN;
}
