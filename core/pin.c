// SPDX-License-Identifier: GPL-2.0
/* See pin.h. */
#include "pin.h"

int fvp_pins_init(struct fvp_pins *pins)
{
	pins->index = 0;
	mutex_init(&pins->mutex);
	pins->counts = alloc_percpu(struct fvp_pin_counts);
	return pins->counts ? 0 : -ENOMEM;
}

void fvp_pins_destroy(struct fvp_pins *pins)
{
	free_percpu(pins->counts);
	pins->counts = NULL;
}

/* Has everyone left who entered with this index? */
static bool drained(struct fvp_pins *pins, int index)
{
	unsigned long entered = 0, left = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		left += READ_ONCE(per_cpu_ptr(pins->counts, cpu)->left[index]);
	/*
	 * B: leavers first, so that whoever is counted as having left was counted as
	 * having entered.
	 */
	smp_mb();
	for_each_possible_cpu (cpu)
		entered += READ_ONCE(per_cpu_ptr(pins->counts, cpu)->entered[index]);
	return entered == left;
}

/* Reads take microseconds on flash: look often at first, then with patience. */
static void wait_drained(struct fvp_pins *pins, int index)
{
	unsigned long us = 10;

	while (!drained(pins, index)) {
		usleep_range(us, 2 * us);
		if (us < 5000)
			us *= 2;
	}
}

void fvp_pins_wait(struct fvp_pins *pins)
{
	int old;

	mutex_lock(&pins->mutex);
	/* A: what was unpublished is so before anyone is counted. */
	smp_mb();
	/*
	 * The pair not in use has stragglers at most: those who read the index before
	 * it changed last and are counted only now.
	 */
	old = pins->index;
	wait_drained(pins, !old);
	WRITE_ONCE(pins->index, !old);
	smp_mb();
	wait_drained(pins, old);
	mutex_unlock(&pins->mutex);
}
