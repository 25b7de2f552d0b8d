/* SPDX-License-Identifier: GPL-2.0 */
/* Types, arithmetic, bits, byte order, error pointers: needs no scheduler. */
#ifndef SHIM_ENV_TYPES_H
#define SHIM_ENV_TYPES_H

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef unsigned int gfp_t;
typedef unsigned int uint;

#define U8_MAX ((u8)~0U)
#define U16_MAX ((u16)~0U)
#define U32_MAX ((u32)~0U)
#define U64_MAX ((u64)~0ULL)
#define S32_MAX ((s32)(U32_MAX >> 1))
#define S64_MAX ((s64)(U64_MAX >> 1))

#define __force
#define __must_check __attribute__((__warn_unused_result__))
#define __user
#define __iomem
#define __rcu
#define __percpu
#define __init
#define __exit
#define __packed __attribute__((__packed__))
#define __aligned(n) __attribute__((__aligned__(n)))
#define __maybe_unused __attribute__((__unused__))
#define __always_unused __attribute__((__unused__))
#define __printf(a, b) __attribute__((__format__(printf, a, b)))
#undef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#define __cold __attribute__((__cold__))
#define __acquires(x)
#define __releases(x)
#define __acquire(x) ((void)0)
#define __release(x) ((void)0)
#define noinline __attribute__((__noinline__))
#define fallthrough __attribute__((__fallthrough__))
#define ____cacheline_aligned_in_smp __attribute__((__aligned__(64)))
#define ____cacheline_aligned __attribute__((__aligned__(64)))
#define SMP_CACHE_BYTES 64
#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)

#define EXPORT_SYMBOL_GPL(x)
#define EXPORT_SYMBOL(x)
#define MODULE_LICENSE(x)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() __asm__ volatile("" ::: "memory")

#ifndef static_assert
#define static_assert _Static_assert
#endif
#define BUILD_BUG_ON(cond) _Static_assert(!(cond), #cond)
#define BUILD_BUG_ON_ZERO(cond) (sizeof(char[1 - 2 * !!(cond)]) - 1)

#define container_of(ptr, type, member)                                                            \
	((type *)(void *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define sizeof_field(type, member) sizeof(((type *)0)->member)
#define struct_size(p, member, n) (sizeof(*(p)) + sizeof((p)->member[0]) * (size_t)(n))
#define array_size(a, b) ((size_t)(a) * (size_t)(b))
#define offsetofend(type, member) (offsetof(type, member) + sizeof_field(type, member))

#define shim_pick_t(type, x, y, op)                                                                \
	({                                                                                         \
		type shim_x = (type)(x);                                                           \
		type shim_y = (type)(y);                                                           \
		shim_x op shim_y ? shim_x : shim_y;                                                \
	})
/* Looser than the kernel's, which refuses mixed signedness: that build is the judge. */
#define min(x, y) shim_pick_t(__typeof__(1 ? (x) : (y)), x, y, <)
#define max(x, y) shim_pick_t(__typeof__(1 ? (x) : (y)), x, y, >)
#define min_t(type, x, y) shim_pick_t(type, x, y, <)
#define max_t(type, x, y) shim_pick_t(type, x, y, >)
#define min3(x, y, z) min(min(x, y), z)
#define max3(x, y, z) max(max(x, y), z)
#define clamp(v, lo, hi) min(max(v, lo), hi)
#define clamp_t(type, v, lo, hi) min_t(type, max_t(type, v, lo), hi)
#define clamp_val(v, lo, hi) clamp_t(__typeof__(v), v, lo, hi)
#define swap(a, b)                                                                                 \
	do {                                                                                       \
		__typeof__(a) shim_tmp = (a);                                                      \
		(a) = (b);                                                                         \
		(b) = shim_tmp;                                                                    \
	} while (0)

#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define DIV_ROUND_UP_ULL(n, d) (((u64)(n) + (d)-1) / (d))
/* round_*: powers of two only; the others take any number. */
#define round_down(x, y) ((x) & ~((__typeof__(x))((y)-1)))
#define round_up(x, y) ((((x)-1) | ((__typeof__(x))((y)-1))) + 1)
#define roundup(x, y) ((((x) + ((y)-1)) / (y)) * (y))
#define rounddown(x, y) ((x) - ((x) % (y)))
#define ALIGN(x, a) round_up(x, a)
#define ALIGN_DOWN(x, a) round_down(x, a)
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)

#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK(h, l) ((~0UL << (l)) & (~0UL >> (63 - (h))))
#define GENMASK_ULL(h, l) ((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define BITS_PER_LONG 64
#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}
static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}
static inline unsigned long __ffs(unsigned long x)
{
	return (unsigned long)__builtin_ctzl(x);
}
static inline unsigned int hweight64(u64 x)
{
	return (unsigned int)__builtin_popcountll(x);
}
static inline unsigned int hweight8(u8 x)
{
	return (unsigned int)__builtin_popcount(x);
}
static inline unsigned int hweight32(u32 x)
{
	return (unsigned int)__builtin_popcount(x);
}
#define ilog2(x) (fls64(x) - 1)
static inline bool is_power_of_2(unsigned long x)
{
	return x && !(x & (x - 1));
}
static inline unsigned long roundup_pow_of_two(unsigned long x)
{
	return x <= 1 ? 1 : 1UL << fls64(x - 1);
}
static inline unsigned long rounddown_pow_of_two(unsigned long x)
{
	return 1UL << (fls64(x) - 1);
}
#define order_base_2(x) ((x) <= 1 ? 0 : fls64((x)-1))

