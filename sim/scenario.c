// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a machine, several times over: open the pool, attach the volumes,
 * let guests run, events, and an end: a clean stop or a power cut, wherever it
 * falls.  Each function returns false when the power cut came.
 */
#include <stdlib.h>

#include "machine.h"

struct sim_state sim;

void sim_note(const char *fmt, ...)
{
	va_list args;

	if (!sim.config.verbose)
		return;
	printf("%12llu #%llu ", shim_now_ns(), shim_steps());
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* --- calls of core --- */

struct open_call {
	int err;
	char text[256];
	struct fvp_pool *pool;
};

static void call_open(void *arg)
{
	struct open_call *call = arg;
	struct fvp_pool_params params = { .count = m.flash_count, .block_sectors = 1 };

	for (u32 i = 0; i < m.flash_count; i++) {
		params.dev[i] = m.flash[i];
		params.block_sectors = max(params.block_sectors, m.flash[i]->block_sectors);
	}
	for (u32 i = m.flash_count; i > 1; i--) {
		u32 other = (u32)shim_rng_below(&sim.rng, i);

		sim.count->reorders += other != i - 1;
		swap(params.dev[i - 1], params.dev[other]);
	}
	call->err = fvp_pool_open(&params, &call->pool, call->text, sizeof(call->text));
	if (!call->err)
		sim.pool = call->pool;
}

static void call_close(void *arg)
{
	struct fvp_pool *pool = sim.pool;

	machine_collect_pool();
	sim.pool = NULL;
	fvp_pool_close(pool);
}

static enum fvp_mode pick_mode(void)
{
	u64 n = shim_rng_below(&sim.rng, 10);

	return n < 1   ? FVP_MODE_PASS_THROUGH
	       : n < 3 ? FVP_MODE_READ_ONLY_CACHE
		       : FVP_MODE_WRITE_THROUGH;
}

static void call_attach(void *arg)
{
	struct sim_vol *vol = arg;
	struct fvp_volume *core;
	char name[16], text[256] = "";
	int err;

	snprintf(name, sizeof(name), "vol%u", vol->number);
	vol->mode = pick_mode();
	err = fvp_volume_attach(sim.pool, vol->uuid, name, vol->origin, vol->sectors, vol->mode,
				&core, text, sizeof(text));
	if (err)
		shim_die("attach: error %d: %s", err, text);
	vol->core = core;
}

static void call_resume(void *arg)
{
	fvp_volume_resume(((struct sim_vol *)arg)->core);
	sim.in_suspend = false;
}

static void call_suspend(void *arg)
{
	sim.in_suspend = true;
	fvp_volume_suspend(((struct sim_vol *)arg)->core);
}

static void call_detach_keep(void *arg)
{
	struct sim_vol *vol = arg;
	struct fvp_volume *core = vol->core;

	machine_collect(vol);
	vol->core = NULL;
	fvp_volume_detach(core, FVP_DETACH_KEEP);
}

static void call_detach_forget(void *arg)
{
	struct sim_vol *vol = arg;
	struct fvp_volume *core = vol->core;

	machine_collect(vol);
	vol->core = NULL;
	fvp_volume_detach(core, FVP_DETACH_FORGET);
}

static void call_mode(void *arg)
{
	struct sim_vol *vol = arg;
	int err;

	vol->mode = pick_mode();
	err = fvp_volume_set_mode(vol->core, vol->mode);
	if (err)
		shim_die("set_mode(%u): error %d", vol->mode, err);
}

static void call_drop(void *arg)
{
	int err = fvp_volume_drop(((struct sim_vol *)arg)->core);

	if (err && !m.flash_fault)
		shim_die("drop: error %d", err);
}

static void call_wait_loaded(void *arg)
{
	fvp_pool_wait_loaded(sim.pool);
}

/* --- pieces of a life --- */

/* Whoever may write the origin now does. */
static void write_behind(struct sim_vol *vol)
{
	u32 count = 1 + (u32)shim_rng_below(&sim.rng, 40);
	u32 version = oracle_version(vol->oracle);

	sim_note("volume %u written behind the cache", vol->number);
	while (count--) {
		u64 at = vol->hot_lba[shim_rng_below(&sim.rng, ARRAY_SIZE(vol->hot_lba))] +
			 shim_rng_below(&sim.rng, vol->hot_len);
		u64 len = 1 + shim_rng_below(&sim.rng, 64);

		at %= vol->sectors;
		for (u64 lba = at; lba < min(at + len, vol->sectors); lba++) {
			u64 stamp = sim_stamp(vol->number, lba, version);

			store_poke(vol->origin->store, lba, 1,
				   (struct sim_data){ .stamps = &stamp });
			oracle_set(vol->oracle, lba, stamp);
			sim.count->behind_back_writes++;
		}
	}
}

static bool attach(struct sim_vol *vol)
{
	return run_call("attach", call_attach, vol) && run_call("resume", call_resume, vol);
}

static bool detach(struct sim_vol *vol, bool keep)
{
	if (!guests_stop(vol))
		return false;
	/* As dm does it: suspended first, mostly. */
	if (shim_rng_chance(&sim.rng, 2, 3) && !run_call("suspend", call_suspend, vol))
		return false;
	sim.in_suspend = false;
	if (!run_call(keep ? "detach, keep" : "detach, forget",
		      keep ? call_detach_keep : call_detach_forget, vol))
		return false;
	*(keep ? &sim.count->detaches_keep : &sim.count->detaches_forget) += 1;
	if (!keep && shim_rng_chance(&sim.rng, 2, 3))
		write_behind(vol);
	return true;
}

static void guest_start(struct sim_vol *vol)
{
	if (vol->core)
		sim_guest_start(vol, 50 + shim_rng_below(&sim.rng, 300));
}

static bool event_suspend(struct sim_vol *vol)
{
	sim.count->suspends++;
	if (!guests_stop(vol) || !run_call("suspend", call_suspend, vol))
		return false;
	/*
	 * Resumed, the content is believed: nobody wrote.  But whoever finds it
	 * suspended after a power cut must not believe it.
	 */
	if (shim_rng_chance(&sim.rng, 1, 5)) {
		write_behind(vol);
		m.crash_at = shim_steps();
		return false;
	}
	return run_steps(shim_rng_below(&sim.rng, 200)) && run_call("resume", call_resume, vol);
}

static bool event_reattach(struct sim_vol *vol)
{
	return detach(vol, shim_rng_chance(&sim.rng, 1, 2)) &&
	       run_steps(shim_rng_below(&sim.rng, 500)) && attach(vol);
}

static bool event_faults(void)
{
	struct shim_rng *r = &sim.rng;
	struct fvp_dev *flash = m.flash[shim_rng_below(r, m.flash_count)];
	struct sim_vol *vol = &m.vol[shim_rng_below(r, m.vol_count)];

	switch (shim_rng_below(r, 6)) {
	case 0:
		flash->read_error_permille = (u32)shim_rng_below(r, 100);
		break;
	case 1:
		bad_flash();
		break;
	case 2:
		vol->origin->read_error_permille = (u32)shim_rng_below(r, 60);
		break;
	case 3:
		vol->origin->write_error_permille = (u32)shim_rng_below(r, 60);
		break;
	case 4:
		if (!m.flash_fault && shim_rng_chance(r, 1, 3)) {
			m.flash_fault = true;
			flash->fail_next_write = true;
		}
		break;
	case 5:
		if (!m.flash_fault && shim_rng_chance(r, 1, 4)) {
			sim_note("%s dies", flash->name);
			m.flash_fault = true;
			flash->dead = true;
			sim.count->fault_flash_dead++;
		}
		break;
	}
	return true;
}

static bool event(void)
{
	struct sim_vol *vol = &m.vol[shim_rng_below(&sim.rng, m.vol_count)];

	if (!vol->core)
		return attach(vol);
	switch (shim_rng_below(&sim.rng, 12)) {
	case 0:
	case 1:
	case 2:
		return guests_stop(vol) && check_volume(vol, true);
	case 3:
		sim.count->mode_changes++;
		return run_call("mode", call_mode, vol);
	case 4:
	case 5:
		return event_suspend(vol);
	case 6:
		return event_reattach(vol);
	case 7:
		sim.count->drops++;
		return run_call("drop", call_drop, vol);
	case 8:
	case 9:
	case 10:
		return event_faults();
	default:
		return run_call("wait-loaded", call_wait_loaded, NULL);
	}
}

static bool guests_run(void)
{
	u64 steps = 500 + shim_rng_below(&sim.rng, 12000);

	for (u32 i = 0; i < m.vol_count; i++)
		guest_start(&m.vol[i]);
	if (!run_steps(steps))
		return false;
	return true;
}

static bool close_clean(void)
{
	sim.calm = true;
	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[i];

		if (!vol->core)
			continue;
		if (!guests_stop(vol) || !check_volume(vol, shim_rng_chance(&sim.rng, 2, 3)) ||
		    !detach(vol, shim_rng_chance(&sim.rng, 2, 3)))
			return false;
	}
	if (!run_call("close", call_close, NULL))
		return false;
	m.crash_at = ~0ULL;
	m.watch = WATCH_NONE;
	run_to_rest();
	if (shim_alloc_count()) {
		shim_alloc_report(10);
		shim_die("%llu allocations left after a clean stop", shim_alloc_count());
	}
	for (u32 i = 0; i < m.vol_count; i++)
		check_origin(&m.vol[i]);
	sim.count->clean_closes++;
	return true;
}

