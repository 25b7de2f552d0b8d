// SPDX-License-Identifier: GPL-2.0
/* Scrub: what it finds on flash that has rotted, and what it makes of that. */
#include "fixture.h"

static struct fvp_scrub_status status;

static void call_scrub_now(void *arg)
{
	EXPECT_EQ(fvp_scrub_start(sim.pool, ~0u), 0);
	do {
		shim_sleep_ns(10000000);
		fvp_scrub_status(sim.pool, &status);
	} while (status.running);
	EXPECT(status.complete);
	EXPECT_EQ(status.segments, sim.pool->segment_count);
}

static void scrub(void)
{
	shim_quiet = true;
	run_call("scrub", call_scrub_now, NULL);
	shim_quiet = false;
}

/* Goes on until what has been written so far is sealed. */
static void seal(void)
{
	for (u64 i = 0; i < 10; i++)
		io(FVP_REQ_READ, 8192 + i * 64, 64);
	run_ns(NSEC_PER_SEC);
}

/* Where flash has the sector. */
static u64 flash_sector(u64 lba)
{
	struct fvp_hit hit = fvp_index_lookup(&vol->core->index, lba, 1);
	struct fvp_segment *seg;

	EXPECT_EQ(hit.found, FVP_FOUND_DATA);
	seg = fvp_segment_at(sim.pool, hit.addr);
	EXPECT(!seg->ram);
	return seg->sector + (hit.addr & (sim.pool->segment_sectors - 1));
}

