// SPDX-License-Identifier: GPL-2.0
/*
 * What an acknowledged write costs in write-back (I4): one flash write, of which it
 * waits for no other.  A machine of its own, without faults and with time to count:
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
#define SLACK_NS 20000

static struct {
	struct sim_cost *cost;
	u32 depth;
	bool fua;
	u64 issued;
	u64 record[SIM_COST_WRITES]; /* which one holds the write; 0: none yet */
	u64 records;
	u64 done_ns[SIM_COST_WRITES + 1]; /* by record */
	u64 flight_sector[64], flight_record[64];
} c;

/* A record is on its way, or has arrived. */
static void flash_io(struct fvp_dev *dev, const struct dev_event *event)
{
	const struct fvp_disk_block *record = dev_record(event);
	u32 slot;

	if (!record || !dev_record_entries(record, FVP_ENTRY_DATA, FVP_ENTRY_DIRTY))
		return;
	for (slot = 0; slot < ARRAY_SIZE(c.flight_sector); slot++)
		if (c.flight_sector[slot] == (event->done ? event->sector : 0))
			break;
	if (slot == ARRAY_SIZE(c.flight_sector))
		shim_die("cost: a record out of the blue");
	if (event->done) {
		c.done_ns[c.flight_record[slot]] = shim_now_ns();
		c.flight_sector[slot] = 0;
		return;
	}
	if (c.records == SIM_COST_WRITES)
		shim_die("cost: more flash writes than writes, at depth %u", c.depth);
	c.flight_sector[slot] = event->sector;
	c.flight_record[slot] = ++c.records;
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

	if (!record || !c.done_ns[record])
		shim_die("cost: write %llu acknowledged before it was on flash",
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
	m.flash[0] = dev_create("flash0", true,
				FVP_FIRST_SEGMENT_SECTOR + 64 * 2048 + FVP_SUPER_AREA_SECTORS, NULL,
				NULL);
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
	machine_format();
}

static bool all_done(void *arg)
{
	return c.issued == SIM_COST_WRITES && !m.vol[0].inflight;
}

void sim_cost(struct sim_cost *cost, u32 depth, bool fua, bool flash_cache)
{
	struct shim_sched_params params = { .seed = 1, .step_ns_max = 100, .in_order = true };
	struct sim_vol *vol = &m.vol[0];
	struct open_call call = { 0 };

	memset(&c, 0, sizeof(c));
	memset(cost, 0, sizeof(*cost));
	c.cost = cost;
	c.depth = depth;
	c.fua = fua;
	shim_alloc_fail_hook = NULL;
	shim_sched_init(&params);
	build(flash_cache);
	run_call("open", call_open, &call);
	if (call.err)
		shim_die("cost: open: error %d: %s", call.err, call.text);
	run_call("attach", call_attach, vol);
	run_call("resume", call_resume, vol);
	run_call("wait-loaded", call_wait_loaded, NULL);
	shim_fiber_spawn("guest", guest, vol);
	run_until(all_done, NULL);
	cost->writes = c.issued;
	cost->flash_writes = c.records;
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
