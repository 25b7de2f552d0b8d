// SPDX-License-Identifier: GPL-2.0
/*
 * dm-fvp: server-side flash in front of the storage of virtual machines.
 *
 * The module's files by the way of an I/O:
 *	target.c	a bio of a guest comes in from dm
 *	core/request.c	who serves it
 *	bio.c		core's requests and its own I/O as bios; buf.c its buffers
 *	device.c	block devices; crc.c checksums
 * and of a table:
 *	pool_target.c, target.c		table lines, messages, status (status.c)
 *	runtime.c, attachment.c		what the tables of one pool or volume share
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/timekeeping.h>

#include "bio.h"
#include "crc.h"
#include "target.h"

u64 fvp_host_now_ns(void)
{
	return ktime_get_ns();
}

u64 fvp_host_random(void)
{
	return get_random_u64();
}

static int __init fvp_init(void)
{
	int err;

	fvp_clock_init();
	fvp_crc_init();
	err = fvp_bio_init();
	if (err)
		return err;
	err = dm_register_target(&fvp_pool_target);
	if (err)
		goto err_bio;
	err = dm_register_target(&fvp_volume_target);
	if (err)
		goto err_pool;
	return 0;

err_pool:
	dm_unregister_target(&fvp_pool_target);
err_bio:
	fvp_bio_exit();
	return err;
}

static void __exit fvp_exit(void)
{
	dm_unregister_target(&fvp_volume_target);
	dm_unregister_target(&fvp_pool_target);
	fvp_bio_exit();
}

module_init(fvp_init);
module_exit(fvp_exit);

MODULE_DESCRIPTION("Flash virtualization platform: server-side flash in front of VM storage");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: crc32c");
MODULE_ALIAS("dm-fvp-pool");
