// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices: pools that are not active, origins that are missed or used past their volume,
 * and what lies below flash, replicas and origins: see doctor.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "pool.h"
#include "replica.h"
#include "volume.h"
#include "waiting.h"

#define BELOW_MAX 32
#define DEPTH_MAX 16

struct below {
	unsigned int count;
	char disk[BELOW_MAX][64]; /* of /sys/class/block */
};

static bool sys_line(const char *block, const char *file, char *line, size_t line_bytes)
{
	char *path = fvp_text("/sys/class/block/%s/%s", block, file);
	bool found = fvp_read_line(path, line, line_bytes);

	free(path);
	return found;
}

static void add_below(struct below *below, const char *disk)
{
	for (unsigned int i = 0; i < below->count; i++)
		if (!strcmp(below->disk[i], disk))
			return;
	if (below->count < BELOW_MAX)
		snprintf(below->disk[below->count++], sizeof(below->disk[0]), "%s", disk);
}

/* The whole disks that a device lies on. */
static void find_below(const char *block, unsigned int depth, struct below *below)
{
	char line[32], real[FVP_PATH_BYTES], *path;
	struct dirent *entry;
	bool any = false;
	DIR *folder;

	if (depth == DEPTH_MAX)
		return;
	if (sys_line(block, "partition", line, sizeof(line))) {
		path = fvp_text("/sys/class/block/%s/..", block);
		if (realpath(path, real) && strrchr(real, '/'))
			find_below(strrchr(real, '/') + 1, depth + 1, below);
		free(path);
		return;
	}
	path = fvp_text("/sys/class/block/%s/slaves", block);
	folder = opendir(path);
	free(path);
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		find_below(entry->d_name, depth + 1, below);
		any = true;
	}
	if (folder)
		closedir(folder);
	if (!any)
		add_below(below, block);
}

/* The name in /sys/class/block of a number. */
static bool block_name(unsigned int major, unsigned int minor, char name[64])
{
	char *path = fvp_text("/sys/dev/block/%u:%u", major, minor), real[FVP_PATH_BYTES];
	bool found = realpath(path, real) && strrchr(real, '/');

	if (found)
		snprintf(name, 64, "%.63s", strrchr(real, '/') + 1);
	free(path);
	return found;
}

/* I/O to it may be held: it, or what lies below it, is suspended. */
static bool is_held(const char *block, unsigned int depth)
{
	struct dirent *entry;
	char line[16], *path;
	bool held = false;
	DIR *folder;

	if (sys_line(block, "dm/suspended", line, sizeof(line)) && !strcmp(line, "1"))
		return true;
	path = fvp_text("/sys/class/block/%s/slaves", block);
	folder = opendir(path);
	free(path);
	while (folder && !held && depth < DEPTH_MAX && (entry = readdir(folder)))
		held = entry->d_name[0] != '.' && is_held(entry->d_name, depth + 1);
	if (folder)
		closedir(folder);
	return held;
}

static bool is_ours(const struct fvp_views *views, unsigned int major, unsigned int minor)
{
	for (unsigned int i = 0; i < views->count; i++)
		if (views->view[i].dev.major == major && views->view[i].dev.minor == minor)
			return true;
	return false;
}

/* A device with what is on it, if it can be read without waiting for anybody. */
static void scan_one(struct fvp_doctor *doctor, const char *name)
{
	char number[32], size[32];
	struct fvp_block *block, *grown;
	const char *why;

	if (!sys_line(name, "dev", number, sizeof(number)) ||
	    !sys_line(name, "size", size, sizeof(size)) || !strcmp(size, "0"))
		return;
	grown = realloc(doctor->block, (doctor->blocks + 1) * sizeof(*grown));
	if (!grown)
		abort();
	doctor->block = grown;
	block = &grown[doctor->blocks];
	memset(block, 0, sizeof(*block));
	block->dev.fd = -1;
	block->state = FVP_FLASH_NONE;
	if (!fvp_device_number_parse(number, &block->dev.major, &block->dev.minor))
		return;
	fvp_device_path(block->dev.major, block->dev.minor, block->dev.path);
	block->dev.sectors = strtoull(size, NULL, 10);
	doctor->blocks++;
	block->quiet = is_held(name, 0) ||
		       is_ours(&doctor->pools, block->dev.major, block->dev.minor) ||
		       is_ours(&doctor->volumes, block->dev.major, block->dev.minor);
	if (block->quiet)
		return;
	block->dev.fd = fvp_device_open(&block->dev, O_RDONLY | O_NONBLOCK);
	if (block->dev.fd >= 0)
		block->state = fvp_flash_read(&block->dev, &block->info, &why);
	fvp_device_close(&block->dev);
}

