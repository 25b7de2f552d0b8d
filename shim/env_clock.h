/* SPDX-License-Identifier: GPL-2.0 */
/* The clock of kernel/clock.h, for userspace: that of the host. */
#ifndef SHIM_ENV_CLOCK_H
#define SHIM_ENV_CLOCK_H

#define FVP_STATISTICS 1

u64 fvp_host_now_ns(void);

static inline u64 fvp_clock(void)
{
	return fvp_host_now_ns();
}

static inline u64 fvp_clock_ns(u64 ticks)
{
	return ticks;
}

#endif /* SHIM_ENV_CLOCK_H */
