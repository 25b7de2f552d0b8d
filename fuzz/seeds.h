/* SPDX-License-Identifier: GPL-2.0 */
/* Writing the committed corpora (seeds.c). */
#ifndef FUZZ_SEEDS_H
#define FUZZ_SEEDS_H

#include "env.h"

void seeds_write(const char *target, const char *name, const void *data, size_t bytes);

/* One for each target that seeds.c does not do itself. */
void seeds_image(void);
void seeds_text(void);

#endif /* FUZZ_SEEDS_H */
