// SPDX-License-Identifier: GPL-2.0
/*
 * The policies that ours is compared with; each from its authors' description:
 *	SIEVE	  Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024
 *	S3-FIFO	  Yang et al., "FIFO Queues are All You Need for Cache Eviction", SOSP 2023
 *	optimum	  Belady's MIN, with bypass, and with reads alone counting
 * A write puts its data into the cache, as a read that missed does.
 */
#include <stdlib.h>

#include "hitrate.h"

#define NONE (~0u)

/* Lists of units: head is the newest. */
struct list {
	u32 head, tail, count;
};

struct links {
	u32 *newer, *older;
};

static void *array(size_t count, size_t bytes, u32 value)
{
	void *p = malloc(count * bytes + 1);

	if (!p)
		abort();
	memset(p, (int)value, count * bytes);
	return p;
}

static struct links links_new(u32 distinct)
{
	return (struct links){ array(distinct, sizeof(u32), 0), array(distinct, sizeof(u32), 0) };
}

static void links_free(struct links *links)
{
	free(links->newer);
	free(links->older);
}

static void list_push(struct links *links, struct list *list, u32 unit)
{
	links->newer[unit] = NONE;
	links->older[unit] = list->head;
	if (list->head != NONE)
		links->newer[list->head] = unit;
	else
		list->tail = unit;
	list->head = unit;
	list->count++;
}

static void list_take(struct links *links, struct list *list, u32 unit)
{
	u32 newer = links->newer[unit], older = links->older[unit];

	if (newer != NONE)
		links->older[newer] = older;
	else
		list->head = older;
	if (older != NONE)
		links->newer[older] = newer;
	else
		list->tail = newer;
	list->count--;
}

/* What every policy counts; true: it is a hit. */
static bool count(const struct trace *trace, size_t at, bool cached, struct result *result)
{
	bool write = trace->request[trace->request_of[at]].write;

	if (!write) {
		result->read_sectors += trace->unit_sectors;
		result->hit_sectors += cached ? trace->unit_sectors : 0;
	}
	/* New data goes to flash, also where old data of the same place is. */
	if (write || !cached)
		result->flash_sectors += trace->unit_sectors;
	return cached;
}

void policy_lru(const struct trace *trace, u32 units, struct result *result)
{
	struct links links = links_new(trace->distinct);
	bool *cached = array(trace->distinct, sizeof(bool), 0);
	struct list list = { NONE, NONE, 0 };

	for (size_t i = 0; i < trace->unit_count; i++) {
		u32 unit = trace->unit[i];

		if (count(trace, i, cached[unit], result)) {
			list_take(&links, &list, unit);
		} else if (list.count == units) {
			cached[list.tail] = false;
			list_take(&links, &list, list.tail);
		}
		cached[unit] = true;
		list_push(&links, &list, unit);
	}
	free(cached);
	links_free(&links);
}

void policy_sieve(const struct trace *trace, u32 units, struct result *result)
{
	struct links links = links_new(trace->distinct);
	bool *cached = array(trace->distinct, sizeof(bool), 0);
	bool *visited = array(trace->distinct, sizeof(bool), 0);
	struct list list = { NONE, NONE, 0 };
	u32 hand = NONE;

	for (size_t i = 0; i < trace->unit_count; i++) {
		u32 unit = trace->unit[i];

		if (count(trace, i, cached[unit], result)) {
			visited[unit] = true;
			continue;
		}
		if (list.count == units) {
			u32 victim = hand == NONE ? list.tail : hand;

			while (visited[victim]) {
				visited[victim] = false;
				victim = links.newer[victim];
				if (victim == NONE)
					victim = list.tail;
			}
			hand = links.newer[victim];
			cached[victim] = false;
			list_take(&links, &list, victim);
		}
		cached[unit] = true;
		visited[unit] = false;
		list_push(&links, &list, unit);
	}
	free(visited);
	free(cached);
	links_free(&links);
}

enum where { OUT, SMALL, MAIN, GHOST };

struct s3fifo {
	struct links links;
	struct list small, main, ghost;
	u8 *where, *hits;
	u32 units, small_units;
};

static void s3_move(struct s3fifo *s, u32 unit, enum where to)
{
	struct list *lists[] = { [SMALL] = &s->small, [MAIN] = &s->main, [GHOST] = &s->ghost };

	if (s->where[unit] != OUT)
		list_take(&s->links, lists[s->where[unit]], unit);
	s->where[unit] = (u8)to;
	if (to != OUT)
		list_push(&s->links, lists[to], unit);
}

static void s3_evict_main(struct s3fifo *s)
{
	while (s->hits[s->main.tail]) {
		s->hits[s->main.tail]--;
		s3_move(s, s->main.tail, MAIN);
	}
	s3_move(s, s->main.tail, OUT);
}

