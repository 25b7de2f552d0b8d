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
 * Discards and write-zeroes have no data and may be long: the block layer cuts
 * them as the device wants it; where a device writes no zeroes, a worker does.
 */
#include <linux/highmem.h>

#include "bio.h"
#include "buf.h"
#include "device.h"

#define FVP_BIOS_RESERVED 64
#define FVP_RANGE_BIOS_RESERVED 16
#define FVP_ZERO_BIOS_RESERVED 4
#define FVP_ZERO_SECTORS_MAX ((BIO_MAX_VECS * PAGE_SIZE) >> SECTOR_SHIFT)

static struct bio_set fvp_bios;
static struct bio_set fvp_range_bios; /* of struct range_io: discards, write-zeroes */
static struct bio_set fvp_zero_bios; /* pages of zeroes; taken by workers alone */
static struct workqueue_struct *fvp_zero_wq;

struct range_io {
	struct work_struct work;
	struct bio bio; /* last: the bioset puts what is before it there */
};

static struct fvp_bio *to_fvp_bio(struct fvp_request *rq)
{
	return container_of(rq, struct fvp_bio, rq);
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
	dm_accept_partial_bio(to_fvp_bio(rq)->bio, len_sectors);
}

void fvp_host_forward(struct fvp_request *rq)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = fb->bio;

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
	struct bio *bio = fb->bio;

	fb->completed = true;
	bio_rewind(fb, bio);
	if (unlikely(error))
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

bool fvp_host_request_in_blocks(struct fvp_request *rq, u32 block_sectors)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	u32 mask = (block_sectors << SECTOR_SHIFT) - 1;
	struct bvec_iter iter;
	struct bio_vec bv;

	__bio_for_each_segment(bv, fb->bio, iter, request_iter(fb))
	{
		if ((bv.bv_offset | bv.bv_len) & mask)
			return false;
	}
	return true;
}

void fvp_host_request_to_buf(struct fvp_request *rq, struct fvp_buf *buf)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = fb->bio;
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

u32 fvp_host_request_to_mem(struct fvp_request *rq, void *mem)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = fb->bio;
	struct bvec_iter iter = request_iter(fb);
	u32 crc = ~0u;

	for (;;) {
		struct bio_vec bv = bio_iter_iovec(bio, iter);

		memcpy_from_bvec(mem, &bv);
		/* Of the copy, which is in the CPU's cache now: the guest may change its page. */
		crc = fvp_host_crc32c(crc, mem, bv.bv_len);
		/* All of it is in one page, mostly. */
		if (likely(bv.bv_len == iter.bi_size))
			return crc;
		mem += bv.bv_len;
		bio_advance_iter_single(bio, &iter, bv.bv_len);
	}
}

void fvp_host_buf_to_request(struct fvp_buf *buf, u32 buf_off_sectors, struct fvp_request *rq)
{
	struct fvp_bio *fb = to_fvp_bio(rq);
	struct bio *bio = fb->bio;
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
	struct bio *bio = fb->bio;
	struct bvec_iter iter;
	struct bio_vec bv;

	__bio_for_each_segment(bv, bio, iter, request_iter(fb))
	{
		memcpy_to_bvec(&bv, mem);
		mem += bv.bv_len;
	}
}

/*
 * A bio in the I/O itself, for data in one piece and for none: log records, mostly.  It
 * costs half of what one from a bioset does, and no memory.
 */
struct host_bio {
	struct bio bio;
	struct bio_vec vec;
};

static struct host_bio *host_bio(struct fvp_io *io)
{
	BUILD_BUG_ON(sizeof(struct host_bio) > sizeof(io->host));
	BUILD_BUG_ON(__alignof__(struct host_bio) > __alignof__(io->host[0]));
	return (struct host_bio *)io->host;
}

static void io_end(struct bio *bio)
{
	struct fvp_io *io = bio->bi_private;

	io->error = likely(!bio->bi_status) ? 0 : blk_status_to_errno(bio->bi_status);
	if (bio == &host_bio(io)->bio)
		bio_uninit(bio);
	else
		bio_put(bio);
	if (io->op == FVP_IO_READ && io->mem && is_vmalloc_addr(io->mem))
		invalidate_kernel_vmap_range(io->mem, io->len_sectors << SECTOR_SHIFT);
	io->done(io);
}

/*
 * Of a write, by the first three of its flags.  REQ_SYNC and REQ_IDLE together keep
 * writeback throttling off a write that someone waits for.
 */
