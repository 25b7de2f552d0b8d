// SPDX-License-Identifier: GPL-2.0
/* Block devices with latency, caches and faults (device.h). */
#include <stdlib.h>

#include "device.h"

struct dev_io {
	struct list_head node; /* dev->inflight */
	struct shim_timer timer;
	struct fvp_dev *dev;
	enum dev_op op;
	u32 flags;
	u64 sector, len;
	struct sim_data data;
	bool guest;
	bool applied;
	bool no_flush; /* defect */
	u64 write; /* id in the store */
	u64 moment; /* of the flush's beginning */
	int error;
	dev_done_fn done;
	void *arg;
};

struct fvp_dev *dev_create(const char *name, bool flash, u64 sectors,
			   u64 (*initial)(void *arg, u64 sector), void *arg)
{
	struct fvp_dev *dev = calloc(1, sizeof(*dev));

	snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->flash = flash;
	dev->sectors = sectors;
	dev->block_sectors = 1;
	dev->latency_ns = flash ? 20000 : 300000;
	dev->store = store_create(flash ? FVP_SECTOR_BYTES : 8, initial, arg);
	INIT_LIST_HEAD(&dev->inflight);
	return dev;
}

void dev_free(struct fvp_dev *dev)
{
	struct dev_io *io, *n;

	list_for_each_entry_safe (io, n, &dev->inflight, node)
		free(io);
	store_free(dev->store);
	free(dev);
}

bool dev_idle(const struct fvp_dev *dev)
{
	return list_empty(&dev->inflight);
}

bool dev_core_writes(const struct fvp_dev *dev)
{
	struct dev_io *io;

	list_for_each_entry (io, &dev->inflight, node)
		if (io->op != DEV_READ && !io->guest)
			return true;
	return false;
}

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* --- faults --- */

static bool hits_bad(struct fvp_dev *dev, struct dev_io *io)
{
	for (u32 i = 0; i < dev->bad_count; i++) {
		struct dev_range *bad = &dev->bad[i];

		if (!overlap(io->sector, io->len, bad->sector, bad->len))
			continue;
		if (io->op == DEV_READ)
			return true;
		/* Written anew: the device uses another place. */
		dev->bad[i--] = dev->bad[--dev->bad_count];
	}
	return false;
}

static int fault_of(struct fvp_dev *dev, struct dev_io *io)
{
	bool read = io->op == DEV_READ;
	u32 permille = read ? dev->read_error_permille : dev->write_error_permille;

	if (dev->dead || (dev->fail_in && !--dev->fail_in))
		return -EIO;
	if (io->op != DEV_FLUSH && hits_bad(dev, io)) {
		sim.count->fault_flash_read_permanent++;
		return -EIO;
	}
	if (!read && (dev->fail_writes || shim_now_ns() < dev->fail_writes_until_ns)) {
		sim.count->fault_origin_write += !dev->flash;
		return -EIO;
	}
	if (!read && dev->fail_next_write && !sim.calm) {
		dev->fail_next_write = false;
		sim.count->fault_flash_write++;
		return -EIO;
	}
	if (sim.calm || !shim_rng_chance(&sim.io_rng, permille, 1000))
		return 0;
	if (dev->flash && read)
		sim.count->fault_flash_read++;
	else if (dev->flash)
		sim.count->fault_flash_write++;
	else if (read)
		sim.count->fault_origin_read++;
	else
		sim.count->fault_origin_write++;
	return -EIO;
}

static struct dev_event event_of(const struct dev_io *io, bool done)
{
	return (struct dev_event){
		.op = io->op,
		.flags = io->flags,
		.sector = io->sector,
		.len = io->len,
		.bytes = io->op == DEV_WRITE ? io->data.bytes : NULL,
		.guest = io->guest,
		.done = done,
		.error = io->error,
	};
}

