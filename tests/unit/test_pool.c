// SPDX-License-Identifier: GPL-2.0
/* A pool and a volume on simulated devices without faults: what stays, what goes. */
#include "fixture.h"

/* As many writes of one sector at once, side by side. */
static void many(void *arg)
{
	u64 lba, count = *(u64 *)arg;

	for (lba = 0; lba < count; lba++)
		sim_req_send(sim_req_new(vol, FVP_REQ_WRITE, lba, 1));
}

static u64 hits(void)
{
	struct fvp_volume_counters sum = { 0 };

	fvp_volume_stats_read(vol->core, &sum);
	return sum.hit_sectors;
}

static u64 origin_reads(void)
{
	return counters.origin_reads;
}

TEST(pool_open_close, "a formatted pool opens, closes, and leaves nothing behind")
{
	start(1, 20);
	finish();
}

TEST(pool_blank, "a blank device is refused, by name")
{
	build(1, 20);
	EXPECT(open_pool() != 0);
	EXPECT(strstr(err, "flash0"));
	machine_free();
}

TEST(pool_miss_then_hit, "a missed read is filled and the next one is served by flash")
{
	start(1, 20);
	io(FVP_REQ_READ, 100, 16);
	EXPECT_EQ(hits(), 0);
	EXPECT_EQ(origin_reads(), 1);
	io(FVP_REQ_READ, 100, 16);
	EXPECT_EQ(hits(), 16);
	EXPECT_EQ(origin_reads(), 1);
	finish();
}

TEST(pool_write_fills, "write-through: a write reaches the origin, and the next read hits")
{
	start(1, 20);
	io(FVP_REQ_WRITE, 512, 16);
	EXPECT_EQ(counters.origin_writes, 1);
	io(FVP_REQ_READ, 512, 16);
	EXPECT_EQ(hits(), 16);
	finish();
}

TEST(pool_write_around, "read-only-cache: a write goes around, a read after it misses")
{
	start(1, 20);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_READ_ONLY_CACHE), 0);
	io(FVP_REQ_WRITE, 512, 16);
	io(FVP_REQ_READ, 512, 16);
	EXPECT_EQ(hits(), 0);
	io(FVP_REQ_READ, 512, 16);
	EXPECT_EQ(hits(), 16);
	finish();
}

TEST(pool_pass_through, "pass-through: nothing is served by flash, and writes still supersede")
{
	start(1, 20);
	io(FVP_REQ_READ, 100, 16);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_PASS_THROUGH), 0);
	io(FVP_REQ_READ, 100, 16);
	EXPECT_EQ(hits(), 0);
	io(FVP_REQ_WRITE, 104, 4);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_THROUGH), 0);
	io(FVP_REQ_READ, 100, 16);
	finish();
}

static u64 dirty_sectors(void)
{
	struct fvp_dirty_status st;

	fvp_volume_dirty(vol->core, &st);
	return st.sectors;
}

static bool back_over(void *arg)
{
	return READ_ONCE(vol->core->commit) == FVP_COMMIT_OFF;
}

static bool clean(void *arg)
{
	return !dirty_sectors();
}

/* Does the origin have what the volume has? */
static bool origin_same(u64 lba, u64 len)
{
	u64 at = fvp_index_lookup(&vol->core->index, lba, 1).found;

	for (u64 i = 0; i < len; i++)
		if (store_peek(vol->origin->store, lba + i) == oracle_initial(vol, lba + i))
			return false;
	return at != FVP_FOUND_NOTHING;
}

TEST(pool_write_back, "an acknowledged write is on flash alone, then, in its time, on the origin")
{
	start(8, 20);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	io(FVP_REQ_WRITE, 100, 16);
	EXPECT_EQ(dirty_sectors(), 16);
	EXPECT_EQ(store_peek(vol->origin->store, 100), oracle_initial(vol, 100));
	io(FVP_REQ_READ, 96, 24);
	run_until(clean, NULL);
	EXPECT(origin_same(100, 16));
	finish();
}

TEST(pool_write_back_ends, "leaving write-back destages everything first")
{
	start(1, 20);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	for (u64 i = 0; i < 50; i++)
		io(FVP_REQ_WRITE, 100 + 9 * i, 5);
	EXPECT_EQ(dirty_sectors(), 250);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_BACK);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_THROUGH), 0);
	run_until(back_over, NULL);
	EXPECT_EQ(dirty_sectors(), 0);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_THROUGH);
	for (u64 i = 0; i < 50; i++)
		EXPECT(origin_same(100 + 9 * i, 5));
	io(FVP_REQ_READ, 100, 450);
	finish();
}

