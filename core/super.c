// SPDX-License-Identifier: GPL-2.0
/*
 * Superblock and volume table: encoding, and decoding with nothing trusted.
 *
 * Every copy is complete in itself: superblock and table, each with a checksum.
 * An update writes copy A and then copy B, each durably, so that at any moment
 * one of them is whole; the newest generation counts.
 */
#include "super.h"

u64 fvp_super_copy_sector(u64 device_sectors, u32 copy)
{
	if (!copy)
		return 0;
	/* The end, rounded down to 4096 bytes for devices with such blocks. */
	return round_down(device_sectors, FVP_BLOCK_SECTORS_MAX) - FVP_SUPER_AREA_SECTORS;
}

static u32 super_crc(const void *in)
{
	static const u8 zero[4];
	const u8 *p = in;
	const u32 at = offsetof(struct fvp_disk_super, crc);
	u32 crc = crc32c(~0u, p, at);

	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, p + at + 4, FVP_SUPER_BYTES - at - 4);
}

static void volume_encode(const struct fvp_super_volume *vol, struct fvp_disk_volume *disk)
{
	memset(disk, 0, sizeof(*disk));
	memcpy(disk->uuid, vol->uuid, sizeof(disk->uuid));
	disk->id = cpu_to_le32(vol->id);
	disk->state = cpu_to_le32(vol->state);
	disk->epoch = cpu_to_le64(vol->epoch);
	disk->size_sectors = cpu_to_le64(vol->size_sectors);
	disk->mode = cpu_to_le32(vol->mode);
	disk->flags = cpu_to_le32(vol->flags);
	disk->watermark = cpu_to_le64(vol->watermark);
	disk->legs = vol->legs;
	disk->legs_min = vol->legs_min;
	memcpy(disk->name, vol->name, strnlen(vol->name, FVP_NAME_BYTES - 1));
}

static void volume_decode(const struct fvp_disk_volume *disk, struct fvp_super_volume *vol)
{
	memcpy(vol->uuid, disk->uuid, sizeof(vol->uuid));
	vol->id = le32_to_cpu(disk->id);
	vol->state = le32_to_cpu(disk->state);
	vol->epoch = le64_to_cpu(disk->epoch);
	vol->size_sectors = le64_to_cpu(disk->size_sectors);
	vol->mode = le32_to_cpu(disk->mode);
	vol->flags = le32_to_cpu(disk->flags);
	vol->watermark = le64_to_cpu(disk->watermark);
	vol->legs = disk->legs;
	vol->legs_min = disk->legs_min;
	memcpy(vol->name, disk->name, FVP_NAME_BYTES);
	vol->name[FVP_NAME_BYTES - 1] = '\0';
}

