// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting: the kernel destages by itself, here its status is only looked at.  So a
 * wait may be given up at any time, and what is left never grows: new writes of a guest
 * count beyond the mark that is waited for.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fvp.h"
#include "report.h"
#include "wait.h"

#define POLL_MS 100
#define TTY_MS 500 /* between two updates of the line */
#define LOG_MS 5000 /* between two lines of a log */
#define STUCK_MS 30000 /* an error for so long, with nothing destaged */

static volatile sig_atomic_t interrupted;
static unsigned int holds; /* one within another */

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

bool fvp_interrupted(void)
{
	return interrupted;
}

static const int signals_held[] = { SIGINT, SIGTERM, SIGHUP };

void fvp_signals_hold(struct fvp_signals *signals)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (!holds++)
		interrupted = 0;
	for (int i = 0; i < 3; i++)
		sigaction(signals_held[i], &action, &signals->old[i]);
}

void fvp_signals_release(const struct fvp_signals *signals)
{
	holds--;
	for (int i = 0; i < 3; i++)
		sigaction(signals_held[i], &signals->old[i], NULL);
}

uint64_t fvp_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* What is looked at. */
struct progress {
	uint64_t out, left, rate, lost; /* sectors */
	bool failing, done;
};

static int look(const struct fvp_wait *wait, struct progress *p)
{
	struct fvp_dm_device dev;
	const char *status;
	char word[32];
	int ret = fvp_dm_read(wait->name, FVP_DM_STATUS, &dev);

	memset(p, 0, sizeof(*p));
	if (ret)
		return ret;
	/* Another table may have been swapped in. */
	status = dev.table.count == 1 ? dev.table.target[0].params : "";
	fvp_status_word(status, "dirty_out", word, sizeof(word));
	if (!word[0])
		ret = FVP_ABSENT;
	p->out = fvp_status_number(status, "dirty_out");
	p->rate = fvp_status_number(status, "destage_rate");
	p->lost = fvp_status_number(status, "lost_sectors");
	fvp_status_word(status, "origin", word, sizeof(word));
	p->failing = !strcmp(word, "failing");
	if (wait->until) {
		p->left = wait->until > p->out ? wait->until - p->out : 0;
		p->done = !p->left;
	} else {
		p->left = fvp_status_number(status, "dirty_sectors");
		p->done = !p->left && !fvp_status_number(status, "draining");
	}
	fvp_dm_free(&dev);
	return ret;
}

static void show(const struct fvp_wait *wait, const struct progress *p, uint64_t first_out,
		 uint64_t elapsed_ms, bool tty)
{
	/* Over the whole wait, once that says something: steadier than the kernel's. */
	uint64_t rate = elapsed_ms >= 2000 ? (p->out - first_out) * 1000 / elapsed_ms : p->rate;

	printf("%s%s: %s left", tty ? "\r" : "", wait->name, fvp_size_text(p->left * 512));
	if (p->failing)
		printf("; the origin fails writes, trying again");
	else if (rate)
		printf(", %s/s, about %s", fvp_size_text(rate * 512),
		       fvp_time_text(p->left * 1000 / rate));
	fputs(tty ? "\033[K" : "\n", stdout);
	fflush(stdout);
}

static int loop(struct fvp_wait *wait, bool tty)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	uint64_t start = fvp_now_ms(), shown = 0, moved = start, first_out = 0, last_out = 0;
	struct progress p;

	for (bool first = true;; first = false) {
		uint64_t now;
		int ret = look(wait, &p);

		now = fvp_now_ms();
		wait->lost = p.lost;
		wait->left_bytes = p.left * 512;
		wait->took_ms = now - start;
		/* Destaging waits for that, and may find more of the kind behind it. */
		if (!ret && p.lost && wait->forget_lost &&
		    !fvp_dm_message(wait->name, "forget-lost")) {
			p.lost = 0;
			p.done = false;
		}
		if (ret || p.done)
			return !ret && p.lost ? FVP_SYSTEM : ret;
		if (interrupted)
			return FVP_INTERRUPTED;
		if (first)
			first_out = last_out = p.out;
		/* An origin that is merely slow is waited for. */
		if (p.out != last_out || !(p.failing || p.lost))
			moved = now;
		last_out = p.out;
		if (now - moved >= STUCK_MS)
			return FVP_SYSTEM;
		if (first || now - shown >= (tty ? TTY_MS : LOG_MS)) {
			show(wait, &p, first_out, now - start, tty);
			shown = now;
		}
		nanosleep(&pause, NULL);
	}
}

int fvp_wait(struct fvp_wait *wait)
{
	bool tty = isatty(STDOUT_FILENO);
	struct fvp_signals signals;
	int ret;

	fvp_signals_hold(&signals);
	ret = loop(wait, tty);
	/* A second signal must not keep the caller from saying and undoing what it has to. */
	if (ret != FVP_INTERRUPTED)
		fvp_signals_release(&signals);
	if (tty) {
		printf("\r\033[K");
		fflush(stdout);
	}
	return ret;
}

int fvp_wait_nothing(struct fvp_wait *wait)
{
	struct progress p;
	int ret = look(wait, &p);

	wait->left_bytes = 0;
	wait->lost = p.lost;
	return !ret && p.lost ? FVP_SYSTEM : ret;
}

int fvp_wait_flush_begin(struct fvp_wait *wait, uint64_t *dirty_bytes)
{
	char *reply;
	int ret = FVP_OK;

	*dirty_bytes = 0;
	if (fvp_dm_ask(wait->name, "flush", &reply)) {
		ret = fvp_error(FVP_SYSTEM, "cannot flush %s: %s", wait->name, fvp_dm_why());
	} else {
		wait->until = fvp_status_number(reply, "until");
		*dirty_bytes = fvp_status_number(reply, "dirty") * 512;
	}
	free(reply);
	return ret;
}

int fvp_wait_explain(const struct fvp_wait *wait, int ret)
{
	switch (ret) {
	case FVP_INTERRUPTED:
		return fvp_error(ret,
				 "interrupted with %s left. It goes on in the kernel; fvp volume "
				 "show %s tells how far it is",
				 fvp_size_text(wait->left_bytes), wait->name);
	case FVP_SYSTEM:
		if (wait->lost && !wait->left_bytes)
			return fvp_error(ret,
					 "some of the acknowledged writes of %s are LOST: flash "
					 "does not give them back, and its origin lacks them. See "
					 "fvp volume forget %s",
					 wait->name, wait->name);
		if (wait->lost)
			return fvp_error(
				ret,
				"flash does not give back some of the writes of %s, and the "
				"%s behind them wait: see fvp volume forget %s",
				wait->name, fvp_size_text(wait->left_bytes), wait->name);
		return fvp_error(
			ret,
			"the origin of %s fails writes (dmesg has the errors): %s of "
			"acknowledged writes stay on flash, safe there. The kernel goes on "
			"trying",
			wait->name, fvp_size_text(wait->left_bytes));
	case FVP_ABSENT:
		return fvp_error(ret, "%s has gone meanwhile", wait->name);
	default:
		return ret;
	}
}
