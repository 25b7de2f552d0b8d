/* SPDX-License-Identifier: GPL-2.0 */
/* I/O that its caller waits for, and batches of it. */
#ifndef FVP_IO_H
#define FVP_IO_H

#include "fvp_format.h"
#include "host.h"

/* Reads or writes len_sectors at mem, any length, and waits.  0 or -errno.  Sleeps. */
int fvp_io_mem(struct fvp_dev *dev, enum fvp_io_op op, u64 sector, u32 len_sectors, void *mem,
	       u32 flags);

/* Flushes the device's volatile cache and waits.  Sleeps. */
int fvp_io_flush(struct fvp_dev *dev);

#endif /* FVP_IO_H */
