// SPDX-License-Identifier: GPL-2.0
/*
 * What a sector may hold (guest.h).
 *
 * Each sector has a short list of values, newest last.  A value has a beginning,
 * perhaps an acknowledgement, and perhaps a moment from which it can be read no
 * more.  All moments are counts of events, so "before" is exact.
 *
 * A read may return a value that was not gone when the read began.  A value that
 * is acknowledged takes those with it that were acknowledged before it began.
 *
 * With an origin that loses unflushed writes, a value that is gone may come back
 * at a power cut, unless what replaced it was flushed: `replaced` tells when that
 * was acknowledged.
 */
#include <stdlib.h>

#include "guest.h"

#define NEVER (~0ULL)
#define PAGE_SECTORS 128
#define BUCKETS 512

struct value {
	u64 value;
	u64 write; /* id of the write while in flight, else 0 */
	u64 begun;
	u64 ended; /* acknowledged or failed; NEVER: in flight */
	u64 gone; /* not read by reads that begin later; NEVER: current */
	u64 replaced; /* what made it go was acknowledged; NEVER: not */
};

struct sector {
	struct value *list;
	u16 count, cap;
};

struct opage {
	struct opage *next;
	u64 number;
	struct sector sector[PAGE_SECTORS];
};

struct oracle {
	struct sim_vol *vol;
	bool origin_cache;
	u64 moment;
	u64 flushed; /* a flush that began then is done */
	u64 write_id;
	u32 version;
	struct opage *bucket[BUCKETS];
};

u64 oracle_initial(void *vol, u64 sector)
{
	return sim_stamp(((struct sim_vol *)vol)->number, sector, 1);
}

struct oracle *oracle_create(struct sim_vol *vol, bool origin_cache)
{
	struct oracle *o = calloc(1, sizeof(*o));

	o->vol = vol;
	o->origin_cache = origin_cache;
	o->moment = 1;
	o->version = 1;
	return o;
}

static void for_each_sector(struct oracle *o,
			    void (*fn)(struct oracle *o, u64 lba, struct sector *s))
{
	for (u32 i = 0; i < BUCKETS; i++)
		for (struct opage *page = o->bucket[i]; page; page = page->next)
			for (u32 j = 0; j < PAGE_SECTORS; j++)
				if (page->sector[j].count)
					fn(o, page->number * PAGE_SECTORS + j, &page->sector[j]);
}

void oracle_free(struct oracle *o)
{
	for (u32 i = 0; i < BUCKETS; i++) {
		while (o->bucket[i]) {
			struct opage *page = o->bucket[i];

			o->bucket[i] = page->next;
			for (u32 j = 0; j < PAGE_SECTORS; j++)
				free(page->sector[j].list);
			free(page);
		}
	}
	free(o);
}

u64 oracle_moment(struct oracle *o)
{
	return ++o->moment;
}

u32 oracle_version(struct oracle *o)
{
	return ++o->version;
}

static struct value *value_add(struct sector *s, u64 value, u64 begun, u64 ended)
{
	struct value *v;

	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 2;
		s->list = realloc(s->list, s->cap * sizeof(*s->list));
	}
	v = &s->list[s->count++];
	*v = (struct value){
		.value = value, .begun = begun, .ended = ended, .gone = NEVER, .replaced = NEVER
	};
	return v;
}

static struct sector *sector_get(struct oracle *o, u64 lba)
{
	u64 number = lba / PAGE_SECTORS;
	struct opage **link = &o->bucket[(number * 0x9E3779B97F4A7C15ULL) >> 55];
	struct opage *page;
	struct sector *s;

	for (page = *link; page; page = page->next)
		if (page->number == number)
			break;
	if (!page) {
		page = calloc(1, sizeof(*page));
		page->number = number;
		page->next = *link;
		*link = page;
	}
	s = &page->sector[lba % PAGE_SECTORS];
	if (!s->count)
		value_add(s, oracle_initial(o->vol, lba), 0, 0);
	return s;
}

/* Whether v could still matter to a read in flight or a power cut to come. */
static bool value_needed(struct oracle *o, const struct value *v, u64 oldest_read)
{
	if (v->gone == NEVER || v->gone >= oldest_read)
		return true;
	return o->origin_cache && v->replaced > o->flushed;
}

static void sector_trim(struct oracle *o, struct sector *s)
{
	u64 oldest = NEVER;
	struct sim_req *req;
	u16 kept = 0;

	if (s->count < 4)
		return;
	list_for_each_entry (req, &o->vol->reqs, node)
		oldest = min(oldest, req->begun);
	for (u16 i = 0; i < s->count; i++)
		if (value_needed(o, &s->list[i], oldest))
			s->list[kept++] = s->list[i];
	s->count = kept;
}

/* Everything that ended before v began is gone with v's acknowledgement at now. */
static void replace_older(struct sector *s, u64 begun, u64 now, bool durable)
{
	for (u16 i = 0; i < s->count; i++) {
		struct value *v = &s->list[i];

		if (v->ended == NEVER || v->ended > begun)
			continue;
		v->gone = min(v->gone, now);
		v->replaced = durable ? 0 : min(v->replaced, now);
	}
}

