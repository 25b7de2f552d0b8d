// SPDX-License-Identifier: GPL-2.0
/*
 * Volumes: coming, going, modes; and whether content found on flash may be
 * believed (I12).
 *
 * Content is kept only over times in which nobody but us can have written the
 * origin.  The volume table says which: ACTIVE (found so: power was cut) and KEPT
 * (stopped by someone who promised).  While suspended, a volume is noted as
 * SUSPENDED, durably, before the host may let others at the origin.  Content that
 * is not believed goes by giving the volume a new id: entries of the old one belong
 * to nobody.
 */
#include "pool.h"
#include "destage.h"
#include "group.h"
#include "leg.h"
#include "lost.h"
#include "pace.h"
#include "populate.h"
#include "settle.h"
#include "write.h"

static struct fvp_super_volume *line_find(struct fvp_pool *pool, const u8 uuid[16])
{
	u32 i;

	for (i = 0; i < pool->super->volume_count; i++)
		if (!memcmp(pool->super->volumes[i].uuid, uuid, 16))
			return &pool->super->volumes[i];
	return NULL;
}

static void line_remove(struct fvp_pool *pool, const u8 uuid[16])
{
	struct fvp_super_volume *line = line_find(pool, uuid);

	if (line)
		*line = pool->super->volumes[--pool->super->volume_count];
}

struct fvp_volume *fvp_volume_find(struct fvp_pool *pool, const u8 uuid[16])
{
	struct fvp_volume *vol;

	list_for_each_entry (vol, &pool->volumes, node)
		if (!memcmp(vol->uuid, uuid, 16))
			return vol;
	return NULL;
}

struct fvp_volume *fvp_volume_by_id(struct fvp_pool *pool, u32 id)
{
	struct fvp_volume *vol;

	lockdep_assert_held(&pool->super_mutex);
	list_for_each_entry (vol, &pool->by_id[id % FVP_VOLUME_HASH], id_node)
		if (vol->id == id)
			return vol;
	return NULL;
}

struct fvp_volume *fvp_volume_get(struct fvp_pool *pool, u32 id)
{
	struct fvp_volume *vol;

	mutex_lock(&pool->super_mutex);
	vol = fvp_volume_by_id(pool, id);
	if (vol)
		atomic_inc(&vol->busy);
	mutex_unlock(&pool->super_mutex);
	return vol;
}

/* Makes the volume of a line and lists it.  NULL without memory. */
static struct fvp_volume *volume_new(struct fvp_pool *pool, const struct fvp_super_volume *line)
{
	struct fvp_volume *vol = kzalloc(sizeof(*vol), GFP_KERNEL);

	if (!vol)
		return NULL;
	vol->stats = alloc_percpu(struct fvp_volume_stats);
	if (!vol->stats || fvp_index_init(&vol->index, line->size_sectors)) {
		free_percpu(vol->stats);
		kfree(vol);
		return NULL;
	}
	vol->pool = pool;
	memcpy(vol->uuid, line->uuid, 16);
	vol->id = line->id;
	vol->sectors = line->size_sectors;
	vol->load_watermark = line->watermark;
	vol->legs = line->legs;
	vol->legs_min = line->legs_min;
	vol->mode = FVP_MODE_PASS_THROUGH;
	spin_lock_init(&vol->lock);
	vol->claims = RB_ROOT_CACHED;
	vol->fills = RB_ROOT_CACHED;
	vol->lost = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&vol->held);
	fvp_dirty_init(vol);
	fvp_destage_init(vol);
	fvp_pace_init(vol);
	fvp_group_init(vol);
	atomic_set(&vol->busy, 0);
	fvp_settle_init(vol);
	list_add_tail(&vol->node, &pool->volumes);
	list_add_tail(&vol->id_node, &pool->by_id[vol->id % FVP_VOLUME_HASH]);
	return vol;
}

/* Nobody finds it any more.  Caller holds super_mutex (or is alone). */
static void volume_unlink(struct fvp_volume *vol)
{
	list_del(&vol->node);
	list_del(&vol->id_node);
}

