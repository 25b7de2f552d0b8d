// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers for the data of one I/O: single pages, allocated without waiting.  A buffer
 * serves caching, and caching gives way when memory is short.
 *
 * Large memory, for the log: one virtual piece, with a list of its pages where these are
 * not one.  Asking the page tables for them costs a hundred instructions a page.
 */
#include "buf.h"

#define FVP_BUF_GFP (GFP_NOWAIT | __GFP_NOWARN)

struct fvp_buf *fvp_host_buf_alloc(u32 len_sectors)
{
	u32 count = DIV_ROUND_UP(len_sectors << SECTOR_SHIFT, PAGE_SIZE);
	struct fvp_buf *buf;

	buf = kmalloc(struct_size(buf, pages, count), FVP_BUF_GFP);
	if (!buf)
		return NULL;

	for (buf->page_count = 0; buf->page_count < count; buf->page_count++) {
		struct page *page = alloc_page(FVP_BUF_GFP);

		if (!page) {
			fvp_host_buf_free(buf);
			return NULL;
		}
		buf->pages[buf->page_count] = page;
	}
	return buf;
}

void fvp_host_buf_free(struct fvp_buf *buf)
{
	u32 i;

	if (!buf)
		return;
	for (i = 0; i < buf->page_count; i++)
		__free_page(buf->pages[i]);
	kfree(buf);
}

void fvp_buf_write(struct fvp_buf *buf, u32 off_bytes, const void *mem, u32 len_bytes)
{
	while (len_bytes) {
		u32 n = min_t(u32, len_bytes, PAGE_SIZE - offset_in_page(off_bytes));

		memcpy(page_address(buf->pages[off_bytes >> PAGE_SHIFT]) +
			       offset_in_page(off_bytes),
		       mem, n);
		off_bytes += n;
		mem += n;
		len_bytes -= n;
	}
}

void fvp_buf_read(const struct fvp_buf *buf, u32 off_bytes, void *mem, u32 len_bytes)
{
	while (len_bytes) {
		u32 n = min_t(u32, len_bytes, PAGE_SIZE - offset_in_page(off_bytes));

		memcpy(mem,
		       page_address(buf->pages[off_bytes >> PAGE_SHIFT]) +
			       offset_in_page(off_bytes),
		       n);
		off_bytes += n;
		mem += n;
		len_bytes -= n;
	}
}

void fvp_host_buf_to_mem(struct fvp_buf *buf, u32 off_sectors, void *mem, u32 len_sectors)
{
	fvp_buf_read(buf, off_sectors << SECTOR_SHIFT, mem, len_sectors << SECTOR_SHIFT);
}

struct fvp_mem *fvp_host_mem_alloc(size_t bytes)
{
	void *address = kvzalloc(bytes, GFP_KERNEL);
	u32 count, i;
	struct fvp_mem *mem;

	if (!address)
		return NULL;
	count = is_vmalloc_addr(address) ? DIV_ROUND_UP(bytes, PAGE_SIZE) : 0;
	mem = kvmalloc(struct_size(mem, pages, count), GFP_KERNEL);
	if (!mem) {
		kvfree(address);
		return NULL;
	}
	mem->address = address;
	mem->page_count = count;
	for (i = 0; i < count; i++)
		mem->pages[i] = vmalloc_to_page(address + i * PAGE_SIZE);
	return mem;
}

void fvp_host_mem_free(struct fvp_mem *mem)
{
	if (!mem)
		return;
	kvfree(mem->address);
	kvfree(mem);
}

void *fvp_host_mem_address(const struct fvp_mem *mem)
{
	return mem->address;
}
