// SPDX-License-Identifier: GPL-2.0
/* Core's calls, each run as a process would, and what must hold after it. */
#include "machine.h"

/* Longest time that something may take while the devices work. */
#define PATIENCE_NS (120ULL * NSEC_PER_SEC)

void call_open(void *arg)
{
	struct open_call *call = arg;
	struct fvp_pool_params params = { .count = m.flash_count, .block_sectors = 1 };

	for (u32 i = 0; i < m.flash_count; i++) {
		params.dev[i] = m.flash[i];
		params.block_sectors = max(params.block_sectors, m.flash[i]->block_sectors);
	}
	legs_params(&params);
	for (u32 i = m.flash_count; i > 1; i--) {
		u32 other = (u32)shim_rng_below(&sim.rng, i);

		sim.count->reorders += other != i - 1;
		swap(params.dev[i - 1], params.dev[other]);
	}
	call->err = fvp_pool_open(&params, &call->pool, call->text, sizeof(call->text));
	if (!call->err)
		sim.pool = call->pool;
}

void call_close(void *arg)
{
	struct fvp_pool *pool = sim.pool;

	machine_collect_pool();
	sim.pool = NULL;
	fvp_pool_close(pool);
}

void call_wait_loaded(void *arg)
{
	fvp_pool_wait_loaded(sim.pool);
}

/*
 * Begins a scrub and mostly waits for it.  On flash that gives back what it was given there
 * is nothing to find but damaged headers.
 */
void call_scrub(void *arg)
{
	static const u32 rates[] = { 0, 2048, 20480, ~0u };
	u32 rate = rates[shim_rng_below(&sim.rng, ARRAY_SIZE(rates))];
	bool wait = shim_rng_chance(&sim.rng, 3, 4);
	struct fvp_scrub_status status;
	int err = fvp_scrub_start(sim.pool, rate);

	if (err && err != -EBUSY && err != -EIO)
		shim_die("scrub: error %d", err);
	if (!err)
		sim.count->scrubs++;
	for (u32 i = 0; i < 200; i++) {
		fvp_scrub_status(sim.pool, &status);
		if (!status.running || !wait)
			break;
		shim_sleep_ns(50000000);
	}
	if (status.running && wait && shim_rng_chance(&sim.rng, 1, 2)) {
		fvp_scrub_stop(sim.pool);
		fvp_scrub_status(sim.pool, &status);
		if (status.running)
			shim_die("a scrub does not stop");
	}
	sim.count->scrubs_complete += status.complete;
	sim.count->scrub_checked_sectors += status.checked_sectors;
	sim.count->scrub_headers += status.headers_mended;
	if (!m.flash_trouble && (status.dropped_sectors || status.damaged_sectors ||
				 status.mended_sectors || status.unreadable))
		shim_die("scrub: %llu sectors dropped, %llu damaged, %llu mended, %llu segments "
			 "unreadable, but flash is well",
			 status.dropped_sectors, status.damaged_sectors, status.mended_sectors,
			 status.unreadable);
}

/* What decides the way of a write changes: who began before may have gone either way. */
static void way_changes(struct sim_vol *vol)
{
	vol->mode_seq++;
	vol->direct++;
}

/* --- what core says --- */

static void dirty_look(struct sim_vol *vol)
{
	struct fvp_dirty_status old = vol->dirty;

	fvp_volume_dirty(vol->core, &vol->dirty);
	if (vol->dirty.in < vol->dirty.out || vol->dirty.in < old.in || vol->dirty.out < old.out)
		shim_die("volume %u: dirty in %llu out %llu, before that %llu and %llu",
			 vol->number, vol->dirty.in, vol->dirty.out, old.in, old.out);
}

