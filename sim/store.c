// SPDX-License-Identifier: GPL-2.0
/* Content of a device, and what a power cut takes from it (store.h). */
#include <stdlib.h>

#include "store.h"

#define PAGE_SECTORS 128
#define BUCKETS 1024

/* What a sector held before a write that is not durable yet. */
struct undo {
	struct list_head node; /* all, in order of application */
	struct undo *older; /* of the same sector */
	struct page *page;
	u64 sector;
	u64 write;
	bool dead; /* about to be freed */
	u8 old[];
};

struct page {
	struct page *next; /* in the bucket */
	u64 number;
	struct undo *newest[PAGE_SECTORS];
	u8 data[];
};

struct store {
	u32 unit;
	u64 (*initial)(void *arg, u64 sector);
	void *arg;
	struct page *bucket[BUCKETS];
	struct list_head undos;
	u64 *done_at; /* by write id: moment, 0: not done */
	u64 writes, writes_cap;
	u64 moment;
};

void sim_stamp_expand(u64 stamp, void *sector)
{
	u64 *w = sector;

	for (u32 i = 0; i < 64; i++)
		w[i] = stamp ? stamp + i * 0x9E3779B97F4A7C15ULL : 0;
}

u64 sim_stamp_of(const void *sector)
{
	const u64 *w = sector;
	u64 bad = 0;

	for (u32 i = 0; i < 64; i++)
		bad |= w[i] ^ (w[0] ? w[0] + i * 0x9E3779B97F4A7C15ULL : 0);
	return bad ? SIM_STAMP_TORN : w[0];
}

const char *sim_stamp_text(u64 stamp, char *buf, size_t len)
{
	if (!stamp)
		snprintf(buf, len, "zeroes");
	else if (stamp == SIM_STAMP_TORN)
		snprintf(buf, len, "no stamp at all");
	else
		snprintf(buf, len, "volume %u lba %llu version %u", (u32)(stamp >> 60) - 1,
			 stamp >> 24 & ((1ULL << 36) - 1), (u32)(stamp & 0xffffff));
	return buf;
}

struct store *store_create(u32 unit, u64 (*initial)(void *arg, u64 sector), void *arg)
{
	struct store *st = calloc(1, sizeof(*st));

	st->unit = unit;
	st->initial = initial;
	st->arg = arg;
	INIT_LIST_HEAD(&st->undos);
	return st;
}

void store_free(struct store *st)
{
	struct undo *u, *n;

	list_for_each_entry_safe (u, n, &st->undos, node)
		free(u);
	for (u32 i = 0; i < BUCKETS; i++) {
		while (st->bucket[i]) {
			struct page *page = st->bucket[i];

			st->bucket[i] = page->next;
			free(page);
		}
	}
	free(st->done_at);
	free(st);
}

static struct page *page_get(struct store *st, u64 number)
{
	struct page **link = &st->bucket[(number * 0x9E3779B97F4A7C15ULL) >> 54];
	struct page *page;

	for (page = *link; page; page = page->next)
		if (page->number == number)
			return page;
	page = calloc(1, sizeof(*page) + PAGE_SECTORS * st->unit);
	page->number = number;
	page->next = *link;
	*link = page;
	if (st->initial) {
		for (u32 i = 0; i < PAGE_SECTORS; i++) {
			u64 stamp = st->initial(st->arg, number * PAGE_SECTORS + i);

			if (st->unit == 8)
				memcpy(page->data + i * 8, &stamp, 8);
			else
				sim_stamp_expand(stamp, page->data + i * st->unit);
		}
	}
	return page;
}

static u8 *sector_at(struct store *st, u64 sector, struct page **page)
{
	*page = page_get(st, sector / PAGE_SECTORS);
	return (*page)->data + sector % PAGE_SECTORS * st->unit;
}

static void sector_read(struct store *st, const u8 *at, struct sim_data data, u32 i)
{
	u64 stamp;

	if (st->unit == 8) {
		memcpy(&stamp, at, 8);
		if (data.stamps)
			data.stamps[i] = stamp;
		else
			sim_stamp_expand(stamp, data.bytes + i * FVP_SECTOR_BYTES);
	} else if (data.stamps) {
		data.stamps[i] = sim_stamp_of(at);
	} else {
		memcpy(data.bytes + i * FVP_SECTOR_BYTES, at, FVP_SECTOR_BYTES);
	}
}

static void sector_write(struct store *st, u8 *at, struct sim_data data, u32 i)
{
	u64 stamp;

	if (st->unit == 8) {
		stamp = data.stamps ? data.stamps[i]
				    : sim_stamp_of(data.bytes + i * FVP_SECTOR_BYTES);
		memcpy(at, &stamp, 8);
	} else if (data.stamps) {
		sim_stamp_expand(data.stamps[i], at);
	} else {
		memcpy(at, data.bytes + i * FVP_SECTOR_BYTES, FVP_SECTOR_BYTES);
	}
}

void store_read(struct store *st, u64 sector, u32 len, struct sim_data data)
{
	for (u32 i = 0; i < len; i++) {
		struct page *page;

		sector_read(st, sector_at(st, sector + i, &page), data, i);
	}
}

