/* tests/sim/test_outbox.c - what a gateway sends and keeps, against acknowledgements of every kind,
 * and against a receiver that follows the log's rules over a bad line. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "firmware-sim/outbox.h"

#define MS INT64_C(1000000)
#define FIXES 5000

static void fill(sim_outbox *box, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sim_fix fix = {.device = (uint32_t)box->next};
        assert_int_equal(sim_outbox_put(box, &fix), HR_OK);
    }
}

static void what_is_acknowledged_is_forgotten_and_the_rest_is_kept(void **state)
{
    (void)state;
    sim_outbox box;
    sim_outbox_init(&box, 1);
    fill(&box, 3000);
    sim_outbox_sent(&box, 2000, 0);
    assert_int_equal(sim_outbox_outstanding(&box), 2000);
    sim_outbox_ack(&box, 1499, 1 * MS);
    assert_int_equal(box.acked, 1500);
    assert_int_equal(sim_outbox_outstanding(&box), 500);
    fill(&box, 3000);
    for (uint64_t seq = box.acked; seq < box.next; seq++) {
        assert_int_equal(sim_outbox_at(&box, seq)->device, seq);
    }
    sim_outbox_fini(&box);
}

static void the_same_acknowledgement_again_rewinds_but_not_twice_at_once(void **state)
{
    (void)state;
    sim_outbox box;
    sim_outbox_init(&box, 1);
    fill(&box, 100);
    sim_outbox_sent(&box, 100, 0);
    sim_outbox_ack(&box, 39, 1 * MS);
    assert_int_equal(box.sent, 100);
    sim_outbox_ack(&box, 39, 500 * MS);
    assert_int_equal(box.sent, 40);
    sim_outbox_sent(&box, 60, 501 * MS);
    sim_outbox_ack(&box, 39, 502 * MS); /* one refusal told once more */
    assert_int_equal(box.sent, 100);
    assert_int_equal(box.rewinds, 1);
    sim_outbox_fini(&box);
}

static void silence_is_answered_by_sending_again(void **state)
{
    (void)state;
    sim_outbox box;
    sim_outbox_init(&box, 1);
    fill(&box, 10);
    sim_outbox_sent(&box, 10, 0);
    assert_false(sim_outbox_timeout(&box, SIM_RESEND_NS - 1));
    assert_true(sim_outbox_timeout(&box, SIM_RESEND_NS));
    assert_int_equal(box.sent, 0);
    assert_false(sim_outbox_timeout(&box, 10 * SIM_RESEND_NS));
    sim_outbox_fini(&box);
}

static void acknowledgements_of_the_past_and_of_nothing_change_nothing(void **state)
{
    (void)state;
    sim_outbox box;
    sim_outbox_init(&box, 1);
    fill(&box, 10);
    sim_outbox_sent(&box, 10, 0);
    sim_outbox_ack(&box, 5, 1 * MS);
    sim_outbox_ack(&box, 3, 900 * MS);
    sim_outbox_ack(&box, 10, 900 * MS);
    sim_outbox_ack(&box, -7, 900 * MS);
    assert_int_equal(box.acked, 6);
    assert_int_equal(box.sent, 10);
    sim_outbox_restart(&box);
    assert_int_equal(box.sent, 6);
    sim_outbox_fini(&box);
}

/* The log's side: what a message does to what is expected, and which answer it gets. */
static int64_t receive(uint64_t *expected, uint64_t base, uint64_t count, uint64_t oldest,
                       uint64_t *doubled)
{
    if (base > *expected && oldest < base) {
        return (int64_t)*expected - 1; /* refused */
    }
    assert_true(base <= *expected || oldest >= base);
    if (base > *expected) {
        fail_msg("a gap: %llu was expected", (unsigned long long)*expected);
    }
    *doubled += base < *expected;
    *expected = base + count > *expected ? base + count : *expected;
    return (int64_t)*expected - 1;
}

static void over_a_bad_line_everything_arrives_once_and_in_order(void **state)
{
    (void)state;
    hr_random random = {test_seed(__func__)};
    sim_outbox box;
    sim_outbox_init(&box, 1);
    fill(&box, FIXES);
    uint64_t expected = 0, doubled = 0;
    int64_t now = 0;
    while (box.acked < box.next) {
        now += 20 * MS;
        assert_true(now < 3600 * 1000 * MS);
        (void)sim_outbox_timeout(&box, now);
        uint64_t count = 1 + hr_random_below(&random, 50);
        count = count < sim_outbox_unsent(&box) ? count : sim_outbox_unsent(&box);
        if (count > 0) {
            uint64_t base = box.sent;
            bool is_lost = hr_random_below(&random, 10) == 0;
            int64_t answer = -2;
            if (!is_lost) {
                answer = receive(&expected, base, count, box.acked, &doubled);
            }
            sim_outbox_sent(&box, (uint32_t)count, now);
            if (answer != -2 && hr_random_below(&random, 5) != 0) {
                sim_outbox_ack(&box, answer, now + MS);
            }
        }
    }
    assert_int_equal(expected, FIXES);
    assert_int_not_equal(box.rewinds, 0);
    sim_outbox_fini(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_acknowledged_is_forgotten_and_the_rest_is_kept),
        cmocka_unit_test(the_same_acknowledgement_again_rewinds_but_not_twice_at_once),
        cmocka_unit_test(silence_is_answered_by_sending_again),
        cmocka_unit_test(acknowledgements_of_the_past_and_of_nothing_change_nothing),
        cmocka_unit_test(over_a_bad_line_everything_arrives_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
