// SPDX-License-Identifier: GPL-2.0
/* Pool and volume on the devices; through libdevmapper, as starting a program is slow in a guest. */
#include <errno.h>
#include <libdevmapper.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define POOL "p"
#define VOLUME "v"
#define VOLUME_UUID "11111111-aaaa-4000-8000-000000000001"
#define TOOL "out/fvp"

static void run_tool(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int tool(const char *arguments)
{
	char command[512];

	fflush(stdout);
	for (unsigned int i = 0; i < disks; i++)
		disk_drop_pages(&disk[i]);
	snprintf(command, sizeof(command), "%s %s >/tmp/tool 2>&1", TOOL, arguments);
	return system(command);
}

static void tool_said(void)
{
	fflush(stdout);
	if (system("sed 's/^/  said: /' /tmp/tool"))
		printf("  (what it said is lost)\n");
}

static void run_tool(const char *format, ...)
{
	char arguments[256];
	va_list args;

	va_start(args, format);
	vsnprintf(arguments, sizeof(arguments), format, args);
	va_end(args);
	if (tool(arguments)) {
		tool_said();
		die("%s %s", TOOL, arguments);
	}
}

static struct dm_task *task(int type, const char *name)
{
	struct dm_task *dmt = dm_task_create(type);

	if (!dmt || !dm_task_set_name(dmt, name))
		die("no device-mapper");
	return dmt;
}

static bool create(const char *name, uint64_t sectors, const char *type, const char *table)
{
	struct dm_task *dmt = task(DM_DEVICE_CREATE, name);
	bool made = dm_task_add_target(dmt, 0, sectors, type, table) && dm_task_run(dmt);

	if (!made)
		printf("  cannot create %s: %s: %s\n", name, table,
		       strerror(dm_task_get_errno(dmt)));
	dm_task_destroy(dmt);
	dm_task_update_nodes();
	return made;
}

static bool remove_device(const char *name)
{
	struct dm_task *dmt = task(DM_DEVICE_REMOVE, name);
	bool gone = dm_task_run(dmt);

	if (!gone)
		printf("  cannot remove %s: %s\n", name, strerror(dm_task_get_errno(dmt)));
	dm_task_destroy(dmt);
	dm_task_update_nodes();
	return gone;
}

static bool message(const char *name, const char *text)
{
	struct dm_task *dmt = task(DM_DEVICE_TARGET_MSG, name);
	bool done =
		dm_task_set_sector(dmt, 0) && dm_task_set_message(dmt, text) && dm_task_run(dmt);

	dm_task_destroy(dmt);
	return done;
}

static void words(int what, const char *name, char *text, size_t bytes)
{
	struct dm_task *dmt = task(what, name);
	uint64_t start, len;
	char *type, *params = NULL;

	if (!dm_task_no_flush(dmt) || !dm_task_run(dmt))
		die("cannot read %s", name);
	dm_get_next_target(dmt, NULL, &start, &len, &type, &params);
	if (!params || strlen(params) >= bytes)
		die("%s has no table or a long one", name);
	snprintf(text, bytes, "%s", params);
	dm_task_destroy(dmt);
}

static bool status_has(const char *name, const char *word)
{
	char text[4096];

	words(DM_DEVICE_STATUS, name, text, sizeof(text));
	return strstr(text, word);
}

static void say_status(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		char text[4096];

		words(DM_DEVICE_STATUS, i ? VOLUME : POOL, text, sizeof(text));
		printf("  status: %s\n", text);
	}
}

bool stack_healthy(void)
{
	if (status_has(POOL, " health=ok ") && status_has(VOLUME, " lost_sectors=0 ") &&
	    status_has(VOLUME, " flash_read_errors=0 "))
		return true;
	say_status();
	return false;
}

void stack_destage(void)
{
	if (!message(VOLUME, "flush"))
		die("message flush refused");
}

static void wait_for(const char *word)
{
	for (unsigned int i = 0; i < 2000; i++) {
		if (status_has(VOLUME, word))
			return;
		usleep(10000);
	}
	say_status();
	die("%s: never:%s", VOLUME, word);
}

static bool start_volume(const struct stack *stack)
{
	char table[256];

	snprintf(table, sizeof(table), "/dev/mapper/" POOL " %s " VOLUME_UUID " %s%s",
		 disk[ORIGIN].use, stack->mode == WRITE_BACK ? "write-back" : "write-through",
		 stack->relaxed ? " 1 order=relaxed" : "");
	return create(VOLUME, disk[ORIGIN].sectors, "fvp", table);
}

bool stack_start(const struct stack *stack)
{
	char table[256];

	snprintf(table, sizeof(table), "%s 1 %s%s%s", stack->pool_uuid, disk[FLASH].use,
		 stack->replica ? " 1 replica=" : "", stack->replica ? disk[REPLICA].use : "");
	if (!create(POOL, disk[FLASH].sectors, "fvp-pool", table))
		return false;
	if (start_volume(stack))
		return true;
	remove_device(POOL);
	return false;
}

bool stack_stop(void)
{
	bool stopped = remove_device(VOLUME);

	return remove_device(POOL) && stopped;
}

/* A volume that was stopped cleanly, and not kept, begins anew without its replicas. */
static void want_replica(const struct stack *stack)
{
	char order[64];

	snprintf(order, sizeof(order), "replicas 1 %.36s", stack->replica_uuid);
	if (status_has(VOLUME, " replicas=0 ") && !message(VOLUME, order))
		die("message %s refused", order);
	wait_for(" replicas_in=1 ");
	wait_for(" effective=write-back ");
}

static void add_replica(struct stack *stack)
{
	char text[4096];
	const char *found;

	run_tool("replica create " POOL " %s --force", disk[REPLICA].path);
	words(DM_DEVICE_STATUS, POOL, text, sizeof(text));
	found = strstr(text, " replica0=");
	if (!found || sscanf(found, " replica0=%36s", stack->replica_uuid) != 1)
		die("no replica: %s", text);
}

void stack_create(struct stack *stack, const char *segment_size)
{
	char table[512];

	run_tool("pool create " POOL " %s --force --segment-size %s", disk[FLASH].path,
		 segment_size);
	if (stack->replica)
		add_replica(stack);
	words(DM_DEVICE_TABLE, POOL, table, sizeof(table));
	if (sscanf(table, "%36s", stack->pool_uuid) != 1)
		die("a pool without a uuid: %s", table);
	if (!remove_device(POOL))
		die("cannot stop the pool");
}

unsigned int stack_replica_wait(const struct stack *stack)
{
	char text[4096];
	const char *found;
	unsigned int legset;

	want_replica(stack);
	words(DM_DEVICE_STATUS, POOL, text, sizeof(text));
	found = strstr(text, " legset=");
	if (!found || sscanf(found, " legset=%u", &legset) != 1)
		die("no leg set: %s", text);
	return legset;
}

bool stack_recover(void)
{
	char arguments[256];

	snprintf(arguments, sizeof(arguments), "recover %s --origin " VOLUME_UUID "=%s",
		 disk[REPLICA].use, disk[ORIGIN].use);
	if (!tool(arguments))
		return true;
	tool_said();
	return false;
}
