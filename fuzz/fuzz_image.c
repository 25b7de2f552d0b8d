// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile devices under all of core: activation, replay, replicas, recovery, and I/O on
 * what comes of it.  Mutations are made right again (checksums, keys, places), so that what
 * lies behind these checks is reached.
 */
#include "image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	static struct image image;

	if (image_load(data, bytes, &image))
		image_run(&image, false);
	return 0;
}
