// SPDX-License-Identifier: GPL-2.0
/* Replica legs of a pool: their devices, and the messages about them. */
#include "target.h"

bool fvp_runtime_has_replica(const struct fvp_runtime *runtime, dev_t devt)
{
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (runtime->replica[i].bdev && runtime->replica[i].bdev->bd_dev == devt)
			return true;
	return false;
}

/* Opens one beside the table.  ERR_PTR with a message. */
static struct fvp_dev *replica_open(struct fvp_runtime *runtime, struct block_device *bdev,
				    char **error)
{
	struct fvp_dev *dev = NULL;
	u32 i;
	int err;

	if (fvp_runtime_owns(bdev->bd_dev) || fvp_attachment_owns(bdev->bd_dev)) {
		pr_err("/dev/%pg is in use by a pool, as an origin or as a volume: it cannot be a "
		       "replica of pool %pUb\n",
		       bdev, &runtime->uuid);
		*error = "Replica is in use by fvp already";
		return ERR_PTR(-EBUSY);
	}
	for (i = 0; i < FVP_LEGS_MAX && !dev; i++)
		if (!runtime->replica[i].bdev)
			dev = &runtime->replica[i];
	if (!dev) {
		*error = "Too many replicas";
		return ERR_PTR(-ENOSPC);
	}
	err = fvp_dev_open(dev, bdev->bd_dev);
	if (!err)
		return dev;
	pr_err("cannot open /dev/%pg as a replica of pool %pUb: error %d\n", bdev, &runtime->uuid,
	       err);
	*error = "Cannot open a replica";
	return ERR_PTR(err);
}

/* Gives it to an open pool. */
static int replica_add(struct fvp_runtime *runtime, struct fvp_dev *dev, char **error)
{
	u32 block_sectors = bdev_logical_block_size(dev->bdev) >> SECTOR_SHIFT;
	char msg[256] = "";
	int err;

	if (block_sectors > runtime->pool->device_block_sectors) {
		pr_err("%s has blocks of %u bytes, the devices of pool %pUb of %u: it cannot be a "
		       "replica of this pool\n",
		       dev->name, block_sectors << SECTOR_SHIFT, &runtime->uuid,
		       runtime->pool->device_block_sectors << SECTOR_SHIFT);
		*error = "Replica has larger blocks than the pool";
		return -EINVAL;
	}
	err = fvp_leg_add(runtime->pool, dev, msg, sizeof(msg));
	if (err) {
		pr_err("pool %pUb: %s (%d)\n", &runtime->uuid, msg, err);
		*error = "Cannot add a replica (the kernel log says why)";
	}
	return err;
}

static bool replica_used(const struct fvp_pool *pool, const struct fvp_dev *dev)
{
	u32 i;

	for (i = 0; pool && i < FVP_LEGS_MAX; i++)
		if (pool->leg[i].dev == dev)
			return true;
	return false;
}

int fvp_runtime_replicas_stay(struct fvp_runtime *runtime, struct dm_dev *const *replicas,
			      u32 count, char **error)
{
	u32 i, j;

	for (i = 0; i < FVP_LEGS_MAX; i++) {
		struct fvp_dev *dev = &runtime->replica[i];

		if (!dev->bdev || !replica_used(runtime->pool, dev) || !fvp_host_dev_sectors(dev))
			continue;
		for (j = 0; j < count && replicas[j]->bdev->bd_dev != dev->bdev->bd_dev; j++)
			;
		if (j < count)
			continue;
		pr_err("pool %pUb: the new table leaves out its replica /dev/%pg, which it goes on "
		       "writing to: remove it first (fvp replica remove)\n",
		       &runtime->uuid, dev->bdev);
		*error = "A replica of an active pool is missing";
		return -EBUSY;
	}
	return 0;
}

int fvp_runtime_add_replicas(struct fvp_runtime *runtime, struct dm_dev *const *replicas, u32 count,
			     char **error)
{
	struct fvp_dev *dev;
	int err = 0;
	u32 i;

	for (i = 0; i < count && !err; i++) {
		if (fvp_runtime_has_replica(runtime, replicas[i]->bdev->bd_dev))
			continue;
		dev = replica_open(runtime, replicas[i]->bdev, error);
		if (IS_ERR(dev))
			return PTR_ERR(dev);
		if (!runtime->pool)
			continue;
		err = replica_add(runtime, dev, error);
		fvp_runtime_close_replicas(runtime);
	}
	return err;
}

void fvp_runtime_close_replicas(struct fvp_runtime *runtime)
{
	u32 i;

	for (i = 0; i < FVP_LEGS_MAX; i++)
		if (runtime->replica[i].bdev && !replica_used(runtime->pool, &runtime->replica[i]))
			fvp_dev_close(&runtime->replica[i]);
}

int fvp_runtime_remove_replica(struct fvp_runtime *runtime, const uuid_t *uuid)
{
	char msg[256] = "";
	int err;

	mutex_lock(&fvp_registry_mutex);
	err = fvp_leg_remove(runtime->pool, uuid->b, msg, sizeof(msg));
	if (err)
		pr_err("pool %pUb: replica %pUb: %s (%d)\n", &runtime->uuid, uuid, msg, err);
	else
		fvp_runtime_close_replicas(runtime);
	mutex_unlock(&fvp_registry_mutex);
	return err;
}

int fvp_message_replicas(struct fvp_volume *vol, const struct fvp_volume_message *msg)
{
	struct fvp_pool *pool = vol->pool;
	unsigned int i;
	uuid_t uuid;
	u8 legs = 0;
	int index, err;

	for (i = 0; i < msg->replica_count; i++) {
		index = -1;
		if (!fvp_parse_uuid(msg->replica[i], &uuid)) {
			mutex_lock(&pool->super_mutex);
			index = fvp_leg_find(pool, uuid.b);
			mutex_unlock(&pool->super_mutex);
		}
		if (index < 0) {
			pr_err("volume %pUb: its pool has no replica %s\n", vol->uuid,
			       msg->replica[i]);
			return -ENOENT;
		}
		legs |= 1u << index;
	}
	err = fvp_volume_set_legs(vol, legs, msg->replicas_min);
	if (err == -EINVAL)
		pr_err("volume %pUb: at most %d replicas, and no more required than there are\n",
		       vol->uuid, FVP_VOLUME_LEGS_MAX);
	else if (err)
		pr_err("volume %pUb: what is dirty cannot be destaged first: error %d\n", vol->uuid,
		       err);
	return err;
}