static void tell(struct dev_io *io, bool done)
{
	struct dev_event event = event_of(io, done);

	if (io->dev->on_io)
		io->dev->on_io(io->dev, &event);
}

/* --- doing it --- */

static void write_apply(struct dev_io *io, u64 off, u32 len)
{
	struct sim_data data = io->data;
	u64 zeroes[256] = { 0 };

	while (len) {
		u32 n = len;
		u32 data_off = (u32)off;

		if (io->op == DEV_ZEROES || io->op == DEV_DISCARD) {
			n = min_t(u32, n, ARRAY_SIZE(zeroes));
			data = (struct sim_data){ .stamps = zeroes };
			data_off = 0;
		}
		store_write_apply(io->dev->store, io->write, io->sector + off, n, data, data_off);
		off += n;
		len -= n;
	}
}

/* Sectors that a discard or a failed write does: anything from none to all. */
static void write_apply_some(struct dev_io *io)
{
	u64 step = io->dev->block_sectors;
	u32 how = (u32)shim_rng_below(&sim.io_rng, 3);

	if (how == 0)
		return;
	sim.count->crash_writes_torn++;
	for (u64 off = 0; off < io->len; off += step) {
		u64 run = min_t(u64, step * (1 + shim_rng_below(&sim.io_rng, 8)), io->len - off);

		if (how == 1 || shim_rng_chance(&sim.io_rng, 1, 2))
			write_apply(io, off, (u32)run);
		off += run - step;
	}
}

static void flush_settle(struct dev_io *io)
{
	if (!io->no_flush)
		store_settle_done(io->dev->store, defect_flush_moment(io->dev, io->moment));
}

/*
 * The flush before a write is over before any sector of it takes effect, power cut or
 * not, and also if the write fails.
 */
static void preflush(struct dev_io *io)
{
	if (io->flags & FVP_IO_PREFLUSH)
		flush_settle(io);
}

static void perform(struct dev_io *io)
{
	struct fvp_dev *dev = io->dev;
	struct dev_event event = event_of(io, false);

	io->applied = true;
	switch (io->op) {
	case DEV_READ:
		if (io->error) {
			/* Nobody may use what an erroneous read left behind. */
			if (io->data.stamps)
				memset(io->data.stamps, 0x5a, io->len * sizeof(u64));
			else
				memset(io->data.bytes, 0x5a, io->len * FVP_SECTOR_BYTES);
			break;
		}
		if (sim.config.defect == SIM_DEFECT_SHORT_READ && dev->flash && io->guest &&
		    io->len > 8)
			io->len--;
		store_read(dev->store, io->sector, (u32)io->len, io->data);
		break;
	case DEV_WRITE:
	case DEV_ZEROES:
	case DEV_DISCARD:
		if (defect_loses(dev, &event))
			break;
		preflush(io);
		if (io->error || (io->op == DEV_DISCARD && !dev->discard_zeroes))
			write_apply_some(io);
		else
			write_apply(io, 0, (u32)io->len);
		break;
	case DEV_FLUSH:
		break;
	}
}

/* The device reports io done: from here on it is as durable as its flags promise. */
static void settle(struct dev_io *io)
{
	struct fvp_dev *dev = io->dev;
	struct dev_event event = event_of(io, true);

	if (io->op == DEV_READ)
		return;
	if (io->op == DEV_FLUSH) {
		if (!io->error)
			flush_settle(io);
		return;
	}
	store_write_done(dev->store, io->write);
	if (!dev->cache || ((io->flags & FVP_IO_FUA) && !defect_no_fua(dev, &event) && !io->error))
		store_settle_write(dev->store, io->write, io->sector, (u32)io->len);
}

static void finish(void *arg)
{
	struct dev_io *io = arg;
	dev_done_fn done = io->done;
	void *done_arg = io->arg;
	int error = io->error;

	if (!io->applied)
		perform(io);
	settle(io);
	tell(io, true);
	if (error && io->dev->on_error)
		io->dev->on_error(io->dev, io->op, io->sector, io->len);
	list_del(&io->node);
	free(io);
	done(done_arg, error);
}

