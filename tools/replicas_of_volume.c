// SPDX-License-Identifier: GPL-2.0
/* Which replicas a volume is to have: what attaching and `fvp volume replicas` share. */
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "fvp.h"
#include "replica.h"
#include "volume.h"

int fvp_volume_replicas_set(const char *volume, const struct fvp_replicas *wanted, unsigned int min)
{
	char message[64 + FVP_REPLICAS_MAX * (FVP_UUID_TEXT_BYTES + 1)];
	int used = snprintf(message, sizeof(message), "replicas %u", min);

	for (unsigned int i = 0; i < wanted->count; i++)
		used += snprintf(message + used, sizeof(message) - (size_t)used, " %s",
				 wanted->replica[i].uuid);
	if (fvp_dm_message(volume, message))
		return fvp_error(FVP_SYSTEM, "cannot set the replicas of %s: %s", volume,
				 fvp_dm_why());
	return FVP_OK;
}

int fvp_volume_replicas_check(const struct fvp_replicas *wanted)
{
	if (wanted->count <= FVP_VOLUME_REPLICAS_MAX)
		return FVP_OK;
	return fvp_error(FVP_REFUSED, "a volume uses at most %d replicas, not %u: choose",
			 FVP_VOLUME_REPLICAS_MAX, wanted->count);
}

int fvp_volume_replicas_choose(const struct fvp_view *pool, const char *text,
			       struct fvp_replicas *wanted)
{
	unsigned int count;

	fvp_replicas_parse(pool->status, wanted);
	if (!strcmp(text, "all"))
		count = wanted->count;
	else if (!fvp_number_parse(text, FVP_REPLICAS_MAX, &count))
		return fvp_usage("--replicas: %s is neither a number of replicas nor all", text);
	if (count > wanted->count || (!count && !strcmp(text, "all")))
		return fvp_error(
			FVP_REFUSED,
			"pool %s has %u replicas, and %s were asked for. fvp replica create "
			"makes one",
			pool->dev.name, wanted->count, text);
	wanted->count = count;
	return fvp_volume_replicas_check(wanted);
}
