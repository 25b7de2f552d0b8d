// SPDX-License-Identifier: GPL-2.0
/* Volumes that are meant to be attached: see record.h.  A file has lines of a word and a value. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "record.h"

#define FOLDER "/var/lib/fvp/volumes"
#define LOCKS "/run/fvp"

/* ---- locks ---- */

static int lock_fd = -1;
static char locked[40];

void fvp_record_unlock(void)
{
	if (lock_fd >= 0)
		close(lock_fd);
	lock_fd = -1;
	locked[0] = '\0';
}

static int lock(const char *uuid, int how)
{
	char path[FVP_PATH_BYTES];

	if (lock_fd >= 0 && !strcmp(locked, uuid))
		return FVP_OK;
	fvp_record_unlock();
	mkdir(LOCKS, 0700);
	snprintf(path, sizeof(path), LOCKS "/%s.lock", uuid);
	lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock_fd >= 0 && !flock(lock_fd, LOCK_EX | how)) {
		snprintf(locked, sizeof(locked), "%s", uuid);
		return FVP_OK;
	}
	if (errno == EWOULDBLOCK) {
		fvp_record_unlock();
		return FVP_REFUSED;
	}
	fvp_record_unlock();
	return fvp_error(FVP_SYSTEM, "cannot lock %s: %s", path, strerror(errno));
}

int fvp_record_lock(const char *uuid)
{
	return lock(uuid, 0);
}

bool fvp_record_trylock(const char *uuid)
{
	return !lock(uuid, LOCK_NB);
}

/* ---- files ---- */

static void path_of(const char *uuid, const char *suffix, char path[FVP_PATH_BYTES])
{
	snprintf(path, FVP_PATH_BYTES, FOLDER "/%s%s", uuid, suffix);
}

static bool take(const char *line, const char *word, char *value, size_t value_bytes)
{
	size_t len = strlen(word);

	if (strncmp(line, word, len) || line[len] != ' ')
		return false;
	snprintf(value, value_bytes, "%s", line + len + 1);
	value[strcspn(value, "\n")] = '\0';
	return true;
}

static void line_read(struct fvp_record *record, const char *line)
{
	char number[16], *replica = record->replica[record->replica_count];

	if (take(line, "name", record->name, sizeof(record->name)) ||
	    take(line, "dm-uuid", record->dm_uuid, sizeof(record->dm_uuid)) ||
	    take(line, "boot", record->boot, sizeof(record->boot)) ||
	    take(line, "pool", record->pool_uuid, sizeof(record->pool_uuid)) ||
	    take(line, "mode", record->mode, sizeof(record->mode)) ||
	    take(line, "order", record->order, sizeof(record->order)))
		return;
	if (take(line, "replicas-min", number, sizeof(number)))
		fvp_number_parse(number, FVP_VOLUME_REPLICAS_MAX, &record->replicas_min);
	else if (record->replica_count < FVP_VOLUME_REPLICAS_MAX &&
		 take(line, "replica", replica, FVP_UUID_TEXT_BYTES))
		record->replica_count++;
}

bool fvp_record_load(const char *uuid, struct fvp_record *record)
{
	char path[FVP_PATH_BYTES], line[512];
	bool whole = false;
	FILE *file;

	memset(record, 0, sizeof(*record));
	path_of(uuid, "", path);
	file = fopen(path, "re");
	if (!file)
		return false;
	snprintf(record->uuid, sizeof(record->uuid), "%s", uuid);
	while (fgets(line, sizeof(line), file)) {
		line_read(record, line);
		whole |= !strcmp(line, "end\n");
	}
	fclose(file);
	return whole && record->name[0] && fvp_mode_parse(record->mode) &&
	       fvp_order_valid(record->order) && record->replicas_min <= record->replica_count;
}

static bool write_to(FILE *file, const struct fvp_record *record)
{
	fprintf(file, "name %s\n", record->name);
	if (record->dm_uuid[0])
		fprintf(file, "dm-uuid %s\n", record->dm_uuid);
	fprintf(file, "boot %s\npool %s\nmode %s\norder %s\n", record->boot, record->pool_uuid,
		record->mode, record->order);
	for (unsigned int i = 0; i < record->replica_count; i++)
		fprintf(file, "replica %s\n", record->replica[i]);
	fprintf(file, "replicas-min %u\nend\n", record->replicas_min);
	return !fflush(file) && !ferror(file) && !fsync(fileno(file));
}

void fvp_record_save(const struct fvp_record *record)
{
	char path[FVP_PATH_BYTES], new_path[FVP_PATH_BYTES];
	bool written = false;
	FILE *file;

	mkdir("/var/lib/fvp", 0755);
	mkdir(FOLDER, 0755);
	path_of(record->uuid, "", path);
	path_of(record->uuid, ".new", new_path);
	file = fopen(new_path, "we");
	if (file) {
		written = write_to(file, record);
		written &= !fclose(file) && !rename(new_path, path);
	}
	if (!written)
		fvp_warn("cannot record in %s how %s is attached (%s): should another program "
			 "replace its table, fvpd will not attach it again as it is now",
			 path, record->name, strerror(errno));
}

void fvp_record_drop(const char *uuid)
{
	char path[FVP_PATH_BYTES];

	path_of(uuid, "", path);
	unlink(path);
}

