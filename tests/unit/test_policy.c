// SPDX-License-Identifier: GPL-2.0
/* What is let in, and what goes round once more. */
#include "fixture.h"
#include "ghost.h"
#include "heat.h"

static u64 counter(size_t offset)
{
	struct fvp_volume_counters sum = { 0 };

	fvp_volume_stats_read(vol->core, &sum);
	return *(u64 *)((char *)&sum + offset);
}
#define COUNTER(name) counter(offsetof(struct fvp_volume_counters, name))

/* Reads from lba on, once each, until fills evict what lives. */
static u64 churn(u64 lba)
{
	for (; !fvp_ghost_churning(sim.pool); lba += 64)
		io(FVP_REQ_READ, lba, 64);
	return lba;
}

TEST(policy_second_miss,
     "while fills evict what lives a first miss is not filled, and a second one is")
{
	u64 filled, lba;

	start(1, 24);
	/* While there is room all is. */
	io(FVP_REQ_READ, 0, 64);
	EXPECT_EQ(COUNTER(fill_sectors), 64);
	lba = churn(64) + 64;
	filled = COUNTER(fill_sectors);
	EXPECT_EQ(COUNTER(not_admitted_sectors), 0);
	io(FVP_REQ_READ, lba, 64);
	EXPECT_EQ(COUNTER(fill_sectors), filled);
	EXPECT_EQ(COUNTER(not_admitted_sectors), 64);
	io(FVP_REQ_READ, lba, 64);
	EXPECT_EQ(COUNTER(fill_sectors), filled + 64);
	EXPECT_EQ(COUNTER(not_admitted_sectors), 64);
	/* What was evicted is known. */
	EXPECT_EQ(fvp_index_lookup(&vol->core->index, 0, 64).found, FVP_FOUND_NOTHING);
	io(FVP_REQ_READ, 0, 64);
	EXPECT_EQ(COUNTER(fill_sectors), filled + 128);
	finish();
}

TEST(policy_scan, "what is hot outlives a scan of many times the flash, which hardly writes it")
{
	u64 written, lba;

	start(1, 24);
	/* A quarter of the first data: no more than half of a segment goes round. */
	for (u32 turn = 0; turn < 3; turn++)
		for (lba = 0; lba < 1024; lba += turn ? 256 : 64)
			io(FVP_REQ_READ, lba, 64);
	lba = churn(1024);
	written = (u64)atomic64_read(&sim.pool->stats.flash_written_sectors);
	for (; lba + 64 <= vol->sectors; lba += 64)
		io(FVP_REQ_READ, lba, 64);
	written = (u64)atomic64_read(&sim.pool->stats.flash_written_sectors) - written;
	EXPECT(COUNTER(not_admitted_sectors) > 9000);
	EXPECT(written < COUNTER(not_admitted_sectors) / 4);
	for (lba = 0; lba < 1024; lba += 256)
		EXPECT_EQ(fvp_index_lookup(&vol->core->index, lba, 64).found, FVP_FOUND_DATA);
	finish();
}

static u32 heat_at(u64 lba)
{
	struct fvp_hit hit = fvp_index_lookup(&vol->core->index, lba, 8);

	EXPECT_EQ(hit.found, FVP_FOUND_DATA);
	return fvp_heat_of(sim.pool, hit.addr >> FVP_HEAT_BLOCK_SHIFT);
}

TEST(policy_neighbours, "a hot block does not warm the one that lies beside it on flash")
{
	start(1, 24);
	/* Each has a header before it: none is aligned. */
	for (u64 lba = 0; lba < 80; lba += 8)
		io(FVP_REQ_WRITE, lba, 8);
	io(FVP_REQ_READ, 40, 8);
	EXPECT_EQ(heat_at(40), 1);
	io(FVP_REQ_READ, 40, 8);
	EXPECT_EQ(heat_at(40), 3);
	io(FVP_REQ_READ, 40, 8);
	EXPECT_EQ(heat_at(40), 3);
	for (u64 lba = 0; lba < 80; lba += 8)
		EXPECT_EQ(heat_at(lba), lba == 40 ? 3 : 0);
	finish();
}

TEST(policy_long_reads, "each block of a long read gets warmer, over words of the map too")
{
	start(1, 24);
	io(FVP_REQ_WRITE, 0, 64);
	io(FVP_REQ_WRITE, 64, 64);
	io(FVP_REQ_WRITE, 128, 64);
	io(FVP_REQ_WRITE, 192, 64);
	for (u64 lba = 0; lba < 256; lba += 64)
		io(FVP_REQ_READ, lba, 64);
	for (u64 lba = 0; lba < 256; lba += 8)
		EXPECT_EQ(heat_at(lba), 1);
	io(FVP_REQ_READ, 32, 16);
	EXPECT_EQ(heat_at(24), 1);
	EXPECT_EQ(heat_at(32), 3);
	EXPECT_EQ(heat_at(40), 3);
	EXPECT_EQ(heat_at(48), 1);
	finish();
}
