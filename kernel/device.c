// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices: opening, size, name.  All I/O is in bio.c.
 */
#include "device.h"

int fvp_dev_open(struct fvp_dev *dev, dev_t devt)
{
	struct block_device *bdev = fvp_compat_bdev_get(devt, &dev->hold);

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	dev->bdev = bdev;
	snprintf(dev->name, sizeof(dev->name), "/dev/%pg", bdev);
	return 0;
}

void fvp_dev_close(struct fvp_dev *dev)
{
	fvp_compat_bdev_put(dev->hold);
	dev->hold = NULL;
	dev->bdev = NULL;
}

void fvp_dev_borrow(struct fvp_dev *dev, struct block_device *bdev)
{
	dev->bdev = bdev;
	dev->hold = NULL;
	snprintf(dev->name, sizeof(dev->name), "/dev/%pg", bdev);
}

u64 fvp_host_dev_sectors(struct fvp_dev *dev)
{
	if (test_bit(GD_DEAD, &dev->bdev->bd_disk->state))
		return 0;
	return bdev_nr_sectors(dev->bdev);
}

const char *fvp_host_dev_name(struct fvp_dev *dev)
{
	return dev->name;
}

bool fvp_host_dev_volatile(struct fvp_dev *dev)
{
	return bdev_write_cache(dev->bdev);
}
