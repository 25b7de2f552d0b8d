// SPDX-License-Identifier: GPL-2.0
/* fvp: the verbs and their help. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fvp.h"

const struct fvp_verb fvp_verbs[] = {
	{ "pool", "create", fvp_pool_create,
	  "NAME DEVICE... [--force] [--segment-size SIZE] [--dry-run] [--json]",
	  "Makes a pool of flash devices and activates it.  All that is on the devices is lost.\n"
	  "  --force              also if something is recognised on a device\n"
	  "  --segment-size SIZE  a power of two, 64K to 16M (default: 1M to 16M by device size)\n"
	  "  --dry-run            check all, say what would be done, write nothing\n" },
	{ "pool", "start", fvp_pool_start, "NAME DEVICE... [--json]",
	  "Activates a pool that exists.  All its flash devices must be named, and the replicas "
	  "that are\n"
	  "there, in any order.\n" },
	{ "pool", "stop", fvp_pool_stop, "NAME",
	  "Deactivates a pool that no volume uses.  Its content stays.\n" },
	{ "pool", "show", fvp_pool_show, "[NAME] [--json]", "Shows one pool, or all.\n" },
	{ "pool", "scrub", fvp_pool_scrub, "NAME [--rate MIB] [--no-wait|--stop] [--json]",
	  "Verifies the checksums of all that a pool's flash holds, while it goes on.  Damaged "
	  "cached\n"
	  "data is dropped (its origin has it), damaged writes that no origin has yet are written "
	  "anew\n"
	  "from a replica that has them, and reported if none has.\n"
	  "  --rate MIB  how much is read in a second, at most (default 128)\n"
	  "  --no-wait   begin, and do not wait for the end\n"
	  "  --stop      end the one that runs\n" },
	{ "pool", "destroy", fvp_pool_destroy, "NAME [--yes] [--accept-data-loss]",
	  "Deactivates a pool that no volume uses, and erases the superblocks of its devices\n"
	  "and of its replicas that are there.\n"
	  "  --yes               do not ask\n"
	  "  --accept-data-loss  also if it has acknowledged writes that no origin has\n" },
	{ "replica", "create", fvp_replica_create, "POOL DEVICE [--force] [--dry-run] [--json]",
	  "Makes a replica of a device and gives it to an active pool: a place for the dirty data "
	  "of\n"
	  "volumes, beside the pool's flash.  All that is on the device is lost.\n"
	  "  --force    also if something is recognised on it\n"
	  "  --dry-run  check all, say what would be done, write nothing\n" },
	{ "replica", "add", fvp_replica_add, "POOL DEVICE",
	  "Gives a replica back to its active pool, which was started without it, or lost the "
	  "device\n"
	  "that it was on.  A replica that only failed for a while comes back by itself.\n" },
	{ "replica", "remove", fvp_replica_remove, "POOL DEVICE|UUID",
	  "Takes a replica from its pool for good and erases its superblock.  No volume may want "
	  "it.\n" },
	{ "replica", "list", fvp_replica_list, "[POOL] [--json]",
	  "Shows the replicas of one pool, or of all: state, size, times it failed, and how long "
	  "it\n"
	  "takes to acknowledge.\n" },
	{ "volume", "attach", fvp_volume_attach_verb,
	  "ORIGIN [--pool POOL] [--name NAME] [--mode MODE] [--order ORDER] [--uuid UUID] "
	  "[--replicas N|all] [--warm|--cold] [--json]",
	  "Accelerates ORIGIN.  A device-mapper device (a logical volume) keeps its name and may "
	  "be\n"
	  "in use: its I/O is held for some milliseconds.  On top of any other block device,\n"
	  "/dev/mapper/NAME is made.\n"
	  "  --pool POOL  which pool, if there are several\n"
	  "  --name NAME  of the new device (default: fvp- and the device's name)\n"
	  "  --mode MODE  write-back, write-through (default), read-only-cache, pass-through\n"
	  "  --order ORDER  in which the origin gets what write-back acknowledged: strict "
	  "(default), "
	  "relaxed\n"
	  "  --uuid UUID  of the volume (default: made from the origin's own uuid or serial "
	  "number)\n"
	  "  --replicas N write dirty data to the pool's first N replicas too, and use write-back "
	  "only "
	  "while\n"
	  "               all of them are in sync (default: as it was before; see fvp volume "
	  "replicas)\n"
	  "  --warm       use content that an earlier attachment left: only if nobody has written "
	  "the\n"
	  "               origin since (default where fvp makes the device)\n"
	  "  --cold       forget such content (default for device-mapper devices)\n" },
	{ "volume", "detach", fvp_volume_detach_verb, "NAME [--keep] [--leave-dirty]",
	  "Ends acceleration.  A device-mapper device goes on with its old table, without a "
	  "break;\n"
	  "a device that fvp made must not be open, and is removed.  What write-back has\n"
	  "acknowledged is written to the origin first.\n"
	  "  --keep         keep the cached content for the next attach --warm\n"
	  "  --leave-dirty  leave what the origin lacks in the pool, where the next attach finds "
	  "it\n" },
	{ "volume", "mode", fvp_volume_mode, "NAME MODE [--wait]",
	  "Changes the mode: write-back, write-through, read-only-cache, pass-through.\n"
	  "  --wait  until it is in effect: leaving write-back takes until the origin has all\n" },
	{ "volume", "order", fvp_volume_order, "NAME ORDER",
	  "In which order the origin gets what write-back has acknowledged: strict (always a "
	  "state\n"
	  "that a power cut could have left) or relaxed (less to write, no such promise).\n" },
	{ "volume", "replicas", fvp_volume_replicas, "NAME [[--min N] all|none|DEVICE|UUID...]",
	  "Shows or sets to which replicas of its pool the dirty data of a volume also goes, "
	  "before a\n"
	  "write is acknowledged.  To set them takes until the origin has what is dirty now.\n"
	  "  --min N  write-back goes on while N of them are in sync (default: all that are "
	  "named)\n" },
	{ "volume", "flush", fvp_volume_flush_verb, "NAME [--wait]",
	  "Writes to the origin, as fast as it goes, all that has been acknowledged up to now.\n"
	  "  --wait  until it is there; may be interrupted\n" },
	{ "volume", "forget", fvp_volume_forget, "NAME [--accept-data-loss]",
	  "Shows acknowledged writes that are lost, or wait in a pool for an origin that is not\n"
	  "attached.  NAME may be a uuid.\n"
	  "  --accept-data-loss  give them up: the origin's own content counts again\n" },
	{ "volume", "show", fvp_volume_show, "[NAME] [--json]", "Shows one volume, or all.\n" },
	{ "host", "start", fvp_host_start, "[--wait SECONDS] [--cold]",
	  "Starts every pool that is found on this host, and attaches every volume that was "
	  "attached\n"
	  "when the host went down, as it was.  For the unit fvp.service.\n"
	  "  --wait SECONDS  how long devices may take to appear (default 0)\n"
	  "  --cold          another host may have written the origins meanwhile: forget what is "
	  "cached\n" },
	{ "host", "guard", fvp_host_guard, "",
	  "Fails if an origin may lack acknowledged writes that are on flash, and its volume is "
	  "not\n"
	  "attached: no virtual machine may start on it then.  Needs no module.  For the unit\n"
	  "fvp-guard.service.\n" },
	{ "host", "role", fvp_host_role, "DEVICE",
	  "Says what a block device is to fvp, and whether others are to be kept from it, in lines "
	  "that\n"
	  "udev imports.  For udev's rules.\n" },
	{ "host", "stop", fvp_host_stop, "[--drain SECONDS] [--hold]",
	  "Says how much is dirty before the host goes down.  Volumes stay attached.\n"
	  "  --drain SECONDS  flush first, for no longer than that (default 0: not at all)\n"
	  "  --hold           leave a process that keeps the volumes open, so that the shutdown "
	  "does\n"
	  "                   not detach them: only for a host that goes down\n" },
	{ NULL, "recover", fvp_recover,
	  "DEVICE... [--origin UUID=DEVICE]... [--dry-run] [--accept-data-loss] [--json]",
	  "Writes acknowledged writes that are on replicas (or on the flash of a pool that is not\n"
	  "active) to their origins, in order.  May be interrupted and repeated.  No module is\n"
	  "needed; nobody may use the origins.\n"
	  "  --origin UUID=DEVICE  where a volume's origin is, if it is not found by itself\n"
	  "  --dry-run             show what is there, write nothing\n"
	  "  --accept-data-loss    give up what a replica cannot give\n" },
	{ NULL, "status", fvp_status, "[--json]",
	  "Shows all pools and volumes, and whether the host can be rebooted.\n" },
	{ NULL, "stat", fvp_stat, "[INTERVAL [COUNT]] [--volume NAME]... [--json]",
	  "Prints what the volumes do, every INTERVAL seconds (1, once), COUNT times or until it "
	  "is\n"
	  "interrupted: rates, hit rate, latencies as the VM sees them and at the origin, dirty "
	  "data.\n"
	  "  --volume NAME  this volume only; again for others\n"
	  "  --json         one object a line, with all counters\n" },
	{ NULL, "top", fvp_top, "[--interval SECONDS]",
	  "Shows what the volumes do on a full screen, with history and histograms.  h shows the "
	  "keys.\n"
	  "  --interval SECONDS  between two looks (default 1)\n" },
	{ NULL, "doctor", fvp_doctor, "[--dirty-age SECONDS] [--json]",
	  "Says what is wrong on this host, why it matters, and what mends it.  Changes nothing.\n"
	  "Status 6 if there is anything.\n"
	  "  --dirty-age SECONDS  tell what has been dirty for longer (default 3600)\n" },
	{ NULL, "check-config", fvp_check_config, "[--file FILE]",
	  "Says what is wrong with the configuration of fvpd, and where.  Status 6 if there is "
	  "anything.\n"
	  "  --file FILE  of this file, instead of " FVP_CONFIG_PATH " and " FVP_CONFIG_FOLDER
	  "\n" },
	{ NULL, "completion", fvp_completion, "bash|words [WORD...]",
	  "bash: prints what makes bash complete command lines of fvp.  words: what may be meant "
	  "by "
	  "the\n"
	  "last of these words of one, a line each; needs root for names of pools and volumes.\n" },
	{ 0 },
};

static const struct fvp_verb *current;

static void print_usage(FILE *out, const struct fvp_verb *verb)
{
	fprintf(out, "usage: fvp %s%s%s %s\n", verb->noun ? verb->noun : "", verb->noun ? " " : "",
		verb->name, verb->arguments);
}

int fvp_help(void)
{
	print_usage(stdout, current);
	fputs(current->help, stdout);
	return FVP_OK;
}

void fvp_usage_line(FILE *out)
{
	print_usage(out, current);
}

const char *fvp_verb_words(void)
{
	static char words[64];

	snprintf(words, sizeof(words), "%s%s%s", current->noun ? current->noun : "",
		 current->noun ? " " : "", current->name);
	return words;
}

static int overview(FILE *out, int code)
{
	fputs("fvp accelerates block devices with flash.\n\n", out);
	for (const struct fvp_verb *verb = fvp_verbs; verb->name; verb++)
		fprintf(out, "  fvp %s%s%s %s\n", verb->noun ? verb->noun : "",
			verb->noun ? " " : "", verb->name, verb->arguments);
	fputs("\nEach takes --help.  fvp --version.  Manual: fvp(8).\n", out);
	return code;
}

const struct fvp_verb *fvp_verb_find(const char *noun, const char *name)
{
	for (const struct fvp_verb *verb = fvp_verbs; verb->name; verb++)
		if (!strcmp(verb->name, name) && !verb->noun == !noun &&
		    (!noun || !strcmp(verb->noun, noun)))
			return verb;
	return NULL;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--"))
			return false;
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	int words = 1;

	if (argc < 2)
		return overview(stderr, FVP_USAGE);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return overview(stdout, FVP_OK);
	if (!strcmp(argv[1], "--version")) {
		puts("fvp " FVP_VERSION);
		return FVP_OK;
	}
	current = fvp_verb_find(NULL, argv[1]);
	if (!current && argc > 2) {
		current = fvp_verb_find(argv[1], argv[2]);
		words = 2;
	}
	if (!current) {
		if (argc > 2 && wants_help(argc, argv))
			return overview(stdout, FVP_OK);
		fvp_error(FVP_USAGE, "unknown command: %s%s%s", argv[1], argc > 2 ? " " : "",
			  argc > 2 ? argv[2] : "");
		return overview(stderr, FVP_USAGE);
	}
	if (wants_help(argc - words, argv + words))
		return fvp_help();
	if (geteuid() != 0 && current->run != fvp_completion)
		return fvp_error(FVP_SYSTEM, "only root may do this. Try: sudo fvp %s ...",
				 fvp_verb_words());
	return current->run(argc - words, argv + words);
}
