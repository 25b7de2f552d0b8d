// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation and each I/O of a call fails once, in turn: the call says so or does
 * without, nothing is left behind, and what had been acknowledged is there when it is tried again.
 * (The simulator lets only those allocations fail that may not sleep.)
 */
#include "fixture.h"

#define WRITES 12

static u32 alloc_fail_in;

static bool alloc_fails(gfp_t flags)
{
	return alloc_fail_in && !--alloc_fail_in;
}

static void allocations_fail(u32 nth)
{
	alloc_fail_in = nth;
	shim_alloc_fail_hook = nth ? alloc_fails : NULL;
}

static void begin(u32 legs)
{
	if (legs)
		start_legs(legs);
	else
		start(1, 40);
	fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK);
	oracle_write_back(vol->oracle);
	origin_away(true);
	io(FVP_REQ_READ, 4000, 64);
	for (u64 i = 0; i < WRITES; i++)
		io(FVP_REQ_WRITE, i * 16, 16);
	io(FVP_REQ_WRITE_ZEROES, 8, 40);
}

static void read_all(void)
{
	for (u64 i = 0; i < WRITES; i++)
		io(FVP_REQ_READ, i * 16, 16);
	io(FVP_REQ_READ, 4000, 64);
}

/* Everything is as it was, and the pool opens. */
static void all_there(void)
{
	machine_crash();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_BACK);
	read_all();
}

TEST(fault_open_memory, "a pool that lacks memory for any one thing does not open, and then opens")
{
	u32 refused = 0;

	begin(1);
	machine_crash();
	for (u32 nth = 1;; nth++) {
		u64 before = shim_alloc_count();
		u32 left;
		int ret;

		memset(err, 0, sizeof(err));
		allocations_fail(nth);
		ret = open_pool();
		left = alloc_fail_in;
		allocations_fail(0);
		if (ret) {
			EXPECT_EQ(ret, -ENOMEM);
			EXPECT(err[0]);
			run_to_rest();
			EXPECT_EQ(shim_alloc_count(), before);
			refused++;
			continue;
		}
		attach(FVP_MODE_WRITE_BACK);
		read_all();
		machine_crash();
		if (left)
			break;
	}
	EXPECT(refused > 20);
	unit_note("%u times", refused);
	machine_free();
}

TEST(fault_attach_memory, "a volume that cannot be attached without memory can be later")
{
	u32 refused = 0;

	start(1, 40);
	stop(FVP_DETACH_KEEP);
	EXPECT_EQ(open_pool(), 0);
	fvp_pool_wait_loaded(sim.pool);
	for (u32 nth = 1;; nth++) {
		/* Its content is not believed, one time of two: another size. */
		u64 before, sectors = vol->sectors - 8 * (nth & 1);
		u32 left;
		int ret;

		run_to_rest();
		before = shim_alloc_count();
		allocations_fail(nth);
		ret = fvp_volume_attach(sim.pool, vol->uuid, NULL, vol->origin, sectors,
					FVP_MODE_WRITE_BACK, &vol->core, err, sizeof(err));
		left = alloc_fail_in;
		allocations_fail(0);
		if (ret) {
			EXPECT_EQ(ret, -ENOMEM);
			EXPECT(strstr(err, "out of memory"));
			EXPECT(shim_alloc_count() <= before);
			EXPECT(!fvp_volume_find(sim.pool, vol->uuid));
			refused++;
			continue;
		}
		fvp_volume_resume(vol->core);
		io(FVP_REQ_WRITE, 0, 8);
		io(FVP_REQ_READ, 0, 8);
		detach(FVP_DETACH_KEEP);
		if (left)
			break;
	}
	EXPECT(refused >= 3);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
	machine_free();
}

