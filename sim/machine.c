// SPDX-License-Identifier: GPL-2.0
/* The machine: devices, volumes, power; calling core and waiting for it. */
#include <stdlib.h>

#include "machine.h"

struct machine m;

/* --- building --- */

static u64 pick(const u64 *list, u32 count)
{
	return list[shim_rng_below(&sim.rng, count)];
}

/* The origin failed an I/O: requests on its range may fail. */
static void origin_error(struct fvp_dev *dev, enum dev_op op, u64 sector, u64 len)
{
	struct sim_vol *vol = &m.vol[dev->volume];
	struct sim_req *req;

	list_for_each_entry (req, &vol->reqs, node)
		if ((op == DEV_READ) == (req->op == FVP_REQ_READ) &&
		    (req->op == FVP_REQ_FLUSH || op == DEV_FLUSH ||
		     (req->lba < sector + len && sector < req->lba + req->len)))
			req->origin_failed = true;
}

static bool flash_seen(const struct fvp_dev *dev, const struct dev_event *event)
{
	const struct fvp_disk_block *record = dev_record(event);
	bool super = dev_super_area(dev, event);
	bool header = !super && !((event->sector - FVP_FIRST_SEGMENT_SECTOR) % m.segment_sectors);

	switch (m.watch) {
	case WATCH_SUPER:
		return event->op == DEV_WRITE && super;
	case WATCH_HEADER:
		return event->op == DEV_WRITE && header;
	case WATCH_SUMMARY:
		return event->flags & FVP_IO_PREFLUSH;
	case WATCH_FUA:
		return event->op == DEV_WRITE && !super && !header && (event->flags & FVP_IO_FUA);
	case WATCH_WATERMARK:
		return record && dev_record_entries(record, FVP_ENTRY_WATERMARK, 0);
	case WATCH_RECOVER:
		return !sim.pool;
	case WATCH_LEG_SET:
		return super && legs_dropping();
	default:
		return false;
	}
}

static bool origin_seen(const struct dev_event *event)
{
	if (event->guest || event->op == DEV_READ)
		return false;
	switch (m.watch) {
	case WATCH_DESTAGE:
		return event->op != DEV_FLUSH;
	case WATCH_ORIGIN_FLUSH:
		return event->op == DEV_FLUSH;
	case WATCH_DRAIN:
		return m.draining;
	case WATCH_RECOVER:
		return !m.served;
	default:
		return false;
	}
}

/* Power cuts fall where it hurts: while one of these is in flight, or just after. */
static void watch(const struct fvp_dev *dev, const struct dev_event *event)
{
	u64 within;

	if (m.watch == WATCH_NONE || event->done ||
	    !(dev->flash ? flash_seen(dev, event) : origin_seen(event)) || m.watch_left--)
		return;
	/* Writes that are acknowledged without a leg are what counts there. */
	within = m.watch == WATCH_LEG_SET ? 2000 : shim_rng_chance(&sim.rng, 1, 2) ? 4 : 60;
	m.watched = m.watch;
	m.watch = WATCH_NONE;
	m.crash_at = min(m.crash_at, shim_steps() + shim_rng_below(&sim.rng, within));
}

/* What core writes for a record is one. */
static void check_record(const struct fvp_dev *dev, const struct dev_event *event)
{
	struct fvp_media media;
	struct fvp_block block;
	u32 at;
	int err;

	if (!sim.pool || !dev_record(event))
		return;
	media = fvp_pool_media(sim.pool);
	at = (u32)((event->sector - FVP_FIRST_SEGMENT_SECTOR) % m.segment_sectors);
	err = fvp_block_decode(&media, event->bytes, FVP_BLOCK_RECORD, at, &block);
	if (err || block.len_sectors != event->len)
		shim_die("%s: the record written to %llu+%llu does not decode: error %d", dev->name,
			 event->sector, event->len, err);
}

static void flash_io(struct fvp_dev *dev, const struct dev_event *event)
{
	check_record(dev, event);
	watch(dev, event);
}

