/* SPDX-License-Identifier: GPL-2.0 */
/* fvp top: what its two halves share: top.c has the state and the keys, top_draw.c the screen. */
#ifndef FVP_TOOL_TOP_H
#define FVP_TOOL_TOP_H

#include "sample.h"

#define FVP_TOP_HISTORY 60

enum fvp_top_column {
	FVP_TOP_NAME,
	FVP_TOP_MODE,
	FVP_TOP_READS,
	FVP_TOP_WRITES,
	FVP_TOP_READ_MIB,
	FVP_TOP_WRITE_MIB,
	FVP_TOP_HIT,
	FVP_TOP_READ_P50,
	FVP_TOP_READ_P99,
	FVP_TOP_WRITE_P50,
	FVP_TOP_WRITE_P99,
	FVP_TOP_DIRTY,
	FVP_TOP_ETA,
	FVP_TOP_COLUMNS,
};

/* What a line of history shows. */
enum fvp_top_series {
	FVP_TOP_IOPS,
	FVP_TOP_SERIES_READS,
	FVP_TOP_SERIES_WRITES,
	FVP_TOP_SERIES_HIT,
	FVP_TOP_SERIES_READ_P99,
	FVP_TOP_SERIES_WRITE_P99,
	FVP_TOP_SERIES_DIRTY,
	FVP_TOP_SERIES,
};

/* A volume on the screen. */
struct fvp_top_row {
	struct fvp_volume_sample now;
	struct fvp_rates rates;
	float history[FVP_TOP_HISTORY][FVP_TOP_SERIES]; /* the newest first; < 0: none */
};

struct fvp_top {
	struct fvp_sample sample;
	struct fvp_top_row *row; /* as they are sorted */
	unsigned int rows;
	unsigned int selected, scrolled; /* row numbers */
	enum fvp_top_column sort;
	bool reverse, details, help, paused, begun;
	enum fvp_sample_kind kind; /* whose histogram the details show */
	unsigned int interval;
};

/* A column's value to sort by, as a number. */
double fvp_top_value(const struct fvp_top_row *row, enum fvp_top_column column);

/* Draws all of it on the screen as large as it is now. */
void fvp_top_draw(struct fvp_top *top);

#endif /* FVP_TOOL_TOP_H */
