// SPDX-License-Identifier: GPL-2.0
/* See clock.h. */
#include "env.h"

#ifdef CONFIG_X86_64

DEFINE_STATIC_KEY_FALSE(fvp_clock_tsc);
u64 fvp_clock_mult;

void fvp_clock_init(void)
{
	if (check_tsc_unstable() || !tsc_khz)
		return;
	fvp_clock_mult = div_u64((u64)NSEC_PER_MSEC << FVP_CLOCK_SHIFT, tsc_khz);
	static_branch_enable(&fvp_clock_tsc);
}

#else

void fvp_clock_init(void)
{
}

#endif
