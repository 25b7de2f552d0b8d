/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What core asks of its host: link-time functions, implemented over bios in
 * kernel/ and over the simulated devices in sim/.
 *
 * Core is plain kernel C over env.h; env.h is found by -I: kernel/env.h is a
 * list of <linux/...> includes, shim/env.h gives userspace the same names.
 */
#ifndef FVP_HOST_H
#define FVP_HOST_H

#include "env.h"

struct fvp_request;

/* One block device as the host knows it: flash or origin.  Opaque here. */
struct fvp_dev;

/*
 * Memory for the data of one I/O, up to FVP_IO_SECTORS_MAX sectors, outside any
 * segment buffer.  Opaque: pages in the kernel, plain memory in the simulator.
 */
struct fvp_buf;

/* Large memory in one virtual piece, whose pages the host has at hand.  Opaque. */
struct fvp_mem;

#define FVP_IO_SECTORS_MAX 1024 /* 512 KiB: one I/O, one bio, one entry's data at most */

enum fvp_io_op {
	FVP_IO_READ,
	FVP_IO_WRITE,
	FVP_IO_FLUSH, /* no data: flush the device's volatile cache */
	/* No data, any length; a device that cannot discard may do nothing. */
	FVP_IO_DISCARD,
	FVP_IO_WRITE_ZEROES,
};

#define FVP_IO_FUA 1u /* durable when done, whatever cache the device has */
#define FVP_IO_PREFLUSH 2u /* flush the device's cache first */
#define FVP_IO_SYNC 4u /* someone waits for it (latency, not durability) */
/* If submitting it had to wait for the device it fails with -EAGAIN, perhaps; else as ever. */
#define FVP_IO_NOWAIT 8u

#define FVP_IO_HOST_WORDS 20

/*
 * An I/O of core's own.  The caller fills it in; exactly one of mem and buf is
 * set if there is data.  The struct and the data belong to the host until
 * done() runs.
 */
struct fvp_io {
	struct fvp_dev *dev;
	u64 sector;
	u32 len_sectors;
	enum fvp_io_op op;
	u32 flags;
	void *mem; /* kernel virtual address, kmalloc or vmalloc; block aligned */
	struct fvp_mem *mem_of; /* if set, mem lies in it: saves looking its pages up */
	struct fvp_buf *buf; /* from its start */
	int error; /* out: 0 or -errno */
	/* May run in interrupt context. Must not sleep. */
	void (*done)(struct fvp_io *io);
	/* The host's, from submission to done(): so that it needs no memory of its own. */
	unsigned long host[FVP_IO_HOST_WORDS];
};

/* Starts io; never fails here, errors arrive in done().  May sleep (not in irq). */
void fvp_host_submit(struct fvp_io *io);

/* Sectors on a device; 0 if it is gone. */
u64 fvp_host_dev_sectors(struct fvp_dev *dev);

/* Has it a volatile write cache, so that only a flush makes writes durable? */
bool fvp_host_dev_volatile(struct fvp_dev *dev);

/* A name for messages, valid as long as the device. */
const char *fvp_host_dev_name(struct fvp_dev *dev);

/*
 * Buffers.  alloc returns NULL when memory is short (it does not wait): the
 * caller then does without caching.  May be called in process context only.
 */
struct fvp_buf *fvp_host_buf_alloc(u32 len_sectors);
void fvp_host_buf_free(struct fvp_buf *buf);
/* Copies len_sectors from buf, off_sectors into it, to mem. */
void fvp_host_buf_to_mem(struct fvp_buf *buf, u32 off_sectors, void *mem, u32 len_sectors);

/* Zeroed memory of so many bytes, or NULL.  Both sleep. */
struct fvp_mem *fvp_host_mem_alloc(size_t bytes);
void fvp_host_mem_free(struct fvp_mem *mem); /* or NULL */
void *fvp_host_mem_address(const struct fvp_mem *mem);

/*
 * A request's data.  Offsets and lengths in sectors, within the request's
 * current length (fvp_request.len_sectors).
 */
void fvp_host_request_to_buf(struct fvp_request *rq, struct fvp_buf *buf);
/* Copies all of it to mem; returns its checksum, as fvp_data_crc(). */
u32 fvp_host_request_to_mem(struct fvp_request *rq, void *mem);
void fvp_host_buf_to_request(struct fvp_buf *buf, u32 buf_off_sectors, struct fvp_request *rq);
void fvp_host_mem_to_request(const void *mem, struct fvp_request *rq);

/*
 * Does every piece of memory that the request's data is in begin and end at a multiple of so
 * many sectors?  A device with blocks of that size takes it only then.
 */
bool fvp_host_request_in_blocks(struct fvp_request *rq, u32 block_sectors);

/*
 * Called from within fvp_request_map(), before anything touches the request's
 * data: core takes only the first len_sectors (< rq->len_sectors) of a READ or
 * WRITE; the host sets rq->len_sectors and sends the rest as a request of its own, later.
 */
void fvp_host_accept(struct fvp_request *rq, u32 len_sectors);

/*
 * Completes a request that fvp_request_map() kept (FVP_MAP_TAKEN).  The request
 * is gone afterwards.  error: 0 or -errno.  Any context.
 */
void fvp_host_complete(struct fvp_request *rq, int error);

/*
 * Sends a kept request, with its own data, op and flags, to rq->dev at
 * rq->dev_sector.  When the device is done the host calls fvp_request_end().
 * Process context.
 */
void fvp_host_forward(struct fvp_request *rq);

/* crc32c as linux/crc32c.h has it, but as fast as the host can.  Any context. */
u32 fvp_host_crc32c(u32 seed, const void *data, size_t len);

/* Monotonic time in nanoseconds. */
u64 fvp_host_now_ns(void);

/* Non-cryptographic is not enough: 64 random bits for pool keys and uuids. */
u64 fvp_host_random(void);

/*
 * The calling worker has time: whoever wants its CPU goes before.  Returns what to give to
 * fvp_host_foreground() before the work item ends.
 */
int fvp_host_background(void);
void fvp_host_foreground(int before);

/* Something an administrator watches changed: health, mode, loading done.  Any context. */
struct fvp_pool;
void fvp_host_event(struct fvp_pool *pool);

#endif /* FVP_HOST_H */
