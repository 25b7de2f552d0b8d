// SPDX-License-Identifier: GPL-2.0
/*
 * Guests: a few fibers a volume that keep requests in flight.  What they like to
 * do differs from seed to seed: hot spots, streams, long and short requests.
 */
#include <stdlib.h>

#include "machine.h"

void sim_guest_shape(struct sim_vol *vol, u64 seed)
{
	struct shim_rng *r = &vol->rng;
	static const u32 lens[] = { 8, 16, 64, 128, 256, 700 };

	r->s = seed;
	vol->depth = 1 + (u32)shim_rng_below(r, 24);
	vol->read_percent = 20 + (u32)shim_rng_below(r, 70);
	vol->flush_percent = (u32)shim_rng_below(r, 5);
	vol->discard_percent = (u32)shim_rng_below(r, 6);
	vol->fua_percent = (u32)shim_rng_below(r, 30);
	vol->fickle_percent = shim_rng_chance(r, 1, 4) ? 10 : 0;
	vol->len_max = lens[shim_rng_below(r, ARRAY_SIZE(lens))];
	vol->hot_len = 64 + shim_rng_below(r, 1024);
	for (u32 i = 0; i < ARRAY_SIZE(vol->hot_lba); i++)
		vol->hot_lba[i] = shim_rng_below(r, vol->sectors);
	vol->think_ns = shim_rng_chance(r, 1, 2) ? 0 : 1 + (u32)shim_rng_below(r, 400000);
}

bool sim_write_back_possible(const struct sim_vol *vol)
{
	return vol->mode == FVP_MODE_WRITE_BACK ||
	       (vol->core && fvp_volume_effective_mode(vol->core) == FVP_MODE_WRITE_BACK);
}

bool sim_write_back_sure(const struct sim_vol *vol)
{
	/* One that needs legs leaves write-back by itself. */
	return vol->mode == FVP_MODE_WRITE_BACK && !vol->drained && vol->core &&
	       !vol->core->legs_min && fvp_volume_effective_mode(vol->core) == FVP_MODE_WRITE_BACK;
}

/* The way that a request went is known when it is done. */
static void way_of(struct sim_req *req)
{
	struct sim_vol *vol = req->vol;
	bool changed = req->mode_seq != vol->mode_seq, flash_cache = false;

	for (u32 i = 0; i < m.flash_count; i++)
		flash_cache |= m.flash[i]->cache;
	req->write_back |= changed || sim_write_back_possible(vol);
	req->write_back_sure &= !changed && sim_write_back_sure(vol);
	if (!req->write_back_sure && req->op != FVP_REQ_READ && req->op != FVP_REQ_FLUSH)
		vol->direct++;
	req->durable = (req->fua && !req->error) || ((!req->write_back || !flash_cache) &&
						     (req->write_back_sure || !vol->origin->cache));
}

struct sim_req *sim_req_new(struct sim_vol *vol, u8 op, u64 lba, u64 len)
{
	/* These let others run, and then the power may go: before anything is allocated. */
	bool possible = sim_write_back_possible(vol), sure = sim_write_back_sure(vol);
	struct sim_req *req = calloc(1, sizeof(*req));

	req->vol = vol;
	req->op = op;
	req->lba = lba;
	req->len = len;
	if (op == FVP_REQ_READ || op == FVP_REQ_WRITE)
		req->data = calloc(len, sizeof(u64));
	if (op == FVP_REQ_WRITE) {
		u32 version = oracle_version(vol->oracle);

		for (u64 i = 0; i < len; i++)
			req->data[i] = sim_stamp(vol->number, lba + i, version);
	}
	/* Nobody may rely on what a buffer held before it was read into. */
	if (op == FVP_REQ_READ)
		for (u64 i = 0; i < len; i++)
			req->data[i] = SIM_STAMP_TORN;
	req->write_back = possible;
	req->write_back_sure = sure;
	req->mode_seq = vol->mode_seq;
	req->direct = vol->direct;
	req->direct_pending =
		vol->direct > vol->direct_flushed || (vol->core && vol->core->origin_unflushed);
	oracle_begin(vol->oracle, req);
	list_add_tail(&req->node, &vol->reqs);
	vol->inflight++;
	return req;
}

static void count_req(const struct sim_req *req)
{
	struct sim_counters *c = sim.count;

	c->requests++;
	switch (req->op) {
	case FVP_REQ_READ:
		c->reads++;
		break;
	case FVP_REQ_WRITE:
		c->writes++;
		c->writes_fua += req->fua;
		break;
	case FVP_REQ_FLUSH:
		c->flushes++;
		break;
	case FVP_REQ_DISCARD:
		c->discards++;
		break;
	default:
		c->write_zeroes++;
	}
}

/* A guest's error: the origin's, or of data that core says is lost. */
static void guest_error(struct sim_req *req)
{
	struct sim_vol *vol = req->vol;

	sim.count->guest_errors++;
	if (req->origin_failed && (req->op == FVP_REQ_READ || !req->write_back_sure ||
				   (req->op == FVP_REQ_FLUSH && req->direct_pending)))
		return;
	if (!m.flash_lost || !sim_lost_later(req))
		shim_die("volume %u: error %d for op %u %llu+%llu, but %s", vol->number, req->error,
			 req->op, req->lba, req->len,
			 req->origin_failed ? "write-back has not to wait for its origin"
					    : "the origin is well");
}