static void timer_fires(void *arg)
{
	shim_irq_spawn(finish, arg);
}

/* Defect: reports now, does it later; a power cut in between loses it. */
static void report_early(void *arg)
{
	struct dev_io *io = arg;
	dev_done_fn done = io->done;

	io->done = NULL;
	done(io->arg, 0);
}

static void finish_silently(void *arg)
{
	struct dev_io *io = arg;

	settle(io);
	list_del(&io->node);
	free(io);
}

static u64 latency(struct fvp_dev *dev, enum dev_op op)
{
	u64 ns = dev->latency_ns / 2 + shim_rng_below(&sim.io_rng, dev->latency_ns);

	if (op == DEV_FLUSH)
		ns *= 2;
	if (shim_rng_chance(&sim.io_rng, dev->latency_tail_permille, 1000))
		ns *= 20;
	if (shim_now_ns() < dev->stall_until_ns)
		ns += dev->stall_until_ns - shim_now_ns();
	return ns;
}

static void check(struct fvp_dev *dev, struct dev_io *io)
{
	struct dev_io *other;

	if (io->op == DEV_FLUSH)
		return;
	if (!io->len || io->sector + io->len > dev->sectors || io->sector + io->len < io->sector)
		shim_die("%s: I/O beyond the device: %llu+%llu of %llu", dev->name, io->sector,
			 io->len, dev->sectors);
	if (io->sector % dev->block_sectors || io->len % dev->block_sectors)
		shim_die("%s: I/O %llu+%llu not aligned to %u sectors", dev->name, io->sector,
			 io->len, dev->block_sectors);
	if (!dev->flash)
		return;
	list_for_each_entry (other, &dev->inflight, node) {
		bool writes = io->op != DEV_READ, other_writes = other->op != DEV_READ;

		if (other->op == DEV_FLUSH || !other->done ||
		    !overlap(io->sector, io->len, other->sector, other->len))
			continue;
		if (writes && other_writes)
			shim_die("%s: two writes to %llu+%llu in flight", dev->name, io->sector,
				 io->len);
		if ((writes && other->guest) || (other_writes && io->guest))
			shim_die("%s: I2: %llu+%llu written under a guest's read", dev->name,
				 io->sector, io->len);
	}
}

static void count_io(struct fvp_dev *dev, struct dev_io *io)
{
	struct sim_counters *c = sim.count;

	if (io->op == DEV_READ) {
		*(dev->flash ? &c->flash_reads : &c->origin_reads) += 1;
	} else if (io->op == DEV_FLUSH) {
		*(dev->flash ? &c->flash_flushes : &c->origin_flushes) += 1;
	} else {
		*(dev->flash ? &c->flash_writes : &c->origin_writes) += 1;
		c->flash_fua += dev->flash && (io->flags & FVP_IO_FUA);
	}
}

/* For those who read a verbose run: what a record holds. */
static void note_record(struct fvp_dev *dev, const struct dev_event *event)
{
	static const char *const kinds[] = { "void",	  "data",    "tombstone", "zero",
					     "watermark", "settled", "discard" };
	const struct fvp_disk_block *record = dev_record(event);

	for (u32 i = 0; record && i < le32_to_cpu(record->entry_count); i++) {
		const struct fvp_disk_entry *e = &record->entries[i];

		sim_note("%s   generation %llu: %s%s of %u %llu+%u at %u arg %u", dev->name,
			 le64_to_cpu(record->segment_gen),
			 le16_to_cpu(e->flags) & FVP_ENTRY_DIRTY ? "dirty " : "",
			 kinds[le16_to_cpu(e->kind)], le32_to_cpu(e->volume), le64_to_cpu(e->lba),
			 le32_to_cpu(e->len_sectors), le32_to_cpu(e->offset_sectors),
			 le32_to_cpu(e->arg));
	}
}

