// SPDX-License-Identifier: GPL-2.0
/* The screen of fvp top. */
#include <curses.h>
#include <langinfo.h>
#include <stdio.h>
#include <string.h>

#include "fvp.h"
#include "top.h"

#define WARNING (COLOR_PAIR(1) | A_BOLD)

static const struct {
	const char *head;
	int width; /* to the left if negative */
	const char *format;
} columns[FVP_TOP_COLUMNS] = {
	[FVP_TOP_NAME] = { "VOLUME", -20, NULL },     [FVP_TOP_MODE] = { "MODE", -15, NULL },
	[FVP_TOP_READS] = { "R/S", 8, "%.0f" },	      [FVP_TOP_WRITES] = { "W/S", 8, "%.0f" },
	[FVP_TOP_READ_MIB] = { "RMIB/S", 8, "%.1f" }, [FVP_TOP_WRITE_MIB] = { "WMIB/S", 8, "%.1f" },
	[FVP_TOP_HIT] = { "HIT%", 6, "%.1f" },	      [FVP_TOP_READ_P50] = { "R50us", 7, "%.0f" },
	[FVP_TOP_READ_P99] = { "R99us", 7, "%.0f" },  [FVP_TOP_WRITE_P50] = { "W50us", 7, "%.0f" },
	[FVP_TOP_WRITE_P99] = { "W99us", 7, "%.0f" }, [FVP_TOP_DIRTY] = { "DIRTYMIB", 9, "%.1f" },
	[FVP_TOP_ETA] = { "ETAs", 6, "%.0f" },
};

/* One of eight heights; the terminal's characters may not have them. */
static const char *spark(float value, float largest)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const letters[] = { " ", ".", ".", ":", ":", "-", "=", "+", "#" };
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	int height = 0;

	if (value > 0 && largest > 0) {
		height = (int)(value / largest * 8 + 0.5f);
		height = height < 1 ? 1 : height > 8 ? 8 : height;
	}
	return utf8 ? blocks[height] : letters[height];
}

/* The newest to the right; returns the largest. */
static float draw_history(const struct fvp_top_row *row, enum fvp_top_series series, int width)
{
	float largest = 0;

	if (width > FVP_TOP_HISTORY)
		width = FVP_TOP_HISTORY;
	for (int i = 0; i < width; i++)
		if (row->history[i][series] > largest)
			largest = row->history[i][series];
	for (int i = width - 1; i >= 0; i--)
		addstr(spark(row->history[i][series], largest));
	return largest;
}

static void draw_head(const struct fvp_top *top)
{
	uint64_t dirty = 0;
	double reads = 0, writes = 0;

	for (unsigned int i = 0; i < top->rows; i++) {
		reads += top->row[i].rates.reads;
		writes += top->row[i].rates.writes;
		dirty += top->row[i].now.dirty_bytes;
	}
	mvprintw(0, 0, "fvp: %u volume%s, %.0f reads/s, %.0f writes/s, %s dirty%s", top->rows,
		 top->rows == 1 ? "" : "s", reads, writes, fvp_size_text(dirty),
		 top->paused ? "   PAUSED" : "");
	for (unsigned int i = 0; i < top->sample.pools; i++) {
		const struct fvp_pool_sample *p = &top->sample.pool[i];
		bool bad = strcmp(p->health, "ok");

		move(1, (int)i * 40);
		if (bad)
			attron(WARNING);
		printw("pool %.16s: %s", p->name, p->health);
		if (p->dirty_limit_bytes)
			printw(", dirty %.0f%% of limit",
			       100.0 * (double)p->dirty_span_bytes / (double)p->dirty_limit_bytes);
		if (bad)
			attroff(WARNING);
	}
}

static void draw_row(const struct fvp_top *top, unsigned int number, int y)
{
	const struct fvp_top_row *row = &top->row[number];
	bool short_of = strcmp(row->now.requested, row->now.effective) || row->now.lost_bytes ||
			row->now.origin_failing || row->now.replicas_in < row->now.replicas;
	char text[40];

	move(y, 0);
	if (number == top->selected)
		attron(A_REVERSE);
	if (short_of)
		attron(WARNING);
	for (int c = 0; c < FVP_TOP_COLUMNS; c++) {
		double value = fvp_top_value(row, c);

		if (c == FVP_TOP_NAME)
			snprintf(text, sizeof(text), "%.19s", row->now.name);
		else if (c == FVP_TOP_MODE)
			snprintf(text, sizeof(text), "%.13s%s", row->now.effective,
				 short_of ? "!" : "");
		else if (value < 0)
			snprintf(text, sizeof(text), "-");
		else
			snprintf(text, sizeof(text), columns[c].format, value);
		printw("%*s ", columns[c].width, text);
	}
	attroff(A_REVERSE | WARNING);
	if (getcurx(stdscr) < COLS - 4)
		draw_history(row, FVP_TOP_IOPS, COLS - getcurx(stdscr) - 1);
}

static void draw_list(struct fvp_top *top)
{
	unsigned int room = LINES > 6 ? (unsigned int)LINES - 5 : 1;

	move(3, 0);
	for (int c = 0; c < FVP_TOP_COLUMNS; c++) {
		if (c == (int)top->sort)
			attron(A_REVERSE);
		printw("%*s", columns[c].width, columns[c].head);
		attroff(A_REVERSE);
		addch(' ');
	}
	if (COLS - getcurx(stdscr) > 12)
		addstr("IOPS");
	if (!top->rows)
		mvaddstr(4, 0, "No volume is attached: fvp volume attach begins.");
	if (top->selected < top->scrolled)
		top->scrolled = top->selected;
	if (top->selected >= top->scrolled + room)
		top->scrolled = top->selected - room + 1;
	for (unsigned int i = 0; i < room && top->scrolled + i < top->rows; i++)
		draw_row(top, top->scrolled + i, 4 + (int)i);
	mvaddstr(LINES - 1, 0,
		 "q quit  Enter details  arrows select, sort  r reverse  p pause  h help");
}

