/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What table instances share.
 *
 * A table line makes an instance (a struct dm_target); a reload makes a second
 * one beside the first.  Both stand for the same thing, which is kept here and
 * counted:
 *
 *	runtime		an open pool; held by fvp-pool instances and attachments
 *	attachment	a volume on its origin; held by fvp instances
 *
 * A runtime opens its flash devices itself, beside the tables, so that it lives
 * as long as a volume needs it even if the pool's table was wiped by force.  An
 * attachment borrows the origin from the instances: each of them holds it, and
 * all are tables of one mapped device, for which dm keeps one open.
 *
 * Order of locks: fvp_registry_mutex, then core's, then fvp_event_mutex.
 */
#ifndef FVP_RUNTIME_H
#define FVP_RUNTIME_H

#include <linux/device-mapper.h>

#include "device.h"
#include "pool.h"

/*
 * Protects both registries and the reference counts; sleeps, held over the opening of a pool and
 * the attach and detach of a volume.
 */
extern struct mutex fvp_registry_mutex;

/* A table whose watchers want to hear of events. */
struct fvp_watch {
	struct list_head node; /* in fvp_runtime.watches; fvp_event_mutex */
	struct dm_table *table;
};

struct fvp_runtime {
	struct list_head node; /* in the registry; fvp_registry_mutex */
	u32 refs; /* fvp_registry_mutex */
	bool closing; /* nobody has it, its pool is being closed; fvp_registry_mutex */
	uuid_t uuid;
	dev_t md_devt; /* the mapped device that is this pool */
	struct fvp_pool *pool;
	struct fvp_dev dev[FVP_DEVICES_MAX];
	u32 dev_count;
	struct fvp_dev replica[FVP_LEGS_MAX]; /* bdev NULL: not in use */

	struct list_head event_node; /* fvp_event_lock */
	struct work_struct event_work;
	struct list_head watches; /* fvp_event_mutex */
};

/*
 * Finds the runtime of a pool or opens it.  Returns it counted, or ERR_PTR with a
 * message in the log and a short one in *error.  Sleeps.
 */
struct fvp_runtime *fvp_runtime_open(const uuid_t *uuid, dev_t md_devt, struct dm_dev *const *devs,
				     u32 dev_count, struct dm_dev *const *replicas,
				     u32 replica_count, char **error);
/* The runtime that is the mapped device md_devt, counted, or NULL. */
struct fvp_runtime *fvp_runtime_find(dev_t md_devt);
void fvp_runtime_put(struct fvp_runtime *runtime);

/*
 * replica.c: opens those of the devices that the runtime has not yet, and adds them to its
 * pool if it is open.  0 or -errno with a message.  Caller holds fvp_registry_mutex.
 */
int fvp_runtime_add_replicas(struct fvp_runtime *runtime, struct dm_dev *const *replicas, u32 count,
			     char **error);
/*
 * Are all replicas that the pool has, and whose devices are there, among these of a new table?  It
 * is the table that keeps others off them.  0 or -EBUSY with a message.  Likewise.
 */
int fvp_runtime_replicas_stay(struct fvp_runtime *runtime, struct dm_dev *const *replicas,
			      u32 count, char **error);
/* Is it open as a replica?  Likewise. */
bool fvp_runtime_has_replica(const struct fvp_runtime *runtime, dev_t devt);
/* Closes what no leg of the pool uses; all of them if there is no pool.  Likewise. */
void fvp_runtime_close_replicas(struct fvp_runtime *runtime);
/* The message replica-remove.  0 or -errno.  Sleeps. */
int fvp_runtime_remove_replica(struct fvp_runtime *runtime, const uuid_t *uuid);

/* True if devt is a pool, a pool's flash device or a replica.  Caller holds fvp_registry_mutex. */
bool fvp_runtime_owns(dev_t devt);

void fvp_watch_add(struct fvp_runtime *runtime, struct fvp_watch *watch, struct dm_table *table);
void fvp_watch_remove(struct fvp_watch *watch);

struct fvp_attachment {
	struct list_head node; /* in the registry; fvp_registry_mutex */
	u32 refs; /* fvp_registry_mutex */
	uuid_t uuid;
	dev_t md_devt; /* the mapped device that is this volume */
	dev_t origin_devt;
	struct fvp_dev origin; /* borrowed */
	struct fvp_runtime *runtime; /* counted */
	struct fvp_volume *vol;
	enum fvp_order order; /* as core was told; READ_ONCE/WRITE_ONCE */
	bool keep; /* READ_ONCE/WRITE_ONCE: what the next removal does */
	bool suspended; /* core's view; the mapped device's suspend and resume serialise it */
};

/*
 * Finds or makes the attachment of a volume to origin.  Takes its own reference
 * to runtime.  Returns it counted, or ERR_PTR with messages as above.  Sleeps.
 */
struct fvp_attachment *fvp_attachment_get(struct fvp_runtime *runtime, const uuid_t *uuid,
					  const char *name, dev_t md_devt,
					  struct block_device *origin, enum fvp_mode mode,
					  char **error);
/*
 * The last one detaches: keeps the content if asked to, else forgets it; but keeps
 * what is dirty in any case.
 */
void fvp_attachment_put(struct fvp_attachment *att);

/* True if devt is a volume or the origin of one.  Caller holds fvp_registry_mutex. */
bool fvp_attachment_owns(dev_t devt);

#endif /* FVP_RUNTIME_H */