/* Now and then, whenever an origin changes or is about to: could its guest have left it so? */
static void origin_io(struct fvp_dev *dev, const struct dev_event *event)
{
	struct sim_vol *vol = &m.vol[dev->volume];

	watch(dev, event);
	if (event->op != DEV_READ && sim_write_back_possible(vol) &&
	    shim_rng_chance(&m.check_rng, 1, 60))
		past_check(oracle_past(vol->oracle), "while it runs,");
}

/* What the pool does about failed flash takes little time: cut in there. */
static void flash_error(struct fvp_dev *dev, enum dev_op op, u64 sector, u64 len)
{
	m.flash_lost |= op == DEV_READ || dev->dead;
	/* What cannot be read or was not written may leave a hole. */
	for (u32 i = 0; i < m.vol_count; i++)
		past_not_strict(oracle_past(m.vol[i].oracle));
	if (op != DEV_READ && m.crash_at != ~0ULL && shim_rng_chance(&sim.rng, 1, 3))
		m.crash_at = min(m.crash_at, shim_steps() + 2 + shim_rng_below(&sim.rng, 60));
}

static void build_flash(void)
{
	static const u64 counts[] = { 1, 1, 1, 2, 2, 3 };
	static const u64 segments[] = { 128, 128, 256, 512 };
	struct shim_rng *r = &sim.rng;

	m.flash_count = (u32)pick(counts, ARRAY_SIZE(counts));
	bool small = shim_rng_chance(r, 1, 3);

	m.block_sectors = shim_rng_chance(r, 1, 2) ? 8 : 1;
	m.segment_sectors = (u32)pick(segments, ARRAY_SIZE(segments));
	for (u32 i = 0; i < m.flash_count; i++) {
		u64 count = 10 + shim_rng_below(r, 20);
		char name[16];
		struct fvp_dev *dev;

		snprintf(name, sizeof(name), "flash%u", i);
		dev = dev_create(name, true,
				 FVP_FIRST_SEGMENT_SECTOR + count * m.segment_sectors +
					 FVP_SUPER_AREA_SECTORS,
				 NULL, NULL);
		/* Devices may differ, and all be smaller than the pool's log block. */
		dev->block_sectors = small || shim_rng_chance(r, 1, 3) ? 1 : m.block_sectors;
		dev->cache = shim_rng_chance(r, 2, 3);
		dev->latency_ns = 5000 + shim_rng_below(r, 60000);
		dev->latency_tail_permille = (u32)shim_rng_below(r, 30);
		dev->on_io = flash_io;
		dev->on_error = flash_error;
		m.flash[i] = dev;
	}
}

static void build_volume(u32 number)
{
	static const u64 sizes[] = { 3072, 4096, 5003, 9000, 16384, 65536, 1ULL << 28, 1ULL << 31 };
	struct shim_rng *r = &sim.rng;
	struct sim_vol *vol = &m.vol[number];
	char name[16];

	memset(vol, 0, sizeof(*vol));
	INIT_LIST_HEAD(&vol->reqs);
	INIT_LIST_HEAD(&vol->wait);
	vol->number = number;
	memset(vol->uuid, (int)(0x11 * (number + 1)), sizeof(vol->uuid));
	vol->sectors = pick(sizes, ARRAY_SIZE(sizes));
	snprintf(name, sizeof(name), "origin%u", number);
	vol->origin = dev_create(name, false, vol->sectors, oracle_initial, vol);
	vol->origin->volume = number;
	vol->origin->latency_ns = 20000 + shim_rng_below(r, 2000000);
	vol->origin->latency_tail_permille = (u32)shim_rng_below(r, 20);
	vol->origin->discard_zeroes = shim_rng_chance(r, 1, 2);
	vol->origin->cache = sim.config.origin_cache || shim_rng_chance(r, 1, 2);
	vol->origin->on_io = origin_io;
	vol->origin->on_error = origin_error;
	vol->oracle = oracle_create(vol, vol->origin->cache);
	sim_guest_shape(vol, shim_rng_next(r));
}