static inline u64 div_u64(u64 a, u32 b)
{
	return a / b;
}
static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}
static inline u64 div_u64_rem(u64 a, u32 b, u32 *rem)
{
	*rem = (u32)(a % b);
	return a / b;
}
static inline u64 div64_u64_rem(u64 a, u64 b, u64 *rem)
{
	*rem = a % b;
	return a / b;
}
static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c)
{
	return (u64)((unsigned __int128)a * b / c);
}
#define do_div(n, base)                                                                            \
	({                                                                                         \
		u32 shim_rem = (u32)((n) % (base));                                                \
		(n) /= (base);                                                                     \
		shim_rem;                                                                          \
	})
#define lower_32_bits(n) ((u32)(n))
#define upper_32_bits(n) ((u32)((u64)(n) >> 32))
#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)
#define check_sub_overflow(a, b, d) __builtin_sub_overflow(a, b, d)
#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)

static inline void set_bit(long nr, unsigned long *p)
{
	p[nr / 64] |= 1UL << (nr % 64);
}
static inline void clear_bit(long nr, unsigned long *p)
{
	p[nr / 64] &= ~(1UL << (nr % 64));
}
static inline bool test_bit(long nr, const unsigned long *p)
{
	return p[nr / 64] >> (nr % 64) & 1;
}
static inline bool test_and_set_bit(long nr, unsigned long *p)
{
	bool old = test_bit(nr, p);

	set_bit(nr, p);
	return old;
}
static inline bool test_and_clear_bit(long nr, unsigned long *p)
{
	bool old = test_bit(nr, p);

	clear_bit(nr, p);
	return old;
}
#define __set_bit set_bit
#define __clear_bit clear_bit
#define __test_and_set_bit test_and_set_bit
#define __test_and_clear_bit test_and_clear_bit

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the shim is for little-endian hosts"
#endif
#define cpu_to_le16(x) ((__le16)(u16)(x))
#define cpu_to_le32(x) ((__le32)(u32)(x))
#define cpu_to_le64(x) ((__le64)(u64)(x))
#define le16_to_cpu(x) ((u16)(x))
#define le32_to_cpu(x) ((u32)(x))
#define le64_to_cpu(x) ((u64)(x))

#define MAX_ERRNO 4095
#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif
static inline void *ERR_PTR(long error)
{
	return (void *)error;
}
static inline long PTR_ERR(const void *p)
{
	return (long)p;
}
static inline bool IS_ERR(const void *p)
{
	return (unsigned long)p >= (unsigned long)-MAX_ERRNO;
}
static inline bool IS_ERR_OR_NULL(const void *p)
{
	return !p || IS_ERR(p);
}
static inline int PTR_ERR_OR_ZERO(const void *p)
{
	return IS_ERR(p) ? (int)PTR_ERR(p) : 0;
}
static inline void *ERR_CAST(const void *p)
{
	return (void *)p;
}

#define NSEC_PER_USEC 1000L
#define NSEC_PER_MSEC 1000000L
#define NSEC_PER_SEC 1000000000L
#define USEC_PER_SEC 1000000L
#define MSEC_PER_SEC 1000L

#endif /* SHIM_ENV_TYPES_H */
