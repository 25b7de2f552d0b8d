// SPDX-License-Identifier: GPL-2.0
/* The index: each operation by itself, then all of them against a naive model. */
#include <stdlib.h>

#include "index.h"
#include "unit.h"

#define SECTORS (3u << 17)
/* Addresses as the log gives them: never across a segment of this many sectors. */
#define SEG 2048u

static struct fvp_index index_;

static void begin(u64 sectors)
{
	EXPECT_EQ(fvp_index_init(&index_, sectors), 0);
}

static void end(void)
{
	EXPECT_EQ(fvp_index_check(&index_), 0);
	fvp_index_destroy(&index_);
}

static void expect_hit(u64 lba, u32 len, u64 addr)
{
	for (u32 i = 0; i < len; i++) {
		struct fvp_hit hit = fvp_index_lookup(&index_, lba + i, 1);

		if (!hit.found || hit.addr != addr + i)
			unit_fail(__FILE__, __LINE__, "lba %llu: hit %d at %llu, not %llu", lba + i,
				  hit.found, hit.addr, addr + i);
	}
}

static void expect_miss(u64 lba, u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (fvp_index_lookup(&index_, lba + i, 1).found)
			unit_fail(__FILE__, __LINE__, "lba %llu: a hit", lba + i);
}

TEST(index_empty, "an empty index misses in one piece and uses no region")
{
	begin(SECTORS);
	EXPECT(!fvp_index_lookup(&index_, 0, 256).found);
	EXPECT_EQ(fvp_index_lookup(&index_, 0, 256).len_sectors, 256);
	EXPECT(!fvp_index_overlaps(&index_, 0, SECTORS));
	EXPECT_EQ(atomic64_read(&index_.extents), 0);
	end();
}

TEST(index_insert_hit, "what was inserted is found, with the rest of its extent")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 100, 50, 7000), 0);
	expect_hit(100, 50, 7000);
	EXPECT_EQ(fvp_index_lookup(&index_, 110, 100).len_sectors, 40);
	EXPECT_EQ(fvp_index_lookup(&index_, 90, 100).len_sectors, 10);
	expect_miss(90, 10);
	expect_miss(150, 10);
	end();
}

TEST(index_insert_replaces, "an insert replaces what was there and keeps the rest")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 100, 300, 7000), 0);
	EXPECT_EQ(fvp_index_insert(&index_, 200, 50, 9000), 0);
	expect_hit(100, 100, 7000);
	expect_hit(200, 50, 9000);
	expect_hit(250, 150, 7150);
	EXPECT_EQ(atomic64_read(&index_.live_sectors), 300);
	end();
}

TEST(index_insert_long, "extents longer than one word are several")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 1024, 1024, 4096), 0);
	expect_hit(1024, 1024, 4096);
	end();
}

TEST(index_insert_merges, "neighbours that go on in lba and address become one extent")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 0, 8, 1000), 0);
	EXPECT_EQ(fvp_index_insert(&index_, 16, 8, 1016), 0);
	EXPECT_EQ(fvp_index_insert(&index_, 8, 8, 1008), 0);
	EXPECT_EQ(atomic64_read(&index_.extents), 1);
	expect_hit(0, 24, 1000);
	end();
}

TEST(index_remove_cuts, "a remove cuts extents at both ends")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 100, 300, 7000), 0);
	fvp_index_remove(&index_, 150, 100);
	expect_hit(100, 50, 7000);
	expect_miss(150, 100);
	expect_hit(250, 150, 7150);
	EXPECT(!fvp_index_overlaps(&index_, 150, 100));
	end();
}

TEST(index_remove_all, "a remove of everything, over regions, leaves nothing")
{
	begin(SECTORS);
	for (u64 lba = 0; lba < SECTORS; lba += 1000)
		EXPECT_EQ(fvp_index_insert(&index_, lba, 8, lba), 0);
	fvp_index_remove(&index_, 0, SECTORS);
	EXPECT(!fvp_index_overlaps(&index_, 0, SECTORS));
	EXPECT_EQ(atomic64_read(&index_.extents), 0);
	EXPECT_EQ(atomic64_read(&index_.live_sectors), 0);
	end();
}

static bool all_fail(gfp_t flags)
{
	return !(flags & SHIM_GFP_SLEEP);
}

