// SPDX-License-Identifier: GPL-2.0
/* One batch of destaging; see destage.h for its steps. */
#include "pool.h"
#include "destage.h"
#include "health.h"
#include "io.h"
#include "leg.h"
#include "lost.h"

#define BATCH_ENTRIES 256
#define BATCH_SECTORS 2048 /* 1 MiB of data, twice in memory */
/* Each entry adds two ends at most, so n of them cut into fewer than 2n pieces. */
#define BATCH_PIECES (2 * BATCH_ENTRIES)
#define BATCH_INFLIGHT 32

/* Attempts to note a watermark in the log, about 0.5 ms each. */
#define MARK_TRIES 20

/* Times that data is read before it counts as damaged. */
#define READ_TRIES 3

struct batch_entry {
	u64 lba;
	u64 addr;
	u32 len_sectors;
	u32 crc;
	u32 in_sector; /* its data in batch->in */
	u8 kind;
	bool wanted; /* some of it is the newest */
	bool bad;
	struct fvp_io io;
	struct fvp_destage *batch;
};

/* What the origin gets: the newest of each sector. */
struct batch_piece {
	u64 lba;
	u32 len_sectors;
	u32 entry;
};

struct batch_io {
	struct fvp_io io;
	u64 begun; /* of fvp_stat_clock() */
	struct fvp_destage *batch;
};

struct fvp_destage {
	struct fvp_volume *vol;
	u32 count; /* entries, void ones included */
	u32 pieces;
	u64 behind; /* place in the log behind the last entry */
	void *in; /* data as it was read */
	void *out; /* data in the order of the origin */
	atomic_t pending;
	int error;
	u32 writes;
	struct batch_entry e[BATCH_ENTRIES];
	struct batch_piece p[BATCH_PIECES];
	struct batch_io io[BATCH_PIECES];
};

static struct fvp_destage *batch_get(struct fvp_volume *vol)
{
	struct fvp_destage *b = vol->destage;

	if (b)
		return b;
	b = kvzalloc(sizeof(*b), GFP_NOIO);
	if (!b)
		return NULL;
	b->vol = vol;
	b->in = __vmalloc(BATCH_SECTORS * FVP_SECTOR_BYTES, GFP_NOIO);
	b->out = __vmalloc(BATCH_SECTORS * FVP_SECTOR_BYTES, GFP_NOIO);
	vol->destage = b;
	if (b->in && b->out)
		return b;
	fvp_destage_free(vol);
	return NULL;
}

void fvp_destage_free(struct fvp_volume *vol)
{
	struct fvp_destage *b = vol->destage;

	if (!b)
		return;
	vol->destage = NULL;
	vfree(b->in);
	vfree(b->out);
	kvfree(b);
}

/* --- 0: what is in it --- */

/* Takes entries from the head of the queue, as many as go together.  Returns how many. */
static u32 batch_collect(struct fvp_destage *b)
{
	struct fvp_volume *vol = b->vol;
	struct fvp_pool *pool = vol->pool;
	bool strict = READ_ONCE(vol->order) == FVP_ORDER_STRICT && !READ_ONCE(vol->rescue);
	u64 written = fvp_log_written(pool), place;
	struct fvp_dirty_cursor cur;
	struct fvp_dirty_entry *e;
	u32 sectors = 0, padded, epoch = 0;

	b->count = 0;
	spin_lock(&vol->lock);
	fvp_dirty_begin(vol, &cur);
	while (b->count < BATCH_ENTRIES && (e = fvp_dirty_at(vol, &cur))) {
		struct batch_entry *be = &b->e[b->count];

		place = fvp_dirty_place(pool, e);
		padded = e->kind == FVP_ENTRY_DATA
				 ? round_up((u32)e->len_sectors, FVP_BLOCK_SECTORS_MAX)
				 : 0;
		if (place >= written || sectors + padded > BATCH_SECTORS)
			break;
		if (b->count && strict && e->epoch != epoch)
			break;
		epoch = e->epoch;
		*be = (struct batch_entry){
			.lba = e->lba,
			.addr = e->addr,
			.len_sectors = e->len_sectors,
			.crc = e->crc,
			.in_sector = sectors,
			.kind = e->failed ? FVP_ENTRY_VOID : e->kind,
			.batch = b,
		};
		sectors += padded;
		b->behind = place + 1;
		b->count++;
		cur.at++;
	}
	spin_unlock(&vol->lock);
	return b->count;
}

