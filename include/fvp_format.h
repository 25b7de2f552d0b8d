/* SPDX-License-Identifier: GPL-2.0 */
/*
 * On-flash format, version 2.  Contracts only: no code that needs a host.
 *
 * A flash device holds
 *
 *	[super copy A | volume table]   at sector 0, FVP_SUPER_AREA_SECTORS long
 *	[... reserved up to first_segment_sector ...]
 *	[segment 0][segment 1]...       segment_count x segment_sectors
 *	[super copy B | volume table]   in the last FVP_SUPER_AREA_SECTORS
 *
 * A segment is
 *
 *	[segment header block][record][record]...[unused][summary entries][summary footer]
 *
 * and a record is a header with its entries, followed by the data of those
 * entries.  A "block" is the log block of the pool: block_sectors in the
 * superblock, at least the largest logical block of its flash devices.  Data of a
 * record begins on one; the header ends there and is only as long as it must be.
 * Segment header, record header and summary footer share one layout (struct
 * fvp_disk_block).
 *
 * Everything is little-endian.  Nothing read from media may be used before its
 * checksum, its pool key, its generation and its own position have been
 * verified: core/record.c and core/super.c are the only places that touch the
 * __le fields.
 */
#ifndef FVP_FORMAT_H
#define FVP_FORMAT_H

#include <linux/types.h>

#define FVP_SECTOR_SHIFT 9
#define FVP_SECTOR_BYTES 512

#define FVP_FORMAT_VERSION 2

#define FVP_SUPER_MAGIC "fvpflash" /* 8 bytes, no terminator */
#define FVP_SUPER_BYTES 4096
#define FVP_SUPER_AREA_SECTORS 1024 /* 512 KiB: super block and volume table */
#define FVP_FIRST_SEGMENT_SECTOR 2048 /* 1 MiB */

#define FVP_DEVICES_MAX 16
#define FVP_VOLUMES_MAX 2048
#define FVP_PINNED_MAX 16384
#define FVP_LEGS_MAX 4 /* replica legs of a pool */
#define FVP_NAME_BYTES 64

#define FVP_SEGMENT_SECTORS_MIN 128 /* 64 KiB; the tools never choose less than 1 MiB */
#define FVP_SEGMENT_SECTORS_MAX 32768 /* 16 MiB */
#define FVP_SEGMENTS_MIN 8 /* per pool */
/*
 * Generations of segments and of superblocks stay below this, those of leg sets and the ids of
 * volumes below the other: no device lives to see it, and whoever adds one has room to.
 */
#define FVP_GEN_END (1ULL << 36)
#define FVP_GEN32_END (1U << 31)
#define FVP_VOLUME_SECTORS_MAX (1ULL << 46) /* 32 PiB: the index of a volume has a table by size */
#define FVP_BLOCK_SECTORS_MAX 8

/* Feature flags.  Unknown incompatible or read-only-compatible: refused. */
#define FVP_INCOMPAT_LEGS 1ULL /* of a pool with replica legs, and on those */
#define FVP_INCOMPAT_KNOWN FVP_INCOMPAT_LEGS
#define FVP_RO_COMPAT_KNOWN 0ULL
#define FVP_COMPAT_KNOWN 0ULL

/* Persistent state of a volume (fvp_disk_volume.state). */
enum fvp_disk_volume_state {
	/* Unused slot, or content forgotten: whatever is on flash is void. */
	FVP_VOLUME_NONE = 0,
	/* In service.  Found so at activation: the host lost power; content valid. */
	FVP_VOLUME_ACTIVE = 1,
	/* Suspended: the origin may be written behind our back; content void. */
	FVP_VOLUME_SUSPENDED = 2,
	/* Stopped on purpose with its content kept; content valid. */
	FVP_VOLUME_KEPT = 3,
};

/*
 * fvp_disk_volume.flags.  In write-back, or leaving it: flash may hold the only copy of
 * acknowledged writes.
 */
#define FVP_VOLUME_MAY_BE_DIRTY 1u