TEST(pool_write_back_zeroes, "write-zeroes read as zeroes before and after the origin has them")
{
	start(8, 20);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	io(FVP_REQ_WRITE, 1000, 64);
	io(FVP_REQ_WRITE_ZEROES, 1010, 30);
	io(FVP_REQ_READ, 1000, 64);
	EXPECT_EQ(store_peek(vol->origin->store, 1010), oracle_initial(vol, 1010));
	run_until(clean, NULL);
	EXPECT_EQ(store_peek(vol->origin->store, 1010), 0);
	io(FVP_REQ_READ, 1000, 64);
	finish();
}

TEST(pool_records_full, "records with many small entries come back, after a clean stop and a crash")
{
	u64 count = 94; /* four records at once, and one with so many that its header is long */

	start(8, 40);
	m.flash[0]->block_sectors = m.block_sectors = 1;
	m.flash[0]->latency_ns = 100000000;
	stop(FVP_DETACH_KEEP);
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_BACK);
	run_call("many", many, &count);
	run_until(idle, NULL);
	EXPECT((u64)atomic64_read(&sim.pool->stats.records) < 20);
	for (u32 crash = 0; crash < 2; crash++) {
		if (crash)
			machine_crash();
		else
			stop(FVP_DETACH_KEEP);
		EXPECT_EQ(open_pool(), 0);
		attach(FVP_MODE_WRITE_BACK);
		EXPECT_EQ(hits(), 0);
		io(FVP_REQ_READ, 0, count);
		EXPECT_EQ(hits(), count);
		run_call("many", many, &count);
		run_until(idle, NULL);
	}
	finish();
}

TEST(pool_keep, "content kept at a detach is served after close and open")
{
	start(1, 20);
	io(FVP_REQ_READ, 100, 64);
	stop(FVP_DETACH_KEEP);
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
	io(FVP_REQ_READ, 100, 64);
	EXPECT_EQ(hits(), 64);
	finish();
}

TEST(pool_forget, "content forgotten at a detach is never served again")
{
	start(1, 20);
	io(FVP_REQ_READ, 100, 64);
	stop(FVP_DETACH_FORGET);
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
	io(FVP_REQ_READ, 100, 64);
	EXPECT_EQ(hits(), 0);
	finish();
}

TEST(pool_drop, "a drop empties the cache, for good")
{
	start(1, 20);
	io(FVP_REQ_READ, 100, 64);
	EXPECT_EQ(fvp_volume_drop(vol->core), 0);
	EXPECT(!fvp_index_overlaps(&vol->core->index, 0, vol->sectors));
	stop(FVP_DETACH_KEEP);
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
	io(FVP_REQ_READ, 100, 64);
	EXPECT_EQ(hits(), 0);
	finish();
}

static void drop_fiber(void *arg)
{
	EXPECT_EQ(fvp_volume_drop(vol->core), 0);
}

TEST(pool_drop_nothing, "a drop that finds nothing may be over before it knows (under ASAN)")
{
	/* The caller may be off its CPU for longer than an I/O takes. */
	struct shim_sched_params params = {
		.seed = 1,
		.point_mean = 5,
		.step_ns_max = 500,
		.stall_percent = 50,
		.stall_ns_max = 20 * NSEC_PER_MSEC,
	};

	shim_sched_init(&params);
	start(1, 20);
	for (u32 i = 0; i < 100; i++)
		run_call("drop", drop_fiber, NULL);
	finish();
}

static int drain_error;

static void drain_fiber(void *arg)
{
	drain_error = fvp_volume_drain(vol->core);
}

static void drop_dirty_fiber(void *arg)
{
	drain_error = fvp_volume_drop(vol->core);
}

TEST(pool_drop_suspending, "a drop does not let write-back begin under a suspend")
{
	start(1, 20);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	origin_away(true);
	io(FVP_REQ_WRITE, 0, 64);
	run_call("drain", drain_fiber, NULL);
	EXPECT_EQ(drain_error, -EIO);
	run_call("drop", drop_dirty_fiber, NULL);
	EXPECT_EQ(drain_error, -EIO);
	EXPECT(fvp_volume_back_stopped(vol->core));
	origin_away(false);
	run_ns(10 * NSEC_PER_SEC);
	run_call("drain", drain_fiber, NULL);
	EXPECT_EQ(drain_error, 0);
	run_call("drop", drop_dirty_fiber, NULL);
	EXPECT_EQ(drain_error, 0);
	EXPECT_EQ(vol->core->commit, FVP_COMMIT_OFF);
	fvp_volume_drain_undo(vol->core);
	EXPECT_EQ(vol->core->commit, FVP_COMMIT_ON);
	run_call("drop", drop_dirty_fiber, NULL);
	EXPECT_EQ(drain_error, 0);
	EXPECT_EQ(vol->core->commit, FVP_COMMIT_ON);
	finish();
}