static void scan(struct fvp_doctor *doctor)
{
	DIR *folder = opendir("/sys/class/block");
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			scan_one(doctor, entry->d_name);
	if (folder)
		closedir(folder);
}

/* ---- pools that are not active ---- */

static bool is_active(const struct fvp_doctor *doctor, const char *pool_uuid)
{
	struct fvp_pool_table table;

	for (unsigned int i = 0; i < doctor->pools.count; i++) {
		fvp_pool_table_parse(&doctor->pools.view[i].dev, &table);
		if (!strcmp(table.uuid, pool_uuid))
			return true;
	}
	return false;
}

/* The same device by way of another that lies on top of it, or a copy: one of them is enough. */
static bool seen_before(const struct fvp_doctor *doctor, unsigned int before)
{
	const struct fvp_flash_info *info = &doctor->block[before].info;

	for (unsigned int i = 0; i < before; i++)
		if (doctor->block[i].state == FVP_FLASH_VALID &&
		    !strcmp(doctor->block[i].info.device_uuid, info->device_uuid))
			return true;
	return false;
}

static void check_stopped_pool(struct fvp_doctor *doctor, unsigned int first)
{
	static const char why_dirty[] =
		"some of its volumes may have acknowledged writes that only "
		"this pool has: until then nobody may use their origins";
	static const char why_clean[] = "its volumes are not accelerated";
	const struct fvp_flash_info *info = &doctor->block[first].info;
	unsigned int flash = 0;
	bool dirty = false;
	char paths[2048] = "";
	size_t used = 0;

	for (unsigned int i = first; i < doctor->blocks; i++) {
		const struct fvp_block *block = &doctor->block[i];

		if (block->state != FVP_FLASH_VALID ||
		    strcmp(block->info.pool_uuid, info->pool_uuid) || seen_before(doctor, i))
			continue;
		dirty |= block->info.may_be_dirty;
		flash += block->info.role == FVP_FLASH_MEMBER;
		if (used < sizeof(paths))
			used += (size_t)snprintf(paths + used, sizeof(paths) - used, " %s",
						 block->dev.path);
	}
	if (flash == info->device_count)
		fvp_found(doctor, "pool-not-started", dirty, info->label,
			  dirty ? why_dirty : why_clean,
			  fvp_text("pool %s is on%s, and is not active", info->pool_uuid, paths),
			  fvp_text("fvp pool start %s%s", info->label, paths));
	else
		fvp_found(doctor, "pool-incomplete", dirty, info->label,
			  dirty ? why_dirty : why_clean,
			  fvp_text("of pool %s %u of %u flash devices are here:%s", info->pool_uuid,
				   flash, info->device_count, paths),
			  fvp_text("bring the others back; if they are lost, fvp recover --dry-run "
				   "DEVICE... says what its replicas can give"));
}

static void check_stopped_pools(struct fvp_doctor *doctor)
{
	for (unsigned int i = 0; i < doctor->blocks; i++) {
		bool first = doctor->block[i].state == FVP_FLASH_VALID &&
			     !is_active(doctor, doctor->block[i].info.pool_uuid);

		for (unsigned int j = 0; j < i && first; j++)
			first = doctor->block[j].state != FVP_FLASH_VALID ||
				strcmp(doctor->block[j].info.pool_uuid,
				       doctor->block[i].info.pool_uuid);
		if (first)
			check_stopped_pool(doctor, i);
	}
}

/* ---- origins ---- */