TEST(fault_leg_memory, "a replica that is refused for lack of memory is added later")
{
	u32 refused = 0;

	start_legs(1);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 0, 0), 0);
	for (u32 nth = 1;; nth++) {
		u32 left;
		int ret;

		EXPECT_EQ(fvp_leg_remove(sim.pool, sim.pool->leg[0].uuid, err, sizeof(err)), 0);
		memset(err, 0, sizeof(err));
		do {
			allocations_fail(nth);
			ret = fvp_leg_add(sim.pool, m.leg[0], err, sizeof(err));
			left = alloc_fail_in;
			allocations_fail(0);
			if (ret) {
				EXPECT_EQ(ret, -ENOMEM);
				EXPECT(strstr(err, "memory"));
				EXPECT_EQ(sim.pool->leg_count, 0);
				refused++;
				nth++;
			}
		} while (ret);
		run_ns(7 * NSEC_PER_SEC);
		EXPECT_EQ(fvp_legs_in(sim.pool), 1);
		if (left)
			break;
	}
	EXPECT(refused >= 3);
	finish();
}

static void guests(void)
{
	io(FVP_REQ_READ, 8000, 33);
	io(FVP_REQ_WRITE, 8010, 9);
	io(FVP_REQ_WRITE_ZEROES, 8015, 20);
	io(FVP_REQ_DISCARD, 8100, 20);
	io(FVP_REQ_READ, 7990, 80);
	io(FVP_REQ_FLUSH, 0, 0);
}

static bool all_clean(void *arg)
{
	struct fvp_dirty_status st;

	fvp_volume_dirty(vol->core, &st);
	return !st.sectors;
}

TEST(fault_io_memory, "guests, destaging and replicas do without any one allocation")
{
	static const enum fvp_mode modes[] = { FVP_MODE_WRITE_BACK, FVP_MODE_WRITE_THROUGH,
					       FVP_MODE_READ_ONLY_CACHE };

	start_legs(1);
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		EXPECT_EQ(fvp_volume_set_mode(vol->core, modes[i]), 0);
		for (u32 nth = 1; nth < 120; nth++) {
			u32 left;

			/* The volume gets all its memory anew. */
			detach(FVP_DETACH_FORGET);
			attach(modes[i]);
			EXPECT_EQ(fvp_volume_set_legs(vol->core, 1, 1), 0);
			detach(FVP_DETACH_KEEP);
			attach(modes[i]);
			allocations_fail(nth);
			guests();
			run_until(all_clean, NULL);
			left = alloc_fail_in;
			allocations_fail(0);
			io(FVP_REQ_READ, 7990, 150);
			if (left)
				break;
		}
	}
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	EXPECT_EQ(READ_ONCE(sim.pool->health), FVP_POOL_OK);
	finish();
}

TEST(fault_flash_io, "an I/O of flash that fails under guests and destaging shows to no guest")
{
	u32 nth, left, failed = 0;

	for (nth = 1;; nth++) {
		start_legs(1);
		io(FVP_REQ_WRITE, 8012, 40);
		m.flash[0]->fail_in = nth;
		guests();
		run_ns(5 * NSEC_PER_SEC);
		EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_THROUGH), 0);
		guests();
		run_ns(NSEC_PER_SEC);
		left = m.flash[0]->fail_in;
		m.flash[0]->fail_in = 0;
		failed += READ_ONCE(sim.pool->health) == FVP_POOL_FAILED;
		EXPECT(all_clean(NULL));
		EXPECT_EQ(fvp_volume_lost(vol->core, NULL, 0), 0);
		io(FVP_REQ_READ, 7990, 150);
		finish();
		if (left)
			break;
	}
	EXPECT(failed && failed < nth);
	unit_note("%u I/O, %u times the pool failed", nth - 1, failed);
}

TEST(fault_open_io, "an I/O of flash that fails while a pool opens costs no acknowledged write")
{
	u32 refused = 0, nth, left;

	begin(0);
	machine_crash();
	for (nth = 1;; nth++) {
		int ret;

		err[0] = '\0';
		m.flash[0]->fail_in = nth;
		ret = open_pool();
		left = m.flash[0]->fail_in;
		m.flash[0]->fail_in = 0;
		if (ret) {
			EXPECT(err[0]);
			refused++;
		}
		if (left)
			break;
		all_there();
		machine_crash();
	}
	EXPECT(refused);
	unit_note("%u I/O, refused %u times", nth - 1, refused);
	attach(FVP_MODE_WRITE_BACK);
	read_all();
	origin_away(false);
	finish();
}

