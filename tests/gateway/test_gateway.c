/* tests/gateway/test_gateway.c - the program hedgerow-edge against a real broker and the intake:
 * every fix it confirmed is in the log exactly once, whoever is killed and when. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/record.h"
#include "gateway/field.h"
#include "gateway/source.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "test.h"

static int start_field(void **state)
{
    field *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->s = site_new(NULL);
    field_write_config(f);
    field_restart(f);
    *state = f;
    return 0;
}

static int end_field(void **state)
{
    field *f = *state;
    field_end(f);
    site_free(f->s);
    free(f);
    return 0;
}

static void what_is_given_arrives(void **state)
{
    field *f = *state;
    field_give(f, 1000);
    field_wait_stored(f);
    field_assert_each_once(f);
}

static void the_end_of_input_ends_the_program_once_all_is_acknowledged(void **state)
{
    field *f = *state;
    field_give(f, 500);
    assert_int_equal(field_finish(f), 0);
    field_assert_each_once(f);
    field_restart(f);
    assert_int_equal(f->stored, 500);
}

static void without_standard_files_nothing_goes_where_it_does_not_belong(void **state)
{
    field *f = *state;
    char path[160], command[640];
    snprintf(path, sizeof path, "%s/silent.conf", f->s->root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "broker = tcp://127.0.0.1:%u\nuser = barn\npassword = %s\ndata = %s/silent\n"
            "source = json:%s/silent.json\n",
            f->s->port, f->s->password, f->s->root, f->s->root);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command,
             "echo '{\"device\":\"ox\",\"lon\":1,\"lat\":2,\"time\":7}' > %s/silent.json\n"
             "exec %s --config %s --confirm <&- >&- 2>&-",
             f->s->root, field_program(), path);
    field_end(f);
    const char *const argv[] = {"sh", "-c", command, NULL};
    assert_int_equal(support_run(argv), 0);
    site_wait_fixes(f->s, 1);
    snprintf(path, sizeof path, "%s/silent/outbox/names", f->s->root);
    assert_true(support_file_has(path, "ox\n", 1));
    assert_false(support_file_has(path, "mqtt", 1));
}

static void fixes_wait_out_an_outage_and_are_flagged(void **state)
{
    field *f = *state;
    ingest_stop(f->s->ingest);
    f->s->ingest = NULL;
    field_give(f, 2000);
    field_wait_stored(f);
    assert_int_equal(site_fix_count(f->s), 0);
    site_start_ingest(f->s);
    field_assert_each_once(f);
}

/* Of a broken sensor the first lines are told, and fixes come through beside it. */
static void what_cannot_be_read_is_told_to_the_service(void **state)
{
    field *f = *state;
    static const char poison[] = "{\"device\":\"cow-1\",\"lon\":16.5,\"lat\":95}\n";
    site_dead letter;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(write(f->in_fd, poison, strlen(poison)), strlen(poison));
    }
    field_give(f, 100);
    field_wait_stored(f);
    field_assert_each_once(f);
    site_wait_dead(f->s, SOURCE_LETTERS_BURST);
    site_read_dead(f->s, 0, &letter);
    assert_string_equal(letter.topic, "hedgerow/v1/dead/barn");
    assert_string_equal(letter.reason, "json:-: format: lat 95 is not within +-90 degrees");
    assert_int_equal(letter.payload_size, strlen(poison) - 1);
    assert_memory_equal(letter.payload, poison, letter.payload_size);
    assert_in_range(site_record_count(f->s, HR_TOPIC_DEAD, HR_RECORD_DEAD), SOURCE_LETTERS_BURST,
                    SOURCE_LETTERS_BURST + 10);
}

/* What was told while there was no link is told when there is one. */
static void letters_wait_for_a_link(void **state)
{
    field *f = *state;
    site_dead letter;
    broker_stop(f->s->broker);
    assert_int_equal(write(f->in_fd, "not this\n", 9), 9);
    field_give(f, 10);
    field_wait_stored(f);
    site_start_broker(f->s);
    site_wait_dead(f->s, 1);
    site_read_dead(f->s, 0, &letter);
    assert_string_equal(letter.payload, "not this");
    field_assert_each_once(f);
}

/* And so is what a gateway was told before it was killed. */
static void letters_outlive_the_gateway(void **state)
{
    field *f = *state;
    site_dead letter;
    broker_stop(f->s->broker);
    assert_int_equal(write(f->in_fd, "not this\n", 9), 9);
    field_give(f, 10);
    field_wait_stored(f);
    field_restart(f);
    assert_int_equal(write(f->in_fd, "nor that\n", 9), 9);
    field_give(f, 10);
    field_wait_stored(f);
    field_restart(f);
    site_start_broker(f->s);
    site_wait_dead(f->s, 2);
    site_read_dead(f->s, 0, &letter);
    assert_string_equal(letter.payload, "not this");
    site_read_dead(f->s, 1, &letter);
    assert_string_equal(letter.payload, "nor that");
    field_assert_each_once(f);
}

static void a_gateway_comes_in_over_tls(void **state)
{
    field *f = *state;
    assert_int_equal(broker_lan_open(f->s->broker_folder, support_port(), NULL), HR_OK);
    assert_int_equal(broker_lan_get(f->s->broker_folder, &f->lan, NULL), HR_OK);
    field_write_config(f);
    field_restart(f);
    field_give(f, 300);
    field_wait_stored(f);
    field_assert_each_once(f);
}

static void a_killed_gateway_goes_on(void **state)
{
    field *f = *state;
    for (int round = 0; round < 5; round++) {
        field_give(f, 300);
        if (round % 2 == 0) {
            field_wait_stored(f);
        }
        field_restart(f);
    }
    field_give(f, 100);
    field_wait_stored(f);
    field_assert_each_once(f);
}

/* The intake and its log in this process cannot be killed alone, but closed without ceremony. */
static void kill_service(field *f)
{
    ingest_stop(f->s->ingest);
    log_close(f->s->log);
    site_open_log(f->s);
    site_start_ingest(f->s);
}

/* Without waiting for its return; 0 is a broker that is dead already. */
static void kill_broker(field *f)
{
    pid_t pid = broker_pid(f->s->broker);
    if (pid > 0) {
        kill(pid, SIGKILL);
    }
}

static void anyone_may_die_at_any_time(void **state)
{
    field *f = *state;
    uint64_t seed = test_seed(__func__);
    hr_random random = {seed};
    for (int round = 0; round < 12; round++) {
        field_give(f, (uint32_t)hr_random_below(&random, 400));
        switch (hr_random_below(&random, 3)) {
        case 0:
            field_restart(f);
            break;
        case 1:
            kill_service(f);
            break;
        default:
            kill_broker(f);
            break;
        }
        field_give(f, (uint32_t)hr_random_below(&random, 400));
    }
    field_wait_stored(f);
    field_assert_each_once(f);
}

#define WITH_FIELD(test) cmocka_unit_test_setup_teardown(test, start_field, end_field)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_FIELD(what_is_given_arrives),
        WITH_FIELD(the_end_of_input_ends_the_program_once_all_is_acknowledged),
        WITH_FIELD(without_standard_files_nothing_goes_where_it_does_not_belong),
        WITH_FIELD(fixes_wait_out_an_outage_and_are_flagged),
        WITH_FIELD(what_cannot_be_read_is_told_to_the_service),
        WITH_FIELD(letters_wait_for_a_link),
        WITH_FIELD(letters_outlive_the_gateway),
        WITH_FIELD(a_gateway_comes_in_over_tls),
        WITH_FIELD(a_killed_gateway_goes_on),
        WITH_FIELD(anyone_may_die_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
