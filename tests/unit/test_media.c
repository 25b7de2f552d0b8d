// SPDX-License-Identifier: GPL-2.0
/* Flash that does not give back what was written to it. */
#include "fixture.h"
#include "load.h"
#include "log.h"

static u64 hit_sectors(void)
{
	struct fvp_volume_counters sum = { 0 };

	fvp_volume_stats_read(vol->core, &sum);
	return sum.hit_sectors;
}

/* Where flash has the sector. */
static u64 place_of(u64 lba)
{
	struct fvp_hit hit = fvp_index_lookup(&vol->core->index, lba, 1);
	struct fvp_segment *seg;

	EXPECT_EQ(hit.found, FVP_FOUND_DATA);
	seg = fvp_segment_at(sim.pool, hit.addr);
	return seg->sector + (hit.addr & (m.segment_sectors - 1));
}

static void rot(u64 sector)
{
	u8 bytes[FVP_SECTOR_BYTES];

	store_read(m.flash[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
	bytes[77] ^= 0x10;
	store_poke(m.flash[0]->store, sector, 1, (struct sim_data){ .bytes = bytes });
}

static void write_back(u32 segments)
{
	start(1, segments);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	oracle_write_back(vol->oracle);
	origin_away(true);
}

TEST(media_rotten_clean, "clean data that rotted is not carried on when its segment is reclaimed")
{
	u64 lba;

	start(1, 40);
	io(FVP_REQ_READ, 0, 64);
	/* Until the log has it in memory no more. */
	for (lba = 1024; lba < 1024 + 64 * 60; lba += 64)
		io(FVP_REQ_READ, lba, 64);
	/* What is hit twice is carried on. */
	io(FVP_REQ_READ, 0, 64);
	io(FVP_REQ_READ, 0, 64);
	EXPECT_EQ(hit_sectors(), 128);
	EXPECT_EQ(atomic64_read(&sim.pool->stats.segments_reclaimed), 0);
	rot(place_of(10));
	for (; lba < 1024 + 64 * 140; lba += 64)
		io(FVP_REQ_READ, lba, 64);
	EXPECT(atomic64_read(&sim.pool->stats.segments_reclaimed) > 0);
	EXPECT_EQ(atomic64_read(&sim.pool->stats.bad_data), 1);
	io(FVP_REQ_READ, 0, 64);
	EXPECT_EQ(hit_sectors(), 128);
	finish();
}

/* More than the log has in memory. */
static void write_much(void)
{
	for (u64 i = 0; i < 200; i++)
		io(FVP_REQ_WRITE, 4096 + i * 16, 16);
}

TEST(media_rotten_dirty, "dirty data that rotted is lost piece by piece, and never destaged")
{
	struct fvp_lost_range range[40];

	write_back(60);
	io(FVP_REQ_WRITE, 0, 64);
	rot(place_of(0));
	/* What is left of it are 32 pieces. */
	for (u64 lba = 1; lba < 64; lba += 2)
		io(FVP_REQ_WRITE, lba, 1);
	write_much();
	origin_away(false);
	run_ns(30 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_volume_lost(vol->core, range, ARRAY_SIZE(range)), 32);
	for (u32 i = 0; i < 32; i++) {
		EXPECT_EQ(range[i].lba, 2 * i);
		EXPECT_EQ(range[i].len_sectors, 1);
		EXPECT_EQ(store_peek(vol->origin->store, 2 * i), oracle_initial(vol, 2 * i));
	}
	/* They are given up, and what came after them gets to the origin. */
	fvp_volume_forget_lost(vol->core);
	run_ns(30 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_volume_lost(vol->core, NULL, 0), 0);
	for (u64 lba = 1; lba < 64; lba += 2)
		EXPECT(store_peek(vol->origin->store, lba) != oracle_initial(vol, lba));
	finish();
}

TEST(media_pinned_gone, "a pool without a segment that its superblock lists as dirty does not open")
{
	static u8 nothing[256 * FVP_SECTOR_BYTES];
	struct fvp_segment *seg;
	u64 sector;

	write_back(20);
	io(FVP_REQ_WRITE, 0, 8);
	seg = fvp_segment_at(sim.pool, fvp_index_lookup(&vol->core->index, 0, 1).addr);
	for (u64 lba = 1024; !sim.pool->super->pinned_count && lba < vol->sectors - 64; lba += 64)
		io(FVP_REQ_READ, lba, 64);
	EXPECT_EQ(sim.pool->super->pinned_count, 1);
	EXPECT_EQ(sim.pool->super->pinned[0], seg->gen);
	sector = seg->sector;
	machine_crash();
	store_poke(m.flash[0]->store, sector, m.segment_sectors,
		   (struct sim_data){ .bytes = nothing });
	EXPECT_EQ(open_pool(), -EUCLEAN);
	EXPECT(strstr(err, "may hold acknowledged writes"));
	machine_free();
}

TEST(media_generation, "a segment of a generation that no pool reaches stops an activation")
{
	static u8 sector[FVP_SECTOR_BYTES];
	struct fvp_block block = { .kind = FVP_BLOCK_SEGMENT,
				   .segment_gen = FVP_GEN_END / 2,
				   .seq = fvp_log_header_seq(0, FVP_GEN_END / 2),
				   .len_sectors = 256 };
	struct fvp_media media;

	start(1, 20);
	media = fvp_pool_media(sim.pool);
	stop(FVP_DETACH_KEEP);
	fvp_block_encode(&media, &block, sector);
	store_poke(m.flash[0]->store, FVP_FIRST_SEGMENT_SECTOR + 10 * 256, 1,
		   (struct sim_data){ .bytes = sector });
	EXPECT_EQ(open_pool(), -EUCLEAN);
	EXPECT(strstr(err, "which no pool reaches"));
	machine_free();
}

TEST(media_backlog, "fills that flash cannot keep up with are refused, reads are not")
{
	struct fvp_volume_counters sum = { 0 };

	start(1, 20);
	sim.pool->fill_sectors_max = 32;
	io(FVP_REQ_READ, 0, 64);
	io(FVP_REQ_READ, 1000, 16);
	fvp_volume_stats_read(vol->core, &sum);
	EXPECT_EQ(sum.fill_refused, 1);
	EXPECT_EQ(sum.fill_sectors, 16);
	EXPECT_EQ(atomic64_read(&sim.pool->fill_sectors), 0);
	finish();
}
