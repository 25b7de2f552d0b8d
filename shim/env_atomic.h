/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marked accesses, barriers, atomics, per-CPU data.  One thread runs all fibers,
 * so plain operations are atomic; before each, another fiber may be let in.
 */
#ifndef SHIM_ENV_ATOMIC_H
#define SHIM_ENV_ATOMIC_H

/* Counts marked accesses down to the next seeded preemption. */
extern long shim_points_left;
extern void (*shim_preempt_hook)(void);

static inline void shim_point(void)
{
	if (unlikely(--shim_points_left <= 0))
		shim_preempt_hook();
}

#define READ_ONCE(x)                                                                               \
	({                                                                                         \
		shim_point();                                                                      \
		*(const volatile __typeof__(x) *)&(x);                                             \
	})
#define WRITE_ONCE(x, v)                                                                           \
	do {                                                                                       \
		__typeof__(x) shim_v = (v);                                                        \
		shim_point();                                                                      \
		*(volatile __typeof__(x) *)&(x) = shim_v;                                          \
	} while (0)
#define data_race(x) (x)
#define smp_load_acquire(p) READ_ONCE(*(p))
#define smp_store_release(p, v) WRITE_ONCE(*(p), v)
#define smp_store_mb(x, v) WRITE_ONCE(x, v)
#define smp_rmb() barrier()
#define smp_wmb() barrier()
#define smp_mb() barrier()
#define smp_mb__before_atomic() barrier()
#define smp_mb__after_atomic() barrier()
#define cpu_relax() shim_point()

#define shim_swap_at(p, v)                                                                         \
	({                                                                                         \
		__typeof__(*(p)) shim_new = (v), shim_old;                                         \
		shim_point();                                                                      \
		shim_old = *(p);                                                                   \
		*(p) = shim_new;                                                                   \
		shim_old;                                                                          \
	})
#define xchg(p, v) shim_swap_at(p, v)
#define cmpxchg(p, o, n)                                                                           \
	({                                                                                         \
		__typeof__(*(p)) shim_want = (o), shim_new = (n), shim_old;                        \
		shim_point();                                                                      \
		shim_old = *(p);                                                                   \
		if (shim_old == shim_want)                                                         \
			*(p) = shim_new;                                                           \
		shim_old;                                                                          \
	})
#define try_cmpxchg(p, op, n)                                                                      \
	({                                                                                         \
		__typeof__(*(p)) shim_seen = cmpxchg(p, *(op), n);                                 \
		bool shim_ok = shim_seen == *(op);                                                 \
		*(op) = shim_seen;                                                                 \
		shim_ok;                                                                           \
	})

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	s64 counter;
} atomic64_t;
typedef atomic64_t atomic_long_t;

#define ATOMIC_INIT(i)                                                                             \
	{                                                                                          \
		(i)                                                                                \
	}
#define ATOMIC64_INIT(i) ATOMIC_INIT(i)