u64 store_peek(struct store *st, u64 sector)
{
	u64 stamp = 0;

	store_read(st, sector, 1, (struct sim_data){ .stamps = &stamp });
	return stamp;
}

void store_possible(struct store *st, u64 sector, void (*fn)(void *arg, u64 stamp), void *arg)
{
	struct page *page;
	u64 stamp;

	sector_read(st, sector_at(st, sector, &page), (struct sim_data){ .stamps = &stamp }, 0);
	fn(arg, stamp);
	for (struct undo *u = page->newest[sector % PAGE_SECTORS]; u; u = u->older) {
		sector_read(st, u->old, (struct sim_data){ .stamps = &stamp }, 0);
		fn(arg, stamp);
	}
}

u64 store_write_begin(struct store *st)
{
	if (st->writes + 1 >= st->writes_cap) {
		st->writes_cap = st->writes_cap ? 2 * st->writes_cap : 256;
		st->done_at = realloc(st->done_at, st->writes_cap * sizeof(u64));
	}
	st->done_at[++st->writes] = 0;
	return st->writes;
}

void store_write_apply(struct store *st, u64 id, u64 sector, u32 len, struct sim_data data,
		       u32 data_off)
{
	for (u32 i = 0; i < len; i++) {
		struct undo *u = malloc(sizeof(*u) + st->unit);
		u8 *at = sector_at(st, sector + i, &u->page);
		struct undo **newest = &u->page->newest[(sector + i) % PAGE_SECTORS];

		u->sector = sector + i;
		u->write = id;
		u->dead = false;
		u->older = *newest;
		memcpy(u->old, at, st->unit);
		*newest = u;
		list_add_tail(&u->node, &st->undos);
		sector_write(st, at, data, data_off + i);
	}
}

void store_write_done(struct store *st, u64 id)
{
	st->done_at[id] = ++st->moment;
}

/* What is older than a durable write cannot come back either. */
static void forget_from(struct undo **link)
{
	struct undo *u = *link;

	*link = NULL;
	while (u) {
		struct undo *older = u->older;

		list_del(&u->node);
		free(u);
		u = older;
	}
}

void store_settle_write(struct store *st, u64 id, u64 sector, u32 len)
{
	for (u32 i = 0; i < len; i++) {
		struct page *page;
		struct undo **link;

		sector_at(st, sector + i, &page);
		link = &page->newest[(sector + i) % PAGE_SECTORS];
		while (*link && (*link)->write != id)
			link = &(*link)->older;
		if (*link)
			forget_from(link);
	}
}

u64 store_moment(struct store *st)
{
	return st->moment;
}

void store_settle_done(struct store *st, u64 moment)
{
	struct undo *u, *n;

	/* Newest first: a chain is cut at its newest durable write. */
	list_for_each_entry_reverse(u, &st->undos, node)
	{
		u64 done = st->done_at[u->write];
		struct undo **link;

		if (u->dead || !done || done > moment)
			continue;
		link = &u->page->newest[u->sector % PAGE_SECTORS];
		while (*link != u)
			link = &(*link)->older;
		*link = NULL;
		for (struct undo *o = u; o; o = o->older)
			o->dead = true;
	}
	list_for_each_entry_safe (u, n, &st->undos, node) {
		if (u->dead) {
			list_del(&u->node);
			free(u);
		}
	}
}

void store_poke(struct store *st, u64 sector, u32 len, struct sim_data data)
{
	u64 id = store_write_begin(st);

	store_write_apply(st, id, sector, len, data, 0);
	store_write_done(st, id);
	store_settle_write(st, id, sector, len);
}

static u64 mix(u64 a, u64 b, u64 c)
{
	struct shim_rng rng = { a ^ b * 0xD1342543DE82EF95ULL ^ c * 0x9E3779B97F4A7C15ULL };

	return shim_rng_next(&rng);
}

/* Per write: all kept, all lost, or block by block. */
static bool write_kept(u64 salt, u64 write, u64 block)
{
	switch (mix(salt, write, 0) % 4) {
	case 0:
		return true;
	case 1:
		return false;
	default:
		return mix(salt, write, block + 1) & 1;
	}
}

u64 store_crash(struct store *st, u32 block_sectors, struct shim_rng *rng)
{
	u64 salt = shim_rng_next(rng), lost = 0;
	u32 how = (u32)shim_rng_below(rng, 6); /* 0: all kept, 1: all lost */

	while (!list_empty(&st->undos)) {
		struct undo *last = list_last_entry(&st->undos, struct undo, node);
		struct undo **newest = &last->page->newest[last->sector % PAGE_SECTORS];
		struct page *page;
		u8 *at = sector_at(st, last->sector, &page);
		bool reverted = false;

		for (struct undo *u = *newest; u; u = u->older) {
			if (how == 0 ||
			    (how != 1 && write_kept(salt, u->write, u->sector / block_sectors)))
				break;
			memcpy(at, u->old, st->unit);
			reverted = true;
		}
		lost += reverted;
		forget_from(newest);
	}
	st->writes = 0;
	st->moment = 0;
	return lost;
}