/*
 * It is unlinked, and no request is in flight.  Not with super_mutex held: what this waits
 * for may wait for a leg, and dropping that takes it.
 */
static void volume_free(struct fvp_volume *vol)
{
	/* Reclaim may still look at it. */
	wait_event(vol->pool->wait, !atomic_read(&vol->busy));
	fvp_group_stop(vol);
	fvp_pace_stop(vol);
	fvp_destage_stop(vol);
	fvp_destage_free(vol);
	fvp_dirty_destroy(vol);
	fvp_lost_clear(vol);
	fvp_index_destroy(&vol->index);
	free_percpu(vol->stats);
	kfree(vol);
}

enum fvp_mode fvp_volume_effective_mode(const struct fvp_volume *vol)
{
	enum fvp_mode mode;

	if (READ_ONCE(vol->pool->health) == FVP_POOL_FAILED)
		return FVP_MODE_PASS_THROUGH;
	if (READ_ONCE(vol->commit) != FVP_COMMIT_OFF)
		return FVP_MODE_WRITE_BACK;
	mode = READ_ONCE(vol->mode);
	return mode == FVP_MODE_WRITE_BACK ? FVP_MODE_WRITE_THROUGH : mode;
}

/* Caller holds super_mutex. */
static void serving_update(struct fvp_volume *vol)
{
	WRITE_ONCE(vol->serving,
		   vol->active && fvp_volume_effective_mode(vol) != FVP_MODE_PASS_THROUGH);
}

/*
 * Finds or makes the line of a volume that attaches, and its struct; drops content
 * that is not to be believed.  *old is for the caller to free when it has let super_mutex
 * go, which it holds.
 */
static int volume_settle(struct fvp_pool *pool, const u8 uuid[16], u64 sectors,
			 struct fvp_super_volume **out, struct fvp_volume **vol,
			 struct fvp_volume **old)
{
	struct fvp_super_volume *line = line_find(pool, uuid);
	bool believed = line && line->size_sectors == sectors &&
			(line->state == FVP_VOLUME_ACTIVE || line->state == FVP_VOLUME_KEPT);

	*vol = fvp_volume_find(pool, uuid);
	if (!line) {
		if (pool->super->volume_count == FVP_VOLUMES_MAX)
			return -ENOSPC;
		line = &pool->super->volumes[pool->super->volume_count++];
		memset(line, 0, sizeof(*line));
		memcpy(line->uuid, uuid, 16);
	}
	if (!believed) {
		if (*vol)
			volume_unlink(*vol);
		*old = *vol;
		*vol = NULL;
		line->id = pool->super->next_volume_id++;
		line->watermark = 0;
		line->size_sectors = sectors;
	}
	if (!*vol)
		*vol = volume_new(pool, line);
	*out = line;
	return *vol ? 0 : -ENOMEM;
}

int fvp_volume_attach(struct fvp_pool *pool, const u8 uuid[16], const char *name,
		      struct fvp_dev *origin, u64 sectors, enum fvp_mode mode,
		      struct fvp_volume **out, char *err, size_t err_len)
{
	struct fvp_super_volume *line;
	struct fvp_volume *vol, *old = NULL;
	int ret = 0;