void fvp_super_encode(const struct fvp_super *super, void *out)
{
	struct fvp_disk_super *disk = out;
	struct fvp_disk_volume *table = out + FVP_SUPER_BYTES;
	__le64 *pinned = (__le64 *)&table[super->volume_count];
	u32 table_bytes =
		super->volume_count * sizeof(*table) + super->pinned_count * sizeof(*pinned);
	u32 i;

	memset(out, 0, fvp_super_bytes(super->volume_count, super->pinned_count));
	for (i = 0; i < super->pinned_count; i++)
		pinned[i] = cpu_to_le64(super->pinned[i]);
	for (i = 0; i < super->volume_count; i++)
		volume_encode(&super->volumes[i], &table[i]);
	memcpy(disk->magic, FVP_SUPER_MAGIC, sizeof(disk->magic));
	disk->version = cpu_to_le32(FVP_FORMAT_VERSION);
	disk->incompat = cpu_to_le64(super->incompat);
	disk->ro_compat = cpu_to_le64(super->ro_compat);
	disk->compat = cpu_to_le64(super->compat);
	memcpy(disk->pool_uuid, super->pool_uuid, 16);
	memcpy(disk->device_uuid, super->device_uuid, 16);
	disk->generation = cpu_to_le64(super->generation);
	disk->pool_key = cpu_to_le64(super->pool_key);
	disk->tail_gen = cpu_to_le64(super->tail_gen);
	disk->device_sectors = cpu_to_le64(super->device_sectors);
	disk->first_segment_sector = cpu_to_le64(super->first_segment_sector);
	disk->segment_sectors = cpu_to_le32(super->segment_sectors);
	disk->segment_count = cpu_to_le32(super->segment_count);
	disk->device_index = cpu_to_le16((u16)super->device_index);
	disk->device_count = cpu_to_le16((u16)super->device_count);
	disk->block_sectors = cpu_to_le16((u16)super->block_sectors);
	disk->volume_count = cpu_to_le32(super->volume_count);
	disk->table_crc = cpu_to_le32(crc32c(~0u, table, table_bytes));
	disk->next_volume_id = cpu_to_le32(super->next_volume_id);
	disk->pinned_count = cpu_to_le32(super->pinned_count);
	memcpy(disk->label, super->label, strnlen(super->label, FVP_NAME_BYTES - 1));
	memcpy(disk->members, super->members, sizeof(disk->members));
	disk->legset_gen = cpu_to_le32(super->legset_gen);
	disk->role = super->role;
	disk->leg_index = super->leg_index;
	disk->recover_base = cpu_to_le32(super->recover_base);
	for (i = 0; i < FVP_LEGS_MAX; i++) {
		memcpy(disk->legs[i].uuid, super->legs[i].uuid, 16);
		disk->legs[i].flags = cpu_to_le32(super->legs[i].flags);
	}
	disk->crc = cpu_to_le32(super_crc(disk));
}

/* Sizes against each other and the device. Returns 0, -EUCLEAN or -EFBIG. */
static int geometry_check(const struct fvp_disk_super *disk, u64 device_sectors, const char **why)
{
	u64 first = le64_to_cpu(disk->first_segment_sector);
	u64 sectors = le64_to_cpu(disk->device_sectors);
	u32 seg = le32_to_cpu(disk->segment_sectors);
	u32 count = le32_to_cpu(disk->segment_count);
	u16 block = le16_to_cpu(disk->block_sectors);

	*why = "superblock with impossible geometry";
	if (seg < FVP_SEGMENT_SECTORS_MIN || seg > FVP_SEGMENT_SECTORS_MAX || !is_power_of_2(seg))
		return -EUCLEAN;
	if (block != 1 && block != FVP_BLOCK_SECTORS_MAX)
		return -EUCLEAN;
	if (le16_to_cpu(disk->device_count) < 1 ||
	    le16_to_cpu(disk->device_count) > FVP_DEVICES_MAX ||
	    le16_to_cpu(disk->device_index) >= le16_to_cpu(disk->device_count))
		return -EUCLEAN;
	if (first < FVP_SUPER_AREA_SECTORS || first % FVP_BLOCK_SECTORS_MAX || !count ||
	    sectors < 2 * FVP_SUPER_AREA_SECTORS || sectors > (1ULL << 55) ||
	    first > fvp_super_copy_sector(sectors, 1) ||
	    count > (fvp_super_copy_sector(sectors, 1) - first) / seg)
		return -EUCLEAN;
	if (disk->role > FVP_ROLE_REPLICA || disk->leg_index >= FVP_LEGS_MAX)
		return -EUCLEAN;
	if (le32_to_cpu(disk->volume_count) > FVP_VOLUMES_MAX ||
	    le32_to_cpu(disk->pinned_count) > FVP_PINNED_MAX)
		return -EUCLEAN;
	if (le64_to_cpu(disk->generation) >= FVP_GEN_END ||
	    le64_to_cpu(disk->tail_gen) >= FVP_GEN_END ||
	    le32_to_cpu(disk->legset_gen) >= FVP_GEN32_END ||
	    /* 0 is nobody's: a volume that got it would make the next superblock invalid. */
	    !disk->next_volume_id || le32_to_cpu(disk->next_volume_id) >= FVP_GEN32_END)
		return -EUCLEAN;
	if (sectors > device_sectors) {
		*why = "the device is smaller than its superblock says";
		return -EFBIG;
	}
	return 0;
}

