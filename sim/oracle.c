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
 * Where a volatile cache has acknowledged (the origin's, or in write-back flash's), a
 * value that is gone may come back at a power cut, unless what replaced it was
 * flushed: `replaced` tells when that was acknowledged.
 */
#include <stdlib.h>

#include "guest.h"

#define NEVER (~0ULL)
#define PAGE_SECTORS 128
#define BUCKETS 512

enum value_kind {
	VALUE_EXACT,
	VALUE_DISCARD, /* zeroes for now; see discard_kind() */
	/*
	 * After a discard that the log took: zeroes until it is destaged, then what the
	 * origin makes of it, which may be anything the sector ever held.  So a read
	 * decides nothing.
	 */
	VALUE_LOOSE,
	/* Flash with acknowledged data was lost: anything older, and the first read decides. */
	VALUE_OPEN,
};

struct value {
	u64 value; /* LOOSE, OPEN: newest version that it can be */
	u8 kind; /* enum value_kind */
	u64 write; /* id of the write while in flight, else 0 */
	u64 begun;
	u64 ended; /* acknowledged or failed; NEVER: in flight */
	u64 gone; /* not read by reads that begin later; NEVER: current */
	u64 replaced; /* what made it go was acknowledged; NEVER: not */
	bool durable; /* when it ended, no cache that may lose it had it alone */
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
	bool write_back; /* has been in it: discards may be entries of the log */
	struct past *past;
	u64 moment;
	u64 cut; /* the last power cut: what there is since then is durable */
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
	o->past = past_create(vol);
	return o;
}

struct past *oracle_past(struct oracle *o)
{
	return o->past;
}

void oracle_write_back(struct oracle *o)
{
	o->write_back = true;
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
	past_free(o->past);
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
	return v->replaced > o->flushed;
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
		struct value *v;

		sector_trim(o, s);
		v = value_add(s, req->data ? req->data[i] : 0, req->begun, NEVER);
		v->write = req->write;
		if (req->op != FVP_REQ_DISCARD)
			continue;
		/* In the log, it may have been destaged before its guest knows. */
		v->kind = o->write_back ? VALUE_LOOSE : VALUE_DISCARD;
		v->value = o->write_back ? o->version : 0;
	}
	past_begin(o->past, req);
}

void oracle_changed(struct oracle *o, struct sim_req *req, u32 index, u64 value)
{
	struct sector *s = sector_get(o, req->lba + index);

	value_add(s, value, req->begun, NEVER)->write = req->write;
	past_changed(o->past, req, index, value);
}

/* A discard straight to the origin is done and over; one in the log is not. */
static void discard_ended(struct oracle *o, struct value *v, bool logged)
{
	v->kind = logged ? VALUE_LOOSE : VALUE_EXACT;
	v->value = logged ? o->version : 0;
}

void oracle_end(struct oracle *o, struct sim_req *req)
{
	u64 now = oracle_moment(o);

	for (u64 i = 0; i < req->len; i++) {
		struct sector *s = sector_get(o, req->lba + i);

		/* A failed write or a discard may have done nothing: what was stays possible. */
		if (!req->error && (req->op != FVP_REQ_DISCARD || req->write_back))
			replace_older(s, req->begun, now, req->durable);
		for (u16 j = 0; j < s->count; j++) {
			struct value *v = &s->list[j];

			if (v->write != req->write)
				continue;
			v->ended = now;
			v->write = 0;
			v->durable = req->durable;
			if (req->op == FVP_REQ_DISCARD)
				discard_ended(o, v, req->write_back);
		}
	}
	past_end(o->past, req, now);
}

static void violation(struct oracle *o, struct sector *s, u64 lba, u64 got, const char *what)
{
	char text[80];

	fprintf(stderr, "volume %u lba %llu: %s gave %s; allowed or recent:\n", o->vol->number, lba,
		what, sim_stamp_text(got, text, sizeof(text)));
	for (u16 i = 0; i < s->count; i++) {
		static const char *const kinds[] = { "", "discard: ", "any since discard: ",
						     "any since loss: " };
		struct value *v = &s->list[i];

		fprintf(stderr, "  %s%-40s begun %llu ended %lld gone %lld replaced %lld\n",
			kinds[v->kind], sim_stamp_text(v->value, text, sizeof(text)), v->begun,
			(s64)v->ended, (s64)v->gone, (s64)v->replaced);
	}
	fprintf(stderr, "  now %llu, flushed %llu, last power cut %llu\n", o->moment, o->flushed,
		o->cut);
	shim_die("volume %u: wrong data at lba %llu (%s)", o->vol->number, lba, what);
}

/* Is it what this very sector may have held up to that version? */
static bool is_older(struct oracle *o, u64 lba, u64 got, u64 version)
{
	return !got || (got != SIM_STAMP_TORN && (got & 0xffffff) <= version &&
			got == sim_stamp(o->vol->number, lba, (u32)got & 0xffffff));
}