/* The device of this host that is the origin of a volume which is not attached. */
static const struct fvp_block *find_origin(const struct fvp_doctor *doctor, const char *uuid)
{
	for (unsigned int i = 0; i < doctor->blocks; i++) {
		const struct fvp_device *dev = &doctor->block[i].dev;
		char name[FVP_DM_NAME_BYTES], text[40];
		struct fvp_dm_device dm;
		bool is_dm = fvp_dm_name_of(dev->major, dev->minor, name), known;

		if (is_dm && fvp_dm_read(name, FVP_DM_TABLE, &dm))
			continue;
		known = fvp_volume_uuid(dev, is_dm ? &dm : NULL, text);
		if (is_dm)
			fvp_dm_free(&dm);
		if (known && !strcmp(text, uuid))
			return &doctor->block[i];
	}
	return NULL;
}

static void check_waiting(struct fvp_doctor *doctor, const struct fvp_view *pool)
{
	static const char why[] = "the pool has acknowledged writes that the origin lacks: whoever "
				  "uses the origin meanwhile loses them, or his own";
	struct fvp_waiting waiting;

	if (fvp_waiting_load(pool, &doctor->volumes, &waiting))
		return;
	for (unsigned int i = 0; i < waiting.count; i++) {
		const struct fvp_flash_volume *volume = &waiting.list[i];
		const char *name = volume->name[0] ? volume->name : volume->uuid;
		const struct fvp_block *origin = find_origin(doctor, volume->uuid);
		char users[512] = "";

		if (!origin) {
			fvp_found(doctor, "origin-missing", true, name, why,
				  fvp_text("volume %s of pool %s waits for its origin, and none of "
					   "this host's devices is known to be it",
					   volume->uuid, pool->dev.name),
				  fvp_text("when it is there: fvp volume attach ORIGIN --pool %s "
					   "--warm --uuid %s; if it will not come back: fvp volume "
					   "forget %s",
					   pool->dev.name, volume->uuid, volume->uuid));
			continue;
		}
		fvp_device_users(origin->dev.major, origin->dev.minor, users, sizeof(users));
		if (users[0])
			fvp_found(doctor, "origin-in-use", true, name, why,
				  fvp_text("its origin %s is used directly: %s", origin->dev.path,
					   users),
				  fvp_text("end that use now; if the origin was not written: fvp "
					   "volume attach %s --pool %s --warm; else fvp volume "
					   "forget %s",
					   origin->dev.path, pool->dev.name, volume->uuid));
		else
			fvp_found(doctor, "origin-not-attached", true, name, why,
				  fvp_text("it waits in pool %s for its origin %s, which is here",
					   pool->dev.name, origin->dev.path),
				  fvp_text("fvp volume attach %s --pool %s --warm",
					   origin->dev.path, pool->dev.name));
	}
	fvp_waiting_free(&waiting);
}

/* Besides its volume somebody else has a table over the origin. */
static void check_holders(struct fvp_doctor *doctor, const struct fvp_view *volume,
			  const struct fvp_volume_table *table)
{
	char *path =
		fvp_text("/sys/dev/block/%u:%u/holders", table->origin_major, table->origin_minor);
	uint64_t dirty = fvp_status_number(volume->status, "dirty_sectors") * 512;
	char own[64] = "", origin[FVP_PATH_BYTES], word[32], other[FVP_PATH_BYTES];
	DIR *folder = opendir(path);
	struct dirent *entry;

	free(path);
	block_name(volume->dev.major, volume->dev.minor, own);
	fvp_device_path(table->origin_major, table->origin_minor, origin);
	while (folder && (entry = readdir(folder))) {
		unsigned int major, minor;

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, own) ||
		    !sys_line(entry->d_name, "dev", word, sizeof(word)) ||
		    !fvp_device_number_parse(word, &major, &minor))
			continue;
		fvp_device_path(major, minor, other);
		fvp_found(doctor, "origin-shared", dirty != 0, volume->dev.name,
			  "what reads the origin by itself lacks what is dirty, and what writes it "
			  "makes the cache stale",
			  fvp_text("%s lies on the origin %s beside the volume; %s are dirty",
				   other, origin, fvp_size_text(dirty)),
			  fvp_text("fvp volume detach %s, or end the use of %s", volume->dev.name,
				   other));
	}
	if (folder)
		closedir(folder);
}

/* ---- what lies below ---- */