static void lost_look(struct sim_vol *vol)
{
	struct fvp_lost_range ranges[SIM_LOST_MAX];
	u32 count = fvp_volume_lost(vol->core, ranges, SIM_LOST_MAX);

	if (count && leg_covers(vol))
		shim_die("volume %u: %llu+%llu lost, but a replica has it", vol->number,
			 ranges[0].lba, ranges[0].len_sectors);
	if (count && !m.flash_lost)
		shim_die("volume %u: %llu+%llu lost, but all of flash can be read", vol->number,
			 ranges[0].lba, ranges[0].len_sectors);
	if (count > SIM_LOST_MAX) {
		/* Not worth an exact account. */
		vol->lost[0] = (struct dev_range){ 0, vol->sectors };
		vol->lost_count = 1;
		return;
	}
	for (u32 i = 0; i < count; i++) {
		if (ranges[i].lba + ranges[i].len_sectors > vol->sectors ||
		    !ranges[i].len_sectors ||
		    (i && ranges[i].lba < ranges[i - 1].lba + ranges[i - 1].len_sectors))
			shim_die("volume %u: lost ranges make no sense", vol->number);
		vol->lost[i] = (struct dev_range){ ranges[i].lba, ranges[i].len_sectors };
	}
	vol->lost_count = count;
}

static bool touches(const struct dev_range *list, u32 count, u64 lba, u64 len)
{
	for (u32 i = 0; i < count; i++)
		if (list[i].sector < lba + len && lba < list[i].sector + list[i].len)
			return true;
	return false;
}

static bool is_lost(const struct sim_vol *vol, u64 lba, u64 len)
{
	return touches(vol->lost, vol->lost_count, lba, len);
}

/* Was some of it forgotten as lost after a request of that moment had begun? */
static bool was_lost(const struct sim_vol *vol, const struct dev_range *range, u64 begun)
{
	for (u32 i = 0; i < SIM_FORGOT_MAX; i++)
		if (begun <= vol->forgot_moment[i] &&
		    touches(&vol->forgot[i], 1, range->sector, range->len))
			return true;
	return false;
}

static void explain_errors(void *arg)
{
	struct sim_vol *vol = arg;

	if (vol->core)
		lost_look(vol);
	for (u32 i = 0; vol->core && i < vol->error_count; i++) {
		struct dev_range *range = &vol->errors[i];

		if (!is_lost(vol, range->sector, range->len) &&
		    !was_lost(vol, range, vol->error_begun[i]))
			shim_die("volume %u: error for %llu+%llu, which core does not say is lost",
				 vol->number, range->sector, range->len);
	}
	vol->error_count = 0;
	vol->error_check = false;
	shim_wake(&vol->wait, UINT_MAX);
}

bool sim_lost_later(const struct sim_req *req)
{
	struct sim_vol *vol = req->vol;

	if (req->op == FVP_REQ_FLUSH)
		return false;
	sim.count->lost_errors++;
	/* Only flash had it, perhaps, and did not give it when it was asked. */
	if (req->op == FVP_REQ_READ && past_written(oracle_past(vol->oracle), req->lba, req->len))
		return true;
	if (vol->error_count < ARRAY_SIZE(vol->errors)) {
		vol->error_begun[vol->error_count] = req->begun;
		vol->errors[vol->error_count++] = (struct dev_range){ req->lba, req->len };
	}
	if (!vol->error_check) {
		vol->error_check = true;
		shim_fiber_spawn("explain errors", explain_errors, vol);
	}
	return true;
}

/* What is lost is the origin's again: whoever reads it first, knows what it is now. */
static void lost_to_oracle(void *arg, u64 lba)
{
	struct sim_vol *vol = arg;

	if (is_lost(vol, lba, 1))
		oracle_lose(vol->oracle, lba);
}

static void lose(struct sim_vol *vol)
{
	lost_look(vol);
	if (!vol->lost_count)
		return;
	sim_note("volume %u: %u lost ranges", vol->number, vol->lost_count);
	sim.count->lost_ranges += vol->lost_count;
	oracle_for_each(vol->oracle, lost_to_oracle, vol);
	past_distrust(oracle_past(vol->oracle));
	for (u32 i = 0; i < vol->lost_count; i++) {
		u32 at = vol->forgot_count++ % SIM_FORGOT_MAX;

		vol->forgot[at] = vol->lost[i];
		vol->forgot_moment[at] = ~0ULL;
	}
	vol->lost_count = 0;
}

