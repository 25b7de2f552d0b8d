// SPDX-License-Identifier: GPL-2.0
/* Replicas as the status lines of pools and volumes have them: see replica.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fvp.h"
#include "replica.h"

/* The module names a device as /dev/ and its kernel name, which need not exist there. */
static void device_of(struct fvp_replica *replica, const char *name)
{
	char sys[128], number[32];

	if (strncmp(name, "/dev/", 5))
		return;
	snprintf(sys, sizeof(sys), "/sys/class/block/%.60s/dev", name + 5);
	/* The kernel has ! where such a name has a slash. */
	for (char *c = sys + strlen("/sys/class/block/"); *c && strcmp(c, "/dev"); c++)
		if (*c == '/')
			*c = '!';
	if (fvp_read_line(sys, number, sizeof(number)) &&
	    fvp_device_number_parse(number, &replica->major, &replica->minor))
		fvp_device_path(replica->major, replica->minor, replica->path);
}

static bool replica_parse(const char *value, struct fvp_replica *replica)
{
	struct fvp_replica_words words;

	if (!fvp_replica_words_parse(value, &words))
		return false;
	strcpy(replica->uuid, words.uuid);
	strcpy(replica->state, words.state);
	replica->slots = words.slots;
	replica->failures = words.failures;
	replica->acks = words.acks;
	replica->ack_us_mean = words.ack_us_mean;
	device_of(replica, words.device);
	return true;
}

void fvp_replicas_parse(const char *pool_status, struct fvp_replicas *replicas)
{
	uint64_t slot_bytes = fvp_status_number(pool_status, "segment_sectors") * 512;

	memset(replicas, 0, sizeof(*replicas));
	for (unsigned int i = 0; i < FVP_REPLICAS_MAX; i++) {
		struct fvp_replica *replica = &replicas->replica[replicas->count];
		char key[16], word[256];

		snprintf(key, sizeof(key), "replica%u", i);
		fvp_status_word(pool_status, key, word, sizeof(word));
		if (!replica_parse(word, replica))
			continue;
		replica->index = i;
		replica->size_bytes = replica->slots * slot_bytes;
		replicas->in += !strcmp(replica->state, "in");
		replicas->count++;
	}
}

void fvp_replicas_of_volume(const struct fvp_view *volume, struct fvp_replicas *replicas)
{
	struct fvp_volume_table table;
	char pool[FVP_DM_NAME_BYTES], word[16];
	struct fvp_dm_device dev;
	struct fvp_replicas all;
	unsigned long mask;

	memset(replicas, 0, sizeof(*replicas));
	fvp_status_word(volume->status, "replica_mask", word, sizeof(word));
	mask = strtoul(word, NULL, 16);
	if (!mask || fvp_volume_table_parse(&volume->dev, &table) ||
	    !fvp_dm_name_of(table.pool_major, table.pool_minor, pool) ||
	    fvp_dm_read(pool, FVP_DM_STATUS, &dev))
		return;
	fvp_replicas_parse(dev.table.count == 1 ? dev.table.target[0].params : "", &all);
	fvp_dm_free(&dev);
	for (unsigned int i = 0; i < all.count; i++) {
		if (!(mask & 1ul << all.replica[i].index))
			continue;
		replicas->in += !strcmp(all.replica[i].state, "in");
		replicas->replica[replicas->count++] = all.replica[i];
	}
}

/* ---- which one ---- */

const struct fvp_replica *fvp_replica_lookup(const struct fvp_replicas *replicas, const char *arg)
{
	unsigned int major, minor;

	for (unsigned int i = 0; i < replicas->count; i++)
		if (!strcasecmp(replicas->replica[i].uuid, arg))
			return &replicas->replica[i];
	if (!fvp_device_number(arg, &major, &minor))
		return NULL;
	for (unsigned int i = 0; i < replicas->count; i++) {
		const struct fvp_replica *replica = &replicas->replica[i];

		if (replica->path[0] && replica->major == major && replica->minor == minor)
			return replica;
	}
	return NULL;
}

