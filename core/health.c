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

/* Gives every volume a new id on media: what flash holds of the old ones is void. */
static void super_void(struct fvp_super *super)
{
	u32 i;

	for (i = 0; i < super->volume_count; i++) {
		super->volumes[i].id = super->next_volume_id++;
		super->volumes[i].state = FVP_VOLUME_SUSPENDED;
	}
}

void fvp_health_work(struct work_struct *work)
{
	struct fvp_pool *pool = container_of(to_delayed_work(work), struct fvp_pool, health_work);
	struct fvp_volume *vol;
	u32 taken = 0;

	mutex_lock(&pool->super_mutex);
	/* No hit from here on; only then may a write pass its tombstone by. */
	list_for_each_entry (vol, &pool->volumes, node)
		WRITE_ONCE(vol->serving, false);
	super_void(pool->super);
	fvp_super_write(pool, &taken);
	mutex_unlock(&pool->super_mutex);
	if (taken)
		pr_info("content of the failed pool has been declared void on flash\n");
	WRITE_ONCE(pool->voided, true);
	wake_up_all(&pool->wait);
	fvp_host_event(pool);
	/* Flash that comes back after a reboot with old content would be believed. */
	if (!taken && !pool->stopping)
		queue_delayed_work(pool->bg_wq, &pool->health_work,
				   msecs_to_jiffies(VOID_RETRY_MS));
}