/* Most of the volumes, in any order; guests of the first run while the others come. */
static bool attach_some(void)
{
	u32 first = (u32)shim_rng_below(&sim.rng, m.vol_count);

	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[(first + i) % m.vol_count];

		if (shim_rng_chance(&sim.rng, 1, 8))
			continue;
		if (!attach(vol))
			return false;
		if (shim_rng_chance(&sim.rng, 1, 2))
			guest_start(vol);
	}
	return true;
}

static void plan_crash(void)
{
	struct shim_rng *r = &sim.rng;
	u64 n = shim_rng_below(r, 20);

	m.watch = WATCH_NONE;
	if (n < 3)
		m.crash_at = ~0ULL;
	else if (n < 5)
		m.crash_at = shim_steps() + 1 + shim_rng_below(r, 150);
	else if (n < 10)
		m.crash_at = shim_steps() + 20 + shim_rng_below(r, 3000);
	else
		m.crash_at = shim_steps() + 3000 + shim_rng_below(r, 40000);
	if (n >= 3 && shim_rng_chance(r, 1, 3)) {
		m.watch = WATCH_SUPER + (u32)shim_rng_below(r, 4);
		m.watch_left = (u32)shim_rng_below(r, shim_rng_chance(r, 1, 2) ? 6 : 100);
	}
}

