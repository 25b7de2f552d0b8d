// SPDX-License-Identifier: GPL-2.0
/*
 * Target "fvp": one accelerated volume.
 *
 *	0 <sectors> fvp <pool device> <origin device> <volume uuid> <mode> [<n> <option>{n}]
 *
 * The path of a bio: dm splits it at the longest request core takes, map tells
 * core (fvp_request_map), and the bio goes to the device that core names, or core
 * keeps it; end_io tells core (fvp_request_end).  All decisions are core's.
 *
 * Life of an attachment over table swaps:
 *	ctr of the first instance	attached, empty or with the content kept
 *	presuspend			while I/O still flows: the origin gets all that is dirty
 *	presuspend_undo			the suspend did not come: as before
 *	postsuspend			the origin may change behind us (durable)
 *	preresume			taken back; the new table's mode takes effect
 *	dtr of the last instance	detached: content forgotten, or kept on request
 * so that `linear` -> `fvp` -> `linear` under an open device is safe at each step.
 *
 * dm calls presuspend before every suspend, with or without noflush, before a table
 * swap's and before a removal; in process context, holding the device's suspend_lock
 * (and at removal its SRCU), so that status and messages go on meanwhile.
 */
#include <linux/sched/mm.h>

#include "bio.h"
#include "dirty.h"
#include "target.h"

/*
 * Always with the table's mode: where a table names a device twice, dm opens it again for what
 * is wanted beyond the first mode, and frees what it had handed out.
 */
static int open_device(struct dm_target *ti, const char *path, const char *role,
		       struct dm_dev **dev)
{
	int err = dm_get_device(ti, path, dm_table_get_mode(ti->table), dev);

	if (err) {
		pr_err("volume: cannot open %s %s: %s (%d)\n", role, path,
		       err == -EBUSY ? "it is in use: unmount it or remove what holds it"
				     : "no such block device, or not with this access",
		       err);
		ti->error = "Cannot open a device of the volume";
	}
	return err;
}

static int check_origin(struct dm_target *ti, const struct fvp_instance *inst)
{
	struct block_device *bdev = inst->origin->bdev;

	if (ti->begin || ti->len != bdev_nr_sectors(bdev)) {
		pr_err("volume: the table covers sectors %llu to %llu, origin /dev/%pg has %llu: "
		       "write the table as \"0 %llu fvp ...\"\n",
		       (u64)ti->begin, (u64)(ti->begin + ti->len), bdev, (u64)bdev_nr_sectors(bdev),
		       (u64)bdev_nr_sectors(bdev));
		ti->error = "Table is not exactly as long as the origin";
		return -EINVAL;
	}
	if (bdev_is_zoned(bdev)) {
		ti->error = "Zoned origins are not supported";
		return -EINVAL;
	}
	if (bdev->bd_dev == fvp_target_devt(ti)) {
		ti->error = "A volume cannot be its own origin";
		return -EINVAL;
	}
	return 0;
}

/* Finds the pool and attaches.  On success inst holds the attachment. */
static int attach(struct dm_target *ti, struct fvp_instance *inst, const uuid_t *uuid)
{
	struct fvp_runtime *runtime = fvp_runtime_find(inst->pool->bdev->bd_dev);

	if (!runtime) {
		pr_err("volume %pUb: /dev/%pg is not an active fvp-pool device\n", uuid,
		       inst->pool->bdev);
		ti->error = "Not an fvp-pool device";
		return -ENODEV;
	}
	inst->att = fvp_attachment_get(runtime, uuid, inst->name, fvp_target_devt(ti),
				       inst->origin->bdev, inst->mode, &ti->error);
	if (!IS_ERR(inst->att)) {
		inst->vol = inst->att->vol;
		fvp_watch_add(runtime, &inst->watch, ti->table);
	}
	fvp_runtime_put(runtime);
	return PTR_ERR_OR_ZERO(inst->att);
}

static int target_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct fvp_volume_line line;
	struct fvp_instance *inst;
	unsigned int noio;
	int err;

	err = fvp_parse_volume_line(argc, argv, &line, &ti->error);
	if (err)
		return err;

	inst = kzalloc(sizeof(*inst), GFP_KERNEL);
	if (!inst) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	inst->mode = line.mode;
	inst->order = line.order;
	strscpy(inst->name, line.name, sizeof(inst->name));

	err = open_device(ti, line.pool, "pool", &inst->pool);
	if (err)
		goto err_free;
	err = open_device(ti, line.origin, "origin", &inst->origin);
	if (err)
		goto err_pool;
	err = check_origin(ti, inst);
	if (err)
		goto err_origin;

	/* Volumes may be suspended while this waits for memory. */
	noio = memalloc_noio_save();
	err = attach(ti, inst, &line.uuid);
	memalloc_noio_restore(noio);
	if (err)
		goto err_origin;

	ti->num_flush_bios = 1;
	/* Also where neither origin nor flash has a volatile cache: flushes end epochs. */
	ti->flush_supported = true;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->num_secure_erase_bios = 0;
	ti->per_io_data_size = sizeof(struct fvp_bio);
	ti->accounts_remapped_io = true;
	ti->private = inst;
	return 0;

