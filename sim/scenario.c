// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a machine, several times over: open the pool, attach the volumes,
 * let guests run, events (events.c), and an end: a clean stop or a power cut, wherever
 * it falls.  Each function returns false when the power cut came.
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

static bool guests_run(void)
{
	u64 steps = 500 + shim_rng_below(&sim.rng, 12000);

	for (u32 i = 0; i < m.vol_count; i++)
		machine_guests_start(&m.vol[i]);
	if (!run_steps(steps))
		return false;
	return true;
}

static bool detach_all(void)
{
	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[i];

		if (!vol->core)
			continue;
		if (!guests_stop(vol) || !check_volume(vol, shim_rng_chance(&sim.rng, 2, 3)))
			return false;
		machine_maybe_fail(vol);
		if (!machine_detach(vol, shim_rng_chance(&sim.rng, 2, 3)))
			return false;
		/* The administrator may have attached one that was done. */
		i = (u32)-1;
	}
	return true;
}

static bool close_clean(void)
{
	sim.calm = true;
	if (!detach_all())
		return false;
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
		if (!m.vol[i].waits && !m.vol[i].may_wait)
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

		if (shim_rng_chance(&sim.rng, 1, 8) && !m.last_life)
			continue;
		if (!machine_attach(vol))
			return false;
		if (shim_rng_chance(&sim.rng, 1, 2))
			machine_guests_start(vol);
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
	if (sim.config.crash_often)
		m.crash_at = min(m.crash_at, shim_steps() + 1 + shim_rng_below(r, 4000));
	if (n >= 3 && shim_rng_chance(r, 1, 2)) {
		m.watch = WATCH_SUPER + (u32)shim_rng_below(r, WATCH_COUNT - WATCH_SUPER);
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

static void check_refused(const struct open_call *call)
{
	sim_note("open refused: %s", call->text);
	sim.count->opens_refused++;
	if (!call->text[0])
		shim_die("open failed with %d and without a message", call->err);
	run_to_rest();
	if (shim_alloc_count()) {
		shim_alloc_report(10);
		shim_die("allocations left after a refused open");
	}
}

/* Is there anything for which a pool may be refused? */
static bool flash_faulty(void)
{
	/* A leg may know more than flash that failed. */
	bool fault = m.damaged || m.leg_count;

	for (u32 i = 0; i < m.flash_count; i++)
		fault |= m.flash[i]->dead || m.flash[i]->bad_count || m.flash[i]->write_failed;
	return fault;
}

/* Opens; in the end also after faults have been taken away, or with new flash. */
static bool open_pool(void)
{
	bool healed = false, replaced = false;

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
		check_refused(&call);
		if (!attempt)
			continue;
		if (replaced)
			shim_die("open of new flash: error %d: %s", call.err, call.text);
		if (!flash_faulty())
			shim_die("open: error %d without a fault%s: %s", call.err,
				 healed ? ", any more" : "", call.text);
		/* Whoever looks after his flash gets his data back. */
		healed = !healed && shim_rng_chance(&sim.rng, 2, 3) && heal_flash();
		if (healed)
			continue;
		replaced = true;
		sim.count->reformats++;
		if (!m.leg_count || !legs_recover())
			machine_replace_flash();
	}
	/* It opened all the same.  What is damaged does not come back: all goes on without it. */
	m.damaged = false;
	damage_forget();
	/* All of flash has been flushed: what was found there stays. */
	for (u32 i = 0; i < m.vol_count; i++)
		if (!m.vol[i].origin->cache)
			oracle_durable(m.vol[i].oracle, oracle_moment(m.vol[i].oracle));
	sim.calm = false;
	return true;
}

/* From power on to power off. */
static bool live(u32 *phases)
{
	plan_crash();
	m.flash_fault = false;
	m.flash_lost = false;
	m.host_lost = false;
	m.flash_trouble = false;
	for (u32 i = 0; i < m.flash_count; i++)
		m.flash_trouble |= m.flash[i]->bad_count || m.flash[i]->dead;
	m.served = false;
	if (!open_pool())
		return false;
	if (!legs_come() || !attach_some())
		return false;
	while (*phases) {
		(*phases)--;
		if (!guests_run() || !machine_event())
			return false;
		if (m.crash_at == ~0ULL && shim_rng_chance(&sim.rng, 1, 6))
			break;
	}
	return close_clean();
}

static void origins_mend(void)
{
	for (u32 i = 0; i < m.vol_count; i++) {
		struct fvp_dev *dev = m.vol[i].origin;

		dev->read_error_permille = 0;
		dev->write_error_permille = 0;
		dev->fail_writes = false;
		dev->fail_writes_until_ns = 0;
		dev->stall_until_ns = 0;
		dev->write_failed = false;
	}
}

/* With the power off. */
static void between_lives(void)
{
	bool all_dead = true;

	for (u32 i = 0; i < m.flash_count; i++)
		all_dead &= m.flash[i]->dead;
	origins_mend();
	legs_power_on();
	if ((all_dead || m.host_lost || shim_rng_chance(&sim.rng, 1, 5)) && m.leg_count &&
	    legs_recover()) {
		/* Everything anew. */
	} else if (all_dead) {
		/*
		 * Nothing took the note that its content is void.  Flash that comes back
		 * after that would be believed: it has to be replaced.
		 */
		sim.count->reformats++;
		machine_replace_flash();
	} else if (m.flash_fault) {
		machine_lose_dirty();
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
	m.last_life = true;
	m.flash_fault = m.flash_lost = false;
	heal_flash();
	for (u32 i = 0; i < m.flash_count; i++)
		m.flash[i]->bad_count = 0;
	if (open_pool()) {
		sim.calm = true;
		for (u32 i = 0; i < m.vol_count; i++)
			machine_attach(&m.vol[i]);
		close_clean();
	}
	count->seeds++;
	count->steps += shim_steps();
	machine_free();
	shim_sched_drop_all();
}
