// SPDX-License-Identifier: GPL-2.0
/* See scrub.h. */
#include "pool.h"
#include "health.h"
#include "io.h"
#include "populate.h"
#include "scrub.h"
#include "write.h"

/* Between looks at whether the index has been loaded, or there is memory. */
#define WAIT_MS 200

/* One segment's. */
struct pass {
	struct fvp_pool *pool;
	struct fvp_segment *seg;
	u64 gen; /* that it had when this began */
	void *window; /* what has been read of it */
	u32 window_from, window_end; /* sectors in the segment; equal: nothing */
	void *again; /* for a second look */
	u64 read_sectors;
	struct fvp_scrub_status found;
};

/* Is the segment what it was?  Only with seg_mutex does it stay so. */
static bool pass_same(const struct pass *p)
{
	return READ_ONCE(p->seg->gen) == p->gen && READ_ONCE(p->seg->state) == FVP_SEGMENT_LIVE;
}

static int header_read(struct pass *p)
{
	p->read_sectors += p->pool->block_sectors;
	return fvp_io_mem(p->seg->dev, FVP_IO_READ, p->seg->sector, p->pool->block_sectors,
			  p->again, 0);
}

static void header_scrub(struct pass *p)
{
	struct fvp_pool *pool = p->pool;
	int err;

	if (!header_read(p) && fvp_log_header_right(pool, p->gen, p->again))
		return;
	mutex_lock(&pool->seg_mutex);
	if (!pass_same(p) || (!header_read(p) && fvp_log_header_right(pool, p->gen, p->again)))
		goto out;
	pr_warn("%s: the header of segment %u is damaged, and written anew\n",
		fvp_host_dev_name(p->seg->dev), fvp_segment_number(pool, p->seg));
	fvp_log_segment_header(pool, p->seg, p->again);
	err = fvp_io_mem(p->seg->dev, FVP_IO_WRITE, p->seg->sector, pool->block_sectors, p->again,
			 FVP_IO_FUA);
	if (err)
		fvp_health_flash_failed(pool, p->seg->dev, err);
	else
		p->found.headers_mended++;
out:
	mutex_unlock(&pool->seg_mutex);
}

/* Padded to what the device reads. */
static u32 entry_padded(const struct pass *p, const struct fvp_entry *entry)
{
	return round_up(entry->len_sectors, p->pool->device_block_sectors);
}

/* Reads the entry's data, and what is behind it as far as one I/O goes. */
static int window_read(struct pass *p, const struct fvp_entry *entry)
{
	u32 n = min_t(u32, FVP_IO_SECTORS_MAX, p->pool->segment_sectors - entry->offset_sectors);
	int err;

	p->window_from = entry->offset_sectors;
	p->window_end = entry->offset_sectors + n;
	p->read_sectors += n;
	err = fvp_io_mem(p->seg->dev, FVP_IO_READ, p->seg->sector + p->window_from, n, p->window,
			 0);
	if (!err)
		return 0;
	/* Something in it: this entry alone then. */
	n = entry_padded(p, entry);
	p->window_end = p->window_from + n;
	err = fvp_io_mem(p->seg->dev, FVP_IO_READ, p->seg->sector + p->window_from, n, p->window,
			 0);
	if (err)
		p->window_end = p->window_from;
	return err;
}

static bool entry_right(struct pass *p, const struct fvp_entry *entry)
{
	u32 end = entry->offset_sectors + entry->len_sectors;

	if ((entry->offset_sectors < p->window_from || end > p->window_end) &&
	    window_read(p, entry))
		return false;
	return fvp_data_crc(p->window + (size_t)(entry->offset_sectors - p->window_from) *
						FVP_SECTOR_BYTES,
			    entry->len_sectors) == entry->crc;
}

/* A second look, past whatever the first one met on its way.  p->again has the data. */
static bool entry_right_again(struct pass *p, const struct fvp_entry *entry)
{
	return !fvp_io_mem(p->seg->dev, FVP_IO_READ, p->seg->sector + entry->offset_sectors,
			   entry_padded(p, entry), p->again, 0) &&
	       fvp_data_crc(p->again, entry->len_sectors) == entry->crc;
}