static bool alloc_fails(gfp_t flags)
{
	/* Someone who opens a pool or attaches may be refused; that is a unit test's. */
	if (sim.calm || (flags & (SHIM_GFP_SLEEP | SHIM_GFP_NOIO)) == SHIM_GFP_SLEEP ||
	    !shim_rng_chance(&sim.io_rng, sim.alloc_fail_permille, 1000))
		return false;
	sim.count->fault_alloc++;
	return true;
}

void machine_build(u64 seed)
{
	static const u64 write_back[] = { 0, 40, 60, 80, 100 };

	memset(&m, 0, sizeof(m));
	damage_forget();
	m.crash_at = ~0ULL;
	m.helped = ~0ULL;
	m.check_rng.s = seed + 0x2545F4914F6CDD1DULL;
	m.write_back_percent = sim.config.write_back ? 100
			       : sim.config.no_write_back
				       ? 0
				       : (u32)pick(write_back, ARRAY_SIZE(write_back));
	shim_alloc_fail_hook = alloc_fails;
	sim.alloc_fail_permille =
		shim_rng_chance(&sim.rng, 1, 3) ? (u32)shim_rng_below(&sim.rng, 100) : 0;
	build_flash();
	legs_build();
	m.vol_count = 1 + (u32)shim_rng_below(&sim.rng, SIM_VOLUMES_MAX);
	for (u32 i = 0; i < m.vol_count; i++)
		build_volume(i);
	machine_format();
}

void machine_free(void)
{
	for (u32 i = 0; i < m.flash_count; i++)
		dev_free(m.flash[i]);
	legs_free();
	for (u32 i = 0; i < m.vol_count; i++) {
		dev_free(m.vol[i].origin);
		oracle_free(m.vol[i].oracle);
	}
}

void super_poke(struct fvp_dev *dev, const struct fvp_super *super)
{
	static u8 copy[FVP_SUPER_BYTES];

	fvp_super_encode(super, copy);
	for (u32 c = 0; c < 2; c++)
		store_poke(dev->store, fvp_super_copy_sector(dev->sectors, c),
			   FVP_SUPER_BYTES / FVP_SECTOR_BYTES, (struct sim_data){ .bytes = copy });
}

void machine_format(void)
{
	static struct fvp_super super;

	memset(&super, 0, sizeof(super));
	super.generation = 1;
	super.pool_key = shim_rng_next(&sim.rng);
	super.tail_gen = 1;
	super.device_count = m.flash_count;
	super.block_sectors = m.block_sectors;
	super.next_volume_id = 1;
	for (u32 i = 0; i < 16; i++)
		super.pool_uuid[i] = (u8)shim_rng_next(&sim.rng);
	for (u32 d = 0; d < m.flash_count; d++)
		for (u32 i = 0; i < 16; i++)
			super.members[d][i] = (u8)shim_rng_next(&sim.rng);
	for (u32 d = 0; d < m.flash_count; d++) {
		struct fvp_dev *dev = m.flash[d];

		dev->dead = false;
		dev->bad_count = 0;
		dev->write_failed = false;
		memcpy(super.device_uuid, super.members[d], 16);
		super.device_index = d;
		if (fvp_super_layout(&super, dev->sectors, m.segment_sectors))
			shim_die("cannot lay out a device");
		super_poke(dev, &super);
	}
	legs_format(&super);
}

struct adopt {
	struct sim_vol *vol;
	u64 lba;
	bool current; /* is what comes first */
};

static void adopt_value(void *arg, u64 value)
{
	struct adopt *adopt = arg;

	if (adopt->current)
		oracle_adopt(adopt->vol->oracle, adopt->lba, value);
	else
		oracle_may_return(adopt->vol->oracle, adopt->lba, value);
	adopt->current = false;
}

static void adopt_sector(void *arg, u64 lba)
{
	struct adopt adopt = { arg, lba, true };

	oracle_moment(adopt.vol->oracle);
	store_possible(adopt.vol->origin->store, lba, adopt_value, &adopt);
}

static void lose_sector(void *arg, u64 lba)
{
	struct sim_vol *vol = arg;

	oracle_lose_unless(vol->oracle, lba, store_peek(vol->origin->store, lba));
}

