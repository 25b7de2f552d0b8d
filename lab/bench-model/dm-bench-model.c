// SPDX-License-Identifier: GPL-2.0
/*
 * For lab/bench-write alone: a device-mapper target that gives a RAM disk the latency of another medium, in the
 * guest's virtual time.
 *
 *	bench-model <device> <read us> <write us> <lanes> <MB/s>
 *
 * An I/O takes the given time in one of so many lanes, the one that is free first (0 lanes: as many as there are
 * I/Os), and its data goes over a bus with the given throughput (0: any), one I/O after the other.  The data is written
 * when the I/O comes in; just its completion is held back, to come from an interrupt as a real device's does.  No
 * volatile cache: flushes never come here.
 *
 * dm-delay does not do: its times are ticks of some milliseconds.  null_blk takes as long for a read as for a write.
 */
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/hrtimer.h>
#include <linux/module.h>

#define LANES_MAX 256

struct model {
	struct dm_dev *dev;
	u32 read_us, write_us, lanes, mb_per_s;
	spinlock_t lock; /* of the rest */
	u64 bus_free_ns;
	u64 lane_free_ns[LANES_MAX];
};

struct model_io {
	struct hrtimer timer;
	u64 done_ns; /* 0: nothing to wait for any more */
};

static int model_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct model *model;
	u32 *numbers[4], i;
	int err;

	ti->error = "want: <device> <read us> <write us> <lanes> <MB/s>";
	if (argc != 5)
		return -EINVAL;
	model = kzalloc(sizeof(*model), GFP_KERNEL);
	if (!model)
		return -ENOMEM;
	spin_lock_init(&model->lock);
	numbers[0] = &model->read_us;
	numbers[1] = &model->write_us;
	numbers[2] = &model->lanes;
	numbers[3] = &model->mb_per_s;
	for (i = 0, err = 0; i < 4 && !err; i++)
		err = kstrtou32(argv[i + 1], 10, numbers[i]);
	if (!err && model->lanes > LANES_MAX)
		err = -EINVAL;
	if (!err)
		err = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &model->dev);
	if (err) {
		kfree(model);
		return err;
	}
	ti->private = model;
	ti->per_io_data_size = sizeof(struct model_io);
	ti->num_flush_bios = 1;
	return 0;
}

static void model_dtr(struct dm_target *ti)
{
	struct model *model = ti->private;

	dm_put_device(ti, model->dev);
	kfree(model);
}

/* When an I/O that comes now is done; takes its lane and the bus. */
static u64 model_take(struct model *model, bool write, u32 bytes)
{
	u64 now = ktime_get_ns(), done = now, bus_ns = 0;
	u32 ns = (write ? model->write_us : model->read_us) * NSEC_PER_USEC, i, lane = 0;
	unsigned long flags;

	if (model->mb_per_s)
		bus_ns = div_u64((u64)bytes * 1000, model->mb_per_s);
	spin_lock_irqsave(&model->lock, flags);
	for (i = 1; i < model->lanes; i++)
		if (model->lane_free_ns[i] < model->lane_free_ns[lane])
			lane = i;
	if (model->lanes) {
		done = max(now, model->lane_free_ns[lane]);
		model->lane_free_ns[lane] = done + ns;
	}
	done += ns;
	model->bus_free_ns = max(now, model->bus_free_ns) + bus_ns;
	/* The transfer is part of the I/O's time, unless it waits for the bus. */
	done = max(done, model->bus_free_ns);
	spin_unlock_irqrestore(&model->lock, flags);
	return done;
}

static int model_map(struct dm_target *ti, struct bio *bio)
{
	struct model_io *io = dm_per_bio_data(bio, sizeof(*io));
	struct model *model = ti->private;

	bio_set_dev(bio, model->dev->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	io->done_ns = bio_has_data(bio)
			      ? model_take(model, op_is_write(bio_op(bio)), bio->bi_iter.bi_size)
			      : 0;
	return DM_MAPIO_REMAPPED;
}

static enum hrtimer_restart model_done(struct hrtimer *timer)
{
	struct model_io *io = container_of(timer, struct model_io, timer);

	io->done_ns = 0;
	bio_endio(dm_bio_from_per_bio_data(io, sizeof(*io)));
	return HRTIMER_NORESTART;
}

static int model_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct model_io *io = dm_per_bio_data(bio, sizeof(*io));

	if (!io->done_ns)
		return DM_ENDIO_DONE;
	hrtimer_init(&io->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	io->timer.function = model_done;
	hrtimer_start(&io->timer, ns_to_ktime(io->done_ns), HRTIMER_MODE_ABS_HARD);
	return DM_ENDIO_INCOMPLETE;
}

static int model_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct model *model = ti->private;

	return fn(ti, model->dev, 0, ti->len, data);
}

static struct target_type model_target = {
	.name = "bench-model",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = model_ctr,
	.dtr = model_dtr,
	.map = model_map,
	.end_io = model_end_io,
	.iterate_devices = model_iterate_devices,
};

static int __init model_init(void)
{
	return dm_register_target(&model_target);
}

static void __exit model_exit(void)
{
	dm_unregister_target(&model_target);
}

module_init(model_init);
module_exit(model_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Latency of a modelled medium, for benchmarks in virtual time");
