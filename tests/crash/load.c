// SPDX-License-Identifier: GPL-2.0
/* The guest's I/O: through native AIO, so that FUA is FUA and no flush follows it by itself. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rig.h"

#define DEPTH 16
#define WRITE_SECTORS_MAX 128

struct slot {
	struct iocb iocb;
	uint8_t *data;
	size_t op;
	uint64_t sector;
	uint32_t sectors; /* 0: a flush */
	bool busy;
};

struct load {
	int fd;
	aio_context_t aio;
	uint64_t sectors, hot;
	uint64_t seed;
	uint8_t *busy; /* per sector: an operation is in flight */
	struct slot slot[DEPTH];
	unsigned int depth, in_flight;
	bool flushing;
};

struct load_counts load_counts;

static void reap(struct load *load, unsigned int least)
{
	struct io_event events[DEPTH];
	long n = syscall(SYS_io_getevents, load->aio, least, DEPTH, events, NULL);

	if (n < 0)
		die("io_getevents: %s", strerror(errno));
	for (long i = 0; i < n; i++) {
		struct slot *slot = &load->slot[events[i].data];

		if (events[i].res != (long long)slot->sectors * SECTOR)
			die("I/O of the guest failed: %lld", (long long)events[i].res);
		oracle_ack(slot->op);
		memset(load->busy + slot->sector, 0, slot->sectors);
		load->flushing &= slot->sectors != 0;
		slot->busy = false;
		load->in_flight--;
	}
}

/* A range without I/O in flight; fewer sectors, down to none, where that is not to be had. */
static uint32_t range(struct load *load, uint64_t *sector, uint32_t sectors_max)
{
	/* All lengths, short ones more often. */
	uint32_t want = 1 + below(&load->seed, 1u << below(&load->seed, 8)), sectors = 0;
	uint64_t room = load->sectors;

	*sector = 0;
	if (below(&load->seed, 2)) {
		*sector = load->hot;
		room = load->sectors / 8;
	}
	*sector += below(&load->seed, room);
	if (below(&load->seed, 3))
		*sector &= ~7ull;
	if (want >= 8 && below(&load->seed, 3))
		want &= ~7u;
	if (want > sectors_max)
		want = sectors_max;
	while (sectors < want && *sector + sectors < load->sectors &&
	       !load->busy[*sector + sectors])
		sectors++;
	return sectors;
}

static struct slot *slot_get(struct load *load)
{
	struct slot *slot = load->slot;

	while (load->in_flight >= load->depth)
		reap(load, 1);
	while (slot->busy)
		slot++;
	slot->busy = true;
	load->in_flight++;
	memset(&slot->iocb, 0, sizeof(slot->iocb));
	slot->iocb.aio_data = slot - load->slot;
	slot->iocb.aio_fildes = load->fd;
	return slot;
}

static void submit(struct load *load, struct slot *slot)
{
	struct iocb *iocb = &slot->iocb;

	if (syscall(SYS_io_submit, load->aio, 1, &iocb) != 1)
		die("io_submit: %s", strerror(errno));
}

static void put(struct load *load)
{
	bool fua = !below(&load->seed, 6);
	struct slot *slot = slot_get(load);

	slot->sectors = range(load, &slot->sector, WRITE_SECTORS_MAX);
	if (!slot->sectors) {
		slot->busy = false;
		load->in_flight--;
		return;
	}
	slot->op = oracle_issue(OP_WRITE, fua, slot->sector, slot->sectors);
	for (uint32_t i = 0; i < slot->sectors; i++)
		content_fill(slot->data + i * SECTOR, oracle_id(slot->op), slot->sector + i);
	memset(load->busy + slot->sector, 1, slot->sectors);
	slot->iocb.aio_lio_opcode = IOCB_CMD_PWRITE;
	slot->iocb.aio_buf = (uintptr_t)slot->data;
	slot->iocb.aio_nbytes = slot->sectors * SECTOR;
	slot->iocb.aio_offset = slot->sector * SECTOR;
	slot->iocb.aio_rw_flags = fua ? RWF_DSYNC : 0;
	load_counts.writes++;
	load_counts.fua += fua;
	submit(load, slot);
}