/* What an administrator does about a loss, sooner or later. */
static void forget_lost(struct sim_vol *vol)
{
	dirty_look(vol);
	/* More may be found, or saved, until a failed pool's data has been seen to. */
	if (!vol->dirty.lost_sectors ||
	    (vol->dirty.draining && READ_ONCE(sim.pool->health) != FVP_POOL_OK))
		return;
	lose(vol);
	fvp_volume_forget_lost(vol->core);
	for (u32 i = 0; i < SIM_FORGOT_MAX; i++)
		if (vol->forgot_moment[i] == ~0ULL)
			vol->forgot_moment[i] = oracle_moment(vol->oracle);
	sim.count->lost_forgotten++;
}

void call_forget_lost(void *arg)
{
	forget_lost(arg);
}

/* Dirty data that waits for its origin may fill the log up. */
static void attach_waiting(struct sim_vol *vol)
{
	if (!fvp_pool_waiting(sim.pool, NULL))
		return;
	sim_note("volume %u is attached, as others wait", vol->number);
	sim.count->stuck_by_waiting++;
	call_attach(vol);
	call_resume(vol);
}

static void administrator(void *arg)
{
	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[i];

		/*
		 * A full log waits for its origins.  (And a batch that has to succeed as a
		 * whole may never, if each write may fail.)
		 */
		vol->origin->fail_writes = false;
		vol->origin->write_error_permille = 0;
		if (vol->core && !vol->leaving)
			forget_lost(vol);
		else if (!vol->core && !vol->moving)
			attach_waiting(vol);
	}
	m.administrator = false;
	for (u32 i = 0; i < m.vol_count; i++)
		shim_wake(&m.vol[i].wait, UINT_MAX);
}

void sim_call_administrator(void)
{
	if (m.administrator)
		return;
	m.administrator = true;
	shim_fiber_spawn("administrator", administrator, NULL);
}

/* A volume comes or goes: nobody else may be at it. */
static void administrator_wait(void)
{
	while (m.administrator)
		shim_sleep_ns(100000);
}

static void leave(struct sim_vol *vol)
{
	vol->leaving = true;
	administrator_wait();
}

/* --- coming and going --- */

static enum fvp_mode pick_mode(void)
{
	u64 n = shim_rng_below(&sim.rng, 10);

	if (shim_rng_below(&sim.rng, 100) < m.write_back_percent)
		return FVP_MODE_WRITE_BACK;
	return n < 1   ? FVP_MODE_PASS_THROUGH
	       : n < 3 ? FVP_MODE_READ_ONLY_CACHE
		       : FVP_MODE_WRITE_THROUGH;
}

static void set_order(struct sim_vol *vol, bool relaxed)
{
	vol->order = relaxed ? FVP_ORDER_RELAXED : FVP_ORDER_STRICT;
	if (relaxed)
		past_not_strict(oracle_past(vol->oracle));
	fvp_volume_set_order(vol->core, sim.config.defect == SIM_DEFECT_RELAXED_ORDER
						? FVP_ORDER_RELAXED
						: (enum fvp_order)vol->order);
}

void call_order(void *arg)
{
	struct sim_vol *vol = arg;

	set_order(vol, vol->order == FVP_ORDER_STRICT);
}

void call_attach(void *arg)
{
	struct sim_vol *vol = arg;
	struct past *past = oracle_past(vol->oracle);
	bool relaxed = shim_rng_chance(&sim.rng, 1, 3);
	struct fvp_volume *core;
	char name[16], text[256] = "";
	int err;

	snprintf(name, sizeof(name), "vol%u", vol->number);
	vol->mode = pick_mode();
	way_changes(vol);
	if (vol->mode == FVP_MODE_WRITE_BACK)
		oracle_write_back(vol->oracle);
	err = fvp_volume_attach(sim.pool, vol->uuid, name, vol->origin, vol->sectors, vol->mode,
				&core, text, sizeof(text));
	if (err)
		shim_die("attach: error %d: %s", err, text);
	vol->core = core;
	vol->may_wait = false;
	vol->lost_count = 0;
	memset(&vol->dirty, 0, sizeof(vol->dirty));
	dirty_look(vol);
	sim.count->attached_dirty += vol->dirty.sectors != 0;
	if (vol->dirty.sectors) {
		set_order(vol, relaxed);
		return;
	}
	if (vol->waits && !m.flash_fault)
		shim_die("volume %u: the pool held dirty data for it, and does not now",
			 vol->number);
	past_require(past, oracle_moment(vol->oracle),
		     "nothing is dirty at attach, but the origin lacks something");
	past_reset(past, true);
	set_order(vol, relaxed);
}

