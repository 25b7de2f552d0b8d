/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels we build for, 6.1 to 6.12.  The sources are
 * written for the newest; nobody else looks at LINUX_VERSION_CODE.
 */
#ifndef FVP_COMPAT_H
#define FVP_COMPAT_H

#include <linux/version.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/file.h>

/* 6.5 gave block device modes a type of their own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
typedef fmode_t blk_mode_t;
#define BLK_OPEN_READ FMODE_READ
#define BLK_OPEN_WRITE FMODE_WRITE
#endif

/*
 * Opening a block device beside the holder's open, not exclusively.  Returns
 * the device and in *hold what fvp_compat_bdev_put() wants, or ERR_PTR.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)

#define FVP_COMPAT_BDEV_MODE (BLK_OPEN_READ | BLK_OPEN_WRITE)

static inline struct block_device *fvp_compat_bdev_get(dev_t devt, void **hold)
{
	struct block_device *bdev = blkdev_get_by_dev(devt, FVP_COMPAT_BDEV_MODE, NULL);

	*hold = bdev;
	return bdev;
}

static inline void fvp_compat_bdev_put(void *hold)
{
	blkdev_put(hold, FVP_COMPAT_BDEV_MODE);
}

#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)

static inline struct block_device *fvp_compat_bdev_get(dev_t devt, void **hold)
{
	struct block_device *bdev =
		blkdev_get_by_dev(devt, BLK_OPEN_READ | BLK_OPEN_WRITE, NULL, NULL);

	*hold = bdev;
	return bdev;
}

static inline void fvp_compat_bdev_put(void *hold)
{
	blkdev_put(hold, NULL);
}

#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)

static inline struct block_device *fvp_compat_bdev_get(dev_t devt, void **hold)
{
	struct bdev_handle *handle =
		bdev_open_by_dev(devt, BLK_OPEN_READ | BLK_OPEN_WRITE, NULL, NULL);

	*hold = handle;
	return IS_ERR(handle) ? ERR_CAST(handle) : handle->bdev;
}

static inline void fvp_compat_bdev_put(void *hold)
{
	bdev_release(hold);
}

#else

static inline struct block_device *fvp_compat_bdev_get(dev_t devt, void **hold)
{
	struct file *file = bdev_file_open_by_dev(devt, BLK_OPEN_READ | BLK_OPEN_WRITE, NULL, NULL);

	*hold = file;
	return IS_ERR(file) ? ERR_CAST(file) : file_bdev(file);
}

static inline void fvp_compat_bdev_put(void *hold)
{
	fput(hold);
}

#endif

#endif /* FVP_COMPAT_H */
