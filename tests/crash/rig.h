/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The crash rig: a program in a guest that is all the devices under a pool and a volume, loads the
 * volume, and then cuts the power at any number of moments of what it has seen.
 *
 *	disk.c	  the devices: each an NBD server in this process; one log of all their writes.
 *		  States are looked at on RAM disks, which answer sooner
 *	state.c	  what the devices may hold if the power goes at a moment of that log
 *	oracle.c  what the volume, and its origin alone, may read as then
 *	load.c	  the guest's I/O, numbered
 *	stack.c	  pool and volume on the devices
 *	main.c	  lives and points
 *
 * A moment is a number: submissions and completions of the devices and of the guest's I/O count
 * up one clock, so the log orders flash, origin, replica and guest alike.  It is kept in memory
 * where the requests arrive, as dm-log-writes forgets when a write that was not flushed was
 * submitted and completed: those are the ones that matter here.
 */
#ifndef FVP_CRASH_RIG_H
#define FVP_CRASH_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SECTOR 512
#define NEVER UINT64_MAX

enum { FLASH, ORIGIN, REPLICA, DISKS };

enum disk_kind { DISK_WRITE, DISK_TRIM, DISK_FLUSH };

/* A request that changes what a device holds, or makes it durable. */
struct disk_io {
	uint8_t disk;
	uint8_t kind;
	bool fua;
	uint32_t sectors;
	uint64_t sector;
	uint8_t *data; /* DISK_WRITE */
	uint64_t submitted, done, durable; /* moments */
};

struct disk {
	char path[16];
	char play_path[16]; /* in memory, answers sooner: for looking at a state */
	const char *use; /* which of the two */
	int index, play_fd;
	uint64_t sectors;
	bool cache; /* volatile, as the kernel has been told */
	uint8_t *image;
	uint8_t *base; /* what the image was when the log began */
};

extern struct disk disk[DISKS];
extern unsigned int disks;
/* The log of this life, by submission. */
extern struct disk_io *disk_log;
extern size_t disk_log_len;

void disk_start(unsigned int index, uint64_t sectors);
void disk_set_cache(struct disk *d, bool cache);
void disk_drop_pages(struct disk *d);
/* Devices in memory with what the images hold take the devices' places; or the devices do again. */
void disk_play(void);
void disk_play_end(void);
/* What such a device holds becomes the image. */
void disk_play_read(struct disk *d);
/* The log is emptied and begins: what the devices hold now is durable. */
void disk_record(void);
/* Nothing more goes into the log; says from when on what is in it was durable. */
void disk_record_end(void);
uint64_t moment_next(void);
uint64_t moment_now(void);

/* state.c */
struct state_how {
	uint64_t moment, seed;
	bool forget_durable; /* the deliberate defect: flush and FUA mean nothing */
};
struct state_counts {
	uint64_t durable, kept, dropped, torn;
};
extern struct state_counts state_counts;
void state_make(const struct state_how *how);

/* ---- the guest's I/O ---- */

enum op_kind { OP_WRITE, OP_ZERO, OP_DISCARD, OP_FLUSH };

struct op {
	uint8_t kind;
	bool fua;
	uint32_t sectors;
	uint64_t sector;
	uint64_t id; /* content of its sectors; 0 for zeroes */
	uint64_t issued, acked;
	uint64_t durable; /* as the mode promises: the volume has it from this moment on */
	uint64_t ordered; /* flushed, or acknowledged with FUA: what is issued later comes after */
};

#define ALLOWED_MAX 64
#define CONTENT_BAD UINT64_MAX

void content_fill(uint8_t *sector, uint64_t id, uint64_t lba);
/* The id, 0 for zeroes, CONTENT_BAD for what nobody wrote there. */
uint64_t content_of(const uint8_t *sector, uint64_t lba);

void oracle_start(uint64_t sectors);
/* A range, or 0, 0 for a flush.  Returns its number. */
size_t oracle_issue(enum op_kind kind, bool fua, uint64_t sector, uint32_t sectors);
void oracle_ack(size_t op);
uint64_t oracle_id(size_t op);
/* What the newest acknowledged operation left, while none is in flight there. */
uint64_t oracle_current(uint64_t sector);
/* Works out what was durable when; acks: an acknowledged write is, flush or not. */
void oracle_settle_log(bool acks);
/* All contents that the volume may have there after a power cut. */
unsigned int oracle_allowed(uint64_t sector, uint64_t moment, uint64_t allowed[ALLOWED_MAX]);
/* The origin alone is what the guest's order of flushes allows; prints where not. */
bool oracle_origin_in_order(const uint8_t *image, uint64_t moment);
/* A power cut at this moment was the end of a life; this is what was read after it. */
void oracle_next_life(uint64_t cut, const uint64_t *read);
void oracle_explain(uint64_t sector, uint64_t moment);

/* load.c: false if a read was wrong */
struct load_counts {
	uint64_t writes, fua, flushes, zeroes, discards, reads, destages;
};
extern struct load_counts load_counts;
bool load_run(const char *volume, unsigned int ops, uint64_t seed);

/* stack.c */
enum mode { WRITE_BACK, WRITE_THROUGH };
struct stack {
	enum mode mode;
	bool relaxed;
	bool replica;
	char pool_uuid[40], replica_uuid[40];
};
void stack_create(struct stack *stack, const char *segment_size);
/* false, having said why, if the kernel refuses */
bool stack_start(const struct stack *stack);
bool stack_stop(void);
bool stack_healthy(void);
bool stack_recover(void);
/* Returns, once the replica counts and the volume is in write-back, the leg set's generation. */
unsigned int stack_replica_wait(const struct stack *stack);
void stack_destage(void);
#define STACK_VOLUME "/dev/mapper/v"

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void *need(size_t bytes);
void *need_pages(size_t bytes);

/* xorshift64*: the same everywhere. */
static inline uint64_t chance(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dull >> 11;
}

static inline uint64_t below(uint64_t *seed, uint64_t n)
{
	return chance(seed) % n;
}

static inline uint64_t seed_of(uint64_t seed, uint64_t a, uint64_t b)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15ull ^ (a + 1) * 0xbf58476d1ce4e5b9ull ^
		     (b + 1) * 0x94d049bb133111ebull;

	x ^= x >> 31;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 29;
	return x ? x : 1;
}

#endif /* FVP_CRASH_RIG_H */
