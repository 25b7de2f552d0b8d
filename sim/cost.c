// SPDX-License-Identifier: GPL-2.0
/*
 * What an acknowledged write costs in write-back (I4): one write to flash, and one to each
 * replica leg; it waits for no other.  A machine of its own, without faults and with time to count:
 * every write is 4 KiB, and each record that goes to flash is looked into.
 *
 * Headers and summaries of segments, superblocks and watermarks are not counted: they
 * are not each write's, and nobody waits for them.
 */
#include "cost.h"
#include "machine.h"

#define WRITE_SECTORS 8
#define FLASH_NS 20000 /* 10 to 30 us a write */
#define FLASH_NS_MAX (FLASH_NS / 2 + FLASH_NS)
/* Of computing, beside flash. */
#define SLACK_NS (20000 + 10000 * c.legs)

static struct {
	struct sim_cost *cost;
	u32 depth, legs;
	bool fua;
	u64 issued;
	u64 record[SIM_COST_WRITES]; /* which one holds the write; 0: none yet */
	u64 records;
	u64 done_ns[SIM_COST_WRITES + 1]; /* by record */
	u64 seq[SIM_COST_WRITES + 1];
	u32 devices[SIM_COST_WRITES + 1]; /* that have it, by record */
	u64 flight_sector[1 + SIM_LEGS_MAX][64], flight_record[1 + SIM_LEGS_MAX][64];
	u64 leg_writes;
} c;

/* The record's number; a new one if it goes to flash, which gets it first. */
static u64 record_number(const struct fvp_dev *dev, const struct fvp_disk_block *record)
{
	u64 seq = le64_to_cpu(record->seq), n = c.records;

	if (dev->leg) {
		while (n && c.seq[n] != seq)
			n--;
		if (!n)
			shim_die("cost: a leg gets what flash does not");
		c.leg_writes++;
		return n;
	}
	if (c.records == SIM_COST_WRITES)
		shim_die("cost: more flash writes than writes, at depth %u", c.depth);
	c.seq[++c.records] = seq;
	return c.records;
}

/* A record is on its way, or has arrived. */
static void flash_io(struct fvp_dev *dev, const struct dev_event *event)
{
	const struct fvp_disk_block *record = dev_record(event);
	u32 at = dev->leg ? 1 + dev->volume : 0, slot;

	if (!record || !dev_record_entries(record, FVP_ENTRY_DATA, FVP_ENTRY_DIRTY))
		return;
	for (slot = 0; slot < ARRAY_SIZE(c.flight_sector[at]); slot++)
		if (c.flight_sector[at][slot] == (event->done ? event->sector : 0))
			break;
	if (slot == ARRAY_SIZE(c.flight_sector[at]))
		shim_die("cost: a record out of the blue");
	if (event->done) {
		c.done_ns[c.flight_record[at][slot]] = shim_now_ns();
		c.devices[c.flight_record[at][slot]]++;
		c.flight_sector[at][slot] = 0;
		return;
	}
	c.flight_sector[at][slot] = event->sector;
	c.flight_record[at][slot] = record_number(dev, record);
	if (dev->leg)
		return;
	for (u32 i = 0; i < le32_to_cpu(record->entry_count); i++) {
		const struct fvp_disk_entry *entry = &record->entries[i];
		u64 write = le64_to_cpu(entry->lba) / WRITE_SECTORS;

		if (le16_to_cpu(entry->kind) != FVP_ENTRY_DATA)
			continue;
		if (write >= SIM_COST_WRITES || c.record[write])
			shim_die("cost: write %llu goes to flash twice", write);
		c.record[write] = c.records;
	}
}

static void acked(struct sim_req *req)
{
	u64 record = c.record[req->lba / WRITE_SECTORS];
	u64 now = shim_now_ns(), took_ns = now - req->begun_ns;

	if (!record || c.devices[record] != 1 + c.legs)
		shim_die("cost: write %llu acknowledged before all had it",
			 req->lba / WRITE_SECTORS);
	if (now - c.done_ns[record] > SLACK_NS)
		shim_die("cost: write %llu acknowledged %llu ns after it was on flash",
			 req->lba / WRITE_SECTORS, now - c.done_ns[record]);
	/* Its own flash write; and for many at once, the end of one that was in its way. */
	if (took_ns > (c.depth > 1 ? 2 : 1) * FLASH_NS_MAX + SLACK_NS)
		shim_die("cost: write %llu took %llu ns at depth %u, a flash write %u at most",
			 req->lba / WRITE_SECTORS, took_ns, c.depth, FLASH_NS_MAX);
	c.cost->longest_ns = max(c.cost->longest_ns, took_ns);
}

