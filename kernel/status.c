// SPDX-License-Identifier: GPL-2.0
/*
 * Status lines and answers of messages: fvp_uapi.h says what they mean.
 */
#include "dirty.h"
#include "target.h"

/* Of lost data, in one answer: as many as fit a page. */
#define FVP_LOST_RANGES_MAX (PAGE_SIZE / sizeof(struct fvp_lost_range))

struct volume_sum {
	u64 bytes, extents, live_sectors, dirty_sectors;
	u32 volumes, attached;
};

/* Over all volumes of the pool.  Sleeps. */
static struct volume_sum sum_volumes(struct fvp_pool *pool)
{
	struct volume_sum sum = {};
	struct fvp_dirty_status dirty;
	struct fvp_volume *vol;

	mutex_lock(&pool->super_mutex);
	list_for_each_entry (vol, &pool->volumes, node) {
		sum.bytes += fvp_index_bytes(&vol->index);
		sum.extents += atomic64_read(&vol->index.extents);
		sum.live_sectors += atomic64_read(&vol->index.live_sectors);
		fvp_volume_dirty(vol, &dirty);
		sum.dirty_sectors += dirty.sectors;
		sum.volumes++;
		sum.attached += vol->attached;
	}
	mutex_unlock(&pool->super_mutex);
	return sum;
}

static const char *loading_word(const struct fvp_pool *pool)
{
	return READ_ONCE(pool->loading) ? "loading" : "loaded";
}

static const char *const leg_states[] = {
	[FVP_LEG_OUT] = "out",
	[FVP_LEG_DROPPING] = "dropping",
	[FVP_LEG_SYNCING] = "syncing",
	[FVP_LEG_IN] = "in",
};

/* Adds the replicas to what has sz characters; returns how many there are then. */
static unsigned int status_legs(struct fvp_pool *pool, char *result, unsigned int sz,
				unsigned int maxlen)
{
	u64 acks, ns;
	u32 i;

	mutex_lock(&pool->super_mutex);
	DMEMIT(" legset=%u replicas=%u", pool->super->legset_gen, pool->leg_count);
	for (i = 0; i < FVP_LEGS_MAX; i++) {
		struct fvp_leg *leg = &pool->leg[i];

		if (leg->state == FVP_LEG_NONE)
			continue;
		spin_lock_irq(&pool->leg_lock);
		acks = leg->acks;
		ns = leg->ack_ns;
		spin_unlock_irq(&pool->leg_lock);
		DMEMIT(" replica%u=%pUb,%s,%s,%u,%llu,%llu,%llu", i, leg->uuid,
		       leg_states[READ_ONCE(leg->state)],
		       leg->dev ? fvp_host_dev_name(leg->dev) : "-", leg->slot_count,
		       READ_ONCE(leg->failures), acks,
		       acks ? div64_u64(ns, acks * NSEC_PER_USEC) : 0);
	}
	mutex_unlock(&pool->super_mutex);
	return sz;
}

/* Adds the scrub, this one or the last, to what has sz characters; returns how many there are then. */
static unsigned int status_scrub(struct fvp_pool *pool, char *result, unsigned int sz,
				 unsigned int maxlen)
{
	struct fvp_scrub_status s;

	fvp_scrub_status(pool, &s);
	DMEMIT(" scrub=%s scrub_segments=%u",
	       s.running    ? "running"
	       : s.complete ? "complete"
	       : s.rate	    ? "stopped"
			    : "none",
	       s.segments);
	DMEMIT(" scrub_rate_mib=%u scrub_checked_sectors=%llu", s.rate >> (20 - SECTOR_SHIFT),
	       s.checked_sectors);
	DMEMIT(" scrub_dropped_sectors=%llu scrub_mended_sectors=%llu scrub_damaged_sectors=%llu",
	       s.dropped_sectors, s.mended_sectors, s.damaged_sectors);
	DMEMIT(" scrub_headers_mended=%llu scrub_unreadable=%llu", s.headers_mended, s.unreadable);
	return sz;
}

