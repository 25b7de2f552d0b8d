// SPDX-License-Identifier: GPL-2.0
/* Counters and histograms (core/stats.h, core/latency.h): every request once, in its bucket. */
#include "fixture.h"

#include "latency.h"

static u64 count_of(enum fvp_latency_kind kind)
{
	struct fvp_latency sum;
	u64 count = 0;

	fvp_volume_latency_read(vol->core, kind, &sum);
	for (u32 i = 0; i < FVP_LATENCY_BUCKETS; i++)
		count += sum.bucket[i];
	return count;
}

TEST(stats_buckets, "each number of nanoseconds is in the one bucket that says so")
{
	u32 before = 0;

	EXPECT_EQ(fvp_latency_bucket(0), 0);
	EXPECT_EQ(fvp_latency_bucket(FVP_LATENCY_FIRST_NS - 1), 0);
	EXPECT_EQ(fvp_latency_bucket(~0ULL), FVP_LATENCY_BUCKETS - 1);
	for (u32 i = 1; i < FVP_LATENCY_BUCKETS; i++) {
		u64 from = FVP_LATENCY_FROM_NS(i);

		EXPECT_EQ(fvp_latency_bucket(from), i);
		EXPECT_EQ(fvp_latency_bucket(from - 1), i - 1);
		/* At most a quarter wide. */
		if (i > 1)
			EXPECT(from - FVP_LATENCY_FROM_NS(i - 1) <= FVP_LATENCY_FROM_NS(i - 1) / 4);
	}
	for (u64 ns = 1; ns < 1ULL << 40; ns += 1 + ns / 7) {
		u32 bucket = fvp_latency_bucket(ns);

		EXPECT(bucket >= before);
		before = bucket;
	}
}

TEST(stats_every_request_once, "requests are counted, and measured, as what served them")
{
	struct fvp_volume_counters sum;

	start(1, 20);
	io(FVP_REQ_READ, 100, 16); /* miss */
	io(FVP_REQ_READ, 100, 16); /* from the open segment */
	io(FVP_REQ_WRITE, 512, 8);
	io(FVP_REQ_FLUSH, 0, 0);
	io(FVP_REQ_DISCARD, 600, 24);
	fvp_volume_stats_read(vol->core, &sum);
	EXPECT_EQ(sum.miss_ios, 1);
	EXPECT_EQ(sum.hit_ios, 1);
	EXPECT_EQ(sum.ram_hit_ios, 1);
	EXPECT_EQ(sum.bypass_ios, 0);
	EXPECT_EQ(sum.discard_sectors, 24);
	EXPECT_EQ(count_of(FVP_LATENCY_READ_ORIGIN), 1);
	EXPECT_EQ(count_of(FVP_LATENCY_READ_FLASH), 1);
	EXPECT_EQ(count_of(FVP_LATENCY_WRITE), 1);
	EXPECT_EQ(count_of(FVP_LATENCY_FLUSH), 1);
	/* The write's; the discard is none. */
	EXPECT_EQ(count_of(FVP_LATENCY_ORIGIN_WRITE), 1);

	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_PASS_THROUGH), 0);
	io(FVP_REQ_READ, 100, 16);
	fvp_volume_stats_read(vol->core, &sum);
	EXPECT_EQ(sum.bypass_ios, 1);
	EXPECT_EQ(sum.bypass_sectors, 16);
	EXPECT_EQ(count_of(FVP_LATENCY_READ_ORIGIN), 2);
	finish();
}

TEST(stats_write_back, "write-back: acknowledged from the log, measured there and at the origin")
{
	u64 written = 0;

	start(1, 20);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	for (u32 i = 0; i < 10; i++)
		io(FVP_REQ_WRITE, 32 * i, 8);
	EXPECT_EQ(count_of(FVP_LATENCY_WRITE), 10);
	for (u32 i = 0; i < FVP_LATENCY_BUCKETS; i++)
		written += sim.pool->stats.flash_write.bucket[i];
	EXPECT(written >= 1);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_THROUGH), 0);
	while (fvp_volume_effective_mode(vol->core) == FVP_MODE_WRITE_BACK)
		shim_sleep_ns(1000000);
	EXPECT_EQ(count_of(FVP_LATENCY_ORIGIN_WRITE), 10);
	finish();
}
