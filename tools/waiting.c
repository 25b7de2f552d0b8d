// SPDX-License-Identifier: GPL-2.0
/*
 * Volumes that wait for their origin: see waiting.h.  The kernel counts them; their
 * names stand in the volume table on flash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"
#include "waiting.h"

static bool is_attached(const char *uuid, const struct fvp_views *volumes)
{
	char word[40];

	for (unsigned int i = 0; i < volumes->count; i++)
		if (fvp_table_word(volumes->view[i].dev.table.target[0].params, 2, word,
				   sizeof(word)) &&
		    !strcmp(word, uuid))
			return true;
	return false;
}

static int table_load(const struct fvp_view *pool, struct fvp_waiting *waiting)
{
	struct fvp_device dev;
	int ret = fvp_pool_flash_find(pool, &dev);

	return ret ? ret : fvp_flash_volumes(&dev, &waiting->list, &waiting->count);
}

int fvp_waiting_load(const struct fvp_view *pool, const struct fvp_views *volumes,
		     struct fvp_waiting *waiting)
{
	unsigned int kept = 0;
	int ret;

	memset(waiting, 0, sizeof(*waiting));
	waiting->volumes = (unsigned int)fvp_status_number(pool->status, "waiting");
	waiting->bytes = fvp_status_number(pool->status, "waiting_sectors") * 512;
	if (!waiting->volumes)
		return FVP_OK;
	ret = table_load(pool, waiting);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < waiting->count; i++)
		if (waiting->list[i].may_be_dirty && !is_attached(waiting->list[i].uuid, volumes))
			waiting->list[kept++] = waiting->list[i];
	waiting->count = kept;
	return FVP_OK;
}

void fvp_waiting_free(struct fvp_waiting *waiting)
{
	free(waiting->list);
	memset(waiting, 0, sizeof(*waiting));
}

const struct fvp_flash_volume *fvp_waiting_find(const struct fvp_waiting *waiting, const char *uuid)
{
	for (unsigned int i = 0; i < waiting->count; i++)
		if (!strcmp(waiting->list[i].uuid, uuid))
			return &waiting->list[i];
	return NULL;
}

/* Those of fvp_volume_uuid() are of version 5, made from a name. */
bool fvp_waiting_wants_uuid(const struct fvp_flash_volume *volume)
{
	return volume->uuid[14] != '5';
}

void fvp_waiting_names(const struct fvp_waiting *waiting, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < waiting->count && used < text_bytes; i++) {
		const struct fvp_flash_volume *volume = &waiting->list[i];

		used += (size_t)snprintf(text + used, text_bytes - used,
					 volume->name[0] ? "%s%s (%s)" : "%s%s%s", i ? ", " : "",
					 volume->name, volume->uuid);
	}
}

void fvp_waiting_print(const struct fvp_view *pool, const struct fvp_views *volumes)
{
	struct fvp_waiting waiting;
	bool wants_uuid = false;
	char names[1024];

	fvp_waiting_load(pool, volumes, &waiting);
	if (!waiting.volumes)
		return;
	fvp_waiting_names(&waiting, names, sizeof(names));
	for (unsigned int i = 0; i < waiting.count; i++)
		wants_uuid |= fvp_waiting_wants_uuid(&waiting.list[i]);
	printf("%s: %u volume%s with %s of acknowledged writes wait%s for %s: %s%s\n"
	       "  Attach %s before anyone uses the origin: fvp volume attach ORIGIN --warm%s\n",
	       pool->dev.name, waiting.volumes, waiting.volumes > 1 ? "s" : "",
	       fvp_size_text(waiting.bytes), waiting.volumes > 1 ? "" : "s",
	       waiting.volumes > 1 ? "their origins" : "its origin",
	       waiting.count > waiting.volumes ? "among " : "", names[0] ? names : "names unknown",
	       waiting.volumes > 1 ? "each" : "it", wants_uuid ? ", and" : "");
	/* A volume of a new uuid would come up without them. */
	for (unsigned int i = 0; i < waiting.count; i++)
		if (fvp_waiting_wants_uuid(&waiting.list[i]))
			printf("    --uuid %s for %s, whose origin does not tell its uuid\n",
			       waiting.list[i].uuid,
			       waiting.list[i].name[0] ? waiting.list[i].name : "the one");
	puts("  If an origin will not come back: fvp volume forget NAME");
	fvp_waiting_free(&waiting);
}