err_origin:
	dm_put_device(ti, inst->origin);
err_pool:
	dm_put_device(ti, inst->pool);
err_free:
	kfree(inst);
	return err;
}

static void target_dtr(struct dm_target *ti)
{
	struct fvp_instance *inst = ti->private;
	unsigned int noio;

	fvp_watch_remove(&inst->watch);
	noio = memalloc_noio_save();
	fvp_attachment_put(inst->att);
	memalloc_noio_restore(noio);
	dm_put_device(ti, inst->origin);
	dm_put_device(ti, inst->pool);
	kfree(inst);
}

/* Everything but reads.  False: not an operation of ours. */
static noinline bool classify(const struct bio *bio, struct fvp_request *rq)
{
	rq->flags = bio->bi_opf & REQ_FUA ? FVP_REQ_FUA : 0;
	switch (bio_op(bio)) {
	case REQ_OP_WRITE:
		/* dm sends a flush as an empty write; it has split off one with data. */
		rq->op = bio->bi_opf & REQ_PREFLUSH ? FVP_REQ_FLUSH : FVP_REQ_WRITE;
		return true;
	case REQ_OP_DISCARD:
		rq->op = FVP_REQ_DISCARD;
		return true;
	case REQ_OP_WRITE_ZEROES:
		rq->op = FVP_REQ_WRITE_ZEROES;
		return true;
	default:
		return false;
	}
}

static int target_map(struct dm_target *ti, struct bio *bio)
{
	struct fvp_instance *inst = ti->private;
	struct fvp_bio *fb = dm_per_bio_data(bio, sizeof(*fb));
	struct fvp_request *rq = &fb->rq;

	rq->lba = bio->bi_iter.bi_sector; /* ti->begin is 0 */
	rq->len_sectors = bio_sectors(bio);
	fvp_bio_begin(fb, bio);
	if (bio_op(bio) == REQ_OP_READ) {
		rq->op = FVP_REQ_READ;
		rq->flags = 0;
	} else if (unlikely(!classify(bio, rq))) {
		return DM_MAPIO_KILL;
	}

	/* Core may call fvp_host_accept(), which cuts bio, and be done with it at once. */
	if (fvp_request_map(inst->vol, rq) != FVP_MAP_REMAP)
		return DM_MAPIO_SUBMITTED;
	bio_set_dev(bio, rq->dev->bdev);
	bio->bi_iter.bi_sector = rq->dev_sector;
	return DM_MAPIO_REMAPPED;
}

static int target_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct fvp_bio *fb = dm_per_bio_data(bio, sizeof(*fb));
	int err = 0;

	if (fb->completed)
		return DM_ENDIO_DONE;
	if (unlikely(*error)) {
		err = blk_status_to_errno(*error);
		/* Who polls for it must not look for flash's queue at the origin. */
		WRITE_ONCE(bio->bi_cookie, BLK_QC_T_NONE);
	}
	if (likely(fvp_request_end(&fb->rq, err) == FVP_END_DONE))
		return DM_ENDIO_DONE;
	return DM_ENDIO_INCOMPLETE;
}

static void target_presuspend(struct dm_target *ti)
{
	struct fvp_instance *inst = ti->private;
	struct fvp_dirty_status dirty;
	unsigned int noio;
	int err;

	if (inst->att->suspended)
		return;
	noio = memalloc_noio_save();
	err = fvp_volume_drain(inst->vol);
	memalloc_noio_restore(noio);
	if (!err)
		return;

	/* A suspend cannot be refused from here. */
	fvp_volume_dirty(inst->vol, &dirty);
	pr_err("volume %s%s%pUb is suspended with %llu bytes of acknowledged writes that origin %s "
	       "did not take (error %d): they stay on flash and stay valid, but the origin is NOT "
	       "current. Nobody may use it before the volume has been resumed, or attached "
	       "again, and flushed\n",
	       inst->name, inst->name[0] ? " " : "", &inst->att->uuid,
	       dirty.sectors << SECTOR_SHIFT, inst->att->origin.name, err);
}

static void target_presuspend_undo(struct dm_target *ti)
{
	struct fvp_instance *inst = ti->private;
	unsigned int noio;

	if (inst->att->suspended)
		return;
	noio = memalloc_noio_save();
	fvp_volume_drain_undo(inst->vol);
	memalloc_noio_restore(noio);
}

static void target_postsuspend(struct dm_target *ti)
{
	struct fvp_instance *inst = ti->private;
	unsigned int noio;

	if (inst->att->suspended)
		return;
	noio = memalloc_noio_save();
	fvp_volume_suspend(inst->vol);
	memalloc_noio_restore(noio);
	inst->att->suspended = true;
}

static void use_order(struct fvp_instance *inst, enum fvp_order order)
{
	fvp_volume_set_order(inst->vol, order);
	WRITE_ONCE(inst->att->order, order);
}

