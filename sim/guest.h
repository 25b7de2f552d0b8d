/* SPDX-License-Identifier: GPL-2.0 */
/* Guests: their volumes and requests, as host.c, oracle.c and workload.c share them. */
#ifndef SIM_GUEST_H
#define SIM_GUEST_H

#include "device.h"

struct oracle;
struct past;
struct sim_vol;

#define SIM_LOST_MAX 64
#define SIM_FORGOT_MAX (4 * SIM_LOST_MAX)

/* A guest's request, before the host cuts it. */
struct sim_req {
	struct list_head node; /* vol->reqs */
	struct sim_vol *vol;
	u8 op; /* enum fvp_request_op */
	bool fua;
	bool write_back; /* the log may have taken it */
	bool write_back_sure; /* no way but the log was open to it */
	bool durable; /* when it was acknowledged, no cache that may lose it had it alone */
	u64 direct; /* of the volume, when it began */
	bool direct_pending; /* and not all of that was flushed */
	bool origin_failed; /* the origin failed I/O on its range meanwhile */
	bool quiet; /* of a quiet check */
	bool fickle; /* its guest changes the data in flight */
	u64 lba;
	u64 len; /* 0 for a flush */
	u64 *data; /* READ, WRITE */
	u64 begun; /* oracle's order of events */
	u64 begun_ns;
	u32 mode_seq; /* of the volume, when it began */
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
	u8 mode; /* requested */
	u8 order; /* enum fvp_order */
	u32 mode_seq; /* changes of what decides the way of a write */
	bool drained; /* by fvp_volume_drain(), not undone */
	/*
	 * Writes that may have gone straight to the origin, ever; and how many of them a
	 * guest's flush has made durable.  It has to wait for the others, also in
	 * write-back.
	 */
	u64 direct, direct_flushed;
	bool moving; /* being attached or detached */
	bool leaving; /* being suspended or detached, or suspended */
	bool waits; /* detached, and the pool holds dirty data for it */
	bool may_wait; /* not attached since a crash, and it may */
	struct oracle *oracle;
	struct shim_rng rng;

	/*
	 * Ranges that core has reported lost.  Reading them is an error, unless flash
	 * gives what was acknowledged after all.
	 */
	struct dev_range lost[SIM_LOST_MAX];
	u32 lost_count;
	/* Those of them that were accepted last, and when: earlier requests may still fail. */
	struct dev_range forgot[SIM_FORGOT_MAX];
	u64 forgot_moment[SIM_FORGOT_MAX];
	u32 forgot_count; /* in all; of them as many as there is room for */
	/* Errors that core has to explain as losses; when the requests began. */
	struct dev_range errors[8];
	u64 error_begun[8];
	u32 error_count;
	bool error_check; /* a fiber is about to ask */
	/* Sees a request when it is done, before it goes. */
	void (*on_done)(struct sim_req *req);
	struct fvp_dirty_status dirty; /* as of the last call that looked */

	/* Guest CPUs. */
	bool running; /* guests may issue */
	u32 cpus; /* fibers alive */
	u32 depth; /* requests in flight at most */
	u32 inflight;
	u64 ops_left; /* of this phase */
	u64 stop_step; /* when they were told to stop */
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

/* May a request take the log; can it take nothing else?  Any context. */
bool sim_write_back_possible(const struct sim_vol *vol);
bool sim_write_back_sure(const struct sim_vol *vol);

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
/* The volume may be in write-back from now on. */
void oracle_write_back(struct oracle *o);
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
/* All that was acknowledged before moment is durable, though no guest has flushed. */
void oracle_durable(struct oracle *o, u64 moment);
/* Written behind the cache's back: known at once. */
void oracle_set(struct oracle *o, u64 lba, u64 value);
/* What was acknowledged may be lost: anything older may be there, and the first read decides. */
void oracle_lose(struct oracle *o, u64 lba);
/* The same, if this value of the origin is not allowed: then only flash had what is. */
void oracle_lose_unless(struct oracle *o, u64 lba, u64 value);
/* Flash is gone, the origin has this: dies unless it is allowed or, as data may be lost, older. */
void oracle_adopt(struct oracle *o, u64 lba, u64 value);
/* The next power cut may bring this value back, unless a flush comes before. */
void oracle_may_return(struct oracle *o, u64 lba, u64 value);
/* Calls fn for each sector that anything is known of. */
void oracle_for_each(struct oracle *o, void (*fn)(void *arg, u64 lba), void *arg);
/* The host is gone: what was in flight is open now; with the power, what was unflushed. */
void oracle_crash(struct oracle *o, bool power_cut);
/* A new version for a write to this volume. */
u32 oracle_version(struct oracle *o);
struct past *oracle_past(struct oracle *o);

/*
 * The log of a volume's writes, against which the origin alone is held (past.c).  The
 * oracle keeps it.
 */
struct past *past_create(struct sim_vol *vol);
void past_free(struct past *p);
void past_begin(struct past *p, const struct sim_req *req);
void past_changed(struct past *p, const struct sim_req *req, u32 index, u64 value);
void past_end(struct past *p, const struct sim_req *req, u64 now);
void past_flushed(struct past *p, u64 begun, u64 now);
/* A read has decided for this value, and no power cut takes it back. */
void past_seen(struct past *p, u64 lba, u64 value);
void past_crash(struct past *p, u64 moment, u64 flushed, bool power_cut);
/* Nothing is in flight, and the origin has all: begins anew, with the order as given. */
void past_reset(struct past *p, bool strict);
/* Data may be lost from here on, or written by others: no more is asked. */
void past_distrust(struct past *p);
void past_not_strict(struct past *p);
/* Dies unless the origin is a state that the guest could have left; if the order is strict. */
void past_check(struct past *p, const char *when);
/* Dies unless the origin has all that was acknowledged before moment, lost ranges apart. */
void past_require(struct past *p, u64 moment, const char *what);
/* Has any of the range been written since the log began?  So it may be dirty, or was just now. */
bool past_written(struct past *p, u64 lba, u64 len);
/* Sectors of which the origin lacks something acknowledged. */
u64 past_behind(struct past *p);

#endif /* SIM_GUEST_H */
