// SPDX-License-Identifier: GPL-2.0
/* What does not belong together, or cannot be, is refused with a text that says so. */
#include "fixture.h"

static struct fvp_super super, other;
static char label[FVP_NAME_BYTES]; /* of the pool that opened last */

static int super_of(struct fvp_dev *dev, u32 copy, struct fvp_super *out)
{
	static u8 bytes[FVP_SUPER_AREA_SECTORS * FVP_SECTOR_BYTES];
	const char *why;

	store_read(dev->store, fvp_super_copy_sector(dev->sectors, copy), FVP_SUPER_AREA_SECTORS,
		   (struct sim_data){ .bytes = bytes });
	return fvp_super_decode(bytes, sizeof(bytes), dev->sectors, out, &why);
}

static void copy_poke(struct fvp_dev *dev, u32 copy, const struct fvp_super *from)
{
	static u8 bytes[FVP_SUPER_BYTES];

	fvp_super_encode(from, bytes);
	store_poke(dev->store, fvp_super_copy_sector(dev->sectors, copy),
		   FVP_SUPER_BYTES / FVP_SECTOR_BYTES, (struct sim_data){ .bytes = bytes });
}

/* A byte of the header or, from FVP_SUPER_BYTES on, of the volume table. */
static void copy_damage(struct fvp_dev *dev, u32 copy, u32 at)
{
	u8 bytes[FVP_SECTOR_BYTES];
	u64 sector = fvp_super_copy_sector(dev->sectors, copy) + at / FVP_SECTOR_BYTES;

	store_read(dev->store, sector, 1, (struct sim_data){ .bytes = bytes });
	bytes[at % FVP_SECTOR_BYTES] ^= 0x55;
	store_poke(dev->store, sector, 1, (struct sim_data){ .bytes = bytes });
}

static bool refused(int error, const char *text)
{
	int ret = open_pool();

	if (!ret) {
		strcpy(label, sim.pool->super->label);
		fvp_pool_close(sim.pool);
		sim.pool = NULL;
	}
	if (ret != error || !strstr(err, text))
		printf("  %d '%s', not %d '%s'\n", ret, err, error, text);
	return ret == error && strstr(err, text);
}

/* With the first device's (or the last's) superblock changed; it is put back. */
#define REFUSED(d, change, error, text)                                                            \
	do {                                                                                       \
		EXPECT_EQ(super_of(m.flash[d], 0, &super), 0);                                     \
		other = super;                                                                     \
		change;                                                                            \
		super_poke(m.flash[d], &super);                                                    \
		EXPECT(refused(error, text));                                                      \
		super_poke(m.flash[d], &other);                                                    \
	} while (0)

static void two_devices(void)
{
	build(1, 20);
	m.flash_count = 2;
	m.flash[1] = dev_create("flash1", true, m.flash[0]->sectors, NULL, NULL);
	machine_format();
}

static int open_both(struct fvp_dev *a, struct fvp_dev *b)
{
	struct fvp_pool_params params = { .dev = { a, b }, .count = 2, .block_sectors = 1 };
	int ret = fvp_pool_open(&params, &sim.pool, err, sizeof(err));

	if (!ret) {
		strcpy(label, sim.pool->super->label);
		fvp_pool_close(sim.pool);
	}
	sim.pool = NULL;
	return ret;
}

TEST(refuse_members, "devices of different pools, or one twice, do not make a pool")
{
	two_devices();
	EXPECT_EQ(open_both(m.flash[0], m.flash[0]), -EINVAL);
	EXPECT(strstr(err, "both are member 0"));
	EXPECT_EQ(super_of(m.flash[1], 0, &super), 0);
	other = super;
	for (u32 i = 0; i < 5; i++) {
		super = other;
		switch (i) {
		case 0:
			super.pool_uuid[3] ^= 1;
			break;
		case 1:
			super.pool_key ^= 1;
			break;
		case 2:
			super.segment_sectors /= 2;
			break;
		case 3:
			super.block_sectors = 8;
			break;
		case 4:
			super.members[0][3] ^= 1;
			break;
		}
		super_poke(m.flash[1], &super);
		EXPECT_EQ(open_both(m.flash[0], m.flash[1]), -EINVAL);
		EXPECT(strstr(err, "not of the same pool"));
	}
	EXPECT_EQ(counters.flash_writes, 0);
	super_poke(m.flash[1], &other);
	EXPECT_EQ(open_both(m.flash[1], m.flash[0]), 0);
	machine_free();
}

TEST(refuse_newest, "the newest superblock of the members counts")
{
	two_devices();
	EXPECT_EQ(super_of(m.flash[1], 0, &super), 0);
	super.generation = 50;
	strcpy(super.label, "newest");
	super_poke(m.flash[1], &super);
	EXPECT_EQ(open_both(m.flash[0], m.flash[1]), 0);
	EXPECT(!strcmp(label, "newest"));
	machine_free();
}

