// SPDX-License-Identifier: GPL-2.0
/*
 * Is the origin, with the flash thrown away, a state that its guest could have left?
 *
 * A disk with a volatile cache may hold, after a power cut, any part of what it was
 * given, but nothing of what was issued behind a flush while something is missing that
 * was acknowledged before it.  So of the origin's content
 *
 *	newest	is the latest moment at which a write was issued that is there,
 *	bar	the latest moment at which a flush began that was done before newest:
 *
 * each write acknowledged before bar has to be there, or a later or concurrent one of
 * its sector.  With order=strict this holds at any instant (I7), and after any power
 * cut: an origin with a volatile cache may then hold any of the values that it was
 * given and nobody flushed, of each sector another one.  So newest is looked for among
 * all that might survive, and each of these must be new enough.
 *
 * A FUA write that was acknowledged is itself required.  In write-back it ends an epoch
 * too: what the log acknowledged before it was issued is required with it.  What a discard
 * leaves is the origin's affair: it excuses older writes, and nobody can see whether it
 * was done.
 *
 * The same log answers two simpler questions, whatever the order: has the origin all
 * that was acknowledged before some moment, and what does it lack.
 *
 * What the origin held before the log began counts as older than all.
 */
#include <stdlib.h>

#include "guest.h"

#define NEVER (~0ULL)
#define PAGE_SECTORS 128
#define BUCKETS 256

struct pwrite {
	u64 value;
	u64 begun;
	u64 ended; /* NEVER: in flight, or failed */
	u64 write; /* id while in flight */
	bool required; /* acknowledged, or seen, and no power cut may have taken it */
	bool fua;
	bool discard;
	bool durable; /* when it was acknowledged */
	bool write_back; /* for certain acknowledged from the log */
};

struct psector {
	struct pwrite *list;
	u32 count, cap;
};

struct ppage {
	struct ppage *next;
	u64 number;
	struct psector sector[PAGE_SECTORS];
};

struct barrier {
	u64 begun, done;
	bool fua; /* a write, for the log's own */
};

struct past {
	struct sim_vol *vol;
	struct ppage *bucket[BUCKETS];
	struct barrier *barriers;
	u32 barrier_count, barrier_cap;
	bool trusted; /* nothing has happened that may lose data */
	bool strict; /* and the order of destaging has been strict */
};

struct past *past_create(struct sim_vol *vol)
{
	struct past *p = calloc(1, sizeof(*p));

	p->vol = vol;
	p->trusted = p->strict = true;
	return p;
}

static void forget(struct past *p)
{
	for (u32 i = 0; i < BUCKETS; i++) {
		while (p->bucket[i]) {
			struct ppage *page = p->bucket[i];

			p->bucket[i] = page->next;
			for (u32 j = 0; j < PAGE_SECTORS; j++)
				free(page->sector[j].list);
			free(page);
		}
	}
	p->barrier_count = 0;
}

void past_free(struct past *p)
{
	forget(p);
	free(p->barriers);
	free(p);
}

void past_reset(struct past *p, bool strict)
{
	forget(p);
	p->trusted = true;
	p->strict = strict;
}

void past_distrust(struct past *p)
{
	p->trusted = p->strict = false;
}

void past_not_strict(struct past *p)
{
	p->strict = false;
}

static struct psector *sector_get(struct past *p, u64 lba)
{
	u64 number = lba / PAGE_SECTORS;
	struct ppage **link = &p->bucket[(number * 0x9E3779B97F4A7C15ULL) >> 56];
	struct ppage *page;

	for (page = *link; page; page = page->next)
		if (page->number == number)
			break;
	if (!page) {
		page = calloc(1, sizeof(*page));
		page->number = number;
		page->next = *link;
		*link = page;
	}
	return &page->sector[lba % PAGE_SECTORS];
}

static void write_add(struct past *p, const struct sim_req *req, u64 lba, u64 value)
{
	struct psector *s = sector_get(p, lba);

	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 2;
		s->list = realloc(s->list, s->cap * sizeof(*s->list));
	}
	s->list[s->count++] = (struct pwrite){ .value = value,
					       .begun = req->begun,
					       .ended = NEVER,
					       .write = req->write,
					       .discard = req->op == FVP_REQ_DISCARD };
}

void past_begin(struct past *p, const struct sim_req *req)
{
	for (u64 i = 0; i < req->len; i++)
		write_add(p, req, req->lba + i, req->data ? req->data[i] : 0);
}

