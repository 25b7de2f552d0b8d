// SPDX-License-Identifier: GPL-2.0
/* fvp top: the volumes on a full screen.  It only reads. */
#include <curses.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fvp.h"
#include "top.h"

#define INTERVAL_MAX 60
#define KEY_ESCAPE 27

double fvp_top_value(const struct fvp_top_row *row, enum fvp_top_column column)
{
	const struct fvp_rates *r = &row->rates;
	const struct fvp_histogram *write = &r->latency[FVP_SAMPLE_WRITE];

	switch (column) {
	case FVP_TOP_READS:
		return r->reads;
	case FVP_TOP_WRITES:
		return r->writes;
	case FVP_TOP_READ_MIB:
		return r->read_bytes / 1048576;
	case FVP_TOP_WRITE_MIB:
		return r->write_bytes / 1048576;
	case FVP_TOP_HIT:
		return r->hit_percent;
	case FVP_TOP_READ_P50:
		return r->read.count ? fvp_histogram_percentile(&r->read, 0.5) / 1000 : -1;
	case FVP_TOP_READ_P99:
		return r->read.count ? fvp_histogram_percentile(&r->read, 0.99) / 1000 : -1;
	case FVP_TOP_WRITE_P50:
		return write->count ? fvp_histogram_percentile(write, 0.5) / 1000 : -1;
	case FVP_TOP_WRITE_P99:
		return write->count ? fvp_histogram_percentile(write, 0.99) / 1000 : -1;
	case FVP_TOP_DIRTY:
		return (double)row->now.dirty_bytes / 1048576;
	case FVP_TOP_ETA:
		return row->now.dirty_bytes ? r->drain_s : -1;
	default:
		return 0;
	}
}

/* ---- samples ---- */

static const struct fvp_top *sorting;

static int compare(const void *a, const void *b)
{
	const struct fvp_top_row *x = a, *y = b;
	int order = 0;

	if (sorting->sort == FVP_TOP_MODE) {
		order = strcmp(x->now.effective, y->now.effective);
	} else if (sorting->sort != FVP_TOP_NAME) {
		double vx = fvp_top_value(x, sorting->sort), vy = fvp_top_value(y, sorting->sort);

		/* The largest first. */
		order = vx < vy ? 1 : vx > vy ? -1 : 0;
	}
	if (sorting->reverse)
		order = -order;
	return order ? order
		     : (sorting->sort == FVP_TOP_NAME && sorting->reverse ? -1 : 1) *
			       strcmp(x->now.name, y->now.name);
}

/* The cursor stays on the volume that it is on. */
static void sort(struct fvp_top *top)
{
	char name[FVP_DM_NAME_BYTES] = "";

	if (!top->rows)
		return;
	if (top->begun)
		strcpy(name, top->row[top->selected].now.name);
	sorting = top;
	qsort(top->row, top->rows, sizeof(*top->row), compare);
	for (unsigned int i = 0; i < top->rows && name[0]; i++)
		if (!strcmp(top->row[i].now.name, name))
			top->selected = i;
}

static void note_history(struct fvp_top_row *row)
{
	float *newest = row->history[0];

	memmove(row->history[1], row->history[0], sizeof(row->history) - sizeof(row->history[0]));
	newest[FVP_TOP_SERIES_READS] = (float)row->rates.reads;
	newest[FVP_TOP_SERIES_WRITES] = (float)row->rates.writes;
	newest[FVP_TOP_IOPS] = (float)(row->rates.reads + row->rates.writes);
	newest[FVP_TOP_SERIES_HIT] = (float)row->rates.hit_percent;
	newest[FVP_TOP_SERIES_READ_P99] = (float)fvp_top_value(row, FVP_TOP_READ_P99);
	newest[FVP_TOP_SERIES_WRITE_P99] = (float)fvp_top_value(row, FVP_TOP_WRITE_P99);
	newest[FVP_TOP_SERIES_DIRTY] = (float)((double)row->now.dirty_bytes / 1048576);
}

static const struct fvp_top_row *row_of(const struct fvp_top *top, const char *name)
{
	for (unsigned int i = 0; i < top->rows; i++)
		if (!strcmp(top->row[i].now.name, name))
			return &top->row[i];
	return NULL;
}