/* One device is not there: refused, and nothing written.  Then it is back. */
static bool open_without(struct fvp_dev *dev)
{
	struct open_call call = { 0 };
	u64 writes = sim.count->flash_writes;

	sim_note("%s is missing", dev->name);
	dev->dead = true;
	if (!run_call("open", call_open, &call))
		return false;
	if (!call.err || !call.text[0])
		shim_die("open without %s: error %d, message '%s'", dev->name, call.err, call.text);
	if (sim.count->flash_writes != writes)
		shim_die("open without %s wrote to flash", dev->name);
	sim.count->opens_refused++;
	dev->dead = false;
	return true;
}

/* Opens; in the end also after faults have been taken away, or with new flash. */
static bool open_pool(void)
{
	if (!sim.calm && shim_rng_chance(&sim.rng, 1, 10) &&
	    !open_without(m.flash[shim_rng_below(&sim.rng, m.flash_count)]))
		return false;
	for (u32 attempt = 0;; attempt++) {
		struct open_call call = { 0 };

		sim.calm = attempt > 0 || shim_rng_chance(&sim.rng, 1, 2);
		sim.count->opens++;
		if (!run_call("open", call_open, &call))
			return false;
		if (!call.err)
			break;
		sim_note("open refused: %s", call.text);
		sim.count->opens_refused++;
		if (!call.text[0])
			shim_die("open failed with %d and without a message", call.err);
		run_to_rest();
		if (shim_alloc_count()) {
			shim_alloc_report(10);
			shim_die("allocations left after a refused open");
		}
		if (attempt == 1) {
			bool fault = false;

			for (u32 i = 0; i < m.flash_count; i++)
				fault |= m.flash[i]->dead || m.flash[i]->bad_count ||
					 m.flash[i]->write_failed;
			if (!fault)
				shim_die("open: error %d without a fault: %s", call.err, call.text);
			sim.count->reformats++;
			machine_format();
		}
		if (attempt > 2)
			shim_die("open of new flash: error %d: %s", call.err, call.text);
	}
	sim.calm = false;
	return true;
}