#define WRITE_OPF(flags)                                                                           \
	[flags] = REQ_OP_WRITE | ((flags)&FVP_IO_FUA ? REQ_FUA : 0) |                              \
		  ((flags)&FVP_IO_PREFLUSH ? REQ_PREFLUSH : 0) |                                   \
		  ((flags)&FVP_IO_SYNC ? REQ_SYNC | REQ_IDLE : 0)

static blk_opf_t io_opf(const struct fvp_io *io)
{
	static const blk_opf_t write_opf[] = { WRITE_OPF(0), WRITE_OPF(1), WRITE_OPF(2),
					       WRITE_OPF(3), WRITE_OPF(4), WRITE_OPF(5),
					       WRITE_OPF(6), WRITE_OPF(7) };
	blk_opf_t opf;

	BUILD_BUG_ON((FVP_IO_FUA | FVP_IO_PREFLUSH | FVP_IO_SYNC) != ARRAY_SIZE(write_opf) - 1);
	if (io->op == FVP_IO_READ)
		return REQ_OP_READ | (io->flags & FVP_IO_SYNC ? REQ_SYNC : 0);
	if (io->op == FVP_IO_FLUSH)
		return REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC;
	opf = write_opf[io->flags & (ARRAY_SIZE(write_opf) - 1)];
	if (unlikely(io->flags & FVP_IO_NOWAIT) && bdev_nowait(io->dev->bdev))
		opf |= REQ_NOWAIT;
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
	if (!is_vmalloc_addr(mem)) {
		__bio_add_page(bio, virt_to_page(mem), len_bytes, offset_in_page(mem));
		return true;
	}

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

/*
 * Pages of zeroes, one bio at a time.  Runs in a worker, so that each bio goes to the
 * device at once, and takes them from a bioset that nothing else holds: progress
 * needs no memory.
 */
static int zero_pages(struct block_device *bdev, u64 sector, u32 len_sectors)
{
	int err = 0;

	while (len_sectors && !err) {
		u32 n = min_t(u32, len_sectors, FVP_ZERO_SECTORS_MAX);
		u32 len_bytes = n << SECTOR_SHIFT;
		struct bio *bio = bio_alloc_bioset(bdev, DIV_ROUND_UP(len_bytes, PAGE_SIZE),
						   REQ_OP_WRITE, GFP_NOIO, &fvp_zero_bios);

		bio->bi_iter.bi_sector = sector;
		while (len_bytes) {
			u32 part = min_t(u32, len_bytes, PAGE_SIZE);

			__bio_add_page(bio, ZERO_PAGE(0), part, 0);
			len_bytes -= part;
		}
		err = submit_bio_wait(bio);
		bio_put(bio);
		sector += n;
		len_sectors -= n;
	}
	return err;
}

static void range_work(struct work_struct *work)
{
	struct range_io *range = container_of(work, struct range_io, work);
	struct fvp_io *io = range->bio.bi_private;

	io->error = zero_pages(io->dev->bdev, io->sector, io->len_sectors);
	bio_put(&range->bio);
	io->done(io);
}

static void range_end(struct bio *bio)
{
	struct fvp_io *io = bio->bi_private;

	if (bio->bi_status && io->op == FVP_IO_WRITE_ZEROES) {
		struct range_io *range = container_of(bio, struct range_io, bio);

		/*
		 * Whatever the error: devices that announce write-zeroes and then do not
		 * know them have several.  If the device is ill, its writes will say so.
		 */
		INIT_WORK(&range->work, range_work);
		queue_work(fvp_zero_wq, &range->work);
		return;
	}

	io->error = blk_status_to_errno(bio->bi_status);
	/* A discard may do nothing at all, so to a device without them it is done. */
	if (bio->bi_status == BLK_STS_NOTSUPP || bio->bi_status == BLK_STS_TARGET)
		io->error = 0;
	bio_put(bio);
	io->done(io);
}

static void range_submit(struct fvp_io *io)
{
	/* A guest that writes zeroes may count on the space: they do not unmap. */
	blk_opf_t opf =
		io->op == FVP_IO_DISCARD ? REQ_OP_DISCARD : REQ_OP_WRITE_ZEROES | REQ_NOUNMAP;
	struct bio *bio = bio_alloc_bioset(io->dev->bdev, 0, opf, GFP_NOIO, &fvp_range_bios);

	bio->bi_iter.bi_sector = io->sector;
	bio->bi_iter.bi_size = io->len_sectors << SECTOR_SHIFT;
	bio->bi_private = io;
	bio->bi_end_io = range_end;
	submit_bio_noacct(bio);
}

/* More pages than this are not looked at one by one to save a bio. */
#define PIECE_PAGES_MAX 16

/*
 * The first page of memory that is one piece to a device, or NULL.  What vmalloc gives
 * mostly is, for so little: the log's buffers are made of huge pages.
 */
static struct page *piece_page(const struct fvp_io *io, u32 len_bytes)
{
	u32 count = DIV_ROUND_UP(offset_in_page(io->mem) + len_bytes, PAGE_SIZE), i;
	struct page *const *pages;

	if (likely(io->mem_of ? !io->mem_of->page_count : !is_vmalloc_addr(io->mem)))
		return virt_to_page(io->mem);
	if (!io->mem_of || count > PIECE_PAGES_MAX)
		return NULL;
	pages = &io->mem_of->pages[(io->mem - io->mem_of->address) >> PAGE_SHIFT];
	for (i = 1; i < count; i++)
		if (page_to_pfn(pages[i]) != page_to_pfn(pages[0]) + i)
			return NULL;
	flush_kernel_vmap_range(io->mem, len_bytes);
	return pages[0];
}

/* Memory in one piece, in the bio that is there: nothing to allocate or to be asked. */
static void submit_piece(struct fvp_io *io, struct page *page)
{
	struct host_bio *host = host_bio(io);
	struct bio *bio = &host->bio;

	bio_init(bio, io->dev->bdev, &host->vec, 1, io_opf(io));
	bio->bi_iter.bi_sector = io->sector;
	bio->bi_private = io;
	bio->bi_end_io = io_end;
	__bio_add_page(bio, page, io->len_sectors << SECTOR_SHIFT, offset_in_page(io->mem));
	submit_bio_noacct(bio);
}

static noinline void submit_any(struct fvp_io *io)
{
	u32 len_bytes = io->op == FVP_IO_FLUSH ? 0 : io->len_sectors << SECTOR_SHIFT;
	struct bio *bio;
	bool fits = true;
	u32 vecs;

	if (io->op == FVP_IO_DISCARD || io->op == FVP_IO_WRITE_ZEROES) {
		range_submit(io);
		return;
	}
	vecs = io_vecs(io, len_bytes);
	if (WARN_ON_ONCE(vecs > BIO_MAX_VECS)) {
		io->error = -EINVAL;
		io->done(io);
		return;
	}

	if (likely(vecs <= 1)) {
		bio = &host_bio(io)->bio;
		bio_init(bio, io->dev->bdev, &host_bio(io)->vec, 1, io_opf(io));
	} else {
		/* GFP_NOIO from a bioset: may wait, never fails. */
		bio = bio_alloc_bioset(io->dev->bdev, vecs, io_opf(io), GFP_NOIO, &fvp_bios);
	}
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

void fvp_host_submit(struct fvp_io *io)
{
	struct page *page = NULL;

	if (likely(io->op <= FVP_IO_WRITE && io->mem))
		page = piece_page(io, io->len_sectors << SECTOR_SHIFT);
	if (likely(page))
		submit_piece(io, page);
	else
		submit_any(io);
}

int fvp_bio_init(void)
{
	int err;

	err = bioset_init(&fvp_bios, FVP_BIOS_RESERVED, 0, BIOSET_NEED_BVECS | BIOSET_NEED_RESCUER);
	if (err)
		return err;
	err = bioset_init(&fvp_range_bios, FVP_RANGE_BIOS_RESERVED, offsetof(struct range_io, bio),
			  BIOSET_NEED_RESCUER);
	if (err)
		goto err_bios;
	err = bioset_init(&fvp_zero_bios, FVP_ZERO_BIOS_RESERVED, 0, BIOSET_NEED_BVECS);
	if (err)
		goto err_range;
	err = -ENOMEM;
	fvp_zero_wq = alloc_workqueue("fvp_zero", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!fvp_zero_wq)
		goto err_zero;
	return 0;

err_zero:
	bioset_exit(&fvp_zero_bios);
err_range:
	bioset_exit(&fvp_range_bios);
err_bios:
	bioset_exit(&fvp_bios);
	return err;
}

void fvp_bio_exit(void)
{
	destroy_workqueue(fvp_zero_wq);
	bioset_exit(&fvp_zero_bios);
	bioset_exit(&fvp_range_bios);
	bioset_exit(&fvp_bios);
}
