/* SPDX-License-Identifier: GPL-2.0 */
/* Guests: their volumes and requests, as host.c, oracle.c and workload.c share them. */
#ifndef SIM_GUEST_H
#define SIM_GUEST_H

#include "device.h"

struct oracle;
struct sim_vol;

/* A guest's request, before the host cuts it. */
struct sim_req {
	struct list_head node; /* vol->reqs */
	struct sim_vol *vol;
	u8 op; /* enum fvp_request_op */
	bool fua;
	bool origin_failed; /* the origin failed I/O on its range meanwhile */
	bool quiet; /* of a quiet check */
	bool fickle; /* its guest changes the data in flight */
	u64 lba;
	u64 len; /* 0 for a flush */
	u64 *data; /* READ, WRITE */
	u64 begun; /* oracle's order of events */
	u64 begun_ns;
	u64 write; /* oracle's id of a write in flight */
	u32 parts; /* not done, and 1 while it is being cut */
	int error;
};

struct sim_vol {
	u32 number;
	u8 uuid[16];
	struct fvp_dev *origin;
	struct fvp_volume *core; /* NULL while not attached */
	u64 sectors;
	u8 mode;
	struct oracle *oracle;
	struct shim_rng rng;

	/* Guest CPUs. */
	bool running; /* guests may issue */
	u32 cpus; /* fibers alive */
	u32 depth; /* requests in flight at most */
	u32 inflight;
	u64 ops_left; /* of this phase */
	struct list_head reqs;
	struct list_head wait; /* guests that wait for room; also the end of all I/O */

	/* What its guest is like. */
	u32 read_percent, flush_percent, discard_percent, fua_percent, fickle_percent;
	u32 len_max;
	u64 hot_lba[4];
	u64 hot_len;
	u64 seq_lba; /* next of a sequential stream */
	u32 think_ns;
};

/*
 * Sends a request through core and returns as soon as it is on its way; the
 * request is checked against the oracle, and freed, when it is done.
 * Process context.
 */
void sim_req_send(struct sim_req *req);

/* host.c: power cut; every request in flight is gone. */
void sim_host_crash(void);
/* host.c: requests that take too long end the run. */
void sim_req_check_age(struct sim_vol *vol);

/* workload.c */
void sim_guest_shape(struct sim_vol *vol, u64 seed);
void sim_guest_start(struct sim_vol *vol, u64 ops);
struct sim_req *sim_req_new(struct sim_vol *vol, u8 op, u64 lba, u64 len);
/* The guest changes its pages, of the first len sectors, while a write is in flight. */
void sim_req_change(struct sim_req *req, u64 len);
/* A request is done: error is as the guest sees it.  Any context; frees req. */
void sim_req_done(struct sim_req *req);

/*
 * Oracle.  Every sector has a set of values that it may have: acknowledged, in
 * flight, or left open by a failed write, a discard or a power cut.  A read
 * must return one of them, and if nothing is in flight it decides which one:
 * from then on there is no other (no flip).
 */
struct oracle *oracle_create(struct sim_vol *vol, bool origin_cache);
void oracle_free(struct oracle *o);
u64 oracle_initial(void *vol, u64 sector);
/* The event counter: everything begins and ends at a moment of its own. */
u64 oracle_moment(struct oracle *o);
/* A write, discard (value unknown or zero) or write-zeroes begins and ends. */
void oracle_begin(struct oracle *o, struct sim_req *req);
void oracle_end(struct oracle *o, struct sim_req *req);
/* Second value of a write whose guest changes the page in flight. */
void oracle_changed(struct oracle *o, struct sim_req *req, u32 index, u64 value);
/* A read is done: dies if it returned what it may not. */
void oracle_check(struct oracle *o, struct sim_req *req);
/* Nothing is in flight: dies unless value is allowed; it is the only one from now on. */
void oracle_check_now(struct oracle *o, u64 lba, u64 value, const char *what);
/* A flush that began at the given moment is done. */
void oracle_flushed(struct oracle *o, u64 begun);
/* Written behind the cache's back: known at once. */
void oracle_set(struct oracle *o, u64 lba, u64 value);
/* The host is gone: what was in flight is open now; with the power, what was unflushed. */
void oracle_crash(struct oracle *o, bool power_cut);
/* A new version for a write to this volume. */
u32 oracle_version(struct oracle *o);

#endif /* SIM_GUEST_H */
