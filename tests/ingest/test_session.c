/* tests/ingest/test_session.c - whose the service's session at the broker is. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/logline.h"
#include "ingest/broker_files.h"
#include "ingest/ingest_private.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"

#define FIX_TOPIC "hedgerow/v1/fix/barn"
#define OLD_PASSWORD "abcdefghijkmnpqrstuvwxyz23456789" /* such as versions before made */

static int start_site(void **state)
{
    *state = site_new(NULL);
    return 0;
}

static int end_site(void **state)
{
    site_free(*state);
    return 0;
}

static void publish_fix(site *s, int number)
{
    char text[64];
    snprintf(text, sizeof text, "{\"lon\":1,\"lat\":2,\"time\":%d}", number);
    site_publish_text(s, FIX_TOPIC, text);
}

/* A gateway that connects by the service's name, and what comes of that. */
typedef struct twin {
    site *s;
    site_ear ear;
    uint64_t epoch;
    atomic_int losses; /* of the service's connection */
} twin;

static void count_losses(const char *line, void *context)
{
    if (strstr(line, "mqtt.down") != NULL) {
        atomic_fetch_add(&((twin *)context)->losses, 1);
    }
}

static bool hears_or_harms(void *context)
{
    twin *t = context;
    site_publish_batch(t->s, t->epoch++, 0, 0, 10);
    return site_has_acks(&t->ear, "\"seq\":9", 1) || atomic_load(&t->losses) > 0;
}

static void a_gateway_with_the_name_of_the_services_session_does_not_get_it(void **state)
{
    site *s = *state;
    twin t = {.s = s};
    hr_logline_redirect(count_losses, &t, hr_clock_real());
    snprintf(t.ear.path, sizeof t.ear.path, "%s/acks", s->root);
    t.ear.pid = support_hear(s->port, "barn", s->password, BROKER_SERVICE_CLIENT,
                             "hedgerow/v1/ack/barn", t.ear.path);
    bool is_met = support_until(hears_or_harms, &t);
    support_kill(t.ear.pid);
    hr_logline_redirect(NULL, NULL, NULL);
    assert_true(is_met);
    assert_int_equal(atomic_load(&t.losses), 0);
}

/* As a version left it whose session had the plain name. */
static void make_old(site *s)
{
    hr_buf password;
    hr_buf_init(&password, 64);
    ingest_stop(s->ingest);
    s->ingest = NULL;
    broker_stop(s->broker);
    hr_buf_put_text(&password, OLD_PASSWORD);
    assert_int_equal(broker_users_write_service(s->broker_folder, OLD_PASSWORD, NULL), HR_OK);
    assert_int_equal(broker_file_write(s->broker_folder, BROKER_SECRET_NAME, &password, NULL),
                     HR_OK);
    hr_buf_fini(&password);
    site_start_broker(s);
    assert_string_equal(broker_password(s->broker), OLD_PASSWORD);
    assert_int_equal(support_session(s->port, BROKER_SERVICE_USER, OLD_PASSWORD,
                                     BROKER_SERVICE_CLIENT, FIX_TOPIC),
                     0);
}

static bool has_moved(void *context)
{
    site *s = context;
    pthread_mutex_lock(&s->ingest->lock);
    bool is_over = s->ingest->former.link == NULL;
    pthread_mutex_unlock(&s->ingest->lock);
    return is_over;
}

static bool has_heard_last(void *context)
{
    return support_file_has(((site_ear *)context)->path, "last", 1);
}

static void
what_waits_in_the_session_of_an_older_version_is_taken_and_the_session_ended(void **state)
{
    site *s = *state;
    site_ear ear;
    make_old(s);
    for (int number = 1; number <= 3; number++) {
        publish_fix(s, number);
    }
    site_start_ingest(s);
    site_wait_connected(s);
    site_wait_fixes(s, 3);
    assert_true(support_until(has_moved, s));
    publish_fix(s, 4);
    site_wait_fixes(s, 4);
    snprintf(ear.path, sizeof ear.path, "%s/old", s->root);
    assert_int_equal(support_session(s->port, BROKER_SERVICE_USER, OLD_PASSWORD,
                                     BROKER_SERVICE_CLIENT, "hedgerow/v1/x"),
                     0);
    publish_fix(s, 5);
    assert_int_equal(
        support_publish(s->port, BROKER_SERVICE_USER, OLD_PASSWORD, "hedgerow/v1/x", "last"), 0);
    ear.pid = support_hear(s->port, BROKER_SERVICE_USER, OLD_PASSWORD, BROKER_SERVICE_CLIENT,
                           "hedgerow/v1/x", ear.path);
    assert_true(support_until(has_heard_last, &ear));
    assert_false(support_file_has(ear.path, "lon", 1));
    support_kill(ear.pid);
    /* The next start has the new session, with what waits there. */
    ingest_stop(s->ingest);
    publish_fix(s, 6);
    site_start_ingest(s);
    site_wait_fixes(s, 6);
}

#define WITH_SITE(test) cmocka_unit_test_setup_teardown(test, start_site, end_site)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SITE(a_gateway_with_the_name_of_the_services_session_does_not_get_it),
        WITH_SITE(what_waits_in_the_session_of_an_older_version_is_taken_and_the_session_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
