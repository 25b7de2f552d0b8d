// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a pool made of an image, with all of core at work on it.
 *
 * Whatever the image says: nothing reaches out of a device or of memory, every call comes to
 * its end, what is written reads back, over a reopening and a crash too, and a pool that has
 * been opened once opens again.
 */
#include <stdlib.h>

#include "image.h"

#define STEPS_MAX 3000000 /* of one run */
#define STEPS_HELP 20000 /* without an end: somebody looks after lost data */
#define VOLUMES_MAX 4
#define LIVES_MAX 6
#define IO_SECTORS_MAX 96
#define DROP_SECTORS_MAX (1ull << 28) /* a drop takes time by the size of its volume */
#define FLUSHES_MAX 2000 /* 10 ms each: more than any image needs */

struct written { /* by us: what a read has to return */
	u64 lba, len;
	u32 version; /* 0: zeroes */
	bool unsure; /* it failed, or a discard did what it likes */
};

struct volume {
	struct fvp_volume *core; /* NULL: not attached */
	struct fvp_dev origin;
	u8 uuid[16];
	enum fvp_mode mode;
	struct written written[2 * IMAGE_OPS_MAX];
	u32 written_count;
};

static struct {
	const struct image *image;
	struct fvp_pool *pool;
	struct volume vol[VOLUMES_MAX];
	u32 vol_count;
	u32 op;
	bool damaged; /* some of flash cannot be read */
	int err;
	char text[256];
} run;

/* --- running calls --- */

/* Gives up what is lost: destaging waits for that. */
static void help_fiber(void *unused)
{
	for (u32 i = 0; i < run.vol_count; i++)
		if (run.vol[i].core)
			fvp_volume_forget_lost(run.vol[i].core);
}

static void do_call(const char *name, void (*fn)(void *arg), void *arg)
{
	struct shim_call call = { fn, arg, false };
	u64 help = shim_steps() + STEPS_HELP;

	shim_call_spawn(name, &call);
	while (!call.done) {
		if (!shim_step() && !call.done) {
			shim_sched_report();
			shim_die("%s: deadlock", name);
		}
		if (shim_steps() > STEPS_MAX) {
			shim_sched_report();
			shim_die("%s: no end after %llu steps", name, shim_steps());
		}
		if (shim_steps() > help && run.pool && !call.done) {
			shim_fiber_spawn("help", help_fiber, NULL);
			help = shim_steps() + STEPS_HELP;
		}
	}
}

/* Until nothing is left to do. */
static void rest(const char *what)
{
	while (shim_step())
		if (shim_steps() > STEPS_MAX)
			shim_die("%s: no rest", what);
}

/* --- opening and closing --- */

static void call_open(void *arg)
{
	const struct image_head *head = &run.image->head;
	struct fvp_pool_params params = { .block_sectors = head->flags & IMAGE_BLOCK_4K ? 8 : 1 };
	bool *recover = arg;

	if (*recover) {
		params.recover = true;
		params.dev[0] = &image_dev[IMAGE_FLASH_MAX];
		params.count = 1;
	} else {
		for (; params.count < head->flash_count; params.count++)
			params.dev[params.count] = &image_dev[params.count];
		if (!(head->flags & IMAGE_NO_LEGS))
			for (; params.leg_count < head->leg_count; params.leg_count++)
				params.leg[params.leg_count] =
					&image_dev[IMAGE_FLASH_MAX + params.leg_count];
		if (params.leg_count && (head->flags & IMAGE_SECOND_LEG_LATER))
			params.leg_count--;
	}
	run.err = fvp_pool_open(&params, &run.pool, run.text, sizeof(run.text));
	if (run.err)
		run.pool = NULL;
}

static void call_close(void *unused)
{
	struct fvp_pool *pool = run.pool;

	run.pool = NULL;
	fvp_pool_close(pool);
}

static void call_loaded(void *unused)
{
	fvp_pool_wait_loaded(run.pool);
}

static void call_leg_add(void *unused)
{
	fvp_leg_add(run.pool, &image_dev[IMAGE_DEVS - 1], run.text, sizeof(run.text));
}

