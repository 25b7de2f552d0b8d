// SPDX-License-Identifier: GPL-2.0
/* Reclaim, where it cannot do what it is asked to. */
#include "fixture.h"
#include "reclaim.h"

/* A segment as it is when the origin does not take what is in it; the newest of all. */
static struct fvp_segment *pin(u64 gen)
{
	struct fvp_segments *segs = &sim.pool->segs;
	struct fvp_segment *seg = list_first_entry(&segs->free, struct fvp_segment, node);

	spin_lock_irq(&segs->lock);
	seg->state = FVP_SEGMENT_LIVE;
	seg->gen = gen;
	seg->dirty = 1;
	list_move_tail(&seg->node, &segs->order);
	segs->free_count--;
	spin_unlock_irq(&segs->lock);
	return seg;
}

static int void_through(struct fvp_segment *seg)
{
	int err;

	mutex_lock(&sim.pool->seg_mutex);
	err = fvp_reclaim_void_through(sim.pool, seg);
	mutex_unlock(&sim.pool->seg_mutex);
	return err;
}

/* Every superblock that is written can be read. */
static int super_writes(struct fvp_super *super)
{
	const char *why;
	u64 bytes = 0;

	mutex_lock(&sim.pool->super_mutex);
	EXPECT_EQ(fvp_super_write(sim.pool, NULL), 0);
	mutex_unlock(&sim.pool->super_mutex);
	return fvp_super_read(m.flash[0], super, &why, &bytes);
}

TEST(reclaim_pinned_full, "more pinned segments than a superblock lists: the tail stays, and valid")
{
	static struct fvp_super super;
	struct fvp_segment *first, *seg = NULL;
	u64 tail;

	start(1, FVP_PINNED_MAX + 100);
	tail = sim.pool->super->tail_gen;
	first = pin(1000);
	for (u32 i = 1; i <= FVP_PINNED_MAX; i++)
		seg = pin(1000 + i);
	EXPECT_EQ(void_through(seg), -ENOSPC);
	EXPECT_EQ(sim.pool->super->tail_gen, tail);
	EXPECT_EQ(super_writes(&super), 0);
	EXPECT_EQ(super.pinned_count, 0);
	/* One less, and all of them are listed. */
	first->dirty = 0;
	EXPECT_EQ(void_through(seg), 0);
	EXPECT_EQ(super_writes(&super), 0);
	EXPECT_EQ(super.pinned_count, FVP_PINNED_MAX);
	EXPECT_EQ(super.pinned[0], 1001);
	EXPECT_EQ(super.tail_gen, seg->gen + 1);
	machine_crash();
	machine_free();
}

static void tombstone_append(u64 lba)
{
	struct fvp_append append = {
		.lba = lba, .volume = vol->core->id, .len_sectors = 1, .kind = FVP_ENTRY_TOMBSTONE
	};

	if (!fvp_log_reserve(sim.pool, &append, FVP_LOG_WRITE, NULL))
		fvp_log_commit(sim.pool, &append, 0, false);
}

TEST(reclaim_dirty_limit,
     "dirty data does not get into segments beyond its limit behind what else begins them")
{
	static struct io write[600];
	struct fvp_log *log;
	u32 n;

	start(1, 30);
	log = &sim.pool->log;
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	oracle_write_back(vol->oracle);
	/* Slow, and not long enough to count as stuck: then it would leave a quarter to others. */
	vol->origin->stall_until_ns = shim_now_ns() + 20 * NSEC_PER_SEC;
	for (n = 0; n < ARRAY_SIZE(write) && vol->inflight < 8; n++) {
		struct fvp_segment *cur = log->cur;

		/* Another volume's tombstones, say, until the next segment begins. */
		for (u32 i = 0; i < 300 && log->cur == cur; i++) {
			tombstone_append(19000);
			run_ns(100 * NSEC_PER_USEC);
		}
		write[n] = (struct io){ FVP_REQ_WRITE, n * 8, 1 };
		shim_fiber_spawn("guest", io_fiber, &write[n]);
		run_ns(10 * NSEC_PER_MSEC);
		EXPECT(log->dirty_segments <= sim.pool->dirty_segments_max);
	}
	EXPECT_EQ(log->dirty_segments, sim.pool->dirty_segments_max);
	EXPECT_EQ(vol->inflight, 8);
	/* Room for the destager is left. */
	run_ns(60 * NSEC_PER_SEC);
	EXPECT_EQ(vol->inflight, 0);
	EXPECT_EQ(log->dirty_entries, 0);
	finish();
}

/* The second volume of a machine that start() has made, in write-back. */
static struct sim_vol *second_volume(void)
{
	struct sim_vol *other = &m.vol[1];

	m.vol_count = 2;
	INIT_LIST_HEAD(&other->reqs);
	INIT_LIST_HEAD(&other->wait);
	memset(other->uuid, 0x78, 16);
	other->sectors = vol->sectors;
	other->origin = dev_create("origin1", false, other->sectors, oracle_initial, other);
	other->oracle = oracle_create(other, false);
	EXPECT_EQ(fvp_volume_attach(sim.pool, other->uuid, "other", other->origin, other->sectors,
				    FVP_MODE_WRITE_BACK, &other->core, err, sizeof(err)),
		  0);
	fvp_volume_resume(other->core);
	oracle_write_back(other->oracle);
	return other;
}

static void other_fiber(void *arg)
{
	struct io *io = arg;

	sim_req_send(sim_req_new(&m.vol[1], io->op, io->lba, io->len));
}

TEST(reclaim_stuck_few,
     "where few segments may be dirty, too, a volume whose origin fails leaves one to others")
{
	static struct io write[400], other_write[400];
	struct sim_vol *other;
	u32 n;

	start(1, 9);
	other = second_volume();
	EXPECT_EQ(sim.pool->dirty_segments_max, 3);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	oracle_write_back(vol->oracle);
	origin_away(true);
	for (n = 0; n < ARRAY_SIZE(write) && vol->inflight < 8; n++) {
		/* Again and again: the simulator's administrator mends it when nothing moves. */
		origin_away(true);
		write[n] = (struct io){ FVP_REQ_WRITE, n * 8, 8 };
		shim_fiber_spawn("guest", io_fiber, &write[n]);
		run_ns(100 * NSEC_PER_MSEC);
	}
	EXPECT_EQ(vol->inflight, 8);
	/* Many times what one segment takes. */
	for (n = 0; n < ARRAY_SIZE(other_write); n++) {
		other_write[n] = (struct io){ FVP_REQ_WRITE, n * 8, 8 };
		origin_away(true);
		shim_fiber_spawn("other", other_fiber, &other_write[n]);
		run_ns(50 * NSEC_PER_MSEC);
		EXPECT(other->inflight < 8);
	}
	run_ns(NSEC_PER_SEC);
	EXPECT_EQ(other->inflight, 0);
	origin_away(false);
	run_ns(60 * NSEC_PER_SEC);
	EXPECT_EQ(vol->inflight, 0);
	fvp_volume_suspend(other->core);
	fvp_volume_detach(other->core, FVP_DETACH_KEEP);
	other->core = NULL;
	finish();
}
