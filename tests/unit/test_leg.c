// SPDX-License-Identifier: GPL-2.0
/* Replica legs: what is acknowledged, what fails, what comes back, what is refused. */
#include "dirty.h"
#include "fixture.h"

static u32 leg_records, flash_records;

static void count_flash(struct fvp_dev *dev, const struct dev_event *event)
{
	const struct fvp_disk_block *record = event->done ? NULL : dev_record(event);

	if (record && dev_record_entries(record, FVP_ENTRY_DATA, FVP_ENTRY_DIRTY))
		*(dev->leg ? &leg_records : &flash_records) += 1;
}

/* From here on. */
static void count_records(void)
{
	leg_records = flash_records = 0;
	m.flash[0]->on_io = count_flash;
	for (u32 i = 0; i < m.leg_count; i++)
		m.leg[i]->on_io = count_flash;
}

static bool origin_has(u64 lba)
{
	return store_peek(vol->origin->store, lba) != oracle_initial(vol, lba);
}

TEST(leg_one_write, "an acknowledged write costs one write to flash and one to each leg")
{
	start_legs(2);
	count_records();
	for (u64 i = 0; i < 20; i++)
		io(FVP_REQ_WRITE, i * 8, 8);
	EXPECT_EQ(flash_records, 20);
	EXPECT_EQ(leg_records, 40);
	finish();
}

TEST(leg_not_wanted, "a volume that does not want a leg does not write to it")
{
	start_legs(1);
	count_records();
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 0, 0), 0);
	io(FVP_REQ_WRITE, 0, 8);
	EXPECT_EQ(flash_records, 1);
	EXPECT_EQ(leg_records, 0);
	finish();
}

static u32 legset_on(struct fvp_dev *dev)
{
	static struct fvp_super super;
	static u8 bytes[FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES];
	const char *why;

	store_read(dev->store, 0, FVP_SUPER_AREA_SECTORS, (struct sim_data){ .bytes = bytes });
	EXPECT_EQ(fvp_super_decode(bytes, sizeof(bytes), dev->sectors, &super, &why), 0);
	return super.legset_gen;
}

TEST(leg_fails, "a leg that fails leaves the set durably, the volume write-back, and comes back")
{
	u32 legset;

	start_legs(1);
	legset = legset_on(m.flash[0]);
	m.leg[0]->dead = true;
	io(FVP_REQ_WRITE, 0, 8);
	EXPECT_EQ(fvp_legs_in(sim.pool), 0);
	EXPECT_EQ(legset_on(m.flash[0]), legset + 1);
	EXPECT_EQ(legset_on(m.leg[0]), legset);
	run_ns(NSEC_PER_SEC);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_THROUGH);
	EXPECT(origin_has(0));
	m.leg[0]->dead = false;
	run_ns(7 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_BACK);
	EXPECT_EQ(legset_on(m.leg[0]), legset_on(m.flash[0]));
	io(FVP_REQ_READ, 0, 8);
	finish();
}

TEST(leg_hangs, "a leg that does not answer holds a write up for its own timeout, no longer")
{
	u64 begun;

	start_legs(1);
	m.leg[0]->stall_until_ns = shim_now_ns() + 100 * NSEC_PER_SEC;
	begun = shim_now_ns();
	io(FVP_REQ_WRITE, 0, 8);
	EXPECT(shim_now_ns() - begun < 3 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 0);
	/* The log goes on, with memory that the device still has put aside. */
	for (u64 i = 0; i < 200; i++)
		io(FVP_REQ_WRITE, i * 16, 16);
	EXPECT(shim_now_ns() - begun < 10 * NSEC_PER_SEC);
	finish();
}

TEST(leg_blocks, "a leg that cannot be written to without waiting keeps no guest's thread")
{
	start_legs(1);
	count_records();
	m.leg[0]->again_permille = 1000;
	for (u64 i = 0; i < 20; i++)
		io(FVP_REQ_WRITE, i * 8, 8);
	/* Each was tried, and then sent by the worker. */
	EXPECT_EQ(leg_records, 40);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	finish();
}

TEST(leg_fewer, "with a lower minimum a volume stays in write-back without a leg")
{
	start_legs(2);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 3, 1), 0);
	m.leg[0]->dead = true;
	io(FVP_REQ_WRITE, 0, 8);
	run_ns(NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 2);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_BACK);
	finish();
}

