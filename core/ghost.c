// SPDX-License-Identifier: GPL-2.0
/* See ghost.h. */
#include "ghost.h"
#include "pool.h"

#define WAYS 8
#define BLOCK_SHIFT 3 /* sectors */
#define BUCKET_BITS_MIN 4
#define BUCKET_BITS_MAX 22 /* 64 MiB: as many blocks as 128 GiB have */
#define BLOCKS_AT_ONCE 32 /* under the lock */
/* Fills churn if so much of what is reclaimed still lived. */
#define CHURN_SHARE 64

void fvp_ghost_init(struct fvp_pool *pool)
{
	u64 blocks = ((u64)pool->segment_count << pool->segment_shift) >> BLOCK_SHIFT;
	struct fvp_ghost *ghost = &pool->ghost;

	spin_lock_init(&ghost->lock);
	ghost->bucket_bits =
		clamp_t(u32, ilog2(blocks) - ilog2(WAYS), BUCKET_BITS_MIN, BUCKET_BITS_MAX);
	ghost->tags = vzalloc(sizeof(u16) * WAYS << ghost->bucket_bits);
}

void fvp_ghost_free(struct fvp_pool *pool)
{
	vfree(pool->ghost.tags);
}

/* Bucket and tag of a block; a tag is never 0. */
static u16 *bucket_of(struct fvp_ghost *ghost, u32 volume, u64 block, u16 *tag)
{
	/* Of a product the upper bits are those that are mixed. */
	u64 hash = (block ^ (u64)volume << 40) * 0x9E3779B97F4A7C15ull;

	*tag = (u16)(hash >> (64 - BUCKET_BITS_MAX - 16)) | 1;
	return ghost->tags + (hash >> (64 - ghost->bucket_bits)) * WAYS;
}

/* Where the tag is; WAYS: nowhere. */
static u32 place_of(const u16 *bucket, u16 tag)
{
	u32 i;

	for (i = 0; i < WAYS && bucket[i] != tag; i++)
		;
	return i;
}

/* The newest is at 0. */
static void bucket_put(u16 *bucket, u16 tag)
{
	memmove(bucket + 1, bucket, (WAYS - 1) * sizeof(*bucket));
	bucket[0] = tag;
}

static void bucket_take(u16 *bucket, u32 place)
{
	memmove(bucket + place, bucket + place + 1, (WAYS - 1 - place) * sizeof(*bucket));
	bucket[WAYS - 1] = 0;
}

enum ghost_do { GHOST_COUNT, GHOST_PUT, GHOST_TAKE };

/* Does it to the blocks from first to last; returns how many were known. */
static u64 blocks_do(struct fvp_volume *vol, u64 first, u64 last, enum ghost_do what)
{
	struct fvp_ghost *ghost = &vol->pool->ghost;
	u64 known = 0;

	while (first <= last) {
		u64 stop = min(last, first + BLOCKS_AT_ONCE - 1);

		spin_lock(&ghost->lock);
		for (; first <= stop; first++) {
			u16 tag, *bucket = bucket_of(ghost, vol->id, first, &tag);
			u32 place = place_of(bucket, tag);

			known += place < WAYS;
			if (what == GHOST_TAKE && place < WAYS)
				bucket_take(bucket, place);
			else if (what == GHOST_PUT && place == WAYS)
				bucket_put(bucket, tag);
		}
		spin_unlock(&ghost->lock);
	}
	return known;
}

bool fvp_ghost_churning(struct fvp_pool *pool)
{
	return pool->ghost.tags && READ_ONCE(pool->ghost.churning);
}

/* Blocks that begin in the range; or the one that it is a part of. */
static u64 first_block(u64 lba, u32 len_sectors)
{
	u64 last = (lba + len_sectors - 1) >> BLOCK_SHIFT;

	return min((lba + (1u << BLOCK_SHIFT) - 1) >> BLOCK_SHIFT, last);
}

bool fvp_ghost_knows(struct fvp_volume *vol, u64 lba, u32 len_sectors)
{
	u64 first = first_block(lba, len_sectors), last = (lba + len_sectors - 1) >> BLOCK_SHIFT;
	bool known = blocks_do(vol, first, last, GHOST_COUNT) * 2 >= last - first + 1;

	blocks_do(vol, first, last, known ? GHOST_TAKE : GHOST_PUT);
	return known;
}

bool fvp_ghost_chance(struct fvp_pool *pool)
{
	u32 refused = READ_ONCE(pool->ghost.refused) + 1;

	WRITE_ONCE(pool->ghost.refused, refused);
	return refused % FVP_GHOST_CHANCE == 0;
}

void fvp_ghost_evicted(struct fvp_volume *vol, u64 lba, u32 len_sectors)
{
	if (vol->pool->ghost.tags)
		blocks_do(vol, first_block(lba, len_sectors),
			  (lba + len_sectors - 1) >> BLOCK_SHIFT, GHOST_PUT);
}

void fvp_ghost_reclaimed(struct fvp_pool *pool, u64 sectors, u64 evicted_sectors)
{
	WRITE_ONCE(pool->ghost.churning, evicted_sectors * CHURN_SHARE >= sectors);
}
