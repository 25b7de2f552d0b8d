// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration: see config.h.  A file has sections, and in them lines `key = value`; each
 * of them at most once.  A later file of the folder overrides an earlier one.  All errors of
 * all files are told, not just the first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "config.h"
#include "device.h"
#include "fvp.h"
#include "listen.h"

#define FILE_BYTES_MAX 65536
#define BLANKS " \t\r"

enum kind { NUMBER, SWITCH, LEVEL, PATTERNS, LISTEN, PATH };

static const struct setting {
	const char *section, *key;
	enum kind kind;
	size_t offset; /* in struct fvp_config */
	unsigned int min, max; /* of a number */
	const char *preset;
} settings[] = {
	{ "daemon", "check_interval", NUMBER, offsetof(struct fvp_config, check_interval_s), 1,
	  3600, "30" },
	{ "daemon", "log_level", LEVEL, offsetof(struct fvp_config, log_level), 0, 0, "info" },
	{ "reattach", "enabled", SWITCH, offsetof(struct fvp_config, reattach), 0, 0, "yes" },
	{ "reattach", "exclude", PATTERNS, offsetof(struct fvp_config, exclude), 0, 0, "" },
	{ "reattach", "delay", NUMBER, offsetof(struct fvp_config, delay_s), 0, 600, "2" },
	{ "reattach", "retry_first", NUMBER, offsetof(struct fvp_config, retry_first_s), 1, 3600,
	  "5" },
	{ "reattach", "retry_max", NUMBER, offsetof(struct fvp_config, retry_max_s), 1, 86400,
	  "300" },
	{ "report", "dirty_age", NUMBER, offsetof(struct fvp_config, dirty_age_s), 0, 31536000,
	  "3600" },
	{ "http", "listen", LISTEN, offsetof(struct fvp_config, listen), 0, 0, "127.0.0.1:9477" },
	{ "http", "token_file", PATH, offsetof(struct fvp_config, token_file), 0, 0, "" },
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
#define SECTIONS_TEXT "daemon, reattach, report and http"

static const struct {
	const char *name;
	int level;
} levels[] = { { "error", LOG_ERR },
	       { "warning", LOG_WARNING },
	       { "notice", LOG_NOTICE },
	       { "info", LOG_INFO },
	       { "debug", LOG_DEBUG } };
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

/* One file, while it is read. */
struct reader {
	struct fvp_config *config;
	const char *path;
	unsigned int line;
	const char *section; /* the one that the line is in; NULL: none, or an unknown one */
	bool skips; /* the section is wrong, and that has been said */
	unsigned int at[SETTINGS]; /* lines of this file; 0: not in it */
	unsigned int section_at[SETTINGS]; /* by the first of its settings */
	unsigned int errors;
	/* Where retry_first and retry_max come from, over all files: they have to fit. */
	char retry_place[FVP_PATH_BYTES + 16];
};

#define WRONG(reader, format, ...)                                                                 \
	((reader)->errors++,                                                                       \
	 fvp_error(FVP_FOUND, "%s:%u: " format, (reader)->path, (reader)->line, ##__VA_ARGS__))

/* ---- values ---- */

static bool switch_parse(const char *text, bool *on)
{
	*on = !strcmp(text, "yes");
	return *on || !strcmp(text, "no");
}

static bool level_parse(const char *text, int *level)
{
	for (size_t i = 0; i < LEVELS; i++)
		if (!strcmp(text, levels[i].name)) {
			*level = levels[i].level;
			return true;
		}
	return false;
}

static void text_set(char **field, const char *text)
{
	free(*field);
	*field = strdup(text);
	if (!*field)
		abort();
}

static void value_set(struct reader *reader, const struct setting *setting, const char *value)
{
	void *field = (char *)reader->config + setting->offset;
	struct fvp_listen listen;
	unsigned int number;

	switch (setting->kind) {
	case NUMBER:
		if (fvp_number_parse(value, setting->max, &number) && number >= setting->min)
			*(unsigned int *)field = number;
		else
			WRONG(reader,
			      "%s takes a number of seconds from %u to %u and nothing else, not "
			      "'%s'",
			      setting->key, setting->min, setting->max, value);
		break;
	case SWITCH:
		if (!switch_parse(value, field))
			WRONG(reader, "%s takes yes or no, not '%s'", setting->key, value);
		break;
	case LEVEL:
		if (!level_parse(value, field))
			WRONG(reader, "%s takes error, warning, notice, info or debug, not '%s'",
			      setting->key, value);
		break;
	case LISTEN:
		if (fvp_listen_parse(value, &listen))
			text_set(field, value);
		else
			WRONG(reader,
			      "%s takes none, unix:/PATH, ADDRESS:PORT or [ADDRESS]:PORT, not '%s'",
			      setting->key, value);
		break;
	case PATH:
		if (!value[0] || value[0] == '/')
			text_set(field, value);
		else
			WRONG(reader, "%s takes a path that begins with /, not '%s'", setting->key,
			      value);
		break;
	case PATTERNS:
		text_set(field, value);
		break;
	}
}

/* ---- lines ---- */

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* "a, b, c" of the keys of a section. */
static const char *keys_of(const char *section)
{
	static char text[256];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < SETTINGS; i++)
		if (!strcmp(settings[i].section, section))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "", settings[i].key);
	return text;
}

static void section_begin(struct reader *reader, char *text)
{
	char *end = strchr(text, ']');
	const char *name;

	reader->section = NULL;
	reader->skips = true;
	if (!end || end[1]) {
		WRONG(reader, "%s is no section: write [name] on a line of its own", text);
		return;
	}
	*end = '\0';
	name = trim(text + 1);
	for (size_t i = 0; i < SETTINGS; i++) {
		if (strcmp(settings[i].section, name))
			continue;
		reader->section = settings[i].section;
		reader->skips = false;
		if (reader->section_at[i])
			WRONG(reader, "[%s] begins in line %u already: put the two together", name,
			      reader->section_at[i]);
		else
			reader->section_at[i] = reader->line;
		return;
	}
	WRONG(reader, "unknown section [%s]: there are " SECTIONS_TEXT, name);
}

static void setting_read(struct reader *reader, char *text)
{
	char *equals = strchr(text, '=');
	const char *key, *value;

	if (!equals) {
		WRONG(reader,
		      "'%s' is neither a setting nor a section: write key = value, [section], or # "
		      "before a comment",
		      text);
		return;
	}
	*equals = '\0';
	key = trim(text);
	value = trim(equals + 1);
	if (reader->skips)
		return;
	if (!reader->section) {
		WRONG(reader, "%s stands before any section: there are " SECTIONS_TEXT, key);
		return;
	}
	for (size_t i = 0; i < SETTINGS; i++) {
		if (strcmp(settings[i].section, reader->section) || strcmp(settings[i].key, key))
			continue;
		if (reader->at[i]) {
			WRONG(reader, "%s is set in line %u already: remove one of the two", key,
			      reader->at[i]);
			return;
		}
		reader->at[i] = reader->line;
		if (!strncmp(key, "retry_", 6))
			snprintf(reader->retry_place, sizeof(reader->retry_place), "%s:%u",
				 reader->path, reader->line);
		value_set(reader, &settings[i], value);
		return;
	}
	WRONG(reader, "unknown key %s in [%s]: it has %s", key, reader->section,
	      keys_of(reader->section));
}

static void lines_read(struct reader *reader, char *text)
{
	char *next;

	for (; text; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		reader->line++;
		text = trim(text);
		if (text[0] == '[')
			section_begin(reader, text);
		else if (text[0] && text[0] != '#' && text[0] != ';')
			setting_read(reader, text);
	}
}

/* ---- files ---- */

/* Whoever may write it commands a program of root. */
static int trust_check(const char *path, const struct stat *st, mode_t kind)
{
	if ((st->st_mode & S_IFMT) != kind)
		return fvp_error(FVP_FOUND, "%s is not a %s: remove it", path,
				 kind == S_IFREG ? "file" : "folder");
	if (st->st_uid != 0)
		return fvp_error(FVP_FOUND, "%s belongs to user %u, not to root: chown root '%s'",
				 path, st->st_uid, path);
	if (st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && st->st_gid != 0))
		return fvp_error(FVP_FOUND,
				 "%s may be written by others than root: chmod go-w '%s'", path,
				 path);
	return FVP_OK;
}

