/* SPDX-License-Identifier: GPL-2.0 */
/* A block device as core sees it: struct fvp_dev around struct block_device. */
#ifndef FVP_DEVICE_H
#define FVP_DEVICE_H

#include "host.h"

struct fvp_dev {
	struct block_device *bdev; /* first: the hit path wants nothing else */
	void *hold; /* our own open of it, or NULL when borrowed */
	char name[48]; /* "/dev/..." for messages */
};

/*
 * Opens a device for reading and writing, beside the table that holds it
 * exclusively, so that it lives until fvp_dev_close() whatever becomes of that
 * table.  0 or -errno.  Sleeps.
 */
int fvp_dev_open(struct fvp_dev *dev, dev_t devt);
void fvp_dev_close(struct fvp_dev *dev);

/* Wraps a device that the caller keeps open for as long as dev is used. */
void fvp_dev_borrow(struct fvp_dev *dev, struct block_device *bdev);

#endif /* FVP_DEVICE_H */