TEST(pool_crash, "after a power cut durable content is served, superseded content is not")
{
	start(1, 20);
	io(FVP_REQ_READ, 100, 64);
	io(FVP_REQ_WRITE, 120, 8);
	machine_crash();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
	io(FVP_REQ_READ, 100, 64);
	EXPECT(check_volume(vol, false));
	finish();
}

TEST(pool_reclaim, "more fills than flash holds: the oldest go, the data stays right")
{
	start(1, 12);
	/* Writes: of reads the second would be let in. */
	for (u64 lba = 0; lba + 64 < vol->sectors; lba += 64)
		io(FVP_REQ_WRITE, lba, 64);
	EXPECT(atomic64_read(&sim.pool->stats.segments_reclaimed) > 20);
	io(FVP_REQ_READ, 0, 64);
	EXPECT_EQ(hits(), 0);
	EXPECT(check_volume(vol, false));
	finish();
}

TEST(pool_blocks_4k, "flash with 4096-byte blocks serves 512-byte requests at odd places")
{
	start(8, 20);
	io(FVP_REQ_READ, 1003, 21);
	io(FVP_REQ_WRITE, 1009, 3);
	io(FVP_REQ_READ, 1001, 30);
	io(FVP_REQ_READ, 1002, 27);
	EXPECT(hits() > 0);
	EXPECT(check_volume(vol, false));
	finish();
}

TEST(pool_flash_dies, "flash that dies: the pool fails, guests go on from the origin")
{
	start(1, 20);
	io(FVP_REQ_READ, 100, 64);
	m.flash[0]->dead = true;
	io(FVP_REQ_WRITE, 100, 8);
	io(FVP_REQ_READ, 100, 64);
	EXPECT_EQ(READ_ONCE(sim.pool->health), FVP_POOL_FAILED);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_PASS_THROUGH);
	finish();
}

TEST(pool_attach_twice, "a volume is attached once")
{
	struct fvp_volume *second;

	start(1, 20);
	EXPECT_EQ(fvp_volume_attach(sim.pool, vol->uuid, "again", vol->origin, vol->sectors,
				    FVP_MODE_WRITE_THROUGH, &second, err, sizeof(err)),
		  -EEXIST);
	finish();
}

TEST(pool_attach_too_large, "an origin that is larger than a volume can be is refused")
{
	struct fvp_volume *other;
	u8 uuid[16] = { 1 };

	start(1, 20);
	EXPECT_EQ(fvp_volume_attach(sim.pool, uuid, "large", vol->origin,
				    FVP_VOLUME_SECTORS_MAX + 1, FVP_MODE_WRITE_BACK, &other, err,
				    sizeof(err)),
		  -EFBIG);
	finish();
}

TEST(pool_two_members, "a pool without one of its devices is refused, and nothing is written")
{
	build(1, 20);
	m.flash_count = 2;
	m.flash[1] = dev_create("flash1", true, m.flash[0]->sectors, NULL, NULL);
	machine_format();
	EXPECT(open_pool() != 0);
	EXPECT(err[0]);
	EXPECT_EQ(counters.flash_writes, 0);
	machine_free();
}

/* Where the first superblock write after an open goes. */
static u64 first_super_write;

static void watch_super(struct fvp_dev *dev, enum dev_op op, u32 flags, u64 sector)
{
	if (op == DEV_WRITE && first_super_write == ~0ULL &&
	    (sector < FVP_SUPER_AREA_SECTORS || sector >= dev->sectors - FVP_SUPER_AREA_SECTORS))
		first_super_write = sector;
}

static void first_write_after_damage_of(u32 copy)
{
	static const u8 nothing[FVP_SECTOR_BYTES];

	build(1, 20);
	machine_format();
	store_poke(m.flash[0]->store, fvp_super_copy_sector(m.flash[0]->sectors, copy), 1,
		   (struct sim_data){ .bytes = (u8 *)nothing });
	first_super_write = ~0ULL;
	m.flash[0]->on_submit = watch_super;
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
	EXPECT_EQ(first_super_write, fvp_super_copy_sector(m.flash[0]->sectors, copy));
	finish();
}