	if (mode < FVP_MODE_PASS_THROUGH || mode > FVP_MODE_WRITE_BACK) {
		snprintf(err, err_len, "%s: mode not supported by this version",
			 fvp_host_dev_name(origin));
		return -EINVAL;
	}
	if (sectors > FVP_VOLUME_SECTORS_MAX) {
		snprintf(err, err_len, "%s: larger than a volume can be, which is 32 PiB",
			 fvp_host_dev_name(origin));
		return -EFBIG;
	}
	mutex_lock(&pool->super_mutex);
	vol = fvp_volume_find(pool, uuid);
	if (vol && vol->attached) {
		snprintf(err, err_len, "%s: a volume of this uuid is attached already",
			 fvp_host_dev_name(origin));
		ret = -EEXIST;
		goto out;
	}
	if (vol && vol->dirty.entries && vol->sectors != sectors) {
		snprintf(err, err_len,
			 "%s: has %llu sectors; flash holds writes of this volume for an origin of "
			 "%llu: attach that one",
			 fvp_host_dev_name(origin), (unsigned long long)sectors,
			 (unsigned long long)vol->sectors);
		ret = -EBUSY;
		goto out;
	}
	ret = volume_settle(pool, uuid, sectors, &line, &vol, &old);
	if (ret) {
		snprintf(err, err_len, "%s: %s", fvp_host_dev_name(origin),
			 ret == -ENOSPC ? "the pool's volume table is full; detach volumes first"
					: "out of memory");
		goto out;
	}
	/* What is dirty stays valid, whatever happens to the origin. */
	if (!vol->dirty.entries)
		line->state = FVP_VOLUME_SUSPENDED;
	line->mode = mode;
	line->epoch++;
	memset(line->name, 0, sizeof(line->name));
	strscpy(line->name, name ? name : "", sizeof(line->name));
	vol->origin = origin;
	vol->origin_volatile = fvp_host_dev_volatile(origin);
	vol->mode = mode;
	vol->attached = true;
	vol->active = false;
	/* Flash that fails here does not keep the volume from its origin. */
	fvp_super_write(pool, NULL);
	*out = vol;
out:
	mutex_unlock(&pool->super_mutex);
	if (old)
		volume_free(old);
	return ret;
}

/* Notes state and flags durably.  Caller holds super_mutex. */
static void state_note(struct fvp_volume *vol, u32 state, u32 flags)
{
	struct fvp_super_volume *line = line_find(vol->pool, vol->uuid);

	/* The id differs after a failure: then the line must stay as it is. */
	if (!line || line->id != vol->id || (line->state == state && line->flags == flags))
		return;
	line->state = state;
	line->flags = flags;
	fvp_super_write(vol->pool, NULL);
}

/* The requested mode is write-back, and the leg set allows it. */
static bool back_wanted(const struct fvp_volume *vol)
{
	return vol->mode == FVP_MODE_WRITE_BACK &&
	       hweight8(fvp_legs_in(vol->pool) & vol->legs) >= vol->legs_min;
}

/*
 * Begins write-back, or goes on with it: if that is wanted, or as long as there is
 * dirty data.  Caller holds super_mutex.
 */
static void back_begin(struct fvp_volume *vol)
{
	bool wanted = back_wanted(vol);
	LIST_HEAD(held);

	if (!vol->active || fvp_volume_back_stopped(vol) ||
	    READ_ONCE(vol->pool->health) == FVP_POOL_FAILED || (!wanted && !vol->dirty.entries))
		return;
	/* Before the first write: whoever finds the flash must know. */
	state_note(vol, FVP_VOLUME_ACTIVE, FVP_VOLUME_MAY_BE_DIRTY);
	spin_lock(&vol->lock);
	if (vol->commit == FVP_COMMIT_OFF) {
		WRITE_ONCE(vol->origin_unflushed, vol->origin_volatile);
		WRITE_ONCE(vol->back_begun, vol->back_begun + 1);
	}
	WRITE_ONCE(vol->draining, !wanted);
	WRITE_ONCE(vol->commit, FVP_COMMIT_ON);
	list_splice_init(&vol->held, &held);
	spin_unlock(&vol->lock);
	fvp_commit_release(vol, &held);
	fvp_destage_kick(vol);
}

void fvp_volume_back_ended(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_super_volume *line;

	mutex_lock(&pool->super_mutex);
	if (READ_ONCE(vol->commit) != FVP_COMMIT_OFF)
		goto out;
	serving_update(vol);
	line = line_find(pool, vol->uuid);
	if (line && !vol->saved)
		state_note(vol, line->state, 0);
	/* The leg set may have become what the mode wants, meanwhile. */
	if (back_wanted(vol))
		back_begin(vol);
	trace_fvp_mode(vol->uuid, vol->mode, fvp_volume_effective_mode(vol));
out:
	mutex_unlock(&pool->super_mutex);
}

