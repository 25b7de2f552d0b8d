/* SPDX-License-Identifier: GPL-2.0 */
/* Volumes with acknowledged writes in a pool, whose origins are not attached. */
#ifndef FVP_TOOL_WAITING_H
#define FVP_TOOL_WAITING_H

#include "flash.h"
#include "report.h"

struct fvp_waiting {
	unsigned int volumes; /* as the kernel counts them */
	uint64_t bytes; /* of all of them together */
	/* Which ones: the volume table only knows which may be, so there may be more. */
	struct fvp_flash_volume *list;
	unsigned int count;
};

/*
 * What waits in an active pool; the list is empty if nothing does.  Free with
 * fvp_waiting_free().  Prints if the names cannot be read; the counts are there even so.
 */
int fvp_waiting_load(const struct fvp_view *pool, const struct fvp_views *volumes,
		     struct fvp_waiting *waiting);
void fvp_waiting_free(struct fvp_waiting *waiting);

/* The one of this uuid, or NULL. */
const struct fvp_flash_volume *fvp_waiting_find(const struct fvp_waiting *waiting,
						const char *uuid);

/* Its uuid was made up, or given: nothing of the origin tells it, so it is to be given again. */
bool fvp_waiting_wants_uuid(const struct fvp_flash_volume *volume);

/* "data (0d1f...), ...": what they are called, with their uuids. */
void fvp_waiting_names(const struct fvp_waiting *waiting, char *text, size_t text_bytes);

/* A sentence or two for people, with the remedy; nothing if nothing waits. */
void fvp_waiting_print(const struct fvp_view *pool, const struct fvp_views *volumes);

#endif /* FVP_TOOL_WAITING_H */
