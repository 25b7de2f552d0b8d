// SPDX-License-Identifier: GPL-2.0
/* See health.h. */
#include "pool.h"
#include "health.h"

/* Between attempts to void the content of flash that took no write. */
#define VOID_RETRY_MS 5000

void fvp_health_flash_failed(struct fvp_pool *pool, struct fvp_dev *dev, int error)
{
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&pool->fill_lock, flags);
	first = pool->health == FVP_POOL_OK;
	WRITE_ONCE(pool->health, FVP_POOL_FAILED);
	spin_unlock_irqrestore(&pool->fill_lock, flags);
	if (!first)
		return;
	pr_err("flash device %s failed a write (error %d): its pool is out of use, all volumes go "
	       "on from their origins\n",
	       fvp_host_dev_name(dev), error);
	queue_delayed_work(pool->bg_wq, &pool->health_work, 0);
	fvp_log_wake(pool);
}

void fvp_health_wait_voided(struct fvp_pool *pool)
{
	wait_event(pool->wait, READ_ONCE(pool->voided));
}

/* The only copy of what is acknowledged: dirty, or not yet saved. */
static bool line_dirty(struct fvp_pool *pool, u32 id)
{
	struct fvp_volume *vol = fvp_volume_by_id(pool, id);

	return vol && (READ_ONCE(vol->rescue) || READ_ONCE(vol->dirty.entries));
}

/*
 * Gives every volume a new id on media: what flash holds of the old ones is void.  Not
 * those with dirty data.  True: there are such.
 */
static bool super_void(struct fvp_pool *pool)
{
	struct fvp_super *super = pool->super;
	bool left = false;
	u32 i;

	for (i = 0; i < super->volume_count; i++) {
		if (line_dirty(pool, super->volumes[i].id)) {
			left = true;
			continue;
		}
		if (!fvp_volume_by_id(pool, super->volumes[i].id) &&
		    super->volumes[i].state == FVP_VOLUME_SUSPENDED)
			continue;
		super->volumes[i].id = super->next_volume_id++;
		super->volumes[i].state = FVP_VOLUME_SUSPENDED;
		super->volumes[i].flags = 0;
	}
	return left;
}

void fvp_health_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(to_delayed_work(work), struct fvp_pool, health_work);
	struct fvp_volume *vol;
	bool left;
	u32 taken = 0;

	mutex_lock(&pool->super_mutex);
	/*
	 * No hit from here on; only then may a write pass its tombstone by.  A read that finds
	 * itself unserved has to know of the rescue.
	 */
	list_for_each_entry (vol, &pool->volumes, node) {
		fvp_volume_rescue(vol);
		smp_wmb();
		WRITE_ONCE(vol->serving, false);
	}
	left = super_void(pool);
	/* Flash is no leg any more: whoever sees it again beside a replica has to know. */
	if (pool->leg_count && !pool->voided)
		pool->super->legset_gen++;
	fvp_super_write(pool, &taken);
	mutex_unlock(&pool->super_mutex);
	if (taken && !left)
		pr_info("content of the failed pool has been declared void on flash\n");
	WRITE_ONCE(pool->voided, true);
	wake_up_all(&pool->wait);
	fvp_host_event(pool);
	/*
	 * Flash that comes back after a reboot with old content would be believed.  (What is
	 * being saved is declared void when it has been: fvp_volume_back_ended().)
	 */
	if (!taken && !pool->stopping)
		queue_delayed_work(pool->bg_wq, &pool->health_work,
				   msecs_to_jiffies(VOID_RETRY_MS));
}