void machine_replace_flash(void)
{
	machine_format();
	m.damaged = false;
	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[i];

		oracle_for_each(vol->oracle, adopt_sector, vol);
		past_reset(oracle_past(vol->oracle), true);
		vol->waits = vol->may_wait = false;
	}
}

void machine_lose_dirty(void)
{
	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[i];

		oracle_for_each(vol->oracle, lose_sector, vol);
		past_distrust(oracle_past(vol->oracle));
		vol->waits = false;
	}
}

/* --- power --- */

void machine_collect(struct sim_vol *vol)
{
	struct fvp_volume_counters sum = { 0 };
	struct sim_counters *c = sim.count;

	fvp_volume_stats_read(vol->core, &sum);
	c->hit_sectors += sum.hit_sectors;
	c->ram_hit_sectors += sum.ram_hit_sectors;
	c->fill_sectors += sum.fill_sectors;
	c->write_fill_sectors += sum.write_fill_sectors;
	c->fill_lost += sum.fill_lost;
	c->fill_refused += sum.fill_refused;
	c->write_back_ios += sum.write_back_ios;
	c->paced_ios += sum.paced_ios;
	c->grouped_ios += sum.grouped_ios;
	c->held_ios += sum.held_ios;
	c->destaged_sectors += sum.destaged_sectors;
	c->merged_sectors += sum.merged_sectors;
	c->destage_ios += sum.destage_ios;
	c->destage_batches += sum.destage_batches;
	c->tombstones += sum.tombstones;
	c->write_waits += sum.write_waits;
	c->flash_read_errors += sum.flash_read_errors;
	c->leg_read_sectors += sum.leg_read_sectors;
	c->promoted_sectors += sum.promoted_sectors;
	c->evicted_sectors += sum.evicted_sectors;
}

void machine_collect_pool(void)
{
	struct fvp_pool_stats *st = &sim.pool->stats;
	struct sim_counters *c = sim.count;

	for (u32 i = 0; i < FVP_LEGS_MAX; i++)
		c->legs_dropped += sim.pool->leg[i].failures;
	c->segments_sealed += (u64)atomic64_read(&st->segments_sealed);
	c->segments_reclaimed += (u64)atomic64_read(&st->segments_reclaimed);
	c->records += (u64)atomic64_read(&st->records);
	c->loaded_entries += (u64)atomic64_read(&st->loaded_entries);
	c->bad_blocks += (u64)atomic64_read(&st->bad_blocks);
	c->bad_data += (u64)atomic64_read(&st->bad_data);
}

/* How it was when the power went. */
static void crash_count(bool power_cut)
{
	bool dirty = false, destaging = false;

	sim.count->crashes++;
	sim.count->crashes_host_only += !power_cut;
	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[i];

		dirty |= past_behind(oracle_past(vol->oracle)) != 0;
		destaging |= sim_write_back_possible(vol) && dev_core_writes(vol->origin);
	}
	sim.count->crashes_dirty += dirty;
	sim.count->crashes_destaging += destaging;
	sim.count->crashes_draining += m.draining != 0;
	sim.count->crashes_watched += m.watched != WATCH_NONE;
	sim.count->crashes_watermark += m.watched == WATCH_WATERMARK;
	sim.count->crashes_origin_flush += m.watched == WATCH_ORIGIN_FLUSH;
	sim.count->crashes_recovering += m.watched == WATCH_RECOVER;
	m.draining = 0;
	m.watched = WATCH_NONE;
	m.administrator = false;
}

static void check_pasts(const char *when)
{
	for (u32 i = 0; i < m.vol_count; i++)
		past_check(oracle_past(m.vol[i].oracle), when);
}