void oracle_begin(struct oracle *o, struct sim_req *req)
{
	req->begun = oracle_moment(o);
	if (req->op == FVP_REQ_READ || req->op == FVP_REQ_FLUSH)
		return;
	req->write = ++o->write_id;
	for (u64 i = 0; i < req->len; i++) {
		struct sector *s = sector_get(o, req->lba + i);

		sector_trim(o, s);
		value_add(s, req->data ? req->data[i] : 0, req->begun, NEVER)->write = req->write;
	}
}

void oracle_changed(struct oracle *o, struct sim_req *req, u32 index, u64 value)
{
	struct sector *s = sector_get(o, req->lba + index);

	value_add(s, value, req->begun, NEVER)->write = req->write;
}

void oracle_end(struct oracle *o, struct sim_req *req)
{
	u64 now = oracle_moment(o);

	for (u64 i = 0; i < req->len; i++) {
		struct sector *s = sector_get(o, req->lba + i);

		/* A failed write or a discard may have done nothing: what was stays possible. */
		if (!req->error && req->op != FVP_REQ_DISCARD)
			replace_older(s, req->begun, now, req->fua || !o->origin_cache);
		for (u16 j = 0; j < s->count; j++) {
			struct value *v = &s->list[j];

			if (v->write == req->write) {
				v->ended = now;
				v->write = 0;
			}
		}
	}
}

static void violation(struct oracle *o, struct sector *s, u64 lba, u64 got, const char *what)
{
	char text[80];

	fprintf(stderr, "volume %u lba %llu: %s gave %s; allowed or recent:\n", o->vol->number, lba,
		what, sim_stamp_text(got, text, sizeof(text)));
	for (u16 i = 0; i < s->count; i++) {
		struct value *v = &s->list[i];

		fprintf(stderr, "  %-40s begun %llu ended %lld gone %lld\n",
			sim_stamp_text(v->value, text, sizeof(text)), v->begun, (s64)v->ended,
			(s64)v->gone);
	}
	shim_die("volume %u: wrong data at lba %llu (%s)", o->vol->number, lba, what);
}

static void check_sector(struct oracle *o, u64 lba, u64 got, u64 begun, u64 now, const char *what)
{
	struct sector *s = sector_get(o, lba);
	struct value *found = NULL;
	bool open = false;

	for (u16 i = 0; i < s->count; i++) {
		struct value *v = &s->list[i];

		if (v->gone <= begun)
			continue;
		if (v->value == got && (!found || found->gone != NEVER))
			found = v;
	}
	if (!found)
		violation(o, s, lba, got, what);
	for (u16 i = 0; i < s->count; i++)
		open |= s->list[i].ended > begun;
	if (open || found->gone != NEVER)
		return;
	/* Nothing was in flight: this read has decided. */
	for (u16 i = 0; i < s->count; i++) {
		struct value *v = &s->list[i];

		if (v->gone == NEVER && v->value != got) {
			v->gone = begun;
			v->replaced = now;
			sim.count->sectors_fixed++;
		}
	}
}

void oracle_check(struct oracle *o, struct sim_req *req)
{
	u64 now = oracle_moment(o);

	for (u64 i = 0; i < req->len; i++)
		check_sector(o, req->lba + i, req->data[i], req->begun, now, "a read");
	sim.count->read_sectors_checked += req->len;
}

void oracle_check_now(struct oracle *o, u64 lba, u64 value, const char *what)
{
	u64 begun = oracle_moment(o);

	check_sector(o, lba, value, begun, oracle_moment(o), what);
}

void oracle_flushed(struct oracle *o, u64 begun)
{
	o->flushed = max(o->flushed, begun);
}

void oracle_set(struct oracle *o, u64 lba, u64 value)
{
	struct sector *s = sector_get(o, lba);

	s->count = 0;
	value_add(s, value, o->moment, o->moment);
}

static void open_sector(struct oracle *o, struct sector *s, bool power_cut)
{
	u16 kept = 0;

	for (u16 i = 0; i < s->count; i++) {
		struct value v = s->list[i];
		bool may_return = o->origin_cache && v.replaced > o->flushed;

		if (v.gone != NEVER && !may_return)
			continue;
		v.write = 0;
		v.begun = min(v.begun, o->moment);
		v.ended = min(v.ended, o->moment);
		if (v.gone == NEVER || power_cut) {
			v.gone = NEVER;
			v.replaced = NEVER;
		}
		s->list[kept++] = v;
	}
	s->count = kept;
}

static void cut_sector(struct oracle *o, u64 lba, struct sector *s)
{
	open_sector(o, s, true);
}

static void crash_sector(struct oracle *o, u64 lba, struct sector *s)
{
	open_sector(o, s, false);
}

void oracle_crash(struct oracle *o, bool power_cut)
{
	oracle_moment(o);
	for_each_sector(o, power_cut ? cut_sector : crash_sector);
	if (power_cut)
		o->flushed = o->moment;
}
