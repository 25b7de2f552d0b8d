/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulator: production core/ between simulated guests and simulated
 * devices, everything decided by one seed.
 *
 *	main.c      seeds, jobs, options, summary
 *	scenario.c  the life of a machine: open, run, power cuts   events.c  what happens in it
 *	calls.c     core's calls, and what must hold after each
 *	workload.c  guests: what they ask for
 *	host.c      core/host.h, and the path a guest's request takes
 *	oracle.c    what a read may return     past.c  what the origin alone may hold
 *	device.c    devices: latency, faults, caches    store.c  their content
 *	defect.c    deliberate defects of devices
 *	cost.c      device writes per acknowledged write
 *
 * Data of a sector is its *stamp*: a u64 that names volume, sector and version,
 * expanded over the 512 bytes in such a way that any part of another sector is
 * recognised.  Stamp 0 is a sector of zeroes.
 */
#ifndef SIM_H
#define SIM_H

#include "fiber.h"
#include "fvp_format.h"
#include "host.h"
#include "pool.h"
#include "hit.h"
#include "leg.h"
#include "super.h"

#define SIM_VOLUMES_MAX 3
#define SIM_FLASH_MAX 3
#define SIM_LEGS_MAX 3

/* What happened; summed over all seeds, so that coverage can be seen to be non-zero. */
#define SIM_COUNTERS(X)                                                                            \
	X(seeds)                                                                                   \
	X(steps)                                                                                   \
	X(opens)                                                                                   \
	X(clean_closes)                                                                            \
	X(crashes)                                                                                 \
	X(crashes_host_only)                                                                       \
	X(crashes_in_open)                                                                         \
	X(crashes_in_load)                                                                         \
	X(crashes_suspended)                                                                       \
	X(crashes_dirty)                                                                           \
	X(crashes_destaging)                                                                       \
	X(crashes_draining)                                                                        \
	X(crashes_watched)                                                                         \
	X(crashes_watermark)                                                                       \
	X(crashes_origin_flush)                                                                    \
	X(crashes_recovering)                                                                      \
	X(crashes_recovery)                                                                        \
	X(legs_added)                                                                              \
	X(legs_removed)                                                                            \
	X(legs_changes)                                                                            \
	X(legs_dropped)                                                                            \
	X(fault_leg)                                                                               \
	X(recoveries)                                                                              \
	X(recovered_sectors)                                                                       \
	X(recovered_whole)                                                                         \
	X(leg_read_sectors)                                                                        \
	X(scrubs)                                                                                  \
	X(scrubs_complete)                                                                         \
	X(scrub_checked_sectors)                                                                   \
	X(scrub_headers)                                                                           \
	X(crash_sectors_lost)                                                                      \
	X(crash_writes_torn)                                                                       \
	X(reorders)                                                                                \
	X(opens_refused)                                                                           \
	X(reformats)                                                                               \
	X(corruptions)                                                                             \
	X(healings)                                                                                \
	X(suspends)                                                                                \
	X(detaches_keep)                                                                           \
	X(detaches_forget)                                                                         \
	X(drops)                                                                                   \
	X(mode_changes)                                                                            \
	X(mode_waits)                                                                              \
	X(order_changes)                                                                           \
	X(drains_ok)                                                                               \
	X(drains_failed)                                                                           \
	X(drains_undone)                                                                           \
	X(flush_waits)                                                                             \
	X(waiting_volumes)                                                                         \
	X(stuck_by_waiting)                                                                        \
	X(attached_dirty)                                                                          \
	X(lost_ranges)                                                                             \
	X(lost_errors)                                                                             \
	X(lost_forgotten)                                                                          \
	X(past_checks)                                                                             \
	X(past_checks_behind)                                                                      \
	X(past_required)                                                                           \
	X(past_sectors)                                                                            \
	X(behind_back_writes)                                                                      \
	X(quiet_checks)                                                                            \
	X(quiet_checks_clean)                                                                      \
	X(quiet_sectors)                                                                           \
	X(requests)                                                                                \
	X(reads)                                                                                   \
	X(read_sectors_checked)                                                                    \
	X(sectors_fixed)                                                                           \
	X(writes)                                                                                  \
	X(writes_fua)                                                                              \
	X(changed_in_flight)                                                                       \
	X(flushes)                                                                                 \
	X(discards)                                                                                \
	X(write_zeroes)                                                                            \
	X(guest_errors)                                                                            \
	X(reads_remapped)                                                                          \
	X(reads_split)                                                                             \
	X(flash_reads)                                                                             \
	X(flash_writes)                                                                            \
	X(flash_fua)                                                                               \
	X(flash_flushes)                                                                           \
	X(origin_reads)                                                                            \
	X(origin_writes)                                                                           \
	X(origin_flushes)                                                                          \
	X(fault_flash_read)                                                                        \
	X(fault_flash_read_permanent)                                                              \
	X(fault_flash_write)                                                                       \
	X(fault_flash_dead)                                                                        \
	X(fault_flash_returned)                                                                    \
	X(fault_origin_read)                                                                       \
	X(fault_origin_write)                                                                      \
	X(fault_origin_fails)                                                                      \
	X(fault_origin_stalls)                                                                     \
	X(fault_alloc)                                                                             \
	X(fault_buf_alloc)                                                                         \
	X(hit_sectors)                                                                             \
	X(ram_hit_sectors)                                                                         \
	X(fill_sectors)                                                                            \
	X(write_fill_sectors)                                                                      \
	X(fill_lost)                                                                               \
	X(fill_refused)                                                                            \
	X(write_back_ios)                                                                          \
	X(paced_ios)                                                                               \
	X(grouped_ios)                                                                             \
	X(held_ios)                                                                                \
	X(destaged_sectors)                                                                        \
	X(merged_sectors)                                                                          \
	X(destage_ios)                                                                             \
	X(destage_batches)                                                                         \
	X(tombstones)                                                                              \
	X(write_waits)                                                                             \
	X(flash_read_errors)                                                                       \
	X(promoted_sectors)                                                                        \
	X(evicted_sectors)                                                                         \
	X(segments_sealed)                                                                         \
	X(segments_reclaimed)                                                                      \
	X(records)                                                                                 \
	X(loaded_entries)                                                                          \
	X(bad_blocks)                                                                              \
	X(bad_data)