/* All of an open file, with a NUL behind it; the caller's to free. */
static int content_read(int fd, const char *path, char **text)
{
	size_t used = 0;
	ssize_t got;

	*text = malloc(FILE_BYTES_MAX + 2);
	if (!*text)
		abort();
	do {
		got = read(fd, *text + used, FILE_BYTES_MAX + 1 - used);
		used += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0)
		return fvp_error(FVP_SYSTEM, "cannot read %s: %s", path, strerror(errno));
	if (used > FILE_BYTES_MAX)
		return fvp_error(FVP_FOUND, "%s is longer than %d bytes: it is no configuration",
				 path, FILE_BYTES_MAX);
	(*text)[used] = '\0';
	if (strlen(*text) != used)
		return fvp_error(FVP_FOUND, "%s has a zero byte: it is no text", path);
	return FVP_OK;
}

static int file_read(const char *path, struct reader *reader)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	int ret;

	if (fd < 0 && errno == ENOENT)
		return FVP_ABSENT;
	if (fd < 0 || fstat(fd, &st)) {
		ret = fvp_error(FVP_SYSTEM, "cannot open %s: %s", path, strerror(errno));
		goto out;
	}
	ret = trust_check(path, &st, S_IFREG);
	if (!ret)
		ret = content_read(fd, path, &text);
	if (ret)
		goto out;
	reader->path = path;
	reader->line = 0;
	reader->section = NULL;
	reader->skips = false;
	memset(reader->at, 0, sizeof(reader->at));
	memset(reader->section_at, 0, sizeof(reader->section_at));
	lines_read(reader, text);
	if (reader->errors)
		ret = FVP_FOUND;
