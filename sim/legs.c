// SPDX-License-Identifier: GPL-2.0
/*
 * Replica legs: their devices and what becomes of them; and the recovery of a pool whose
 * flash is gone from one of them.
 */
#include "machine.h"

static struct fvp_super super; /* nobody needs two at once */

static bool dev_super(struct fvp_dev *dev)
{
	static u8 bytes[FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES];
	static struct fvp_super copy;
	const char *why;
	bool found = false;

	for (u32 c = 0; c < 2; c++) {
		store_read(dev->store, fvp_super_copy_sector(dev->sectors, c), 1024,
			   (struct sim_data){ .bytes = bytes });
		if (fvp_super_decode(bytes, sizeof(bytes), dev->sectors, &copy, &why) ||
		    (found && copy.generation < super.generation))
			continue;
		super = copy;
		found = true;
	}
	return found;
}

void legs_build(void)
{
	struct shim_rng *r = &sim.rng;

	m.leg_count = shim_rng_chance(r, 1, 2) ? 0 : 1 + (u32)shim_rng_below(r, SIM_LEGS_MAX);
	for (u32 i = 0; i < m.leg_count; i++) {
		u64 count = FVP_LEG_SLOTS_SPARE + 4 + shim_rng_below(r, 30);
		char name[16];
		struct fvp_dev *dev;

		snprintf(name, sizeof(name), "leg%u", i);
		dev = dev_create(name, true,
				 FVP_FIRST_SEGMENT_SECTOR + count * m.segment_sectors +
					 FVP_SUPER_AREA_SECTORS,
				 NULL, NULL);
		dev->leg = true;
		dev->again_permille = (u32)shim_rng_below(r, 60);
		dev->block_sectors = shim_rng_chance(r, 1, 2) ? 1 : m.flash[0]->block_sectors;
		dev->cache = shim_rng_chance(r, 2, 3);
		dev->latency_ns = 5000 + shim_rng_below(r, 200000);
		dev->latency_tail_permille = (u32)shim_rng_below(r, 30);
		m.leg[i] = dev;
	}
}

void legs_free(void)
{
	for (u32 i = 0; i < m.leg_count; i++)
		dev_free(m.leg[i]);
}

void legs_format(const struct fvp_super *pool_super)
{
	static struct fvp_super made;

	for (u32 i = 0; i < m.leg_count; i++) {
		struct fvp_dev *dev = m.leg[i];
		u8 uuid[16];

		for (u32 n = 0; n < 16; n++)
			uuid[n] = (u8)shim_rng_next(&sim.rng);
		dev->dead = false;
		m.leg_added[i] = false;
		if (fvp_super_replica(pool_super, dev->sectors, uuid, &made))
			shim_die("cannot lay out a replica");
		super_poke(dev, &made);
	}
}

void legs_power_on(void)
{
	for (u32 i = 0; i < m.leg_count; i++) {
		struct fvp_dev *dev = m.leg[i];

		dev->dead = shim_rng_chance(&sim.rng, 1, 20) && !m.last_life;
		dev->write_error_permille = 0;
		dev->fail_next_write = false;
		dev->stall_until_ns = 0;
	}
}

void legs_params(struct fvp_pool_params *params)
{
	m.leg_trouble = false;
	for (u32 i = 0; i < m.leg_count; i++) {
		params->block_sectors = max(params->block_sectors, m.leg[i]->block_sectors);
		m.leg_given[i] = m.leg_added[i] && !shim_rng_chance(&sim.rng, 1, 10);
		if (m.leg_given[i])
			params->leg[params->leg_count++] = m.leg[i];
		m.leg_trouble |= m.leg[i]->dead || (m.leg_added[i] && !m.leg_given[i]);
	}
}

/* --- what may happen --- */

static void call_leg_add(void *arg)
{
	u32 i = *(u32 *)arg;
	char text[256] = "";
	int err = fvp_leg_add(sim.pool, m.leg[i], text, sizeof(text));

	sim_note("leg%u added: %d %s", i, err, text);
	if (!err) {
		m.leg_added[i] = m.leg_given[i] = true;
		sim.count->legs_added++;
	} else if (!m.leg[i]->dead && !m.leg[i]->bad_count && !m.leg_trouble && !m.flash_fault) {
		shim_die("leg%u cannot be added: error %d: %s", i, err, text);
	}
}

