/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock that latencies are measured with.  A read hit asks for it twice, so where the
 * CPU's counter can be trusted its ticks are taken as they are.
 */
#ifndef FVP_CLOCK_H
#define FVP_CLOCK_H

#include <linux/jump_label.h>
#include <linux/sched/clock.h>
#include <linux/types.h>

/* make KCFLAGS=-DFVP_WITHOUT_STATISTICS: to see what they cost. */
#ifdef FVP_WITHOUT_STATISTICS
#define FVP_STATISTICS 0
#else
#define FVP_STATISTICS 1
#endif

/* Decides which clock it is: before anything is measured.  May sleep. */
void fvp_clock_init(void);

#ifdef CONFIG_X86_64
#include <asm/msr.h>
#include <asm/tsc.h>

DECLARE_STATIC_KEY_FALSE(fvp_clock_tsc);
/*
 * Nanoseconds of a tick, FVP_CLOCK_SHIFT bits of it behind the point: good for an hour, at a
 * precision of a few millionths.  Set once.
 */
extern u64 fvp_clock_mult;
#define FVP_CLOCK_SHIFT 20

static __always_inline u64 fvp_clock(void)
{
	return static_branch_likely(&fvp_clock_tsc) ? rdtsc() : local_clock();
}

static __always_inline u64 fvp_clock_ns(u64 ticks)
{
	return static_branch_likely(&fvp_clock_tsc) ? ticks * fvp_clock_mult >> FVP_CLOCK_SHIFT
						    : ticks;
}

#else

static __always_inline u64 fvp_clock(void)
{
	return local_clock();
}

static __always_inline u64 fvp_clock_ns(u64 ticks)
{
	return ticks;
}

#endif
#endif /* FVP_CLOCK_H */