void fvp_status_pool(struct fvp_pool *pool, char *result, unsigned int maxlen)
{
	const struct volume_sum sum = sum_volumes(pool);
	const struct fvp_pool_stats *stats = &pool->stats;
	unsigned int sz = 0;
	u64 waiting_sectors;
	u32 waiting = fvp_pool_waiting(pool, &waiting_sectors);

	DMEMIT("%u health=%s state=%s uuid=%pUb devices=%u", FVP_STATUS_VERSION,
	       READ_ONCE(pool->health) == FVP_POOL_OK ? "ok" : "failed", loading_word(pool),
	       pool->uuid, pool->flash_count);
	DMEMIT(" block_sectors=%u segment_sectors=%u segments=%u segments_free=%u",
	       pool->block_sectors, pool->segment_sectors, pool->segment_count,
	       fvp_segment_free_count(pool));
	DMEMIT(" index_bytes=%llu index_extents=%llu live_sectors=%llu", sum.bytes, sum.extents,
	       sum.live_sectors);
	DMEMIT(" load_bytes=%llu load_bytes_before_io=%llu volumes=%u attached=%u",
	       READ_ONCE(pool->load_bytes), READ_ONCE(pool->load_bytes_before_io), sum.volumes,
	       sum.attached);
	DMEMIT(" dirty_sectors=%llu dirty_span_sectors=%llu dirty_limit_sectors=%llu",
	       sum.dirty_sectors, fvp_pool_dirty_span(pool), fvp_pool_dirty_limit(pool));
	DMEMIT(" waiting=%u waiting_sectors=%llu", waiting, waiting_sectors);
	sz = status_legs(pool, result, sz, maxlen);
	sz = status_scrub(pool, result, sz, maxlen);
#define EMIT(field) DMEMIT(" " #field "=%lld", (s64)atomic64_read(&stats->field))
	EMIT(flash_written_sectors);
	EMIT(inserted_sectors);
	EMIT(records);
	EMIT(record_entries);
	EMIT(segments_sealed);
	EMIT(segments_reclaimed);
	EMIT(loaded_entries);
	EMIT(bad_blocks);
	EMIT(bad_data);
#undef EMIT
}

void fvp_status_volume(const struct fvp_attachment *att, char *result, unsigned int maxlen)
{
	struct fvp_volume *vol = att->vol;
	struct fvp_volume_counters sum = {};
	struct fvp_dirty_status dirty;
	unsigned int sz = 0;

	fvp_volume_stats_read(vol, &sum);
	fvp_volume_dirty(vol, &dirty);
	DMEMIT("%u requested=%s effective=%s state=%s id=%u keep=%d", FVP_STATUS_VERSION,
	       fvp_mode_name(READ_ONCE(vol->mode)), fvp_mode_name(fvp_volume_effective_mode(vol)),
	       loading_word(vol->pool), vol->id, READ_ONCE(att->keep));
	DMEMIT(" order=%s draining=%d origin=%s", fvp_order_name(READ_ONCE(att->order)),
	       dirty.draining, dirty.origin_failing ? "failing" : "ok");
	DMEMIT(" dirty_sectors=%llu dirty_in=%llu dirty_out=%llu dirty_age_ms=%llu", dirty.sectors,
	       dirty.in, dirty.out, dirty.age_ms);
	DMEMIT(" destage_rate=%llu lost_sectors=%llu", dirty.rate, dirty.lost_sectors);
	DMEMIT(" replicas=%u replicas_in=%u replicas_min=%u replica_mask=%x", hweight8(vol->legs),
	       hweight8(vol->legs & fvp_legs_in(vol->pool)), vol->legs_min, vol->legs);
	DMEMIT(" index_bytes=%llu index_extents=%llu live_sectors=%llu",
	       fvp_index_bytes(&vol->index), (u64)atomic64_read(&vol->index.extents),
	       (u64)atomic64_read(&vol->index.live_sectors));
	DMEMIT(" read_ios=%llu read_sectors=%llu", sum.hit_ios + sum.miss_ios,
	       sum.hit_sectors + sum.miss_sectors);
#define EMIT(field, what) DMEMIT(" " #field "=%llu", sum.field);
	FVP_VOLUME_COUNTERS(EMIT)
#undef EMIT
}