void fvp_volume_void(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_super_volume *line;

	mutex_lock(&pool->super_mutex);
	line = line_find(pool, vol->uuid);
	if (line && line->id == vol->id) {
		line->id = pool->super->next_volume_id++;
		line->state = FVP_VOLUME_SUSPENDED;
		line->flags = 0;
		fvp_super_write(pool, NULL);
	}
	mutex_unlock(&pool->super_mutex);
}

void fvp_volume_watermark_note(struct fvp_volume *vol)
{
	struct fvp_super_volume *line = line_find(vol->pool, vol->uuid);

	if (!line || line->id != vol->id)
		return;
	line->watermark = max(line->watermark, READ_ONCE(vol->watermark));
	/* What an earlier activation noted in the log goes with its segment, too. */
	line->watermark = max(line->watermark, READ_ONCE(vol->load_watermark));
}

void fvp_volumes_watermark_note(struct fvp_pool *pool)
{
	struct fvp_volume *vol;

	lockdep_assert_held(&pool->super_mutex);
	list_for_each_entry (vol, &pool->volumes, node)
		fvp_volume_watermark_note(vol);
}

int fvp_volume_mark(struct fvp_volume *vol, u64 place)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_super_volume *line;
	int err = -EIO;

	mutex_lock(&pool->super_mutex);
	line = line_find(pool, vol->uuid);
	if (line && line->id == vol->id) {
		line->watermark = place;
		err = fvp_super_write(pool, NULL);
	}
	mutex_unlock(&pool->super_mutex);
	return err;
}

bool fvp_volume_rescue(struct fvp_volume *vol)
{
	bool begun;

	spin_lock(&vol->lock);
	begun = !vol->saved && !vol->rescue &&
		(vol->commit != FVP_COMMIT_OFF || (vol->attached && vol->dirty.entries));
	if (begun) {
		WRITE_ONCE(vol->rescue, true);
		WRITE_ONCE(vol->commit, FVP_COMMIT_HELD);
	}
	spin_unlock(&vol->lock);
	if (begun && !vol->destage_stopped)
		fvp_destage_kick(vol);
	return begun;
}

/* Write-back is to end.  Caller holds vol->lock, and waits with drain_wait(). */
static void drain_begin(struct fvp_volume *vol)
{
	vol->drain_waits++;
	if (vol->commit != FVP_COMMIT_OFF)
		WRITE_ONCE(vol->draining, true);
}

static int drain_wait(struct fvp_volume *vol)
{
	LIST_HEAD(held);
	int err = 0;

	if (READ_ONCE(vol->commit) != FVP_COMMIT_OFF) {
		fvp_destage_kick(vol);
		wait_event(vol->pool->wait, READ_ONCE(vol->commit) == FVP_COMMIT_OFF ||
						    fvp_volume_drain_hopeless(vol));
	}
	spin_lock(&vol->lock);
	vol->drain_waits--;
	if (vol->commit != FVP_COMMIT_OFF) {
		err = -EIO;
		/* Others may find that there is hope. */
		if (!vol->drain_waits)
			WRITE_ONCE(vol->draining, false);
		/* A rescue goes on: its requests have nowhere else to go. */
		if (!vol->rescue) {
			WRITE_ONCE(vol->commit, FVP_COMMIT_ON);
			list_splice_init(&vol->held, &held);
		}
	}
	spin_unlock(&vol->lock);
	fvp_commit_release(vol, &held);
	return err;
}

int fvp_volume_drain(struct fvp_volume *vol)
{
	spin_lock(&vol->lock);
	vol->suspending = true;
	drain_begin(vol);
	spin_unlock(&vol->lock);
	return drain_wait(vol);
}

void fvp_volume_drain_undo(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;

	mutex_lock(&pool->super_mutex);
	vol->suspending = false;
	back_begin(vol);
	mutex_unlock(&pool->super_mutex);
}

/*
 * For what is done without write-back, perhaps by several at once, and while the volume is
 * being suspended.  As fvp_volume_drain().
 */
static int without_back_begin(struct fvp_volume *vol)
{
	spin_lock(&vol->lock);
	vol->without_back++;
	drain_begin(vol);
	spin_unlock(&vol->lock);
	return drain_wait(vol);
}