void sim_req_done(struct sim_req *req)
{
	struct sim_vol *vol = req->vol;

	way_of(req);
	if (sim.config.verbose)
		sim_note("volume %u done op %u %llu+%llu error %d%s%s%s", vol->number, req->op,
			 req->lba, req->len, req->error, req->fua ? " fua" : "",
			 req->write_back_sure ? " logged"
			 : req->write_back    ? " maybe logged"
					      : "",
			 req->durable ? " durable" : "");
	shim_trace(req->lba ^ (u64)req->op << 50 ^ (u64)-req->error << 56);
	count_req(req);
	if (req->error)
		guest_error(req);
	if (req->op == FVP_REQ_FLUSH) {
		if (!req->error) {
			oracle_flushed(vol->oracle, req->begun);
			vol->direct_flushed = max(vol->direct_flushed, req->direct);
		}
	} else if (req->op != FVP_REQ_READ) {
		oracle_end(vol->oracle, req);
	} else if (!req->error) {
		for (u64 i = 0; i < req->len; i++)
			shim_trace(req->data[i]);
		oracle_check(vol->oracle, req);
		/* At rest the origin has it all: throwing the flash away changes nothing. */
		for (u64 i = 0; req->quiet && i < req->len; i++)
			if (req->data[i] != store_peek(vol->origin->store, req->lba + i))
				shim_die("volume %u lba %llu: the origin has something else",
					 vol->number, req->lba + i);
	}
	if (vol->on_done)
		vol->on_done(req);
	list_del(&req->node);
	vol->inflight--;
	free(req->data);
	free(req);
	shim_wake(&vol->wait, UINT_MAX);
}

void sim_req_change(struct sim_req *req, u64 len)
{
	struct sim_vol *vol = req->vol;
	u32 version = oracle_version(vol->oracle);

	sim.count->changed_in_flight++;
	for (u64 i = shim_rng_below(&vol->rng, len); i < len; i++) {
		u64 value = sim_stamp(vol->number, req->lba + i, version);

		oracle_changed(vol->oracle, req, (u32)i, value);
		req->data[i] = value;
	}
}

static u64 pick_lba(struct sim_vol *vol, u64 *len)
{
	struct shim_rng *r = &vol->rng;
	u32 way = (u32)shim_rng_below(r, 10);
	u64 lba;

	*len = 1 +
	       shim_rng_below(r, shim_rng_chance(r, 1, 8) ? vol->len_max : min(vol->len_max, 16u));
	if (way < 6)
		lba = vol->hot_lba[shim_rng_below(r, ARRAY_SIZE(vol->hot_lba))] +
		      shim_rng_below(r, vol->hot_len);
	else if (way < 8)
		lba = vol->seq_lba;
	else
		lba = shim_rng_below(r, vol->sectors);
	/* Most guests' file systems work in 4 KiB blocks. */
	if (shim_rng_chance(r, 1, 3)) {
		lba = round_down(lba, 8);
		*len = round_up(*len, 8);
	}
	lba %= vol->sectors;
	*len = min_t(u64, *len, vol->sectors - lba);
	vol->seq_lba = lba + *len;
	return lba;
}

static struct sim_req *pick_req(struct sim_vol *vol)
{
	struct shim_rng *r = &vol->rng;
	u32 kind = (u32)shim_rng_below(r, 100);
	struct sim_req *req;
	u64 len, lba = pick_lba(vol, &len);

	if (kind < vol->flush_percent)
		return sim_req_new(vol, FVP_REQ_FLUSH, 0, 0);
	kind -= vol->flush_percent;
	if (kind < vol->discard_percent) {
		if (shim_rng_chance(r, 1, 10))
			len = min_t(u64, vol->sectors - lba, 1 + shim_rng_below(r, 4000));
		return sim_req_new(
			vol, shim_rng_chance(r, 1, 2) ? FVP_REQ_DISCARD : FVP_REQ_WRITE_ZEROES, lba,
			len);
	}
	if (shim_rng_below(r, 100) < vol->read_percent)
		return sim_req_new(vol, FVP_REQ_READ, lba, len);
	req = sim_req_new(vol, FVP_REQ_WRITE, lba, len);
	req->fua = shim_rng_below(r, 100) < vol->fua_percent;
	req->fickle = shim_rng_below(r, 100) < vol->fickle_percent;
	return req;
}

static void guest_cpu(void *arg)
{
	struct sim_vol *vol = arg;

	while (vol->running && vol->ops_left) {
		struct sim_req *req;

		if (vol->inflight >= vol->depth) {
			struct shim_wait wait;

			shim_wait_prepare(&wait, &vol->wait);
			shim_wait_block(&wait, "room for a request", ~0ULL);
			continue;
		}
		vol->ops_left--;
		req = pick_req(vol);
		sim_req_send(req);
		if (vol->think_ns && shim_rng_chance(&vol->rng, 1, 4))
			shim_sleep_ns(shim_rng_below(&vol->rng, vol->think_ns));
		else
			shim_point();
	}
	vol->cpus--;
	shim_wake(&vol->wait, UINT_MAX);
}

void sim_guest_start(struct sim_vol *vol, u64 ops)
{
	vol->running = true;
	vol->ops_left = ops;
	while (vol->cpus < 2) {
		vol->cpus++;
		shim_fiber_spawn("guest", guest_cpu, vol);
	}
}