/* Number of the first piece that ends behind lba. */
static u32 piece_find(const struct fvp_destage *b, u64 lba)
{
	u32 lo = 0, hi = b->pieces;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (b->p[mid].lba + b->p[mid].len_sectors <= lba)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Adds what of [lba, end) no piece covers yet as pieces of the entry. */
static void piece_add(struct fvp_destage *b, u32 entry, u64 lba, u64 end)
{
	u32 i = piece_find(b, lba);
	u64 stop;

	while (lba < end) {
		stop = i < b->pieces ? min(end, b->p[i].lba) : end;
		if (stop > lba) {
			memmove(&b->p[i + 1], &b->p[i], (b->pieces - i) * sizeof(b->p[0]));
			b->p[i] = (struct batch_piece){ .lba = lba,
							.len_sectors = (u32)(stop - lba),
							.entry = entry };
			b->pieces++;
			b->e[entry].wanted = true;
			i++;
		}
		if (stop == end)
			break;
		lba = b->p[i].lba + b->p[i].len_sectors;
		i++;
	}
}

/* Newest first, each into the gaps that newer ones leave. */
static void batch_resolve(struct fvp_destage *b)
{
	u32 i;

	b->pieces = 0;
	for (i = b->count; i-- > 0;) {
		b->e[i].wanted = false;
		if (b->e[i].kind != FVP_ENTRY_VOID && !b->e[i].bad)
			piece_add(b, i, b->e[i].lba, b->e[i].lba + b->e[i].len_sectors);
		/* Guests' writes go before: with one CPU they would wait for all of it. */
		cond_resched();
	}
}

/* --- I/O of the batch: some in flight, all waited for --- */

static void batch_begin(struct fvp_destage *b)
{
	atomic_set(&b->pending, 0);
	b->error = 0;
}

static void batch_submit(struct fvp_destage *b, struct fvp_io *io)
{
	wait_event(b->vol->pool->wait, atomic_read(&b->pending) < BATCH_INFLIGHT);
	atomic_inc(&b->pending);
	fvp_host_submit(io);
}

/* Any context. */
static void batch_done(struct fvp_destage *b)
{
	/* b may be gone as soon as nothing is pending; the pool is not. */
	struct fvp_pool *pool = b->vol->pool;

	atomic_dec(&b->pending);
	wake_up_all(&pool->wait);
}

static void batch_wait(struct fvp_destage *b)
{
	wait_event(b->vol->pool->wait, !atomic_read(&b->pending));
}

/* --- 2: reading --- */

static void read_done(struct fvp_io *io)
{
	struct batch_entry *be = container_of(io, struct batch_entry, io);

	be->bad = io->error;
	batch_done(be->batch);
}

/* Its data from the segment's buffer, if it is there still. */
static bool read_ram(struct fvp_destage *b, struct batch_entry *be)
{
	struct fvp_pool *pool = b->vol->pool;
	struct fvp_segment *seg = fvp_segment_at(pool, be->addr);
	u32 offset = (u32)be->addr & (pool->segment_sectors - 1);
	int pin = fvp_pin_enter(&pool->reads);
	void *ram = READ_ONCE(seg->ram);

	if (ram)
		memcpy(b->in + (size_t)be->in_sector * FVP_SECTOR_BYTES,
		       ram + (size_t)offset * FVP_SECTOR_BYTES,
		       (size_t)be->len_sectors * FVP_SECTOR_BYTES);
	fvp_pin_leave(&pool->reads, pin);
	return ram;
}

static void read_submit(struct fvp_destage *b, struct batch_entry *be)
{
	struct fvp_pool *pool = b->vol->pool;
	struct fvp_segment *seg = fvp_segment_at(pool, be->addr);

	be->io = (struct fvp_io){
		.dev = seg->dev,
		.sector = seg->sector + ((u32)be->addr & (pool->segment_sectors - 1)),
		.len_sectors = round_up(be->len_sectors, pool->device_block_sectors),
		.op = FVP_IO_READ,
		.mem = b->in + (size_t)be->in_sector * FVP_SECTOR_BYTES,
		.done = read_done,
	};
	batch_submit(b, &be->io);
}

static bool entry_right(const struct fvp_destage *b, const struct batch_entry *be)
{
	return fvp_data_crc(b->in + (size_t)be->in_sector * FVP_SECTOR_BYTES, be->len_sectors) ==
	       be->crc;
}

/* Reads and verifies what is wanted.  Number of entries that are bad. */
static u32 batch_read_once(struct fvp_destage *b, bool again)
{
	u32 i, bad = 0;

	batch_begin(b);
	for (i = 0; i < b->count; i++) {
		struct batch_entry *be = &b->e[i];

		if (be->kind != FVP_ENTRY_DATA || !be->wanted || (again && !be->bad))
			continue;
		be->bad = false;
		if (again || !read_ram(b, be))
			read_submit(b, be);
		cond_resched();
	}
	batch_wait(b);
	for (i = 0; i < b->count; i++) {
		struct batch_entry *be = &b->e[i];

		if (be->kind != FVP_ENTRY_DATA || !be->wanted)
			continue;
		if (!be->bad && !entry_right(b, be)) {
			atomic64_inc(&b->vol->pool->stats.bad_data);
			be->bad = true;
		}
		bad += be->bad;
		cond_resched();
	}
	return bad;
}

/* What flash does not give, a replica leg may have.  Number of entries that are bad. */
static u32 batch_read_legs(struct fvp_destage *b)
{
	struct fvp_pool *pool = b->vol->pool;
	u32 i, bad = 0;

	for (i = 0; i < b->count; i++) {
		struct batch_entry *be = &b->e[i];

		if (be->kind != FVP_ENTRY_DATA || !be->wanted || !be->bad)
			continue;
		be->bad =
			!fvp_legs_read(pool, fvp_segment_at(pool, be->addr),
				       (u32)be->addr & (pool->segment_sectors - 1), be->len_sectors,
				       be->crc, b->in + (size_t)be->in_sector * FVP_SECTOR_BYTES);
		if (!be->bad)
			fvp_stat_add(b->vol, leg_read_sectors, be->len_sectors);
		bad += be->bad;
	}
	return bad;
}

static u32 batch_read(struct fvp_destage *b)
{
	u32 bad = batch_read_once(b, false), tries;

	for (tries = 1; bad && tries < READ_TRIES; tries++) {
		msleep(5);
		bad = batch_read_once(b, true);
	}
	return bad && b->vol->legs ? batch_read_legs(b) : bad;
}

/* --- 3: writing --- */

static void write_done(struct fvp_io *io)
{
	struct batch_io *bio = container_of(io, struct batch_io, io);

	if (io->error)
		WRITE_ONCE(bio->batch->error, io->error);
	else if (io->op == FVP_IO_WRITE)
		fvp_stat_latency(bio->batch->vol, FVP_LATENCY_ORIGIN_WRITE, bio->begun);
	batch_done(bio->batch);
}

static const u8 kind_op[] = {
	[FVP_ENTRY_DATA] = FVP_IO_WRITE,
	[FVP_ENTRY_ZERO] = FVP_IO_WRITE_ZEROES,
	[FVP_ENTRY_DISCARD] = FVP_IO_DISCARD,
};

/*
 * Sends pieces from number i on that make one write: data is copied together in
 * batch->out from sector *out on.  Returns the number of the next.
 */
static u32 write_run(struct fvp_destage *b, u32 i, u32 *out)
{
	struct batch_io *bio = &b->io[b->writes++];
	u8 kind = b->e[b->p[i].entry].kind;
	u64 lba = b->p[i].lba;
	u32 len = 0;

	bio->batch = b;
	bio->io = (struct fvp_io){
		.dev = b->vol->origin,
		.sector = lba,
		.op = kind_op[kind],
		.mem = kind == FVP_ENTRY_DATA ? b->out + (size_t)*out * FVP_SECTOR_BYTES : NULL,
		.done = write_done,
	};
	do {
		const struct batch_piece *p = &b->p[i];
		const struct batch_entry *be = &b->e[p->entry];

		if (kind == FVP_ENTRY_DATA) {
			memcpy(b->out + (size_t)*out * FVP_SECTOR_BYTES,
			       b->in + (size_t)(be->in_sector + (p->lba - be->lba)) *
					       FVP_SECTOR_BYTES,
			       (size_t)p->len_sectors * FVP_SECTOR_BYTES);
			*out += p->len_sectors;
		}
		len += p->len_sectors;
		i++;
		cond_resched();
	} while (kind == FVP_ENTRY_DATA && i < b->pieces && b->p[i].lba == lba + len &&
		 b->e[b->p[i].entry].kind == kind &&
		 len + b->p[i].len_sectors <= FVP_IO_SECTORS_MAX);
	bio->io.len_sectors = len;
	fvp_stat_inc(b->vol, destage_ios);
	fvp_stat_add(b->vol, destaged_sectors, len);
	bio->begun = fvp_stat_clock();
	batch_submit(b, &bio->io);
	return i;
}

/* How long the origin takes, and at its best: for the controller. */
static void latency_note(struct fvp_destage *b, u64 ns)
{
	struct fvp_volume *vol = b->vol;
	u64 each = div64_u64(ns, DIV_ROUND_UP(max(b->writes, 1u), BATCH_INFLIGHT));

	vol->origin_ns = vol->origin_ns ? (vol->origin_ns * 7 + each) / 8 : each;
	/* The best slowly ages, should the origin have become another. */
	vol->origin_ns_best = min(vol->origin_ns_best + vol->origin_ns_best / 256 + 1, each);
}

static int batch_write(struct fvp_destage *b)
{
	u64 begin = fvp_host_now_ns();
	u32 i = 0, out = 0;

	b->writes = 0;
	batch_begin(b);
	while (i < b->pieces && !READ_ONCE(b->error))
		i = write_run(b, i, &out);
	batch_wait(b);
	if (!b->error)
		latency_note(b, fvp_host_now_ns() - begin);
	if (!b->error && b->vol->origin_volatile)
		b->error = fvp_io_flush(b->vol->origin);
	return b->error ? -EIO : 0;
}

/* --- 5: noting it --- */

struct mark {
	struct fvp_append append;
	struct completion done;
	int error;
};

static void mark_done(struct fvp_append *append, int error)
{
	struct mark *mark = container_of(append, struct mark, append);

	mark->error = error;
	complete(&mark->done);
}

/* The watermark, durably.  0 or -ESHUTDOWN. */
static int batch_mark(struct fvp_destage *b)
{
	struct fvp_pool *pool = b->vol->pool;
	struct mark mark = {
		.append = { .lba = fvp_place_gen(b->behind),
			    .volume = b->vol->id,
			    .len_sectors = fvp_place_pos(b->behind),
			    .kind = FVP_ENTRY_WATERMARK,
			    .legs = b->vol->legs,
			    .fua = true,
			    .done = mark_done },
	};
	u32 tries;
	int err;

	init_completion(&mark.done);
	err = fvp_log_reserve(pool, &mark.append, FVP_LOG_DESTAGE, NULL);
	for (tries = 0; err == -EAGAIN && tries < MARK_TRIES; tries++) {
		usleep_range(100, 1000);
		err = fvp_log_reserve(pool, &mark.append, FVP_LOG_DESTAGE, NULL);
	}
	/* Only destaging makes room, and it must not wait for room. */
	if (err == -EAGAIN)
		return fvp_volume_mark(b->vol, b->behind) ? -ESHUTDOWN : 0;
	if (err)
		return -ESHUTDOWN;
	fvp_log_commit(pool, &mark.append, 0, true);
	wait_for_completion(&mark.done);
	if (mark.error)
		return -ESHUTDOWN;
	WRITE_ONCE(b->vol->watermark, b->behind);
	return 0;
}

/* The origin has it: ranges without data are its own again, and the entries go. */
static void batch_retire(struct fvp_destage *b)
{
	struct fvp_volume *vol = b->vol;
	u64 in = 0, out = 0;
	u32 i;

	for (i = 0; i < b->count; i++) {
		const struct batch_entry *be = &b->e[i];

		if (be->kind == FVP_ENTRY_DATA)
			in += be->len_sectors;
		else if (be->kind != FVP_ENTRY_VOID)
			fvp_index_retire_special(&vol->index, be->lba, be->len_sectors,
						 FVP_ADDR_ZERO(be->addr),
						 READ_ONCE(vol->pool->loading));
	}
	for (i = 0; i < b->pieces; i++)
		out += b->e[b->p[i].entry].kind == FVP_ENTRY_DATA ? b->p[i].len_sectors : 0;
	fvp_stat_add(vol, merged_sectors, in > out ? in - out : 0);
	fvp_stat_inc(vol, destage_batches);
	fvp_dirty_retire(vol, b->count);
}

/* --- damage --- */

struct damage {
	struct fvp_volume *vol;
	u64 from, end; /* on flash */
	u64 lba[16];
	u32 len[16];
	u32 count;
};

static void damage_found(void *arg, u64 lba, u32 len_sectors, u64 addr, bool dead)
{
	struct damage *d = arg;

	if (!dead && addr < d->end && addr + len_sectors > d->from &&
	    d->count < ARRAY_SIZE(d->lba)) {
		d->lba[d->count] = lba;
		d->len[d->count++] = len_sectors;
	}
}

/*
 * An entry that cannot be read, on flash that else is well: what of it is still the
 * newest is lost, and says so to readers.
 */
static bool entry_lost(struct fvp_volume *vol, const struct batch_entry *be)
{
	struct damage d;
	bool any = false;
	u32 i;

	do {
		d = (struct damage){ .vol = vol,
				     .from = be->addr,
				     .end = be->addr + be->len_sectors };
		fvp_index_walk(&vol->index, be->lba, be->len_sectors, damage_found, &d);
		for (i = 0; i < d.count; i++) {
			fvp_lost_add(vol, d.lba[i], d.len[i]);
			/* Without memory for the mark: it is found once more, and listed so. */
			if (fvp_index_insert_special(&vol->index, d.lba[i], d.len[i],
						     FVP_ADDR_LOST))
				return true;
		}
		any |= d.count;
	} while (d.count == ARRAY_SIZE(d.lba));
	return any;
}

/*
 * Flash that failed: goes on with the rest, see batch_saved().  Else: 0 if what
 * is bad is superseded and may be passed by, -EUCLEAN if the administrator has to say.
 */
static int batch_damaged(struct fvp_destage *b)
{
	struct fvp_volume *vol = b->vol;
	bool lost = false;
	u32 i;

	for (i = 0; i < b->count; i++) {
		struct batch_entry *be = &b->e[i];

		if (be->bad && !vol->rescue)
			lost |= entry_lost(vol, be);
	}
	if (lost) {
		pr_err("%s: dirty data on flash cannot be read: %llu sectors are lost unless "
		       "flash gives them again; destaging waits for `fvp volume forget`\n",
		       fvp_host_dev_name(vol->origin), (unsigned long long)vol->lost_sectors);
		fvp_host_event(vol->pool);
		return -EUCLEAN;
	}
	return READ_ONCE(vol->lost_open) && !vol->rescue ? -EUCLEAN : 0;
}

/*
 * Failed flash: what is lost now.  In the order of the log, so that the newest entry of a
 * sector has the last word, in this batch and over those before.
 */
static void batch_saved(struct fvp_destage *b)
{
	u32 i;

	for (i = 0; i < b->count; i++) {
		const struct batch_entry *be = &b->e[i];

		if (be->bad)
			fvp_lost_add(b->vol, be->lba, be->len_sectors);
		else if (be->kind != FVP_ENTRY_VOID)
			fvp_lost_remove(b->vol, be->lba, be->len_sectors);
	}
}

int fvp_destage_batch(struct fvp_volume *vol)
{
	struct fvp_destage *b = batch_get(vol);
	struct fvp_pool *pool = vol->pool;
	bool rescue = READ_ONCE(vol->rescue);
	int err = 0;

	if (!b)
		return -ENOMEM;
	if (READ_ONCE(pool->health) == FVP_POOL_FAILED && !rescue)
		return -ESHUTDOWN;
	if (!batch_collect(b))
		return -ENODATA;
	if (pool->flash_volatile && fvp_pool_flush_flash(pool) && !rescue)
		return -ESHUTDOWN;
	batch_resolve(b);
	/* Each round goes without some more: what a bad entry had superseded is wanted then. */
	while (batch_read(b)) {
		err = batch_damaged(b);
		if (err)
			return err;
		batch_resolve(b);
	}
	err = batch_write(b);
	/* Flash may have failed meanwhile; then batch_damaged() left what is bad to this. */
	if (!err && READ_ONCE(vol->rescue))
		batch_saved(b);
	else if (!err)
		err = batch_mark(b);
	/* Flash that has failed meanwhile needs no mark: nothing there counts any more. */
	if (err && (err != -ESHUTDOWN || READ_ONCE(pool->health) != FVP_POOL_FAILED))
		return err;
	batch_retire(b);
	return 0;
}
