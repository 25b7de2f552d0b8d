// SPDX-License-Identifier: GPL-2.0
/*
 * What the devices may hold if the power goes at a moment: what is durable then, whole; of all else
 * that was submitted each write whole, or in some sectors, or not at all.
 */
#include <string.h>

#include "rig.h"

struct state_counts state_counts;

/* In the order in which they were done; what was not, last. */
static int by_done(const void *a, const void *b)
{
	const struct disk_io *x = &disk_log[*(const size_t *)a], *y = &disk_log[*(const size_t *)b];

	if (x->done != y->done)
		return x->done < y->done ? -1 : 1;
	return x->submitted < y->submitted ? -1 : 1;
}

static void apply(const struct disk_io *io, uint32_t first, uint32_t sectors)
{
	uint8_t *to = disk[io->disk].image + (io->sector + first) * SECTOR;

	if (io->kind == DISK_TRIM)
		memset(to, 0, (size_t)sectors * SECTOR);
	else
		memcpy(to, io->data + (size_t)first * SECTOR, (size_t)sectors * SECTOR);
}

void state_make(const struct state_how *how)
{
	static const uint8_t keeps[] = { 0, 0, 10, 50, 90, 100, 100 }; /* of 100 writes */
	uint64_t seed = how->seed;
	unsigned int keep[DISKS], tear = below(&seed, 3) * 20;
	size_t *order = need((disk_log_len + 1) * sizeof(*order));
	size_t count = 0;

	for (unsigned int i = 0; i < disks; i++) {
		memcpy(disk[i].image, disk[i].base, disk[i].sectors * SECTOR);
		keep[i] = keeps[below(&seed, sizeof(keeps))];
	}
	for (size_t i = 0; i < disk_log_len; i++)
		if (disk_log[i].kind != DISK_FLUSH && disk_log[i].submitted <= how->moment)
			order[count++] = i;
	qsort(order, count, sizeof(*order), by_done);
	for (size_t i = 0; i < count; i++) {
		const struct disk_io *io = &disk_log[order[i]];
		unsigned int whole = below(&seed, 100), torn = below(&seed, 100);

		if (io->durable <= how->moment && !how->forget_durable) {
			state_counts.durable++;
			apply(io, 0, io->sectors);
		} else if (torn < tear && io->sectors > 1) {
			uint64_t cut = below(&seed, io->sectors);

			/* To a sector, or here and there. */
			state_counts.torn++;
			for (uint32_t s = 0; s < io->sectors; s++)
				if (torn & 1 ? s < cut : below(&seed, 2))
					apply(io, s, 1);
		} else if (whole < keep[io->disk]) {
			state_counts.kept++;
			apply(io, 0, io->sectors);
		} else {
			state_counts.dropped++;
		}
	}
	free(order);
}
