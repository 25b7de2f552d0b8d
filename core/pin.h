/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads in flight at flash, counted so that reclaim can wait for those that began
 * before (I2).  The idea is sleepable RCU's: two pairs of per-CPU counts, entered and
 * left, and an index that says which pair newcomers use; a waiter lets both pairs
 * drain in turn.  Made here because a read enters in map and leaves in end_io, often
 * on another CPU, and because it has to be inline: it is a tenth of what a hit costs.
 */
#ifndef FVP_PIN_H
#define FVP_PIN_H

#include "env.h"

struct fvp_pin_counts {
	unsigned long entered[2];
	unsigned long left[2];
};

struct fvp_pins {
	struct fvp_pin_counts __percpu *counts;
	int index; /* pair for newcomers; written under mutex */
	struct mutex mutex; /* one waiter at a time */
};

/* 0 or -ENOMEM. */
int fvp_pins_init(struct fvp_pins *pins);
void fvp_pins_destroy(struct fvp_pins *pins);

/* Any context.  Returns what fvp_pin_leave() wants. */
static __always_inline int fvp_pin_enter(struct fvp_pins *pins)
{
	int index = READ_ONCE(pins->index);

	this_cpu_inc(pins->counts->entered[index]);
	/* Counted before anything is looked up; pairs with A in pin.c. */
	smp_mb();
	return index;
}

/* Any context, any CPU. */
static __always_inline void fvp_pin_leave(struct fvp_pins *pins, int index)
{
	/* All use is over before it is counted; pairs with B in pin.c. */
	smp_mb();
	this_cpu_inc(pins->counts->left[index]);
}

/*
 * Returns when every read that had entered before the call has left.  What the
 * caller unpublished before cannot be in use any more.  Sleeps.
 */
void fvp_pins_wait(struct fvp_pins *pins);

#endif /* FVP_PIN_H */