out:
	free(text);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".conf");
}

/* Those of the folder, in the order of their names.  The worst of what came of them. */
static int folder_read(const char *folder, struct reader *reader, unsigned int *files)
{
	struct dirent **list;
	struct stat st;
	int count, one, ret;

	if (stat(folder, &st))
		return errno == ENOENT ? FVP_OK
				       : fvp_error(FVP_SYSTEM, "cannot look at %s: %s", folder,
						   strerror(errno));
	ret = trust_check(folder, &st, S_IFDIR);
	if (ret)
		return ret;
	count = scandir(folder, &list, is_conf, alphasort);
	if (count < 0)
		return fvp_error(FVP_SYSTEM, "cannot read %s: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		char path[FVP_PATH_BYTES];

		snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
		one = file_read(path, reader);
		/* One that went away since is none. */
		if (one && one != FVP_ABSENT)
			ret = one;
		*files += !one;
		free(list[i]);
	}
	free(list);
	return ret;
}

static void presets(struct reader *reader)
{
	for (size_t i = 0; i < SETTINGS; i++)
		value_set(reader, &settings[i], settings[i].preset);
}

static int fit_check(const struct reader *reader)
{
	const struct fvp_config *config = reader->config;
	struct fvp_listen listen;

	if (fvp_listen_parse(config->listen, &listen) && !listen.local && !config->token_file[0])
		return fvp_error(
			FVP_FOUND,
			"listen = %s lets other hosts in: set token_file too, or listen on "
			"127.0.0.1 or a Unix socket",
			config->listen);
	if (config->retry_first_s <= config->retry_max_s)
		return FVP_OK;
	return fvp_error(FVP_FOUND,
			 "%s: retry_first (%u) is more than retry_max (%u): set both, the first no "
			 "larger than the other",
			 reader->retry_place, config->retry_first_s, config->retry_max_s);
}

int fvp_config_load(const char *path, struct fvp_config *config, unsigned int *files)
{
	struct reader reader = { .config = config };
	unsigned int count = 0;
	int ret, folder = FVP_OK;

	memset(config, 0, sizeof(*config));
	presets(&reader);
	ret = file_read(path ? path : FVP_CONFIG_PATH, &reader);
	count += !ret;
	if (path && ret == FVP_ABSENT)
		fvp_error(ret, "there is no file %s", path);
	else if (ret == FVP_ABSENT)
		ret = FVP_OK;
	if (!path)
		folder = folder_read(FVP_CONFIG_FOLDER, &reader, &count);
	if (!ret)
		ret = folder;
	if (!ret)
		ret = fit_check(&reader);
	if (ret)
		fvp_config_free(config);
	if (files)
		*files = count;
	return ret;
}

void fvp_config_free(struct fvp_config *config)
{
	free(config->exclude);
	free(config->listen);
	free(config->token_file);
	memset(config, 0, sizeof(*config));
}

bool fvp_config_excludes(const struct fvp_config *config, const char *name, const char *uuid)
{
	char *patterns = strdup(config->exclude), *state;
	bool found = false;

	if (!patterns)
		abort();
	for (const char *pattern = strtok_r(patterns, BLANKS, &state); pattern && !found;
	     pattern = strtok_r(NULL, BLANKS, &state))
		found = !fnmatch(pattern, name, 0) || !fnmatch(pattern, uuid, 0);
	free(patterns);
	return found;
}