TEST(index_remove_no_memory, "a remove without memory makes the whole extent dead, never alive")
{
	begin(SECTORS);
	/* Five extents fill the smallest leaf: the cut needs a bigger one. */
	for (u64 i = 0; i < 5; i++)
		EXPECT_EQ(fvp_index_insert(&index_, i * 100, 50, 7000 + i * 100), 0);
	shim_alloc_fail_hook = all_fail;
	fvp_index_remove(&index_, 110, 10);
	shim_alloc_fail_hook = NULL;
	expect_miss(110, 10);
	EXPECT(!fvp_index_lookup(&index_, 100, 1).found ||
	       fvp_index_lookup(&index_, 100, 1).addr == 7100);
	EXPECT(fvp_index_overlaps(&index_, 100, 50));
	end();
}

TEST(index_insert_no_memory, "an insert without memory changes nothing")
{
	u32 done;

	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 0, 500, 7000), 0);
	shim_alloc_fail_hook = all_fail;
	/* Each cuts the extent once more, until the leaf is full. */
	for (done = 0; done < 200; done++)
		if (fvp_index_insert(&index_, 2 + done * 4, 1, 90000 + done))
			break;
	shim_alloc_fail_hook = NULL;
	EXPECT(done < 100);
	expect_hit(2 + done * 4, 1, 7000 + 2 + done * 4);
	for (u32 i = 0; i < done; i++) {
		expect_hit(2 + i * 4, 1, 90000 + i);
		expect_hit(3 + i * 4, 3, 7003 + i * 4);
	}
	end();
}

TEST(index_supersede_no_memory, "a supersession without memory keeps all that is older out")
{
	u32 loaded = 0;

	begin(SECTORS);
	shim_alloc_fail_hook = all_fail;
	/* Where there is no region, and where its leaf is full. */
	fvp_index_supersede(&index_, 1000, 10);
	shim_alloc_fail_hook = NULL;
	EXPECT_EQ(fvp_index_insert_gaps(&index_, 0, 2000, 7000), 0);
	expect_miss(0, 2000);
	end();

	begin(SECTORS);
	for (u32 i = 0; i < 5; i++)
		EXPECT_EQ(fvp_index_insert(&index_, i * 100, 50, 7000 + i * 100), 0);
	shim_alloc_fail_hook = all_fail;
	fvp_index_supersede(&index_, 110, 10);
	fvp_index_supersede(&index_, 60, 10);
	shim_alloc_fail_hook = NULL;
	EXPECT_EQ(fvp_index_insert_gaps(&index_, 0, 600, 90000), 0);
	expect_miss(110, 10);
	expect_miss(60, 10);
	for (u32 i = 0; i < 5; i++)
		loaded += fvp_index_lookup(&index_, i * 100 + 20, 1).found;
	/* What the guest has read since is there still. */
	EXPECT(loaded >= 3);
	end();
}

TEST(index_gaps, "insert_gaps fills only what nothing covers")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 120, 10, 500), 0);
	EXPECT_EQ(fvp_index_insert_gaps(&index_, 100, 100, 7000), 0);
	expect_hit(100, 20, 7000);
	expect_hit(120, 10, 500);
	expect_hit(130, 70, 7030);
	end();
}

TEST(index_mark, "a marked gap misses, overlaps, keeps the loader out, and goes with unmark")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 120, 10, 500), 0);
	EXPECT_EQ(fvp_index_mark_gaps(&index_, 100, 100), 0);
	EXPECT_EQ(fvp_index_insert_gaps(&index_, 100, 100, 7000), 0);
	expect_miss(100, 20);
	expect_hit(120, 10, 500);
	expect_miss(130, 70);
	EXPECT(fvp_index_overlaps(&index_, 150, 1));
	fvp_index_unmark(&index_);
	EXPECT(!fvp_index_overlaps(&index_, 150, 1));
	expect_hit(120, 10, 500);
	end();
}

TEST(index_supersede, "a superseded range misses and keeps the loader out")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 100, 100, 500), 0);
	fvp_index_supersede(&index_, 120, 10);
	EXPECT_EQ(fvp_index_insert_gaps(&index_, 100, 100, 7000), 0);
	expect_hit(100, 20, 500);
	expect_miss(120, 10);
	expect_hit(130, 70, 530);
	end();
}

