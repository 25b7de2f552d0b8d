// SPDX-License-Identifier: GPL-2.0
/* The module, the kernels that this host may boot, and LVM: see doctor.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "dm.h"
#include "doctor.h"
#include "fvp.h"
#include "fvp_uapi.h"
#include "volume.h"

#define MODULES "/lib/modules"

/* Its list of modules has ours; false also if there is no such list. */
static bool kernel_has_module(const char *kernel, bool *listed)
{
	char *path = fvp_text(MODULES "/%s/modules.dep", kernel), *line = NULL;
	FILE *file = fopen(path, "re");
	size_t line_bytes = 0;
	bool found = false;

	*listed = file;
	while (file && !found && getline(&line, &line_bytes, file) > 0) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, "dm-fvp.ko") || strstr(line, "dm_fvp.ko");
	}
	if (file)
		fclose(file);
	free(line);
	free(path);
	return found;
}

bool fvp_doctor_module(struct fvp_doctor *doctor)
{
	static const char why[] = "pools and volumes need it: until it is loaded no pool starts, "
				  "and what only flash has stays there";
	struct utsname host;
	bool listed;

	if (fvp_dm_have_targets())
		return true;
	uname(&host);
	if (kernel_has_module(host.release, &listed))
		fvp_found(doctor, "module-not-loaded", true, "dm-fvp", why,
			  fvp_text("the kernel module is not loaded"), fvp_text("modprobe dm-fvp"));
	else
		fvp_found(doctor, "module-missing", true, "dm-fvp", why,
			  fvp_text("there is no kernel module for the running kernel %s",
				   host.release),
			  fvp_text("install linux-headers-%s, build the module for it (README, or "
				   "dkms autoinstall), then modprobe dm-fvp",
				   host.release));
	return false;
}

/* Kernels that lack the module, the running one among them: it may have been loaded by hand. */
static void check_kernels(struct fvp_doctor *doctor)
{
	DIR *folder = opendir(MODULES);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		const char *kernel = entry->d_name;
		char *headers = fvp_text(MODULES "/%s/build", kernel);
		bool bare = access(headers, F_OK), listed;

		if (kernel[0] != '.' && !kernel_has_module(kernel, &listed) && listed)
			fvp_found(doctor, "kernel-without-module", false, kernel,
				  "after a boot of this kernel no pool starts, and what only flash "
				  "has stays there",
				  fvp_text("this kernel has no module dm-fvp%s",
					   bare ? ", nor headers to build it" : ""),
				  fvp_text("%s%s%sbuild the module for it (README, or dkms "
					   "autoinstall -k %s), then depmod %s",
					   bare ? "apt install linux-headers-" : "",
					   bare ? kernel : "", bare ? ", " : "", kernel, kernel));
		free(headers);
	}
	if (folder)
		closedir(folder);
}

/* The first word of a status line says which form it has. */
static void check_version(struct fvp_doctor *doctor, const struct fvp_view *view)
{
	unsigned int form;
	char word[16];

	if (!fvp_table_word(view->status, 0, word, sizeof(word)) ||
	    (fvp_number_parse(word, 1000000, &form) && form == FVP_STATUS_VERSION))
		return;
	fvp_found(doctor, "version-mismatch", true, view->dev.name,
		  "this tool misreads what another version of the module says",
		  fvp_text("the module's status has form %s, this tool (%s) knows form %d", word,
			   FVP_VERSION, FVP_STATUS_VERSION),
		  fvp_text("install tool and module of one version; modinfo dm-fvp and fvp "
			   "--version tell them"));
}

/* True if lvm's configuration has a global_filter that names what is ours. */
static bool lvm_filtered(void)
{
	FILE *file = popen("lvmconfig devices/global_filter 2>/dev/null", "re");
	char line[4096];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, "fvp-origin") != NULL;
	if (file)
		pclose(file);
	return found;
}

static void check_lvm(struct fvp_doctor *doctor)
{
	if (!doctor->volumes.count ||
	    (access("/sbin/lvmconfig", X_OK) && access("/usr/sbin/lvmconfig", X_OK)))
		return;
	if (lvm_filtered())
		return;
	fvp_found(
		doctor, "lvm-filter", false, "lvm",
		"LVM may find a volume group on an origin and activate it there, past the volume "
		"and what only flash has of it",
		fvp_text("LVM has no global_filter that leaves origins of volumes alone"),
		fvp_text("cat /usr/share/fvp/lvm.conf >>/etc/lvm/lvmlocal.conf, or, if there is a "
			 "global_filter already, add the patterns of that file to it"));
}

void fvp_doctor_host(struct fvp_doctor *doctor)
{
	for (unsigned int i = 0; i < doctor->pools.count; i++)
		check_version(doctor, &doctor->pools.view[i]);
	for (unsigned int i = 0; i < doctor->volumes.count; i++)
		check_version(doctor, &doctor->volumes.view[i]);
	check_kernels(doctor);
	check_lvm(doctor);
}
