// SPDX-License-Identifier: GPL-2.0
/* Superblock and volume table. */
#include "super.h"
#include "unit.h"

#define DEVICE_SECTORS 2097152ull /* 1 GiB */

static struct fvp_super super, back;
static u8 copy[FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES];
static const char *why;

static void make(u32 volumes)
{
	memset(&super, 0, sizeof(super));
	EXPECT_EQ(fvp_super_layout(&super, DEVICE_SECTORS, 0), 0);
	memset(super.pool_uuid, 0x11, 16);
	memset(super.device_uuid, 0x22, 16);
	memset(super.members[1], 0x22, 16);
	memset(super.members[0], 0x33, 16);
	super.generation = 77;
	super.pool_key = 0x1234567890abcdefull;
	super.tail_gen = 5;
	super.device_index = 1;
	super.device_count = 2;
	super.block_sectors = 8;
	super.volume_count = volumes;
	super.next_volume_id = volumes + 1;
	strcpy(super.label, "label");
	for (u32 i = 0; i < volumes; i++) {
		struct fvp_super_volume *vol = &super.volumes[i];

		memset(vol->uuid, (int)i, 15);
		vol->uuid[15] = (u8)(i >> 8);
		vol->id = i + 1;
		vol->state = i % 4;
		vol->epoch = i * 3;
		vol->size_sectors = 1000 + i;
		vol->mode = 3;
		snprintf(vol->name, sizeof(vol->name), "volume-%u", i);
	}
	memset(copy, 0xee, sizeof(copy));
	fvp_super_encode(&super, copy);
}

static int decode(u64 device_sectors)
{
	memset(&back, 0, sizeof(back));
	return fvp_super_decode(copy, fvp_super_bytes(super.volume_count, 0), device_sectors, &back,
				&why);
}

TEST(super_round_trip, "what was encoded is decoded the same, for no, few and all volumes")
{
	static const u32 counts[] = { 0, 1, 33, FVP_VOLUMES_MAX };

	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		make(counts[i]);
		EXPECT_EQ(decode(DEVICE_SECTORS), 0);
		EXPECT(!memcmp(&super, &back, sizeof(super)));
	}
}

TEST(super_every_byte, "a superblock or table with any one byte flipped is refused")
{
	make(5);
	for (u32 i = 0; i < FVP_SUPER_BYTES + 5 * 128; i++) {
		copy[i] ^= 0x40;
		if (!decode(DEVICE_SECTORS))
			unit_fail(__FILE__, __LINE__, "byte %u flipped, and accepted", i);
		EXPECT(why && why[0]);
		copy[i] ^= 0x40;
	}
	EXPECT_EQ(decode(DEVICE_SECTORS), 0);
}

TEST(super_blank, "a blank device has no superblock")
{
	u32 bytes;

	memset(copy, 0, sizeof(copy));
	EXPECT_EQ(fvp_super_peek(copy, DEVICE_SECTORS, &bytes, &why), -ENODATA);
}

TEST(super_shrunk, "a device smaller than its superblock says is refused as such")
{
	make(1);
	EXPECT_EQ(decode(DEVICE_SECTORS - 1), -EFBIG);
	EXPECT_EQ(decode(DEVICE_SECTORS + 8), 0);
}

TEST(super_features, "unknown incompatible features are refused as such, compatible ones are not")
{
	make(1);
	super.incompat = 1ull << 40;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EOPNOTSUPP);
	super.incompat = 0;
	super.ro_compat = 2;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EOPNOTSUPP);
	super.ro_compat = 0;
	super.compat = 4;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), 0);
}

TEST(super_cut_short, "a table that is cut short is refused")
{
	make(33);
	EXPECT(fvp_super_decode(copy, FVP_SUPER_BYTES, DEVICE_SECTORS, &back, &why) != 0);
	EXPECT(fvp_super_decode(copy, 100, DEVICE_SECTORS, &back, &why) != 0);
}

/* As it is now, whatever that is. */
static void reseal(struct fvp_disk_super *disk)
{
	disk->crc = 0;
	disk->crc = cpu_to_le32(crc32c(~0u, disk, FVP_SUPER_BYTES));
}

/* What has been made of it, with one value changed and checksums right. */
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		make(2);                                                                           \
		change;                                                                            \
		fvp_super_encode(&super, copy);                                                    \
		EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);                                       \
		EXPECT(strstr(why, "impossible"));                                                 \
	} while (0)

