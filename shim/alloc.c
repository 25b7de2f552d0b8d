// SPDX-License-Identifier: GPL-2.0
/*
 * Tracked memory: a header before each allocation links all of them.  Fresh
 * memory is filled with 0xa5 and freed memory with 0x6b, so that use of either
 * shows even without a sanitizer.
 */
#include <stdlib.h>

#include "asan.h"
#include "env.h"

#ifndef SHIM_ASAN
#define ASAN_POISON_MEMORY_REGION(p, bytes) ((void)(p))
#define ASAN_UNPOISON_MEMORY_REGION(p, bytes) ((void)(p))
#endif

struct header {
	struct list_head node;
	size_t bytes;
	const char *where;
	u64 magic;
	u64 pad[2]; /* keeps what follows aligned to 64 bytes */
} __attribute__((__aligned__(64)));

#define MAGIC_LIVE 0x616c6c6f63617465ULL
#define MAGIC_FREE 0x6672656564667265ULL

void (*shim_might_sleep_hook)(const char *what);
bool (*shim_alloc_fail_hook)(gfp_t flags);

static LIST_HEAD(live);
static u64 live_bytes;
static u64 live_count;

/*
 * Large blocks are kept for those of the same size: to get them from the system anew, page
 * by page, would take most of the time of a short run.
 */
#define LARGE_BYTES (256 * 1024)
#define LARGE_KEPT 32
#define FILL_BYTES_MAX 4096 /* of a large one */

static struct header *kept[LARGE_KEPT];

static struct header *block_get(size_t bytes)
{
	struct header *h;

	for (u32 i = 0; bytes >= LARGE_BYTES && i < LARGE_KEPT; i++) {
		h = kept[i];
		if (!h || h->bytes != bytes)
			continue;
		kept[i] = NULL;
		ASAN_UNPOISON_MEMORY_REGION(h + 1, bytes);
		return h;
	}
	return aligned_alloc(64, round_up(sizeof(*h) + bytes, 64));
}

static void block_put(struct header *h)
{
	for (u32 i = 0; h->bytes >= LARGE_BYTES && i < LARGE_KEPT; i++) {
		if (kept[i])
			continue;
		kept[i] = h;
		ASAN_POISON_MEMORY_REGION(h + 1, h->bytes);
		return;
	}
	free(h);
}

static struct header *header_of(const void *p)
{
	struct header *h = (struct header *)(void *)((char *)p - sizeof(struct header));

	if (h->magic != MAGIC_LIVE)
		shim_die("%s of memory %p", h->magic == MAGIC_FREE ? "double free" : "bad free", p);
	return h;
}

void *shim_alloc(size_t bytes, gfp_t flags, const char *where)
{
	struct header *h;
	void *p;

	if ((flags & SHIM_GFP_SLEEP) && shim_might_sleep_hook)
		shim_might_sleep_hook(where);
	if (shim_alloc_fail_hook && !(flags & __GFP_NOFAIL) && shim_alloc_fail_hook(flags))
		return NULL;
	h = block_get(bytes);
	if (!h)
		shim_die("out of memory for %zu bytes at %s", bytes, where);
	h->bytes = bytes;
	h->where = where;
	h->magic = MAGIC_LIVE;
	list_add_tail(&h->node, &live);
	live_bytes += bytes;
	live_count++;
	p = h + 1;
	/* Large ones are buffers: filling them all would cost more than it finds. */
	if (flags & SHIM_GFP_ZERO)
		memset(p, 0, bytes);
	else
		memset(p, 0xa5, bytes < LARGE_BYTES ? bytes : FILL_BYTES_MAX);
	return p;
}

void shim_free(const void *p)
{
	struct header *h;

	if (!p)
		return;
	h = header_of(p);
	list_del(&h->node);
	live_bytes -= h->bytes;
	live_count--;
	h->magic = MAGIC_FREE;
	memset((void *)(h + 1), 0x6b, min_t(size_t, h->bytes, FILL_BYTES_MAX));
	block_put(h);
}

void *shim_realloc(const void *p, size_t bytes, gfp_t flags, const char *where)
{
	void *fresh;

	if (!p)
		return shim_alloc(bytes, flags, where);
	fresh = shim_alloc(bytes, flags, where);
	if (!fresh)
		return NULL;
	memcpy(fresh, p, min(bytes, header_of(p)->bytes));
	shim_free(p);
	return fresh;
}

/* The slab's size classes, so that code that asks sees what it would see there. */
size_t ksize(const void *p)
{
	return p ? header_of(p)->bytes : 0;
}

char *shim_strdup(const char *s, gfp_t flags)
{
	char *copy;

	if (!s)
		return NULL;
	copy = shim_alloc(strlen(s) + 1, flags, "kstrdup");
	if (copy)
		strcpy(copy, s);
	return copy;
}

u64 shim_alloc_bytes(void)
{
	return live_bytes;
}

u64 shim_alloc_count(void)
{
	return live_count;
}

void shim_alloc_report(unsigned int max)
{
	struct header *h;

	list_for_each_entry (h, &live, node) {
		if (!max--)
			return;
		fprintf(stderr, "  not freed: %zu bytes from %s\n", h->bytes, h->where);
	}
}

void shim_alloc_drop_all(void)
{
	while (!list_empty(&live))
		shim_free(list_first_entry(&live, struct header, node) + 1);
}

struct kmem_cache {
	unsigned int bytes;
	const char *name;
};

struct kmem_cache *kmem_cache_create(const char *name, unsigned int bytes, unsigned int align,
				     unsigned long flags, void (*ctor)(void *))
{
	struct kmem_cache *cache = kmalloc(sizeof(*cache), GFP_KERNEL);

	if (cache) {
		cache->bytes = bytes;
		cache->name = name;
	}
	return cache;
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	shim_free(cache);
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags)
{
	return shim_alloc(cache->bytes, flags, cache->name);
}

void *shim_percpu_alloc(size_t bytes)
{
	if (bytes > SHIM_CPU_STRIDE)
		shim_die("per-CPU data of %zu bytes", bytes);
	return kzalloc(SHIM_CPUS * SHIM_CPU_STRIDE, GFP_KERNEL);
}
