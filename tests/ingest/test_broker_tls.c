/* test_broker_tls.c - certificates that were made by a clock which was wrong. */
#include "ingest/broker_tls.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ingest/support.h"
#include "test.h"

#define NOW_S 1795161600 /* 2026-11-20 */
#define YEAR_S (365 * 86400)

static time_t now_s;
time_t __wrap_time(time_t *out);
time_t __wrap_time(time_t *out)
{
    if (out != NULL) {
        *out = now_s;
    }
    return now_s;
}

static int make_folder(void **state)
{
    static char folder[64];
    snprintf(folder, sizeof folder, "%s", support_folder());
    *state = folder;
    return 0;
}

static int drop_folder(void **state)
{
    support_folder_remove(*state);
    return 0;
}

/* True if one was made. */
static bool make_at(const char *folder, time_t at)
{
    hr_why why = {{0}};
    bool is_new = false;
    now_s = at;
    if (broker_tls_make(folder, &is_new, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
    return is_new;
}

static bool holds_at(const char *folder, const char *name, time_t at)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(cert);
    bool holds = X509_cmp_time(X509_get0_notBefore(cert), &at) < 0 &&
                 X509_cmp_time(X509_get0_notAfter(cert), &at) > 0;
    X509_free(cert);
    return holds;
}

/* The authority stays, since gateways know it; the certificate follows the clock. */
static void check_first_made_at(const char *folder, time_t wrong)
{
    char before[BROKER_FINGERPRINT_SIZE], after[BROKER_FINGERPRINT_SIZE];
    assert_true(make_at(folder, wrong));
    assert_int_equal(broker_tls_fingerprint(folder, before, NULL), HR_OK);
    assert_true(holds_at(folder, BROKER_CERT_NAME, wrong));
    assert_true(make_at(folder, NOW_S));
    assert_true(holds_at(folder, BROKER_CERT_NAME, NOW_S));
    assert_true(holds_at(folder, BROKER_CA_NAME, NOW_S));
    assert_true(holds_at(folder, BROKER_CA_NAME, NOW_S + 10L * YEAR_S));
    assert_int_equal(broker_tls_fingerprint(folder, after, NULL), HR_OK);
    assert_string_equal(after, before);
    assert_false(make_at(folder, NOW_S + 60));
}

static void what_was_made_before_the_clock_was_set_is_of_use_afterwards(void **state)
{
    check_first_made_at(*state, 1000);
}

static void what_was_made_by_a_clock_that_was_ahead_is_of_use_when_it_is_right(void **state)
{
    check_first_made_at(*state, NOW_S + 5L * YEAR_S);
}

static void a_certificate_is_made_anew_in_the_middle_of_its_life(void **state)
{
    assert_true(make_at(*state, NOW_S));
    assert_false(make_at(*state, NOW_S + YEAR_S - 86400));
    assert_true(make_at(*state, NOW_S + YEAR_S + 86400));
    assert_true(holds_at(*state, BROKER_CERT_NAME, NOW_S + 2L * YEAR_S));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_was_made_before_the_clock_was_set_is_of_use_afterwards),
        IN_FOLDER(what_was_made_by_a_clock_that_was_ahead_is_of_use_when_it_is_right),
        IN_FOLDER(a_certificate_is_made_anew_in_the_middle_of_its_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
