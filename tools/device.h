/* SPDX-License-Identifier: GPL-2.0 */
/* Block devices named by the user: size, who holds them, what they contain. */
#ifndef FVP_TOOL_DEVICE_H
#define FVP_TOOL_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FVP_PATH_BYTES 512

struct fvp_device {
	char path[FVP_PATH_BYTES]; /* as the user named it, or /dev/NAME for a bare name */
	unsigned int major, minor;
	uint64_t sectors;
	unsigned int block_bytes; /* logical block */
	bool read_only;
	int fd; /* -1 until opened */
};

/* Finds the device, without opening it for longer than it takes to ask its size. */
int fvp_device_find(const char *arg, struct fvp_device *dev);

/* Its number alone; says nothing if there is no such block device. */
bool fvp_device_number(const char *arg, unsigned int *major_out, unsigned int *minor_out);

/*
 * A descriptor of just this device, as open() gives it: what its path leads to may be another one
 * by now (ENODEV), as udev moves links.  If dev is open already, of what it has open.
 */
int fvp_device_open(const struct fvp_device *dev, int flags);

/*
 * Opens it for this program alone, so that nobody mounts it meanwhile.  FVP_REFUSED
 * if someone holds it: the message says who.
 */
int fvp_device_open_exclusive(struct fvp_device *dev, bool write);
void fvp_device_close(struct fvp_device *dev);

/* Who uses it, e.g. "mounted at /srv"; empty if nobody is found. */
void fvp_device_users(unsigned int major, unsigned int minor, char *text, size_t text_bytes);

/* What libblkid recognises on it, e.g. "ext4 file system"; false for nothing. */
int fvp_device_signature(const struct fvp_device *dev, char *what, size_t what_bytes, bool *found);
int fvp_device_wipe(const struct fvp_device *dev);

/* A path under /dev for a device number; "major:minor" if there is none. */
void fvp_device_path(unsigned int major, unsigned int minor, char path[FVP_PATH_BYTES]);
/* Parses "major:minor" as tables have it, and finds the path. */
bool fvp_device_path_of_word(const char *word, char path[FVP_PATH_BYTES]);

/*
 * What stays with this storage over reboots: the dm uuid, partition uuid, world
 * wide name or serial number, with a word for which.  false if it has none.
 */
bool fvp_device_identity(const struct fvp_device *dev, const char *dm_uuid, char *text,
			 size_t text_bytes);

/* All of it at that place, in however many calls.  False: errno says why not. */
bool fvp_read_all(int fd, void *mem, size_t bytes, off_t at);
bool fvp_write_all(int fd, const void *mem, size_t bytes, off_t at);

/* One line of a small file, without its end; false if there is no such file or it is empty. */
bool fvp_read_line(const char *path, char *text, size_t text_bytes);

#endif /* FVP_TOOL_DEVICE_H */