static void call_attach(void *arg)
{
	struct volume *v = arg;

	if (fvp_volume_attach(run.pool, v->uuid, "v", &v->origin, v->origin.sectors, v->mode,
			      &v->core, run.text, sizeof(run.text))) {
		v->core = NULL;
		return;
	}
	fvp_volume_resume(v->core);
}

static void call_detach(void *arg)
{
	struct volume *v = arg;

	fvp_volume_suspend(v->core);
	fvp_volume_detach(v->core, FVP_DETACH_KEEP);
	v->core = NULL;
}

static void check_index(void)
{
	for (u32 i = 0; i < run.vol_count; i++)
		if (run.vol[i].core && fvp_index_check(&run.vol[i].core->index))
			shim_die("volume %u: the index is not sound", i);
}

static bool pool_up(bool recover)
{
	do_call("open", call_open, &recover);
	if (run.err) {
		rest("a pool that did not open");
		return false;
	}
	return true;
}

static void pool_down(void)
{
	bool failed = READ_ONCE(run.pool->health) == FVP_POOL_FAILED;

	check_index();
	for (u32 i = 0; i < run.vol_count; i++)
		if (run.vol[i].core)
			do_call("detach", call_detach, &run.vol[i]);
	do_call("close", call_close, NULL);
	rest("a closed pool");
	/* Devices take every write here. */
	if (failed)
		shim_die("the pool failed, its devices did not");
}

/* --- volumes --- */

static struct volume *volume_add(const u8 uuid[16], u64 sectors, u32 mode)
{
	struct volume *v;

	for (u32 i = 0; i < run.vol_count; i++)
		if (!memcmp(run.vol[i].uuid, uuid, 16))
			return NULL;
	if (run.vol_count == VOLUMES_MAX)
		return NULL;
	v = &run.vol[run.vol_count];
	memcpy(v->uuid, uuid, 16);
	v->mode = mode >= FVP_MODE_PASS_THROUGH && mode <= FVP_MODE_WRITE_BACK
			  ? mode
			  : FVP_MODE_WRITE_BACK;
	image_origin(&v->origin, run.vol_count++, max(sectors, 8ull),
		     run.image->head.flags & IMAGE_ORIGIN_CACHE);
	return v;
}

/* Those whose data waits first; then the others; then one that the image does not know. */
static void volumes_find(void)
{
	static const u8 own[16] = { 0xee };
	const struct fvp_super *super = run.pool->super;

	for (u32 pass = 0; pass < 2; pass++)
		for (u32 i = 0; i < super->volume_count && run.vol_count < VOLUMES_MAX - 1; i++) {
			const struct fvp_super_volume *line = &super->volumes[i];

			if (pass != !!(line->flags & FVP_VOLUME_MAY_BE_DIRTY))
				volume_add(line->uuid, line->size_sectors, line->mode);
		}
	volume_add(own, 5000, FVP_MODE_WRITE_BACK);
}

/* --- what guests do --- */

static void data_fill(u8 *mem, u64 lba, u32 version)
{
	u64 words[2] = { lba, version };

	memset(mem, 0, FVP_SECTOR_BYTES);
	if (version)
		memcpy(mem, words, sizeof(words));
}

static const struct written *written_find(const struct volume *v, u64 lba)
{
	for (u32 i = v->written_count; i-- > 0;)
		if (lba - v->written[i].lba < v->written[i].len)
			return &v->written[i];
	return NULL;
}

static void check_read(struct volume *v, u64 lba, u64 len, const u8 *data)
{
	u8 want[FVP_SECTOR_BYTES];

	for (u64 i = 0; i < len; i++) {
		const struct written *w = written_find(v, lba + i);
		const u8 *got = data + i * FVP_SECTOR_BYTES;

		if (!w || w->unsure)
			continue;
		data_fill(want, lba + i, w->version);
		if (memcmp(got, want, sizeof(want)))
			shim_die("sector %llu: version %u was written, read was %llu of %llu",
				 lba + i, w->version, ((const u64 *)got)[1], ((const u64 *)got)[0]);
	}
}

struct guest_io {
	struct volume *v;
	u8 op, flags;
	u64 lba, len;
	u8 *data;
	int err;
};

