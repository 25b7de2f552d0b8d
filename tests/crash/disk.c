// SPDX-License-Identifier: GPL-2.0
/*
 * The devices: NBD servers in this process, one thread each.  Up to DEPTH requests wait at a time
 * and complete in any order, so that the log has what real devices do with a queue.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

#define DEPTH 8

struct waiting {
	struct nbd_request request;
	size_t entry; /* in the log; NOT_LOGGED */
	uint8_t *data;
};
#define NOT_LOGGED SIZE_MAX

struct disk disk[DISKS];
unsigned int disks;
struct disk_io *disk_log;
size_t disk_log_len;

static size_t log_room;
static bool recording;
static uint64_t clock_moment;
/* Protects the log and its clock. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

uint64_t moment_next(void)
{
	uint64_t moment;

	pthread_mutex_lock(&log_lock);
	moment = ++clock_moment;
	pthread_mutex_unlock(&log_lock);
	return moment;
}

uint64_t moment_now(void)
{
	uint64_t moment;

	pthread_mutex_lock(&log_lock);
	moment = clock_moment;
	pthread_mutex_unlock(&log_lock);
	return moment;
}

static void read_all(int fd, void *to, size_t bytes)
{
	while (bytes) {
		ssize_t n = read(fd, to, bytes);

		if (n <= 0)
			die("the kernel hung up on a device: %s", strerror(errno));
		to = (char *)to + n;
		bytes -= n;
	}
}

static void write_all(int fd, const void *from, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, from, bytes);

		if (n <= 0)
			die("cannot answer the kernel: %s", strerror(errno));
		from = (const char *)from + n;
		bytes -= n;
	}
}

static size_t log_submit(const struct disk *d, const struct waiting *w, uint32_t type, bool fua)
{
	struct disk_io *io;
	size_t entry = NOT_LOGGED;

	pthread_mutex_lock(&log_lock);
	if (recording) {
		if (disk_log_len == log_room) {
			log_room = log_room ? 2 * log_room : 4096;
			disk_log = realloc(disk_log, log_room * sizeof(*disk_log));
			if (!disk_log)
				die("out of memory");
		}
		entry = disk_log_len++;
		io = &disk_log[entry];
		memset(io, 0, sizeof(*io));
		io->disk = d->index;
		io->kind = type == NBD_CMD_WRITE  ? DISK_WRITE
			   : type == NBD_CMD_TRIM ? DISK_TRIM
						  : DISK_FLUSH;
		io->fua = fua;
		io->sector = be64toh(w->request.from) / SECTOR;
		io->sectors = ntohl(w->request.len) / SECTOR;
		io->submitted = ++clock_moment;
		io->done = io->durable = NEVER;
		if (io->kind == DISK_WRITE) {
			io->data = need(io->sectors * SECTOR);
			memcpy(io->data, w->data, io->sectors * SECTOR);
		}
	}
	pthread_mutex_unlock(&log_lock);
	return entry;
}

/* Takes the next request off the socket. */
static void receive(struct disk *d, int fd, struct waiting *w)
{
	uint32_t type, flags;

	memset(w, 0, sizeof(*w));
	w->entry = NOT_LOGGED;
	read_all(fd, &w->request, sizeof(w->request));
	if (w->request.magic != htonl(NBD_REQUEST_MAGIC))
		die("%s: no request", d->path);
	type = ntohl(w->request.type) & 0xffff;
	flags = ntohl(w->request.type) & ~0xffffu;
	if (type == NBD_CMD_WRITE) {
		w->data = need(ntohl(w->request.len));
		read_all(fd, w->data, ntohl(w->request.len));
	}
	if (type == NBD_CMD_WRITE || type == NBD_CMD_TRIM || type == NBD_CMD_FLUSH)
		w->entry = log_submit(d, w, type, flags & NBD_CMD_FLAG_FUA);
	else if (type != NBD_CMD_READ)
		die("%s: request of type %u", d->path, type);
}

static void complete(struct disk *d, int fd, struct waiting *w)
{
	struct nbd_reply reply = { .magic = htonl(NBD_REPLY_MAGIC) };
	uint32_t type = ntohl(w->request.type) & 0xffff, len = ntohl(w->request.len);
	uint64_t from = be64toh(w->request.from);

	if (from + len > d->sectors * SECTOR)
		die("%s: request past its end", d->path);
	if (type == NBD_CMD_WRITE)
		memcpy(d->image + from, w->data, len);
	else if (type == NBD_CMD_TRIM)
		memset(d->image + from, 0, len);
	pthread_mutex_lock(&log_lock);
	if (recording && w->entry != NOT_LOGGED)
		disk_log[w->entry].done = ++clock_moment;
	pthread_mutex_unlock(&log_lock);
	memcpy(reply.handle, w->request.handle, sizeof(reply.handle));
	write_all(fd, &reply, sizeof(reply));
	if (type == NBD_CMD_READ)
		write_all(fd, d->image + from, len);
	free(w->data);
}

struct server {
	struct disk *d;
	int fd;
};