TEST(pool_super_damaged_a, "with copy A damaged, the next update does not begin with the good copy")
{
	first_write_after_damage_of(0);
}

TEST(pool_super_damaged_b, "with copy B damaged, the next update does not begin with the good copy")
{
	first_write_after_damage_of(1);
}

static void damage_sector(u64 sector, bool whole)
{
	u8 bytes[FVP_SECTOR_BYTES] = { 0 };

	if (!whole) {
		store_read(m.flash[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
		bytes[20] ^= 0x55;
	}
	store_poke(m.flash[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
}

/* What the newest segment says of older ones must count, whether or not its header does. */
static void newest_header_damaged(bool whole)
{
	u64 sector, next_sector, gen;

	start(1, 20);
	io(FVP_REQ_READ, 100, 64);
	for (u64 i = 0; i < 8; i++)
		io(FVP_REQ_READ, 1024 + i * 64, 64);
	/* Supersedes, by a tombstone, what was read into an older segment. */
	io(FVP_REQ_WRITE, 120, 8);
	sector = sim.pool->log.cur->sector;
	gen = sim.pool->log.cur->gen;
	/* As if it had not been opened yet: else a gap would tell. */
	next_sector = sim.pool->log.next->sector;
	machine_crash();
	damage_sector(sector, whole);
	damage_sector(next_sector, true);
	shim_quiet = true;
	EXPECT_EQ(open_pool(), 0);
	shim_quiet = false;
	EXPECT(sim.pool->log.next_gen > gen);
	attach(FVP_MODE_WRITE_THROUGH);
	io(FVP_REQ_READ, 100, 64);
	EXPECT(check_volume(vol, false));
	finish();
}

TEST(pool_newest_header_damaged, "a damaged header of the newest segment brings no old data back")
{
	newest_header_damaged(false);
}

TEST(pool_newest_header_gone, "nor does one that is gone")
{
	newest_header_damaged(true);
}

/*
 * The headers of the segment in use and of the next are gone: their generations are given out
 * again, to the same segments, and what lies in those has them, too.
 */
TEST(pool_header_gone, "records of a segment whose header is lost do not come back")
{
	static const u8 zeroes[FVP_SECTOR_BYTES];

	start(1, 20);
	fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK);
	oracle_write_back(vol->oracle);
	io(FVP_REQ_WRITE, 0, 8);
	io(FVP_REQ_WRITE, 100, 8);
	stop(FVP_DETACH_KEEP);
	for (u32 i = 0; i < 4; i++)
		store_poke(m.flash[0]->store, FVP_FIRST_SEGMENT_SECTOR + i * m.segment_sectors, 1,
			   (struct sim_data){ .bytes = (u8 *)zeroes });
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_BACK);
	/* Shorter than what lies behind it. */
	io(FVP_REQ_WRITE, 100, 1);
	io(FVP_REQ_FLUSH, 0, 0);
	machine_crash();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_BACK);
	io(FVP_REQ_READ, 96, 16);
	finish();
}

/* The allocation, from now on, that fails; counts down. */
static u32 failing_in;

static bool nth_fails(gfp_t flags)
{
	return failing_in && !--failing_in;
}

TEST(pool_open_memory,
     "an open or attach without memory for any one thing fails whole and leaves nothing")
{
	bool opened = false, attached = false;
	u32 nth;

	build(1, 20);
	machine_format();
	shim_alloc_fail_hook = nth_fails;
	for (nth = 1; !opened || !attached; nth++) {
		u64 count = shim_alloc_count();
		int ret;

		EXPECT(nth < 200);
		failing_in = nth;
		ret = open_pool();
		if (!ret) {
			opened = failing_in;
			ret = fvp_volume_attach(sim.pool, vol->uuid, "unit", vol->origin,
						vol->sectors, FVP_MODE_WRITE_BACK, &vol->core, err,
						sizeof(err));
			attached = !ret && failing_in;
			failing_in = 0;
			if (!ret)
				fvp_volume_detach(vol->core, FVP_DETACH_FORGET);
			fvp_pool_close(sim.pool);
			sim.pool = NULL;
		}
		EXPECT(!ret || ret == -ENOMEM);
		EXPECT_EQ(shim_alloc_count(), count);
	}
	unit_note("%u allocations", nth);
	shim_alloc_fail_hook = NULL;
	machine_free();
}