TEST(super_impossible, "values that cannot be are refused even with a right checksum")
{
	struct fvp_disk_super *disk = (void *)copy;

	REFUSED(super.segment_sectors = 3000);
	REFUSED(super.segment_sectors = FVP_SEGMENT_SECTORS_MIN / 2);
	REFUSED(super.segment_sectors = FVP_SEGMENT_SECTORS_MAX * 2);
	REFUSED(super.segment_count *= 2);
	REFUSED(super.segment_count = 0);
	REFUSED(super.block_sectors = 2);
	REFUSED(super.device_index = 2);
	REFUSED(super.device_count = 0);
	REFUSED(super.device_count = FVP_DEVICES_MAX + 1);
	REFUSED(super.first_segment_sector = 0);
	REFUSED(super.first_segment_sector++);
	REFUSED(super.first_segment_sector = super.device_sectors);
	REFUSED(super.device_sectors = FVP_SUPER_AREA_SECTORS);
	REFUSED(super.device_sectors = 1ull << 56);
	REFUSED(super.role = FVP_ROLE_REPLICA + 1);
	REFUSED(super.leg_index = FVP_LEGS_MAX);
	REFUSED(super.generation = FVP_GEN_END);
	REFUSED(super.tail_gen = FVP_GEN_END);
	REFUSED(super.legset_gen = FVP_GEN32_END);
	REFUSED(super.next_volume_id = FVP_GEN32_END);
	REFUSED((super.next_volume_id = 0, super.volume_count = 0));
	REFUSED(super.volumes[1].id = super.next_volume_id);
	REFUSED(super.volumes[1].id = 0);
	REFUSED(super.volumes[1].state = 9);
	REFUSED(super.volumes[1].size_sectors = FVP_VOLUME_SECTORS_MAX + 1);
	REFUSED(super.volumes[1].legs = 1u << FVP_LEGS_MAX);
	REFUSED((super.volumes[1].legs = 1, super.volumes[1].legs_min = 2));
	REFUSED((super.pinned_count = 1, super.pinned[0] = super.tail_gen));
	REFUSED((super.tail_gen = 9, super.pinned_count = 2,
		 super.pinned[0] = super.pinned[1] = 3));
	/* Counts that no superblock is encoded with. */
	make(2);
	disk->volume_count = cpu_to_le32(FVP_VOLUMES_MAX + 1);
	reseal(disk);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
	make(2);
	disk->pinned_count = cpu_to_le32(FVP_PINNED_MAX + 1);
	reseal(disk);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
	EXPECT(strstr(why, "geometry"));
	make(2);
	disk->version = cpu_to_le32(FVP_FORMAT_VERSION + 1);
	reseal(disk);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EOPNOTSUPP);
	EXPECT(strstr(why, "version"));
}

TEST(super_twice, "two volumes of one uuid, or one id, are refused")
{
	make(3);
	super.volumes[2].id = super.volumes[0].id;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
	make(3);
	memcpy(super.volumes[2].uuid, super.volumes[1].uuid, 16);
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
}

TEST(super_bounds,
     "counts that no pool reaches, and volumes that no index has room for, are refused")
{
	make(2);
	super.generation = FVP_GEN_END;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
	make(2);
	super.tail_gen = FVP_GEN_END;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
	make(2);
	super.legset_gen = FVP_GEN32_END;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
	make(2);
	super.next_volume_id = FVP_GEN32_END;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
	make(2);
	super.volumes[0].size_sectors = FVP_VOLUME_SECTORS_MAX + 1;
	fvp_super_encode(&super, copy);
	EXPECT_EQ(decode(DEVICE_SECTORS), -EUCLEAN);
}

TEST(super_layout_sizes, "the layout fits the device, copies included, from 2 MiB to 64 TiB")
{
	for (u64 sectors = 4096; sectors < 1ull << 37; sectors = sectors * 3 / 2 + 1) {
		memset(&super, 0, sizeof(super));
		if (fvp_super_layout(&super, sectors, 0))
			continue;
		EXPECT(super.first_segment_sector +
			       (u64)super.segment_count * super.segment_sectors <=
		       fvp_super_copy_sector(sectors, 1));
		EXPECT(fvp_super_copy_sector(sectors, 1) + FVP_SUPER_AREA_SECTORS <= sectors);
		EXPECT(is_power_of_2(super.segment_sectors));
	}
	EXPECT_EQ(fvp_super_layout(&super, 100, 0), -ENOSPC);
	EXPECT_EQ(fvp_super_layout(&super, DEVICE_SECTORS, 3000), -EINVAL);
}
