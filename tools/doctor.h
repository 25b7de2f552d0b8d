/* SPDX-License-Identifier: GPL-2.0 */
/* fvp doctor: what is found, and where it is looked for.  Nothing here writes anything. */
#ifndef FVP_TOOL_DOCTOR_H
#define FVP_TOOL_DOCTOR_H

#include "flash.h"
#include "report.h"

struct fvp_finding {
	const char *id; /* stable: fvp(8) lists them */
	bool grave; /* data is at risk or I/O suffers now */
	const char *why; /* it matters; static */
	char *subject, *what, *remedy;
};

/* A block device of this host. */
struct fvp_block {
	struct fvp_device dev;
	bool quiet; /* its I/O is held, or it is ours: it was not read */
	enum fvp_flash_state state;
	struct fvp_flash_info info; /* if state is valid */
};

struct fvp_doctor {
	struct fvp_finding *finding;
	unsigned int count;
	struct fvp_views pools, volumes;
	struct fvp_block *block;
	unsigned int blocks;
	uint64_t dirty_age_s; /* older dirty data is told */
};

/* Adds one; the remedy is a command, or begins with one, where there is any. */
void fvp_found(struct fvp_doctor *doctor, const char *id, bool grave, const char *subject,
	       const char *why, char *what, char *remedy);
/* Text for it, to be freed. */
char *fvp_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* doctor_host.c: module, kernels, LVM.  True if the kernel has the targets. */
bool fvp_doctor_module(struct fvp_doctor *doctor);
void fvp_doctor_host(struct fvp_doctor *doctor);
/* doctor_state.c: pools and volumes that are active. */
void fvp_doctor_state(struct fvp_doctor *doctor);
/* doctor_media.c: all block devices, what is on them and below them. */
void fvp_doctor_media(struct fvp_doctor *doctor);

#endif /* FVP_TOOL_DOCTOR_H */
