/* SPDX-License-Identifier: GPL-2.0 */
/* The tracepoints of kernel/trace.h, for userspace: nothing. */
#ifndef SHIM_ENV_TRACE_H
#define SHIM_ENV_TRACE_H

static inline void shim_trace_nothing(int first, ...)
{
}

#define trace_fvp_request(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_served(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_fill(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_record(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_record_done(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_destage(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_paced(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_reclaim(...) shim_trace_nothing(0, __VA_ARGS__)
#define trace_fvp_mode(...) shim_trace_nothing(0, __VA_ARGS__)

#endif /* SHIM_ENV_TRACE_H */
