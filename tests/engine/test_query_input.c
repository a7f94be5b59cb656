/* tests/engine/test_query_input.c - what standing queries read of the log, round by round. */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "engine/query_input.h"
#include "farm.h"
#include "test.h"

#define FIXES 50000
#define ROUND_MAX 10000 /* while a round goes on, nobody gets an answer */

static void count_rows(void *context, query_source source, const void *rows, size_t count)
{
    (void)source;
    (void)rows;
    *(size_t *)context += count;
}

/* All that a gateway has kept for a day may come in one batch. */
static void a_large_batch_is_read_in_several_rounds(void **state)
{
    (void)state;
    farm farm;
    hr_why why = {""};
    size_t total = 0;
    bool is_read = true;
    hr_fix *fixes = calloc(FIXES, sizeof *fixes);
    query_input *input = calloc(1, sizeof *input);
    assert_non_null(fixes);
    assert_non_null(input);
    farm_start(&farm, 1);
    for (int i = 0; i < FIXES; i++) {
        fixes[i] = (hr_fix){.device = hr_device_key("cow-1", 5),
                            .time_ms = hr_clock_now_ms(farm.clock) - FIXES + i};
    }
    farm_fixes(&farm, fixes, FIXES);
    farm_settle(&farm);
    assert_int_equal(query_input_init(input, farm.log, farm.catalog, NULL, &why), HR_OK);
    while (is_read) {
        size_t round = 0;
        assert_int_equal(query_input_next(input, count_rows, &round, &is_read, &why), HR_OK);
        assert_in_range(round, 0, ROUND_MAX);
        total += round;
    }
    assert_int_equal(total, FIXES);
    query_input_fini(input);
    farm_end(&farm);
    free(input);
    free(fixes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_batch_is_read_in_several_rounds),
    };
    return cmocka_run_group_tests_name("input of standing queries", tests, NULL, NULL);
}