TEST(refuse_super, "a superblock that contradicts itself or its device is refused, by name")
{
	struct fvp_pool_params params = { .block_sectors = 1 };

	build(1, 20);
	machine_format();
	REFUSED(0, super.device_uuid[0] ^= 1, -EINVAL, "flash0: its superblock contradicts itself");
	REFUSED(0, super.generation = FVP_GEN_END / 2, -EUCLEAN, "what no pool reaches");
	REFUSED(0, super.legset_gen = FVP_GEN32_END / 2, -EUCLEAN, "what no pool reaches");
	REFUSED(0, super.next_volume_id = FVP_GEN32_END / 2, -EUCLEAN, "what no pool reaches");
	REFUSED(0, super.segment_count = FVP_SEGMENTS_MIN - 1, -EINVAL, "7 segments");
	m.block_sectors = 8;
	EXPECT(refused(-EINVAL, "4096-byte blocks"));
	m.block_sectors = 1;
	EXPECT_EQ(counters.flash_writes, 0);
	EXPECT_EQ(fvp_pool_open(&params, &sim.pool, err, sizeof(err)), -EINVAL);
	params.count = FVP_DEVICES_MAX + 1;
	EXPECT_EQ(fvp_pool_open(&params, &sim.pool, err, sizeof(err)), -EINVAL);
	EXPECT(refused(0, ""));
	machine_free();
}

TEST(refuse_small, "a device too small for a pool is refused")
{
	build(1, 20);
	machine_format();
	m.flash[0]->sectors = FVP_FIRST_SEGMENT_SECTOR;
	EXPECT(refused(-ENODATA, "too small"));
	machine_free();
}

TEST(refuse_copies, "of two copies the newer counts, a damaged one does not, a newer format stops")
{
	build(1, 20);
	machine_format();
	EXPECT_EQ(super_of(m.flash[0], 0, &super), 0);
	other = super;
	other.generation = 40;
	strcpy(other.label, "B");
	copy_poke(m.flash[0], 1, &other);
	EXPECT(refused(0, ""));
	EXPECT(!strcmp(label, "B"));
	for (u32 copy = 0; copy < 2; copy++) {
		super_poke(m.flash[0], &super);
		copy_damage(m.flash[0], copy, 100);
		EXPECT(refused(0, ""));
		super_poke(m.flash[0], &super);
		other = super;
		other.incompat = 1ull << 40;
		copy_poke(m.flash[0], copy, &other);
		EXPECT(refused(-EOPNOTSUPP, "does not know"));
	}
	/* No superblock in A, a damaged one in B: damaged is what is said. */
	super_poke(m.flash[0], &super);
	copy_damage(m.flash[0], 0, 0);
	copy_damage(m.flash[0], 1, 100);
	EXPECT(refused(-EUCLEAN, "checksum"));
	super_poke(m.flash[0], &super);
	copy_damage(m.flash[0], 0, 100);
	copy_damage(m.flash[0], 1, 0);
	EXPECT(refused(-EUCLEAN, "checksum"));
	machine_free();
}

TEST(refuse_table, "a volume table that cannot be read leaves the other copy")
{
	start(1, 20);
	stop(FVP_DETACH_KEEP);
	for (u32 copy = 0; copy < 2; copy++) {
		m.flash[0]->bad[0] =
			(struct dev_range){ fvp_super_copy_sector(m.flash[0]->sectors, copy) +
						    FVP_SUPER_BYTES / FVP_SECTOR_BYTES,
					    1 };
		m.flash[0]->bad_count = 1;
		EXPECT_EQ(open_pool(), 0);
		EXPECT_EQ(sim.pool->super->volume_count, 1);
		EXPECT_EQ(sim.pool->flash[0].weak, copy);
		fvp_pool_close(sim.pool);
		sim.pool = NULL;
	}
	machine_free();
}

/* --- replicas --- */

/* A superblock of a replica, changed: added while the pool runs, and given at activation. */
#define LEG_REFUSED(change, error, text)                                                           \
	do {                                                                                       \
		EXPECT_EQ(super_of(m.leg[0], 0, &super), 0);                                       \
		other = super;                                                                     \
		super.volume_count = super.pinned_count = 0;                                       \
		change;                                                                            \
		super_poke(m.leg[0], &super);                                                      \
		EXPECT(refused(error, text));                                                      \
		m.leg_given[0] = false;                                                            \
		EXPECT_EQ(open_pool(), 0);                                                         \
		EXPECT_EQ(fvp_leg_add(sim.pool, m.leg[0], err, sizeof(err)), error);               \
		EXPECT(strstr(err, text));                                                         \
		m.leg_given[0] = true;                                                             \
		fvp_pool_close(sim.pool);                                                          \
		sim.pool = NULL;                                                                   \
		super_poke(m.leg[0], &other);                                                      \
	} while (0)