void past_changed(struct past *p, const struct sim_req *req, u32 index, u64 value)
{
	write_add(p, req, req->lba + index, value);
}

void past_seen(struct past *p, u64 lba, u64 value)
{
	struct psector *s = sector_get(p, lba);

	for (u32 i = 0; value && i < s->count; i++) {
		struct pwrite *w = &s->list[i];

		if (w->value == value && w->ended != NEVER)
			w->required = w->durable = true;
	}
}

static void barrier_add(struct past *p, u64 begun, u64 done, bool fua)
{
	if (p->barrier_count == p->barrier_cap) {
		p->barrier_cap = p->barrier_cap ? 2 * p->barrier_cap : 64;
		p->barriers = realloc(p->barriers, p->barrier_cap * sizeof(*p->barriers));
	}
	p->barriers[p->barrier_count++] = (struct barrier){ begun, done, fua };
}

void past_end(struct past *p, const struct sim_req *req, u64 now)
{
	for (u64 i = 0; i < req->len; i++) {
		struct psector *s = sector_get(p, req->lba + i);

		for (u32 j = 0; j < s->count; j++) {
			struct pwrite *w = &s->list[j];

			if (w->write != req->write)
				continue;
			w->write = 0;
			if (req->error)
				continue;
			w->ended = now;
			w->required = !w->discard;
			w->fua = req->fua;
			w->durable = req->durable;
			w->write_back = req->write_back_sure;
		}
	}
	if (req->fua && req->write_back_sure && !req->error)
		barrier_add(p, req->begun, now, true);
}

void past_flushed(struct past *p, u64 begun, u64 now)
{
	barrier_add(p, begun, now, false);
}

static void for_each(struct past *p, void (*fn)(void *arg, u64 lba, struct psector *s), void *arg)
{
	for (u32 i = 0; i < BUCKETS; i++)
		for (struct ppage *page = p->bucket[i]; page; page = page->next)
			for (u32 j = 0; j < PAGE_SECTORS; j++)
				if (page->sector[j].count)
					fn(arg, page->number * PAGE_SECTORS + j, &page->sector[j]);
}

struct crash {
	u64 moment;
	u64 flushed;
	bool power_cut;
};

static void crash_sector(void *arg, u64 lba, struct psector *s)
{
	struct crash *crash = arg;

	for (u32 i = 0; i < s->count; i++) {
		struct pwrite *w = &s->list[i];

		/* What was in flight is in the log by now, or never. */
		if (w->write)
			w->ended = crash->moment;
		w->write = 0;
		/* Lost, perhaps: nobody may ask for it, but it may well be there. */
		if (crash->power_cut && !w->durable && w->ended > crash->flushed)
			w->required = false;
	}
}

void past_crash(struct past *p, u64 moment, u64 flushed, bool power_cut)
{
	struct crash crash = { moment, flushed, power_cut };

	for_each(p, crash_sector, &crash);
}

/* --- questions --- */

/* What a sector's content says about when it was written. */
struct present {
	u64 value;
	u64 begun; /* issued not before this */
	u64 ended; /* acknowledged not after this */
};

static struct present present_of(const struct psector *s, u64 value)
{
	struct present found = { value, NEVER, 0 };

	for (u32 i = 0; i < s->count; i++) {
		const struct pwrite *w = &s->list[i];

		if (w->value != value)
			continue;
		found.begun = min(found.begun, w->begun);
		found.ended = max(found.ended, w->ended);
	}
	/* Not in the log: from before it.  Zeroes may be from any time. */
	if (found.begun == NEVER || !value)
		found.begun = 0;
	return found;
}

struct question {
	struct past *p;
	const char *what;
	bool asleep; /* only the content that a reader finds counts, no power cut */
	u64 newest, newest_lba;
	u64 bar; /* all that was acknowledged before this is required */
	u64 bar_log; /* of what the log acknowledged, likewise */
	bool ask; /* of one sector: is it behind? */
	bool behind;
	u64 behind_count;
	u64 lba;
	struct psector *sector;
};

static void newest_value(void *arg, u64 value)
{
	struct question *q = arg;
	struct present there = present_of(q->sector, value);

	if (there.begun > q->newest) {
		q->newest = there.begun;
		q->newest_lba = q->lba;
	}
}

