/* SPDX-License-Identifier: GPL-2.0 */
/* What an acknowledged write costs in write-back (cost.c). */
#ifndef SIM_COST_H
#define SIM_COST_H

#include "sim.h"

#define SIM_COST_WRITES 1000

struct sim_cost {
	u64 writes, flash_writes, leg_writes;
	u64 longest_ns; /* of an acknowledgement */
};

/*
 * Sends SIM_COST_WRITES writes of 4 KiB, depth at a time, on a machine of its own;
 * dies if one costs, or waits for, more than it has to.
 */
void sim_cost(struct sim_cost *cost, u32 depth, bool fua, bool flash_cache, u32 legs);

#endif /* SIM_COST_H */
