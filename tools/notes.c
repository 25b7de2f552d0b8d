// SPDX-License-Identifier: GPL-2.0
/*
 * Write-back in words: what is only on flash, what goes on, what went wrong, and whether
 * the host may be rebooted.
 */
#include <stdio.h>
#include <string.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "replica.h"
#include "report.h"
#include "waiting.h"

static uint64_t bytes_of(const struct fvp_view *view, const char *key)
{
	return fvp_status_number(view->status, key) * 512;
}

bool fvp_origin_failing(const struct fvp_view *volume)
{
	char word[16];

	fvp_status_word(volume->status, "origin", word, sizeof(word));
	return !strcmp(word, "failing");
}

static void note_dirty(const struct fvp_view *volume)
{
	uint64_t dirty = bytes_of(volume, "dirty_sectors");
	uint64_t rate = bytes_of(volume, "destage_rate");
	char order[16];

	if (!dirty)
		return;
	fvp_status_word(volume->status, "order", order, sizeof(order));
	printf("%s: %s dirty (on flash and not yet on the origin), the oldest for %s; %s order",
	       volume->dev.name, fvp_size_text(dirty),
	       fvp_time_text(fvp_status_number(volume->status, "dirty_age_ms")), order);
	if (rate && !fvp_origin_failing(volume))
		printf(", destaging %s/s", fvp_size_text(rate));
	putchar('\n');
}

/* "/dev/x (out: ...), ..." of the replicas that are not in. */
static void replicas_out(const struct fvp_replicas *replicas, char *text, size_t text_bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < replicas->count && used < text_bytes; i++) {
		const struct fvp_replica *replica = &replicas->replica[i];

		if (strcmp(replica->state, "in"))
			used += (size_t)snprintf(text + used, text_bytes - used, "%s%s (%s)",
						 used ? ", " : "", fvp_replica_name(replica),
						 fvp_replica_words(replica));
	}
}

/* Write-back with fewer replicas than wanted, or none of it for that. */
static void note_replicas(FILE *to, const struct fvp_view *volume)
{
	uint64_t min = fvp_status_number(volume->status, "replicas_min");
	const char *name = volume->dev.name;
	char requested[24], effective[24], out[1024];
	struct fvp_replicas replicas;

	fvp_status_word(volume->status, "requested", requested, sizeof(requested));
	fvp_status_word(volume->status, "effective", effective, sizeof(effective));
	if (strcmp(requested, FVP_MODE_NAME_WRITE_BACK) ||
	    !strcmp(effective, FVP_MODE_NAME_PASS_THROUGH))
		return;
	fvp_replicas_of_volume(volume, &replicas);
	replicas_out(&replicas, out, sizeof(out));
	if (!out[0])
		return;
	if (replicas.in >= min)
		fprintf(to, "%s: goes on in write-back with %u of its %u replicas; not in: %s\n",
			name, replicas.in, replicas.count, out);
	else if (strcmp(effective, FVP_MODE_NAME_WRITE_BACK))
		fprintf(to,
			"%s: write-back was asked for and needs %llu replica%s in sync, of which "
			"%u "
			"%s: it is in %s until then; not in: %s\n",
			name, (unsigned long long)min, min > 1 ? "s" : "", replicas.in,
			replicas.in == 1 ? "is" : "are", effective, out);
	else
		fprintf(to,
			"%s: leaving write-back, which needs %llu replica%s in sync, of which %u "
			"%s; not in: %s\n",
			name, (unsigned long long)min, min > 1 ? "s" : "", replicas.in,
			replicas.in == 1 ? "is" : "are", out);
}

/* Write-back was asked for, and too few replicas are in: note_replicas() says it. */
static bool lacks_replicas(const struct fvp_view *volume, const char *requested,
			   const char *effective)
{
	return !strcmp(requested, FVP_MODE_NAME_WRITE_BACK) &&
	       strcmp(effective, FVP_MODE_NAME_PASS_THROUGH) &&
	       fvp_status_number(volume->status, "replicas_in") <
		       fvp_status_number(volume->status, "replicas_min");
}

static void note_mode(FILE *to, const struct fvp_view *volume)
{
	char requested[24], effective[24];
	const char *name = volume->dev.name;

	fvp_status_word(volume->status, "requested", requested, sizeof(requested));
	fvp_status_word(volume->status, "effective", effective, sizeof(effective));
	if (!strcmp(requested, effective) || lacks_replicas(volume, requested, effective))
		return;
	if (!strcmp(effective, FVP_MODE_NAME_WRITE_BACK))
		fprintf(to,
			"%s: leaving write-back for %s, which takes effect when nothing is dirty\n",
			name, requested);
	else if (!strcmp(effective, FVP_MODE_NAME_PASS_THROUGH))
		fprintf(to,
			"%s: %s was asked for, but the flash of its pool has failed: its origin "
			"serves it\n",
			name, requested);
	else
		fprintf(to, "%s: %s was asked for, %s is in effect\n", name, requested, effective);
}

void fvp_note_state(FILE *to, const struct fvp_view *volume)
{
	note_mode(to, volume);
	note_replicas(to, volume);
}