void machine_crash(void)
{
	bool power_cut = shim_rng_chance(&sim.rng, 3, 4);

	sim_note(power_cut ? "power cut" : "host crash");
	crash_count(power_cut);
	check_pasts("before a crash");
	if (sim.pool) {
		if (READ_ONCE(sim.pool->loading))
			sim.count->crashes_in_load++;
		machine_collect_pool();
	} else {
		sim.count->crashes_in_open++;
	}
	if (sim.in_suspend)
		sim.count->crashes_suspended++;
	for (u32 i = 0; i < m.vol_count; i++)
		if (m.vol[i].core)
			machine_collect(&m.vol[i]);
	/* Devices first: they take some of what was on its way from core's memory. */
	for (u32 i = 0; i < m.flash_count; i++)
		dev_crash(m.flash[i], power_cut);
	for (u32 i = 0; i < m.leg_count; i++)
		dev_crash(m.leg[i], power_cut);
	for (u32 i = 0; i < m.vol_count; i++)
		dev_crash(m.vol[i].origin, power_cut);
	check_pasts("after a crash");
	sim_host_crash();
	for (u32 i = 0; i < m.vol_count; i++) {
		struct sim_vol *vol = &m.vol[i];
		struct sim_req *req, *n;

		list_for_each_entry_safe (req, n, &vol->reqs, node) {
			free(req->data);
			free(req);
		}
		INIT_LIST_HEAD(&vol->reqs);
		INIT_LIST_HEAD(&vol->wait);
		vol->may_wait |= vol->core || vol->waits || vol->moving;
		/* What was in flight may be in the origin's cache. */
		vol->direct++;
		vol->core = NULL;
		vol->cpus = vol->inflight = 0;
		vol->running = vol->drained = vol->leaving = vol->moving = vol->waits = false;
		vol->error_count = 0;
		vol->error_check = false;
		vol->lost_count = 0;
		oracle_crash(vol->oracle, power_cut);
	}
	shim_sched_drop_all();
	sim.pool = NULL;
	sim.in_suspend = false;
	m.crash_at = ~0ULL;
	m.watch = WATCH_NONE;
}

/* --- running --- */

static void check_ages(void)
{
	if (shim_now_ns() < m.ages_at_ns)
		return;
	m.ages_at_ns = shim_now_ns() + NSEC_PER_SEC;
	for (u32 i = 0; i < m.vol_count; i++)
		sim_req_check_age(&m.vol[i]);
}

/* Nobody can run: that is right only while there is something for the administrator. */
static bool help(void)
{
	u64 helped = sim.count->stuck_by_waiting + sim.count->lost_forgotten;

	if (!sim.pool || helped == m.helped)
		return false;
	m.helped = helped;
	sim_call_administrator();
	return true;
}

bool run_until(bool (*cond)(void *arg), void *arg)
{
	while (!cond(arg)) {
		if (shim_steps() >= m.crash_at)
			return false;
		if (shim_steps() > sim.config.steps_max)
			shim_die("no end after %llu steps", shim_steps());
		if (!shim_step() && !cond(arg) && !help()) {
			shim_sched_report();
			shim_die("deadlock: nobody can run");
		}
		check_ages();
	}
	return true;
}

static bool call_done(void *arg)
{
	return ((struct shim_call *)arg)->done;
}

bool run_call(const char *name, void (*fn)(void *arg), void *arg)
{
	struct shim_call call = { fn, arg, false };

	sim_note("%s", name);
	shim_call_spawn(name, &call);
	return run_until(call_done, &call);
}

/* Ends early when nothing is left to do. */
bool run_steps(u64 steps)
{
	u64 end = shim_steps() + steps;

	while (shim_steps() < end) {
		if (shim_steps() >= m.crash_at)
			return false;
		if (!shim_step())
			break;
		check_ages();
	}
	return true;
}

static void sleep_call(void *arg)
{
	shim_sleep_ns(*(u64 *)arg);
}

bool run_ns(u64 ns)
{
	return run_call("time passes", sleep_call, &ns);
}

void run_to_rest(void)
{
	u64 end = shim_steps() + 200000;

	while (shim_step())
		if (shim_steps() > end)
			shim_die("no rest after a clean stop: something requeues itself");
}

/* Steps that guests have to stop in before their origin is mended. */
#define STOP_STEPS 300000

static bool guest_stopped(void *arg)
{
	struct sim_vol *vol = arg;

	return !vol->cpus && !vol->inflight && !vol->error_check && !m.administrator;
}

bool guests_stop(struct sim_vol *vol)
{
	vol->running = false;
	vol->stop_step = shim_steps();
	shim_wake(&vol->wait, UINT_MAX);
	return run_until(guest_stopped, vol);
}