/* From power on to power off. */
static bool live(u32 *phases)
{
	plan_crash();
	m.flash_fault = false;
	if (!open_pool())
		return false;
	if (!attach_some())
		return false;
	while (*phases) {
		(*phases)--;
		if (!guests_run() || !event())
			return false;
		if (m.crash_at == ~0ULL && shim_rng_chance(&sim.rng, 1, 6))
			break;
	}
	return close_clean();
}

/* With the power off. */
static void between_lives(void)
{
	bool all_dead = true;

	for (u32 i = 0; i < m.flash_count; i++)
		all_dead &= m.flash[i]->dead;
	if (all_dead) {
		/*
		 * Nothing took the note that its content is void.  Flash that comes back
		 * after that would be believed: it has to be replaced.
		 */
		sim.count->reformats++;
		machine_format();
	}
	for (u32 i = 0; i < m.flash_count; i++) {
		struct fvp_dev *dev = m.flash[i];

		sim.count->fault_flash_returned += dev->dead;
		dev->dead = false; /* also if the power went while it was missing */
		dev->fail_next_write = false;
		dev->read_error_permille = 0;
		if (shim_rng_chance(&sim.rng, 1, 2))
			dev->bad_count = 0;
	}
	for (u32 i = 0; i < m.vol_count; i++) {
		m.vol[i].origin->read_error_permille = 0;
		m.vol[i].origin->write_error_permille = 0;
	}
	if (shim_rng_chance(&sim.rng, 1, 6))
		corrupt_flash();
	if (shim_rng_chance(&sim.rng, 1, 12))
		bad_flash();
}

static void sched_params(struct shim_sched_params *p, u64 seed)
{
	struct shim_rng *r = &sim.rng;
	static const u32 means[] = { 0, 4, 20, 60, 200, 1000 };

	p->seed = seed;
	p->point_mean = means[shim_rng_below(r, ARRAY_SIZE(means))];
	p->stall_percent = shim_rng_chance(r, 1, 2) ? (u32)shim_rng_below(r, 30) : 0;
	p->stall_ns_max = 1000 + (u32)shim_rng_below(r, 500000);
	p->step_ns_max = 100 + (u32)shim_rng_below(r, 2000);
	p->in_order = shim_rng_chance(r, 1, 5);
}

void sim_run_seed(const struct sim_config *config, struct sim_counters *count)
{
	struct shim_sched_params params = { 0 };
	u32 phases = config->phases;

	memset(&sim, 0, sizeof(sim));
	sim.config = *config;
	sim.count = count;
	sim.rng.s = config->seed * 0x9E3779B97F4A7C15ULL + 1;
	sim.io_rng.s = config->seed ^ 0x5851F42D4C957F2DULL;
	shim_crc_constant = config->defect == SIM_DEFECT_NO_CRC;
	sched_params(&params, config->seed);
	shim_sched_init(&params);
	machine_build(config->seed);
	while (phases) {
		if (!live(&phases))
			machine_crash();
		between_lives();
	}
	/* The last word: everything is there, on a machine without faults. */
	sim.calm = true;
	m.crash_at = ~0ULL;
	m.watch = WATCH_NONE;
	for (u32 i = 0; i < m.flash_count; i++)
		m.flash[i]->bad_count = 0;
	if (open_pool()) {
		sim.calm = true;
		for (u32 i = 0; i < m.vol_count; i++)
			attach(&m.vol[i]);
		close_clean();
	}
	count->seeds++;
	count->steps += shim_steps();
	machine_free();
	shim_sched_drop_all();
}
