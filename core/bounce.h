/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hits that flash cannot serve as they are: its logical blocks are 4096 bytes and
 * the range does not fall on them.  The blocks around are read and the part copied.
 */
#ifndef FVP_BOUNCE_H
#define FVP_BOUNCE_H

#include "request.h"

struct fvp_segment;

/* Takes rq and its pin.  Without memory the origin serves it. Process context. */
enum fvp_map fvp_read_bounce(struct fvp_volume *vol, struct fvp_request *rq, int pin,
			     struct fvp_segment *seg, u32 offset_sectors);

#endif /* FVP_BOUNCE_H */
