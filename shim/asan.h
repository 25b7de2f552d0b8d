/* SPDX-License-Identifier: GPL-2.0 */
/* SHIM_ASAN: built with AddressSanitizer, by gcc or by clang. */
#ifndef SHIM_ASAN_H
#define SHIM_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define SHIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHIM_ASAN 1
#endif
#endif

#ifdef SHIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#endif /* SHIM_ASAN_H */
