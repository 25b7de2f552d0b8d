/* SPDX-License-Identifier: GPL-2.0 */
/* A pool of one flash device and a volume, for tests that each have their own file's copy. */
#ifndef UNIT_FIXTURE_H
#define UNIT_FIXTURE_H

#include "machine.h"
#include "unit.h"

static struct sim_counters counters;
static struct sim_vol *vol = &m.vol[0];
static char err[256];

static __maybe_unused void build(u32 block_sectors, u32 segments)
{
	memset(&sim, 0, sizeof(sim));
	memset(&m, 0, sizeof(m));
	memset(&counters, 0, sizeof(counters));
	sim.count = &counters;
	sim.calm = true;
	sim.config.steps_max = ~0ULL;
	m.crash_at = ~0ULL;
	m.flash_count = 1;
	m.block_sectors = block_sectors;
	m.segment_sectors = 256;
	m.flash[0] = dev_create(
		"flash0", true,
		FVP_FIRST_SEGMENT_SECTOR + segments * 256ull + FVP_SUPER_AREA_SECTORS, NULL, NULL);
	m.flash[0]->block_sectors = block_sectors;
	m.flash[0]->cache = true;
	m.vol_count = 1;
	INIT_LIST_HEAD(&vol->reqs);
	INIT_LIST_HEAD(&vol->wait);
	memset(vol->uuid, 0x77, 16);
	vol->sectors = 20000;
	vol->origin = dev_create("origin0", false, vol->sectors, oracle_initial, vol);
	vol->oracle = oracle_create(vol, false);
}

static __maybe_unused int open_pool(void)
{
	struct fvp_pool_params params = { .dev = { m.flash[0] },
					  .count = 1,
					  .block_sectors = m.block_sectors };
	int ret;

	for (u32 i = 0; i < m.leg_count; i++)
		if (m.leg_given[i])
			params.leg[params.leg_count++] = m.leg[i];
	ret = fvp_pool_open(&params, &sim.pool, err, sizeof(err));
	if (ret)
		sim.pool = NULL;
	return ret;
}

static __maybe_unused void attach(enum fvp_mode mode)
{
	EXPECT_EQ(fvp_volume_attach(sim.pool, vol->uuid, "unit", vol->origin, vol->sectors, mode,
				    &vol->core, err, sizeof(err)),
		  0);
	fvp_volume_resume(vol->core);
	fvp_pool_wait_loaded(sim.pool);
}

static __maybe_unused void start(u32 block_sectors, u32 segments)
{
	build(block_sectors, segments);
	machine_format();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
}

static __maybe_unused struct fvp_dev *leg_create(const char *name, u64 slots)
{
	struct fvp_dev *dev = dev_create(
		name, true, FVP_FIRST_SEGMENT_SECTOR + slots * 256ull + FVP_SUPER_AREA_SECTORS,
		NULL, NULL);

	dev->leg = true;
	dev->cache = true;
	return dev;
}

/* A pool with so many replicas added and in sync, and the volume in write-back on all of them. */
static __maybe_unused void start_legs(u32 count)
{
	static const char *const names[] = { "leg0", "leg1", "leg2" };

	build(1, 40);
	m.leg_count = count;
	for (u32 i = 0; i < count; i++)
		m.leg[i] = leg_create(names[i], 30);
	machine_format();
	EXPECT_EQ(open_pool(), 0);
	for (u32 i = 0; i < count; i++) {
		EXPECT_EQ(fvp_leg_add(sim.pool, m.leg[i], err, sizeof(err)), 0);
		m.leg_added[i] = m.leg_given[i] = true;
	}
	attach(FVP_MODE_WRITE_BACK);
	run_ns(NSEC_PER_SEC);
	EXPECT_EQ(hweight8(fvp_legs_in(sim.pool)), count);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, fvp_legs_in(sim.pool), (u8)count), 0);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_BACK);
}

/* Nothing is destaged for now. */
static __maybe_unused void origin_away(bool away)
{
	vol->origin->fail_writes = away;
}

static __maybe_unused void detach(enum fvp_detach how)
{
	fvp_volume_suspend(vol->core);
	fvp_volume_detach(vol->core, how);
	vol->core = NULL;
}

static __maybe_unused void stop(enum fvp_detach how)
{
	detach(how);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
}

static __maybe_unused void finish(void)
{
	stop(FVP_DETACH_KEEP);
	machine_free();
}

struct io {
	u8 op;
	u64 lba, len;
};

static __maybe_unused void io_fiber(void *arg)
{
	struct io *io = arg;

	sim_req_send(sim_req_new(vol, io->op, io->lba, io->len));
}

static __maybe_unused bool idle(void *arg)
{
	return !vol->inflight && !atomic_read(&vol->core->busy);
}

/* Does it and waits, fills included.  Reads are checked by the oracle. */
static __maybe_unused void io(u8 op, u64 lba, u64 len)
{
	struct io io = { op, lba, len };

	run_call("io", io_fiber, &io);
	run_until(idle, NULL);
}

#endif /* UNIT_FIXTURE_H */