static void call_io(void *arg)
{
	struct guest_io *io = arg;

	io->err = image_request(io->v->core, io->op, io->flags, io->lba, io->len, io->data);
}

static void do_io(struct volume *v, u8 op, u8 flags, u64 lba, u64 len, u32 version)
{
	static u8 data[IO_SECTORS_MAX * FVP_SECTOR_BYTES];
	struct guest_io io = { v, op, flags, lba, len, NULL, 0 };

	if (op == FVP_REQ_READ || op == FVP_REQ_WRITE)
		io.data = data;
	for (u64 i = 0; op == FVP_REQ_WRITE && i < len; i++)
		data_fill(data + i * FVP_SECTOR_BYTES, lba + i, version);
	do_call("I/O", call_io, &io);
	if (op == FVP_REQ_READ && !io.err)
		check_read(v, lba, len, data);
	if (op == FVP_REQ_READ || op == FVP_REQ_FLUSH)
		return;
	v->written[v->written_count++] = (struct written){
		.lba = lba,
		.len = len,
		.version = op == FVP_REQ_WRITE ? version : 0,
		.unsure = io.err || op == FVP_REQ_DISCARD,
	};
}

/* Everything that we have written. */
static void read_all(struct volume *v)
{
	for (u32 i = 0; i < v->written_count; i++)
		if (v->written[i].len <= IO_SECTORS_MAX)
			do_io(v, FVP_REQ_READ, 0, v->written[i].lba, v->written[i].len, 0);
}

struct volume_call {
	struct volume *v;
	const struct image_op *op;
};

static void call_other(void *arg)
{
	struct volume_call *call = arg;
	struct fvp_volume *vol = call->v->core;
	const struct image_op *op = call->op;

	switch (op->kind % IMAGE_OP_KINDS) {
	case IMAGE_OP_MODE:
		call->v->mode = FVP_MODE_PASS_THROUGH + op->len % FVP_MODE_WRITE_BACK;
		fvp_volume_set_mode(vol, call->v->mode);
		break;
	case IMAGE_OP_DROP:
		if (vol->sectors <= DROP_SECTORS_MAX)
			fvp_volume_drop(vol);
		break;
	case IMAGE_OP_DESTAGE:
		fvp_volume_set_order(vol, op->len & 1 ? FVP_ORDER_RELAXED : FVP_ORDER_STRICT);
		fvp_volume_flush(vol);
		break;
	case IMAGE_OP_WAIT:
		msleep(op->len % 4096);
		break;
	case IMAGE_OP_LEGS:
		fvp_volume_set_legs(vol, op->len & 0xf, op->lba & 3);
		break;
	case IMAGE_OP_SUSPEND:
		fvp_volume_suspend(vol);
		fvp_volume_resume(vol);
		break;
	}
}

/* True: the pool goes down, or the host. */
static bool do_op(const struct image_op *op, bool *crash)
{
	struct volume *v = &run.vol[op->volume % run.vol_count];
	u64 lba = op->lba % v->origin.sectors;
	u64 len = min_t(u64, 1 + op->len % IO_SECTORS_MAX, v->origin.sectors - lba);
	u32 kind = op->kind % IMAGE_OP_KINDS, version = run.op + 1;
	struct volume_call call = { v, op };

	*crash = kind == IMAGE_OP_CRASH;
	if (*crash || kind == IMAGE_OP_REOPEN)
		return true;
	if (!v->core)
		return false;
	switch (kind) {
	case IMAGE_OP_READ:
		do_io(v, FVP_REQ_READ, 0, lba, len, 0);
		break;
	case IMAGE_OP_WRITE:
	case IMAGE_OP_WRITE_FUA:
		do_io(v, FVP_REQ_WRITE, kind == IMAGE_OP_WRITE ? 0 : FVP_REQ_FUA, lba, len,
		      version);
		break;
	case IMAGE_OP_FLUSH:
		do_io(v, FVP_REQ_FLUSH, 0, 0, 0, 0);
		break;
	case IMAGE_OP_DISCARD:
	case IMAGE_OP_ZEROES:
		/* Some of them long. */
		if (op->len & 0x8000)
			len = min_t(u64, 3000, v->origin.sectors - lba);
		do_io(v, kind == IMAGE_OP_DISCARD ? FVP_REQ_DISCARD : FVP_REQ_WRITE_ZEROES, 0, lba,
		      len, 0);
		break;
	default:
		do_call("a call", call_other, &call);
		break;
	}
	return false;
}