void call_come(void *arg)
{
	struct sim_vol *vol = arg;

	vol->moving = true;
	administrator_wait();
	if (!vol->core) {
		call_attach(vol);
		call_resume(vol);
	}
	vol->moving = false;
	if (m.leg_count && !vol->core->legs && shim_rng_chance(&sim.rng, 2, 3))
		call_legs(vol);
}

void call_resume(void *arg)
{
	struct sim_vol *vol = arg;

	way_changes(vol);
	vol->drained = vol->leaving = false;
	fvp_volume_resume(vol->core);
	vol->waits = false;
	sim.in_suspend = false;
}

/* Just after the origin was given something is a good moment for a power cut. */
static void maybe_crash_soon(void)
{
	if (m.crash_at != ~0ULL && shim_rng_chance(&sim.rng, 1, 5))
		m.crash_at = min(m.crash_at, shim_steps() + shim_rng_below(&sim.rng, 100));
}

/* Nothing of the volume is dirty any more. */
static void check_clean(struct sim_vol *vol, u64 moment, const char *what)
{
	dirty_look(vol);
	if (vol->dirty.sectors)
		shim_die("volume %u: %s, but %llu sectors are dirty", vol->number, what,
			 vol->dirty.sectors);
	lost_look(vol);
	past_require(oracle_past(vol->oracle), moment, what);
}

void call_drain(void *arg)
{
	struct sim_vol *vol = arg;
	u64 moment = oracle_moment(vol->oracle);
	int err;

	way_changes(vol);
	vol->drained = true;
	m.draining++;
	err = fvp_volume_drain(vol->core);
	m.draining--;
	if (!err) {
		sim.count->drains_ok++;
		check_clean(vol, moment, "drained");
		maybe_crash_soon();
		return;
	}
	sim.count->drains_failed++;
	dirty_look(vol);
	if (err != -EIO || (!vol->origin->write_failed && !vol->dirty.lost_sectors))
		shim_die("volume %u: drain: error %d, but the origin is well", vol->number, err);
}

void call_drain_undo(void *arg)
{
	struct sim_vol *vol = arg;

	fvp_volume_drain_undo(vol->core);
	way_changes(vol);
	vol->drained = false;
	sim.count->drains_undone++;
}

void call_suspend(void *arg)
{
	struct sim_vol *vol = arg;

	leave(vol);
	sim.in_suspend = true;
	way_changes(vol);
	m.draining++;
	fvp_volume_suspend(vol->core);
	m.draining--;
	dirty_look(vol);
	if (!vol->dirty.sectors)
		check_clean(vol, oracle_moment(vol->oracle), "suspended");
	else if (!vol->origin->write_failed && !vol->dirty.lost_sectors)
		shim_die("volume %u: dirty after a suspend, but the origin is well", vol->number);
}

static void call_detach(struct sim_vol *vol, enum fvp_detach how)
{
	struct fvp_volume *core = vol->core;
	u32 waiting = fvp_pool_waiting(sim.pool, NULL);

	leave(vol);
	if (vol->core->active)
		fvp_volume_suspend(vol->core);
	dirty_look(vol);
	/* What waits in the pool stays lost; else this is the end of the account. */
	if (!vol->dirty.sectors)
		lose(vol);
	machine_collect(vol);
	vol->moving = true;
	vol->core = NULL;
	way_changes(vol);
	vol->drained = false;
	m.draining++;
	fvp_volume_detach(core, how);
	m.draining--;
	vol->moving = false;
	vol->waits = fvp_pool_waiting(sim.pool, NULL) > waiting;
	sim.count->waiting_volumes += vol->waits;
	if (!vol->waits)
		past_require(oracle_past(vol->oracle), oracle_moment(vol->oracle),
			     "detached, nothing waits, but the origin lacks something");
	else if (!vol->origin->write_failed && !vol->dirty.lost_sectors)
		shim_die("volume %u: detached dirty, but the origin is well", vol->number);
}