TEST(index_move, "a move follows only what still maps to the old place")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 100, 50, 7000), 0);
	EXPECT(fvp_index_move(&index_, 100, 50, 7000, 9000) >= 0);
	expect_hit(100, 50, 9000);
	EXPECT(fvp_index_move(&index_, 100, 50, 7000, 11000) <= 0);
	expect_hit(100, 50, 9000);
	end();
}

TEST(index_kill, "a killed extent misses but overlaps")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 100, 50, 7000), 0);
	EXPECT_EQ(fvp_index_insert(&index_, 200, 50, 9000), 0);
	fvp_index_kill(&index_, 100, 200, 7010, 5);
	expect_miss(100, 50);
	EXPECT(fvp_index_overlaps(&index_, 100, 50));
	expect_hit(200, 50, 9000);
	end();
}

TEST(index_evict, "an evict takes what maps into the segment, dead or alive, and counts the live")
{
	begin(SECTORS);
	EXPECT_EQ(fvp_index_insert(&index_, 100, 50, SEG + 10), 0);
	EXPECT_EQ(fvp_index_insert(&index_, 200, 50, SEG + 100), 0);
	EXPECT_EQ(fvp_index_insert(&index_, 300, 50, 5 * SEG + 10), 0);
	fvp_index_kill(&index_, 200, 50, SEG + 100, 50);
	EXPECT_EQ(fvp_index_evict(&index_, 0, SECTORS, SEG, SEG), 50);
	EXPECT(!fvp_index_overlaps(&index_, 100, 150));
	expect_hit(300, 50, 5 * SEG + 10);
	end();
}

struct walked {
	u64 lba, sectors;
	u32 extents;
	bool ordered;
};

static void walk_one(void *arg, u64 lba, u32 len_sectors, u64 addr, bool dead)
{
	struct walked *w = arg;

	w->ordered = w->ordered && lba >= w->lba;
	w->lba = lba + len_sectors;
	w->sectors += len_sectors;
	w->extents++;
}

TEST(index_walk, "a walk meets every extent once, in order")
{
	struct walked w = { .ordered = true };

	begin(SECTORS);
	for (u64 i = 0; i < 500; i++)
		EXPECT_EQ(fvp_index_insert(&index_, (i * 7919 % 30000) * 10, 4, i * 8), 0);
	fvp_index_walk(&index_, 0, SECTORS, walk_one, &w);
	EXPECT(w.ordered);
	EXPECT_EQ(w.extents, atomic64_read(&index_.extents));
	EXPECT_EQ(w.sectors, 2000);
	end();
}

/* --- against a model: one word a sector --- */

#define M_NONE 0ull
#define M_DEAD (1ull << 62)
#define M_LIVE (1ull << 61)
#define M_MARK (M_DEAD | FVP_ADDR_NONE)

static u64 *model;
static struct shim_rng rng;

static u64 now_at(u64 lba)
{
	return model[lba];
}

static void read_back(void *arg, u64 lba, u32 len, u64 addr, bool dead)
{
	u64 *out = arg;

	for (u32 i = 0; i < len; i++)
		out[lba + i] = (dead ? M_DEAD : M_LIVE) | (addr == FVP_ADDR_NONE ? addr : addr + i);
}

static void compare(const char *what)
{
	u64 *seen = calloc(SECTORS, sizeof(u64));

	fvp_index_walk(&index_, 0, SECTORS, read_back, seen);
	for (u32 i = 0; i < SECTORS; i++) {
		if (seen[i] != model[i]) {
			u64 got = seen[i];

			free(seen);
			unit_fail(__FILE__, __LINE__, "after %s, lba %u: %llx, model %llx", what, i,
				  got, model[i]);
		}
	}
	free(seen);
}

/* A kill takes whole extents; which neighbours those have is the index's affair. */
static void model_kill(u64 lba, u32 len, u64 addr, u64 addr_len)
{
	u64 *seen = calloc(SECTORS, sizeof(u64));

	fvp_index_kill(&index_, lba, len, addr, addr_len);
	fvp_index_walk(&index_, 0, SECTORS, read_back, seen);
	for (u32 i = 0; i < SECTORS; i++) {
		u64 a = model[i] & ~(M_LIVE | M_DEAD);
		bool must = i >= lba && i < lba + len && (model[i] & M_LIVE) && a >= addr &&
			    a < addr + addr_len;

		if (seen[i] == model[i] && !must)
			continue;
		if (!(model[i] & M_LIVE) || seen[i] != (a | M_DEAD))
			unit_fail(__FILE__, __LINE__, "kill changed lba %u", i);
		model[i] = seen[i];
	}
	free(seen);
}

