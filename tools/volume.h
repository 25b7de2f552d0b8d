/* SPDX-License-Identifier: GPL-2.0 */
/* What attaching and detaching share. */
#ifndef FVP_TOOL_VOLUME_H
#define FVP_TOOL_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "replica.h"
#include "report.h"

/* Added to a device's name for the hidden device that has its old table. */
#define FVP_ORIGIN_SUFFIX "-fvp-origin"

struct fvp_attach {
	struct fvp_device origin;
	const struct fvp_view *pool;
	char name[FVP_DM_NAME_BYTES]; /* of the volume's device */
	char uuid[40]; /* of the volume */
	const char *mode; /* while attaching */
	bool relaxed; /* order of destaging */
	bool waiting; /* the pool may have writes of it that the origin lacks */
	unsigned int replicas; /* that it has been given */
	bool warm; /* trust content of an earlier attachment */
	uint64_t held_us; /* out: how long I/O was held */
};

/* What is to be attached, and how. */
struct fvp_attach_request {
	const char *origin; /* path or name */
	const char *pool; /* name; NULL: the only one */
	const char *name, *uuid; /* NULL: as the origin has it */
	const char *mode, *order;
	const char *replicas; /* a number or "all"; NULL: see below */
	const struct fvp_replicas *exact; /* just these, by uuid; NULL: as they are */
	unsigned int exact_min; /* of those, that write-back needs */
	bool warm, cold;
	bool json;
};

/*
 * Attaches it, and says on stdout how that went.  Waits for whoever changes the volume of
 * this uuid, keeps others from it meanwhile, and records it (record.h).
 */
int fvp_attach(const struct fvp_attach_request *request);

/* dev could be attached as it is; else says in why what it is that stands against it. */
bool fvp_attach_live_possible(const struct fvp_dm_device *dev, char *why, size_t why_bytes);

/*
 * The uuid that a volume on this origin gets if none is given; dm: its device-mapper
 * device, or NULL.  False: nothing tells it from others.
 */
bool fvp_volume_uuid(const struct fvp_device *origin, const struct fvp_dm_device *dm,
		     char text[40]);

/* The volume's table over the given origin device. */
void fvp_attach_table(const struct fvp_attach *attach, unsigned int origin_major,
		      unsigned int origin_minor, struct fvp_dm_table *table);

/* Makes the pool forget what it has of this volume, over an origin that nobody uses. */
int fvp_attach_forget(const struct fvp_attach *attach, unsigned int origin_major,
		      unsigned int origin_minor);

/* The replicas that text asks for: as many of the first, or "all"; says what is wrong. */
int fvp_volume_replicas_choose(const struct fvp_view *pool, const char *text,
			       struct fvp_replicas *wanted);
/* Not more than a volume may have; says so. */
int fvp_volume_replicas_check(const struct fvp_replicas *wanted);
/* Tells an attached volume, which leaves write-back for the time that takes. */
int fvp_volume_replicas_set(const char *volume, const struct fvp_replicas *wanted,
			    unsigned int min);

/* Under the running dm device dev, which keeps its name and stays open. */
int fvp_attach_live(struct fvp_attach *attach, const struct fvp_dm_device *dev);

#endif /* FVP_TOOL_VOLUME_H */
