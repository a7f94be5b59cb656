/* tests/base/test_id.c - which names are allowed. */
#include "base/id.h"

#include <string.h>

#include "base/limits.h"
#include "suites.h"
#include "test.h"

static void device_ids_keep_their_alphabet(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "7", "cow-17", "A.b_c:d-e", "user.phone"};
    static const char *const bad[] = {"", "-a", ".a", "a b", "a/b", "a+", "#", "\xc3\xa5", "_x"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(hr_device_id_is_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(hr_device_id_is_valid(bad[i], strlen(bad[i])));
    }
    assert_false(hr_device_id_is_valid("a\0b", 3));
    assert_true(hr_fence_id_is_valid("north_1.a-b", 11));
    assert_false(hr_fence_id_is_valid("a:b", 3));
    assert_false(hr_user_id_is_valid("a:b", 3));
}

static void ids_end_at_64_characters(void **state)
{
    (void)state;
    char id[HR_DEVICE_ID_MAX + 1];
    memset(id, 'x', sizeof id);
    assert_true(hr_device_id_is_valid(id, HR_DEVICE_ID_MAX));
    assert_false(hr_device_id_is_valid(id, HR_DEVICE_ID_MAX + 1));
    assert_true(hr_fence_id_is_valid(id, HR_FENCE_ID_MAX));
    assert_false(hr_fence_id_is_valid(id, HR_FENCE_ID_MAX + 1));
}

static void keys_are_the_same_on_every_machine(void **state)
{
    (void)state;
    /* XXH3-64 of "cow-17"; stored in every log, so it may never change. */
    assert_true(hr_device_key("cow-17", 6) == 0xc5ae5225b196a945u);
    assert_true(hr_device_partition(17, 8) == 1);
}

int run_id_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_ids_keep_their_alphabet),
        cmocka_unit_test(ids_end_at_64_characters),
        cmocka_unit_test(keys_are_the_same_on_every_machine),
    };
    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