static void *serve(void *arg)
{
	struct server *server = arg;
	struct pollfd poll_fd = { .fd = server->fd, .events = POLLIN };
	struct waiting waiting[DEPTH];
	unsigned int count = 0;
	uint64_t seed = seed_of(7, server->d->index, 0);

	for (;;) {
		bool more = poll(&poll_fd, 1, count ? 0 : -1) > 0;

		if (more && count < DEPTH && (!count || below(&seed, 4))) {
			receive(server->d, server->fd, &waiting[count++]);
		} else if (count) {
			unsigned int i = below(&seed, count);

			complete(server->d, server->fd, &waiting[i]);
			waiting[i] = waiting[--count];
		}
	}
	return NULL;
}

static void *attend(void *arg)
{
	int fd = (int)(intptr_t)arg;

	ioctl(fd, NBD_DO_IT);
	return NULL;
}

void disk_start(unsigned int index, uint64_t sectors)
{
	struct disk *d = &disk[index];
	struct server *server = need(sizeof(*server));
	pthread_t thread;
	int pair[2], fd;

	d->index = index;
	d->sectors = sectors;
	d->image = need_pages(sectors * SECTOR);
	d->base = need(sectors * SECTOR);
	snprintf(d->path, sizeof(d->path), "/dev/nbd%u", index);
	snprintf(d->play_path, sizeof(d->play_path),
		 index == ORIGIN ? "/dev/nullb%u" : "/dev/ram%u", index);
	d->use = d->path;
	d->play_fd = open(d->play_path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (d->play_fd < 0)
		die("%s: %s", d->play_path, strerror(errno));
	if (lseek(d->play_fd, 0, SEEK_END) != (off_t)(sectors * SECTOR))
		die("%s is not of %llu sectors", d->play_path, (unsigned long long)sectors);
	fd = open(d->path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("%s: %s", d->path, strerror(errno));
	server->d = d;
	server->fd = pair[1];
	if (ioctl(fd, NBD_SET_BLKSIZE, SECTOR) || ioctl(fd, NBD_SET_SIZE_BLOCKS, sectors) ||
	    ioctl(fd, NBD_SET_FLAGS,
		  NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |
			  NBD_FLAG_SEND_TRIM) ||
	    ioctl(fd, NBD_SET_SOCK, pair[0]))
		die("%s: %s", d->path, strerror(errno));
	if (pthread_create(&thread, NULL, serve, server) ||
	    pthread_create(&thread, NULL, attend, (void *)(intptr_t)fd))
		die("no thread");
	d->cache = true;
	disks = index + 1;
	/* The kernel knows size and flags once it attends to the socket. */
	for (unsigned int i = 0; i < 1000; i++) {
		char path[64], text[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/sys/block/nbd%u/queue/write_cache", index);
		file = fopen(path, "re");
		if (file && fgets(text, sizeof(text), file) && !strncmp(text, "write back", 10)) {
			fclose(file);
			return;
		}
		if (file)
			fclose(file);
		usleep(10000);
	}
	die("%s does not come up", d->path);
}

void disk_set_cache(struct disk *d, bool cache)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/nbd%d/queue/write_cache", d->index);
	file = fopen(path, "we");
	if (!file || fputs(cache ? "write back" : "write through", file) < 0 || fclose(file))
		die("%s: %s", path, strerror(errno));
	d->cache = cache;
}

/* What programs have read through the page cache is not what the image holds now. */
void disk_drop_pages(struct disk *d)
{
	int fd = open(d->use, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKFLSBUF))
		die("%s: %s", d->use, strerror(errno));
	close(fd);
}

void disk_play(void)
{
	for (unsigned int i = 0; i < disks; i++) {
		struct disk *d = &disk[i];
		size_t bytes = d->sectors * SECTOR;

		if (pwrite(d->play_fd, d->image, bytes, 0) != (ssize_t)bytes)
			die("%s: %s", d->play_path, strerror(errno));
		d->use = d->play_path;
	}
}

void disk_play_end(void)
{
	for (unsigned int i = 0; i < disks; i++)
		disk[i].use = disk[i].path;
}

void disk_play_read(struct disk *d)
{
	size_t bytes = d->sectors * SECTOR;

	if (pread(d->play_fd, d->image, bytes, 0) != (ssize_t)bytes)
		die("%s: %s", d->play_path, strerror(errno));
}

void disk_record(void)
{
	pthread_mutex_lock(&log_lock);
	for (size_t i = 0; i < disk_log_len; i++)
		free(disk_log[i].data);
	disk_log_len = 0;
	for (unsigned int i = 0; i < disks; i++)
		memcpy(disk[i].base, disk[i].image, disk[i].sectors * SECTOR);
	recording = true;
	pthread_mutex_unlock(&log_lock);
}

void disk_record_end(void)
{
	pthread_mutex_lock(&log_lock);
	recording = false;
	pthread_mutex_unlock(&log_lock);
	for (size_t i = 0; i < disk_log_len; i++) {
		struct disk_io *io = &disk_log[i];

		if (io->kind == DISK_FLUSH || io->done == NEVER)
			continue;
		if (io->fua || !disk[io->disk].cache) {
			io->durable = io->done;
			continue;
		}
		for (size_t j = i + 1; j < disk_log_len; j++) {
			const struct disk_io *flush = &disk_log[j];

			if (flush->kind == DISK_FLUSH && flush->disk == io->disk &&
			    flush->submitted > io->done && flush->done < io->durable)
				io->durable = flush->done;
			/* Later ones can hardly be done before. */
			if (io->durable != NEVER && flush->submitted > io->durable)
				break;
		}
	}
}
