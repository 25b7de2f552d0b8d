// SPDX-License-Identifier: GPL-2.0
/* Large memory, as core asks its host for it: here like any other. */
#include "host.h"

struct fvp_mem {
	u64 words[1];
};

struct fvp_mem *fvp_host_mem_alloc(size_t bytes)
{
	return kvzalloc(bytes, GFP_KERNEL);
}

void fvp_host_mem_free(struct fvp_mem *mem)
{
	kvfree(mem);
}

void *fvp_host_mem_address(const struct fvp_mem *mem)
{
	return (void *)mem->words;
}