/* One line of the volume table, 128 bytes. */
struct fvp_disk_volume {
	__u8 uuid[16];
	__le32 id; /* names the volume in entries; never used twice in a pool */
	__le32 state; /* enum fvp_disk_volume_state */
	__le64 epoch; /* ownership periods so far */
	__le64 size_sectors;
	__le32 mode; /* requested mode, enum fvp_mode */
	__le32 flags; /* FVP_VOLUME_* */
	__u8 name[FVP_NAME_BYTES]; /* for people; zero-padded */
	/* Like a watermark entry, for when the log has no room: generation << 16 | sector. */
	__le64 watermark;
	__u8 legs; /* replica legs that its dirty data goes to: a bit each */
	__u8 legs_min; /* of them, that write-back needs */
	__u8 reserved[6];
};

/*
 * A replica leg holds the records of dirty data that volumes want to have on it, at the
 * same place in a segment as the pool's flash; but where a segment lies there is its own
 * affair.  Its superblock is that of a pool with one device.
 */
enum fvp_disk_role {
	FVP_ROLE_MEMBER = 0, /* flash device of the pool */
	FVP_ROLE_REPLICA = 1,
};

#define FVP_LEG_SLOTS_MIN 12 /* segments that a replica has room for, at least */

#define FVP_LEG_USED 1u
/* Has all dirty data of its volumes, as of the superblock's legset_gen. */
#define FVP_LEG_IN_SYNC 2u

/* 24 bytes. */
struct fvp_disk_leg {
	__u8 uuid[16]; /* device_uuid of the replica */
	__le32 flags; /* FVP_LEG_* */
	__le32 reserved;
};

/* Superblock, 4096 bytes. */
struct fvp_disk_super {
	__u8 magic[8];
	__le32 version;
	__le32 crc; /* crc32c of the 4096 bytes with this field zero */
	__le64 incompat;
	__le64 ro_compat;
	__le64 compat;
	__u8 pool_uuid[16];
	__u8 device_uuid[16];
	__le64 generation; /* of this update; the newest valid copy in the pool counts */
	__le64 pool_key; /* random; in every block header, so guests cannot forge one */
	__le64 tail_gen; /* segments of older generations are void, but for pinned ones */
	__le64 device_sectors;
	__le64 first_segment_sector;
	__le32 segment_sectors; /* power of two */
	__le32 segment_count; /* on this device */
	__le16 device_index;
	__le16 device_count;
	__le16 block_sectors; /* 1 or 8 */
	__le16 reserved0;
	__le32 volume_count; /* lines of the volume table that follows */
	__le32 table_crc; /* crc32c of those lines, and of the list behind them */
	__le32 next_volume_id;
	/*
	 * Generations (__le64, ascending, behind the volume table) of segments before
	 * tail_gen of which the dirty entries count still.
	 */
	__le32 pinned_count;
	__u8 label[FVP_NAME_BYTES];
	__u8 members[FVP_DEVICES_MAX][16]; /* device uuids by device_index */
	/*
	 * Counts the changes of the leg set: who knows a lower one than another has missed
	 * what was written since.
	 */
	__le32 legset_gen;
	__u8 role; /* enum fvp_disk_role */
	__u8 leg_index; /* of a replica */
	__le16 reserved1;
	/* Replica: the leg set that a recovery from it began with; 0: none has. */
	__le32 recover_base;
	struct fvp_disk_leg legs[FVP_LEGS_MAX];
	__u8 reserved[3524];
};

/* Magic and kind of a block header. */
#define FVP_BLOCK_MAGIC 0x62707666u /* "fvpb" */
enum fvp_block_kind {
	FVP_BLOCK_SEGMENT = 1, /* first block of a segment */
	FVP_BLOCK_RECORD = 2,
	FVP_BLOCK_SUMMARY = 3, /* last block of a sealed segment */
};

