// SPDX-License-Identifier: GPL-2.0
/*
 * Bios: those of guests once core has taken them, and those of core's own I/O.
 *
 * A guest's bio is dm's clone; core knows it as the struct fvp_request in its
 * per-bio data.  The clone's data is found through the iterator noted at map
 * time, because a device that has served the clone has advanced bi_iter.
 *
 * Core's own I/O is one bio each, from a bioset of ours with a rescuer, so that
 * it makes progress without memory, even when submitted from within map.
 */
#include <linux/highmem.h>

#include "bio.h"
#include "buf.h"
#include "device.h"

#define FVP_BIOS_RESERVED 64

static struct bio_set fvp_bios;

static struct fvp_bio *to_fvp_bio(struct fvp_request *rq)
{
	return container_of(rq, struct fvp_bio, rq);
}

static struct bio *to_bio(struct fvp_bio *fb)
{
	return dm_bio_from_per_bio_data(fb, sizeof(*fb));
}

/*
 * Brings a bio that a device has been done with back to what map was given: a
 * split of it or a merge with others has left its marks.
 */
static void bio_rewind(struct fvp_bio *fb, struct bio *bio)
{
	bio->bi_next = NULL;
	bio->bi_flags = fb->bio_flags;
	bio->bi_status = BLK_STS_OK;
	atomic_set(&bio->__bi_remaining, 1);
}

void fvp_host_accept(struct fvp_request *rq, u32 len_sectors)
{
	rq->len_sectors = len_sectors;
	dm_accept_partial_bio(to_bio(to_fvp_bio(rq)), len_sectors);
}

void fvp_host_forward(struct fvp_request *rq)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = to_bio(fb);

	bio_rewind(fb, bio);
	/* Nobody polls for a bio that a worker sends. */
	bio_clear_polled(bio);
	bio_set_dev(bio, rq->dev->bdev);
	bio->bi_iter.bi_sector = rq->dev_sector;
	bio->bi_iter.bi_size = rq->len_sectors << SECTOR_SHIFT;
	bio->bi_iter.bi_idx = fb->bvec_idx;
	bio->bi_iter.bi_bvec_done = fb->bvec_done;
	dm_submit_bio_remap(bio, NULL);
}

void fvp_host_complete(struct fvp_request *rq, int error)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = to_bio(fb);

	fb->completed = true;
	bio_rewind(fb, bio);
	bio->bi_status = errno_to_blk_status(error);
	bio_endio(bio);
}

/* The request's data, from its start, in its current length. */
static struct bvec_iter request_iter(const struct fvp_bio *fb)
{
	return (struct bvec_iter){
		.bi_size = fb->rq.len_sectors << SECTOR_SHIFT,
		.bi_idx = fb->bvec_idx,
		.bi_bvec_done = fb->bvec_done,
	};
}

void fvp_host_request_to_buf(struct fvp_request *rq, struct fvp_buf *buf)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = to_bio(fb);
	struct bvec_iter iter;
	struct bio_vec bv;
	u32 off_bytes = 0;

	__bio_for_each_segment(bv, bio, iter, request_iter(fb))
	{
		void *from = bvec_kmap_local(&bv);

		fvp_buf_write(buf, off_bytes, from, bv.bv_len);
		kunmap_local(from);
		off_bytes += bv.bv_len;
	}
}

void fvp_host_buf_to_request(struct fvp_buf *buf, u32 buf_off_sectors, struct fvp_request *rq)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = to_bio(fb);
	struct bvec_iter iter;
	struct bio_vec bv;
	u32 off_bytes = buf_off_sectors << SECTOR_SHIFT;

	__bio_for_each_segment(bv, bio, iter, request_iter(fb))
	{
		void *to = bvec_kmap_local(&bv);

		fvp_buf_read(buf, off_bytes, to, bv.bv_len);
		kunmap_local(to);
		flush_dcache_page(bv.bv_page);
		off_bytes += bv.bv_len;
	}
}

void fvp_host_mem_to_request(const void *mem, struct fvp_request *rq)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = to_bio(fb);
	struct bvec_iter iter;
	struct bio_vec bv;

	__bio_for_each_segment(bv, bio, iter, request_iter(fb))
	{
		memcpy_to_bvec(&bv, mem);
		mem += bv.bv_len;
	}
}