void fvp_print_notes(const struct fvp_view *volume)
{
	uint64_t lost = bytes_of(volume, "lost_sectors");
	const char *name = volume->dev.name;

	fvp_note_state(stdout, volume);
	note_dirty(volume);
	if (fvp_origin_failing(volume))
		printf("%s: its origin fails writes, destaging tries again (dmesg has the "
		       "errors)\n",
		       name);
	if (lost)
		printf("%s: %s of acknowledged writes are LOST: flash does not give them back. "
		       "Reading or writing them is an error. fvp volume forget %s lists them\n",
		       name, fvp_size_text(lost), name);
}

/* ---- may this host be rebooted? ---- */

uint64_t fvp_dirty_bytes(const struct fvp_views *pools)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < pools->count; i++)
		sum += bytes_of(&pools->view[i], "dirty_sectors");
	return sum;
}

static uint64_t lost_bytes(const struct fvp_views *volumes)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < volumes->count; i++)
		sum += bytes_of(&volumes->view[i], "lost_sectors");
	return sum;
}

/* A pool or volume whose status the kernel did not give; NULL if there is none. */
static const char *unknown(const struct fvp_views *pools, const struct fvp_views *volumes)
{
	char word[32];

	for (unsigned int i = 0; i < pools->count + volumes->count; i++) {
		const struct fvp_view *view =
			i < pools->count ? &pools->view[i] : &volumes->view[i - pools->count];

		fvp_status_word(view->status, "dirty_sectors", word, sizeof(word));
		if (!word[0])
			return view->dev.name;
	}
	return NULL;
}

void fvp_print_reboot(const struct fvp_views *pools, const struct fvp_views *volumes)
{
	uint64_t lost = lost_bytes(volumes);
	const char *comma = "", *untold = unknown(pools, volumes);
	bool attached = false, waits = false;

	if (untold) {
		printf("Can this host be rebooted? Not known: the kernel does not give the state "
		       "of %s (dmesg may say why).\n",
		       untold);
		return;
	}
	if (!pools->count) {
		puts("Can this host be rebooted? No pool is active that would hinder it. Of pools "
		     "that are not active nothing\n  is known: before anyone uses an origin of "
		     "one, fvp pool start it.");
		return;
	}
	if (lost && !fvp_dirty_bytes(pools)) {
		printf("Can this host be rebooted? With care: nothing is dirty, but %s of "
		       "acknowledged writes are LOST\n  and their origins lack them. To see which: "
		       "fvp volume forget NAME\n",
		       fvp_size_text(lost));
		return;
	}
	if (!fvp_dirty_bytes(pools)) {
		puts("Can this host be rebooted? Yes: nothing is dirty, the origins have every "
		     "acknowledged write\n  of the active pools. Of others nothing is known.");
		return;
	}
	fputs("Can this host be rebooted? With care: some acknowledged writes are on flash only: ",
	      stdout);
	for (unsigned int i = 0; i < volumes->count; i++) {
		uint64_t dirty = bytes_of(&volumes->view[i], "dirty_sectors");

		if (!dirty)
			continue;
		attached = true;
		printf("%s%s %s", comma, volumes->view[i].dev.name, fvp_size_text(dirty));
		comma = ", ";
	}
	for (unsigned int i = 0; i < pools->count; i++) {
		uint64_t waiting = bytes_of(&pools->view[i], "waiting_sectors");

		if (!waiting)
			continue;
		waits = true;
		printf("%s%s of volumes that are not attached in pool %s", comma,
		       fvp_size_text(waiting), pools->view[i].dev.name);
		comma = ", ";
	}
	puts(".\n  They survive a reboot if the pool comes back with all its flash devices; until "
	     "then nobody\n  may use the origins. To have the origins complete first:");
	if (attached)
		puts("    fvp volume mode NAME write-through --wait");
	if (waits)
		puts("    fvp volume attach ORIGIN --warm, and fvp volume flush NAME --wait");
}

struct json_object *fvp_json_reboot(const struct fvp_views *pools, const struct fvp_views *volumes)
{
	struct json_object *object = json_object_new_object();
	struct json_object *names = json_object_new_array();
	uint64_t dirty = fvp_dirty_bytes(pools), lost = lost_bytes(volumes);
	uint64_t waiting = 0;

	for (unsigned int i = 0; i < volumes->count; i++)
		if (bytes_of(&volumes->view[i], "dirty_sectors"))
			json_object_array_add(names,
					      json_object_new_string(volumes->view[i].dev.name));
	for (unsigned int i = 0; i < pools->count; i++)
		waiting += bytes_of(&pools->view[i], "waiting_sectors");
	/* Nothing is known of pools that are not active. */
	if (!dirty && !lost && (!pools->count || unknown(pools, volumes)))
		json_object_object_add(object, "origins_complete", NULL);
	else
		json_object_object_add(object, "origins_complete",
				       json_object_new_boolean(!dirty && !lost));
	json_object_object_add(object, "dirty_bytes", json_object_new_int64((int64_t)dirty));
	json_object_object_add(object, "dirty_volumes", names);
	json_object_object_add(object, "waiting_bytes", json_object_new_int64((int64_t)waiting));
	json_object_object_add(object, "lost_bytes", json_object_new_int64((int64_t)lost));
	return object;
}
