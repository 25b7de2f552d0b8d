/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One I/O of a guest to one volume.  Its entrance is fvp_request_map(), its exit
 * fvp_request_end(), both in hit.h.
 */
#ifndef FVP_REQUEST_H
#define FVP_REQUEST_H

#include "commit.h"
#include "host.h"
#include "latency.h"

struct fvp_volume;
struct fvp_write;

enum fvp_request_op {
	FVP_REQ_READ,
	FVP_REQ_WRITE,
	FVP_REQ_FLUSH, /* no data, no range */
	FVP_REQ_DISCARD, /* range may be longer than FVP_IO_SECTORS_MAX */
	FVP_REQ_WRITE_ZEROES, /* likewise */
};

#define FVP_REQ_FUA 1u

enum fvp_map {
	/*
	 * Host: send the request's own data to rq->dev at rq->dev_sector, then
	 * call fvp_request_end().
	 */
	FVP_MAP_REMAP,
	/*
	 * Core keeps the request: it calls fvp_host_forward() (after which the
	 * host calls fvp_request_end()) or fvp_host_complete(), possibly before
	 * fvp_request_map() returns.
	 */
	FVP_MAP_TAKEN,
};

enum fvp_request_state {
	FVP_REQUEST_FORWARDED, /* the device's answer is the guest's */
	FVP_REQUEST_HIT, /* at flash, segment pinned */
	FVP_REQUEST_FLUSH, /* at the origin; settles fills up to the place in lba */
	FVP_REQUEST_WRITE, /* at the origin, for a struct fvp_write in rq->owner */
};

/*
 * Embedded in the host's own per-I/O structure.  The host fills the first part.
 */
struct fvp_request {
	u64 lba; /* sector in the volume */
	u32 len_sectors; /* READ, WRITE: may be shortened, by fvp_host_accept() only */
	u8 op; /* enum fvp_request_op */
	u8 flags; /* FVP_REQ_* */

	/* Core's. */
	s8 pin; /* of fvp_pin_enter() */
	u8 state; /* enum fvp_request_state */
	struct fvp_dev *dev; /* out: where to send it */
	u64 dev_sector;
	struct fvp_volume *volume;
	u64 begun; /* of fvp_stat_clock(), when it came in */
	void *owner; /* struct fvp_write, fvp_miss ... that waits for this one */
	u16 tries; /* of a flash read; of a write: it has waited for room in the log */
	struct work_struct work;
	struct fvp_commit commit; /* write-back; see there */
};

enum fvp_end {
	FVP_END_DONE, /* host completes the request with the error it has */
	FVP_END_TAKEN, /* core took it again: it will be forwarded or completed later */
};

/* Within core: points a read at the origin, for FVP_MAP_REMAP or fvp_host_forward(). */
enum fvp_map fvp_request_origin(struct fvp_volume *vol, struct fvp_request *rq);

/*
 * Within core: completes a request that is kept, as fvp_host_complete(), and counts how long it
 * has taken; a read as what it was served by.
 */
void fvp_request_complete(struct fvp_request *rq, int error);
void fvp_read_complete(struct fvp_request *rq, int error, enum fvp_latency_kind kind);

/* Within core: decides anew about a request that was held.  Process context. */
void fvp_request_redo(struct fvp_request *rq);

/*
 * Within core: flash does not give what the index says it has.  Serves the read otherwise:
 * from the origin if that has it too.  Process context.
 */
void fvp_read_fallback(struct fvp_volume *vol, struct fvp_request *rq, u64 addr);
#endif /* FVP_REQUEST_H */