/* From opening to closing.  False: there is no next one. */
static bool life(bool first, bool keep)
{
	bool down = false, crash = false;

	if (!pool_up(false)) {
		/* What cannot be read now was never written, or has been moved. */
		if (!first && !run.damaged)
			shim_die("it does not open again: %s (%d)", run.text, run.err);
		return false;
	}
	if (first)
		volumes_find();
	for (u32 i = 0; i < run.vol_count; i++)
		do_call("attach", call_attach, &run.vol[i]);
	if (run.op < run.image->head.op_count && run.image->op[run.op].kind & 0x80)
		do_op(&run.image->op[run.op++], &crash); /* while it loads */
	do_call("load", call_loaded, NULL);
	check_index();
	if ((run.image->head.flags & IMAGE_SECOND_LEG_LATER) && run.image->head.leg_count)
		do_call("add a replica", call_leg_add, NULL);
	for (u32 i = 0; i < run.vol_count; i++)
		if (run.vol[i].core)
			read_all(&run.vol[i]);
	while (!down && run.op < run.image->head.op_count)
		down = do_op(&run.image->op[run.op++], &crash);
	if (crash || (keep && !down)) {
		shim_sched_drop_all();
		run.pool = NULL;
		for (u32 i = 0; i < run.vol_count; i++)
			run.vol[i].core = NULL;
	} else {
		pool_down();
	}
	return down;
}

/* --- recovery, as tools/recover does it --- */

static void call_recover(void *arg)
{
	struct volume *v = arg;
	struct fvp_dirty_status dirty;
	u32 i;

	call_attach(v);
	if (!v->core)
		return;
	for (i = 0; i < FLUSHES_MAX; i++) {
		fvp_volume_flush(v->core);
		msleep(10);
		fvp_volume_dirty(v->core, &dirty);
		if (!dirty.sectors && fvp_volume_effective_mode(v->core) != FVP_MODE_WRITE_BACK)
			break;
		if (dirty.lost_sectors)
			fvp_volume_forget_lost(v->core);
	}
	if (i == FLUSHES_MAX)
		shim_die("a recovery does not end: %llu sectors are left", dirty.sectors);
	fvp_volume_suspend(v->core);
	fvp_volume_detach(v->core, FVP_DETACH_KEEP);
	v->core = NULL;
}

static void recover(void)
{
	struct fvp_volume *vol;

	if (!pool_up(true))
		return;
	list_for_each_entry (vol, &run.pool->volumes, node)
		volume_add(vol->uuid, vol->sectors, FVP_MODE_PASS_THROUGH);
	for (u32 i = 0; i < run.vol_count; i++) {
		run.vol[i].mode = FVP_MODE_PASS_THROUGH;
		do_call("recover", call_recover, &run.vol[i]);
	}
	pool_down();
}

void image_run(const struct image *image, bool keep)
{
	static const struct shim_sched_params params = { .seed = 1,
							 .in_order = true,
							 .step_ns_max = 1000 };

	shim_quiet = true;
	shim_sched_init(&params);
	memset(&run, 0, sizeof(run));
	run.image = image;
	for (u32 d = 0; d < IMAGE_DEVS; d++) {
		image_dev[d].block_sectors = image->head.flags & IMAGE_BLOCK_4K ? 8 : 1;
		image_dev[d].cache = image->head.flags & IMAGE_FLASH_CACHE;
		run.damaged |= image_dev[d].bad_count != 0;
	}
	if (image->head.flags & IMAGE_RECOVER)
		recover();
	else
		for (u32 n = 0; n < LIVES_MAX && life(!n, keep); n++)
			;
	for (u32 i = 0; i < run.vol_count; i++)
		image_origin_free(&run.vol[i].origin);
	shim_sched_fini();
	if (shim_alloc_count() && !keep) {
		shim_alloc_report(20);
		shim_die("memory was not freed");
	}
	shim_sched_drop_all();
}