/* ---- one volume ---- */

static void draw_series(int y, const struct fvp_top_row *row, enum fvp_top_series series,
			const char *name)
{
	float now = row->history[0][series], largest;

	mvprintw(y, 0, "%-12s", name);
	if (now < 0)
		printw("%9s ", "-");
	else
		printw("%9.1f ", (double)now);
	largest = draw_history(row, series, COLS - 40);
	printw(" most %.1f", (double)largest);
}

static void draw_latencies(int y, const struct fvp_top *top, const struct fvp_top_row *row)
{
	mvprintw(y, 0, "%-14s %10s %9s %9s %9s %9s", "LATENCY (us)", "count", "mean", "p50", "p99",
		 "p99.9");
	for (int kind = 0; kind < FVP_SAMPLE_KINDS; kind++) {
		const struct fvp_histogram *h = &row->rates.latency[kind];

		if (kind == (int)top->kind)
			attron(A_REVERSE);
		mvprintw(y + 1 + kind, 0, "%-14s %10llu %9.1f %9.1f %9.1f %9.1f",
			 fvp_sample_kind_names[kind], (unsigned long long)h->count,
			 fvp_histogram_mean(h) / 1000, fvp_histogram_percentile(h, 0.5) / 1000,
			 fvp_histogram_percentile(h, 0.99) / 1000,
			 fvp_histogram_percentile(h, 0.999) / 1000);
		attroff(A_REVERSE);
	}
}

/* Since the volume was attached: a bar to each power of two. */
static void draw_histogram(int y, const struct fvp_top *top, const struct fvp_top_row *row)
{
	const struct fvp_histogram *h = &row->now.latency[top->kind];
	unsigned int first = FVP_LATENCY_BUCKETS, last = 0;
	uint64_t largest = 0;

	mvprintw(y++, 0, "%s since it was attached: %llu (Tab: the next)",
		 fvp_sample_kind_names[top->kind], (unsigned long long)h->count);
	for (unsigned int i = 0; i < FVP_LATENCY_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		first = i < first ? i : first;
		last = i;
		largest = h->bucket[i] > largest ? h->bucket[i] : largest;
	}
	for (unsigned int i = first; i <= last && y < LINES - 1 && largest; i++) {
		int width = (int)((double)h->bucket[i] / (double)largest * (COLS - 34) + 0.5);

		mvprintw(y++, 0, "%10.1f us %12llu ", (double)fvp_histogram_from_ns(i) / 1000,
			 (unsigned long long)h->bucket[i]);
		if (h->bucket[i] && width < 1)
			width = 1;
		while (width-- > 0)
			addstr(spark(1, 1));
	}
}

static void draw_details(const struct fvp_top *top)
{
	const struct fvp_top_row *row = &top->row[top->selected];
	const struct fvp_volume_sample *v = &row->now;

	mvprintw(0, 0, "%s: pool %s, %s, requested %s, effective %s%s%s%s%s", v->name, v->pool,
		 fvp_size_text(v->size_bytes), v->requested, v->effective,
		 v->draining ? ", draining" : "", v->origin_failing ? ", origin FAILING" : "",
		 v->lost_bytes ? ", data LOST" : "", top->paused ? "   PAUSED" : "");
	mvprintw(1, 0, "in flash %s, dirty %s, oldest %s, replicas %u of %u in",
		 fvp_size_text(v->live_bytes), fvp_size_text(v->dirty_bytes),
		 v->dirty_bytes ? fvp_time_text(v->dirty_age_ms) : "-", v->replicas_in,
		 v->replicas);
	draw_series(3, row, FVP_TOP_SERIES_READS, "reads/s");
	draw_series(4, row, FVP_TOP_SERIES_WRITES, "writes/s");
	draw_series(5, row, FVP_TOP_SERIES_HIT, "hit %");
	draw_series(6, row, FVP_TOP_SERIES_READ_P99, "read p99 us");
	draw_series(7, row, FVP_TOP_SERIES_WRITE_P99, "write p99 us");
	draw_series(8, row, FVP_TOP_SERIES_DIRTY, "dirty MiB");
	draw_latencies(10, top, row);
	draw_histogram(12 + FVP_SAMPLE_KINDS, top, row);
	mvaddstr(LINES - 1, 0, "q quit  Enter back  arrows other volume  Tab histogram  p pause");
}

static void draw_help(void)
{
	static const char *const lines[] = {
		"fvp top shows what every accelerated volume does, and changes nothing.",
		"",
		"  up, down, j, k, page up, page down, home, end   which volume",
		"  left, right, <, >   by which column the list is sorted",
		"  r   in the other order        p, space   pause",
		"  Enter   one volume: history, latencies, histogram (Tab: which)",
		"  Esc     back                  q   quit",
		"",
		"R50us, R99us   half of all reads, and 99 of 100, took no longer, as the VM sees "
		"it",
		"W50us, W99us   likewise writes, until they are acknowledged",
		"HIT%           of the sectors read, from flash",
		"DIRTYMIB       acknowledged, and not yet on the origin; ETAs: seconds until it is",
		"!              less than was asked for: fvp status says why",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		mvaddstr((int)i, 0, lines[i]);
	mvaddstr(LINES - 1, 0, "h back  q quit");
}

void fvp_top_draw(struct fvp_top *top)
{
	erase();
	if (top->help) {
		draw_help();
	} else if (top->details && top->rows) {
		draw_details(top);
	} else {
		draw_head(top);
		draw_list(top);
	}
	refresh();
}