static void guest(void *arg)
{
	struct sim_vol *vol = arg;

	while (c.issued < SIM_COST_WRITES) {
		struct shim_wait wait;
		struct sim_req *req;

		if (vol->inflight >= c.depth) {
			shim_wait_prepare(&wait, &vol->wait);
			shim_wait_block(&wait, "room for a request", ~0ULL);
			continue;
		}
		req = sim_req_new(vol, FVP_REQ_WRITE, c.issued++ * WRITE_SECTORS, WRITE_SECTORS);
		req->fua = c.fua;
		sim_req_send(req);
	}
}

static void build(bool flash_cache)
{
	static struct sim_counters unused;
	struct sim_vol *vol = &m.vol[0];

	memset(&sim, 0, sizeof(sim));
	memset(&m, 0, sizeof(m));
	sim.count = &unused;
	sim.calm = true;
	sim.config.steps_max = ~0ULL;
	sim.io_rng.s = sim.rng.s = 1;
	m.crash_at = ~0ULL;
	m.write_back_percent = 100;
	m.flash_count = m.vol_count = 1;
	m.block_sectors = 8;
	m.segment_sectors = 2048;
	/* So large that nothing that comes is much: no flow control (pace.h, group.h). */
	m.flash[0] = dev_create("flash0", true,
				FVP_FIRST_SEGMENT_SECTOR + 2048 * 2048 + FVP_SUPER_AREA_SECTORS,
				NULL, NULL);
	m.flash[0]->block_sectors = 8;
	m.flash[0]->cache = flash_cache;
	m.flash[0]->latency_ns = FLASH_NS;
	m.flash[0]->on_io = flash_io;
	INIT_LIST_HEAD(&vol->reqs);
	INIT_LIST_HEAD(&vol->wait);
	memset(vol->uuid, 0x22, sizeof(vol->uuid));
	vol->sectors = SIM_COST_WRITES * WRITE_SECTORS;
	vol->origin = dev_create("origin0", false, vol->sectors, oracle_initial, vol);
	vol->oracle = oracle_create(vol, false);
	vol->on_done = acked;
	for (; m.leg_count < c.legs; m.leg_count++) {
		struct fvp_dev *leg = dev_create("leg", true, m.flash[0]->sectors, NULL, NULL);

		leg->leg = true;
		leg->volume = m.leg_count;
		leg->block_sectors = 8;
		leg->cache = true;
		leg->latency_ns = FLASH_NS;
		leg->on_io = flash_io;
		m.leg[m.leg_count] = leg;
	}
	machine_format();
}

static bool all_done(void *arg)
{
	return c.issued == SIM_COST_WRITES && !m.vol[0].inflight;
}

/* The volume wants all legs. */
static void legs_call(void *arg)
{
	struct sim_vol *vol = arg;
	char text[256];

	for (u32 i = 0; i < m.leg_count; i++)
		if (fvp_leg_add(sim.pool, m.leg[i], text, sizeof(text)))
			shim_die("cost: %s", text);
	while (hweight8(fvp_legs_in(sim.pool)) != m.leg_count)
		shim_sleep_ns(NSEC_PER_MSEC);
	if (fvp_volume_set_legs(vol->core, fvp_legs_in(sim.pool), (u8)m.leg_count))
		shim_die("cost: legs refused");
}

void sim_cost(struct sim_cost *cost, u32 depth, bool fua, bool flash_cache, u32 legs)
{
	struct shim_sched_params params = { .seed = 1, .step_ns_max = 100, .in_order = true };
	struct sim_vol *vol = &m.vol[0];
	struct open_call call = { 0 };

	memset(&c, 0, sizeof(c));
	memset(cost, 0, sizeof(*cost));
	c.cost = cost;
	c.depth = depth;
	c.fua = fua;
	c.legs = legs;
	shim_alloc_fail_hook = NULL;
	shim_sched_init(&params);
	build(flash_cache);
	run_call("open", call_open, &call);
	if (call.err)
		shim_die("cost: open: error %d: %s", call.err, call.text);
	run_call("attach", call_attach, vol);
	run_call("resume", call_resume, vol);
	run_call("wait-loaded", call_wait_loaded, NULL);
	run_call("legs", legs_call, vol);
	shim_fiber_spawn("guest", guest, vol);
	run_until(all_done, NULL);
	cost->writes = c.issued;
	cost->flash_writes = c.records;
	cost->leg_writes = c.leg_writes;
	if (c.leg_writes != c.records * legs)
		shim_die("cost: %llu records on flash, %llu on %u legs", c.records, c.leg_writes,
			 legs);
	if (depth == 1 && c.records != c.issued)
		shim_die("cost: %llu flash writes for %llu writes at depth 1", c.records, c.issued);
	vol->on_done = NULL;
	run_call("suspend", call_suspend, vol);
	run_call("detach", call_detach_forget, vol);
	run_call("close", call_close, NULL);
	run_to_rest();
	check_origin(vol);
	machine_free();
	shim_sched_drop_all();
}
