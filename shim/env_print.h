/* SPDX-License-Identifier: GPL-2.0 */
/* Messages, warnings and small library functions (lib.c, crc32c.c). */
#ifndef SHIM_ENV_PRINT_H
#define SHIM_ENV_PRINT_H

/* Messages of core are dropped while set. */
extern bool shim_quiet;

/*
 * A broken invariant.  Calls shim_die_hook if set (the simulator prints its
 * seed), then aborts.
 */
void shim_die(const char *fmt, ...) __attribute__((__noreturn__, __format__(printf, 1, 2)));
extern void (*shim_die_hook)(const char *what);

void shim_printk(const char *level, const char *fmt, ...) __attribute__((__format__(printf, 2, 3)));

#ifndef pr_fmt
#define pr_fmt(fmt) "fvp: " fmt
#endif
#define pr_err(fmt, ...) shim_printk("error", pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...) shim_printk("warning", pr_fmt(fmt), ##__VA_ARGS__)
#define pr_notice(fmt, ...) shim_printk("notice", pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...) shim_printk("info", pr_fmt(fmt), ##__VA_ARGS__)
#define pr_debug(fmt, ...) ((void)0)
#define pr_err_ratelimited pr_err
#define pr_warn_ratelimited pr_warn
#define pr_info_ratelimited pr_info
#define pr_err_once pr_err
#define pr_warn_once pr_warn
#define pr_info_once pr_info

/* The module warns and worsens health; here a warning is the end of the run. */
#define WARN_ON(cond)                                                                              \
	({                                                                                         \
		bool shim_warn = !!(cond);                                                         \
		if (unlikely(shim_warn))                                                           \
			shim_die("%s:%d: WARN_ON(%s)", __FILE__, __LINE__, #cond);                 \
		shim_warn;                                                                         \
	})
#define WARN_ON_ONCE(cond) WARN_ON(cond)
#define WARN(cond, fmt, ...)                                                                       \
	({                                                                                         \
		bool shim_warn = !!(cond);                                                         \
		if (unlikely(shim_warn))                                                           \
			shim_die("%s:%d: " fmt, __FILE__, __LINE__, ##__VA_ARGS__);                \
		shim_warn;                                                                         \
	})
#define WARN_ONCE(cond, fmt, ...) WARN(cond, fmt, ##__VA_ARGS__)
#define BUG_ON(cond) ((void)WARN_ON(cond))
#define BUG() shim_die("%s:%d: BUG", __FILE__, __LINE__)

int scnprintf(char *buf, size_t len, const char *fmt, ...)
	__attribute__((__format__(printf, 3, 4)));
ssize_t strscpy(char *dst, const char *src, size_t len);

static inline void *memset64(u64 *p, u64 v, size_t count)
{
	while (count--)
		p[count] = v;
	return p;
}
void *memchr_inv(const void *p, int c, size_t len);
void sort(void *base, size_t num, size_t width, int (*cmp)(const void *, const void *),
	  void (*swap_fn)(void *, void *, int));

/* As the kernel's: the raw update, without inversion before or after. */
u32 crc32c(u32 seed, const void *data, size_t len);
/* Deliberate defect: every checksum is the same. */
extern bool shim_crc_constant;

#endif /* SHIM_ENV_PRINT_H */