static void model_move(u64 lba, u32 len, u64 old_addr, u64 new_addr)
{
	bool all = true;

	for (u32 i = 0; i < len; i++)
		all &= model[lba + i] == (M_LIVE | (old_addr + i));
	fvp_index_move(&index_, lba, len, old_addr, new_addr);
	for (u32 i = 0; all && i < len; i++)
		model[lba + i] = M_LIVE | (new_addr + i);
}

static void check_lookup(void)
{
	u64 lba = shim_rng_below(&rng, SECTORS);
	u32 len = 1 + (u32)shim_rng_below(&rng, 256);
	struct fvp_hit hit;
	bool overlaps = false;

	len = (u32)min_t(u64, len, SECTORS - lba);
	hit = fvp_index_lookup(&index_, lba, len);
	EXPECT(hit.len_sectors >= 1 && hit.len_sectors <= len);
	for (u32 i = 0; i < hit.len_sectors; i++) {
		if (hit.found)
			EXPECT_EQ(model[lba + i], M_LIVE | (hit.addr + i));
		else
			EXPECT(!(model[lba + i] & M_LIVE));
	}
	for (u32 i = 0; i < len; i++)
		overlaps |= model[lba + i] != M_NONE;
	EXPECT_EQ(fvp_index_overlaps(&index_, lba, len), overlaps);
}

static u64 random_addr(u32 len)
{
	return shim_rng_below(&rng, 64) * SEG + 1 + shim_rng_below(&rng, SEG - len - 8);
}

static void random_op(u32 crowd)
{
	/* Crowded places, so that extents meet. */
	u64 lba = shim_rng_below(&rng, 3) * (1u << 17) + shim_rng_below(&rng, crowd);
	u32 len = 1 + (u32)shim_rng_below(&rng, shim_rng_chance(&rng, 1, 10) ? crowd / 20 : 30);
	u64 addr = random_addr(len), seg = shim_rng_below(&rng, 64) * SEG;

	switch (shim_rng_below(&rng, 16)) {
	case 0 ... 6:
		EXPECT_EQ(fvp_index_insert(&index_, lba, len, addr), 0);
		for (u32 i = 0; i < len; i++)
			model[lba + i] = M_LIVE | (addr + i);
		break;
	case 7:
	case 8:
		EXPECT_EQ(fvp_index_insert_gaps(&index_, lba, len, addr), 0);
		for (u32 i = 0; i < len; i++)
			if (model[lba + i] == M_NONE)
				model[lba + i] = M_LIVE | (addr + i);
		break;
	case 9:
		EXPECT_EQ(fvp_index_mark_gaps(&index_, lba, len), 0);
		for (u32 i = 0; i < len; i++)
			if (model[lba + i] == M_NONE)
				model[lba + i] = M_MARK;
		break;
	case 10:
	case 11:
		fvp_index_remove(&index_, lba, len);
		memset(model + lba, 0, len * sizeof(u64));
		break;
	case 12:
		addr = now_at(lba) & ~(M_LIVE | M_DEAD);
		model_move(lba, min(len, 20u), addr, random_addr(len));
		break;
	case 13:
		model_kill(lba, len, seg, SEG);
		break;
	case 14:
		fvp_index_evict(&index_, lba, len, seg, SEG);
		for (u32 i = 0; i < len; i++) {
			u64 a = model[lba + i] & ~(M_LIVE | M_DEAD);

			if (model[lba + i] && a >= seg && a < seg + SEG)
				model[lba + i] = M_NONE;
		}
		break;
	default:
		fvp_index_supersede(&index_, lba, len);
		for (u32 i = 0; i < len; i++)
			model[lba + i] = M_MARK;
	}
}

