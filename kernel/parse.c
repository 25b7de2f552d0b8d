// SPDX-License-Identifier: GPL-2.0
/* See parse.h. */
#include <linux/ctype.h>
#include <linux/kstrtox.h>

#include "parse.h"

static const char *const mode_names[] = {
	[FVP_MODE_PASS_THROUGH] = FVP_MODE_NAME_PASS_THROUGH,
	[FVP_MODE_READ_ONLY_CACHE] = FVP_MODE_NAME_READ_ONLY_CACHE,
	[FVP_MODE_WRITE_THROUGH] = FVP_MODE_NAME_WRITE_THROUGH,
	[FVP_MODE_WRITE_BACK] = FVP_MODE_NAME_WRITE_BACK,
};

enum fvp_mode fvp_parse_mode(const char *text)
{
	u32 i;

	for (i = 1; i < ARRAY_SIZE(mode_names); i++)
		if (!strcmp(text, mode_names[i]))
			return i;
	return 0;
}

const char *fvp_mode_name(enum fvp_mode mode)
{
	return mode < ARRAY_SIZE(mode_names) && mode_names[mode] ? mode_names[mode] : "unknown";
}

int fvp_parse_order(const char *text, enum fvp_order *order)
{
	if (!strcmp(text, FVP_ORDER_NAME_STRICT))
		*order = FVP_ORDER_STRICT;
	else if (!strcmp(text, FVP_ORDER_NAME_RELAXED))
		*order = FVP_ORDER_RELAXED;
	else
		return -EINVAL;
	return 0;
}

const char *fvp_order_name(enum fvp_order order)
{
	return order == FVP_ORDER_RELAXED ? FVP_ORDER_NAME_RELAXED : FVP_ORDER_NAME_STRICT;
}

int fvp_parse_uuid(const char *text, uuid_t *uuid)
{
	if (strlen(text) != UUID_STRING_LEN)
		return -EINVAL;
	return uuid_parse(text, uuid);
}

/* --- table lines --- */

int fvp_parse_pool_line(unsigned int argc, char **argv, struct fvp_pool_line *line, char **error)
{
	unsigned int count, replicas = 0, i;

	if (argc < 3 || kstrtouint(argv[1], 10, &count) || !count || count > argc - 2 ||
	    (count < argc - 2 &&
	     (kstrtouint(argv[2 + count], 10, &replicas) || replicas != argc - 3 - count))) {
		*error = "Wants: <pool uuid> <n> <flash device>{n} [<m> replica=<device>{m}]";
		return -EINVAL;
	}
	if (count > FVP_DEVICES_MAX) {
		*error = "Too many flash devices";
		return -EINVAL;
	}
	if (replicas > FVP_LEGS_MAX) {
		*error = "Too many replicas";
		return -EINVAL;
	}
	if (fvp_parse_uuid(argv[0], &line->uuid)) {
		*error = "Not a uuid";
		return -EINVAL;
	}
	line->flash_count = count;
	line->flash = argv + 2;
	line->replica_count = replicas;
	line->replica = replicas ? argv + 3 + count : NULL;
	for (i = 0; i < replicas; i++) {
		if (strncmp(line->replica[i], FVP_OPTION_REPLICA, strlen(FVP_OPTION_REPLICA))) {
			pr_err("pool: unknown option '%s': replica=<device> is known\n",
			       line->replica[i]);
			*error = "Unknown option";
			return -EINVAL;
		}
	}
	return 0;
}

static int parse_name(const char *name, struct fvp_volume_line *line, char **error)
{
	const char *c;

	for (c = name; *c; c++) {
		if (!(isascii(*c) && isalnum(*c)) && !strchr("._+:@-", *c)) {
			*error = "name= takes letters, digits and ._+:@-";
			return -EINVAL;
		}
	}
	if (strscpy(line->name, name, sizeof(line->name)) <= 0) {
		*error = "name= is empty or longer than 63 characters";
		return -EINVAL;
	}
	return 0;
}

static int parse_options(unsigned int argc, char **argv, struct fvp_volume_line *line, char **error)
{
	unsigned int count, i;
	int err;

	if (!argc)
		return 0;
	if (kstrtouint(argv[0], 10, &count) || count != argc - 1) {
		*error = "Number of options is wrong";
		return -EINVAL;
	}
	for (i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "name=", 5)) {
			err = parse_name(argv[i] + 5, line, error);
			if (err)
				return err;
		} else if (!strncmp(argv[i], "order=", 6)) {
			if (fvp_parse_order(argv[i] + 6, &line->order)) {
				*error = "order= takes strict or relaxed";
				return -EINVAL;
			}
		} else {
			pr_err("volume: unknown option '%s': name= and order= are known\n",
			       argv[i]);
			*error = "Unknown option";
			return -EINVAL;
		}
	}
	return 0;
}

