/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel names that core/ uses, for userspace: core/ compiles unchanged.
 *
 * Idea: one single-threaded process plays an SMP machine.  Every context of
 * the kernel (guest CPU, worker, interrupt) is a fiber; a seeded scheduler
 * (fiber.h) picks who runs, and any shared access that core marks (READ_ONCE,
 * atomics, locks) is a point where another CPU may get ahead.  The same shim
 * serves plain programs: a blocking call outside any fiber runs the others
 * until it may go on.
 *
 * These headers imitate interfaces only; nothing here is kernel code.
 *
 * What it does not do: memory ordering (a fiber sees all stores in order).
 */
#ifndef SHIM_ENV_H
#define SHIM_ENV_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <linux/types.h>

#include "env_types.h"
#include "env_list.h"
#include "env_print.h"
#include "env_alloc.h"
#include "env_atomic.h"
#include "env_clock.h"
#include "env_tree.h"
#include "env_sync.h"
#include "env_rcu.h"
#include "env_work.h"
#include "env_trace.h"

#endif /* SHIM_ENV_H */