static void without_back_end(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;

	mutex_lock(&pool->super_mutex);
	spin_lock(&vol->lock);
	vol->without_back--;
	spin_unlock(&vol->lock);
	back_begin(vol);
	mutex_unlock(&pool->super_mutex);
}

/* Requests that wait while the origin fails cannot be in flight over a suspend. */
static void suspend_warn(struct fvp_volume *vol)
{
	pr_err("%s: its volume is suspended with %llu bytes that only flash has: the origin takes "
	       "no writes.  Nobody else may write it; they are destaged when it is back\n",
	       fvp_host_dev_name(vol->origin),
	       (unsigned long long)(vol->dirty.in - vol->dirty.out) * FVP_SECTOR_BYTES);
}

void fvp_volume_suspend(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;

	fvp_volume_drain(vol);
	mutex_lock(&pool->super_mutex);
	vol->active = false;
	serving_update(vol);
	mutex_unlock(&pool->super_mutex);
	/* Fills still come in, and promotions that have begun. */
	while (!wait_event_timeout(pool->wait, !atomic_read(&vol->busy), msecs_to_jiffies(20)))
		/* In a log full of dirty data, whosever, there is no room for them, nor soon. */
		if (READ_ONCE(pool->log.dirty_entries))
			fvp_populate_give_up(vol);
	fvp_destage_stop(vol);
	fvp_settle_now(vol);
	mutex_lock(&pool->super_mutex);
	if (vol->dirty.entries)
		suspend_warn(vol);
	else
		state_note(vol, FVP_VOLUME_SUSPENDED, 0);
	mutex_unlock(&pool->super_mutex);
	fvp_destage_free(vol);
}

void fvp_volume_resume(struct fvp_volume *vol)
{
	struct fvp_pool *pool = vol->pool;

	mutex_lock(&pool->super_mutex);
	state_note(vol, FVP_VOLUME_ACTIVE, vol->dirty.entries ? FVP_VOLUME_MAY_BE_DIRTY : 0);
	vol->active = true;
	vol->suspending = false;
	fvp_destage_start(vol);
	back_begin(vol);
	if (READ_ONCE(pool->health) == FVP_POOL_FAILED)
		fvp_volume_rescue(vol);
	serving_update(vol);
	mutex_unlock(&pool->super_mutex);
}

void fvp_volume_detach(struct fvp_volume *vol, enum fvp_detach how)
{
	struct fvp_pool *pool = vol->pool;
	bool gone = false;

	if (vol->active)
		fvp_volume_suspend(vol);
	mutex_lock(&pool->super_mutex);
	vol->attached = false;
	WRITE_ONCE(vol->commit, FVP_COMMIT_OFF);
	vol->origin = NULL;
	if (vol->dirty.entries) {
		/* It waits in the pool for its origin. */
	} else if (how == FVP_DETACH_KEEP && READ_ONCE(pool->health) == FVP_POOL_OK) {
		state_note(vol, FVP_VOLUME_KEPT, 0);
	} else {
		line_remove(pool, vol->uuid);
		volume_unlink(vol);
		gone = true;
		fvp_super_write(pool, NULL);
	}
	mutex_unlock(&pool->super_mutex);
	if (gone)
		volume_free(vol);
}

/* The requested mode has changed.  Caller holds super_mutex. */
static void mode_apply(struct fvp_volume *vol)
{
	if (!vol->active || fvp_volume_back_stopped(vol))
		return;
	if (back_wanted(vol)) {
		back_begin(vol);
		return;
	}
	spin_lock(&vol->lock);
	if (vol->commit != FVP_COMMIT_OFF)
		WRITE_ONCE(vol->draining, true);
	spin_unlock(&vol->lock);
	if (READ_ONCE(vol->draining))
		fvp_destage_kick(vol);
}

