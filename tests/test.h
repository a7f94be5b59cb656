/* tests/test.h - the one way cmocka is included, and what it lacks. */
#ifndef HR_TEST_H
#define HR_TEST_H

/* cmocka wants these four first, in this order. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* HR_SEED; else always the same one, but under HR_LONG another each time. Printed. */
static inline uint64_t test_seed(const char *test)
{
    const char *given = getenv("HR_SEED");
    const uint64_t seed = given != NULL               ? strtoull(given, NULL, 10)
                          : getenv("HR_LONG") != NULL ? (uint64_t)time(NULL)
                                                      : 20261120;
    printf("%s: HR_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

/* cmocka 1.1.5 casts to float; coordinates need doubles. */
#define assert_double_near(actual, expected, tolerance)                                            \
    do {                                                                                           \
        double actual_value = (actual);                                                            \
        double expected_value = (expected);                                                        \
        if (!(fabs(actual_value - expected_value) <= (tolerance))) {                               \
            fail_msg("%s is %.17g, expected %.17g", #actual, actual_value, expected_value);        \
        }                                                                                          \
    } while (0)

#endif