void call_detach_keep(void *arg)
{
	call_detach(arg, FVP_DETACH_KEEP);
}

void call_detach_forget(void *arg)
{
	call_detach(arg, FVP_DETACH_FORGET);
}

/* --- while it runs --- */

void call_mode(void *arg)
{
	struct sim_vol *vol = arg;
	int err;

	vol->mode = pick_mode();
	way_changes(vol);
	if (vol->mode == FVP_MODE_WRITE_BACK)
		oracle_write_back(vol->oracle);
	err = fvp_volume_set_mode(vol->core, vol->mode);
	if (err)
		shim_die("set_mode(%u): error %d", vol->mode, err);
	way_changes(vol);
}

/* For ever is too long, but an origin in trouble takes its time. */
static void patience(struct sim_vol *vol, u64 begun, const char *what)
{
	if (shim_now_ns() - begun > PATIENCE_NS / 10)
		sim_call_administrator();
	if (shim_now_ns() - begun < PATIENCE_NS)
		return;
	dirty_look(vol);
	shim_sched_report();
	shim_die("volume %u: %s takes for ever: dirty %llu sectors, in %llu out %llu%s%s",
		 vol->number, what, vol->dirty.sectors, vol->dirty.in, vol->dirty.out,
		 vol->dirty.draining ? ", draining" : "",
		 vol->dirty.origin_failing ? ", origin failing" : "");
}

static u64 pause_ns(void)
{
	return 10000 + shim_rng_below(&sim.rng, 5000000);
}

void call_mode_wait(void *arg)
{
	struct sim_vol *vol = arg;
	u64 begun = shim_now_ns();

	/* A leg that is away may keep it out of write-back. */
	if (vol->mode == FVP_MODE_WRITE_BACK && vol->core->legs_min)
		return;
	sim.count->mode_waits++;
	while (fvp_volume_effective_mode(vol->core) != vol->mode &&
	       READ_ONCE(sim.pool->health) == FVP_POOL_OK) {
		patience(vol, begun, "a change of mode");
		shim_sleep_ns(pause_ns());
	}
	if (READ_ONCE(sim.pool->health) != FVP_POOL_OK || vol->mode == FVP_MODE_WRITE_BACK)
		return;
	check_clean(vol, 0, "out of write-back");
}

void call_flush_wait(void *arg)
{
	struct sim_vol *vol = arg;
	u64 moment = oracle_moment(vol->oracle), begun = shim_now_ns();
	u64 until = fvp_volume_flush(vol->core);

	sim.count->flush_waits++;
	dirty_look(vol);
	if (until > vol->dirty.in)
		shim_die("volume %u: flush: until %llu, but only %llu were ever dirty", vol->number,
			 until, vol->dirty.in);
	while (vol->dirty.out < until) {
		patience(vol, begun, "a flush to the origin");
		shim_sleep_ns(pause_ns());
		dirty_look(vol);
	}
	lost_look(vol);
	past_require(oracle_past(vol->oracle), moment, "flushed, but the origin lacks something");
	maybe_crash_soon();
}

void call_drop(void *arg)
{
	struct sim_vol *vol = arg;
	int err;

	/* It leaves write-back for that. */
	way_changes(vol);
	vol->drained = true;
	err = fvp_volume_drop(vol->core);
	way_changes(vol);
	vol->drained = false;
	dirty_look(vol);
	if (err && !m.flash_fault && !vol->origin->write_failed && !vol->dirty.lost_sectors)
		shim_die("drop: error %d", err);
}