static void flush(struct load *load)
{
	struct slot *slot;

	/* One at a time: the oracle relies on it. */
	while (load->flushing)
		reap(load, 1);
	slot = slot_get(load);
	slot->sector = slot->sectors = 0;
	slot->iocb.aio_lio_opcode = IOCB_CMD_FDSYNC;
	slot->op = oracle_issue(OP_FLUSH, false, 0, 0);
	load->flushing = true;
	load_counts.flushes++;
	submit(load, slot);
}

static void without_data(struct load *load, enum op_kind kind)
{
	uint64_t sector;
	uint32_t sectors = range(load, &sector, 4 * WRITE_SECTORS_MAX);
	uint64_t bytes[2] = { sector * SECTOR, (uint64_t)sectors * SECTOR };
	size_t op;

	if (!sectors)
		return;
	op = oracle_issue(kind, false, sector, sectors);
	if (ioctl(load->fd, kind == OP_ZERO ? BLKZEROOUT : BLKDISCARD, bytes))
		die("%s of the guest failed: %s", kind == OP_ZERO ? "zeroes" : "discard",
		    strerror(errno));
	oracle_ack(op);
	if (kind == OP_ZERO)
		load_counts.zeroes++;
	else
		load_counts.discards++;
}

static bool get(struct load *load, uint8_t *buffer)
{
	uint64_t sector;
	uint32_t sectors = range(load, &sector, WRITE_SECTORS_MAX);
	ssize_t bytes = (ssize_t)sectors * SECTOR;

	if (!sectors)
		return true;
	load_counts.reads++;
	if (pread(load->fd, buffer, bytes, (off_t)(sector * SECTOR)) != bytes)
		die("a read of the guest failed: %s", strerror(errno));
	for (uint32_t i = 0; i < sectors; i++) {
		uint64_t content = content_of(buffer + i * SECTOR, sector + i);

		if (content == oracle_current(sector + i))
			continue;
		printf("  under load: sector %llu reads %lld, not %llu\n",
		       (unsigned long long)sector + i, (long long)content,
		       (unsigned long long)oracle_current(sector + i));
		oracle_explain(sector + i, moment_now());
		return false;
	}
	return true;
}

static bool step(struct load *load, uint8_t *buffer)
{
	uint64_t what = below(&load->seed, 100);

	if (what < 68) {
		put(load);
	} else if (what < 77) {
		flush(load);
	} else if (what < 81) {
		without_data(load, OP_ZERO);
	} else if (what < 84) {
		without_data(load, OP_DISCARD);
	} else if (what < 96) {
		return get(load, buffer);
	} else if (what < 98) {
		load_counts.destages++;
		stack_destage();
	} else {
		/* Those behind get something done. */
		usleep(below(&load->seed, 30000));
	}
	return true;
}

bool load_run(const char *volume, unsigned int ops, uint64_t seed)
{
	struct load load = { .seed = seed };
	void *buffer;
	bool right = true;

	load.fd = open(volume, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (load.fd < 0 || syscall(SYS_io_setup, DEPTH, &load.aio))
		die("%s: %s", volume, strerror(errno));
	load.sectors = disk[ORIGIN].sectors;
	load.hot = below(&load.seed, load.sectors * 7 / 8);
	load.busy = need(load.sectors);
	load.depth = 1 + below(&load.seed, DEPTH);
	buffer = need_pages(WRITE_SECTORS_MAX * SECTOR);
	for (unsigned int i = 0; i < DEPTH; i++)
		load.slot[i].data = need_pages(WRITE_SECTORS_MAX * SECTOR);
	while (right && ops--)
		right = step(&load, buffer);
	while (load.in_flight)
		reap(&load, 1);
	syscall(SYS_io_destroy, load.aio);
	close(load.fd);
	for (unsigned int i = 0; i < DEPTH; i++)
		free(load.slot[i].data);
	free(load.busy);
	free(buffer);
	return right;
}
