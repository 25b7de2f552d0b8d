// SPDX-License-Identifier: GPL-2.0
/* See promote.h. */
#include "pool.h"
#include "heat.h"
#include "io.h"
#include "populate.h"
#include "promote.h"
#include "settle.h"

/* Live pieces of one entry that are looked at; more are dropped. */
#define PIECES_MAX 32

struct piece {
	u64 lba;
	u32 len_sectors;
	u64 addr;
};

struct promotion {
	struct fvp_pool *pool;
	struct fvp_segment *seg;
	void *mem; /* the entry's data */
	u32 budget_sectors;
	bool full; /* no room in the log */
	bool settled; /* the entry: see settle.h */
	u64 from, end; /* flash range of the entry */
	u32 count;
	struct piece piece[PIECES_MAX];
};

static void piece_found(void *arg, u64 lba, u32 len_sectors, u64 addr, bool dead)
{
	struct promotion *p = arg;

	if (!dead && addr >= p->from && addr + len_sectors <= p->end && p->count < PIECES_MAX)
		p->piece[p->count++] =
			(struct piece){ .lba = lba, .len_sectors = len_sectors, .addr = addr };
}

/* The first run of hot blocks of data that lies at [from, end).  False: there is none. */
static bool hot_run(struct fvp_pool *pool, u64 from, u64 end, u64 *run, u64 *run_end)
{
	u64 first = from >> FVP_HEAT_BLOCK_SHIFT, block = first;
	u64 stop = first + ((end - from - 1) >> FVP_HEAT_BLOCK_SHIFT) + 1;

	while (block < stop && !fvp_heat_hot(pool, block))
		block++;
	*run = from + ((block - first) << FVP_HEAT_BLOCK_SHIFT);
	if (block == stop)
		return false;
	while (block < stop && fvp_heat_hot(pool, block))
		block++;
	*run_end = min(end, from + ((block - first) << FVP_HEAT_BLOCK_SHIFT));
	return true;
}

/* Appends one piece, data at mem; the fill guards against writes meanwhile. */
static void piece_append(struct promotion *p, struct fvp_fill *fill, const struct piece *piece,
			 const void *mem)
{
	struct fvp_volume *vol = fill->vol;
	struct fvp_append append = {
		.lba = piece->lba,
		.volume = vol->id,
		.len_sectors = piece->len_sectors,
		.kind = FVP_ENTRY_DATA,
	};
	bool keep;
	u32 crc;

	if (fvp_log_reserve(p->pool, &append, FVP_LOG_FILL, NULL)) {
		p->full = true;
		return;
	}
	memcpy(append.data, mem, (size_t)piece->len_sectors * FVP_SECTOR_BYTES);
	crc = fvp_data_crc(append.data, piece->len_sectors);
	spin_lock(&vol->lock);
	keep = !fill->cancelled && !fvp_index_move(&vol->index, piece->lba, piece->len_sectors,
						   piece->addr, append.addr);
	/* Old as it is, it may still wait for the origin's flush. */
	if (keep && !p->settled)
		append.flags = fvp_settle_fill(vol);
	spin_unlock(&vol->lock);
	fvp_log_commit(p->pool, &append, crc, keep);
	if (keep) {
		fvp_heat_warm(p->pool, append.addr, piece->len_sectors);
		fvp_stat_add(vol, promoted_sectors, piece->len_sectors);
		p->budget_sectors -= min(p->budget_sectors, piece->len_sectors);
	}
}

/* Appends what is hot of a piece, run by run. */
static void piece_promote(struct promotion *p, struct fvp_fill *fill, const struct piece *piece)
{
	u64 at = piece->addr, end = piece->addr + piece->len_sectors, run, run_end;

	for (;
	     at < end && p->budget_sectors && !p->full && hot_run(p->pool, at, end, &run, &run_end);
	     at = run_end) {
		struct piece part = {
			.lba = piece->lba + (run - piece->addr),
			.len_sectors = (u32)(run_end - run),
			.addr = run,
		};

		piece_append(p, fill, &part, p->mem + (run - p->from) * FVP_SECTOR_BYTES);
	}
}

/* An entry with hot blocks: reads its data, verifies it, appends what of them lives. */
static void entry_promote(struct promotion *p, struct fvp_volume *vol,
			  const struct fvp_entry *entry)
{
	u32 padded = round_up(entry->len_sectors, p->pool->device_block_sectors), i;
	struct fvp_fill fill = {
		.vol = vol,
		.range.start = entry->lba,
		.range.last = entry->lba + entry->len_sectors - 1,
	};

	spin_lock(&vol->lock);
	fill.registered = fvp_fill_register(&fill);
	spin_unlock(&vol->lock);
	if (!fill.registered)
		return;
	/* What this activation loaded was believed then. */
	p->settled = !(entry->flags & FVP_ENTRY_UNSETTLED) || p->seg->gen < p->pool->load_gen_end ||
		     fvp_place(p->seg->gen, entry->offset_sectors) < READ_ONCE(vol->settled_place);
	p->count = 0;
	p->from = fvp_segment_addr(p->pool, p->seg) + entry->offset_sectors;
	p->end = p->from + entry->len_sectors;
	fvp_index_walk(&vol->index, entry->lba, entry->len_sectors, piece_found, p);
	if (!p->count || fvp_io_mem(p->seg->dev, FVP_IO_READ,
				    p->seg->sector + entry->offset_sectors, padded, p->mem, 0))
		goto out;
	if (fvp_data_crc(p->mem, entry->len_sectors) != entry->crc) {
		/* Rotten: not to be served either. */
		atomic64_inc(&p->pool->stats.bad_data);
		fvp_index_kill(&vol->index, entry->lba, entry->len_sectors, p->from,
			       entry->len_sectors);
		goto out;
	}
	for (i = 0; i < p->count; i++)
		piece_promote(p, &fill, &p->piece[i]);
out:
	spin_lock(&vol->lock);
	interval_tree_remove(&fill.range, &vol->fills);
	spin_unlock(&vol->lock);
}

void fvp_promote(struct fvp_pool *pool, struct fvp_segment *seg,
		 const struct fvp_segment_entries *entries)
{
	struct promotion *p;
	u32 i;

	p = kvzalloc(sizeof(*p), GFP_NOIO);
	if (!p)
		return;
	p->mem = kvmalloc(FVP_IO_SECTORS_MAX * FVP_SECTOR_BYTES, GFP_NOIO);
	p->pool = pool;
	p->seg = seg;
	p->budget_sectors = pool->segment_sectors / 2;
	for (i = 0; p->mem && i < entries->count && p->budget_sectors && !p->full; i++) {
		const struct fvp_entry *entry = &entries->entry[i];
		u64 addr = fvp_segment_addr(pool, seg) + entry->offset_sectors, run, run_end;
		struct fvp_volume *vol;

		if (entry->kind != FVP_ENTRY_DATA ||
		    !hot_run(pool, addr, addr + entry->len_sectors, &run, &run_end))
			continue;
		vol = fvp_volume_get(pool, entry->volume);
		if (!vol)
			continue;
		if (READ_ONCE(vol->serving) && fvp_entry_in_volume(vol, entry))
			entry_promote(p, vol, entry);
		fvp_volume_unbusy(vol);
		cond_resched();
	}
	kvfree(p->mem);
	kvfree(p);
}