static void call_leg_remove(void *arg)
{
	u32 i = *(u32 *)arg;
	char text[256] = "";
	int err;

	if (!dev_super(m.leg[i]))
		return;
	err = fvp_leg_remove(sim.pool, super.device_uuid, text, sizeof(text));
	sim_note("leg%u removed: %d %s", i, err, text);
	if (!err) {
		m.leg_added[i] = m.leg_given[i] = false;
		sim.count->legs_removed++;
	}
}

void call_legs(void *arg)
{
	struct sim_vol *vol = arg;
	u8 used = 0, legs;
	int err;

	for (u32 i = 0; i < FVP_LEGS_MAX; i++)
		if (READ_ONCE(sim.pool->leg[i].state) != FVP_LEG_NONE)
			used |= (u8)(1u << i);
	legs = shim_rng_chance(&sim.rng, 1, 4) ? 0 : used & (u8)shim_rng_next(&sim.rng);
	if (shim_rng_chance(&sim.rng, 1, 2))
		legs = used;
	vol->mode_seq++;
	vol->direct++;
	vol->drained = true;
	err = fvp_volume_set_legs(vol->core, legs,
				  (u8)shim_rng_below(&sim.rng, hweight8(legs) + 1u));
	vol->mode_seq++;
	vol->direct++;
	vol->drained = false;
	if (!err)
		sim.count->legs_changes++;
	else if (err != -EIO || (!vol->origin->write_failed && !m.flash_lost))
		shim_die("volume %u: legs %x: error %d", vol->number, legs, err);
}

bool event_leg(void)
{
	struct shim_rng *r = &sim.rng;
	u32 i = (u32)shim_rng_below(r, m.leg_count);
	struct fvp_dev *dev = m.leg[i];
	u64 ns = shim_rng_below(r, shim_rng_chance(r, 1, 2) ? 8000000000ULL : 1500000000ULL);

	if (!m.leg_given[i])
		return run_call("leg add", call_leg_add, &i);
	/* The host is lost just after this leg has left the set: then legs are what is left. */
	if (!m.last_life && shim_rng_chance(r, 1, 2)) {
		m.host_lost = true;
		m.watch = WATCH_LEG_SET;
		m.watch_left = (u32)shim_rng_below(r, 2);
	}
	switch (shim_rng_below(r, 8)) {
	case 0:
		m.leg_trouble = true;
		dev->dead = !dev->dead;
		sim_note("%s is %s", dev->name, dev->dead ? "away" : "back");
		sim.count->fault_leg++;
		return true;
	case 1:
	case 2:
		m.leg_trouble = true;
		dev->stall_until_ns = shim_now_ns() + ns;
		sim_note("%s stalls for %llu ms", dev->name, ns / 1000000);
		sim.count->fault_leg++;
		return true;
	case 3:
		m.leg_trouble = true;
		dev->write_error_permille = (u32)shim_rng_below(r, 30);
		sim.count->fault_leg++;
		return true;
	case 4:
		m.leg_trouble = true;
		dev->fail_next_write = true;
		sim.count->fault_leg++;
		return true;
	case 5:
		/* Time for it to come back in. */
		dev->dead = false;
		dev->write_error_permille = 0;
		return run_ns(6000000000ULL + ns);
	case 6:
		return run_call("leg remove", call_leg_remove, &i);
	default:
		return run_steps(500);
	}
}

bool legs_come(void)
{
	for (u32 i = 0; i < m.leg_count; i++)
		if (!m.leg_given[i] && shim_rng_chance(&sim.rng, 3, 4) &&
		    !run_call("leg add", call_leg_add, &i))
			return false;
	return true;
}

bool legs_dropping(void)
{
	for (u32 i = 0; sim.pool && i < FVP_LEGS_MAX; i++)
		/* Not READ_ONCE(): the pool may be gone after a preemption. */
		if (sim.pool->leg[i].state == FVP_LEG_DROPPING)
			return true;
	return false;
}

bool leg_covers(const struct sim_vol *vol)
{
	u8 legs = vol->core->legs;

	return legs && !m.leg_trouble && (fvp_legs_in(sim.pool) & legs) == legs;
}

/* --- recovery --- */

