// SPDX-License-Identifier: GPL-2.0
/*
 * Superblock and volume table from hostile media: decoding never reads out of
 * bounds, and what it accepts keeps every promise that the pool relies on.
 *
 * Input: one byte of options, then the copy.  With option 1 the checksums are
 * made right, so that what lies behind them is reached.
 */
#include <stdlib.h>

#include "super.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

static void make_checksums_right(u8 *copy, size_t bytes)
{
	struct fvp_disk_super *disk = (void *)copy;
	u64 table =
		le32_to_cpu(disk->volume_count) * 128ull + le32_to_cpu(disk->pinned_count) * 8ull;

	memcpy(disk->magic, FVP_SUPER_MAGIC, sizeof(disk->magic));
	disk->version = cpu_to_le32(FVP_FORMAT_VERSION);
	if (table <= bytes - FVP_SUPER_BYTES)
		disk->table_crc = cpu_to_le32(crc32c(~0u, copy + FVP_SUPER_BYTES, table));
	disk->crc = 0;
	disk->crc = cpu_to_le32(crc32c(~0u, copy, FVP_SUPER_BYTES));
}

static void check(bool ok, const char *what)
{
	if (!ok)
		shim_die("accepted: %s", what);
}

static void check_accepted(const struct fvp_super *super, u64 device_sectors)
{
	u64 end = super->first_segment_sector + (u64)super->segment_count * super->segment_sectors;

	check(is_power_of_2(super->segment_sectors) &&
		      super->segment_sectors >= FVP_SEGMENT_SECTORS_MIN &&
		      super->segment_sectors <= FVP_SEGMENT_SECTORS_MAX,
	      "segment length");
	check(super->segment_count && super->device_sectors <= device_sectors, "device length");
	check(super->first_segment_sector >= FVP_SUPER_AREA_SECTORS &&
		      end <= fvp_super_copy_sector(super->device_sectors, 1),
	      "segments over a superblock copy");
	check(super->device_count >= 1 && super->device_count <= FVP_DEVICES_MAX &&
		      super->device_index < super->device_count,
	      "device index");
	check(super->block_sectors == 1 || super->block_sectors == FVP_BLOCK_SECTORS_MAX, "block");
	check(!(super->first_segment_sector % super->block_sectors), "alignment");
	check(super->volume_count <= FVP_VOLUMES_MAX, "volumes");
	for (u32 i = 0; i < super->volume_count; i++)
		check(super->volumes[i].id && super->volumes[i].id < super->next_volume_id &&
			      strnlen(super->volumes[i].name, FVP_NAME_BYTES) < FVP_NAME_BYTES,
		      "volume");
	check(super->pinned_count <= FVP_PINNED_MAX, "pinned segments");
	for (u32 i = 0; i < super->pinned_count; i++)
		check(super->pinned[i] < super->tail_gen &&
			      (!i || super->pinned[i - 1] < super->pinned[i]),
		      "list of pinned segments");
	check(strnlen(super->label, FVP_NAME_BYTES) < FVP_NAME_BYTES, "label");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	static struct fvp_super super;
	const u64 device_sectors = 1ull << 21;
	const char *why = "";
	u32 whole;
	u8 *copy;

	if (bytes < 1 + FVP_SUPER_BYTES)
		return 0;
	/* Of exactly the length: a read behind it is seen. */
	copy = malloc(bytes - 1);
	memcpy(copy, data + 1, bytes - 1);
	if (data[0] & 1)
		make_checksums_right(copy, bytes - 1);
	if (!fvp_super_peek(copy, device_sectors, &whole, &why))
		check(whole >= FVP_SUPER_BYTES &&
			      whole <= FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES,
		      "length of a copy");
	else
		check(why && why[0], "refused without a reason");
	if (!fvp_super_decode(copy, (u32)(bytes - 1), device_sectors, &super, &why))
		check_accepted(&super, device_sectors);
	free(copy);
	return 0;
}
