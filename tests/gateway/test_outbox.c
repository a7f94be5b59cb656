/* tests/gateway/test_outbox.c - the outbox by itself, and the configuration. */
#include "gateway/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/id.h"
#include "gateway/config.h"
#include "ingest/support.h"
#include "test.h"

typedef struct place {
    char root[64];
    char folder[96];
    const char *boot; /* NULL: as the kernel says */
    outbox *box;
    uint64_t wanted;
} place;

static void open_box(place *p, uint64_t cap_bytes)
{
    hr_why why = {{0}};
    outbox_options options = {
        .folder = p->folder, .cap_bytes = cap_bytes, .clock = hr_clock_real(), .boot = p->boot};
    if (outbox_open(&options, &p->box, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

static int make_place(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    snprintf(p->root, sizeof p->root, "%s", support_folder());
    snprintf(p->folder, sizeof p->folder, "%s/edge", p->root);
    open_box(p, UINT64_C(64) << 20);
    *state = p;
    return 0;
}

static int drop_place(void **state)
{
    place *p = *state;
    outbox_close(p->box);
    support_folder_remove(p->root);
    free(p);
    return 0;
}

static wire_fix make_fix(uint64_t number)
{
    wire_fix fix = {.fix = {.time_ms = 1795161600000 + (int64_t)number,
                            .lon_e7 = 163725000,
                            .lat_e7 = (int32_t)number,
                            .accuracy_dm = 30,
                            .battery_pct = 88}};
    fix.id_size = (uint8_t)snprintf(fix.id, sizeof fix.id, "cow-%u", (unsigned)(number % 20));
    fix.fix.device = hr_device_key(fix.id, fix.id_size);
    return fix;
}

static bool is_committed(void *context)
{
    place *p = context;
    return outbox_end(p->box) >= p->wanted;
}

static void put(place *p, uint64_t first, uint32_t count)
{
    static wire_fix fixes[OUTBOX_PUT_MAX];
    for (uint32_t i = 0; i < count; i++) {
        fixes[i] = make_fix(first + i);
    }
    assert_int_equal(outbox_put(p->box, fixes, count, NULL), HR_OK);
    p->wanted = first + count;
    assert_true(support_until(is_committed, p));
}

static void fixes_come_back_as_they_were_and_over_a_restart(void **state)
{
    place *p = *state;
    put(p, 0, 1000);
    outbox_close(p->box);
    open_box(p, UINT64_C(64) << 20);
    for (uint64_t i = 0; i < 1000; i++) {
        outbox_fix out;
        wire_fix expected = make_fix(i);
        assert_int_equal(outbox_next(p->box, &out), HR_OK);
        assert_int_equal(out.sequence, i);
        assert_string_equal(out.fix.id, expected.id);
        assert_memory_equal(&out.fix.fix, &expected.fix, sizeof expected.fix);
    }
    outbox_fix none;
    assert_int_equal(outbox_next(p->box, &none), HR_TIMEOUT);
}

static void reading_goes_on_behind_what_was_acknowledged(void **state)
{
    place *p = *state;
    outbox_fix out;
    put(p, 0, 100);
    uint64_t epoch = outbox_span_at(p->box, 0).epoch;
    outbox_acked(p->box, 40);
    outbox_close(p->box);
    open_box(p, UINT64_C(64) << 20);
    assert_int_equal(outbox_span_at(p->box, 0).epoch, epoch);
    assert_int_equal(outbox_acked_next(p->box), 40);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_int_equal(out.sequence, 40);
    outbox_seek(p->box, 7);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_int_equal(out.sequence, 7);
}

static void each_boot_has_an_epoch_of_its_own(void **state)
{
    place *p = *state;
    for (int boot = 0; boot < 3; boot++) {
        static const char *const boots[] = {"one", "two", "three"};
        p->boot = boots[boot];
        outbox_close(p->box);
        open_box(p, UINT64_C(64) << 20);
        put(p, (uint64_t)boot * 10, 10);
        /* Killed and started again, it goes on. */
        outbox_close(p->box);
        open_box(p, UINT64_C(64) << 20);
    }
    outbox_span one = outbox_span_at(p->box, 9);
    outbox_span two = outbox_span_at(p->box, 10);
    outbox_span three = outbox_span_at(p->box, 25);
    assert_int_equal(one.start, 0);
    assert_int_equal(one.end, 10);
    assert_int_equal(two.start, 10);
    assert_int_equal(two.end, 20);
    assert_int_equal(three.start, 20);
    assert_true(three.end == UINT64_MAX);
    assert_true(one.epoch != two.epoch && two.epoch != three.epoch && one.epoch != three.epoch);
}

/* Put the folder back to what it was, as a power cut does with a disk that lies about syncs. */
static void go_back(place *p, const char *to)
{
    const char *const argv[] = {"cp", "-rT", to, p->folder, NULL};
    support_folder_remove(p->folder);
    assert_int_equal(support_run(argv), 0);
}

static void numbers_that_a_lying_disk_lost_are_not_used_again(void **state)
{
    place *p = *state;
    char kept[128];
    outbox_fix out;
    snprintf(kept, sizeof kept, "%s/kept", p->root);
    p->boot = "one";
    outbox_close(p->box);
    open_box(p, UINT64_C(64) << 20);
    put(p, 0, 10);
    uint64_t epoch = outbox_span_at(p->box, 0).epoch;
    outbox_close(p->box);
    const char *const argv[] = {"cp", "-rT", p->folder, kept, NULL};
    assert_int_equal(support_run(argv), 0);
    open_box(p, UINT64_C(64) << 20);
    put(p, 10, 10);
    outbox_acked(p->box, 20);
    outbox_close(p->box);
    go_back(p, kept);
    p->boot = "two";
    /* Twice, and without a link in between: the service could not yet say what it has. */
    for (uint64_t i = 0; i < 2; i++) {
        open_box(p, UINT64_C(64) << 20);
        put(p, 10 + 10 * i, 10);
        outbox_close(p->box);
    }
    open_box(p, UINT64_C(64) << 20);
    assert_int_equal(outbox_acked_next(p->box), 0);
    assert_true(outbox_span_at(p->box, 9).epoch == epoch);
    assert_true(outbox_span_at(p->box, 10).epoch != epoch);
    assert_true(outbox_span_at(p->box, 20).epoch != epoch);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_int_equal(out.sequence, 0);
}

static void write_inner(place *p, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/outbox/%s", p->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void damaged_small_files_do_not_stop_it(void **state)
{
    place *p = *state;
    static const char *const texts[] = {"", "\n", "boot\nsomething\n", "boot\n5 9\n6 3\n"};
    put(p, 0, 10);
    outbox_acked(p->box, 4);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        outbox_close(p->box);
        write_inner(p, "epochs", texts[i]);
        open_box(p, UINT64_C(64) << 20);
        assert_int_equal(outbox_span_at(p->box, 4).start, 4);
    }
    /* Without its name a fix is passed, and the gap shows. */
    outbox_fix out;
    outbox_close(p->box);
    write_inner(p, "names", "cow-4\n???\ncow-6\ncow-");
    open_box(p, UINT64_C(64) << 20);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_int_equal(out.sequence, 4);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_int_equal(out.sequence, 6);
    assert_int_equal(outbox_next(p->box, &out), HR_TIMEOUT);
    put(p, 10, 10);
    outbox_close(p->box);
    open_box(p, UINT64_C(64) << 20);
    outbox_seek(p->box, 12);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_string_equal(out.fix.id, "cow-12");
}

static void a_device_too_many_costs_its_own_fixes_alone(void **state)
{
    place *p = *state;
    static wire_fix fixes[OUTBOX_PUT_MAX];
    size_t refused;
    outbox_fix out;
    for (uint32_t first = 0; first < OUTBOX_DEVICES_MAX; first += OUTBOX_PUT_MAX) {
        for (uint32_t i = 0; i < OUTBOX_PUT_MAX; i++) {
            fixes[i] = make_fix(first + i);
            fixes[i].id_size = (uint8_t)snprintf(fixes[i].id, sizeof fixes[i].id, "d%u", first + i);
        }
        assert_int_equal(outbox_put(p->box, fixes, OUTBOX_PUT_MAX, &refused), HR_OK);
        assert_int_equal(refused, 0);
    }
    fixes[0] = make_fix(1);
    fixes[0].id_size = (uint8_t)snprintf(fixes[0].id, sizeof fixes[0].id, "one-more");
    assert_int_equal(outbox_put(p->box, fixes, 2, &refused), HR_OK);
    assert_int_equal(refused, 1);
    p->wanted = OUTBOX_DEVICES_MAX + 1;
    assert_true(support_until(is_committed, p));
    outbox_seek(p->box, OUTBOX_DEVICES_MAX);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_string_equal(out.fix.id, fixes[1].id);
}

static void above_the_cap_the_oldest_go_and_are_counted(void **state)
{
    place *p = *state;
    outbox_fix out;
    outbox_close(p->box);
    open_box(p, 3u << 20);
    for (uint64_t first = 0; first < 200000; first += 4000) {
        put(p, first, 4000);
    }
    outbox_acked(p->box, 1000);
    uint64_t dropped = outbox_trim(p->box);
    assert_true(dropped > 0);
    assert_int_equal(outbox_start(p->box), 1000 + dropped);
    outbox_seek(p->box, 1000);
    assert_int_equal(outbox_next(p->box, &out), HR_OK);
    assert_int_equal(out.sequence, 1000 + dropped);
    assert_int_equal(out.fix.fix.lat_e7, 1000 + dropped);
    assert_int_equal(outbox_trim(p->box), 0);
}

/* The next letter has that number. */
static void expect_letter(place *p, int number)
{
    char wanted[32];
    hr_buf message;
    int size = snprintf(wanted, sizeof wanted, "letter %d", number);
    hr_buf_init(&message, 100);
    assert_int_equal(outbox_letters_first(outbox_letters_of(p->box), &message), HR_OK);
    assert_int_equal(message.size, size);
    assert_memory_equal(message.data, wanted, (size_t)size);
    hr_buf_fini(&message);
}

static void letters_wait_up_to_a_number_and_go_one_by_one(void **state)
{
    place *p = *state;
    hr_buf message;
    outbox_letters *letters = outbox_letters_of(p->box);
    hr_buf_init(&message, 100);
    assert_false(outbox_letters_wait(letters));
    assert_int_equal(outbox_letters_first(letters, &message), HR_TIMEOUT);
    for (int i = 0; i < OUTBOX_LETTERS_MAX; i++) {
        char text[32];
        size_t size = (size_t)snprintf(text, sizeof text, "letter %d", i);
        assert_int_equal(outbox_letters_put(letters, text, size), HR_OK);
    }
    assert_int_equal(outbox_letters_put(letters, "x", 1), HR_NO_SPACE);
    put(p, 0, 10);
    for (int i = 0; i < 3; i++) {
        expect_letter(p, i);
        expect_letter(p, i);
        outbox_letters_done(letters);
    }
    assert_int_equal(outbox_letters_put(letters, "letter 256", 10), HR_OK);
    outbox_close(p->box);
    open_box(p, UINT64_C(64) << 20);
    letters = outbox_letters_of(p->box);
    for (int i = 3; i <= OUTBOX_LETTERS_MAX; i++) {
        assert_true(outbox_letters_wait(letters));
        expect_letter(p, i);
        outbox_letters_done(letters);
    }
    assert_false(outbox_letters_wait(letters));
    assert_int_equal(outbox_end(p->box), 10);
    outbox_close(p->box);
    open_box(p, UINT64_C(64) << 20);
    assert_false(outbox_letters_wait(outbox_letters_of(p->box)));
    hr_buf_fini(&message);
}

static void letters_that_the_cap_took_are_passed(void **state)
{
    place *p = *state;
    outbox_letters *letters = outbox_letters_of(p->box);
    assert_int_equal(outbox_letters_put(letters, "old", 3), HR_OK);
    outbox_close(p->box);
    open_box(p, 3u << 20);
    for (uint64_t i = 0; i < 50; i++) {
        put(p, i * 4000, 4000);
    }
    assert_true(outbox_trim(p->box) > 0);
    letters = outbox_letters_of(p->box);
    assert_int_equal(outbox_letters_put(letters, "letter 7", 8), HR_OK);
    expect_letter(p, 7);
    outbox_letters_done(letters);
    assert_false(outbox_letters_wait(letters));
}

/* Those that were in the field before letters were kept. */
static void an_outbox_without_letters_goes_on(void **state)
{
    place *p = *state;
    char inner[128];
    static const log_topic topics[] = {{"fixes", 1}};
    log_store *log = NULL;
    outbox_close(p->box);
    p->box = NULL;
    support_folder_remove(p->folder);
    assert_int_equal(mkdir(p->folder, 0700), 0);
    snprintf(inner, sizeof inner, "%s/outbox", p->folder);
    log_options options = {
        .folder = inner, .topics = topics, .topic_count = 1, .clock = hr_clock_real()};
    assert_int_equal(log_open(&options, &log, NULL), HR_OK);
    log_close(log);
    open_box(p, UINT64_C(64) << 20);
    put(p, 0, 10);
    assert_int_equal(outbox_end(p->box), 10);
    assert_int_equal(outbox_letters_put(outbox_letters_of(p->box), "x", 1), HR_UNSUPPORTED);
    assert_false(outbox_letters_wait(outbox_letters_of(p->box)));
}

static void a_configuration_is_read(void **state)
{
    (void)state;
    config c;
    const char *text = "# comment\n broker = tcp://a:1883,ssl://b:8883 \nuser=barn\r\n"
                       "password = a = b #1 # x\ndata = /var/lib/edge\ndisk_mb = 64\n\n"
                       "source = nmea:/dev/ttyUSB0@9600 tractor-1\nsource = json:-\n";
    assert_int_equal(config_parse(text, strlen(text), &c, NULL), HR_OK);
    assert_string_equal(c.broker, "tcp://a:1883,ssl://b:8883");
    assert_string_equal(c.user, "barn");
    assert_string_equal(c.password, "a = b #1 # x");
    assert_int_equal(c.disk_mb, 64);
    assert_int_equal(c.batch_fixes, CONFIG_BATCH_FIXES_DEFAULT);
    assert_int_equal(c.source_count, 2);
    assert_int_equal(c.sources[0].kind, CONFIG_NMEA);
    assert_string_equal(c.sources[0].place, "/dev/ttyUSB0@9600");
    assert_string_equal(c.sources[0].device, "tractor-1");
    assert_string_equal(c.sources[1].place, "-");
    assert_string_equal(c.sources[1].device, "");
}

static void a_configuration_is_written_as_it_is_read(void **state)
{
    (void)state;
    static config c;
    hr_buf out;
    const char *text = "broker = ssl://b:8883\nuser = barn\npassword = abc\nca_file = /ca.pem\n"
                       "data = /var/lib/edge\ndisk_mb = 64\n"
                       "source = nmea:/dev/ttyUSB0@9600 tractor-1\nsource = json:-\n";
    assert_int_equal(config_parse(text, strlen(text), &c, NULL), HR_OK);
    hr_buf_init(&out, 4096);
    config_format(&c, &out);
    assert_int_equal(hr_buf_err(&out), HR_OK);
    assert_int_equal(out.size, strlen(text));
    assert_memory_equal(out.data, text, out.size);
    hr_buf_fini(&out);
}

#define WITH_SOURCE(source) "broker = tcp://x\nuser = a\ndata = x\nsource = " source "\n"

static void what_is_wrong_is_told_by_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"", "broker is missing; \"hedgerow gateway add NAME\", where the service runs, prints all "
             "that is needed"},
        {"broker\n", "line 1: a line is \"name = value\", a comment that begins with #, or empty"},
        {"\nbroke = x\n",
         "line 2: there is no setting \"broke\"; there are broker, user, password, ca_file, "
         "cert_file, key_file, data, disk_mb, keepalive_s, batch_ms, batch_fixes and source"},
        {"disk_mb = 3\n", "line 1: disk_mb must be a number from 4 to 1048576, not \"3\""},
        {"batch_ms = many\n", "line 1: batch_ms must be a number from 10 to 600000, not \"many\""},
        {"keepalive_s = 0\n", "line 1: keepalive_s must be a number from 1 to 3600, not \"0\""},
        {"source = gpx:-\n", "line 1: a source begins with json:, nmea:, gpsd: or lorawan:, as in "
                             "\"source = nmea:/dev/ttyUSB0@9600 tractor-1\""},
        {"source = json:- a/b\n", "line 1: \"a/b\" is no device id: 1 to 64 of A-Z a-z 0-9 . _ : - "
                                  "are, without blanks"},
        {"user =\n", "line 1: user must be a text of 1 to 64 characters"},
        {"data = a\ndata = b\n", "line 2: data is given a second time: keep one of the lines"},
        {"broker = tcp://x\nuser = a b\ndata = x\n", "user must be 1 to 64 of A-Z a-z 0-9 . _ -"},
        {"broker = tcp://x\nuser = a\ndata = x\n",
         "there is no source; add a line such as \"source = nmea:/dev/ttyUSB0@9600 tractor-1\""},
        {"broker = tcp://x,y:1\nuser = a\ndata = x\nsource = json:-\n",
         "broker: \"y:1\" is not like tcp://192.168.1.10:1883 or, with TLS, "
         "ssl://192.168.1.10:8883"},
        {"broker = ssl://x\nuser = a\ndata = x\nsource = json:-\ncert_file = c\n",
         "cert_file and key_file belong together"},
        {"broker = mqtt://1,mqtt://2,mqtt://3,mqtt://4,mqtt://5,mqtt://6,mqtt://7,mqtt://8,mqtt://9"
         "\nuser = a\ndata = x\nsource = json:-\n",
         "broker: there are more than 8 addresses"},
        {WITH_SOURCE("nmea:/dev/ttyUSB0@9601"), "source: \"9601\" is no speed of a serial port; "
                                                "there are 4800, 9600, 19200, 38400, 57600, "
                                                "115200 and 230400"},
        {WITH_SOURCE("nmea:tcp://host"),
         "source: \"tcp://host\" is neither like "
         "tcp://192.168.1.12:10110 nor like listen://0.0.0.0:10110"},
        {WITH_SOURCE("json:udp://host:1"), "source: \"udp://host:1\" is neither like "
                                           "tcp://192.168.1.12:10110 nor like "
                                           "listen://0.0.0.0:10110"},
        {WITH_SOURCE("json:listen://:65536"), "source: \"listen://:65536\" is neither like "
                                              "tcp://192.168.1.12:10110 nor like "
                                              "listen://0.0.0.0:10110"},
        {WITH_SOURCE("gpsd:localhost:"), "source: \"localhost:\" is not like localhost:2947"},
        {WITH_SOURCE("lorawan:me:secret@192.168.1.11:1883"),
         "source = lorawan: \"192.168.1.11:1883\" is not like tcp://192.168.1.10:1883 or, with "
         "TLS, "
         "ssl://192.168.1.10:8883"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        config c;
        hr_why why = {{0}};
        assert_int_equal(config_parse(cases[i].text, strlen(cases[i].text), &c, &why), HR_INVALID);
        assert_string_equal(why.text, cases[i].reason);
    }
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(fixes_come_back_as_they_were_and_over_a_restart),
        WITH_PLACE(reading_goes_on_behind_what_was_acknowledged),
        WITH_PLACE(each_boot_has_an_epoch_of_its_own),
        WITH_PLACE(numbers_that_a_lying_disk_lost_are_not_used_again),
        WITH_PLACE(damaged_small_files_do_not_stop_it),
        WITH_PLACE(a_device_too_many_costs_its_own_fixes_alone),
        WITH_PLACE(above_the_cap_the_oldest_go_and_are_counted),
        WITH_PLACE(letters_wait_up_to_a_number_and_go_one_by_one),
        WITH_PLACE(letters_that_the_cap_took_are_passed),
        WITH_PLACE(an_outbox_without_letters_goes_on),
        cmocka_unit_test(a_configuration_is_read),
        cmocka_unit_test(a_configuration_is_written_as_it_is_read),
        cmocka_unit_test(what_is_wrong_is_told_by_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
