/* tests/ingest/test_links.c - an intake whose broker is far away: cut, slow, late, half open, old.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "ingest/proxy.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"

#define NOTICE_MS_MAX 8000 /* with a keep-alive of one second */

/* Paho forgets a SUBSCRIBE that was on its way when the connection was cut. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpaho-mqtt3as\n";
}

typedef struct far_site {
    site *s;
    proxy *p;
    int before; /* connections */
} far_site;

static int start_far(void **state)
{
    far_site *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->s = site_new(NULL);
    f->p = proxy_new(f->s->port);
    f->s->ingest_port = proxy_port(f->p);
    *state = f;
    return 0;
}

static int end_far(void **state)
{
    far_site *f = *state;
    site_free(f->s);
    proxy_free(f->p);
    free(f);
    return 0;
}

/* The intake goes through the proxy from now on; its session at the broker stays. */
static void go_far(far_site *f)
{
    ingest_stop(f->s->ingest);
    site_start_ingest(f->s);
    site_wait_connected(f->s);
}

/* count messages, of which each is a fix with a second of its own. */
static void publish(far_site *f, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char text[120];
        snprintf(text, sizeof text, "{\"device\":\"cow-1\",\"lon\":16,\"lat\":59,\"time\":%d}",
                 1000 * (i + 1));
        site_publish_text(f->s, "hedgerow/v1/fix/barn", text);
    }
}

/* JSON may be repeated by the broker: each second must be there, how often is all one. */
static bool has_all(void *context)
{
    far_site *f = context;
    bool seen[64] = {false};
    size_t count, distinct = 0;
    site_fix *fixes = site_fixes(f->s, &count);
    for (size_t i = 0; i < count; i++) {
        int64_t second = fixes[i].fix.time_ms / 1000 - 1;
        if (second >= 0 && second < 64 && !seen[second]) {
            seen[second] = true;
            distinct++;
        }
    }
    free(fixes);
    return distinct == (size_t)f->before;
}

static void wait_for_all(far_site *f, int count)
{
    f->before = count;
    assert_true(support_until(has_all, f));
}

static void an_intake_whose_link_is_cut_again_and_again_loses_nothing(void **state)
{
    far_site *f = *state;
    go_far(f);
    ingest_stop(f->s->ingest);
    proxy_cut_after(f->p, 600, 3);
    publish(f, 0, 12);
    site_start_ingest(f->s);
    wait_for_all(f, 12);
    /* How much travels before a cut is seen depends on the kernel; there is always some more. */
    for (int count = 12; proxy_cut_count(f->p) < 3 && count < 60; count++) {
        publish(f, count, 1);
        wait_for_all(f, count + 1);
    }
    assert_int_equal(proxy_cut_count(f->p), 3);
}

static void a_link_that_trickles_and_lags_is_only_slow(void **state)
{
    far_site *f = *state;
    proxy_trickle(f->p, 1);
    go_far(f);
    publish(f, 0, 3);
    wait_for_all(f, 3);
    proxy_trickle(f->p, 0);
    proxy_delay(f->p, 200);
    publish(f, 3, 3);
    wait_for_all(f, 6);
}

static bool is_connected_anew(void *context)
{
    far_site *f = context;
    return proxy_connection_count(f->p) > f->before;
}

static void a_half_open_link_is_noticed_and_loses_nothing(void **state)
{
    far_site *f = *state;
    f->s->keep_alive_s = 1;
    go_far(f);
    f->before = proxy_connection_count(f->p);
    proxy_vanish(f->p, true);
    int64_t from_ns = hr_clock_mono_ns(hr_clock_real());
    publish(f, 0, 5);
    assert_true(support_until(is_connected_anew, f));
    int64_t took_ms = (hr_clock_mono_ns(hr_clock_real()) - from_ns) / 1000000;
    print_message("noticed after %lld ms\n", (long long)took_ms);
    assert_in_range(took_ms, 0, NOTICE_MS_MAX);
    proxy_vanish(f->p, false);
    wait_for_all(f, 5);
}

static void an_old_broker_is_spoken_to_in_its_words(void **state)
{
    far_site *f = *state;
    proxy_refuse_mqtt5(f->p);
    go_far(f);
    publish(f, 0, 2);
    wait_for_all(f, 2);
    assert_int_equal(proxy_connection_count(f->p), 2);
}

#define WITH_FAR(test) cmocka_unit_test_setup_teardown(test, start_far, end_far)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_FAR(an_intake_whose_link_is_cut_again_and_again_loses_nothing),
        WITH_FAR(a_link_that_trickles_and_lags_is_only_slow),
        WITH_FAR(a_half_open_link_is_noticed_and_loses_nothing),
        WITH_FAR(an_old_broker_is_spoken_to_in_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
