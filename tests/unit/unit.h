/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unit tests: one behaviour a test, one line a test.
 *
 *	TEST(index_insert_replaces, "an insert replaces what was there")
 *	{
 *		EXPECT(...);
 *	}
 */
#ifndef UNIT_H
#define UNIT_H

#include "fiber.h"

struct unit_test {
	struct unit_test *next;
	const char *name;
	const char *proves;
	void (*fn)(void);
};

void unit_register(struct unit_test *test);
/* Ends the test that runs. */
void unit_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((__noreturn__, __format__(printf, 3, 4)));
/* A measurement, printed with the test's line. */
void unit_note(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));

#define TEST(test_name, test_proves)                                                               \
	static void test_name(void);                                                               \
	__attribute__((constructor)) static void test_name##_register(void)                        \
	{                                                                                          \
		static struct unit_test test = { .name = #test_name,                               \
						 .proves = test_proves,                            \
						 .fn = test_name };                                \
		unit_register(&test);                                                              \
	}                                                                                          \
	static void test_name(void)

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			unit_fail(__FILE__, __LINE__, "%s", #cond);                                \
	} while (0)
#define EXPECT_EQ(a, b)                                                                            \
	do {                                                                                       \
		long long unit_a = (long long)(a), unit_b = (long long)(b);                        \
		if (unit_a != unit_b)                                                              \
			unit_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #a, unit_a, unit_b); \
	} while (0)

#endif /* UNIT_H */