TEST(leg_saves, "flash that dies with dirty data loses nothing that a leg has")
{
	struct fvp_volume_counters sum = { 0 };

	start_legs(1);
	origin_away(true);
	/* More than the log keeps in memory, and less than what makes writes wait for the origin. */
	for (u64 i = 0; i < 180; i++)
		io(FVP_REQ_WRITE, i * 16, 16);
	m.flash[0]->dead = true;
	origin_away(false);
	io(FVP_REQ_READ, 0, 16);
	fvp_volume_stats_read(vol->core, &sum);
	EXPECT(sum.leg_read_sectors);
	EXPECT_EQ(fvp_volume_lost(vol->core, NULL, 0), 0);
	for (u64 i = 0; i < 180; i++)
		io(FVP_REQ_READ, i * 16, 16);
	finish();
}

struct recover {
	struct fvp_volume *core;
	int error;
};

static int open_recover(struct fvp_dev *dev)
{
	struct fvp_pool_params params = {
		.dev = { dev }, .count = 1, .block_sectors = 1, .recover = true
	};

	return fvp_pool_open(&params, &sim.pool, err, sizeof(err));
}

TEST(leg_recovers, "what was acknowledged is on the origin after a recovery from a leg alone")
{
	struct fvp_volume *core;

	start_legs(1);
	origin_away(true);
	for (u64 i = 0; i < 100; i++)
		io(FVP_REQ_WRITE, i * 16, 16);
	machine_crash();
	origin_away(false);
	EXPECT(!origin_has(99 * 16));
	EXPECT_EQ(open_recover(m.leg[0]), 0);
	EXPECT_EQ(fvp_volume_attach(sim.pool, vol->uuid, "r", vol->origin, vol->sectors,
				    FVP_MODE_PASS_THROUGH, &core, err, sizeof(err)),
		  0);
	fvp_volume_resume(core);
	fvp_volume_suspend(core);
	fvp_volume_detach(core, FVP_DETACH_FORGET);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
	check_origin(vol);
	/* Flash is out of date now, and is not believed. */
	EXPECT_EQ(open_pool(), -ESTALE);
	EXPECT(strstr(err, "leg0"));
	machine_free();
}

TEST(leg_missed, "a leg that missed writes is synced before it counts again")
{
	start_legs(1);
	stop(FVP_DETACH_KEEP);
	/* The pool runs without it. */
	m.leg_given[0] = false;
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_BACK);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_THROUGH);
	io(FVP_REQ_WRITE, 0, 8);
	stop(FVP_DETACH_KEEP);
	m.leg_given[0] = true;
	EXPECT_EQ(open_pool(), 0);
	EXPECT_EQ(fvp_legs_in(sim.pool), 0);
	attach(FVP_MODE_WRITE_BACK);
	run_ns(NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_BACK);
	finish();
}

TEST(leg_foreign, "a replica of another pool, a flash device, and a replica as flash are refused")
{
	struct fvp_pool_params params = { .count = 1, .block_sectors = 1, .leg_count = 1 };

	start_legs(1);
	stop(FVP_DETACH_KEEP);
	params.dev[0] = m.leg[0];
	params.leg_count = 0;
	EXPECT_EQ(fvp_pool_open(&params, &sim.pool, err, sizeof(err)), -EINVAL);
	EXPECT(strstr(err, "leg0") && strstr(err, "fvp recover"));
	params = (struct fvp_pool_params){ .dev = { m.flash[0] },
					   .count = 1,
					   .block_sectors = 1,
					   .leg = { m.flash[0] },
					   .leg_count = 1 };
	EXPECT_EQ(fvp_pool_open(&params, &sim.pool, err, sizeof(err)), -EINVAL);
	EXPECT(strstr(err, "not a replica"));
	EXPECT_EQ(open_recover(m.flash[0]), -EINVAL);
	/* The flash of another pool. */
	m.leg_count = 0;
	machine_format();
	m.leg_count = 1;
	EXPECT_EQ(open_pool(), -EINVAL);
	EXPECT(strstr(err, "leg0") && strstr(err, "another pool"));
	sim.pool = NULL;
	machine_free();
}

