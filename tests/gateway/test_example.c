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
#define START_MS 1795161600000

typedef struct ear {
    char path[96];
    const char *wanted;
} ear;

static pid_t listen_for_acks(const site *s, ear *e)
{
    char port[8];
    snprintf(port, sizeof port, "%u", s->port);
    snprintf(e->path, sizeof e->path, "%s/acks", s->root);
    const char *const argv[] = {"mosquitto_sub",
                                "-h",
                                "127.0.0.1",
                                "-p",
                                port,
                                "-u",
                                "barn",
                                "-P",
                                s->password,
                                "-q",
                                "1",
                                "-t",
                                "hedgerow/v1/ack/barn",
                                NULL};
    return support_spawn(argv, e->path);
}

static bool has_heard(void *context)
{
    const ear *e = context;
    char text[4096] = {0};
    FILE *file = fopen(e->path, "r");
    if (file != NULL) {
        (void)!fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    return strstr(text, e->wanted) != NULL;
}

/* Fixes base to base + BATCH - 1 of one collar, as its program would send them. */
static void send_batch(const site *s, uint64_t base)
{
    uint8_t message[512];
    char path[96], port[8];
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
    snprintf(path, sizeof path, "%s/message", s->root);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(message, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    snprintf(port, sizeof port, "%u", s->port);
    const char *const argv[] = {"mosquitto_pub",
                                "-h",
                                "127.0.0.1",
                                "-p",
                                port,
                                "-u",
                                "barn",
                                "-P",
                                s->password,
                                "-q",
                                "1",
                                "-t",
                                "hedgerow/v1/fixes/barn",
                                "-f",
                                path,
                                NULL};
    assert_int_equal(support_run(argv), 0);
}

static void what_it_encodes_comes_into_the_log_once_and_is_acknowledged(void **state)
{
    (void)state;
    site *s = site_new(NULL);
    ear e = {.wanted = "{\"epoch\":\"10458279070678109679\",\"seq\":23}"};
    size_t found;
    pid_t listener = listen_for_acks(s, &e);
    for (uint64_t base = 0; base < 3 * BATCH; base += BATCH) {
        send_batch(s, base);
    }
    /* It heard no answer and sends the last two again. */
    send_batch(s, BATCH);
    send_batch(s, 2 * BATCH);
    assert_true(support_until(has_heard, &e));
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
    support_kill(listener);
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
