/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting until an origin has what write-back acknowledged, with progress on stdout. */
#ifndef FVP_TOOL_WAIT_H
#define FVP_TOOL_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct fvp_wait {
	const char *name; /* of the volume's device */
	/* Until dirty_out has come to this; 0: until nothing is dirty and it has left write-back. */
	uint64_t until;
	bool forget_lost; /* what flash does not give back is given up as soon as that is found */
	uint64_t left_bytes; /* out: when the wait ended */
	uint64_t took_ms; /* out */
	bool lost; /* out: flash does not give back some of its data, which the origin lacks */
};

/*
 * FVP_OK: the origin has all.  Or, having said nothing but the progress: FVP_INTERRUPTED by a
 * signal; FVP_SYSTEM the origin fails writes, or flash reads, and has for a while, or nothing
 * is left to be destaged but some of it is lost; FVP_ABSENT the volume is gone.  The destaging
 * itself goes on in any case.
 */
int fvp_wait(struct fvp_wait *wait);

/* The same of a volume of which nothing is dirty: FVP_OK, or FVP_SYSTEM if some was lost. */
int fvp_wait_nothing(struct fvp_wait *wait);

/*
 * Has the origin of a volume get all that is dirty now, *dirty_bytes; wait->until is where
 * that ends (0: nothing was ever dirty).  Prints why not.
 */
int fvp_wait_flush_begin(struct fvp_wait *wait, uint64_t *dirty_bytes);

/* For other waits: until fvp_signals_release() signals that end a program are only noted. */
struct fvp_signals {
	struct sigaction old[3];
};
void fvp_signals_hold(struct fvp_signals *signals);
void fvp_signals_release(const struct fvp_signals *signals);
bool fvp_interrupted(void);
/* Monotonic. */
uint64_t fvp_now_ms(void);

/* Says it, for callers to whom the three mean just that.  Returns ret. */
int fvp_wait_explain(const struct fvp_wait *wait, int ret);

#endif /* FVP_TOOL_WAIT_H */