static int sample(struct fvp_top *top)
{
	char selected[FVP_DM_NAME_BYTES] = "";
	struct fvp_sample before = top->sample;
	struct fvp_top_row *rows;
	double seconds;
	int ret = fvp_sample_load(&top->sample);

	if (ret) {
		top->sample = before;
		return ret;
	}
	seconds = (double)(top->sample.at_ns - before.at_ns) / 1e9;
	rows = calloc(top->sample.volumes + 1, sizeof(*rows));
	if (!rows)
		abort();
	if (top->rows)
		strcpy(selected, top->row[top->selected].now.name);
	for (unsigned int i = 0; i < top->sample.volumes; i++) {
		const struct fvp_volume_sample *v = &top->sample.volume[i];
		const struct fvp_volume_sample *was = fvp_sample_volume(&before, v->name);
		const struct fvp_top_row *old = row_of(top, v->name);

		rows[i].now = *v;
		for (unsigned int j = 0; j < FVP_TOP_HISTORY; j++)
			for (unsigned int k = 0; k < FVP_TOP_SERIES; k++)
				rows[i].history[j][k] = old ? old->history[j][k] : -1;
		/* Of one that was not there the last time nothing is known yet. */
		if (!was)
			continue;
		fvp_rates_between(was, v, seconds, &rows[i].rates);
		note_history(&rows[i]);
	}
	free(top->row);
	top->row = rows;
	top->rows = top->sample.volumes;
	if (top->selected >= top->rows)
		top->selected = top->rows ? top->rows - 1 : 0;
	for (unsigned int i = 0; i < top->rows && selected[0]; i++)
		if (!strcmp(rows[i].now.name, selected))
			top->selected = i;
	fvp_sample_free(&before);
	sort(top);
	top->begun = true;
	return FVP_OK;
}

/* ---- keys ---- */

static void move_cursor(struct fvp_top *top, int by)
{
	int to = (int)top->selected + by;

	if (to >= (int)top->rows)
		to = (int)top->rows - 1;
	top->selected = to > 0 ? (unsigned int)to : 0;
}

/* False: that was the last one. */
static bool key(struct fvp_top *top, int c)
{
	switch (c) {
	case 'q':
	case 'Q':
		return false;
	case KEY_ESCAPE:
	case KEY_BACKSPACE:
		top->details = top->help = false;
		break;
	case 'h':
	case '?':
		top->help = !top->help;
		break;
	case 'p':
	case ' ':
		top->paused = !top->paused;
		break;
	case KEY_UP:
	case 'k':
		move_cursor(top, -1);
		break;
	case KEY_DOWN:
	case 'j':
		move_cursor(top, 1);
		break;
	case KEY_PPAGE:
		move_cursor(top, -(LINES - 6));
		break;
	case KEY_NPAGE:
		move_cursor(top, LINES - 6);
		break;
	case KEY_HOME:
		top->selected = 0;
		break;
	case KEY_END:
		move_cursor(top, (int)top->rows);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		top->details = !top->details && top->rows;
		break;
	case '\t':
		top->kind = (top->kind + 1) % FVP_SAMPLE_KINDS;
		break;
	case KEY_LEFT:
	case '<':
		top->sort = (top->sort + FVP_TOP_COLUMNS - 1) % FVP_TOP_COLUMNS;
		sort(top);
		break;
	case KEY_RIGHT:
	case '>':
		top->sort = (top->sort + 1) % FVP_TOP_COLUMNS;
		sort(top);
		break;
	case 'r':
		top->reverse = !top->reverse;
		sort(top);
		break;
	default:
		break;
	}
	return true;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int loop(struct fvp_top *top)
{
	int64_t due_ms = now_ms() + 1000 * (int64_t)top->interval;
	int ret = FVP_OK, c;

	for (;;) {
		int64_t left = due_ms - now_ms();

		if (left <= 0) {
			if (!top->paused)
				ret = sample(top);
			if (ret)
				return ret;
			due_ms = now_ms() + 1000 * (int64_t)top->interval;
			continue;
		}
		fvp_top_draw(top);
		timeout((int)left);
		c = getch();
		if (c != ERR && !key(top, c))
			return FVP_OK;
		/* The terminal is gone. */
		if (c == ERR && !isatty(STDIN_FILENO))
			return FVP_OK;
	}
}

int fvp_top(int argc, char **argv)
{
	static const struct option known[] = { { "interval", required_argument, NULL, 'i' },
					       { 0 } };
	struct fvp_top top = { .interval = 1, .sort = FVP_TOP_READS };
	SCREEN *screen;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c != 'i')
			return fvp_usage_option();
		if (!fvp_number_parse(optarg, INTERVAL_MAX, &top.interval) || !top.interval)
			return fvp_usage("an interval is 1 to %u seconds", INTERVAL_MAX);
	}
	if (argc > optind)
		return fvp_usage("top takes no names");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fvp_error(FVP_USAGE, "top needs a terminal. fvp stat prints what it shows");
	ret = sample(&top);
	if (ret)
		return ret;
	setlocale(LC_ALL, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		fvp_sample_free(&top.sample);
		free(top.row);
		return fvp_error(FVP_USAGE,
				 "the terminal type '%s' is not known: set TERM, for "
				 "example to xterm",
				 getenv("TERM") ? getenv("TERM") : "");
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_YELLOW, -1);
	}
	ret = loop(&top);
	endwin();
	delscreen(screen);
	fvp_sample_free(&top.sample);
	free(top.row);
	return ret;
}
