// SPDX-License-Identifier: GPL-2.0
/*
 * crc32c with the CPU's own instruction, called by nothing but a jump.
 *
 * The kernel's crc32c() goes through the crypto API, and for what is longer than 512
 * bytes through the registers of the FPU, which must be saved and restored: in the path
 * of a write that is as much as the checksum itself.  The instruction needs neither.
 * It takes three cycles, but can begin one each cycle: so three stripes of the data
 * go side by side.  The checksum is linear: that of the first stripe is moved over the
 * length of the second by four look-ups in a table, and so on.
 *
 * What is computed here is compared with crc32c() once, when the module is loaded; where
 * they differ, and on other CPUs, crc32c() it is.
 */
#include <linux/jump_label.h>

#include "crc.h"
#include "host.h"

static DEFINE_STATIC_KEY_FALSE(crc_fast);

#ifdef CONFIG_X86_64

#define STEP_WORDS 21 /* of a stripe, without a branch */
#define SHORT_WORDS STEP_WORDS /* three stripes: a sector, all but a word */
#define LONG_WORDS (8 * STEP_WORDS) /* three stripes: a page, all but eight words */

/* What a checksum becomes when the bytes of a stripe, all zero, follow: by its four bytes. */
struct shift {
	u32 by[4][256];
};

static struct shift shift_short, shift_long;

static __always_inline u64 crc_word(u64 crc, const u64 *word)
{
	asm("crc32q %1, %0" : "+r"(crc) : "m"(*word));
	return crc;
}

static __always_inline u64 shifted(const struct shift *shift, u64 crc)
{
	return shift->by[0][crc & 0xff] ^ shift->by[1][crc >> 8 & 0xff] ^
	       shift->by[2][crc >> 16 & 0xff] ^ shift->by[3][crc >> 24];
}

static void __init shift_init(struct shift *shift, u32 words)
{
	static const u64 zero;
	u32 bit, i, k;
	u64 crc;

	for (bit = 0; bit < 32; bit++) {
		crc = 1u << bit;
		for (i = 0; i < words; i++)
			crc = crc_word(crc, &zero);
		k = bit / 8;
		for (i = 0; i < 256; i++)
			if (i >> (bit % 8) & 1)
				shift->by[k][i] ^= (u32)crc;
	}
}

/* Three stripes of so many words. */
static __always_inline u64 stripes(u64 a, const u64 *p, u32 words, const struct shift *shift)
{
	const u64 *end = p + words;
	u64 b = 0, c = 0;
	u32 i;

	for (; p < end; p += STEP_WORDS) {
#pragma GCC unroll 21
		for (i = 0; i < STEP_WORDS; i++) {
			a = crc_word(a, p + i);
			b = crc_word(b, p + i + words);
			c = crc_word(c, p + i + 2 * words);
		}
	}
	return shifted(shift, shifted(shift, a) ^ b) ^ c;
}

static u32 crc_compute(u32 seed, const void *data, size_t len)
{
	const u64 *p = data;
	const u8 *byte;
	u64 crc = seed;

	for (; len >= 24 * LONG_WORDS; p += 3 * LONG_WORDS, len -= 24 * LONG_WORDS)
		crc = stripes(crc, p, LONG_WORDS, &shift_long);
	for (; len >= 24 * SHORT_WORDS; p += 3 * SHORT_WORDS, len -= 24 * SHORT_WORDS)
		crc = stripes(crc, p, SHORT_WORDS, &shift_short);
	for (; len >= 32; p += 4, len -= 32) {
		crc = crc_word(crc, p);
		crc = crc_word(crc, p + 1);
		crc = crc_word(crc, p + 2);
		crc = crc_word(crc, p + 3);
	}
	for (; len >= 8; p++, len -= 8)
		crc = crc_word(crc, p);
	for (byte = (const u8 *)p; len; byte++, len--)
		asm("crc32b %1, %0" : "+r"(crc) : "m"(*byte));
	return (u32)crc;
}

static bool __init crc_prepare(void)
{
	if (!boot_cpu_has(X86_FEATURE_XMM4_2))
		return false;
	shift_init(&shift_short, SHORT_WORDS);
	shift_init(&shift_long, LONG_WORDS);
	return true;
}

#else /* CONFIG_X86_64 */

static u32 crc_compute(u32 seed, const void *data, size_t len)
{
	return crc32c(seed, data, len);
}

static bool __init crc_prepare(void)
{
	return false;
}

#endif /* CONFIG_X86_64 */

u32 fvp_host_crc32c(u32 seed, const void *data, size_t len)
{
	if (static_branch_likely(&crc_fast))
		return crc_compute(seed, data, len);
	return crc32c(seed, data, len);
}

/* Lengths that end in each of the loops above. */
static bool __init crc_right(u8 *data, size_t len_max)
{
	static const size_t lens[] = { 1, 7, 8, 96, 511, 512, 1024, 4096, 4096 + 512 + 96 + 13 };
	size_t i;

	for (i = 0; i < len_max; i++)
		data[i] = (u8)(i * 167 + (i >> 8) * 59 + 1);
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		if (WARN_ON_ONCE(lens[i] > len_max ||
				 crc_compute(~0u, data, lens[i]) != crc32c(~0u, data, lens[i])))
			return false;
	return true;
}

void __init fvp_crc_init(void)
{
	const size_t len_max = 2 * PAGE_SIZE;
	u8 *data;

	if (!crc_prepare())
		return;
	data = kmalloc(len_max, GFP_KERNEL);
	if (data && crc_right(data, len_max))
		static_branch_enable(&crc_fast);
	kfree(data);
}