static void rot(u64 sector)
{
	u8 bytes[FVP_SECTOR_BYTES];

	store_read(m.flash[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
	bytes[100] ^= 1;
	store_poke(m.flash[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
}

TEST(scrub_well, "on flash that is well a scrub reads all and changes nothing")
{
	u64 live;

	start(1, 40);
	io(FVP_REQ_READ, 100, 64);
	io(FVP_REQ_WRITE, 120, 8);
	seal();
	live = (u64)atomic64_read(&vol->core->index.live_sectors);
	scrub();
	EXPECT(status.checked_sectors >= 64);
	EXPECT_EQ(status.dropped_sectors + status.mended_sectors + status.damaged_sectors, 0);
	EXPECT_EQ(status.headers_mended + status.unreadable, 0);
	EXPECT_EQ((u64)atomic64_read(&vol->core->index.live_sectors), live);
	finish();
}

TEST(scrub_clean_rot, "damaged clean data is dropped, and stays so after a power cut")
{
	start(1, 40);
	io(FVP_REQ_READ, 100, 16);
	io(FVP_REQ_READ, 300, 16);
	seal();
	rot(flash_sector(104));
	scrub();
	EXPECT_EQ(status.dropped_sectors, 16);
	EXPECT_EQ(fvp_index_lookup(&vol->core->index, 100, 16).found, FVP_FOUND_NOTHING);
	EXPECT_EQ(fvp_index_lookup(&vol->core->index, 300, 16).found, FVP_FOUND_DATA);
	machine_crash();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
	io(FVP_REQ_READ, 100, 16);
	EXPECT(check_volume(vol, false));
	finish();
}

TEST(scrub_clean_rot_4k, "the same on flash with blocks of 4 KiB")
{
	start(8, 40);
	io(FVP_REQ_READ, 104, 16);
	seal();
	rot(flash_sector(104));
	scrub();
	EXPECT_EQ(status.dropped_sectors, 16);
	io(FVP_REQ_READ, 104, 16);
	EXPECT(check_volume(vol, false));
	finish();
}

TEST(scrub_unreadable, "clean data that cannot be read is dropped, its neighbours are not")
{
	start(1, 40);
	io(FVP_REQ_READ, 100, 16);
	io(FVP_REQ_READ, 300, 16);
	seal();
	m.flash[0]->bad[m.flash[0]->bad_count++] = (struct dev_range){ flash_sector(104), 1 };
	scrub();
	EXPECT_EQ(status.dropped_sectors, 16);
	EXPECT_EQ(fvp_index_lookup(&vol->core->index, 300, 16).found, FVP_FOUND_DATA);
	io(FVP_REQ_READ, 100, 16);
	finish();
}

TEST(scrub_keeps_newer, "what was written since, and only flash has, is not dropped with the rest")
{
	start(1, 40);
	io(FVP_REQ_READ, 100, 16);
	seal();
	rot(flash_sector(101));
	fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK);
	oracle_write_back(vol->oracle);
	vol->origin->fail_writes = true;
	io(FVP_REQ_WRITE, 104, 4);
	scrub();
	EXPECT_EQ(status.dropped_sectors, 12);
	EXPECT_EQ(fvp_index_lookup(&vol->core->index, 104, 4).found, FVP_FOUND_DATA);
	io(FVP_REQ_READ, 100, 16);
	machine_crash();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_BACK);
	io(FVP_REQ_READ, 100, 16);
	vol->origin->fail_writes = false;
	finish();
}

static void start_dirty(u32 legs)
{
	start_legs(legs);
	oracle_write_back(vol->oracle);
	vol->origin->fail_writes = true;
	for (u64 i = 0; i < 30; i++)
		io(FVP_REQ_WRITE, i * 16, 16);
	run_ns(NSEC_PER_SEC);
}

TEST(scrub_dirty_rot, "damaged dirty data is written anew from a replica")
{
	start_dirty(1);
	rot(flash_sector(2 * 16 + 3));
	scrub();
	EXPECT_EQ(status.mended_sectors, 16);
	EXPECT_EQ(status.damaged_sectors + status.dropped_sectors, 0);
	m.leg[0]->dead = true;
	io(FVP_REQ_READ, 2 * 16, 16);
	vol->origin->fail_writes = false;
	finish();
}

TEST(scrub_dirty_alone, "damaged dirty data that nobody else has is reported, and left as it is")
{
	u64 sector;

	start_dirty(0);
	sector = flash_sector(2 * 16 + 3);
	rot(sector);
	scrub();
	EXPECT_EQ(status.damaged_sectors, 16);
	EXPECT_EQ(status.mended_sectors + status.dropped_sectors, 0);
	EXPECT_EQ(flash_sector(2 * 16 + 3), sector);
	/* A write makes it good. */
	io(FVP_REQ_WRITE, 2 * 16, 16);
	vol->origin->fail_writes = false;
	finish();
}

TEST(scrub_header, "a damaged header of a segment is written anew")
{
	struct fvp_segment *seg;

	start(1, 40);
	io(FVP_REQ_READ, 100, 16);
	seal();
	seg = fvp_segment_at(sim.pool, fvp_index_lookup(&vol->core->index, 100, 1).addr);
	rot(seg->sector);
	/* Not in what its checksum covers: as good as well. */
	scrub();
	EXPECT_EQ(status.headers_mended, 0);
	store_poke(m.flash[0]->store, seg->sector, 1,
		   (struct sim_data){ .bytes = (u8[FVP_SECTOR_BYTES]){ 0 } });
	scrub();
	EXPECT_EQ(status.headers_mended, 1);
	machine_crash();
	EXPECT_EQ(open_pool(), 0);
	attach(FVP_MODE_WRITE_THROUGH);
	EXPECT_EQ(fvp_index_lookup(&vol->core->index, 100, 16).found, FVP_FOUND_DATA);
	finish();
}

static void call_twice(void *arg)
{
	EXPECT_EQ(fvp_scrub_start(sim.pool, 1), 0);
	EXPECT_EQ(fvp_scrub_start(sim.pool, 1), -EBUSY);
	shim_sleep_ns(NSEC_PER_SEC / 10);
	fvp_scrub_stop(sim.pool);
	fvp_scrub_status(sim.pool, &status);
	EXPECT(!status.running && !status.complete);
	EXPECT_EQ(status.rate, FVP_SCRUB_RATE_MIN);
	EXPECT_EQ(fvp_scrub_start(sim.pool, 0), 0);
	EXPECT_EQ(sim.pool->scrub.status.rate, FVP_SCRUB_RATE);
}

TEST(scrub_stop, "one scrub at a time; it can be stopped, and a pool closed under it")
{
	start(1, 40);
	io(FVP_REQ_READ, 100, 64);
	seal();
	run_call("twice", call_twice, NULL);
	finish();
}
