// SPDX-License-Identifier: GPL-2.0
/*
 * What tells that something has changed: uevents of block devices, when a table was swapped, a
 * device came or went, from the kernel itself, as nothing that udev adds to them is needed; and device-mapper's own events, which the module
 * raises for a mode that ends, a replica that goes, an origin that fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <libudev.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fvpd.h"

/* Events come in bunches: one look for all of them. */
#define BUNCH_MS 200

static struct udev *udev;
static struct udev_monitor *monitor;
static sd_event_source *udev_source, *dm_source;
static int dm_fd = -1;

static int on_uevent(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct udev_device *dev;

	while ((dev = udev_monitor_receive_device(monitor)))
		udev_device_unref(dev);
	fvpd_look_soon(arg, BUNCH_MS);
	return 0;
}

static int udev_begin(struct fvpd *fvpd)
{
	udev = udev_new();
	if (udev)
		monitor = udev_monitor_new_from_netlink(udev, "kernel");
	if (!monitor ||
	    udev_monitor_filter_add_match_subsystem_devtype(monitor, "block", "disk") < 0 ||
	    udev_monitor_enable_receiving(monitor) < 0)
		return -EIO;
	return sd_event_add_io(fvpd->event, &udev_source, udev_monitor_get_fd(monitor), EPOLLIN,
			       on_uevent, fvpd);
}

/* The descriptor is readable from the first event on after this. */
static int dm_arm(void)
{
	struct dm_ioctl arm = { .version = { 4, 37, 0 }, .data_size = sizeof(arm) };

	return ioctl(dm_fd, DM_DEV_ARM_POLL, &arm) ? -errno : 0;
}

static int on_dm_event(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	dm_arm();
	fvpd_look_soon(arg, BUNCH_MS);
	return 0;
}

static int dm_begin(struct fvpd *fvpd)
{
	int err;

	dm_fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (dm_fd < 0)
		return -errno;
	err = dm_arm();
	if (err)
		return err;
	return sd_event_add_io(fvpd->event, &dm_source, dm_fd, EPOLLIN, on_dm_event, fvpd);
}

int fvpd_watch_begin(struct fvpd *fvpd)
{
	int err = udev_begin(fvpd), dm_err = dm_begin(fvpd);

	if (err < 0)
		fvpd_log(LOG_WARNING,
			 "cannot listen to uevents (%s): changes are seen every %u s only",
			 strerror(-err), fvpd->config.check_interval_s);
	if (dm_err < 0)
		fvpd_log(LOG_WARNING,
			 "cannot listen to device-mapper's events (%s): changes of modes are seen "
			 "every %u s only",
			 strerror(-dm_err), fvpd->config.check_interval_s);
	return err < 0 ? err : dm_err < 0 ? dm_err : 0;
}

void fvpd_watch_end(void)
{
	udev_source = sd_event_source_unref(udev_source);
	dm_source = sd_event_source_unref(dm_source);
	monitor = udev_monitor_unref(monitor);
	udev = udev_unref(udev);
	if (dm_fd >= 0)
		close(dm_fd);
	dm_fd = -1;
}