enum fvp_entry_kind {
	FVP_ENTRY_VOID = 0, /* space that holds nothing (a fill that lost its race) */
	FVP_ENTRY_DATA = 1, /* len_sectors of data at offset_sectors */
	FVP_ENTRY_TOMBSTONE = 2, /* older content of the range is superseded */
	FVP_ENTRY_ZERO = 3, /* the range reads as zeroes; dirty, like data */
	/*
	 * The origin has all of the volume's dirty entries before sector len_sectors of
	 * segment generation lba.
	 */
	FVP_ENTRY_WATERMARK = 4,
	/*
	 * Unsettled data of the volume, from segment generation lba - arg up to sector
	 * len_sectors of generation lba, is settled.
	 */
	FVP_ENTRY_SETTLED = 5,
	FVP_ENTRY_DISCARD = 6, /* like zero, but the origin may make of it what it likes */
};

/*
 * fvp_disk_entry.flags.  The origin has a volatile cache and was not flushed when this
 * was written: absent, unless a settled entry says otherwise.
 */
#define FVP_ENTRY_UNSETTLED 1u
/*
 * Acknowledged (or about to be) and not on the origin, unless a watermark says so.
 * arg: flush epoch of the guest, low 32 bits.
 */
#define FVP_ENTRY_DIRTY 2u

/*
 * 32 bytes.  offset_sectors counts from the start of the segment, so that a
 * summary is the concatenation of its records' entries.
 */
struct fvp_disk_entry {
	__le64 lba;
	__le32 volume; /* fvp_disk_volume.id */
	__le32 len_sectors;
	__le32 offset_sectors;
	__le32 crc; /* crc32c of the data; 0 where there is none */
	__le16 kind; /* enum fvp_entry_kind */
	__le16 flags;
	__le32 arg; /* by kind */
};

/* 64 bytes, then in a record the entries. */
struct fvp_disk_block {
	__le32 magic;
	__u8 kind; /* enum fvp_block_kind */
	__u8 header_sectors; /* record: of header and entries, data follows; else 0 */
	__le16 version;
	/* crc32c of these 64 bytes with this field zero and, in a record, of its entries. */
	__le32 crc;
	/*
	 * summary: crc32c of the entries; segment header: how many generations before
	 * its own the oldest dirty entry may lie; record: 0.
	 */
	__le32 arg;
	__le64 pool_key;
	__le64 segment_gen;
	/*
	 * record: orders all records of a pool.  Segment header: what is in the segment has a
	 * higher one, but its summary the same: so a generation that is given out again is not
	 * taken for what it was before.
	 */
	__le64 seq;
	__le64 tail_gen; /* as known when this was written */
	__le32 legset_gen; /* generation of the leg set the record was sent to */
	__le32 offset_sectors; /* own position in the segment */
	/*
	 * record: header and data; summary: entries and footer; segment
	 * header: the segment's length.
	 */
	__le32 len_sectors;
	__le32 entry_count;
	struct fvp_disk_entry entries[];
};

#define FVP_BLOCK_HEADER_BYTES 64
#define FVP_ENTRY_BYTES 32

_Static_assert(sizeof(struct fvp_disk_volume) == 128, "volume table line");
_Static_assert(sizeof(struct fvp_disk_leg) == 24, "leg");
_Static_assert(sizeof(struct fvp_disk_super) == FVP_SUPER_BYTES, "superblock");
_Static_assert(sizeof(struct fvp_disk_entry) == FVP_ENTRY_BYTES, "entry");
_Static_assert(sizeof(struct fvp_disk_block) == FVP_BLOCK_HEADER_BYTES, "block header");
_Static_assert(FVP_SUPER_BYTES + FVP_VOLUMES_MAX * 128 + FVP_PINNED_MAX * 8 <=
		       FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES,
	       "volume table and list of pinned segments fit their area");

/* Entries that a record header of that many sectors holds: 14 in one, 126 in eight. */
#define FVP_RECORD_ENTRIES(block_sectors)                                                          \
	(((block_sectors)*FVP_SECTOR_BYTES - FVP_BLOCK_HEADER_BYTES) / FVP_ENTRY_BYTES)

#endif /* FVP_FORMAT_H */