/* The leg that has everything, as of the newest leg set that anyone knows; or -1. */
static int leg_whole(void)
{
	u32 newest = 0;
	int found = -1;

	for (u32 i = 0; i < m.flash_count; i++)
		if (dev_super(m.flash[i]))
			newest = max(newest, super.legset_gen);
	/* Also one that is out of the set may know that another is. */
	for (u32 i = 0; i < m.leg_count; i++)
		if (m.leg_added[i] && dev_super(m.leg[i]))
			newest = max(newest, super.legset_gen);
	for (u32 i = 0; i < m.leg_count; i++) {
		struct fvp_dev *dev = m.leg[i];

		if (!m.leg_added[i] || dev->dead || !dev_super(dev) || super.legset_gen < newest ||
		    !(super.legs[super.leg_index].flags & FVP_LEG_IN_SYNC))
			continue;
		found = (int)i;
	}
	return found;
}

struct recover_call {
	struct fvp_dev *dev;
	u32 index; /* in the leg set */
	bool whole[SIM_VOLUMES_MAX]; /* nothing of it may be missing afterwards */
};

static void recover_volume(struct sim_vol *vol)
{
	struct fvp_volume *core = fvp_volume_find(sim.pool, vol->uuid);
	struct fvp_dirty_status dirty;
	char text[256] = "";
	u32 tries;
	int err;

	if (!core)
		return;
	err = fvp_volume_attach(sim.pool, vol->uuid, "recovered", vol->origin, vol->sectors,
				FVP_MODE_PASS_THROUGH, &core, text, sizeof(text));
	if (err)
		shim_die("recovery: attach: error %d: %s", err, text);
	fvp_volume_resume(core);
	for (tries = 0;; tries++) {
		fvp_volume_flush(core);
		fvp_volume_dirty(core, &dirty);
		sim.count->recovered_sectors += tries ? 0 : dirty.sectors;
		if (!dirty.sectors && fvp_volume_effective_mode(core) != FVP_MODE_WRITE_BACK)
			break;
		if (tries > 2000)
			shim_die("recovery: volume %u takes for ever", vol->number);
		shim_sleep_ns(10000000);
	}
	fvp_volume_suspend(core);
	fvp_volume_detach(core, FVP_DETACH_FORGET);
}

static void call_recover(void *arg)
{
	struct recover_call *call = arg;
	struct fvp_pool_params params = { .dev = { call->dev },
					  .count = 1,
					  .block_sectors = call->dev->block_sectors,
					  .recover = true };
	struct fvp_pool *pool;
	char text[256] = "";
	int err = fvp_pool_open(&params, &pool, text, sizeof(text));

	if (err)
		shim_die("%s: recovery: error %d: %s", call->dev->name, err, text);
	sim.pool = pool;
	for (u32 i = 0; i < m.vol_count; i++)
		recover_volume(&m.vol[i]);
	sim.pool = NULL;
	fvp_pool_close(pool);
}

/* Volumes whose policy includes the leg lose nothing: all that was acknowledged is on it. */
static void recover_plan(struct recover_call *call)
{
	dev_super(call->dev);
	call->index = super.leg_index;
	for (u32 v = 0; v < m.vol_count; v++) {
		call->whole[v] = false;
		for (u32 i = 0; i < super.volume_count; i++)
			if (!memcmp(super.volumes[i].uuid, m.vol[v].uuid, 16))
				call->whole[v] = super.volumes[i].legs & 1u << call->index;
	}
}

bool legs_recover(void)
{
	struct recover_call call = { 0 };
	int leg = leg_whole();

	if (leg < 0)
		return false;
	call.dev = m.leg[leg];
	recover_plan(&call);
	sim_note("flash is lost: recovery from %s, leg set %u", call.dev->name, super.legset_gen);
	sim.count->recoveries++;
	sim.calm = true;
	for (;;) {
		m.crash_at = shim_rng_chance(&sim.rng, 1, 2)
				     ? shim_steps() + 1 +
					       shim_rng_below(
						       &sim.rng,
						       shim_rng_chance(&sim.rng, 1, 2) ? 150 : 2000)
				     : ~0ULL;
		if (run_call("recover", call_recover, &call))
			break;
		sim.count->crashes_recovery++;
		machine_crash();
		call.dev->bad_count = 0;
	}
	m.crash_at = ~0ULL;
	run_to_rest();
	if (shim_alloc_count()) {
		shim_alloc_report(10);
		shim_die("allocations left after a recovery");
	}
	for (u32 v = 0; v < m.vol_count; v++) {
		if (call.whole[v])
			check_origin(&m.vol[v]);
		else
			past_distrust(oracle_past(m.vol[v].oracle));
		sim.count->recovered_whole += call.whole[v];
	}
	machine_replace_flash();
	return true;
}