static bool value_is(struct oracle *o, u64 lba, const struct value *v, u64 got)
{
	/* A discard in flight may come to the log after anything that was written meanwhile. */
	if (v->kind == VALUE_LOOSE && v->ended == NEVER)
		return is_older(o, lba, got, o->version);
	if (v->kind == VALUE_LOOSE || v->kind == VALUE_OPEN)
		return is_older(o, lba, got, v->value);
	return v->value == got;
}

/* The value that a read which began then may have seen: the least telling one counts. */
static struct value *value_find(struct oracle *o, struct sector *s, u64 lba, u64 got, u64 begun)
{
	struct value *found = NULL;

	for (u16 i = 0; i < s->count; i++) {
		struct value *v = &s->list[i];

		if (v->gone <= begun || !value_is(o, lba, v, got))
			continue;
		if (v->kind == VALUE_LOOSE)
			return v;
		if (!found || found->gone != NEVER || (v->gone == NEVER && v->ended > found->ended))
			found = v;
	}
	return found;
}

/* Could a power cut take it back, once it has been read? */
static bool may_go(const struct oracle *o, const struct value *v)
{
	return !v->durable && v->ended > o->flushed && v->ended > o->cut;
}

static void check_sector(struct oracle *o, u64 lba, u64 got, u64 begun, u64 now, const char *what)
{
	struct sector *s = sector_get(o, lba);
	struct value *found = value_find(o, s, lba, got, begun);
	bool open = false, fixed = false;

	if (!found)
		violation(o, s, lba, got, what);
	for (u16 i = 0; i < s->count; i++)
		open |= s->list[i].ended > begun;
	if (open || found->gone != NEVER || found->kind == VALUE_LOOSE)
		return;
	/* Nothing was in flight: this read has decided. */
	if (found->kind == VALUE_OPEN) {
		found->kind = VALUE_EXACT;
		found->value = got;
	}
	for (u16 i = 0; i < s->count; i++) {
		struct value *v = &s->list[i];

		if (v != found && v->gone == NEVER && (v->kind != VALUE_EXACT || v->value != got)) {
			v->gone = begun;
			v->replaced = may_go(o, found) ? now : 0;
			sim.count->sectors_fixed++;
			fixed = true;
		}
	}
	if (fixed && !may_go(o, found))
		past_seen(o->past, lba, got);
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
	past_flushed(o->past, begun, oracle_moment(o));
}

void oracle_durable(struct oracle *o, u64 moment)
{
	o->flushed = max(o->flushed, moment);
}

void oracle_set(struct oracle *o, u64 lba, u64 value)
{
	struct sector *s = sector_get(o, lba);

	s->count = 0;
	value_add(s, value, o->moment, o->moment);
}

void oracle_lose(struct oracle *o, u64 lba)
{
	struct sector *s = sector_get(o, lba);

	value_add(s, o->version, o->moment, o->moment)->kind = VALUE_OPEN;
}

void oracle_lose_unless(struct oracle *o, u64 lba, u64 value)
{
	if (o->write_back && !value_find(o, sector_get(o, lba), lba, value, o->moment))
		oracle_lose(o, lba);
}

void oracle_adopt(struct oracle *o, u64 lba, u64 value)
{
	oracle_lose_unless(o, lba, value);
	oracle_check_now(o, lba, value, "the origin, now that flash is gone,");
	oracle_set(o, lba, value);
}

void oracle_may_return(struct oracle *o, u64 lba, u64 value)
{
	struct value *v = value_add(sector_get(o, lba), value, 0, 0);

	v->gone = o->moment;
	v->replaced = o->moment;
}

void oracle_for_each(struct oracle *o, void (*fn)(void *arg, u64 lba), void *arg)
{
	for (u32 i = 0; i < BUCKETS; i++)
		for (struct opage *page = o->bucket[i]; page; page = page->next)
			for (u32 j = 0; j < PAGE_SECTORS; j++)
				if (page->sector[j].count)
					fn(arg, page->number * PAGE_SECTORS + j);
}

static void open_sector(struct oracle *o, struct sector *s, bool power_cut)
{
	u16 kept = 0;

	for (u16 i = 0; i < s->count; i++) {
		struct value v = s->list[i];

		if (v.gone != NEVER && v.replaced <= o->flushed)
			continue;
		v.write = 0;
		v.begun = min(v.begun, o->moment);
		v.ended = min(v.ended, o->moment);
		/* Flash is flushed before it is believed; so is no origin. */
		v.durable |= power_cut || !o->origin_cache;
		if (v.gone == NEVER || power_cut) {
			v.gone = NEVER;
			v.replaced = NEVER;
		}
		/* One that was in flight may be in the log. */
		if (v.kind == VALUE_DISCARD)
			discard_ended(o, &v, o->write_back);
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
	past_crash(o->past, o->moment, o->flushed, power_cut);
	for_each_sector(o, power_cut ? cut_sector : crash_sector);
	if (power_cut) {
		o->flushed = o->moment;
		o->cut = o->moment;
	}
}