#define SIM_COUNTER_FIELD(name) u64 name;
struct sim_counters {
	SIM_COUNTERS(SIM_COUNTER_FIELD)
};

/* Deliberate defects of the host: each must be caught. */
enum sim_defect {
	SIM_DEFECT_NONE,
	SIM_DEFECT_NO_FUA, /* FUA on flash writes is dropped */
	SIM_DEFECT_NO_FLUSH, /* flushes of flash do nothing */
	SIM_DEFECT_EARLY_DONE, /* flash writes complete before they are durable */
	SIM_DEFECT_NO_CRC, /* every checksum is the same: torn data passes */
	SIM_DEFECT_NO_SUSPEND_NOTE, /* superblock writes during suspend are lost */
	SIM_DEFECT_NO_PIN, /* a read is reported done to core as soon as it is sent */
	SIM_DEFECT_LOST_TOMBSTONES, /* records of tombstones are acknowledged and lost */
	SIM_DEFECT_SHORT_READ, /* the end of a long flash read is not filled in */
	SIM_DEFECT_HIDE_CACHE, /* core is told that origins have no volatile cache */
	SIM_DEFECT_NO_GUEST_FUA, /* FUA is dropped on records with dirty data */
	SIM_DEFECT_NO_DESTAGE_FLUSH, /* flushes of flash by a destager do nothing */
	SIM_DEFECT_NO_ORIGIN_FLUSH, /* flushes of origins do nothing */
	SIM_DEFECT_LATE_ORIGIN_FLUSH, /* each makes durable what the one before it should have */
	SIM_DEFECT_LOST_WATERMARKS, /* records of watermarks are acknowledged and lost */
	SIM_DEFECT_RELAXED_ORDER, /* core is told relaxed, the oracle strict */
	SIM_DEFECT_LEG_NO_FUA, /* FUA on writes to replica legs is dropped */
	SIM_DEFECT_LEG_LOST_RECORD, /* one in a hundred records to a leg is acknowledged and lost */
	SIM_DEFECT_LEG_LOST_WATERMARKS, /* legs acknowledge and lose watermarks, superblocks too */
	SIM_DEFECT_LEG_SET_LOST, /* superblock writes while a leg is being dropped are lost */
	SIM_DEFECT_COUNT,
};
extern const char *const sim_defect_names[SIM_DEFECT_COUNT];

/* What one run is about.  From the seed, or for unit tests from their code. */
struct sim_config {
	u64 seed;
	enum sim_defect defect;
	bool verbose;
	bool origin_cache; /* origins lose unflushed writes at a power cut */
	bool write_back; /* all volumes, always */
	bool no_write_back;
	bool crash_often; /* lives are short */
	u64 steps_max;
	u32 phases; /* guest phases in all */
};

struct sim_state {
	struct sim_config config;
	struct sim_counters *count;
	struct shim_rng rng; /* scenario */
	struct shim_rng io_rng; /* devices, allocation failures */
	bool calm; /* no faults are injected just now */
	u32 alloc_fail_permille;
	bool in_suspend;
	struct fvp_pool *pool; /* NULL while down */
};
extern struct sim_state sim;

/* Prints in verbose runs, and enters the trace hash in all. */
void sim_note(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));

/* Sets devices, guests and so on up by config, runs it; dies on a violation. */
void sim_run_seed(const struct sim_config *config, struct sim_counters *count);

/* --- stamps --- */

#define SIM_STAMP_TORN (~0ULL) /* bytes that no stamp expands to */
static inline u64 sim_stamp(u32 volume, u64 lba, u32 version)
{
	return (u64)(volume + 1) << 60 | (lba & ((1ULL << 36) - 1)) << 24 | (version & 0xffffff);
}
void sim_stamp_expand(u64 stamp, void *sector);
u64 sim_stamp_of(const void *sector);
const char *sim_stamp_text(u64 stamp, char *buf, size_t len);

#endif /* SIM_H */
