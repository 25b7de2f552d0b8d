/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an administrator may set for fvpd: /etc/fvp/fvp.conf and /etc/fvp/conf.d, as
 * fvp.conf(5) has it.  Strict: what is not understood is an error with its file, line and
 * remedy, and nothing of it takes effect.
 */
#ifndef FVP_TOOL_CONFIG_H
#define FVP_TOOL_CONFIG_H

#include <stdbool.h>

#define FVP_CONFIG_PATH "/etc/fvp/fvp.conf"
#define FVP_CONFIG_FOLDER "/etc/fvp/conf.d"

struct fvp_config {
	/* [daemon] */
	unsigned int check_interval_s;
	int log_level; /* LOG_ERR to LOG_DEBUG: what is less urgent is not logged */
	/* [reattach] */
	bool reattach;
	char *exclude; /* patterns, a blank between; owned */
	unsigned int delay_s; /* of quiet, before a device is touched */
	unsigned int retry_first_s, retry_max_s;
	/* [report] */
	unsigned int dirty_age_s; /* 0: never too old */
	/* [http] */
	char *listen; /* as fvp_listen_parse() takes it; owned */
	char *token_file; /* "" if there is none; owned */
};

/*
 * Reads the file (NULL: the usual one, and those of the usual folder, none of which need be
 * there); what it does not set has its default.  *files: how many were read, may be NULL.
 * Prints every error.  FVP_OK; FVP_FOUND: something is wrong with it; FVP_ABSENT: no such file;
 * FVP_SYSTEM: it cannot be read.  Only after FVP_OK there is something in *config, to be freed
 * with fvp_config_free().
 */
int fvp_config_load(const char *path, struct fvp_config *config, unsigned int *files);
void fvp_config_free(struct fvp_config *config);

/* A pattern of exclude matches one of the two. */
bool fvp_config_excludes(const struct fvp_config *config, const char *name, const char *uuid);

#endif /* FVP_TOOL_CONFIG_H */
