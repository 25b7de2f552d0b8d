// SPDX-License-Identifier: GPL-2.0
/*
 * Registry of open pools, and the way of an event to the tables' watchers.
 */
#include "runtime.h"

DEFINE_MUTEX(fvp_registry_mutex);
static LIST_HEAD(runtimes); /* fvp_registry_mutex */

/* Outlives core's locks: fvp_host_event() comes from any context. */
static DEFINE_SPINLOCK(fvp_event_lock); /* protects event_runtimes; irq-safe */
static LIST_HEAD(event_runtimes);
static DEFINE_MUTEX(fvp_event_mutex); /* protects every runtime's watches */

static void event_work(struct work_struct *work)
{
	struct fvp_runtime *runtime = container_of(work, struct fvp_runtime, event_work);
	struct fvp_watch *watch;

	mutex_lock(&fvp_event_mutex);
	list_for_each_entry (watch, &runtime->watches, node)
		dm_table_event(watch->table);
	mutex_unlock(&fvp_event_mutex);
}

int fvp_host_background(void)
{
	int before = task_nice(current);

	set_user_nice(current, MAX_NICE);
	return before;
}

void fvp_host_foreground(int before)
{
	set_user_nice(current, before);
}

void fvp_host_event(struct fvp_pool *pool)
{
	struct fvp_runtime *runtime;
	unsigned long flags;

	spin_lock_irqsave(&fvp_event_lock, flags);
	list_for_each_entry (runtime, &event_runtimes, event_node) {
		if (runtime->pool == pool) {
			schedule_work(&runtime->event_work);
			break;
		}
	}
	spin_unlock_irqrestore(&fvp_event_lock, flags);
}

static void events_start(struct fvp_runtime *runtime)
{
	spin_lock_irq(&fvp_event_lock);
	list_add(&runtime->event_node, &event_runtimes);
	spin_unlock_irq(&fvp_event_lock);
}

/* Afterwards no event of this runtime is on its way. */
static void events_stop(struct fvp_runtime *runtime)
{
	spin_lock_irq(&fvp_event_lock);
	list_del(&runtime->event_node);
	spin_unlock_irq(&fvp_event_lock);
	cancel_work_sync(&runtime->event_work);
}

void fvp_watch_add(struct fvp_runtime *runtime, struct fvp_watch *watch, struct dm_table *table)
{
	watch->table = table;
	mutex_lock(&fvp_event_mutex);
	list_add(&watch->node, &runtime->watches);
	mutex_unlock(&fvp_event_mutex);
}

void fvp_watch_remove(struct fvp_watch *watch)
{
	mutex_lock(&fvp_event_mutex);
	list_del(&watch->node);
	mutex_unlock(&fvp_event_mutex);
}

static bool runtime_has(const struct fvp_runtime *runtime, dev_t devt)
{
	u32 i;

	for (i = 0; i < runtime->dev_count; i++)
		if (runtime->dev[i].bdev->bd_dev == devt)
			return true;
	return false;
}

bool fvp_runtime_owns(dev_t devt)
{
	struct fvp_runtime *runtime;

	lockdep_assert_held(&fvp_registry_mutex);
	list_for_each_entry (runtime, &runtimes, node)
		if (runtime->md_devt == devt || runtime_has(runtime, devt) ||
		    fvp_runtime_has_replica(runtime, devt))
			return true;
	return false;
}

/* A second table of an open pool: must be the same mapped device and flash devices. */
static int runtime_matches(const struct fvp_runtime *runtime, dev_t md_devt,
			   struct dm_dev *const *devs, u32 dev_count, char **error)
{
	u32 i;

