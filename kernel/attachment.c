// SPDX-License-Identifier: GPL-2.0
/*
 * Registry of attached volumes: a volume has one origin, an origin one volume,
 * and both one mapped device.
 */
#include "runtime.h"

static LIST_HEAD(attachments); /* fvp_registry_mutex */

bool fvp_attachment_owns(dev_t devt)
{
	struct fvp_attachment *att;

	lockdep_assert_held(&fvp_registry_mutex);
	list_for_each_entry (att, &attachments, node)
		if (att->origin_devt == devt || att->md_devt == devt)
			return true;
	return false;
}

/* 0 if att is what the new table describes; an error if it stands in its way. */
static int attachment_matches(const struct fvp_attachment *att, struct fvp_runtime *runtime,
			      const uuid_t *uuid, dev_t md_devt, struct block_device *origin,
			      char **error)
{
	if (!uuid_equal(&att->uuid, uuid)) {
		pr_err("origin /dev/%pg is attached to volume %pUb already, as device %u:%u: "
		       "remove that first\n",
		       origin, &att->uuid, MAJOR(att->md_devt), MINOR(att->md_devt));
		*error = "Origin is attached to another volume";
		return -EBUSY;
	}
	if (att->md_devt != md_devt) {
		pr_err("volume %pUb is active already, as device %u:%u: use that one, or remove it "
		       "first\n",
		       uuid, MAJOR(att->md_devt), MINOR(att->md_devt));
		*error = "Volume is active already under another device";
		return -EBUSY;
	}
	if (att->origin_devt != origin->bd_dev) {
		pr_err("volume %pUb is attached to %s, the new table says /dev/%pg: remove the "
		       "volume to change its origin\n",
		       uuid, att->origin.name, origin);
		*error = "Origin of an active volume cannot change";
		return -EBUSY;
	}
	if (att->runtime != runtime) {
		pr_err("volume %pUb is attached to pool %pUb, the new table says %pUb: remove the "
		       "volume to change its pool\n",
		       uuid, &att->runtime->uuid, &runtime->uuid);
		*error = "Pool of an active volume cannot change";
		return -EBUSY;
	}
	if (att->vol->sectors != bdev_nr_sectors(origin)) {
		pr_err("volume %pUb: origin %s has %llu sectors now, it had %llu: swap in a linear "
		       "table and attach anew\n",
		       uuid, att->origin.name, (u64)bdev_nr_sectors(origin), att->vol->sectors);
		*error = "Size of an active volume cannot change";
		return -EINVAL;
	}
	return 0;
}

/* True if devt is a volume itself. */
static bool is_volume(dev_t devt)
{
	struct fvp_attachment *att;

	list_for_each_entry (att, &attachments, node)
		if (att->md_devt == devt)
			return true;
	return false;
}

/* The attachment that shares uuid or origin with the new one, or NULL. */
static struct fvp_attachment *attachment_find(const uuid_t *uuid, dev_t origin_devt)
{
	struct fvp_attachment *att;

	list_for_each_entry (att, &attachments, node)
		if (att->origin_devt == origin_devt || uuid_equal(&att->uuid, uuid))
			return att;
	return NULL;
}

static struct fvp_attachment *attachment_new(struct fvp_runtime *runtime, const uuid_t *uuid,
					     const char *name, dev_t md_devt,
					     struct block_device *origin, enum fvp_mode mode,
					     char **error)
{
	struct fvp_attachment *att;
	char msg[256] = "";
	int err;

	if (fvp_runtime_owns(origin->bd_dev)) {
		pr_err("volume %pUb: /dev/%pg is a pool or a flash device of one: it cannot be an "
		       "origin\n",
		       uuid, origin);
		*error = "Origin is a flash device";
		return ERR_PTR(-EBUSY);
	}

	/* Two layers would wait for one another's reserves of memory. */
	if (is_volume(origin->bd_dev)) {
		pr_err("volume %pUb: /dev/%pg is an accelerated volume itself: name its origin "
		       "instead\n",
		       uuid, origin);
		*error = "Origin is an accelerated volume itself";
		return ERR_PTR(-EINVAL);
	}

	att = kzalloc(sizeof(*att), GFP_KERNEL);
	if (!att) {
		*error = "Out of memory";
		return ERR_PTR(-ENOMEM);
	}
	att->refs = 1;
	att->uuid = *uuid;
	att->md_devt = md_devt;
	att->origin_devt = origin->bd_dev;
	fvp_dev_borrow(&att->origin, origin);
	att->runtime = runtime;
	att->suspended = true;

	err = fvp_volume_attach(runtime->pool, att->uuid.b, name, &att->origin,
				bdev_nr_sectors(origin), mode, &att->vol, msg, sizeof(msg));
	if (err) {
		pr_err("volume %pUb on %s: %s (%d)\n", uuid, att->origin.name, msg, err);
		*error = "Cannot attach the volume (the kernel log says why)";
		kfree(att);
		return ERR_PTR(err);
	}

	runtime->refs++;
	list_add(&att->node, &attachments);
	return att;
}

struct fvp_attachment *fvp_attachment_get(struct fvp_runtime *runtime, const uuid_t *uuid,
					  const char *name, dev_t md_devt,
					  struct block_device *origin, enum fvp_mode mode,
					  char **error)
{
	struct fvp_attachment *att;
	int err;

	mutex_lock(&fvp_registry_mutex);
	att = attachment_find(uuid, origin->bd_dev);
	if (!att) {
		att = attachment_new(runtime, uuid, name, md_devt, origin, mode, error);
	} else {
		err = attachment_matches(att, runtime, uuid, md_devt, origin, error);
		if (err)
			att = ERR_PTR(err);
		else
			att->refs++;
	}
	mutex_unlock(&fvp_registry_mutex);
	return att;
}

static void detach(struct fvp_attachment *att)
{
	struct fvp_dirty_status dirty;

	fvp_volume_dirty(att->vol, &dirty);
	if (dirty.sectors)
		pr_warn("volume %pUb: %llu bytes of acknowledged writes are not on its origin %s: "
			"the pool keeps them, and writes them when the volume is attached to it "
			"again. Until then nobody should use the origin\n",
			&att->uuid, dirty.sectors << SECTOR_SHIFT, att->origin.name);
	if (dirty.lost_sectors)
		pr_err("volume %pUb: %llu bytes of acknowledged writes are lost: its origin %s has "
		       "older content there\n",
		       &att->uuid, dirty.lost_sectors << SECTOR_SHIFT, att->origin.name);
	fvp_volume_detach(att->vol, READ_ONCE(att->keep) ? FVP_DETACH_KEEP : FVP_DETACH_FORGET);
}

void fvp_attachment_put(struct fvp_attachment *att)
{
	struct fvp_runtime *runtime = NULL;

	mutex_lock(&fvp_registry_mutex);
	if (!--att->refs) {
		runtime = att->runtime;
		list_del(&att->node);
		detach(att);
		kfree(att);
	}
	mutex_unlock(&fvp_registry_mutex);

	if (runtime)
		fvp_runtime_put(runtime);
}
