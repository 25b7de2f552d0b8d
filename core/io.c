// SPDX-License-Identifier: GPL-2.0
/* I/O that its caller waits for. */
#include "io.h"

struct waited_io {
	struct fvp_io io;
	struct completion done;
};

static void waited_done(struct fvp_io *io)
{
	complete(&container_of(io, struct waited_io, io)->done);
}

static int io_wait(struct waited_io *w)
{
	init_completion(&w->done);
	w->io.done = waited_done;
	fvp_host_submit(&w->io);
	wait_for_completion(&w->done);
	return w->io.error;
}

int fvp_io_mem(struct fvp_dev *dev, enum fvp_io_op op, u64 sector, u32 len_sectors, void *mem,
	       u32 flags)
{
	u32 n, done;
	int err = 0;

	for (done = 0; done < len_sectors && !err; done += n) {
		struct waited_io w = { .io = { .dev = dev, .op = op, .flags = flags } };

		n = min_t(u32, len_sectors - done, FVP_IO_SECTORS_MAX);
		w.io.sector = sector + done;
		w.io.len_sectors = n;
		w.io.mem = mem + (size_t)done * FVP_SECTOR_BYTES;
		err = io_wait(&w);
	}
	return err;
}

int fvp_io_flush(struct fvp_dev *dev)
{
	struct waited_io w = { .io = { .dev = dev, .op = FVP_IO_FLUSH } };

	return io_wait(&w);
}