	if (runtime->closing) {
		pr_err("pool %pUb is being stopped: try again when it is (a replica that does not "
		       "answer may take its time)\n",
		       &runtime->uuid);
		*error = "Pool is being stopped";
		return -EBUSY;
	}
	if (runtime->md_devt != md_devt) {
		pr_err("pool %pUb is active already, as device %u:%u: use that one, or remove it "
		       "first\n",
		       &runtime->uuid, MAJOR(runtime->md_devt), MINOR(runtime->md_devt));
		*error = "Pool is active already under another device";
		return -EBUSY;
	}
	if (runtime->dev_count != dev_count) {
		pr_err("pool %pUb is active with %u flash devices, the new table has %u: remove "
		       "the pool to change them\n",
		       &runtime->uuid, runtime->dev_count, dev_count);
		*error = "Flash devices of an active pool cannot change";
		return -EBUSY;
	}
	for (i = 0; i < dev_count; i++) {
		if (!runtime_has(runtime, devs[i]->bdev->bd_dev)) {
			pr_err("pool %pUb is active without flash device %s (/dev/%pg) of the new "
			       "table: remove the pool to change its devices\n",
			       &runtime->uuid, devs[i]->name, devs[i]->bdev);
			*error = "Flash devices of an active pool cannot change";
			return -EBUSY;
		}
	}
	return 0;
}

/*
 * Reads each device's superblock before anything may be written: a table with a
 * wrong uuid or a wrong device must leave no trace.
 */
static int check_superblocks(struct fvp_runtime *runtime, char **error)
{
	struct fvp_super *super;
	const char *why;
	u64 bytes_read;
	int err = 0;
	u32 i;

	super = kvzalloc(sizeof(*super), GFP_KERNEL);
	if (!super) {
		*error = "Out of memory";
		return -ENOMEM;
	}
	for (i = 0; i < runtime->dev_count; i++) {
		struct fvp_dev *dev = &runtime->dev[i];

		why = "read error";
		err = fvp_super_read(dev, super, &why, &bytes_read);
		if (err) {
			pr_err("%s cannot be used as flash device of pool %pUb: %s (%d)\n",
			       dev->name, &runtime->uuid, why, err);
			*error = "Flash device without a valid fvp superblock";
			break;
		}
		if (memcmp(super->pool_uuid, &runtime->uuid, sizeof(super->pool_uuid))) {
			pr_err("%s belongs to pool %pUb, not to %pUb: correct the table\n",
			       dev->name, super->pool_uuid, &runtime->uuid);
			*error = "Flash device belongs to another pool";
			err = -EINVAL;
			break;
		}
	}
	kvfree(super);
	return err;
}

static void close_devices(struct fvp_runtime *runtime)
{
	while (runtime->dev_count)
		fvp_dev_close(&runtime->dev[--runtime->dev_count]);
	fvp_runtime_close_replicas(runtime);
}

static int open_devices(struct fvp_runtime *runtime, struct dm_dev *const *devs, u32 dev_count,
			char **error)
{
	int err;

	for (runtime->dev_count = 0; runtime->dev_count < dev_count; runtime->dev_count++) {
		struct block_device *bdev = devs[runtime->dev_count]->bdev;

		err = -EBUSY;
		if (fvp_runtime_owns(bdev->bd_dev) || fvp_attachment_owns(bdev->bd_dev)) {
			pr_err("/dev/%pg is in use by another pool, as an origin or as a volume: "
			       "it cannot be a "
			       "flash device of pool %pUb\n",
			       bdev, &runtime->uuid);
			*error = "Flash device is in use by fvp already";
			goto err_close;
		}
		err = fvp_dev_open(&runtime->dev[runtime->dev_count], bdev->bd_dev);
		if (err) {
			pr_err("cannot open /dev/%pg for pool %pUb: error %d\n", bdev,
			       &runtime->uuid, err);
			*error = "Cannot open a flash device";
			goto err_close;
		}
	}
	return 0;

err_close:
	close_devices(runtime);
	return err;
}

/* Opens the pool on the runtime's devices. */
static int open_pool(struct fvp_runtime *runtime, char **error)
{
	struct fvp_pool_params params = { .count = runtime->dev_count, .block_sectors = 1 };
	char msg[256] = "";
	int err;
	u32 i;

	for (i = 0; i < runtime->dev_count; i++) {
		u32 block_bytes = bdev_logical_block_size(runtime->dev[i].bdev);

		params.dev[i] = &runtime->dev[i];
		params.block_sectors = max(params.block_sectors, block_bytes >> SECTOR_SHIFT);
	}
	for (i = 0; i < FVP_LEGS_MAX && runtime->replica[i].bdev; i++) {
		u32 block_bytes = bdev_logical_block_size(runtime->replica[i].bdev);

		params.leg[params.leg_count++] = &runtime->replica[i];
		params.block_sectors = max(params.block_sectors, block_bytes >> SECTOR_SHIFT);
	}

	err = fvp_pool_open(&params, &runtime->pool, msg, sizeof(msg));
	if (err) {
		pr_err("pool %pUb: %s (%d)\n", &runtime->uuid, msg, err);
		*error = "Cannot open the pool (the kernel log says why)";
	} else {
		/* Those that turned out to be of no use. */
		fvp_runtime_close_replicas(runtime);
	}
	return err;
}

