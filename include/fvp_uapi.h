/* SPDX-License-Identifier: GPL-2.0 */
/* Names shared by the module's tables, messages and status lines and the tools. */
#ifndef FVP_UAPI_H
#define FVP_UAPI_H

/*
 * Table lines (`dmsetup table` prints them so that they recreate the device):
 *
 *   0 <sectors> fvp-pool <pool uuid> <n> <flash device>{n} [<n> <option>{n}]
 *	Option: replica=<device>, once for each.  A reload may add replicas.
 *	One per pool.  Its own device stores nothing: reads give zeroes, writes
 *	fail.  Its length is the sum of the flash devices' sectors.
 *   0 <sectors> fvp <pool device> <origin device> <volume uuid> <mode> [<n> <option>{n}]
 *	Options: name=<text of letters, digits and ._+:@->, order=strict|relaxed (of
 *	destaging; strict if not given).  <sectors> is exactly the origin's size.
 *
 * Messages:
 *   pool:   wait-loaded	returns when the index is complete
 *	     replica-remove <uuid>	the pool has this replica no more; no volume may want it
 *	     scrub [<MiB a second>]	begins to verify all that flash holds; returns at once
 *	     scrub-stop			ends that
 *	     latency			returns histograms: below
 *   volume: mode <mode>	requested mode from now on (the table line follows)
 *	     order <order>	of destaging, likewise
 *	     replicas <min> [<uuid>...]	where else dirty data goes, and how many of those
 *				have to be in the leg set for write-back; leaves write-back
 *				for the time that takes.  Persistent
 *	     flush		destages as fast as it goes what is dirty now; returns at
 *				once "until=<n> dirty=<sectors>": done when the status says
 *				dirty_out >= n
 *	     lost		returns "sectors=<n>" and the first ranges of data that is
 *				lost as <lba>+<sectors> words
 *	     forget-lost	the lost ranges are the origin's again: accepts the loss
 *	     keep		the next removal keeps the content: whoever sends it
 *				promises that nobody writes the origin in between
 *	     forget		takes keep back
 *	     drop		drop all cached content now (not what is dirty: destages that first)
 *	     latency		returns histograms: below
 *
 * Status lines: the version, then key=value words in any order; unknown keys are
 * to be skipped.
 *   pool:   health=ok|failed state=loading|loaded uuid= devices= block_sectors=
 *	     segment_sectors= segments= segments_free= index_bytes= index_extents=
 *	     live_sectors= load_bytes= load_bytes_before_io= volumes= attached=
 *	     flash_written_sectors= inserted_sectors= records= record_entries=
 *	     segments_sealed= segments_reclaimed= loaded_entries= bad_blocks= bad_data=
 *	     dirty_sectors= (all volumes) dirty_span_sectors= (of segments
 *	     that hold dirty data) dirty_limit_sectors= (of that) waiting=<n> (volumes with dirty
 *	     data whose origin is not attached) waiting_sectors= (dirty in those)
 *	     legset=<n> (generation of the leg set) replicas=<n> (the pool has), and for each
 *	     replica<i>=<uuid>,<state>,<device or ->,<slots>,<failures>,<acks>,<mean ack us>
 *	     with the states out, dropping, syncing and in
 *	     scrub=none|running|complete|stopped, and of that scrub: scrub_segments= (done with)
 *	     scrub_rate_mib= (a second, at most) scrub_checked_sectors= (of data)
 *	     scrub_dropped_sectors= (clean data that was damaged) scrub_mended_sectors= (dirty
 *	     data that was, written anew from a replica) scrub_damaged_sectors= (dirty data
 *	     that is) scrub_headers_mended= scrub_unreadable= (segments)
 *   volume: requested=<mode> effective=<mode> state=loading|loaded id= keep=0|1
 *	     order=strict|relaxed draining=0|1 (leaving write-back) origin=ok|failing (when
 *	     destaging) dirty_sectors= dirty_in= dirty_out= (sectors ever logged dirty and of
 *	     those no longer; the difference is dirty_sectors) dirty_age_ms= (of the oldest)
 *	     destage_rate= (sectors a second, lately) lost_sectors= replicas=<n> (wanted)
 *	     replicas_in=<n> (of them in the leg set) replicas_min=<n> replica_mask=<hex>
 *	     index_bytes= index_extents= live_sectors= read_ios= read_sectors= (hits and
 *	     misses) and every counter of FVP_VOLUME_COUNTERS
 */

/*
 * The answer to latency: FVP_LATENCY_VERSION, then for each histogram a word
 *
 *   <name>=<count>,<sum in ns>[,<bucket>:<count>...]
 *
 * with the buckets that are not empty, in order; unknown names are to be skipped.  All since the
 * volume was attached or the pool activated.  A volume has those of FVP_VOLUME_LATENCIES; a pool
 * has flash_write (records of its log) and replica<i> (their acknowledgements), for the i of its
 * status line.
 */
#define FVP_LATENCY_VERSION 1

/*
 * Bucket 0 is for less than FVP_LATENCY_FIRST_NS; from there on each power of two has four; the
 * last has no end.
 */