/* clang-format off */
#define SHIM_ATOMIC(name, type, val)                                                               \
static inline val name##_read(const type *v) { shim_point(); return v->counter; }                  \
static inline void name##_set(type *v, val i) { shim_point(); v->counter = i; }                    \
static inline val name##_read_acquire(const type *v) { return name##_read(v); }                    \
static inline void name##_set_release(type *v, val i) { name##_set(v, i); }                        \
static inline val name##_fetch_add(val i, type *v)                                                 \
{ val old; shim_point(); old = v->counter; v->counter = old + i; return old; }                     \
static inline val name##_fetch_or(val i, type *v)                                                  \
{ val old; shim_point(); old = v->counter; v->counter = old | i; return old; }                     \
static inline val name##_fetch_and(val i, type *v)                                                 \
{ val old; shim_point(); old = v->counter; v->counter = old & i; return old; }                     \
static inline val name##_fetch_sub(val i, type *v) { return name##_fetch_add(-i, v); }             \
static inline val name##_fetch_inc(type *v) { return name##_fetch_add(1, v); }                     \
static inline val name##_fetch_dec(type *v) { return name##_fetch_add(-1, v); }                    \
static inline val name##_add_return(val i, type *v) { return name##_fetch_add(i, v) + i; }         \
static inline val name##_sub_return(val i, type *v) { return name##_fetch_add(-i, v) - i; }        \
static inline val name##_inc_return(type *v) { return name##_add_return(1, v); }                   \
static inline val name##_dec_return(type *v) { return name##_sub_return(1, v); }                   \
static inline void name##_add(val i, type *v) { name##_fetch_add(i, v); }                          \
static inline void name##_sub(val i, type *v) { name##_fetch_add(-i, v); }                         \
static inline void name##_inc(type *v) { name##_fetch_add(1, v); }                                 \
static inline void name##_dec(type *v) { name##_fetch_add(-1, v); }                                \
static inline void name##_or(val i, type *v) { name##_fetch_or(i, v); }                            \
static inline void name##_and(val i, type *v) { name##_fetch_and(i, v); }                          \
static inline bool name##_dec_and_test(type *v) { return name##_dec_return(v) == 0; }              \
static inline bool name##_inc_and_test(type *v) { return name##_inc_return(v) == 0; }              \
static inline bool name##_sub_and_test(val i, type *v) { return name##_sub_return(i, v) == 0; }    \
static inline bool name##_add_negative(val i, type *v) { return name##_add_return(i, v) < 0; }     \
static inline bool name##_add_unless(type *v, val a, val u)                                        \
{ shim_point(); if (v->counter == u) return false; v->counter += a; return true; }                 \
static inline bool name##_inc_not_zero(type *v) { return name##_add_unless(v, 1, 0); }             \
static inline bool name##_inc_unless_negative(type *v)                                             \
{ shim_point(); if (v->counter < 0) return false; v->counter++; return true; }                     \
static inline val name##_dec_if_positive(type *v)                                                  \
{ val n; shim_point(); n = v->counter - 1; if (n >= 0) v->counter = n; return n; }                 \
static inline val name##_xchg(type *v, val n) { return xchg(&v->counter, n); }                     \
static inline val name##_cmpxchg(type *v, val o, val n) { return cmpxchg(&v->counter, o, n); }     \
static inline bool name##_try_cmpxchg(type *v, val *o, val n)                                      \
{ return try_cmpxchg(&v->counter, o, n); }

SHIM_ATOMIC(atomic, atomic_t, int)
SHIM_ATOMIC(atomic64, atomic64_t, s64)
/* clang-format on */

typedef struct {
	atomic_t refs;
} refcount_t;
#define REFCOUNT_INIT(n)                                                                           \
	{                                                                                          \
		ATOMIC_INIT(n)                                                                     \
	}
static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}
static inline unsigned int refcount_read(const refcount_t *r)
{
	return (unsigned int)atomic_read(&r->refs);
}
static inline void refcount_inc(refcount_t *r)
{
	WARN_ON(atomic_inc_return(&r->refs) <= 1);
}
static inline bool refcount_inc_not_zero(refcount_t *r)
{
	return atomic_inc_not_zero(&r->refs);
}
static inline bool refcount_dec_and_test(refcount_t *r)
{
	int left = atomic_dec_return(&r->refs);

	WARN_ON(left < 0);
	return left == 0;
}

/*
 * Per-CPU data: a pointer to CPU 0's copy, the others at a fixed stride, so that
 * a pointer to a member finds its copies too.
 */
#define SHIM_CPUS 2
#define SHIM_CPU_STRIDE 8192
#define nr_cpu_ids SHIM_CPUS
#define num_possible_cpus() SHIM_CPUS
#define num_online_cpus() SHIM_CPUS

void *shim_percpu_alloc(size_t bytes);
int shim_cpu(void);

#define alloc_percpu(type) ((type *)shim_percpu_alloc(sizeof(type)))
#define alloc_percpu_gfp(type, gfp) alloc_percpu(type)
#define free_percpu(p) shim_free(p)
#define per_cpu_ptr(p, cpu) ((__typeof__(p))(void *)((char *)(p) + (cpu)*SHIM_CPU_STRIDE))
#define this_cpu_ptr(p) per_cpu_ptr(p, shim_cpu())
#define raw_cpu_ptr(p) this_cpu_ptr(p)
#define get_cpu_ptr(p) this_cpu_ptr(p)
#define put_cpu_ptr(p) ((void)(p))
#define this_cpu_add(x, n) (*this_cpu_ptr(&(x)) += (n))
#define this_cpu_sub(x, n) this_cpu_add(x, -(n))
#define this_cpu_inc(x) this_cpu_add(x, 1)
#define this_cpu_dec(x) this_cpu_add(x, -1)
#define this_cpu_read(x) (*this_cpu_ptr(&(x)))
#define this_cpu_write(x, v) (*this_cpu_ptr(&(x)) = (v))
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < SHIM_CPUS; (cpu)++)
#define for_each_online_cpu for_each_possible_cpu
#define smp_processor_id() shim_cpu()
#define raw_smp_processor_id() shim_cpu()

#endif /* SHIM_ENV_ATOMIC_H */