void fvp_records_load(struct fvp_record **list, unsigned int *count)
{
	DIR *dir = opendir(FOLDER);
	struct dirent *entry;
	uuid_t uuid;

	*list = NULL;
	*count = 0;
	while (dir && (entry = readdir(dir))) {
		if (uuid_parse(entry->d_name, uuid))
			continue;
		*list = reallocarray(*list, *count + 1, sizeof(**list));
		if (!*list)
			abort();
		*count += fvp_record_load(entry->d_name, &(*list)[*count]);
	}
	if (dir)
		closedir(dir);
}

bool fvp_record_find(const char *arg, struct fvp_record *record)
{
	struct fvp_record *list;
	unsigned int count;
	bool found = false;

	fvp_records_load(&list, &count);
	for (unsigned int i = 0; i < count && !found; i++) {
		found = !strcmp(list[i].name, arg) || !strcmp(list[i].uuid, arg);
		*record = list[i];
	}
	free(list);
	return found;
}

/* ---- of volumes ---- */

static void boot_now(char boot[FVP_UUID_TEXT_BYTES])
{
	if (!fvp_read_line("/proc/sys/kernel/random/boot_id", boot, FVP_UUID_TEXT_BYTES))
		boot[0] = '\0';
}

bool fvp_record_of_this_boot(const struct fvp_record *record)
{
	char boot[FVP_UUID_TEXT_BYTES];

	boot_now(boot);
	return !strcmp(record->boot, boot);
}

bool fvp_record_make(const struct fvp_view *volume, struct fvp_record *record)
{
	struct fvp_volume_table table;
	struct fvp_pool_table pool_table;
	char pool_name[FVP_DM_NAME_BYTES];
	struct fvp_replicas replicas;
	struct fvp_dm_device pool;

	memset(record, 0, sizeof(*record));
	/* Those that the tool makes for a moment are meant to go. */
	if (!strncmp(volume->dev.uuid, "FVP-", 4) &&
	    strncmp(volume->dev.uuid, FVP_DM_UUID_VOLUME, strlen(FVP_DM_UUID_VOLUME)))
		return false;
	if (fvp_volume_table_parse(&volume->dev, &table) ||
	    !fvp_dm_name_of(table.pool_major, table.pool_minor, pool_name) ||
	    fvp_dm_read(pool_name, FVP_DM_TABLE, &pool))
		return false;
	if (fvp_dm_is(&pool, FVP_TARGET_POOL))
		fvp_pool_table_parse(&pool, &pool_table);
	else
		pool_table.uuid[0] = '\0';
	fvp_dm_free(&pool);
	snprintf(record->uuid, sizeof(record->uuid), "%s", table.uuid);
	snprintf(record->name, sizeof(record->name), "%s", volume->dev.name);
	snprintf(record->dm_uuid, sizeof(record->dm_uuid), "%s", volume->dev.uuid);
	boot_now(record->boot);
	snprintf(record->pool_uuid, sizeof(record->pool_uuid), "%s", pool_table.uuid);
	fvp_status_word(volume->status, "requested", record->mode, sizeof(record->mode));
	fvp_status_word(volume->status, "order", record->order, sizeof(record->order));
	fvp_replicas_of_volume(volume, &replicas);
	for (unsigned int i = 0; i < replicas.count && i < FVP_VOLUME_REPLICAS_MAX; i++)
		strcpy(record->replica[record->replica_count++], replicas.replica[i].uuid);
	record->replicas_min = (unsigned int)fvp_status_number(volume->status, "replicas_min");
	if (record->replicas_min > record->replica_count)
		record->replicas_min = record->replica_count;
	return record->pool_uuid[0] && record->mode[0] && record->order[0];
}

bool fvp_record_same(const struct fvp_record *a, const struct fvp_record *b)
{
	/* Both are made over zeroes. */
	return !memcmp(a, b, sizeof(*a));
}

/* Of the volume that the device is now. */
static bool make_by_name(const char *name, struct fvp_record *record)
{
	struct fvp_dm_device status;
	struct fvp_view view = { 0 };
	bool made = false;

	if (fvp_dm_read(name, FVP_DM_TABLE, &view.dev))
		return false;
	if (fvp_dm_is(&view.dev, FVP_TARGET_VOLUME) && !fvp_dm_read(name, FVP_DM_STATUS, &status)) {
		if (fvp_dm_is(&status, FVP_TARGET_VOLUME)) {
			view.status = status.table.target[0].params;
			made = fvp_record_make(&view, record);
		}
		fvp_dm_free(&status);
	}
	fvp_dm_free(&view.dev);
	return made;
}

static void note_locked(const char *name, const char *uuid)
{
	struct fvp_record now, before;

	/* Perhaps it was detached before the lock was ours. */
	if (!make_by_name(name, &now) || strcmp(now.uuid, uuid))
		return;
	if (!fvp_record_load(uuid, &before) || !fvp_record_same(&before, &now))
		fvp_record_save(&now);
}

void fvp_record_note(const char *name)
{
	struct fvp_record now;
	bool mine;

	if (!make_by_name(name, &now))
		return;
	mine = lock_fd < 0 || strcmp(locked, now.uuid);
	if (fvp_record_lock(now.uuid))
		return;
	note_locked(name, now.uuid);
	if (mine)
		fvp_record_unlock();
}

bool fvp_record_note_now(const char *name)
{
	struct fvp_record now;

	if (!make_by_name(name, &now))
		return true;
	if (!fvp_record_trylock(now.uuid))
		return false;
	note_locked(name, now.uuid);
	fvp_record_unlock();
	return true;
}
