// SPDX-License-Identifier: GPL-2.0
/* fvpd: options, signals, the loop. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "fvp.h"
#include "fvpd.h"
#include "http.h"

#define LOCK_PATH "/run/fvpd.lock"

/* The tool's fvp_usage() ends with it. */
void fvp_usage_line(FILE *out)
{
	fputs("usage: fvpd [--config FILE] [--version] [--help]\n", out);
}

static int help(void)
{
	fvp_usage_line(stdout);
	puts("Watches the volumes of fvp: attaches again what another program has replaced the "
	     "table of,\n"
	     "and logs what is not as it was asked for.  Stays in the foreground.\n"
	     "  --config FILE  this file alone, instead of " FVP_CONFIG_PATH
	     " and " FVP_CONFIG_FOLDER "\n"
	     "Manual: fvpd(8), fvp.conf(5).");
	return FVP_OK;
}

/* Another one would attach what this one does.  The lock goes with the process. */
static int alone_check(struct fvpd *fvpd)
{
	fvpd->lock_fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fvpd->lock_fd < 0)
		return fvp_error(FVP_SYSTEM, "cannot open " LOCK_PATH ": %s", strerror(errno));
	if (!flock(fvpd->lock_fd, LOCK_EX | LOCK_NB))
		return FVP_OK;
	return fvp_error(FVP_REFUSED, "fvpd runs already: " LOCK_PATH " is locked");
}

static int on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct fvpd *fvpd = arg;

	fvpd_log(LOG_INFO, "ends: volumes go on as they are");
	sd_notify(false, "STOPPING=1");
	return sd_event_exit(fvpd->event, FVP_OK);
}

static void config_use(struct fvpd *fvpd, struct fvp_config *config)
{
	fvp_config_free(&fvpd->config);
	fvpd->config = *config;
	fvpd_log_level(fvpd->config.log_level);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct fvpd *fvpd = arg;
	struct fvp_config config;

	sd_notify(false, "RELOADING=1");
	if (fvp_config_load(fvpd->config_path, &config, NULL)) {
		fvpd_log(LOG_ERR,
			 "the configuration is wrong, see above: the old one stays in use. "
			 "Mend it, see what fvp check-config says, and reload again");
	} else {
		config_use(fvpd, &config);
		fvpd_http_configure(fvpd);
		fvpd_log(LOG_INFO, "the configuration has been read again");
	}
	sd_notify(false, "READY=1");
	fvpd_look_soon(fvpd, 0);
	return 0;
}

/* They are only taken by the loop. */
static int signals_begin(struct fvpd *fvpd)
{
	sigset_t mask;
	int err;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	err = sd_event_add_signal(fvpd->event, NULL, SIGTERM, on_end, fvpd);
	if (err >= 0)
		err = sd_event_add_signal(fvpd->event, NULL, SIGINT, on_end, fvpd);
	if (err >= 0)
		err = sd_event_add_signal(fvpd->event, NULL, SIGHUP, on_reload, fvpd);
	return err;
}

static int run(struct fvpd *fvpd)
{
	int err = sd_event_default(&fvpd->event);

	if (err >= 0)
		err = signals_begin(fvpd);
	if (err >= 0)
		err = fvpd_look_begin(fvpd);
	if (err < 0)
		return fvp_error(FVP_SYSTEM, "cannot make the event loop: %s", strerror(-err));
	fvpd_watch_begin(fvpd);
	fvpd_http_configure(fvpd);
	/* Does nothing where the unit asks for none. */
	sd_event_set_watchdog(fvpd->event, true);
	fvpd_log(LOG_INFO, "version " FVP_VERSION " watches");
	sd_notify(false, "READY=1");
	err = sd_event_loop(fvpd->event);
	fvpd_http_end();
	fvpd_watch_end();
	fvpd_look_end();
	sd_event_unref(fvpd->event);
	if (err < 0)
		return fvp_error(FVP_SYSTEM, "the event loop failed: %s", strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "config", required_argument, NULL, 'c' },
					       { "version", no_argument, NULL, 'v' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct fvpd fvpd = { 0 };
	struct fvp_config config;
	int c, ret;

	fvpd_log_begin();
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			fvpd.config_path = optarg;
			break;
		case 'v':
			puts("fvpd " FVP_VERSION);
			return FVP_OK;
		case 'h':
			return help();
		default:
			return fvp_usage("%s is no option of fvpd, or lacks its value",
					 argv[optind - 1]);
		}
	}
	if (optind != argc)
		return fvp_usage("it takes no names");
	if (geteuid() != 0)
		return fvp_error(FVP_SYSTEM, "only root may run fvpd");
	ret = fvp_config_load(fvpd.config_path, &config, NULL);
	if (ret)
		return ret;
	config_use(&fvpd, &config);
	ret = alone_check(&fvpd);
	if (!ret)
		ret = run(&fvpd);
	fvp_config_free(&fvpd.config);
	return ret;
}