/* Dirty data: only flash has it, and perhaps a leg.  Caller holds seg_mutex. */
static void dirty_mend(struct pass *p, struct fvp_volume *vol, const struct fvp_entry *entry)
{
	struct fvp_pool *pool = p->pool;
	int err;

	if (!fvp_legs_read(pool, p->seg, entry->offset_sectors, entry->len_sectors, entry->crc,
			   p->again)) {
		p->found.damaged_sectors += entry->len_sectors;
		pr_err("%s: dirty data of volume %pUb is damaged, and no replica has it: sectors "
		       "%llu to %llu; if they are not written anew before they are destaged they "
		       "are lost (fvp volume forget shows them)\n",
		       fvp_host_dev_name(p->seg->dev), vol->uuid, (unsigned long long)entry->lba,
		       (unsigned long long)entry->lba + entry->len_sectors - 1);
		return;
	}
	/* The bytes that were there: whoever reads them meanwhile gets what he should. */
	err = fvp_io_mem(p->seg->dev, FVP_IO_WRITE, p->seg->sector + entry->offset_sectors,
			 entry_padded(p, entry), p->again, FVP_IO_FUA);
	if (err)
		fvp_health_flash_failed(pool, p->seg->dev, err);
	else
		p->found.mended_sectors += entry->len_sectors;
}

/* Is the entry, or part of it, not on the origin yet? */
static bool entry_dirty(struct pass *p, struct fvp_volume *vol, const struct fvp_entry *entry)
{
	return (entry->flags & FVP_ENTRY_DIRTY) && READ_ONCE(p->seg->dirty) &&
	       fvp_place(p->gen, entry->offset_sectors) >= fvp_dirty_from(vol);
}

static void entry_mend(struct pass *p, struct fvp_volume *vol, const struct fvp_entry *entry)
{
	struct fvp_pool *pool = p->pool;
	bool drop = false;
	u64 dropped;

	mutex_lock(&pool->seg_mutex);
	if (pass_same(p) && !entry_right_again(p, entry)) {
		atomic64_inc(&pool->stats.bad_data);
		drop = !entry_dirty(p, vol, entry);
		if (!drop)
			dirty_mend(p, vol, entry);
	}
	mutex_unlock(&pool->seg_mutex);
	if (!drop)
		return;
	/* Not under the mutex: it may wait for room in the log. */
	dropped =
		fvp_write_drop_bad(vol, entry->lba, entry->len_sectors,
				   fvp_segment_addr(pool, p->seg) + entry->offset_sectors, p->gen);
	p->found.dropped_sectors += dropped;
	if (dropped)
		pr_warn("%s: cached data of volume %pUb is damaged, and dropped: sectors %llu to "
			"%llu; the origin has them\n",
			fvp_host_dev_name(p->seg->dev), vol->uuid, (unsigned long long)entry->lba,
			(unsigned long long)entry->lba + entry->len_sectors - 1);
}

struct wanted {
	u64 from, end; /* on flash */
	bool found;
};

static void wanted_found(void *arg, u64 lba, u32 len_sectors, u64 addr, bool dead)
{
	struct wanted *w = arg;

	w->found |= !dead && addr >= w->from && addr < w->end;
}

/* Does anybody read it from there, or is it to go to the origin? */
static bool entry_wanted(struct pass *p, struct fvp_volume *vol, const struct fvp_entry *entry)
{
	u64 addr = fvp_segment_addr(p->pool, p->seg) + entry->offset_sectors;
	struct wanted w = { .from = addr, .end = addr + entry->len_sectors };

	if (entry->kind != FVP_ENTRY_DATA || !fvp_entry_in_volume(vol, entry))
		return false;
	fvp_index_walk(&vol->index, entry->lba, entry->len_sectors, wanted_found, &w);
	return w.found || entry_dirty(p, vol, entry);
}

static void entry_scrub(struct pass *p, const struct fvp_entry *entry)
{
	struct fvp_volume *vol = fvp_volume_get(p->pool, entry->volume);

	if (!vol)
		return;
	if (entry_wanted(p, vol, entry)) {
		p->found.checked_sectors += entry->len_sectors;
		if (!entry_right(p, entry))
			entry_mend(p, vol, entry);
	}
	fvp_volume_unbusy(vol);
}

/* 0, or -ENOMEM: to be tried again. */
static int segment_scrub(struct pass *p)
{
	struct fvp_segment_entries entries;
	int err;
	u32 i;

	header_scrub(p);
	err = fvp_segment_read_entries(p->pool, p->seg, &entries);
	if (err && err != -ENOMEM)
		p->found.unreadable += pass_same(p);
	p->read_sectors += entries.bytes_read / FVP_SECTOR_BYTES;
	for (i = 0; !err && i < entries.count; i++) {
		if (!pass_same(p) || READ_ONCE(p->pool->scrub.stop))
			break;
		entry_scrub(p, &entries.entry[i]);
		cond_resched();
	}
	kvfree(entries.entry);
	return err == -ENOMEM ? err : 0;
}

