// SPDX-License-Identifier: GPL-2.0
/* fvp doctor: looks at a host, and says what is wrong, why it matters, and what mends it. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "fvp.h"
#include "fvp_uapi.h"

#define DIRTY_AGE_S 3600
#define DIRTY_AGE_S_MAX 31536000

char *fvp_text(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return text;
}

void fvp_found(struct fvp_doctor *doctor, const char *id, bool grave, const char *subject,
	       const char *why, char *what, char *remedy)
{
	struct fvp_finding *grown =
		realloc(doctor->finding, (doctor->count + 1) * sizeof(*doctor->finding));

	if (!grown)
		abort();
	doctor->finding = grown;
	grown[doctor->count++] = (struct fvp_finding){ .id = id,
						       .grave = grave,
						       .why = why,
						       .subject = fvp_text("%s", subject),
						       .what = what,
						       .remedy = remedy };
}

static void print_json(const struct fvp_doctor *doctor)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_object_object_add(object, "version", json_object_new_string(FVP_VERSION));
	json_object_object_add(object, "healthy", json_object_new_boolean(!doctor->count));
	for (unsigned int i = 0; i < doctor->count; i++) {
		const struct fvp_finding *finding = &doctor->finding[i];
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "id", json_object_new_string(finding->id));
		json_object_object_add(
			one, "severity",
			json_object_new_string(finding->grave ? "error" : "warning"));
		json_object_object_add(one, "subject", json_object_new_string(finding->subject));
		json_object_object_add(one, "what", json_object_new_string(finding->what));
		json_object_object_add(one, "why", json_object_new_string(finding->why));
		json_object_object_add(one, "remedy", json_object_new_string(finding->remedy));
		json_object_array_add(list, one);
	}
	json_object_object_add(object, "findings", list);
	fvp_json_print(object);
}

static void print_all(const struct fvp_doctor *doctor)
{
	for (int grave = 1; grave >= 0; grave--)
		for (unsigned int i = 0; i < doctor->count; i++) {
			const struct fvp_finding *finding = &doctor->finding[i];

			if (finding->grave != grave)
				continue;
			printf("%s: %s: ", grave ? "error" : "warning", finding->subject);
			fvp_write_safely(stdout, finding->what);
			printf(" [%s]\n  why it matters: %s\n  remedy: ", finding->id,
			       finding->why);
			fvp_write_safely(stdout, finding->remedy);
			putchar('\n');
		}
	if (!doctor->count)
		printf("healthy: %u pools, %u volumes, %u block devices looked at\n",
		       doctor->pools.count, doctor->volumes.count, doctor->blocks);
}

static void doctor_free(struct fvp_doctor *doctor)
{
	for (unsigned int i = 0; i < doctor->count; i++) {
		free(doctor->finding[i].subject);
		free(doctor->finding[i].what);
		free(doctor->finding[i].remedy);
	}
	free(doctor->finding);
	free(doctor->block);
	fvp_views_free(&doctor->volumes);
	fvp_views_free(&doctor->pools);
}

int fvp_doctor(int argc, char **argv)
{
	static const struct option known[] = { { "dirty-age", required_argument, NULL, 'a' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	struct fvp_doctor doctor = { 0 };
	unsigned int age = DIRTY_AGE_S;
	bool json = false;
	int c, ret = FVP_OK;

	while ((c = fvp_option(argc, argv, "", known)) != -1) {
		if (c == 'j')
			json = true;
		else if (c != 'a')
			return fvp_usage_option();
		else if (!fvp_number_parse(optarg, DIRTY_AGE_S_MAX, &age))
			return fvp_usage("--dirty-age takes 0 to %d seconds, not '%s'",
					 DIRTY_AGE_S_MAX, optarg);
	}
	if (argc > optind)
		return fvp_usage("doctor takes no names");
	doctor.dirty_age_s = age;
	/* Without the targets there are no devices of ours, but what is on flash matters. */
	if (fvp_doctor_module(&doctor)) {
		ret = fvp_views_load(FVP_TARGET_POOL, &doctor.pools);
		if (!ret)
			ret = fvp_views_load(FVP_TARGET_VOLUME, &doctor.volumes);
	}
	if (!ret) {
		fvp_doctor_state(&doctor);
		fvp_doctor_media(&doctor);
		fvp_doctor_host(&doctor);
		if (json)
			print_json(&doctor);
		else
			print_all(&doctor);
		ret = doctor.count ? FVP_FOUND : FVP_OK;
	}
	doctor_free(&doctor);
	return ret;
}