const char *fvp_replica_name(const struct fvp_replica *replica)
{
	return replica->path[0] ? replica->path : replica->uuid;
}

int fvp_replica_find(const struct fvp_view *pool, const struct fvp_replicas *replicas,
		     const char *arg, const struct fvp_replica **replica)
{
	char names[FVP_REPLICAS_MAX * (FVP_UUID_TEXT_BYTES + 80)] = "";
	size_t used = 0;

	*replica = fvp_replica_lookup(replicas, arg);
	if (*replica)
		return FVP_OK;
	for (unsigned int i = 0; i < replicas->count; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s (%.60s)",
					 i ? ", " : ": it has ", replicas->replica[i].uuid,
					 replicas->replica[i].path[0] ? replicas->replica[i].path
								      : "not there");
	return fvp_error(FVP_ABSENT, "%s is no replica of pool %s%s", arg, pool->dev.name,
			 names[0] ? names : ", which has none. fvp replica create makes one");
}

/* ---- for people ---- */

const char *fvp_replica_words(const struct fvp_replica *replica)
{
	if (!strcmp(replica->state, "in"))
		return "in sync";
	if (!strcmp(replica->state, "syncing"))
		return "coming in: older dirty data is being copied to it";
	if (!strcmp(replica->state, "dropping"))
		return "failed: it is being taken out";
	if (!replica->path[0])
		return "out: its device is not there";
	return replica->failures ? "out: it failed, and is tried again" : "out: not in sync yet";
}

bool fvp_print_replicas(const struct fvp_views *pools, const char *before)
{
	struct fvp_replicas replicas[pools->count + 1];
	struct fvp_columns table;
	unsigned int sum = 0;

	for (unsigned int p = 0; p < pools->count; p++) {
		fvp_replicas_parse(pools->view[p].status, &replicas[p]);
		sum += replicas[p].count;
	}
	if (!sum)
		return false;
	fputs(before, stdout);
	fvp_columns_start(&table, "REPLICA|POOL|DEVICE|>SIZE|>SLOTS|>FAILED|>ACKS|>MEAN us|STATE");
	for (unsigned int p = 0; p < pools->count; p++)
		for (unsigned int i = 0; i < replicas[p].count; i++) {
			const struct fvp_replica *r = &replicas[p].replica[i];

			fvp_columns_add(&table, "%s", r->uuid);
			fvp_columns_add(&table, "%s", pools->view[p].dev.name);
			fvp_columns_add(&table, "%s", r->path);
			fvp_columns_add(&table, "%s", r->slots ? fvp_size_text(r->size_bytes) : "");
			fvp_columns_add(&table, "%llu", (unsigned long long)r->slots);
			fvp_columns_add(&table, "%llu", (unsigned long long)r->failures);
			fvp_columns_add(&table, "%llu", (unsigned long long)r->acks);
			if (r->acks)
				fvp_columns_add(&table, "%llu", (unsigned long long)r->ack_us_mean);
			else
				fvp_columns_add(&table, "%s", "");
			fvp_columns_add(&table, "%s", fvp_replica_words(r));
		}
	fvp_columns_print(&table);
	return true;
}

/* ---- for programs ---- */

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)value));
}

struct json_object *fvp_json_replica(const struct fvp_view *pool, const struct fvp_replica *replica)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "uuid", json_object_new_string(replica->uuid));
	json_object_object_add(object, "pool", json_object_new_string(pool->dev.name));
	json_object_object_add(object, "device",
			       replica->path[0] ? json_object_new_string(replica->path) : NULL);
	json_object_object_add(object, "state", json_object_new_string(replica->state));
	json_object_object_add(object, "state_words",
			       json_object_new_string(fvp_replica_words(replica)));
	add_number(object, "index", replica->index);
	add_number(object, "slots", replica->slots);
	add_number(object, "size_bytes", replica->size_bytes);
	add_number(object, "failures", replica->failures);
	add_number(object, "acks", replica->acks);
	if (replica->acks)
		add_number(object, "ack_us_mean", replica->ack_us_mean);
	else
		json_object_object_add(object, "ack_us_mean", NULL);
	return object;
}