void fvp_reply_flush(struct fvp_volume *vol, char *result, unsigned int maxlen)
{
	u64 until = fvp_volume_flush(vol);
	struct fvp_dirty_status dirty;
	unsigned int sz = 0;

	fvp_volume_dirty(vol, &dirty);
	DMEMIT("until=%llu dirty=%llu", until, dirty.sectors);
}

void fvp_reply_lost(struct fvp_volume *vol, char *result, unsigned int maxlen)
{
	struct fvp_lost_range *ranges;
	struct fvp_dirty_status dirty;
	unsigned int sz = 0;
	char word[48];
	u32 count = 0, i;

	ranges = kmalloc_array(FVP_LOST_RANGES_MAX, sizeof(*ranges), GFP_KERNEL);
	if (ranges)
		count = min_t(u32, fvp_volume_lost(vol, ranges, FVP_LOST_RANGES_MAX),
			      FVP_LOST_RANGES_MAX);
	fvp_volume_dirty(vol, &dirty);
	DMEMIT("sectors=%llu", dirty.lost_sectors);
	for (i = 0; i < count; i++) {
		snprintf(word, sizeof(word), " %llu+%llu", ranges[i].lba, ranges[i].len_sectors);
		/* A full buffer would make dm ask again, with a larger one. */
		if (sz + strlen(word) + 1 >= maxlen)
			break;
		DMEMIT("%s", word);
	}
	kfree(ranges);
}

static const char *const latency_names[] = {
#define NAME(id, name, what) [FVP_LATENCY_##id] = #name,
	FVP_VOLUME_LATENCIES(NAME)
#undef NAME
};

/* Adds a histogram to what has sz characters; returns how many there are then. */
static unsigned int reply_latency(const char *name, const struct fvp_latency *latency, char *result,
				  unsigned int sz, unsigned int maxlen)
{
	u64 count = 0;
	u32 i;

	for (i = 0; i < FVP_LATENCY_BUCKETS; i++)
		count += latency->bucket[i];
	DMEMIT(" %s=%llu,%llu", name, count, latency->sum_ns);
	for (i = 0; i < FVP_LATENCY_BUCKETS; i++)
		if (latency->bucket[i])
			DMEMIT(",%u:%llu", i, latency->bucket[i]);
	return sz;
}

int fvp_reply_volume_latency(struct fvp_volume *vol, char *result, unsigned int maxlen)
{
	struct fvp_latency *sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	unsigned int sz = 0;
	u32 kind;

	if (!sum)
		return -ENOMEM;
	DMEMIT("%u", FVP_LATENCY_VERSION);
	for (kind = 0; kind < FVP_LATENCIES; kind++) {
		fvp_volume_latency_read(vol, kind, sum);
		sz = reply_latency(latency_names[kind], sum, result, sz, maxlen);
	}
	kfree(sum);
	return 1;
}

int fvp_reply_pool_latency(struct fvp_pool *pool, char *result, unsigned int maxlen)
{
	struct fvp_latency *sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	unsigned int sz = 0;
	char name[16];
	u32 i;

	if (!sum)
		return -ENOMEM;
	DMEMIT("%u", FVP_LATENCY_VERSION);
	spin_lock_irq(&pool->log.lock);
	*sum = pool->stats.flash_write;
	spin_unlock_irq(&pool->log.lock);
	sz = reply_latency("flash_write", sum, result, sz, maxlen);
	for (i = 0; i < FVP_LEGS_MAX; i++) {
		bool there;

		spin_lock_irq(&pool->leg_lock);
		there = pool->leg[i].state != FVP_LEG_NONE;
		*sum = pool->leg[i].ack;
		spin_unlock_irq(&pool->leg_lock);
		snprintf(name, sizeof(name), "replica%u", i);
		if (there)
			sz = reply_latency(name, sum, result, sz, maxlen);
	}
	kfree(sum);
	return 1;
}