#define FVP_LATENCY_SHIFT 8
#define FVP_LATENCY_FIRST_NS (4ULL << FVP_LATENCY_SHIFT)
#define FVP_LATENCY_BUCKETS 98
/* From how many nanoseconds on a bucket counts, other than bucket 0. */
#define FVP_LATENCY_FROM_NS(bucket)                                                                \
	((4ULL + ((bucket)-1) % 4) << (FVP_LATENCY_SHIFT + ((bucket)-1) / 4))

/*
 * X(id, name, what), in the order of the answer.  From the time that the request comes in from
 * device-mapper until it is acknowledged; what ended in an error is not in it.
 */
#define FVP_VOLUME_LATENCIES(X)                                                                    \
	X(READ_FLASH, read_flash, "reads served from flash or its buffer")                         \
	X(READ_ORIGIN, read_origin, "reads served from the origin")                                \
	X(WRITE, write, "writes, as they are acknowledged")                                        \
	X(FLUSH, flush, "flushes, as they are acknowledged")                                       \
	X(ORIGIN_WRITE, origin_write, "writes at the origin alone: written through, or destaged")

#define FVP_SCRUB_MIB_MAX 65536 /* a second */

/* Version of the status lines' form: first word of each. */
#define FVP_STATUS_VERSION 1

enum fvp_mode {
	FVP_MODE_PASS_THROUGH = 1, /* all I/O to the origin; content kept true, not used */
	FVP_MODE_READ_ONLY_CACHE = 2, /* reads fill the cache, writes go around it */
	FVP_MODE_WRITE_THROUGH = 3, /* reads and writes fill; ack when the origin has acked */
	FVP_MODE_WRITE_BACK = 4, /* ack when flash has it; the origin gets it later, in order */
};

/* In which order the origin gets what write-back has acknowledged. */
enum fvp_order {
	FVP_ORDER_STRICT =
		0, /* flush epoch by flush epoch: always a state the guest could have left */
	FVP_ORDER_RELAXED = 1, /* epochs merge: less to write, no such promise while dirty */
};

#define FVP_ORDER_NAME_STRICT "strict"
#define FVP_ORDER_NAME_RELAXED "relaxed"

#define FVP_MODE_NAME_PASS_THROUGH "pass-through"
#define FVP_MODE_NAME_READ_ONLY_CACHE "read-only-cache"
#define FVP_MODE_NAME_WRITE_THROUGH "write-through"
#define FVP_MODE_NAME_WRITE_BACK "write-back"

#define FVP_TARGET_POOL "fvp-pool"
#define FVP_TARGET_VOLUME "fvp"

/*
 * Counters of a volume, in the order of its status line.  One line each:
 * X(name, what it counts).
 */
#define FVP_VOLUME_COUNTERS(X)                                                                     \
	X(hit_ios, "reads served from flash or its buffer (after splitting)")                      \
	X(hit_sectors, "sectors of those")                                                         \
	X(miss_ios, "reads that flash did not serve")                                              \
	X(miss_sectors, "sectors of those")                                                        \
	X(ram_hit_ios, "of those hits, served from an open segment's buffer")                      \
	X(ram_hit_sectors, "sectors of those")                                                     \
	X(bypass_ios, "of the misses, reads while flash was not to serve: pass-through, failed")   \
	X(bypass_sectors, "sectors of those")                                                      \
	X(write_ios, "write requests")                                                             \
	X(write_sectors, "sectors written by the guest")                                           \
	X(discard_ios, "discard and write-zeroes requests")                                        \
	X(discard_sectors, "sectors of those")                                                     \
	X(flush_ios, "flush requests")                                                             \
	X(fill_sectors, "sectors filled from reads")                                               \
	X(write_fill_sectors, "sectors filled from writes")                                        \
	X(fill_lost, "fills given up: overtaken by a write")                                       \
	X(fill_refused, "fills not started: memory, backlog or log full")                          \
	X(write_back_ios, "of the write requests, those acknowledged from the log")                \
	X(paced_ios, "of those, acknowledgements delayed by flow control")                         \
	X(paced_ns, "how long those were held in all")                                             \
	X(grouped_ios, "flushes and FUA writes that waited for others, to end one flush epoch")    \
	X(held_ios, "writes that waited: log full, or the end of a drain")                         \
	X(destaged_sectors, "sectors written to the origin by destaging")                          \
	X(merged_sectors, "dirty sectors that a later write made needless to destage")             \
	X(destage_ios, "requests to the origin by destaging")                                      \
	X(destage_batches, "batches, each ended by a watermark")                                   \
	X(tombstones, "tombstones written")                                                        \
	X(write_waits, "writes that waited for an overlapping one")                                \
	X(flash_read_errors, "hits that failed on flash and were served by the origin")            \
	X(origin_read_ios, "requests to the origin: reads")                                        \
	X(origin_write_ios, "requests to the origin: writes, discards")                            \
	X(leg_read_sectors, "dirty sectors that flash did not give, read from a replica")          \
	X(promoted_sectors, "sectors re-inserted at reclaim")                                      \
	X(evicted_sectors, "sectors dropped at reclaim")                                           \
	X(not_admitted_sectors,                                                                    \
	  "missed sectors not filled: read for the first time while fills evict what lives")

#endif /* FVP_UAPI_H */