int fvp_parse_volume_line(unsigned int argc, char **argv, struct fvp_volume_line *line,
			  char **error)
{
	if (argc < 4) {
		*error = "Wants: <pool device> <origin> <volume uuid> <mode> [<n> <option>{n}]";
		return -EINVAL;
	}
	memset(line, 0, sizeof(*line));
	line->pool = argv[0];
	line->origin = argv[1];
	if (fvp_parse_uuid(argv[2], &line->uuid)) {
		*error = "Not a uuid";
		return -EINVAL;
	}
	line->mode = fvp_parse_mode(argv[3]);
	if (!line->mode) {
		*error = "Unknown mode";
		return -EINVAL;
	}
	return parse_options(argc - 4, argv + 4, line, error);
}

/* --- messages --- */

int fvp_parse_pool_message(const uuid_t *pool, unsigned int argc, char **argv,
			   struct fvp_pool_message *msg)
{
	if (argc == 1 && !strcmp(argv[0], "wait-loaded")) {
		msg->kind = FVP_MSG_WAIT_LOADED;
		return 0;
	}
	if (argc == 2 && !strcmp(argv[0], "replica-remove")) {
		msg->kind = FVP_MSG_REPLICA_REMOVE;
		if (!fvp_parse_uuid(argv[1], &msg->uuid))
			return 0;
		pr_err("pool %pUb: '%s' is not a uuid\n", pool, argv[1]);
		return -EINVAL;
	}
	if ((argc == 1 || argc == 2) && !strcmp(argv[0], "scrub")) {
		msg->kind = FVP_MSG_SCRUB;
		msg->rate_mib = 0;
		if (argc == 1 || (!kstrtouint(argv[1], 10, &msg->rate_mib) && msg->rate_mib &&
				  msg->rate_mib <= FVP_SCRUB_MIB_MAX))
			return 0;
		pr_err("pool %pUb: scrub takes 1 to %u MiB a second, not '%s'\n", pool,
		       FVP_SCRUB_MIB_MAX, argv[1]);
		return -EINVAL;
	}
	if (argc == 1 && !strcmp(argv[0], "scrub-stop")) {
		msg->kind = FVP_MSG_SCRUB_STOP;
		return 0;
	}
	if (argc == 1 && !strcmp(argv[0], "latency")) {
		msg->kind = FVP_MSG_POOL_LATENCY;
		return 0;
	}
	pr_err("pool: unknown message '%s': wait-loaded, replica-remove <uuid>, scrub [<MiB>], "
	       "scrub-stop and latency are known\n",
	       argv[0]);
	return -EINVAL;
}

/* Those of one word. */
static const char *const plain_messages[] = {
	[FVP_MSG_FLUSH] = "flush",
	[FVP_MSG_LOST] = "lost",
	[FVP_MSG_FORGET_LOST] = "forget-lost",
	[FVP_MSG_KEEP] = "keep",
	[FVP_MSG_FORGET] = "forget",
	[FVP_MSG_DROP] = "drop",
	[FVP_MSG_LATENCY] = "latency",
};

static bool parse_plain(const char *text, struct fvp_volume_message *msg)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(plain_messages); i++) {
		if (plain_messages[i] && !strcmp(text, plain_messages[i])) {
			msg->kind = i;
			return true;
		}
	}
	return false;
}

static int parse_replicas(const uuid_t *volume, unsigned int argc, char **argv,
			  struct fvp_volume_message *msg)
{
	unsigned int min;

	if (kstrtouint(argv[0], 10, &min) || min > FVP_VOLUME_LEGS_MAX) {
		pr_err("volume %pUb: wants: replicas <min> [<uuid>...]\n", volume);
		return -EINVAL;
	}
	msg->kind = FVP_MSG_REPLICAS;
	msg->replicas_min = (u8)min;
	msg->replica_count = argc - 1;
	msg->replica = argv + 1;
	return 0;
}

int fvp_parse_volume_message(const uuid_t *volume, unsigned int argc, char **argv,
			     struct fvp_volume_message *msg)
{
	if (argc == 2 && !strcmp(argv[0], "mode")) {
		msg->kind = FVP_MSG_MODE;
		msg->mode = fvp_parse_mode(argv[1]);
		if (msg->mode)
			return 0;
		pr_err("volume %pUb: unknown mode '%s'\n", volume, argv[1]);
		return -EINVAL;
	}
	if (argc == 2 && !strcmp(argv[0], "order")) {
		msg->kind = FVP_MSG_ORDER;
		if (!fvp_parse_order(argv[1], &msg->order))
			return 0;
		pr_err("volume %pUb: unknown order '%s': strict and relaxed are known\n", volume,
		       argv[1]);
		return -EINVAL;
	}
	if (argc >= 2 && !strcmp(argv[0], "replicas"))
		return parse_replicas(volume, argc - 1, argv + 1, msg);
	if (argc == 1 && parse_plain(argv[0], msg))
		return 0;
	pr_err("volume %pUb: unknown message '%s': mode <mode>, order <order>, "
	       "replicas <min> [<uuid>...], flush, lost, forget-lost, keep, forget, "
	       "drop and latency are known\n",
	       volume, argv[0]);
	return -EINVAL;
}