TEST(refuse_legs, "a replica that does not fit its pool is refused, by name")
{
	struct fvp_pool_params params = { .count = 1, .block_sectors = 1, .leg_count = 2 };

	start_legs(1);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 0, 0), 0);
	stop(FVP_DETACH_FORGET);
	LEG_REFUSED(super.pool_key ^= 1, -EINVAL, "leg0: a replica of another pool");
	LEG_REFUSED(super.segment_sectors /= 2, -EINVAL, "leg0: a replica of a geometry");
	LEG_REFUSED(super.block_sectors = 8, -EINVAL, "leg0: a replica of a geometry");
	LEG_REFUSED(super.segment_count = FVP_LEG_SLOTS_MIN - 1, -EINVAL,
		    "leg0: a replica of a geometry");
	LEG_REFUSED(super.legset_gen += 9, -ESTALE, "leg0: this replica knows leg set");
	params.dev[0] = m.flash[0];
	params.leg[0] = params.leg[1] = m.leg[0];
	EXPECT_EQ(fvp_pool_open(&params, &sim.pool, err, sizeof(err)), -EINVAL);
	EXPECT(strstr(err, "leg0 and leg0: both are replica 0"));
	EXPECT_EQ(open_pool(), 0);
	EXPECT_EQ(fvp_leg_remove(sim.pool, sim.pool->leg[0].uuid, err, sizeof(err)), 0);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
	EXPECT(refused(-EINVAL, "leg0: has been removed"));
	machine_free();
}

TEST(refuse_leg_calls, "a replica in use, one too many, an unknown and a hanging one are refused")
{
	u8 uuid[16] = { 0xaa };

	start_legs(2);
	EXPECT_EQ(fvp_leg_add(sim.pool, m.leg[0], err, sizeof(err)), -EBUSY);
	EXPECT(strstr(err, "in use already, by way of leg0"));
	EXPECT_EQ(fvp_legs_in(sim.pool), 3);
	EXPECT_EQ(fvp_leg_remove(sim.pool, uuid, err, sizeof(err)), -ENOENT);
	EXPECT(strstr(err, "no such replica"));
	EXPECT(fvp_leg_add(sim.pool, vol->origin, err, sizeof(err)) != 0);
	EXPECT(strstr(err, "make it a replica first"));

	EXPECT_EQ(fvp_volume_set_legs(vol->core, 1, 2), -EINVAL);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 15, 0), -EINVAL);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 4, 1), -EINVAL);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 2, 1), 0);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_BACK);

	/* Names for replicas that are not there take places, too. */
	for (u32 i = 2; i < FVP_LEGS_MAX; i++) {
		sim.pool->super->legs[i].flags = FVP_LEG_USED;
		sim.pool->super->legs[i].uuid[0] = (u8)i;
	}
	EXPECT_EQ(fvp_leg_remove(sim.pool, sim.pool->leg[0].uuid, err, sizeof(err)), 0);
	sim.pool->super->legs[0].flags = FVP_LEG_USED;
	EXPECT_EQ(fvp_leg_add(sim.pool, m.leg[0], err, sizeof(err)), -ENOSPC);
	EXPECT(strstr(err, "4 replicas already"));
	memset(&sim.pool->super->legs[0], 0, sizeof(sim.pool->super->legs[0]));
	memset(&sim.pool->super->legs[2], 0, 2 * sizeof(sim.pool->super->legs[0]));
	finish();
}

