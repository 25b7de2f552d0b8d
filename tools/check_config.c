// SPDX-License-Identifier: GPL-2.0
/* fvp check-config: would fvpd take its configuration? */
#include <getopt.h>
#include <stdio.h>

#include "config.h"
#include "fvp.h"

int fvp_check_config(int argc, char **argv)
{
	static const struct option known[] = { { "file", required_argument, NULL, 'f' }, { 0 } };
	struct fvp_config config;
	const char *path = NULL;
	unsigned int files;
	int c, ret;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c != 'f')
			return fvp_usage_option();
		path = optarg;
	}
	if (optind != argc)
		return fvp_usage("it takes no names: a file is named with --file");
	ret = fvp_config_load(path, &config, &files);
	if (ret)
		return ret;
	fvp_config_free(&config);
	if (path)
		printf("%s is right\n", path);
	else if (!files)
		puts("there is no configuration: all is as fvp.conf(5) says it is by default");
	else
		printf("all %u files of the configuration are right\n", files);
	return FVP_OK;
}
