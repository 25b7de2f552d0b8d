/* SPDX-License-Identifier: GPL-2.0 */
/* The simulated machine, between scenario.c, machine.c and checks.c. */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "guest.h"

struct machine {
	struct fvp_dev *flash[SIM_FLASH_MAX];
	u32 flash_count;
	struct fvp_dev *leg[SIM_LEGS_MAX];
	u32 leg_count;
	bool leg_added[SIM_LEGS_MAX]; /* the pool has it */
	bool leg_given[SIM_LEGS_MAX]; /* ... and has got it since it was opened */
	bool leg_trouble; /* in this life, some leg's: dirty data may not be on it */
	u32 block_sectors;
	u32 segment_sectors;
	struct sim_vol vol[SIM_VOLUMES_MAX];
	u32 vol_count;
	u64 crash_at; /* step of the power cut; ~0: none planned */
	/* Or: soon after some more of this. */
	enum crash_watch {
		WATCH_NONE,
		WATCH_SUPER,
		WATCH_HEADER,
		WATCH_SUMMARY,
		WATCH_FUA,
		WATCH_WATERMARK,
		WATCH_DESTAGE, /* core writes to an origin */
		WATCH_ORIGIN_FLUSH, /* core flushes one */
		WATCH_DRAIN, /* the same two, while somebody waits for a drain */
		WATCH_RECOVER, /* I/O while the pool is being opened, or destaging before guests run */
		WATCH_COUNT,
		/* Not by chance alone: */
		WATCH_LEG_SET, /* a leg set without a leg is written */
	} watch;
	u32 watch_left;
	enum crash_watch watched; /* which has been seen */
	bool served; /* guests have run in this life */
	struct shim_rng check_rng; /* so that checks do not change what happens */
	u64 ages_at_ns; /* when to look next for requests that take too long */
	u64 helped; /* what the administrator had done when he was last called for help */
	bool administrator; /* is at work */
	u32 draining; /* calls that wait for a drain */
	u32 write_back_percent; /* of choices of a mode */
	bool flash_fault; /* one failing device or write a life, so that voiding can work */
	bool flash_trouble; /* in this life flash may fail reads */
	bool flash_lost; /* flash has failed reads: data may be lost */
	bool host_lost; /* the power has gone for good: its flash is not there any more */
	bool last_life; /* nothing is to fail */
	bool damaged; /* a segment's header was: what is behind it may be gone unseen */
};
extern struct machine m;

/* --- machine.c: building it, running core's calls, power --- */

void machine_build(u64 seed);
void machine_free(void);
/* A new device's superblock, without volumes: both copies. */
void super_poke(struct fvp_dev *dev, const struct fvp_super *super);
/* New superblocks on all flash devices: a new pool. */
void machine_format(void);
/* The same, and what was on flash only is lost. */
void machine_replace_flash(void);
/* Flash came back from a failure: what the origins lack may be gone. */
void machine_lose_dirty(void);
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

/* --- calls.c: core's calls, for run_call(), and what must hold after each --- */

struct open_call {
	int err;
	char text[256];
	struct fvp_pool *pool;
};
void call_open(void *open_call);
void call_close(void *unused);
void call_wait_loaded(void *unused);
/* These take a struct sim_vol. */
void call_attach(void *vol);
void call_resume(void *vol);
void call_come(void *vol); /* both, unless the administrator has attached it */
void call_suspend(void *vol);
void call_drain(void *vol);
void call_drain_undo(void *vol);
void call_detach_keep(void *vol);
void call_detach_forget(void *vol);
void call_mode(void *vol); /* another one, picked at random */
void call_mode_wait(void *vol); /* until the requested mode is in force */
void call_order(void *vol);
void call_drop(void *vol);
void call_flush_wait(void *vol); /* until all that is dirty now has been destaged */
void call_forget_lost(void *vol);
void call_scrub(void *none);
/*
 * Somebody got an error for this: it must be lost data, as core will be asked soon.
 * False: it cannot be.
 */
bool sim_lost_later(const struct sim_req *req);
/* Things take long: somebody looks after it, and accepts what is lost.  Any context. */
void sim_call_administrator(void);

/* --- events.c: what may happen while a machine runs; false: power cut --- */

bool machine_event(void);
bool machine_attach(struct sim_vol *vol);
bool machine_detach(struct sim_vol *vol, bool keep);
void machine_guests_start(struct sim_vol *vol);
/* The origin takes no write from now on, perhaps: what is dirty has to wait in the pool. */
void machine_maybe_fail(struct sim_vol *vol);

/* --- legs.c --- */

void legs_build(void);
void legs_free(void);
/* New replicas for a new pool; not added to it. */
void legs_format(const struct fvp_super *pool_super);
void legs_power_on(void);
void legs_params(struct fvp_pool_params *params);
void call_legs(void *vol); /* other ones for the volume */
bool event_leg(void);
/* Those that the pool has not, after it was opened.  False: power cut. */
bool legs_come(void);
/* All dirty data of the volume is on a replica, for sure. */
bool leg_covers(const struct sim_vol *vol);
/* Is a leg on its way out of the set? */
bool legs_dropping(void);
/*
 * With the power off: flash is lost, its dirty data is saved from a leg that has it all,
 * with power cuts in between, and the flash is new then.  False: there is no such leg.
 */
bool legs_recover(void);

/* --- checks.c --- */

/*
 * At rest, every sector that was ever touched (or a sample of them) reads as it may,
 * and as the origin has it unless there is dirty data; and the index is sound.
 * Guests must be stopped.  False: power cut.
 */
bool check_volume(struct sim_vol *vol, bool sample);
/* The origin itself has allowed values (no guest runs, and nothing is dirty). */
void check_origin(struct sim_vol *vol);
/* Damages metadata on flash in ways that must be survived, with the power off. */
void corrupt_flash(void);
void bad_flash(void);
/* Takes all of that back, as far as it has not been overwritten.  False: there was none. */
bool heal_flash(void);
/* The devices are others now. */
void damage_forget(void);

#endif /* SIM_MACHINE_H */