int fvp_super_peek(const void *in, u64 device_sectors, u32 *bytes, const char **why)
{
	const struct fvp_disk_super *disk = in;
	int err;

	if (memcmp(disk->magic, FVP_SUPER_MAGIC, sizeof(disk->magic))) {
		*why = "no pool superblock";
		return -ENODATA;
	}
	if (le32_to_cpu(disk->crc) != super_crc(disk)) {
		*why = "superblock checksum is wrong";
		return -EUCLEAN;
	}
	if (le32_to_cpu(disk->version) != FVP_FORMAT_VERSION) {
		*why = "superblock of another format version";
		return -EOPNOTSUPP;
	}
	if ((le64_to_cpu(disk->incompat) & ~FVP_INCOMPAT_KNOWN) ||
	    (le64_to_cpu(disk->ro_compat) & ~FVP_RO_COMPAT_KNOWN)) {
		*why = "superblock with features that this version does not know";
		return -EOPNOTSUPP;
	}
	err = geometry_check(disk, device_sectors, why);
	if (err)
		return err;
	*bytes = fvp_super_bytes(le32_to_cpu(disk->volume_count), le32_to_cpu(disk->pinned_count));
	*why = NULL;
	return 0;
}

/* A volume has one line, and an id of its own: entries would be two volumes' otherwise. */
static bool volume_twice(const struct fvp_super *super, u32 line)
{
	const struct fvp_super_volume *vol = &super->volumes[line], *other = super->volumes;

	for (; other < vol; other++)
		if (other->id == vol->id || !memcmp(other->uuid, vol->uuid, sizeof(vol->uuid)))
			return true;
	return false;
}

static int volumes_check(const struct fvp_super *super)
{
	u32 i;

	for (i = 0; i < super->volume_count; i++) {
		const struct fvp_super_volume *vol = &super->volumes[i];

		if (!vol->id || vol->id >= super->next_volume_id || vol->state > FVP_VOLUME_KEPT ||
		    vol->size_sectors > FVP_VOLUME_SECTORS_MAX || vol->legs >> FVP_LEGS_MAX ||
		    vol->legs_min > hweight8(vol->legs) || volume_twice(super, i))
			return -EUCLEAN;
	}
	for (i = 0; i < super->pinned_count; i++)
		if (super->pinned[i] >= super->tail_gen ||
		    (i && super->pinned[i] <= super->pinned[i - 1]))
			return -EUCLEAN;
	return 0;
}

int fvp_super_decode(const void *in, u32 in_bytes, u64 device_sectors, struct fvp_super *super,
		     const char **why)
{
	const struct fvp_disk_super *disk = in;
	const struct fvp_disk_volume *table = in + FVP_SUPER_BYTES;
	const __le64 *pinned;
	u32 bytes, i;
	int err;

	*why = "superblock is cut short";
	if (in_bytes < FVP_SUPER_BYTES)
		return -EUCLEAN;
	err = fvp_super_peek(in, device_sectors, &bytes, why);
	if (err)
		return err;
	if (in_bytes < bytes) {
		*why = "volume table is cut short";
		return -EUCLEAN;
	}
	super->volume_count = le32_to_cpu(disk->volume_count);
	super->pinned_count = le32_to_cpu(disk->pinned_count);
	pinned = (const __le64 *)&table[super->volume_count];
	if (le32_to_cpu(disk->table_crc) !=
	    crc32c(~0u, table,
		   super->volume_count * sizeof(*table) + super->pinned_count * sizeof(*pinned))) {
		*why = "volume table checksum is wrong";
		return -EUCLEAN;
	}
	super->incompat = le64_to_cpu(disk->incompat);
	super->ro_compat = le64_to_cpu(disk->ro_compat);
	super->compat = le64_to_cpu(disk->compat);
	memcpy(super->pool_uuid, disk->pool_uuid, 16);
	memcpy(super->device_uuid, disk->device_uuid, 16);
	super->generation = le64_to_cpu(disk->generation);
	super->pool_key = le64_to_cpu(disk->pool_key);
	super->tail_gen = le64_to_cpu(disk->tail_gen);
	super->device_sectors = le64_to_cpu(disk->device_sectors);
	super->first_segment_sector = le64_to_cpu(disk->first_segment_sector);
	super->segment_sectors = le32_to_cpu(disk->segment_sectors);
	super->segment_count = le32_to_cpu(disk->segment_count);
	super->device_index = le16_to_cpu(disk->device_index);
	super->device_count = le16_to_cpu(disk->device_count);
	super->block_sectors = le16_to_cpu(disk->block_sectors);
	super->next_volume_id = le32_to_cpu(disk->next_volume_id);
	memcpy(super->label, disk->label, FVP_NAME_BYTES);
	super->label[FVP_NAME_BYTES - 1] = '\0';
	memcpy(super->members, disk->members, sizeof(super->members));
	super->legset_gen = le32_to_cpu(disk->legset_gen);
	super->role = disk->role;
	super->leg_index = disk->leg_index;
	super->recover_base = le32_to_cpu(disk->recover_base);
	for (i = 0; i < FVP_LEGS_MAX; i++) {
		memcpy(super->legs[i].uuid, disk->legs[i].uuid, 16);
		super->legs[i].flags = le32_to_cpu(disk->legs[i].flags);
	}
	for (i = 0; i < super->volume_count; i++)
		volume_decode(&table[i], &super->volumes[i]);
	for (i = 0; i < super->pinned_count; i++)
		super->pinned[i] = le64_to_cpu(pinned[i]);
	if (volumes_check(super)) {
		*why = "volume table with impossible values";
		return -EUCLEAN;
	}
	return 0;
}