static void io_end(struct bio *bio)
{
	struct fvp_io *io = bio->bi_private;

	io->error = blk_status_to_errno(bio->bi_status);
	bio_put(bio);
	if (io->op == FVP_IO_READ && io->mem && is_vmalloc_addr(io->mem))
		invalidate_kernel_vmap_range(io->mem, io->len_sectors << SECTOR_SHIFT);
	io->done(io);
}

static blk_opf_t io_opf(const struct fvp_io *io)
{
	blk_opf_t opf;

	if (io->op == FVP_IO_READ)
		return REQ_OP_READ | (io->flags & FVP_IO_SYNC ? REQ_SYNC : 0);
	if (io->op == FVP_IO_FLUSH)
		return REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC;
	opf = REQ_OP_WRITE;
	if (io->flags & FVP_IO_FUA)
		opf |= REQ_FUA;
	if (io->flags & FVP_IO_PREFLUSH)
		opf |= REQ_PREFLUSH;
	/* Together they keep writeback throttling off a write that someone waits for. */
	if (io->flags & FVP_IO_SYNC)
		opf |= REQ_SYNC | REQ_IDLE;
	return opf;
}

/* Pages that memory of len_bytes touches; one vector where it is contiguous. */
static u32 io_vecs(const struct fvp_io *io, u32 len_bytes)
{
	if (!len_bytes)
		return 0;
	if (io->mem && !is_vmalloc_addr(io->mem))
		return 1;
	return DIV_ROUND_UP((io->mem ? offset_in_page(io->mem) : 0) + len_bytes, PAGE_SIZE);
}

/* Adds virtually contiguous memory.  False if it did not fit: core's mistake. */
static bool bio_add_mem(struct bio *bio, void *mem, u32 len_bytes)
{
	if (!is_vmalloc_addr(mem))
		return bio_add_page(bio, virt_to_page(mem), len_bytes, offset_in_page(mem)) ==
		       len_bytes;

	flush_kernel_vmap_range(mem, len_bytes);
	while (len_bytes) {
		u32 n = min_t(u32, len_bytes, PAGE_SIZE - offset_in_page(mem));

		if (bio_add_page(bio, vmalloc_to_page(mem), n, offset_in_page(mem)) != n)
			return false;
		mem += n;
		len_bytes -= n;
	}
	return true;
}

static bool bio_add_buf(struct bio *bio, struct fvp_buf *buf, u32 len_bytes)
{
	u32 i;

	if (len_bytes > buf->page_count * PAGE_SIZE)
		return false;
	for (i = 0; len_bytes; i++) {
		u32 n = min_t(u32, len_bytes, PAGE_SIZE);

		if (bio_add_page(bio, buf->pages[i], n, 0) != n)
			return false;
		len_bytes -= n;
	}
	return true;
}

void fvp_host_submit(struct fvp_io *io)
{
	u32 len_bytes = io->op == FVP_IO_FLUSH ? 0 : io->len_sectors << SECTOR_SHIFT;
	u32 vecs = io_vecs(io, len_bytes);
	struct bio *bio;
	bool fits = true;

	if (WARN_ON_ONCE(vecs > BIO_MAX_VECS)) {
		io->error = -EINVAL;
		io->done(io);
		return;
	}

	/* GFP_NOIO from a bioset: may wait, never fails. */
	bio = bio_alloc_bioset(io->dev->bdev, vecs, io_opf(io), GFP_NOIO, &fvp_bios);
	bio->bi_iter.bi_sector = io->op == FVP_IO_FLUSH ? 0 : io->sector;
	bio->bi_private = io;
	bio->bi_end_io = io_end;
	if (len_bytes)
		fits = io->mem ? bio_add_mem(bio, io->mem, len_bytes)
			       : bio_add_buf(bio, io->buf, len_bytes);
	if (WARN_ON_ONCE(!fits)) {
		bio_io_error(bio);
		return;
	}
	submit_bio_noacct(bio);
}

int fvp_bio_init(void)
{
	return bioset_init(&fvp_bios, FVP_BIOS_RESERVED, 0,
			   BIOSET_NEED_BVECS | BIOSET_NEED_RESCUER);
}

void fvp_bio_exit(void)
{
	bioset_exit(&fvp_bios);
}