void fvp_volumes_reconsider(struct fvp_pool *pool)
{
	struct fvp_volume *vol;

	lockdep_assert_held(&pool->super_mutex);
	list_for_each_entry (vol, &pool->volumes, node) {
		if (vol->mode != FVP_MODE_WRITE_BACK || !vol->legs)
			continue;
		/* Already there? */
		if (back_wanted(vol) && READ_ONCE(vol->commit) == FVP_COMMIT_ON &&
		    !READ_ONCE(vol->draining))
			continue;
		mode_apply(vol);
	}
}

int fvp_volume_set_legs(struct fvp_volume *vol, u8 legs, u8 legs_min)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_super_volume *line;
	int err;
	u32 i;

	if (legs_min > hweight8(legs) || hweight8(legs) > FVP_VOLUME_LEGS_MAX)
		return -EINVAL;
	/* What is dirty now is not on legs that come. */
	err = without_back_begin(vol);
	mutex_lock(&pool->super_mutex);
	for (i = 0; i < FVP_LEGS_MAX; i++)
		if ((legs & 1u << i) && !(pool->super->legs[i].flags & FVP_LEG_USED))
			err = -EINVAL;
	line = line_find(pool, vol->uuid);
	if (!err && line) {
		WRITE_ONCE(vol->legs, legs);
		WRITE_ONCE(vol->legs_min, legs_min);
		line->legs = legs;
		line->legs_min = legs_min;
		/* Legs that come know nothing of what was destaged before. */
		fvp_volume_watermark_note(vol);
		fvp_super_write(pool, NULL);
	}
	mutex_unlock(&pool->super_mutex);
	without_back_end(vol);
	return err;
}

int fvp_volume_set_mode(struct fvp_volume *vol, enum fvp_mode mode)
{
	struct fvp_pool *pool = vol->pool;
	struct fvp_super_volume *line;

	if (mode < FVP_MODE_PASS_THROUGH || mode > FVP_MODE_WRITE_BACK)
		return -EINVAL;
	mutex_lock(&pool->super_mutex);
	if (vol->mode != mode) {
		WRITE_ONCE(vol->mode, mode);
		mode_apply(vol);
		serving_update(vol);
		line = line_find(pool, vol->uuid);
		if (line)
			line->mode = mode;
		/* For people who look at the pool offline; the table line decides. */
		fvp_super_write(pool, NULL);
	}
	trace_fvp_mode(vol->uuid, mode, fvp_volume_effective_mode(vol));
	mutex_unlock(&pool->super_mutex);
	return 0;
}

u32 fvp_pool_waiting(struct fvp_pool *pool, u64 *sectors)
{
	struct fvp_volume *vol;
	u64 sum = 0;
	u32 count = 0;

	mutex_lock(&pool->super_mutex);
	list_for_each_entry (vol, &pool->volumes, node) {
		if (vol->attached || !vol->dirty.entries)
			continue;
		count++;
		sum += vol->dirty.in - vol->dirty.out;
	}
	mutex_unlock(&pool->super_mutex);
	if (sectors)
		*sectors = sum;
	return count;
}

int fvp_volume_drop(struct fvp_volume *vol)
{
	int err = without_back_begin(vol);

	if (!err)
		err = fvp_write_drop(vol, 0, vol->sectors);
	without_back_end(vol);
	return err;
}

int fvp_volumes_open(struct fvp_pool *pool)
{
	u32 i;

	for (i = 0; i < pool->super->volume_count; i++) {
		const struct fvp_super_volume *line = &pool->super->volumes[i];

		if (line->state != FVP_VOLUME_ACTIVE && line->state != FVP_VOLUME_KEPT)
			continue;
		/* A replica has dirty data of those that wanted it, and nothing else. */
		if (pool->recover && (!(line->flags & FVP_VOLUME_MAY_BE_DIRTY) ||
				      !(line->legs & 1u << pool->super->leg_index)))
			continue;
		if (!volume_new(pool, line))
			return -ENOMEM;
	}
	return 0;
}

void fvp_volumes_close(struct fvp_pool *pool)
{
	struct fvp_volume *vol, *tmp;

	list_for_each_entry_safe (vol, tmp, &pool->volumes, node) {
		volume_unlink(vol);
		volume_free(vol);
	}
}