TEST(refuse_leg_hangs, "a replica whose device keeps its I/O stays until it gives it back")
{
	start_legs(1);
	m.leg[0]->stall_until_ns = shim_now_ns() + 30 * NSEC_PER_SEC;
	io(FVP_REQ_WRITE, 0, 8);
	EXPECT_EQ(fvp_volume_set_legs(vol->core, 0, 0), 0);
	EXPECT_EQ(fvp_leg_remove(sim.pool, sim.pool->leg[0].uuid, err, sizeof(err)), -EBUSY);
	EXPECT(strstr(err, "leg0 does not give I/O back"));
	run_ns(40 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	EXPECT_EQ(fvp_leg_remove(sim.pool, sim.pool->leg[0].uuid, err, sizeof(err)), 0);
	EXPECT_EQ(sim.pool->leg_count, 0);
	finish();
}

TEST(refuse_leg_swapped, "a replica that has become another one behind its device does not come in")
{
	start_legs(1);
	m.leg[0]->dead = true;
	io(FVP_REQ_WRITE, 0, 8);
	EXPECT_EQ(fvp_legs_in(sim.pool), 0);
	EXPECT_EQ(super_of(m.leg[0], 0, &super), 0);
	other = super;
	other.volume_count = other.pinned_count = 0;
	other.device_uuid[0] ^= 1;
	super_poke(m.leg[0], &other);
	m.leg[0]->dead = false;
	run_ns(20 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 0);
	EXPECT_EQ(fvp_volume_effective_mode(vol->core), FVP_MODE_WRITE_THROUGH);
	super.volume_count = super.pinned_count = 0;
	super_poke(m.leg[0], &super);
	run_ns(20 * NSEC_PER_SEC);
	EXPECT_EQ(fvp_legs_in(sim.pool), 1);
	finish();
}

/* --- volumes --- */

static int attach_as(const u8 *uuid, u64 sectors, enum fvp_mode mode, struct fvp_volume **core)
{
	return fvp_volume_attach(sim.pool, uuid, "r", vol->origin, sectors, mode, core, err,
				 sizeof(err));
}

TEST(refuse_volumes, "modes that do not exist, and another origin for dirty data, are refused")
{
	struct fvp_volume *core;
	u8 uuid[16] = { 0xaa };
	u64 sectors = 0;

	start(1, 40);
	EXPECT_EQ(attach_as(uuid, 100, 0, &core), -EINVAL);
	EXPECT_EQ(attach_as(uuid, 100, FVP_MODE_WRITE_BACK + 1, &core), -EINVAL);
	EXPECT(strstr(err, "mode not supported"));
	EXPECT_EQ(fvp_volume_set_mode(vol->core, 0), -EINVAL);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK + 1), -EINVAL);
	EXPECT_EQ(fvp_volume_set_mode(vol->core, FVP_MODE_WRITE_BACK), 0);
	origin_away(true);
	io(FVP_REQ_WRITE, 0, 8);
	EXPECT_EQ(fvp_pool_dirty_span(sim.pool), 256);
	EXPECT(fvp_pool_dirty_limit(sim.pool) > 256 && fvp_pool_dirty_limit(sim.pool) < 40 * 256);
	detach(FVP_DETACH_FORGET);
	EXPECT_EQ(fvp_pool_waiting(sim.pool, NULL), 1);
	EXPECT_EQ(fvp_pool_waiting(sim.pool, &sectors), 1);
	EXPECT_EQ(sectors, 8);
	EXPECT_EQ(attach_as(vol->uuid, vol->sectors + 8, FVP_MODE_WRITE_BACK, &core), -EBUSY);
	EXPECT(strstr(err, "flash holds writes of this volume"));
	origin_away(false);
	attach(FVP_MODE_WRITE_BACK);
	/* Without a suspend before it. */
	fvp_volume_detach(vol->core, FVP_DETACH_FORGET);
	EXPECT_EQ(fvp_pool_waiting(sim.pool, NULL), 0);
	EXPECT(store_peek(vol->origin->store, 0) != oracle_initial(vol, 0));
	EXPECT_EQ(sim.pool->super->volume_count, 0);
	fvp_pool_close(sim.pool);
	sim.pool = NULL;
	machine_free();
}

TEST(refuse_table_full, "a volume table is filled to its end and no further")
{
	struct fvp_volume *core;
	u8 uuid[16] = { 0xaa };

	start(1, 40);
	for (u32 i = 1; i < FVP_VOLUMES_MAX; i++) {
		struct fvp_super_volume *line = &sim.pool->super->volumes[i];

		line->uuid[0] = 0xbb;
		line->uuid[1] = (u8)i;
		line->uuid[2] = (u8)(i >> 8);
		line->id = sim.pool->super->next_volume_id++;
		line->state = FVP_VOLUME_SUSPENDED;
	}
	sim.pool->super->volume_count = FVP_VOLUMES_MAX;
	EXPECT_EQ(attach_as(uuid, 100, FVP_MODE_WRITE_BACK, &core), -ENOSPC);
	EXPECT(strstr(err, "table is full"));
	stop(FVP_DETACH_KEEP);
	EXPECT_EQ(open_pool(), 0);
	EXPECT_EQ(sim.pool->super->volume_count, FVP_VOLUMES_MAX);
	/* A line that there is already is no more than it was. */
	uuid[0] = 0xbb;
	uuid[1] = 1;
	EXPECT_EQ(attach_as(uuid, 100, FVP_MODE_WRITE_BACK, &core), 0);
	fvp_volume_detach(core, FVP_DETACH_FORGET);
	EXPECT_EQ(sim.pool->super->volume_count, FVP_VOLUMES_MAX - 1);
	attach(FVP_MODE_WRITE_BACK);
	finish();
}
