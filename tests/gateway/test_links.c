/* tests/gateway/test_links.c - a gateway behind a bad link: cut, slow, or to an old broker. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gateway/field.h"
#include "ingest/proxy.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"

typedef struct bad_link {
    field f;
    proxy *p;
    int before; /* connections */
} bad_link;

static int start_link(void **state)
{
    bad_link *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->f.s = site_new(NULL);
    b->p = proxy_new(b->f.s->port);
    b->f.port = proxy_port(b->p);
    field_write_config(&b->f);
    *state = b;
    return 0;
}

static int end_link(void **state)
{
    bad_link *b = *state;
    field_end(&b->f);
    proxy_free(b->p);
    site_free(b->f.s);
    free(b);
    return 0;
}

static void a_link_that_is_cut_again_and_again_loses_nothing(void **state)
{
    bad_link *b = *state;
    proxy_cut_after(b->p, 20000, 4);
    field_restart(&b->f);
    field_give(&b->f, 4000);
    field_wait_stored(&b->f);
    field_assert_each_once(&b->f);
    assert_int_equal(proxy_cut_count(b->p), 4);
}

static void a_link_that_trickles_is_only_slow(void **state)
{
    bad_link *b = *state;
    proxy_trickle(b->p, 100);
    field_restart(&b->f);
    field_give(&b->f, 500);
    field_wait_stored(&b->f);
    field_assert_each_once(&b->f);
}

static bool is_connected_anew(void *context)
{
    const bad_link *b = context;
    return proxy_connection_count(b->p) > b->before;
}

/* Both ends think that they are connected, and no byte goes between them. */
static void a_half_open_link_is_noticed(bad_link *b, uint32_t fixes)
{
    b->f.keepalive_s = 1;
    field_write_config(&b->f);
    field_restart(&b->f);
    field_give(&b->f, 10);
    field_assert_each_once(&b->f);
    b->before = proxy_connection_count(b->p);
    proxy_vanish(b->p, true);
    int64_t from_ns = hr_clock_mono_ns(hr_clock_real());
    field_give(&b->f, fixes);
    field_wait_stored(&b->f);
    assert_true(support_until(is_connected_anew, b));
    int64_t took_ms = (hr_clock_mono_ns(hr_clock_real()) - from_ns) / 1000000;
    print_message("noticed after %lld ms\n", (long long)took_ms);
    assert_in_range(took_ms, 1000, 10000);
    proxy_vanish(b->p, false);
    field_assert_each_once(&b->f);
}

static void a_half_open_link_is_noticed_while_nothing_is_sent(void **state)
{
    a_half_open_link_is_noticed(*state, 0);
}

static void a_half_open_link_is_noticed_while_its_buffers_are_full(void **state)
{
    bad_link *b = *state;
    b->f.batch_fixes = 4000;
    a_half_open_link_is_noticed(b, 50000);
}

static void a_broker_of_mqtt_3_1_1_is_spoken_to_in_its_words(void **state)
{
    bad_link *b = *state;
    proxy_refuse_mqtt5(b->p);
    field_restart(&b->f);
    field_give(&b->f, 1000);
    field_wait_stored(&b->f);
    field_assert_each_once(&b->f);
    /* Once refused, it is not asked again. */
    assert_int_equal(proxy_connection_count(b->p), 2);
}

#define WITH_LINK(test) cmocka_unit_test_setup_teardown(test, start_link, end_link)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_LINK(a_link_that_is_cut_again_and_again_loses_nothing),
        WITH_LINK(a_link_that_trickles_is_only_slow),
        WITH_LINK(a_half_open_link_is_noticed_while_nothing_is_sent),
        WITH_LINK(a_half_open_link_is_noticed_while_its_buffers_are_full),
        WITH_LINK(a_broker_of_mqtt_3_1_1_is_spoken_to_in_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
