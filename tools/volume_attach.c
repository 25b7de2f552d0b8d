// SPDX-License-Identifier: GPL-2.0
/* fvp volume attach: attach.c does it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "fvp.h"
#include "fvp_uapi.h"
#include "volume.h"

static int parse(int argc, char **argv, struct fvp_attach_request *request)
{
	static const struct option known[] = {
		{ "pool", required_argument, NULL, 'p' },
		{ "name", required_argument, NULL, 'n' },
		{ "mode", required_argument, NULL, 'm' },
		{ "uuid", required_argument, NULL, 'u' },
		{ "order", required_argument, NULL, 'o' },
		{ "replicas", required_argument, NULL, 'r' },
		{ "warm", no_argument, NULL, 'w' },
		{ "cold", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	uuid_t uuid;
	int c;

	request->mode = FVP_MODE_NAME_WRITE_THROUGH;
	request->order = FVP_ORDER_NAME_STRICT;
	while ((c = fvp_option(argc, argv, "p:n:m:", known)) != -1) {
		switch (c) {
		case 'p':
			request->pool = optarg;
			break;
		case 'n':
			request->name = optarg;
			break;
		case 'm':
			request->mode = optarg;
			break;
		case 'o':
			request->order = optarg;
			break;
		case 'r':
			request->replicas = optarg;
			break;
		case 'u':
			request->uuid = optarg;
			break;
		case 'w':
			request->warm = true;
			break;
		case 'c':
			request->cold = true;
			break;
		case 'j':
			request->json = true;
			break;
		default:
			return fvp_usage_option();
		}
	}
	if (argc - optind != 1)
		return fvp_usage("name one origin");
	if (request->warm && request->cold)
		return fvp_usage("--warm and --cold exclude each other");
	if (!fvp_mode_parse(request->mode))
		return fvp_usage("%s is no mode: " FVP_MODE_RULE, request->mode);
	if (!fvp_order_valid(request->order))
		return fvp_usage("%s is no order: " FVP_ORDER_RULE, request->order);
	if (request->name && !fvp_name_valid(request->name))
		return fvp_usage("%s: " FVP_NAME_RULE, request->name);
	if (request->uuid && uuid_parse(request->uuid, uuid))
		return fvp_usage("%s is not a uuid", request->uuid);
	return FVP_OK;
}

int fvp_volume_attach_verb(int argc, char **argv)
{
	struct fvp_attach_request request = { 0 };
	int ret = parse(argc, argv, &request);

	if (ret)
		return ret;
	request.origin = argv[optind];
	return fvp_attach(&request);
}
