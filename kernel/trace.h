/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: a request's steps, and what goes on behind them; docs/tracing.md has them with
 * examples.  A volume is known by the first eight digits of its uuid.  Core calls them; where it
 * is not in a kernel, shim/env_trace.h has them do nothing.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fvp

#if !defined(FVP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FVP_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef FVP_TRACE_VOLUME
#define FVP_TRACE_VOLUME
static inline u32 fvp_trace_volume(const u8 *uuid)
{
	return (u32)uuid[0] << 24 | (u32)uuid[1] << 16 | (u32)uuid[2] << 8 | uuid[3];
}
#endif

/* As enum fvp_request_op, enum fvp_latency_kind and enum fvp_mode. */
#define fvp_trace_op(op)                                                                           \
	__print_symbolic(op, { 0, "read" }, { 1, "write" }, { 2, "flush" }, { 3, "discard" },      \
			 { 4, "write-zeroes" })
#define fvp_trace_kind(kind)                                                                       \
	__print_symbolic(kind, { 0, "flash" }, { 1, "origin" }, { 2, "write" }, { 3, "flush" })
#define fvp_trace_mode(mode)                                                                       \
	__print_symbolic(mode, { 1, "pass-through" }, { 2, "read-only-cache" },                    \
			 { 3, "write-through" }, { 4, "write-back" })

/* A request comes in. */
TRACE_EVENT(fvp_request,

	    TP_PROTO(const u8 *uuid, u8 op, u64 lba, u32 len_sectors, bool fua),

	    TP_ARGS(uuid, op, lba, len_sectors, fua),

	    TP_STRUCT__entry(__field(u32, volume) __field(u32, len) __field(u64, lba)
				     __field(u8, op) __field(bool, fua)),

	    TP_fast_assign(__entry->volume = fvp_trace_volume(uuid); __entry->op = op;
			   __entry->lba = lba; __entry->len = len_sectors; __entry->fua = fua;),

	    TP_printk("volume=%08x %s lba=%llu len=%u%s", __entry->volume,
		      fvp_trace_op(__entry->op), __entry->lba, __entry->len,
		      __entry->fua ? " fua" : ""));

/* It is over, without an error: who served it, and how long that took. */
TRACE_EVENT(fvp_served,

	    TP_PROTO(const u8 *uuid, u8 kind, u64 lba, u32 len_sectors, u64 ns),

	    TP_ARGS(uuid, kind, lba, len_sectors, ns),

	    TP_STRUCT__entry(__field(u32, volume) __field(u32, len) __field(u64, lba)
				     __field(u64, ns) __field(u8, kind)),

	    TP_fast_assign(__entry->volume = fvp_trace_volume(uuid); __entry->kind = kind;
			   __entry->lba = lba; __entry->len = len_sectors; __entry->ns = ns;),

	    TP_printk("volume=%08x %s lba=%llu len=%u ns=%llu", __entry->volume,
		      fvp_trace_kind(__entry->kind), __entry->lba, __entry->len, __entry->ns));

/* Data has been copied to the cache, or given up because a write overtook it. */
TRACE_EVENT(fvp_fill,

	    TP_PROTO(const u8 *uuid, u64 lba, u32 len_sectors, u64 addr, bool kept),

	    TP_ARGS(uuid, lba, len_sectors, addr, kept),

	    TP_STRUCT__entry(__field(u32, volume) __field(u32, len) __field(u64, lba)
				     __field(u64, addr) __field(bool, kept)),

	    TP_fast_assign(__entry->volume = fvp_trace_volume(uuid); __entry->lba = lba;
			   __entry->len = len_sectors; __entry->addr = addr; __entry->kept = kept;),

	    TP_printk("volume=%08x lba=%llu len=%u addr=%llu %s", __entry->volume, __entry->lba,
		      __entry->len, __entry->addr, __entry->kept ? "kept" : "given up"));