static void status_add(struct fvp_scrub *scrub, const struct fvp_scrub_status *found)
{
	struct fvp_scrub_status *s = &scrub->status;

	spin_lock(&scrub->lock);
	s->segments++;
	s->checked_sectors += found->checked_sectors;
	s->dropped_sectors += found->dropped_sectors;
	s->mended_sectors += found->mended_sectors;
	s->damaged_sectors += found->damaged_sectors;
	s->headers_mended += found->headers_mended;
	s->unreadable += found->unreadable;
	spin_unlock(&scrub->lock);
}

static void scrub_end(struct fvp_pool *pool, bool complete)
{
	struct fvp_scrub *scrub = &pool->scrub;

	if (complete) {
		mutex_lock(&pool->super_mutex);
		fvp_super_write(pool, NULL);
		mutex_unlock(&pool->super_mutex);
	}
	kvfree(scrub->mem);
	scrub->mem = NULL;
	spin_lock(&scrub->lock);
	scrub->status.running = false;
	scrub->status.complete = complete;
	spin_unlock(&scrub->lock);
	fvp_host_event(pool);
}

static void scrub_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(to_delayed_work(work), struct fvp_pool, scrub.work);
	struct fvp_scrub *scrub = &pool->scrub;
	u32 number = scrub->status.segments;
	u64 ms = 0;

	if (READ_ONCE(scrub->stop) || READ_ONCE(pool->health) != FVP_POOL_OK) {
		scrub_end(pool, false);
		return;
	}
	if (number == pool->segment_count) {
		scrub_end(pool, true);
		return;
	}
	if (READ_ONCE(pool->loading)) {
		ms = WAIT_MS;
	} else {
		struct fvp_segment *seg = &pool->segments[number];
		struct pass p = {
			.pool = pool,
			.seg = seg,
			.gen = READ_ONCE(seg->gen),
			.window = scrub->mem,
			.again = scrub->mem + FVP_IO_SECTORS_MAX * FVP_SECTOR_BYTES,
		};

		/* Read before the state: a segment that changes between the two is passed by. */
		smp_rmb();
		if (READ_ONCE(seg->state) == FVP_SEGMENT_LIVE && !READ_ONCE(seg->ram) &&
		    segment_scrub(&p))
			ms = WAIT_MS;
		else
			status_add(scrub, &p.found);
		ms += div_u64(p.read_sectors * MSEC_PER_SEC, scrub->status.rate);
	}
	queue_delayed_work(pool->bg_wq, &scrub->work, msecs_to_jiffies(ms));
}

void fvp_scrub_init(struct fvp_pool *pool)
{
	struct fvp_scrub *scrub = &pool->scrub;

	mutex_init(&scrub->mutex);
	spin_lock_init(&scrub->lock);
	INIT_DELAYED_WORK(&scrub->work, scrub_work);
}

int fvp_scrub_start(struct fvp_pool *pool, u32 rate)
{
	struct fvp_scrub *scrub = &pool->scrub;
	int err = 0;

	mutex_lock(&scrub->mutex);
	if (READ_ONCE(scrub->status.running))
		err = -EBUSY;
	else if (READ_ONCE(pool->health) != FVP_POOL_OK || pool->recover)
		err = -EIO;
	if (err)
		goto out;
	/* The last one's worker may be at its very end. */
	flush_delayed_work(&scrub->work);
	scrub->mem = kvmalloc(2 * FVP_IO_SECTORS_MAX * FVP_SECTOR_BYTES, GFP_KERNEL);
	err = -ENOMEM;
	if (!scrub->mem)
		goto out;
	err = 0;
	WRITE_ONCE(scrub->stop, false);
	spin_lock(&scrub->lock);
	scrub->status = (struct fvp_scrub_status){
		.running = true,
		.rate = max_t(u32, rate ? rate : FVP_SCRUB_RATE, FVP_SCRUB_RATE_MIN),
	};
	spin_unlock(&scrub->lock);
	queue_delayed_work(pool->bg_wq, &scrub->work, 0);
out:
	mutex_unlock(&scrub->mutex);
	return err;
}

void fvp_scrub_stop(struct fvp_pool *pool)
{
	struct fvp_scrub *scrub = &pool->scrub;

	mutex_lock(&scrub->mutex);
	WRITE_ONCE(scrub->stop, true);
	/* It queues itself until it sees that. */
	while (READ_ONCE(scrub->status.running)) {
		mod_delayed_work(pool->bg_wq, &scrub->work, 0);
		flush_delayed_work(&scrub->work);
	}
	mutex_unlock(&scrub->mutex);
}

void fvp_scrub_status(struct fvp_pool *pool, struct fvp_scrub_status *out)
{
	spin_lock(&pool->scrub.lock);
	*out = pool->scrub.status;
	spin_unlock(&pool->scrub.lock);
}