TEST(leg_small, "a replica with too few slots is not laid out")
{
	static struct fvp_super pool, super;
	u8 uuid[16] = { 1 };
	u64 least = FVP_FIRST_SEGMENT_SECTOR + FVP_LEG_SLOTS_MIN * 256 + FVP_SUPER_AREA_SECTORS;

	memset(&pool, 0, sizeof(pool));
	pool.segment_sectors = 256;
	pool.block_sectors = 8;
	EXPECT_EQ(fvp_super_replica(&pool, least, uuid, &super), 0);
	EXPECT_EQ(fvp_super_replica(&pool, least - 8, uuid, &super), -ENOSPC);
}

/* Flips bits of a byte in both copies. */
static void damage_super(struct fvp_dev *dev, u32 at)
{
	u8 bytes[FVP_SECTOR_BYTES];

	for (u32 copy = 0; copy < 2; copy++) {
		u64 sector = fvp_super_copy_sector(dev->sectors, copy) + at / FVP_SECTOR_BYTES;

		store_read(dev->store, sector, 1, (struct sim_data){ .bytes = bytes });
		bytes[at % FVP_SECTOR_BYTES] ^= 0x55;
		store_poke(dev->store, sector, 1, (struct sim_data){ .bytes = bytes });
	}
}

TEST(leg_damaged,
     "a replica damaged in any byte of its superblock is left out, and the pool starts")
{
	start_legs(1);
	stop(FVP_DETACH_KEEP);
	shim_quiet = true;
	for (u32 at = 0; at < FVP_SUPER_BYTES; at += 3) {
		damage_super(m.leg[0], at);
		EXPECT_EQ(open_pool(), 0);
		EXPECT_EQ(fvp_legs_in(sim.pool), 0);
		EXPECT(!sim.pool->leg[0].dev);
		fvp_pool_close(sim.pool);
		sim.pool = NULL;
		EXPECT(open_recover(m.leg[0]) != 0);
		damage_super(m.leg[0], at);
	}
	shim_quiet = false;
	machine_free();
}

TEST(leg_cut_short, "a replica on a device that has shrunk is left out, and said to be")
{
	start_legs(1);
	stop(FVP_DETACH_KEEP);
	m.leg[0]->sectors -= 256;
	EXPECT_EQ(open_pool(), 0);
	EXPECT(!sim.pool->leg[0].dev);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
	EXPECT(open_recover(m.leg[0]) != 0);
	EXPECT(strstr(err, "smaller"));
	machine_free();
}

