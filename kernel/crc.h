/* SPDX-License-Identifier: GPL-2.0 */
/* fvp_host_crc32c(): see crc.c. */
#ifndef FVP_CRC_H
#define FVP_CRC_H

/* Finds out what this CPU can do.  Before the first checksum. */
void fvp_crc_init(void);

#endif /* FVP_CRC_H */
