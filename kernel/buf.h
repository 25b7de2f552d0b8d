/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for data: of one I/O, outside any segment buffer, and large. */
#ifndef FVP_BUF_H
#define FVP_BUF_H

#include "host.h"

struct fvp_buf {
	u32 page_count;
	struct page *pages[]; /* never highmem */
};

struct fvp_mem {
	void *address;
	/* Of memory from vmalloc; what kmalloc gives is one piece. */
	u32 page_count;
	struct page *pages[];
};

/* Copies between mem and the buffer at off_bytes; the range must be inside it. */
void fvp_buf_write(struct fvp_buf *buf, u32 off_bytes, const void *mem, u32 len_bytes);
void fvp_buf_read(const struct fvp_buf *buf, u32 off_bytes, void *mem, u32 len_bytes);

#endif /* FVP_BUF_H */