TEST(leg_slot_damaged, "a damaged header of a slot stops a recovery, whichever byte it is")
{
	u8 bytes[FVP_SECTOR_BYTES];
	u64 sector = 0;

	start_legs(1);
	origin_away(true);
	for (u64 i = 0; i < 30; i++)
		io(FVP_REQ_WRITE, i * 16, 16);
	machine_crash();
	origin_away(false);
	for (u32 slot = 0; !sector && slot < 30; slot++) {
		store_read(m.leg[0]->store, FVP_FIRST_SEGMENT_SECTOR + slot * 256, 1,
			   (struct sim_data){ .bytes = bytes });
		if (memchr_inv(bytes, 0, sizeof(bytes)))
			sector = FVP_FIRST_SEGMENT_SECTOR + slot * 256;
	}
	EXPECT(sector);
	shim_quiet = true;
	for (u32 at = 0; at < FVP_BLOCK_HEADER_BYTES; at++) {
		bytes[at] ^= 0x55;
		store_poke(m.leg[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
		EXPECT_EQ(open_recover(m.leg[0]), -EUCLEAN);
		EXPECT(strstr(err, "leg0"));
		bytes[at] ^= 0x55;
	}
	shim_quiet = false;
	store_poke(m.leg[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
	EXPECT_EQ(open_recover(m.leg[0]), 0);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
	machine_free();
}

TEST(leg_remove, "a leg that no volume wants is removed; another may take its place")
{
	start_legs(1);
	count_records();
	EXPECT_EQ(fvp_leg_remove(sim.pool, sim.pool->leg[0].uuid, err, sizeof(err)), -EBUSY);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 0, 0), 0);
	EXPECT_EQ(fvp_leg_remove(sim.pool, sim.pool->leg[0].uuid, err, sizeof(err)), 0);
	EXPECT_EQ(sim.pool->leg_count, 0);
	io(FVP_REQ_WRITE, 0, 8);
	EXPECT_EQ(leg_records, 0);
	EXPECT_EQ(fvp_leg_add(sim.pool, m.leg[0], err, sizeof(err)), 0);
	run_ns(NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	finish();
}

static u32 failing_in;

static bool nth_fails(gfp_t flags)
{
	return failing_in && !--failing_in;
}

TEST(leg_open_memory,
     "a pool with dirty data and a replica that lacks memory to open loses neither")
{
	bool whole = false;
	u32 nth, refused = 0;

	start_legs(1);
	origin_away(true);
	for (u64 lba = 0; lba < 400; lba += 8)
		io(FVP_REQ_WRITE, lba, 8);
	detach(FVP_DETACH_KEEP);
	fvp_pool_close(sim.pool);
	for (nth = 1; !whole; nth++) {
		u64 count = shim_alloc_count();
		int ret;

		EXPECT(nth < 500);
		shim_alloc_fail_hook = nth_fails;
		failing_in = nth;
		ret = open_pool();
		whole = failing_in;
		failing_in = 0;
		shim_alloc_fail_hook = NULL;
		refused += !!ret;
		if (ret) {
			EXPECT_EQ(ret, -ENOMEM);
		} else {
			EXPECT(sim.pool->log.dirty_entries);
			fvp_pool_close(sim.pool);
		}
		EXPECT_EQ(shim_alloc_count(), count);
	}
	unit_note("%u allocations, %u of them vital", nth, refused);
	EXPECT_EQ(open_pool(), 0);
	origin_away(false);
	attach(FVP_MODE_WRITE_BACK);
	run_ns(5 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	for (u64 lba = 0; lba < 400; lba += 8) {
		EXPECT(origin_has(lba));
		io(FVP_REQ_READ, lba, 8);
	}
	finish();
}

static u32 log_buffers(void)
{
	u32 i, count = 0;

	for (i = 0; i < FVP_LOG_BUFFERS; i++)
		count += !!sim.pool->log.buffer[i].mem;
	return count;
}

TEST(leg_add_memory,
     "a replica that memory was short for is added, with all it needs, by trying again")
{
	u32 nth, before, refused = 0;
	int ret;

	build(1, 40);
	m.leg_count = 1;
	m.leg[0] = leg_create("leg0", 30);
	machine_format();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_BACK);
	before = log_buffers();
	shim_alloc_fail_hook = nth_fails;
	for (nth = 1; nth < 100; nth++) {
		failing_in = nth;
		ret = fvp_leg_add(sim.pool, m.leg[0], err, sizeof(err));
		failing_in = 0;
		if (!ret)
			break;
		EXPECT_EQ(ret, -ENOMEM);
		EXPECT_EQ(fvp_legs_in(sim.pool), 0);
		refused++;
	}
	shim_alloc_fail_hook = NULL;
	EXPECT_EQ(ret, 0);
	m.leg_added[0] = m.leg_given[0] = true;
	EXPECT(log_buffers() >= min(before + FVP_LOG_BUFFERS_LEG, FVP_LOG_BUFFERS));
	run_ns(NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	unit_note("refused %u times", refused);
	finish();
}

TEST(leg_right_one,
     "what flash does not give comes from the leg that the volume wants, not from another")
{
	struct fvp_dirty_cursor cur;
	struct fvp_dirty_entry *e;
	struct fvp_segment *seg;
	struct fvp_dirty_status st;

	start_legs(2);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 2, 1), 0);
	origin_away(true);
	io(FVP_REQ_WRITE, 64, 8);
	/* Nothing of it stays in RAM. */
	detach(FVP_DETACH_KEEP);
	fvp_pool_close(sim.pool);
	EXPECT_EQ(open_pool(), 0);
	vol->core = fvp_volume_find(sim.pool, vol->uuid);
	spin_lock(&vol->core->lock);
	fvp_dirty_begin(vol->core, &cur);
	e = fvp_dirty_at(vol->core, &cur);
	spin_unlock(&vol->core->lock);
	seg = fvp_segment_at(sim.pool, e->addr);
	EXPECT_EQ(seg->legs & 3, 3);
	m.flash[0]->bad[0] =
		(struct dev_range){ seg->sector + ((u32)e->addr & (sim.pool->segment_sectors - 1)),
				    e->len_sectors };
	m.flash[0]->bad_count = 1;
	origin_away(false);
	attach(FVP_MODE_WRITE_BACK);
	run_ns(5 * NSEC_PER_SEC);
	fvp_volume_dirty(vol->core, &st);
	EXPECT_EQ(st.lost_sectors, 0);
	EXPECT_EQ(st.sectors, 0);
	EXPECT(origin_has(64));
	finish();
}
