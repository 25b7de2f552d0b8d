/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory.  Every allocation is on a list, so that a simulated power cut can take
 * all of core's memory away, and a leak is seen at the end of a run.
 */
#ifndef SHIM_ENV_ALLOC_H
#define SHIM_ENV_ALLOC_H

#define SHIM_GFP_SLEEP 1u /* may wait */
#define SHIM_GFP_ZERO 2u
#define SHIM_GFP_NOIO 16u /* on the way of an I/O: others wait for whoever waits here */
#define GFP_KERNEL SHIM_GFP_SLEEP
#define GFP_NOIO (SHIM_GFP_SLEEP | SHIM_GFP_NOIO)
#define GFP_NOFS SHIM_GFP_SLEEP
#define GFP_NOWAIT 0u
#define GFP_ATOMIC 0u
#define __GFP_ZERO SHIM_GFP_ZERO
#define __GFP_NOWARN 0u
#define __GFP_NORETRY 4u
#define __GFP_RETRY_MAYFAIL 4u
#define __GFP_NOFAIL 8u
#define __GFP_NOMEMALLOC 0u
#define __GFP_HIGH 0u

/* Set by the scheduler; NULL in plain programs. */
extern void (*shim_might_sleep_hook)(const char *what);
/* Set by the simulator: whether this allocation fails. */
extern bool (*shim_alloc_fail_hook)(gfp_t flags);

void *shim_alloc(size_t bytes, gfp_t flags, const char *where) __attribute__((__malloc__));
void *shim_realloc(const void *p, size_t bytes, gfp_t flags, const char *where);
void shim_free(const void *p);
/* Bytes usable behind p. */
size_t ksize(const void *p);

/* Everything allocated and not freed. */
u64 shim_alloc_bytes(void);
u64 shim_alloc_count(void);
/* Prints what is left, at most max lines. */
void shim_alloc_report(unsigned int max);
/* A power cut: frees it all. */
void shim_alloc_drop_all(void);

#define SHIM_STR2(x) #x
#define SHIM_STR(x) SHIM_STR2(x)
#define SHIM_WHERE __FILE__ ":" SHIM_STR(__LINE__)

#define kmalloc(n, gfp) shim_alloc(n, gfp, SHIM_WHERE)
#define kzalloc(n, gfp) shim_alloc(n, (gfp) | SHIM_GFP_ZERO, SHIM_WHERE)
#define kcalloc(n, size, gfp) shim_alloc((size_t)(n) * (size), (gfp) | SHIM_GFP_ZERO, SHIM_WHERE)
#define kmalloc_array(n, size, gfp) shim_alloc((size_t)(n) * (size), gfp, SHIM_WHERE)
#define krealloc(p, n, gfp) shim_realloc(p, n, gfp, SHIM_WHERE)
#define kvmalloc kmalloc
#define kvzalloc kzalloc
#define kvcalloc kcalloc
#define kvmalloc_array kmalloc_array
#define __vmalloc kmalloc
#define vmalloc(n) shim_alloc(n, GFP_KERNEL, SHIM_WHERE)
#define vzalloc(n) shim_alloc(n, GFP_KERNEL | SHIM_GFP_ZERO, SHIM_WHERE)
#define kfree(p) shim_free(p)
#define kvfree(p) shim_free(p)
#define vfree(p) shim_free(p)
#define kfree_sensitive(p) shim_free(p)
char *shim_strdup(const char *s, gfp_t flags);
#define kstrdup(s, gfp) shim_strdup(s, gfp)

/* Slab caches are plain allocations of one length. */
struct kmem_cache;
struct kmem_cache *kmem_cache_create(const char *name, unsigned int bytes, unsigned int align,
				     unsigned long flags, void (*ctor)(void *));
void kmem_cache_destroy(struct kmem_cache *cache);
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags);
#define kmem_cache_zalloc(cache, gfp) kmem_cache_alloc(cache, (gfp) | SHIM_GFP_ZERO)
#define kmem_cache_free(cache, p) shim_free(p)

static inline void might_sleep(void)
{
	if (shim_might_sleep_hook)
		shim_might_sleep_hook("might_sleep");
}

#endif /* SHIM_ENV_ALLOC_H */