/* A record of the log goes to flash ... */
TRACE_EVENT(fvp_record,

	    TP_PROTO(u64 seq, u32 entries, u32 len_sectors, bool durable, u8 replicas),

	    TP_ARGS(seq, entries, len_sectors, durable, replicas),

	    TP_STRUCT__entry(__field(u64, seq) __field(u32, entries) __field(u32, len)
				     __field(bool, durable) __field(u8, replicas)),

	    TP_fast_assign(__entry->seq = seq; __entry->entries = entries;
			   __entry->len = len_sectors; __entry->durable = durable;
			   __entry->replicas = replicas;),

	    TP_printk("seq=%llu entries=%u len=%u%s replicas=%#x", __entry->seq, __entry->entries,
		      __entry->len, __entry->durable ? " durable" : "", __entry->replicas));

/* ... and is on it. */
TRACE_EVENT(fvp_record_done,

	    TP_PROTO(u64 seq, u64 ns, int error),

	    TP_ARGS(seq, ns, error),

	    TP_STRUCT__entry(__field(u64, seq) __field(u64, ns) __field(int, error)),

	    TP_fast_assign(__entry->seq = seq; __entry->ns = ns; __entry->error = error;),

	    TP_printk("seq=%llu ns=%llu error=%d", __entry->seq, __entry->ns, __entry->error));

/* A batch has been destaged, or has failed to. */
TRACE_EVENT(fvp_destage,

	    TP_PROTO(const u8 *uuid, u64 retired_sectors, u64 dirty_sectors, u64 ns, int error),

	    TP_ARGS(uuid, retired_sectors, dirty_sectors, ns, error),

	    TP_STRUCT__entry(__field(u32, volume) __field(int, error) __field(u64, retired)
				     __field(u64, dirty) __field(u64, ns)),

	    TP_fast_assign(__entry->volume = fvp_trace_volume(uuid);
			   __entry->retired = retired_sectors; __entry->dirty = dirty_sectors;
			   __entry->ns = ns; __entry->error = error;),

	    TP_printk("volume=%08x retired=%llu dirty=%llu ns=%llu error=%d", __entry->volume,
		      __entry->retired, __entry->dirty, __entry->ns, __entry->error));

/* Flow control has held an acknowledgement. */
TRACE_EVENT(fvp_paced,

	    TP_PROTO(const u8 *uuid, u64 ns),

	    TP_ARGS(uuid, ns),

	    TP_STRUCT__entry(__field(u32, volume) __field(u64, ns)),

	    TP_fast_assign(__entry->volume = fvp_trace_volume(uuid); __entry->ns = ns;),

	    TP_printk("volume=%08x ns=%llu", __entry->volume, __entry->ns));

/* Segments have been made free; so many sectors of theirs are cached no more. */
TRACE_EVENT(fvp_reclaim,

	    TP_PROTO(u64 first_gen, u32 segments, u64 evicted_sectors),

	    TP_ARGS(first_gen, segments, evicted_sectors),

	    TP_STRUCT__entry(__field(u64, gen) __field(u64, evicted) __field(u32, segments)),

	    TP_fast_assign(__entry->gen = first_gen; __entry->segments = segments;
			   __entry->evicted = evicted_sectors;),

	    TP_printk("gen=%llu segments=%u evicted=%llu", __entry->gen, __entry->segments,
		      __entry->evicted));

/* The mode that is asked for, or the one in force, may have changed. */
TRACE_EVENT(fvp_mode,

	    TP_PROTO(const u8 *uuid, u8 requested, u8 effective),

	    TP_ARGS(uuid, requested, effective),

	    TP_STRUCT__entry(__field(u32, volume) __field(u8, requested) __field(u8, effective)),

	    TP_fast_assign(__entry->volume = fvp_trace_volume(uuid); __entry->requested = requested;
			   __entry->effective = effective;),

	    TP_printk("volume=%08x requested=%s effective=%s", __entry->volume,
		      fvp_trace_mode(__entry->requested), fvp_trace_mode(__entry->effective)));

#endif /* FVP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