int fvp_super_layout(struct fvp_super *super, u64 device_sectors, u32 segment_sectors)
{
	u64 room, seg = segment_sectors;

	/*
	 * About 4,096 segments, 16 MiB each from 64 GiB of flash on.  Smaller flash has fewer
	 * rather than smaller ones, since each is opened and sealed: 4 MiB, and so many that
	 * one of them does not count, or 1 MiB.
	 */
	if (!seg)
		seg = max(min_t(u64, roundup_pow_of_two(device_sectors / 4096 + 1),
				FVP_SEGMENT_SECTORS_MAX),
			  clamp_t(u64, rounddown_pow_of_two(device_sectors / 128 | 1), 2048, 8192));
	if (seg < FVP_SEGMENT_SECTORS_MIN || seg > FVP_SEGMENT_SECTORS_MAX || !is_power_of_2(seg))
		return -EINVAL;
	if (device_sectors < FVP_FIRST_SEGMENT_SECTOR + FVP_SUPER_AREA_SECTORS + seg)
		return -ENOSPC;
	room = fvp_super_copy_sector(device_sectors, 1) - FVP_FIRST_SEGMENT_SECTOR;
	super->device_sectors = device_sectors;
	super->first_segment_sector = FVP_FIRST_SEGMENT_SECTOR;
	super->segment_sectors = (u32)seg;
	super->segment_count = (u32)min_t(u64, div_u64(room, (u32)seg), U32_MAX / 2);
	return super->segment_count ? 0 : -ENOSPC;
}

int fvp_super_replica(const struct fvp_super *pool_super, u64 device_sectors, const u8 uuid[16],
		      struct fvp_super *super)
{
	int err;

	memset(super, 0, sizeof(*super));
	super->incompat = FVP_INCOMPAT_LEGS;
	memcpy(super->pool_uuid, pool_super->pool_uuid, 16);
	memcpy(super->device_uuid, uuid, 16);
	memcpy(super->members[0], uuid, 16);
	super->generation = 1;
	super->pool_key = pool_super->pool_key;
	super->tail_gen = 1;
	super->device_count = 1;
	super->block_sectors = pool_super->block_sectors;
	super->next_volume_id = 1;
	memcpy(super->label, pool_super->label, sizeof(super->label));
	super->role = FVP_ROLE_REPLICA;
	err = fvp_super_layout(super, device_sectors, pool_super->segment_sectors);
	if (!err && super->segment_count < FVP_LEG_SLOTS_MIN)
		err = -ENOSPC;
	return err;
}
