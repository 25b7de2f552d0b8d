/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Content of a device, in pages made on demand, with an undo entry for every
 * sector that was written and is not durable.  Flash keeps bytes, origins keep
 * one stamp a sector.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "sim.h"

/* Data of an I/O: bytes, or one stamp a sector.  Exactly one is set. */
struct sim_data {
	u8 *bytes;
	u64 *stamps;
};

struct store;

/* unit: 512 (bytes) or 8 (stamps).  initial: stamp of an untouched sector, NULL: 0. */
struct store *store_create(u32 unit, u64 (*initial)(void *arg, u64 sector), void *arg);
void store_free(struct store *st);

void store_read(struct store *st, u64 sector, u32 len, struct sim_data data);

/* A write gets an id; its parts are applied with it. */
u64 store_write_begin(struct store *st);
void store_write_apply(struct store *st, u64 id, u64 sector, u32 len, struct sim_data data,
		       u32 data_off);
void store_write_done(struct store *st, u64 id);
/* Every part of write id on these sectors is durable. */
void store_settle_write(struct store *st, u64 id, u64 sector, u32 len);
/* All writes done up to this moment; pass it to store_settle_done() when the flush ends. */
u64 store_moment(struct store *st);
void store_settle_done(struct store *st, u64 moment);
/* Written by other means, durable at once. */
void store_poke(struct store *st, u64 sector, u32 len, struct sim_data data);
u64 store_peek(struct store *st, u64 sector);
/* Calls fn with each value that the sector may have after a power cut now, newest first. */
void store_possible(struct store *st, u64 sector, void (*fn)(void *arg, u64 stamp), void *arg);

/*
 * Power cut: of each sector's unsettled writes, the newest ones are lost, as rng
 * decides, in whole blocks.  Returns sectors that lost something.
 */
u64 store_crash(struct store *st, u32 block_sectors, struct shim_rng *rng);

#endif /* SIM_STORE_H */