/* A disk that two share. */
static const char *shared(const struct below *a, const struct below *b)
{
	for (unsigned int i = 0; i < a->count; i++)
		for (unsigned int j = 0; j < b->count; j++)
			if (!strcmp(a->disk[i], b->disk[j]))
				return a->disk[i];
	return NULL;
}

static void below_of_word(const char *word, struct below *below)
{
	unsigned int major, minor;
	char name[64];

	if (fvp_device_number_parse(word, &major, &minor) && block_name(major, minor, name))
		find_below(name, 0, below);
}

static void check_flash_disk(struct fvp_doctor *doctor, const char *pool, const char *disk)
{
	char line[32];

	if (sys_line(disk, "queue/write_cache", line, sizeof(line)) && !strcmp(line, "write back"))
		fvp_found(doctor, "flash-volatile-cache", false, pool,
			  "in write-back a write that the guest has not flushed may be lost with "
			  "the power, and each flush costs one of the flash",
			  fvp_text("its flash /dev/%s has a volatile write cache", disk),
			  fvp_text("use flash with power-loss protection, or turn the cache off "
				   "(nvme set-feature /dev/%s -f 6 -v 0, or hdparm -W 0 /dev/%s)",
				   disk, disk));
	if (sys_line(disk, "queue/rotational", line, sizeof(line)) && !strcmp(line, "1"))
		fvp_found(doctor, "flash-rotational", false, pool,
			  "the pool is no faster than this disk, whatever the origins are",
			  fvp_text("its flash /dev/%s is a rotating disk, or says so", disk),
			  fvp_text("move the pool to flash; if it is flash: echo 0 "
				   ">/sys/block/%s/queue/rotational",
				   disk));
}

static void check_volume_below(struct fvp_doctor *doctor, const struct fvp_view *volume,
			       const struct fvp_view *pool, const struct below *flash)
{
	struct fvp_volume_table table;
	struct below origin = { 0 };
	const char *disk;
	char name[64];

	if (fvp_volume_table_parse(&volume->dev, &table) || table.pool_major != pool->dev.major ||
	    table.pool_minor != pool->dev.minor)
		return;
	check_holders(doctor, volume, &table);
	if (block_name(table.origin_major, table.origin_minor, name))
		find_below(name, 0, &origin);
	disk = shared(flash, &origin);
	if (disk)
		fvp_found(doctor, "same-disk", false, volume->dev.name,
			  "nothing is gained: what flash serves comes from the same disk, and both "
			  "are lost together",
			  fvp_text("its origin and the flash of its pool %s are both on /dev/%s",
				   pool->dev.name, disk),
			  fvp_text("fvp volume detach %s, and attach it to a pool on another disk",
				   volume->dev.name));
}

static void check_pool_below(struct fvp_doctor *doctor, const struct fvp_view *pool)
{
	struct below flash = { 0 };
	struct fvp_pool_table table;

	fvp_pool_table_parse(&pool->dev, &table);
	for (unsigned int i = 0; i < table.flash_count; i++)
		below_of_word(table.flash[i], &flash);
	for (unsigned int i = 0; i < flash.count; i++)
		check_flash_disk(doctor, pool->dev.name, flash.disk[i]);
	for (unsigned int i = 0; i < table.replica_count; i++) {
		struct below replica = { 0 };
		const char *disk;

		below_of_word(table.replica[i], &replica);
		disk = shared(&flash, &replica);
		if (disk)
			fvp_found(doctor, "replica-same-disk", true, pool->dev.name,
				  "the replica is lost with the flash that it is to stand in for",
				  fvp_text("a replica and the flash are both on /dev/%s", disk),
				  fvp_text("fvp replica create %s DEVICE on another disk, and fvp "
					   "replica remove this one",
					   pool->dev.name));
	}
	for (unsigned int i = 0; i < doctor->volumes.count; i++)
		check_volume_below(doctor, &doctor->volumes.view[i], pool, &flash);
}

void fvp_doctor_media(struct fvp_doctor *doctor)
{
	scan(doctor);
	check_stopped_pools(doctor);
	for (unsigned int i = 0; i < doctor->pools.count; i++) {
		check_waiting(doctor, &doctor->pools.view[i]);
		check_pool_below(doctor, &doctor->pools.view[i]);
	}
}
