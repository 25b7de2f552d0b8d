// SPDX-License-Identifier: GPL-2.0
/*
 * CRC-32C (Castagnoli, reflected 0x82f63b78), eight bytes a step: table k holds
 * the checksum of a byte followed by k zero bytes.  With the instruction for it,
 * where the CPU has one: the simulator spends its time here.
 */
#include "host.h"

bool shim_crc_constant;

static u32 table[8][256];

__attribute__((constructor)) static void crc32c_tables(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
		table[0][i] = crc;
	}
	for (u32 i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static u32 crc32c_hw(u32 crc, const u8 *p, size_t len)
{
	u64 wide = crc;

	for (; len >= 8; p += 8, len -= 8) {
		u64 w;

		memcpy(&w, p, 8);
		wide = __builtin_ia32_crc32di(wide, w);
	}
	crc = (u32)wide;
	for (; len; p++, len--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}
#endif

u32 crc32c(u32 seed, const void *data, size_t len)
{
	const u8 *p = data;
	u32 crc = seed;

	if (shim_crc_constant)
		return 0;
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_hw(seed, p, len);
#endif
	for (; len >= 8; p += 8, len -= 8) {
		u64 w;

		memcpy(&w, p, 8);
		w ^= crc;
		crc = table[7][w & 0xff] ^ table[6][w >> 8 & 0xff] ^ table[5][w >> 16 & 0xff] ^
		      table[4][w >> 24 & 0xff] ^ table[3][w >> 32 & 0xff] ^
		      table[2][w >> 40 & 0xff] ^ table[1][w >> 48 & 0xff] ^ table[0][w >> 56];
	}
	for (; len; p++, len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
	return crc;
}

u32 fvp_host_crc32c(u32 seed, const void *data, size_t len)
{
	return crc32c(seed, data, len);
}
