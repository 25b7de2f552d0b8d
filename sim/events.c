// SPDX-License-Identifier: GPL-2.0
/*
 * What may happen while a machine runs: suspends, drains, changes of mode, devices in
 * trouble.  Each function returns false when the power cut came.
 */
#include "machine.h"

void machine_guests_start(struct sim_vol *vol)
{
	if (!vol->core)
		return;
	m.served = true;
	sim_guest_start(vol, 50 + shim_rng_below(&sim.rng, 300));
}

/* Whoever may write the origin now does. */
static void write_behind(struct sim_vol *vol)
{
	u32 count = 1 + (u32)shim_rng_below(&sim.rng, 40);
	u32 version = oracle_version(vol->oracle);

	sim_note("volume %u written behind the cache", vol->number);
	past_reset(oracle_past(vol->oracle), true);
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

bool machine_attach(struct sim_vol *vol)
{
	return run_call("attach", call_come, vol);
}

bool machine_detach(struct sim_vol *vol, bool keep)
{
	/* As dm does it, mostly: drained while requests come, then suspended. */
	if (shim_rng_chance(&sim.rng, 1, 3) && !run_call("drain", call_drain, vol))
		return false;
	if (!guests_stop(vol))
		return false;
	if (shim_rng_chance(&sim.rng, 2, 3) && !run_call("suspend", call_suspend, vol))
		return false;
	sim.in_suspend = false;
	if (!run_call(keep ? "detach, keep" : "detach, forget",
		      keep ? call_detach_keep : call_detach_forget, vol))
		return false;
	*(keep ? &sim.count->detaches_keep : &sim.count->detaches_forget) += 1;
	/* Nobody in his senses writes an origin for which a pool still holds data. */
	if (!keep && !vol->waits && shim_rng_chance(&sim.rng, 2, 3))
		write_behind(vol);
	return true;
}

void machine_maybe_fail(struct sim_vol *vol)
{
	if (!shim_rng_chance(&sim.rng, 1, 6) || m.last_life || !sim_write_back_possible(vol))
		return;
	sim_note("%s fails writes until further notice", vol->origin->name);
	vol->origin->fail_writes = true;
	sim.count->fault_origin_fails++;
}

static bool event_suspend(struct sim_vol *vol)
{
	bool clean;

	sim.count->suspends++;
	if (shim_rng_chance(&sim.rng, 3, 4)) {
		if (!run_call("drain", call_drain, vol))
			return false;
		if (shim_rng_chance(&sim.rng, 1, 4))
			return run_call("drain undone", call_drain_undo, vol);
	}
	if (!guests_stop(vol) || !run_call("suspend", call_suspend, vol))
		return false;
	clean = !vol->dirty.sectors && !vol->dirty.lost_sectors;
	if (clean && shim_rng_chance(&sim.rng, 1, 3))
		check_origin(vol);
	/*
	 * Resumed, the content is believed: nobody wrote.  But whoever finds it
	 * suspended after a power cut must not believe it.
	 */
	if (clean && shim_rng_chance(&sim.rng, 1, 5)) {
		write_behind(vol);
		m.crash_at = shim_steps();
		return false;
	}
	return run_steps(shim_rng_below(&sim.rng, 200)) && run_call("resume", call_resume, vol);
}

static bool event_reattach(struct sim_vol *vol)
{
	machine_maybe_fail(vol);
	if (!machine_detach(vol, shim_rng_chance(&sim.rng, 1, 2)))
		return false;
	vol->origin->fail_writes = shim_rng_chance(&sim.rng, 1, 2) && vol->origin->fail_writes;
	if (!run_steps(shim_rng_below(&sim.rng, 500)) || !machine_attach(vol))
		return false;
	vol->origin->fail_writes = false;
	return true;
}

static bool event_mode(struct sim_vol *vol)
{
	sim.count->mode_changes++;
	if (!run_call("mode", call_mode, vol))
		return false;
	return !shim_rng_chance(&sim.rng, 1, 3) || run_call("mode wait", call_mode_wait, vol);
}

static bool event_check(struct sim_vol *vol)
{
	if (!guests_stop(vol))
		return false;
	if (shim_rng_chance(&sim.rng, 1, 2) && !run_call("flush", call_flush_wait, vol))
		return false;
	return check_volume(vol, true);
}

/* Guests go on while their data is being destaged. */
static bool event_flush(struct sim_vol *vol)
{
	machine_guests_start(vol);
	return run_steps(shim_rng_below(&sim.rng, 2000)) && run_call("flush", call_flush_wait, vol);
}

static void event_flash_fault(struct fvp_dev *flash)
{
	struct shim_rng *r = &sim.rng;

	m.flash_trouble = true;
	switch (shim_rng_below(r, 4)) {
	case 0:
		flash->read_error_permille = (u32)shim_rng_below(r, 100);
		break;
	case 1:
		bad_flash();
		break;
	case 2:
		if (!m.flash_fault && shim_rng_chance(r, 1, 3)) {
			m.flash_fault = true;
			flash->fail_next_write = true;
		}
		break;
	case 3:
		if (!m.flash_fault && shim_rng_chance(r, 1, m.leg_count ? 2 : 4)) {
			sim_note("%s dies", flash->name);
			m.flash_fault = true;
			flash->dead = true;
			sim.count->fault_flash_dead++;
		}
		break;
	}
}

static void event_origin_fault(struct fvp_dev *origin)
{
	struct shim_rng *r = &sim.rng;
	u64 ns = shim_rng_below(r, shim_rng_chance(r, 1, 3) ? 10000000000ULL : 300000000ULL);

	switch (shim_rng_below(r, 4)) {
	case 0:
		origin->read_error_permille = (u32)shim_rng_below(r, 60);
		break;
	case 1:
		origin->write_error_permille = (u32)shim_rng_below(r, 60);
		break;
	case 2:
		/*
		 * What is dirty of this volume keeps old segments, while the others write
		 * theirs again and again; and then the host is lost.
		 */
		if (m.leg_count && !m.last_life && shim_rng_chance(r, 1, 2)) {
			ns = 30 * NSEC_PER_SEC;
			m.host_lost = true;
		}
		sim_note("%s fails writes for %llu ms", origin->name, ns / 1000000);
		origin->fail_writes_until_ns = shim_now_ns() + ns;
		sim.count->fault_origin_fails++;
		break;
	case 3:
		sim_note("%s stalls for %llu ms", origin->name, ns / 1000000);
		origin->stall_until_ns = shim_now_ns() + ns;
		sim.count->fault_origin_stalls++;
		break;
	}
}

bool machine_event(void)
{
	struct shim_rng *r = &sim.rng;
	struct sim_vol *vol = &m.vol[shim_rng_below(r, m.vol_count)];

	if (!vol->core)
		return machine_attach(vol);
	if (m.leg_count && shim_rng_chance(r, 1, 4))
		return event_leg();
	if (m.leg_count && shim_rng_chance(r, 1, 12))
		return run_call("legs", call_legs, vol);
	switch (shim_rng_below(r, 17)) {
	case 0:
	case 1:
	case 2:
		return event_check(vol);
	case 3:
	case 4:
		return event_mode(vol);
	case 5:
	case 6:
		return event_suspend(vol);
	case 7:
		return event_reattach(vol);
	case 8:
		sim.count->drops++;
		return run_call("drop", call_drop, vol);
	case 9:
		event_flash_fault(m.flash[shim_rng_below(r, m.flash_count)]);
		return true;
	case 10:
	case 11:
		event_origin_fault(vol->origin);
		return true;
	case 12:
		return event_flush(vol);
	case 13:
		sim.count->order_changes++;
		return run_call("order", call_order, vol);
	case 15:
		return run_call("scrub", call_scrub, NULL);
	case 14:
		return run_call("forget lost", call_forget_lost, vol);
	default:
		return run_call("wait-loaded", call_wait_loaded, NULL);
	}
}
