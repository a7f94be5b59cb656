/* tests/base/test_crc32c.c - known values, and hardware against the table. */
#include "base/crc32c.h"

#include <stdlib.h>

#include "base/hash.h"
#include "suites.h"
#include "test.h"

static void published_values_are_met(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0};
    uint8_t ones[32];
    uint8_t rising[32];
    for (unsigned i = 0; i < 32; i++) {
        ones[i] = 0xff;
        rising[i] = (uint8_t)i;
    }
    /* RFC 3720, appendix B.4, and the usual check string. */
    assert_int_equal(hr_crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(hr_crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(hr_crc32c(0, rising, 32), 0x46dd794e);
    assert_int_equal(hr_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(hr_crc32c_portable(0, "123456789", 9), 0xe3069283);
    assert_int_equal(hr_crc32c(0, "", 0), 0);
}

static void hardware_and_table_agree_at_every_length_and_split(void **state)
{
    (void)state;
    hr_random random = {.state = 20261120};
    size_t size_max = 3 * 1024 * 3 + 100;
    uint8_t *bytes = malloc(size_max);
    assert_non_null(bytes);
    for (size_t i = 0; i < size_max; i++) {
        bytes[i] = (uint8_t)hr_random_next(&random);
    }
    for (size_t size = 0; size < 200; size++) {
        assert_int_equal(hr_crc32c(0, bytes + size % 7, size),
                         hr_crc32c_portable(0, bytes + size % 7, size));
    }
    for (int round = 0; round < 200; round++) {
        size_t size = hr_random_below(&random, size_max + 1);
        size_t split = hr_random_below(&random, size + 1);
        uint32_t whole = hr_crc32c(0, bytes, size);
        assert_int_equal(whole, hr_crc32c_portable(0, bytes, size));
        assert_int_equal(whole, hr_crc32c(hr_crc32c(0, bytes, split), bytes + split, size - split));
    }
    free(bytes);
}

int run_crc32c_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_are_met),
        cmocka_unit_test(hardware_and_table_agree_at_every_length_and_split),
    };
    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