static void s3_evict(struct s3fifo *s)
{
	while (s->small.count >= s->small_units || !s->main.count) {
		u32 unit = s->small.tail;

		if (s->hits[unit] > 1) {
			s->hits[unit] = 0;
			s3_move(s, unit, MAIN);
			if (s->main.count > s->units - s->small_units) {
				s3_evict_main(s);
				return;
			}
			continue;
		}
		s3_move(s, unit, GHOST);
		if (s->ghost.count > s->units - s->small_units)
			s3_move(s, s->ghost.tail, OUT);
		return;
	}
	s3_evict_main(s);
}

void policy_s3fifo(const struct trace *trace, u32 units, struct result *result)
{
	struct s3fifo s = {
		.links = links_new(trace->distinct),
		.small = { NONE, NONE, 0 },
		.main = { NONE, NONE, 0 },
		.ghost = { NONE, NONE, 0 },
		.where = array(trace->distinct, sizeof(u8), OUT),
		.hits = array(trace->distinct, sizeof(u8), 0),
		.units = units,
		.small_units = max(units / 10, 1u),
	};

	for (size_t i = 0; i < trace->unit_count; i++) {
		u32 unit = trace->unit[i];
		bool cached = s.where[unit] == SMALL || s.where[unit] == MAIN;

		if (count(trace, i, cached, result)) {
			s.hits[unit] = min_t(u8, s.hits[unit] + 1, 3);
			continue;
		}
		if (s.small.count + s.main.count >= units)
			s3_evict(&s);
		s.hits[unit] = 0;
		/* The ghost may have gone with the eviction. */
		s3_move(&s, unit, s.where[unit] == GHOST ? MAIN : SMALL);
	}
	free(s.where);
	free(s.hits);
	links_free(&s.links);
}

/* A heap of what is cached, what is read last at its root. */
struct future {
	u32 *heap, *at; /* at: a unit's place in the heap */
	size_t *next; /* a unit's next read, if nothing writes it before: ~0 */
	u32 count;
};

static void heap_put(struct future *f, u32 place, u32 unit)
{
	f->heap[place] = unit;
	f->at[unit] = place;
}

static void heap_settle(struct future *f, u32 place)
{
	u32 unit = f->heap[place], child;

	for (; place && f->next[f->heap[(place - 1) / 2]] < f->next[unit]; place = (place - 1) / 2)
		heap_put(f, place, f->heap[(place - 1) / 2]);
	for (; (child = 2 * place + 1) < f->count; place = child) {
		if (child + 1 < f->count && f->next[f->heap[child + 1]] > f->next[f->heap[child]])
			child++;
		if (f->next[f->heap[child]] <= f->next[unit])
			break;
		heap_put(f, place, f->heap[child]);
	}
	heap_put(f, place, unit);
}

static void heap_take(struct future *f, u32 unit)
{
	u32 place = f->at[unit], last = f->heap[--f->count];

	f->at[unit] = NONE;
	if (last == unit)
		return;
	heap_put(f, place, last);
	heap_settle(f, place);
}

void policy_optimum(const struct trace *trace, u32 units, struct result *result)
{
	struct future f = {
		.heap = array(units + 1, sizeof(u32), 0),
		.at = array(trace->distinct, sizeof(u32), 0xff),
		.next = array(trace->distinct, sizeof(size_t), 0xff),
	};
	size_t *next = array(trace->unit_count, sizeof(size_t), 0xff);

	for (size_t i = trace->unit_count; i--;) {
		bool write = trace->request[trace->request_of[i]].write;

		next[i] = f.next[trace->unit[i]];
		f.next[trace->unit[i]] = write ? ~0ull : i;
	}
	for (size_t i = 0; i < trace->unit_count; i++) {
		u32 unit = trace->unit[i];
		bool write = trace->request[trace->request_of[i]].write;
		bool cached = f.at[unit] != NONE;

		if (!write) {
			result->read_sectors += trace->unit_sectors;
			result->hit_sectors += cached ? trace->unit_sectors : 0;
		}
		f.next[unit] = next[i];
		if (next[i] == ~0ull) {
			if (cached)
				heap_take(&f, unit);
			continue;
		}
		if (write || !cached)
			result->flash_sectors += trace->unit_sectors;
		if (cached) {
			heap_settle(&f, f.at[unit]);
			continue;
		}
		heap_put(&f, f.count++, unit);
		heap_settle(&f, f.at[unit]);
		if (f.count > units) {
			/* Not inserted after all. */
			if (f.heap[0] == unit)
				result->flash_sectors -= trace->unit_sectors;
			heap_take(&f, f.heap[0]);
		}
	}
	free(next);
	free(f.heap);
	free(f.at);
	free(f.next);
}