TEST(index_model, "random operations agree with a naive model, sector by sector")
{
	model = calloc(SECTORS, sizeof(u64));
	rng.s = 42;
	begin(SECTORS);
	for (u32 round = 0; round < 60; round++) {
		/* First few long extents, then many. */
		for (u32 i = 0; i < 10 + round * 20; i++) {
			random_op(round < 30 ? 6000 : 20000);
			check_lookup();
		}
		EXPECT_EQ(fvp_index_check(&index_), 0);
		compare("random operations");
	}
	fvp_index_unmark(&index_);
	for (u32 i = 0; i < SECTORS; i++)
		if (model[i] == M_MARK)
			model[i] = M_NONE;
	compare("unmark");
	unit_note("%lld extents at the end", (long long)atomic64_read(&index_.extents));
	end();
	free(model);
}

TEST(index_memory_random, "4 KiB fills in random order cost few bytes an extent")
{
	const u32 count = 1u << 19; /* 2 GiB of volume, all of it cached */
	u32 *order = malloc(count * sizeof(u32));
	double bytes;

	rng.s = 7;
	for (u32 i = 0; i < count; i++)
		order[i] = i;
	for (u32 i = count; i > 1; i--) {
		u32 other = (u32)shim_rng_below(&rng, i);

		swap(order[i - 1], order[other]);
	}
	begin((u64)count * 8);
	for (u32 i = 0; i < count; i++)
		EXPECT_EQ(fvp_index_insert(&index_, (u64)order[i] * 8, 8, 9ull * i + 1), 0);
	bytes = (double)fvp_index_bytes(&index_) / count;
	unit_note("%.1f bytes an extent", bytes);
	EXPECT(bytes < 24);
	for (u32 i = 0; i < count; i += 101)
		expect_hit((u64)order[i] * 8, 8, 9ull * i + 1);
	end();
	free(order);
}

TEST(index_memory_sparse, "4 KiB fills scattered over 1 TiB cost few bytes an extent")
{
	const u32 count = 1u << 17;

	rng.s = 9;
	begin(1ull << 31);
	for (u32 i = 0; i < count; i++)
		EXPECT_EQ(fvp_index_insert(&index_, shim_rng_below(&rng, 1u << 28) * 8, 8,
					   9ull * i + 1),
			  0);
	unit_note("%.1f bytes an extent",
		  (double)fvp_index_bytes(&index_) / (double)atomic64_read(&index_.extents));
	end();
}

/* --- readers against writers --- */

/* Every mapping keeps address and lba alike modulo this: a torn view breaks it. */
#define CONGRUENT 4096u

static bool race_over;
static u32 race_readers, race_hits;

static void race_reader(void *arg)
{
	struct shim_rng r = { (u64)(unsigned long)arg };

	while (!race_over) {
		u64 lba = shim_rng_below(&r, 3000);
		struct fvp_hit hit = fvp_index_lookup(&index_, lba, 64);

		if (hit.found) {
			race_hits++;
			if (hit.addr % CONGRUENT != lba % CONGRUENT)
				shim_die("a reader found address %llu at lba %llu", hit.addr, lba);
		}
		shim_yield();
	}
	race_readers--;
}

static void race_writer(void *arg)
{
	struct shim_rng r = { 5 };

	for (u32 i = 0; i < 20000; i++) {
		u64 lba = shim_rng_below(&r, 3000);
		u32 len = 1 + (u32)shim_rng_below(&r, 24);
		u64 addr = (1 + shim_rng_below(&r, 1000)) * CONGRUENT + lba;

		if (shim_rng_chance(&r, 1, 3))
			fvp_index_remove(&index_, lba, len);
		else
			EXPECT_EQ(fvp_index_insert(&index_, lba, len, addr), 0);
	}
	race_over = true;
}

TEST(index_readers_race, "lookups beside changes never see a mapping that was never there")
{
	struct shim_sched_params params = { .seed = 3, .point_mean = 10, .step_ns_max = 10 };

	shim_sched_init(&params);
	begin(SECTORS);
	race_over = false;
	race_hits = 0;
	for (race_readers = 0; race_readers < 3; race_readers++)
		shim_fiber_spawn("reader", race_reader, (void *)(unsigned long)(race_readers + 1));
	shim_fiber_spawn("writer", race_writer, NULL);
	while (race_readers)
		shim_step();
	unit_note("%u hits", race_hits);
	EXPECT(race_hits > 1000);
	end();
}