static struct fvp_runtime *runtime_new(const uuid_t *uuid, dev_t md_devt,
				       struct dm_dev *const *devs, u32 dev_count,
				       struct dm_dev *const *replicas, u32 replica_count,
				       char **error)
{
	struct fvp_runtime *runtime;
	int err;

	runtime = kzalloc(sizeof(*runtime), GFP_KERNEL);
	if (!runtime) {
		*error = "Out of memory";
		return ERR_PTR(-ENOMEM);
	}
	runtime->refs = 1;
	runtime->uuid = *uuid;
	runtime->md_devt = md_devt;
	INIT_WORK(&runtime->event_work, event_work);
	INIT_LIST_HEAD(&runtime->watches);

	err = open_devices(runtime, devs, dev_count, error);
	if (err)
		goto err_free;
	err = check_superblocks(runtime, error);
	if (!err)
		err = fvp_runtime_add_replicas(runtime, replicas, replica_count, error);
	if (err)
		goto err_devices;
	err = open_pool(runtime, error);
	if (err)
		goto err_devices;

	events_start(runtime);
	list_add(&runtime->node, &runtimes);
	return runtime;

err_devices:
	close_devices(runtime);
err_free:
	kfree(runtime);
	return ERR_PTR(err);
}

struct fvp_runtime *fvp_runtime_open(const uuid_t *uuid, dev_t md_devt, struct dm_dev *const *devs,
				     u32 dev_count, struct dm_dev *const *replicas,
				     u32 replica_count, char **error)
{
	struct fvp_runtime *runtime;
	int err;

	mutex_lock(&fvp_registry_mutex);
	list_for_each_entry (runtime, &runtimes, node) {
		if (!uuid_equal(&runtime->uuid, uuid))
			continue;
		err = runtime_matches(runtime, md_devt, devs, dev_count, error);
		if (!err)
			err = fvp_runtime_replicas_stay(runtime, replicas, replica_count, error);
		if (!err)
			err = fvp_runtime_add_replicas(runtime, replicas, replica_count, error);
		if (err)
			runtime = ERR_PTR(err);
		else
			runtime->refs++;
		goto out;
	}
	runtime = runtime_new(uuid, md_devt, devs, dev_count, replicas, replica_count, error);
out:
	mutex_unlock(&fvp_registry_mutex);
	return runtime;
}

struct fvp_runtime *fvp_runtime_find(dev_t md_devt)
{
	struct fvp_runtime *runtime;

	mutex_lock(&fvp_registry_mutex);
	list_for_each_entry (runtime, &runtimes, node) {
		if (runtime->md_devt == md_devt && !runtime->closing) {
			runtime->refs++;
			goto out;
		}
	}
	runtime = NULL;
out:
	mutex_unlock(&fvp_registry_mutex);
	return runtime;
}

void fvp_runtime_put(struct fvp_runtime *runtime)
{
	bool last;

	mutex_lock(&fvp_registry_mutex);
	last = !--runtime->refs;
	/* Its devices are its own until nothing is on its way to them any more. */
	runtime->closing = last;
	mutex_unlock(&fvp_registry_mutex);
	if (!last)
		return;

	/* Waits for I/O that may hang: other pools must not wait for that. */
	fvp_pool_close(runtime->pool);
	events_stop(runtime);

	mutex_lock(&fvp_registry_mutex);
	runtime->pool = NULL;
	list_del(&runtime->node);
	close_devices(runtime);
	mutex_unlock(&fvp_registry_mutex);
	kfree(runtime);
}