void dev_submit(struct fvp_dev *dev, enum dev_op op, u32 flags, u64 sector, u64 len,
		struct sim_data data, bool guest, dev_done_fn done, void *arg)
{
	struct dev_io *io;

	shim_assert_may_sleep("submitting I/O");
	/* A full queue makes the submitter wait. */
	if (shim_rng_chance(&sim.io_rng, 1, 50))
		shim_sleep_ns(shim_rng_below(&sim.io_rng, 20000));
	io = calloc(1, sizeof(*io));
	io->dev = dev;
	io->op = op;
	io->flags = flags;
	io->sector = sector;
	io->len = len;
	io->data = data;
	io->guest = guest;
	io->done = done;
	io->arg = arg;
	io->moment = store_moment(dev->store);
	check(dev, io);
	count_io(dev, io);
	if (op != DEV_READ && op != DEV_FLUSH)
		io->write = store_write_begin(dev->store);
	io->no_flush = defect_no_flush(dev);
	if ((flags & FVP_IO_NOWAIT) && shim_rng_chance(&sim.io_rng, dev->again_permille, 1000))
		io->error = -EAGAIN;
	else
		io->error = fault_of(dev, io);
	if (io->error && io->error != -EAGAIN && op != DEV_READ)
		dev->write_failed = true;
	if (dev->on_submit)
		dev->on_submit(dev, op, flags, sector);
	list_add_tail(&io->node, &dev->inflight);
	tell(io, false);
	shim_trace(sector ^ (u64)op << 56 ^ (u64)io->error);
	if (sim.config.verbose)
		sim_note("%s %s%s%s %llu+%llu%s", dev->name,
			 op == DEV_READ	     ? "read"
			 : op == DEV_WRITE   ? "write"
			 : op == DEV_FLUSH   ? "flush"
			 : op == DEV_DISCARD ? "discard"
					     : "zeroes",
			 flags & FVP_IO_FUA ? " fua" : "",
			 flags & FVP_IO_PREFLUSH ? " preflush" : "", sector, len,
			 io->error ? " FAULT" : "");
	if (sim.config.verbose && dev->flash) {
		struct dev_event event = event_of(io, false);

		note_record(dev, &event);
	}
	if (sim.config.defect == SIM_DEFECT_EARLY_DONE && dev->flash && op == DEV_WRITE &&
	    (flags & FVP_IO_FUA) && !io->error) {
		/* The content is there to read, but not durable yet. */
		perform(io);
		shim_irq_spawn(report_early, io);
		shim_timer_set(&io->timer, shim_now_ns() + 200 * latency(dev, op), finish_silently,
			       io);
		return;
	}
	/* Some take effect at once, some only at the end: both are allowed. */
	if (shim_rng_chance(&sim.io_rng, 1, 3) && !io->error && op != DEV_FLUSH)
		perform(io);
	shim_timer_set(&io->timer, shim_now_ns() + latency(dev, op), timer_fires, io);
}

void dev_crash(struct fvp_dev *dev, bool power_cut)
{
	struct dev_io *io, *n;

	list_for_each_entry_safe (io, n, &dev->inflight, node) {
		bool writes = io->op != DEV_READ && io->op != DEV_FLUSH;

		if (writes && !io->applied && !dev->dead && shim_rng_chance(&sim.io_rng, 1, 2)) {
			preflush(io);
			write_apply_some(io);
		}
		if (writes && !power_cut) {
			store_write_done(dev->store, io->write);
			if (!dev->cache)
				store_settle_write(dev->store, io->write, io->sector, (u32)io->len);
		}
		shim_timer_cancel(&io->timer);
		list_del(&io->node);
		free(io);
	}
	if (!power_cut)
		return;
	sim.count->crash_sectors_lost += store_crash(dev->store, dev->block_sectors, &sim.io_rng);
	dev->late_moment = 0;
}
