/* tests/gateway/test_example.c - the encoder for microcontrollers, compiled as C99, in the place of
 * a gateway: through a real broker into the log, each fix once, and acknowledged. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"
#include "wire/example/hrf1_encode.h"

#define EPOCH UINT64_C(0x9123456789abcdef)
#define BATCH 8
#define START_MS 1735689600000

/* Fixes base to base + BATCH - 1 of one collar, as its program would send them. */
static void send_batch(site *s, uint64_t base)
{
    uint8_t message[512];
    hrf1_sample fixes[BATCH];
    for (uint64_t i = 0; i < BATCH; i++) {
        fixes[i] = (hrf1_sample){.time_ms = START_MS + (int64_t)(base + i) * 60000,
                                 .lon_e7 = -163725000,
                                 .lat_e7 = (int32_t)(base + i),
                                 .accuracy_dm = 50,
                                 .battery_pct = 71};
    }
    size_t size = hrf1_encode(message, sizeof message, "collar-7", EPOCH, base, 0, fixes, BATCH);
    assert_true(size > 0);
    site_publish_bytes(s, "hedgerow/v1/fixes/barn", message, size);
}

static void what_it_encodes_comes_into_the_log_once_and_is_acknowledged(void **state)
{
    (void)state;
    site *s = site_new(NULL);
    site_ear ear;
    size_t found;
    site_hear_acks(s, &ear);
    for (uint64_t base = 0; base < 3 * BATCH; base += BATCH) {
        send_batch(s, base);
    }
    /* It heard no answer and sends the last two again. */
    send_batch(s, BATCH);
    send_batch(s, 2 * BATCH);
    site_wait_acks(&ear, "{\"epoch\":\"10458279070678109679\",\"seq\":23}", 1);
    site_fix *fixes = site_fixes(s, &found);
    assert_int_equal(found, 3 * BATCH);
    for (size_t i = 0; i < found; i++) {
        const hr_fix *fix = &fixes[i].fix;
        assert_int_equal(fix->lat_e7, i);
        assert_int_equal(fix->lon_e7, -163725000);
        assert_int_equal(fix->time_ms, START_MS + (int64_t)i * 60000);
        assert_int_equal(fix->accuracy_dm, 50);
        assert_int_equal(fix->battery_pct, 71);
        assert_int_equal(fix->speed_cm_s, HR_FIX_U16_UNKNOWN);
        assert_int_equal(fix->heading_cdeg, HR_FIX_U16_UNKNOWN);
    }
    free(fixes);
    support_kill(ear.pid);
    site_free(s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_encodes_comes_into_the_log_once_and_is_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
