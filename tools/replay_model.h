/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every sector of a replayed trace must contain.
 *
 * Request i of the trace, if a write, gives its sectors version i + 1; before
 * any, a sector has version 0.  A sector's 512 bytes follow from its address
 * and version, all of them, so that one that is torn, moved, old or foreign is
 * told from a right one.
 */
#ifndef FVP_REPLAY_MODEL_H
#define FVP_REPLAY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR_BYTES 512

/* One request, as lab/replay writes the file: little-endian, 16 bytes. */
struct trace_request {
	uint64_t lba;
	uint32_t len_sectors;
	uint32_t write; /* 0 or 1 */
};

struct trace {
	struct trace_request *request;
	uint32_t count;
	uint64_t end_sector; /* first sector after all */
	uint32_t len_sectors_max;
};

void trace_load(const char *path, struct trace *trace); /* exits on error */

/*
 * By sector: 0 if the trace never touches it, else its version + 1.  A sparse
 * array of the size of the trace's range.
 */
struct model {
	const struct trace *trace;
	uint32_t *version1;
	/* Requests that were in flight at a power cut: each may have happened or not. */
	const uint32_t *uncertain;
	uint32_t uncertain_count;
};

/* All sectors of the trace, with version 0. */
void model_init(struct model *model, const struct trace *trace);
/* Request i has been done. */
void model_apply(struct model *model, uint32_t i);
/* The next run of touched sectors at or after *lba; its length, at most len_max; 0 at the end. */
uint32_t model_next(const struct model *model, uint64_t *lba, uint32_t len_max);

/* Fills in the stamps of version. */
void stamp_write(void *data, uint64_t lba, uint32_t len_sectors, uint32_t version);
/* Fills in what the model says. */
void stamp_model(const struct model *model, void *data, uint64_t lba, uint32_t len_sectors);

/*
 * Compares data with the model and returns the number of wrong sectors; prints
 * the first few (of the whole run).  A sector that an uncertain request covers
 * may have its version: then the model has it from now on, since a sector that
 * has been read must not change again.
 */
uint32_t model_check(struct model *model, const void *data, uint64_t lba, uint32_t len_sectors,
		     const char *where);

#endif /* FVP_REPLAY_MODEL_H */