TEST(fault_leg_io, "an I/O of a replica that fails while it comes in only delays it")
{
	u32 nth, left;

	begin(1);
	for (nth = 1;; nth++) {
		machine_crash();
		m.leg[0]->fail_in = nth;
		EXPECT_EQ(open_pool(), 0);
		/* One whose superblock cannot be read at activation is left out until it is added. */
		if (!sim.pool->leg[0].dev)
			EXPECT_EQ(fvp_leg_add(sim.pool, m.leg[0], err, sizeof(err)), 0);
		attach(FVP_MODE_WRITE_BACK);
		run_ns(NSEC_PER_SEC);
		left = m.leg[0]->fail_in;
		m.leg[0]->fail_in = 0;
		run_ns(20 * NSEC_PER_SEC);
		EXPECT_EQ(fvp_legs_in(sim.pool), 1);
		read_all();
		if (left)
			break;
	}
	unit_note("%u I/O", nth - 1);
	origin_away(false);
	finish();
}

static int recover(void)
{
	struct fvp_pool_params params = {
		.dev = { m.leg[0] }, .count = 1, .block_sectors = 1, .recover = true
	};
	struct fvp_volume *core;
	int ret = fvp_pool_open(&params, &sim.pool, err, sizeof(err));

	if (ret) {
		sim.pool = NULL;
		return ret;
	}
	/* The line of a volume that is not there is not dirty any more: all is on its origin. */
	ret = fvp_volume_attach(sim.pool, vol->uuid, "r", vol->origin, vol->sectors,
				FVP_MODE_PASS_THROUGH, &core, err, sizeof(err));
	EXPECT_EQ(ret, 0);
	fvp_volume_resume(core);
	fvp_volume_suspend(core);
	ret = core->dirty.entries || READ_ONCE(sim.pool->health) != FVP_POOL_OK ? -EIO : 0;
	fvp_volume_detach(core, FVP_DETACH_KEEP);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
	return ret;
}

TEST(fault_recover_io, "a recovery in which any one I/O of the replica fails can be repeated")
{
	u32 failed = 0, nth, left;

	for (nth = 1;; nth++) {
		int ret;

		begin(1);
		machine_crash();
		origin_away(false);
		m.leg[0]->fail_in = nth;
		ret = recover();
		left = m.leg[0]->fail_in;
		m.leg[0]->fail_in = 0;
		if (ret) {
			failed++;
			EXPECT_EQ(recover(), 0);
		}
		check_origin(vol);
		for (u64 i = 0; i < WRITES * 16; i++)
			EXPECT(store_peek(vol->origin->store, i) != oracle_initial(vol, i));
		machine_free();
		if (left)
			break;
	}
	EXPECT(failed);
	unit_note("%u I/O, failed %u times", nth - 1, failed);
}

/* As many writes of eight sectors at once as fill more than a segment. */
static void fill_segment(void *arg)
{
	for (u64 i = 0; i < 40; i++)
		sim_req_send(sim_req_new(vol, FVP_REQ_WRITE, 8 * i, 8));
}

TEST(fault_unwritten_segment, "a segment that flash did not take is read from memory, for good")
{
	struct fvp_segment *seg;

	start(1, 20);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	io(FVP_REQ_WRITE, 1000, 8);
	seg = sim.pool->log.cur;
	m.flash[0]->fail_writes = true;
	run_call("fill_segment", fill_segment, NULL);
	run_until(idle, NULL);
	EXPECT_EQ(sim.pool->health, FVP_POOL_FAILED);
	/* It was full, and what waited for its seal has gone on. */
	EXPECT(sim.pool->log.cur != seg);
	EXPECT_EQ(seg->state, FVP_SEGMENT_LIVE);
	EXPECT(seg->ram);
	m.flash[0]->fail_writes = false;
	finish();
}