static int target_preresume(struct dm_target *ti)
{
	struct fvp_instance *inst = ti->private;
	unsigned int noio = memalloc_noio_save();
	int err = 0;

	use_order(inst, READ_ONCE(inst->order));
	if (inst->att->suspended) {
		fvp_volume_resume(inst->vol);
		inst->att->suspended = false;
	}
	if (READ_ONCE(inst->vol->mode) != inst->mode)
		err = fvp_volume_set_mode(inst->vol, inst->mode);
	memalloc_noio_restore(noio);
	return err;
}

static void target_status(struct dm_target *ti, status_type_t type, unsigned int status_flags,
			  char *result, unsigned int maxlen)
{
	struct fvp_instance *inst = ti->private;
	bool relaxed = READ_ONCE(inst->order) == FVP_ORDER_RELAXED;
	unsigned int options = (inst->name[0] != 0) + relaxed;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		fvp_status_volume(inst->att, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %s %pUb %s", inst->pool->name, inst->origin->name, &inst->att->uuid,
		       fvp_mode_name(READ_ONCE(inst->mode)));
		if (options)
			DMEMIT(" %u", options);
		if (inst->name[0])
			DMEMIT(" name=%s", inst->name);
		if (relaxed)
			DMEMIT(" order=" FVP_ORDER_NAME_RELAXED);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",uuid=%pUb,mode=%s;", &inst->att->uuid,
		       fvp_mode_name(READ_ONCE(inst->mode)));
		break;
	}
}

static int set_mode(struct fvp_instance *inst, enum fvp_mode mode)
{
	int err = fvp_volume_set_mode(inst->vol, mode);

	if (!err)
		WRITE_ONCE(inst->mode, mode);
	return err;
}

static void set_order(struct fvp_instance *inst, enum fvp_order order)
{
	use_order(inst, order);
	WRITE_ONCE(inst->order, order);
}

static int drop(struct fvp_instance *inst)
{
	int err = fvp_volume_drop(inst->vol);

	if (err)
		pr_err("volume %pUb: its content could not be dropped: error %d\n",
		       &inst->att->uuid, err);
	return err;
}

/* Returns 1 where result holds an answer, as dm wants it. */
static int do_message(struct fvp_instance *inst, const struct fvp_volume_message *msg, char *result,
		      unsigned int maxlen)
{
	switch (msg->kind) {
	case FVP_MSG_MODE:
		return set_mode(inst, msg->mode);
	case FVP_MSG_ORDER:
		set_order(inst, msg->order);
		return 0;
	case FVP_MSG_REPLICAS:
		return fvp_message_replicas(inst->vol, msg);
	case FVP_MSG_FLUSH:
		fvp_reply_flush(inst->vol, result, maxlen);
		return 1;
	case FVP_MSG_LOST:
		fvp_reply_lost(inst->vol, result, maxlen);
		return 1;
	case FVP_MSG_FORGET_LOST:
		fvp_volume_forget_lost(inst->vol);
		return 0;
	case FVP_MSG_KEEP:
		WRITE_ONCE(inst->att->keep, true);
		return 0;
	case FVP_MSG_FORGET:
		WRITE_ONCE(inst->att->keep, false);
		return 0;
	case FVP_MSG_DROP:
		return drop(inst);
	case FVP_MSG_LATENCY:
		return fvp_reply_volume_latency(inst->vol, result, maxlen);
	}
	return -EINVAL;
}

static int target_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			  unsigned int maxlen)
{
	struct fvp_instance *inst = ti->private;
	struct fvp_volume_message msg;
	int err = fvp_parse_volume_message(&inst->att->uuid, argc, argv, &msg);
	unsigned int noio;

	if (err)
		return err;
	noio = memalloc_noio_save();
	err = do_message(inst, &msg, result, maxlen);
	memalloc_noio_restore(noio);
	return err;
}

/* The origin alone: its limits, cache and abilities are the volume's; flash adapts. */
static int target_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct fvp_instance *inst = ti->private;

	return fn(ti, inst->origin, 0, ti->len, data);
}

/* A discard or write-zeroes is one dirty entry. */
static void target_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	limits->max_discard_sectors = min(limits->max_discard_sectors, FVP_DIRTY_LEN_MAX);
	limits->max_hw_discard_sectors = min(limits->max_hw_discard_sectors, FVP_DIRTY_LEN_MAX);
	limits->max_write_zeroes_sectors = min(limits->max_write_zeroes_sectors, FVP_DIRTY_LEN_MAX);
}

struct target_type fvp_volume_target = {
	.name = FVP_TARGET_VOLUME,
	.version = { 1, 3, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_SINGLETON,
	.ctr = target_ctr,
	.dtr = target_dtr,
	.map = target_map,
	.end_io = target_end_io,
	.presuspend = target_presuspend,
	.presuspend_undo = target_presuspend_undo,
	.postsuspend = target_postsuspend,
	.preresume = target_preresume,
	.status = target_status,
	.message = target_message,
	.io_hints = target_io_hints,
	.iterate_devices = target_iterate_devices,
};
