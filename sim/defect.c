// SPDX-License-Identifier: GPL-2.0
/* Deliberate defects that look at an I/O (device.h, enum sim_defect). */
#include "machine.h"

const struct fvp_disk_block *dev_record(const struct dev_event *event)
{
	const struct fvp_disk_block *block = (const void *)event->bytes;

	if (!block || event->op != DEV_WRITE || le32_to_cpu(block->magic) != FVP_BLOCK_MAGIC ||
	    block->kind != FVP_BLOCK_RECORD)
		return NULL;
	return block;
}

u32 dev_record_entries(const struct fvp_disk_block *record, u32 kind, u32 flags)
{
	u32 count = 0;

	for (u32 i = 0; i < le32_to_cpu(record->entry_count); i++)
		count += le16_to_cpu(record->entries[i].kind) == kind &&
			 (!flags || (le16_to_cpu(record->entries[i].flags) & flags));
	return count;
}

/* A record that holds entries of that kind and nothing else. */
static bool only(const struct dev_event *event, u32 kind)
{
	const struct fvp_disk_block *record = dev_record(event);

	return record && dev_record_entries(record, kind, 0) == le32_to_cpu(record->entry_count);
}

bool dev_super_area(const struct fvp_dev *dev, const struct dev_event *event)
{
	return event->sector < FVP_SUPER_AREA_SECTORS ||
	       event->sector >= dev->sectors - FVP_SUPER_AREA_SECTORS;
}

bool defect_loses(const struct fvp_dev *dev, const struct dev_event *event)
{
	if (!dev->flash)
		return false;
	switch (sim.config.defect) {
	case SIM_DEFECT_NO_SUSPEND_NOTE:
		return sim.in_suspend && dev_super_area(dev, event);
	case SIM_DEFECT_LOST_TOMBSTONES:
		return only(event, FVP_ENTRY_TOMBSTONE);
	case SIM_DEFECT_LOST_WATERMARKS:
		return only(event, FVP_ENTRY_WATERMARK);
	case SIM_DEFECT_LEG_LOST_RECORD:
		return dev->leg && dev_record(event) && shim_rng_chance(&m.check_rng, 1, 100);
	case SIM_DEFECT_LEG_LOST_WATERMARKS:
		return dev->leg && (only(event, FVP_ENTRY_WATERMARK) ||
				    (dev_super_area(dev, event) && m.served));
	case SIM_DEFECT_LEG_SET_LOST:
		return dev_super_area(dev, event) && legs_dropping();
	default:
		return false;
	}
}

bool defect_no_flush(const struct fvp_dev *dev)
{
	switch (sim.config.defect) {
	case SIM_DEFECT_NO_FLUSH:
		return dev->flash;
	case SIM_DEFECT_NO_DESTAGE_FLUSH:
		return dev->flash && sim.pool && shim_context()->wq == sim.pool->destage_wq;
	case SIM_DEFECT_NO_ORIGIN_FLUSH:
		return !dev->flash;
	default:
		return false;
	}
}

bool defect_no_fua(const struct fvp_dev *dev, const struct dev_event *event)
{
	const struct fvp_disk_block *record;

	if (!dev->flash)
		return false;
	switch (sim.config.defect) {
	case SIM_DEFECT_NO_FUA:
		return true;
	case SIM_DEFECT_LEG_NO_FUA:
		return dev->leg;
	case SIM_DEFECT_NO_GUEST_FUA:
		record = dev_record(event);
		return record && dev_record_entries(record, FVP_ENTRY_DATA, FVP_ENTRY_DIRTY);
	default:
		return false;
	}
}

u64 defect_flush_moment(struct fvp_dev *dev, u64 moment)
{
	u64 late = dev->late_moment;

	if (dev->flash || sim.config.defect != SIM_DEFECT_LATE_ORIGIN_FLUSH)
		return moment;
	/* Each flush does what the one before it was asked for. */
	dev->late_moment = moment;
	return late;
}