static void values(struct question *q, u64 lba, struct psector *s, void (*fn)(void *arg, u64 value))
{
	struct store *store = q->p->vol->origin->store;

	q->lba = lba;
	q->sector = s;
	if (q->asleep)
		fn(q, store_peek(store, lba));
	else
		store_possible(store, lba, fn, q);
}

static void newest_sector(void *arg, u64 lba, struct psector *s)
{
	values(arg, lba, s, newest_value);
}

/* May something that was discarded since stand for w? */
static bool excused(const struct psector *s, const struct pwrite *w)
{
	for (u32 i = 0; i < s->count; i++)
		if (s->list[i].discard && s->list[i].ended >= w->begun)
			return true;
	return false;
}

static void missing(struct question *q, const struct pwrite *w, const struct present *there)
{
	char text[80], has[80];

	fprintf(stderr,
		"volume %u lba %llu: the origin %s %s (issued %llu, acknowledged %lld), but not "
		"%s\n"
		"  (issued %llu, acknowledged %llu%s)\n",
		q->p->vol->number, q->lba,
		q->asleep ? "has" : "has, or may have after a power cut,",
		sim_stamp_text(there->value, has, sizeof(has)), there->begun, (s64)there->ended,
		sim_stamp_text(w->value, text, sizeof(text)), w->begun, w->ended,
		w->fua ? ", fua" : "");
	if (q->newest)
		fprintf(stderr,
			"  newest there is of lba %llu, issued %llu; the last flush done before "
			"that "
			"began at %llu, the last FUA write at %llu\n",
			q->newest_lba, q->newest, q->bar, q->bar_log);
	shim_die("volume %u: %s", q->p->vol->number, q->what);
}

static void check_value(void *arg, u64 value)
{
	struct question *q = arg;
	struct psector *s = q->sector;
	struct present there = present_of(s, value);

	for (u32 i = 0; i < s->count; i++) {
		struct pwrite *w = &s->list[i];

		if (!w->required || there.ended >= w->begun)
			continue;
		if (w->ended > q->bar && !(w->fua && w->ended < q->newest) &&
		    !(w->write_back && w->ended <= q->bar_log))
			continue;
		if (excused(s, w))
			continue;
		if (!q->ask)
			missing(q, w, &there);
		q->behind = true;
	}
}

static void check_sector(void *arg, u64 lba, struct psector *s)
{
	values(arg, lba, s, check_value);
	sim.count->past_sectors++;
}

void past_check(struct past *p, const char *when)
{
	char what[160];
	struct question q = { .p = p, .what = what };

	if (!p->strict)
		return;
	sim.count->past_checks++;
	snprintf(what, sizeof(what), "%s the origin is no state that its guest could have left",
		 when);
	for_each(p, newest_sector, &q);
	for (u32 i = 0; i < p->barrier_count; i++) {
		const struct barrier *b = &p->barriers[i];

		if (b->done >= q.newest)
			continue;
		if (b->fua)
			q.bar_log = max(q.bar_log, b->begun);
		else
			q.bar = max(q.bar, b->begun);
	}
	sim.count->past_checks_behind += q.newest && past_behind(p);
	for_each(p, check_sector, &q);
}

static void require_sector(void *arg, u64 lba, struct psector *s)
{
	struct question *q = arg;

	for (u32 i = 0; i < q->p->vol->lost_count; i++) {
		struct dev_range *lost = &q->p->vol->lost[i];

		if (lba >= lost->sector && lba - lost->sector < lost->len)
			return;
	}
	/* What went straight to the origin is as durable as its guest has asked for. */
	q->asleep = false;
	for (u32 i = 0; i < s->count; i++)
		q->asleep |= !s->list[i].write_back;
	values(q, lba, s, check_value);
}

void past_require(struct past *p, u64 moment, const char *what)
{
	struct question q = { .p = p, .what = what, .bar = moment };

	if (!p->trusted)
		return;
	sim.count->past_required++;
	for_each(p, require_sector, &q);
}

static void behind_sector(void *arg, u64 lba, struct psector *s)
{
	struct question *q = arg;

	q->behind = false;
	values(q, lba, s, check_value);
	q->behind_count += q->behind;
}

bool past_written(struct past *p, u64 lba, u64 len)
{
	while (len--)
		if (sector_get(p, lba++)->count)
			return true;
	return false;
}

u64 past_behind(struct past *p)
{
	struct question q = { .p = p, .bar = NEVER - 1, .asleep = true, .ask = true };

	for_each(p, behind_sector, &q);
	return q.behind_count;
}
