/* SPDX-License-Identifier: GPL-2.0 */
/* The simulated machine, between scenario.c, machine.c and checks.c. */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "guest.h"

struct machine {
	struct fvp_dev *flash[SIM_FLASH_MAX];
	u32 flash_count;
	u32 block_sectors;
	u32 segment_sectors;
	struct sim_vol vol[SIM_VOLUMES_MAX];
	u32 vol_count;
	u64 crash_at; /* step of the power cut; ~0: none planned */
	/* Or: soon after some more writes of this kind. */
	enum crash_watch { WATCH_NONE, WATCH_SUPER, WATCH_HEADER, WATCH_SUMMARY, WATCH_FUA } watch;
	u32 watch_left;
	bool flash_fault; /* one failing device or write a life, so that voiding can work */
	bool open_may_fail; /* faults that may make an open fail are active */
};
extern struct machine m;

/* --- machine.c: building it, running core's calls, power --- */

void machine_build(u64 seed);
void machine_free(void);
/* New superblocks on all flash devices: a new pool. */
void machine_format(void);
/* Takes all power away; afterwards nothing of core is left. */
void machine_crash(void);
/* Sums core's counters up before they go. */
void machine_collect(struct sim_vol *vol);
void machine_collect_pool(void);

/* All false when the power cut came first. */
bool run_until(bool (*cond)(void *arg), void *arg);
bool run_call(const char *name, void (*fn)(void *arg), void *arg);
bool run_steps(u64 steps);
bool run_ns(u64 ns);
/* Lets everything that still runs come to its end; no power cut. */
void run_to_rest(void);
/* Guests issue nothing more, and what they asked for is done. */
bool guests_stop(struct sim_vol *vol);

/* --- checks.c --- */

/*
 * At rest, every sector that was ever touched (or a sample of them) reads as the origin has it, and the
 * index is sound.  Guests must be stopped.  False: power cut.
 */
bool check_volume(struct sim_vol *vol, bool sample);
/* The origin itself has allowed values (nothing is attached). */
void check_origin(struct sim_vol *vol);
/* Damages metadata on flash in ways that must be survived, with the power off. */
void corrupt_flash(void);
void bad_flash(void);

#endif /* SIM_MACHINE_H */
