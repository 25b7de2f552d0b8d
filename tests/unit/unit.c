// SPDX-License-Identifier: GPL-2.0
/*
 * The harness: runs all tests, or those whose names contain an argument.  A test
 * that fails is left by longjmp and what it allocated is dropped; a broken
 * invariant of core (shim_die) counts as a failure too.
 */
#include <setjmp.h>
#include <stdlib.h>

#include "sim.h"
#include "unit.h"

static struct unit_test *tests, **tests_end = &tests;
static jmp_buf failed_jump;
static char note[256];

const char *const sim_defect_names[SIM_DEFECT_COUNT];

void unit_register(struct unit_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("  %s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	if (shim_context()->irq || shim_context()->work)
		abort(); /* on a fiber: no way back to the harness */
	longjmp(failed_jump, 1);
}

void unit_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(note, sizeof(note), fmt, args);
	va_end(args);
}

static void on_die(const char *what)
{
	printf("  died: %s\n", what);
	fflush(stdout);
}

static bool run(struct unit_test *test)
{
	struct shim_sched_params params = { .seed = 1, .step_ns_max = 500 };

	note[0] = 0;
	shim_alloc_fail_hook = NULL;
	shim_sched_init(&params);
	if (setjmp(failed_jump)) {
		shim_sched_drop_all();
		return false;
	}
	test->fn();
	for (u32 i = 0; i < 100000 && shim_step(); i++)
		;
	if (shim_alloc_count()) {
		shim_alloc_report(5);
		printf("  %llu allocations left\n", shim_alloc_count());
		shim_sched_drop_all();
		return false;
	}
	shim_sched_drop_all();
	return true;
}

int main(int argc, char **argv)
{
	u32 passed = 0, failed = 0;

	shim_quiet = true;
	shim_die_hook = on_die;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct unit_test *test = tests; test; test = test->next) {
		bool ok;

		if (argc > 1 && !strstr(test->name, argv[1]))
			continue;
		ok = run(test);
		printf("%s %s: %s%s%s\n", ok ? "ok  " : "FAIL", test->name, test->proves,
		       note[0] ? ": " : "", note);
		*(ok ? &passed : &failed) += 1;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
