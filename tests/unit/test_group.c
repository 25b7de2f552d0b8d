// SPDX-License-Identifier: GPL-2.0
/* Flushes in groups (core/group.h): writers that each flush what they wrote. */
#include "fixture.h"

#include "dirty.h"
#include "group.h"

#define WRITERS 16
#define WRITES 100
#define ORIGIN_NS (5 * NSEC_PER_MSEC)

static struct writer {
	struct sim_req *req; /* in flight */
	u32 number;
	u64 flush_begun_ns, flush_longest_ns;
} writer[WRITERS];

static u32 writers_left;
static bool by_fua;
static u64 batches; /* before the writers began */

static void request_done(struct sim_req *req)
{
	for (u32 i = 0; i < WRITERS; i++)
		if (writer[i].req == req)
			writer[i].req = NULL;
}

static void request(struct writer *w, u8 op, u64 lba, u64 len, bool fua)
{
	struct sim_req *req = sim_req_new(vol, op, lba, len);

	req->fua = fua;
	w->req = req;
	sim_req_send(req);
	while (w->req)
		shim_sleep_ns(1000);
}

static void writer_fiber(void *arg)
{
	struct writer *w = arg;
	u64 begun;

	for (u32 i = 0; i < WRITES; i++) {
		begun = shim_now_ns();
		/* Apart from each other's, so that nothing is merged. */
		request(w, FVP_REQ_WRITE, 1000 * w->number + 10 * i, 8, by_fua);
		if (!by_fua) {
			begun = shim_now_ns();
			request(w, FVP_REQ_FLUSH, 0, 0, false);
		}
		w->flush_longest_ns = max(w->flush_longest_ns, shim_now_ns() - begun);
	}
	writers_left--;
}

static bool writers_over(void *arg)
{
	return !writers_left;
}

static bool is_clean(void *arg)
{
	struct fvp_dirty_status dirty;

	fvp_volume_dirty(vol->core, &dirty);
	return !dirty.sectors;
}

static struct fvp_volume_counters counted(void)
{
	struct fvp_volume_counters sum;

	fvp_volume_stats_read(vol->core, &sum);
	return sum;
}

/* So many at once, each WRITES times; until the origin has all. */
static void write_all(u32 writers, bool fua, enum fvp_order order)
{
	start(8, 200);
	vol->origin->latency_ns = ORIGIN_NS;
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	fvp_volume_set_order(vol->core, order);
	vol->on_done = request_done;
	memset(writer, 0, sizeof(writer));
	by_fua = fua;
	writers_left = writers;
	/* The origin is known by then, and the log not empty. */
	for (u32 i = 0; i < 400; i++)
		io(FVP_REQ_WRITE, 16000 + 8 * i, 8);
	run_ns(300 * NSEC_PER_MSEC);
	for (u32 i = 0; i < 400; i++)
		io(FVP_REQ_WRITE, 16000 + 8 * i, 8);
	batches = counted().destage_batches;
	for (u32 i = 0; i < writers; i++) {
		writer[i].number = i;
		shim_fiber_spawn("writer", writer_fiber, &writer[i]);
	}
	run_until(writers_over, NULL);
	run_until(is_clean, NULL);
}

static void end_all(void)
{
	vol->on_done = NULL;
	finish();
}

/* Sixteen at a time make few batches of what alone would be one each. */
static void expect_shared(bool fua)
{
	u64 writes = WRITERS * WRITES;

	write_all(WRITERS, fua, FVP_ORDER_STRICT);
	EXPECT(counted().grouped_ios > writes / 2);
	EXPECT(counted().destage_batches - batches < writes / 4);
	/* What the origin itself imposes: its own write, and one that was in the way. */
	for (u32 i = 0; i < WRITERS; i++)
		EXPECT(writer[i].flush_longest_ns < 3 * ORIGIN_NS);
	end_all();
}

TEST(group_flushes,
     "writers that flush what they wrote share epochs, and wait no longer than at the origin")
{
	expect_shared(false);
}

TEST(group_fua, "so do writers of FUA writes")
{
	expect_shared(true);
}

TEST(group_alone, "one who flushes alone does not wait for others, but now and then to see")
{
	write_all(1, false, FVP_ORDER_STRICT);
	EXPECT(counted().grouped_ios <= WRITES / 4);
	end_all();
}

TEST(group_relaxed, "with order=relaxed nobody waits: its batches span epochs")
{
	write_all(WRITERS, false, FVP_ORDER_RELAXED);
	EXPECT_EQ(counted().grouped_ios, 0);
	end_all();
}
