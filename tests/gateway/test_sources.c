/* tests/gateway/test_sources.c - every kind of source, with what really comes out of a wire: pieces
 * of lines, junk, devices that vanish and come again. */
#include "gateway/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "ingest/support.h"
#include "test.h"

#define NOW_MS 1795161600000 /* 2026-11-20T08:00:00Z */
#define FIXES_MAX 5000

typedef struct ear {
    char root[64];
    hr_clock *clock;
    config_source what;
    source *s;
    pthread_mutex_t lock;
    wire_fix fixes[FIXES_MAX]; /* protected by lock, as all below */
    size_t count;
    size_t refused;
    size_t letters;
    dead_letter letter; /* the last one, but for its bytes */
    char letter_bytes[128];
    size_t finished;
    size_t wanted;
} ear;

static bool take(void *context, const wire_fix *fix, bool is_answered)
{
    (void)is_answered;
    ear *e = context;
    pthread_mutex_lock(&e->lock);
    if (e->count < FIXES_MAX) {
        e->fixes[e->count++] = *fix;
    }
    pthread_mutex_unlock(&e->lock);
    return true;
}

static void note_refused(void *context, const dead_letter *letter)
{
    ear *e = context;
    pthread_mutex_lock(&e->lock);
    e->refused++;
    if (letter != NULL) {
        e->letters++;
        e->letter = *letter;
        size_t room = sizeof e->letter_bytes - 1;
        size_t size = letter->size < room ? letter->size : room;
        memcpy(e->letter_bytes, letter->bytes, size);
        e->letter_bytes[size] = '\0';
    }
    pthread_mutex_unlock(&e->lock);
}

static void note_finished(void *context)
{
    ear *e = context;
    pthread_mutex_lock(&e->lock);
    e->finished++;
    pthread_mutex_unlock(&e->lock);
}

static int make_ear(void **state)
{
    ear *e = calloc(1, sizeof *e);
    assert_non_null(e);
    pthread_mutex_init(&e->lock, NULL);
    snprintf(e->root, sizeof e->root, "%s", support_folder());
    e->clock = hr_clock_fake_new(NOW_MS);
    hr_clock_fake_set_synchronised(e->clock, true);
    *state = e;
    return 0;
}

static int drop_ear(void **state)
{
    ear *e = *state;
    source_stop(e->s);
    hr_clock_fake_free(e->clock);
    support_folder_remove(e->root);
    pthread_mutex_destroy(&e->lock);
    free(e);
    return 0;
}

/* The source borrows it. */
static void listen_to_source(ear *e, const config_source *what)
{
    hr_why why = {{0}};
    source_options options = {.what = what,
                              .user = "barn",
                              .clock = e->clock,
                              .sink = take,
                              .refused = note_refused,
                              .finished = note_finished,
                              .context = e};
    if (source_start(&options, &e->s, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

static void listen_to(ear *e, config_kind kind, const char *place)
{
    e->what = (config_source){.kind = kind, .device = "tractor-1"};
    snprintf(e->what.place, sizeof e->what.place, "%s", place);
    listen_to_source(e, &e->what);
}

static size_t fixes_of(ear *e)
{
    pthread_mutex_lock(&e->lock);
    size_t count = e->count;
    pthread_mutex_unlock(&e->lock);
    return count;
}

static size_t refused_of(ear *e)
{
    pthread_mutex_lock(&e->lock);
    size_t refused = e->refused;
    pthread_mutex_unlock(&e->lock);
    return refused;
}

static bool has_fixes(void *context)
{
    ear *e = context;
    return fixes_of(e) >= e->wanted;
}

/* Exactly that many have come. */
static void wait_fixes(ear *e, size_t count)
{
    e->wanted = count;
    if (!support_until(has_fixes, e) || fixes_of(e) != count) {
        fail_msg("%zu fixes instead of %zu", fixes_of(e), count);
    }
}

static bool has_opened(void *context)
{
    ear *e = context;
    source_counts counts;
    source_count(e->s, &counts);
    return counts.opened >= e->wanted;
}

static void wait_opened(ear *e, size_t times)
{
    e->wanted = times;
    assert_true(support_until(has_opened, e));
}

/* A sentence of second n of the day's eighth hour, by any talker. */
static size_t put_rmc(char *to, size_t capacity, const char *talker, unsigned n, const char *end)
{
    char body[128];
    uint8_t sum = 0;
    snprintf(body, sizeof body, "%sRMC,08%02u%02u,A,5951.0720,N,01622.3500,E,,,201126,,", talker,
             n / 60, n % 60);
    for (const char *at = body; *at != '\0'; at++) {
        sum ^= (uint8_t)*at;
    }
    return (size_t)snprintf(to, capacity, "$%s*%02X%s", body, sum, end);
}

static void write_all(int fd, const void *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t put = write(fd, (const char *)bytes + at, size - at);
        assert_true(put > 0);
        at += (size_t)put;
    }
}

static void write_rmc(int fd, unsigned n)
{
    char line[160];
    write_all(fd, line, put_rmc(line, sizeof line, "GP", n, "\r\n"));
}

/* ---- serial ports ---- */

typedef struct receiver {
    int master;
    int slave; /* held open, or the first closing would hang up */
    char name[64];
} receiver;

static receiver plug_in(const char *link)
{
    receiver r;
    assert_int_equal(openpty(&r.master, &r.slave, r.name, NULL, NULL), 0);
    unlink(link);
    assert_int_equal(symlink(r.name, link), 0);
    return r;
}

static void pull_out(receiver *r)
{
    close(r->master);
    close(r->slave);
}

static void a_serial_receiver_is_read_through_noise(void **state)
{
    ear *e = *state;
    char place[96], line[160], junk[3000];
    source_counts counts;
    snprintf(place, sizeof place, "%s/gps", e->root);
    receiver r = plug_in(place);
    strncat(place, "@4800", 6);
    listen_to(e, CONFIG_NMEA, place);
    wait_opened(e, 1);
    /* In pieces, and with every kind of line end. */
    size_t size = put_rmc(line, sizeof line, "GP", 0, "\r\n");
    for (size_t i = 0; i < size; i++) {
        write_all(r.master, line + i, 1);
    }
    write_all(r.master, line, put_rmc(line, sizeof line, "GN", 1, "\n"));
    write_all(r.master, line, put_rmc(line, sizeof line, "GL", 2, "  \r\n"));
    wait_fixes(e, 3);
    /* A bit that fell over. */
    size = put_rmc(line, sizeof line, "GP", 3, "\r\n");
    line[20] ^= 1;
    write_all(r.master, line, size);
    /* Another baud rate. */
    for (size_t i = 0; i < sizeof junk; i++) {
        junk[i] = (char)(i * 7 + i / 13);
    }
    write_all(r.master, junk, sizeof junk);
    write_all(r.master, "\r\n\n\r\n", 5);
    write_rmc(r.master, 4);
    wait_fixes(e, 4);
    source_count(e->s, &counts);
    assert_int_equal(counts.fixes, 4);
    assert_int_equal(counts.refused[SOURCE_CHECKSUM], 1);
    assert_true(counts.refused[SOURCE_FORMAT] > 0);
    assert_int_equal(counts.refused[SOURCE_CHECKSUM] + counts.refused[SOURCE_FORMAT],
                     refused_of(e));
    /* Of each there is a letter; the first was of the bit. */
    assert_int_equal(e->letters, refused_of(e));
    assert_string_equal(e->letter.reason, source_refusal_name(SOURCE_FORMAT));
    assert_memory_equal(e->letter.source, "nmea:/", 6);
    assert_string_equal(e->fixes[0].id, "tractor-1");
    assert_int_equal(e->fixes[3].fix.time_ms, NOW_MS + 4000);
    pull_out(&r);
}

static void a_receiver_that_is_pulled_out_is_found_again(void **state)
{
    ear *e = *state;
    char place[96];
    snprintf(place, sizeof place, "%s/gps", e->root);
    /* Not there yet. */
    listen_to(e, CONFIG_NMEA, place);
    for (unsigned round = 0; round < 2; round++) {
        receiver r = plug_in(place);
        wait_opened(e, round + 1);
        write_rmc(r.master, 2 * round);
        /* Pulled out within a sentence. */
        write_all(r.master, "$GPRMC,0800", 11);
        wait_fixes(e, round + 1);
        unlink(place);
        pull_out(&r);
    }
}

/* ---- TCP ---- */

static int listen_on(uint16_t port, int queue)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, queue), 0);
    return fd;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Whatever becomes of it. */
static int start_connecting(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    (void)!connect(fd, (struct sockaddr *)&address, sizeof address);
    return fd;
}

static void a_server_is_connected_to_again_when_it_was_away(void **state)
{
    ear *e = *state;
    char place[64];
    uint16_t port = support_port();
    snprintf(place, sizeof place, "tcp://127.0.0.1:%u", port);
    int server = listen_on(port, 4);
    listen_to(e, CONFIG_NMEA, place);
    for (unsigned round = 0; round < 2; round++) {
        int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        write_rmc(fd, round);
        wait_fixes(e, round + 1);
        close(fd);
    }
    close(server);
}

static void a_source_that_finds_nobody_stops_at_once(void **state)
{
    ear *e = *state;
    char tcp[64], gpsd[64];
    uint16_t port = support_port();
    int server = listen_on(port, 0), callers[4];
    /* The queue is full of those that nobody lets in: the next one hears nothing. */
    for (size_t i = 0; i < 4; i++) {
        callers[i] = start_connecting(port);
    }
    snprintf(tcp, sizeof tcp, "tcp://127.0.0.1:%u", port);
    snprintf(gpsd, sizeof gpsd, "127.0.0.1:%u", port);
    const struct {
        config_kind kind;
        const char *place;
    } nobodies[] = {{CONFIG_NMEA, tcp}, {CONFIG_GPSD, gpsd}};
    for (size_t i = 0; i < sizeof nobodies / sizeof nobodies[0]; i++) {
        listen_to(e, nobodies[i].kind, nobodies[i].place);
        int64_t from_ns = hr_clock_mono_ns(hr_clock_real());
        source_stop(e->s);
        e->s = NULL;
        assert_in_range((hr_clock_mono_ns(hr_clock_real()) - from_ns) / 1000000, 0, 2000);
    }
    for (size_t i = 0; i < 4; i++) {
        close(callers[i]);
    }
    close(server);
}

typedef struct caller {
    uint16_t port;
    int fd;
} caller;

static bool is_let_in(void *context)
{
    caller *c = context;
    c->fd = connect_to(c->port);
    return c->fd >= 0;
}

/* While it is on, this process has no descriptor left for another connection. */
static _Atomic bool has_none_left;
static _Atomic unsigned accept_calls;
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    atomic_fetch_add(&accept_calls, 1);
    if (atomic_load(&has_none_left)) {
        errno = EMFILE;
        return -1;
    }
    return __real_accept4(fd, address, size, flags);
}

static bool were_tries(void *context)
{
    return atomic_load(&accept_calls) >= *(const unsigned *)context;
}

static void who_cannot_be_let_in_waits_and_keeps_nobody_busy(void **state)
{
    ear *e = *state;
    char place[64];
    caller c = {.port = support_port()};
    snprintf(place, sizeof place, "listen://127.0.0.1:%u", c.port);
    atomic_store(&has_none_left, true);
    atomic_store(&accept_calls, 0);
    listen_to(e, CONFIG_NMEA, place);
    assert_true(support_until(is_let_in, &c));
    /* The second of these tries comes a whole pause after the first. */
    int64_t from_ns = hr_clock_mono_ns(hr_clock_real());
    unsigned wanted = atomic_load(&accept_calls) + 2;
    assert_true(support_until(were_tries, &wanted));
    int64_t took_ms = (hr_clock_mono_ns(hr_clock_real()) - from_ns) / 1000000;
    atomic_store(&has_none_left, false);
    write_rmc(c.fd, 1);
    wait_fixes(e, 1);
    close(c.fd);
    assert_in_range(took_ms, 200, SUPPORT_TIMEOUT_MS);
}

static void many_talkers_connect_and_none_disturbs_another(void **state)
{
    ear *e = *state;
    enum {
        TALKERS = 20,
        ROUNDS = 30
    };
    char place[64], line[160];
    caller talkers[TALKERS];
    uint16_t port = support_port();
    snprintf(place, sizeof place, "listen://127.0.0.1:%u", port);
    listen_to(e, CONFIG_JSON, place);
    for (int i = 0; i < TALKERS; i++) {
        talkers[i].port = port;
        assert_true(support_until(is_let_in, &talkers[i]));
    }
    /* Lines of all of them, cut into pieces that go back and forth. */
    for (int round = 0; round < ROUNDS; round++) {
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < TALKERS; i++) {
                int size = snprintf(line, sizeof line,
                                    "{\"device\":\"cow-%d\",\"time\":%ld,\"lon\":16,\"lat\":59}\n",
                                    i, NOW_MS + round);
                int cut = size / 3;
                write_all(talkers[i].fd, half == 0 ? line : line + cut,
                          (size_t)(half == 0 ? cut : size - cut));
            }
        }
        if (round == ROUNDS / 2) {
            /* One hangs up in the middle of a line, one sends what nobody can read. */
            write_all(talkers[0].fd, "{\"device\"", 9);
            close(talkers[0].fd);
            write_all(talkers[1].fd, "\x80\x00\xff\n", 4);
            assert_true(support_until(is_let_in, &talkers[0]));
        }
    }
    wait_fixes(e, TALKERS * ROUNDS);
    int64_t last_ms[TALKERS] = {0};
    for (size_t i = 0; i < fixes_of(e); i++) {
        unsigned talker = (unsigned)strtoul(e->fixes[i].id + 4, NULL, 10);
        assert_in_range(talker, 0, TALKERS - 1);
        assert_true(e->fixes[i].fix.time_ms > last_ms[talker]);
        last_ms[talker] = e->fixes[i].fix.time_ms;
    }
    assert_int_equal(refused_of(e), 2);
    for (int i = 0; i < TALKERS; i++) {
        close(talkers[i].fd);
    }
}

/* ---- files and pipes ---- */

static bool has_finished(void *context)
{
    ear *e = context;
    pthread_mutex_lock(&e->lock);
    bool is_finished = e->finished > 0;
    pthread_mutex_unlock(&e->lock);
    return is_finished;
}

static void a_file_is_read_to_its_end_whatever_is_in_it(void **state)
{
    ear *e = *state;
    char path[96];
    source_counts counts;
    snprintf(path, sizeof path, "%s/fixes", e->root);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("{\"time\":1795161600000,\"lon\":16,\"lat\":59}\r\n", file);
    fputs("not json\n{\"time\":1795161600000,\"lon\":200,\"lat\":59}\n", file);
    for (int i = 0; i < 2 * SOURCE_LINE_MAX; i++) {
        fputc('x', file);
    }
    fputs("\n[{\"lon\":16,\"lat\":59,\"device\":\"a\"},{\"lon\":16},{\"lat\":1},"
          "{\"lon\":17,\"lat\":59}]\n",
          file);
    fputs("{\"time\":253402300799999,\"lon\":16,\"lat\":59}\n", file);
    fwrite("\0\0\0\n", 1, 4, file);
    fputs("{\"time\":1795161601000,\"lon\":16,\"lat\":59,\"device\":\"last\"}", file);
    assert_int_equal(fclose(file), 0);
    listen_to(e, CONFIG_JSON, path);
    assert_true(support_until(has_finished, e));
    assert_true(source_is_finished(e->s));
    wait_fixes(e, 4);
    assert_string_equal(e->fixes[0].id, "tractor-1");
    assert_string_equal(e->fixes[1].id, "a");
    /* Without a time it gets ours, since our clock is right. */
    assert_int_equal(e->fixes[1].fix.time_ms, NOW_MS);
    assert_int_equal(e->fixes[1].fix.flags & HR_FIX_TIME_ASSIGNED, 0);
    assert_string_equal(e->fixes[3].id, "last");
    source_count(e->s, &counts);
    assert_int_equal(counts.refused[SOURCE_TOO_LONG], 1);
    assert_int_equal(counts.refused[SOURCE_FIX], 3);
    assert_int_equal(counts.refused[SOURCE_FORMAT], 3);
    assert_int_equal(refused_of(e), 7);
    assert_int_equal(e->letters, 6); /* one line held two fixes that cannot be */
}

static void of_a_broken_sensor_little_is_told_and_all_is_counted(void **state)
{
    ear *e = *state;
    char path[96];
    source_counts counts;
    snprintf(path, sizeof path, "%s/fixes", e->root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 10000; i++) {
        fprintf(file, "junk %d\n", i);
    }
    assert_int_equal(fclose(file), 0);
    listen_to(e, CONFIG_NMEA, path);
    assert_true(support_until(has_finished, e));
    source_count(e->s, &counts);
    assert_int_equal(counts.refused[SOURCE_FORMAT], 10000);
    assert_int_equal(refused_of(e), 10000);
    assert_in_range(e->letters, SOURCE_LETTERS_BURST, SOURCE_LETTERS_BURST + 10);
    assert_ptr_equal(strstr(e->letter_bytes, "junk "), e->letter_bytes);
}

static void a_named_pipe_outlives_its_writers(void **state)
{
    ear *e = *state;
    char path[96];
    snprintf(path, sizeof path, "%s/pipe", e->root);
    assert_int_equal(mkfifo(path, 0600), 0);
    listen_to(e, CONFIG_NMEA, path);
    for (unsigned i = 0; i < 3; i++) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        write_rmc(fd, i);
        close(fd);
        wait_fixes(e, i + 1);
    }
    source_counts counts;
    source_count(e->s, &counts);
    assert_int_equal(counts.opened, 1);
}

/* ---- gpsd ---- */

static void read_until(int fd, const char *wanted)
{
    char text[512] = {0};
    size_t size = 0;
    while (strstr(text, wanted) == NULL) {
        ssize_t got = read(fd, text + size, sizeof text - 1 - size);
        assert_true(got > 0);
        size += (size_t)got;
    }
}

static void write_text(int fd, const char *text)
{
    write_all(fd, text, strlen(text));
}

/* The test speaks for gpsd, in the words of its protocol's version 3.14. */
static int greet_client(int server)
{
    /* First it only looks whether somebody answers. */
    int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    write_text(fd, "{\"class\":\"VERSION\",\"release\":\"3.22\",\"rev\":\"3.22\","
                   "\"proto_major\":3,\"proto_minor\":14}\r\n");
    read_until(fd, "?WATCH={\"enable\":true");
    write_text(fd, "{\"class\":\"DEVICES\",\"devices\":[{\"class\":\"DEVICE\","
                   "\"path\":\"/dev/ttyUSB0\",\"driver\":\"u-blox\",\"native\":0}]}\r\n"
                   "{\"class\":\"WATCH\",\"enable\":true,\"json\":true}\r\n");
    return fd;
}

static void write_tpv(int fd, int mode, unsigned second, const char *more)
{
    char text[400];
    snprintf(text, sizeof text,
             "{\"class\":\"TPV\",\"device\":\"/dev/ttyUSB0\",\"mode\":%d,"
             "\"time\":\"2026-11-20T08:00:%02u.250Z\",\"ept\":0.005%s}\r\n",
             mode, second, more);
    write_text(fd, text);
}

static void gpsd_is_followed_and_found_again(void **state)
{
    ear *e = *state;
    char place[64];
    uint16_t port = support_port();
    int server = listen_on(port, 4);
    /* In brackets, as an IPv6 address must be: not every machine has such. */
    snprintf(place, sizeof place, "[127.0.0.1]:%u", port);
    listen_to(e, CONFIG_GPSD, place);
    int fd = greet_client(server);
    write_tpv(fd, 1, 0, "");
    write_tpv(fd, 3, 1,
              ",\"lat\":59.851200000,\"lon\":16.372500000,\"alt\":12.0,\"eph\":3.26,"
              "\"track\":271.5,\"speed\":1.25");
    wait_fixes(e, 1);
    const hr_fix *fix = &e->fixes[0].fix;
    assert_string_equal(e->fixes[0].id, "tractor-1");
    assert_int_equal(fix->time_ms, NOW_MS + 1250);
    assert_int_equal(fix->lat_e7, 598512000);
    assert_int_equal(fix->lon_e7, 163725000);
    assert_int_equal(fix->accuracy_dm, 33);
    assert_int_equal(fix->speed_cm_s, 125);
    assert_int_equal(fix->heading_cdeg, 27150);
    /* Several reports of one moment are one fix, and junk is none. */
    write_tpv(fd, 2, 1, ",\"lat\":59.8512,\"lon\":16.3725");
    write_text(fd, "{\"class\":\"SKY\",\"satellites\":[]}\r\nnot json at all\r\n");
    write_tpv(fd, 2, 2, ",\"lat\":59.8512,\"lon\":-16.3725");
    wait_fixes(e, 2);
    assert_int_equal(e->fixes[1].fix.lon_e7, -163725000);
    assert_int_equal(e->fixes[1].fix.speed_cm_s, HR_FIX_U16_UNKNOWN);
    /* gpsd is restarted. */
    close(fd);
    fd = greet_client(server);
    write_tpv(fd, 3, 3, ",\"lat\":59.8512,\"lon\":16.3725");
    wait_fixes(e, 3);
    close(fd);
    close(server);
}

/* ---- LoRaWAN ---- */

static const char chirpstack_up[] =
    "{\"deduplicationId\":\"3ac7e3c4-4401-4b8d-9386-a5c902f9202d\","
    "\"time\":\"2026-11-20T08:00:01.500+00:00\",\"deviceInfo\":{\"tenantName\":\"ChirpStack\","
    "\"applicationName\":\"cows\",\"deviceName\":\"Rosa\",\"devEui\":\"0101010101010101\"},"
    "\"devAddr\":\"00189440\",\"dr\":1,\"fPort\":1,\"data\":\"AAA=\",\"object\":{\"gps\":"
    "{\"latitude\":59.8512,\"longitude\":16.3725,\"accuracy\":5},\"battery\":87},"
    "\"rxInfo\":[{\"gatewayId\":\"0016c001f153a14c\",\"rssi\":-35,\"location\":"
    "{\"latitude\":1.5,\"longitude\":2.5}}]}";

static const char tts_up[] =
    "{\"end_device_ids\":{\"device_id\":\"cow-21\",\"application_ids\":{\"application_id\":"
    "\"farm\"},\"dev_eui\":\"70B3D57ED0000001\"},\"received_at\":\"2026-11-20T08:00:02.900Z\","
    "\"uplink_message\":{\"f_port\":2,\"frm_payload\":\"AAA=\",\"decoded_payload\":{\"lat\":59.85,"
    "\"lon\":16.37},\"rx_metadata\":[{\"location\":{\"latitude\":1.5,\"longitude\":2.5}}],"
    "\"received_at\":\"2026-11-20T08:00:02.250Z\"}}";

typedef struct server {
    char port[8];
    pid_t pid;
} server;

static int publish(const server *of, const char *topic, const char *payload)
{
    const char *const argv[] = {"mosquitto_pub", "-h", "127.0.0.1", "-p", of->port, "-q", "1", "-t",
                                topic,           "-m", payload,     NULL};
    return support_run(argv);
}

static bool is_serving(void *context)
{
    return publish(context, "hello", "1") == 0;
}

static void start_server(server *of)
{
    const char *const argv[] = {"mosquitto", "-p", of->port, NULL};
    of->pid = support_spawn(argv, NULL);
    assert_true(support_until(is_serving, of));
}

/* A new one, as one of its users. */
static void listen_to_server(ear *e, server *of, const char *user)
{
    char place[64];
    snprintf(of->port, sizeof of->port, "%u", support_port());
    start_server(of);
    snprintf(place, sizeof place, "%s:secret@tcp://127.0.0.1:%s", user, of->port);
    listen_to(e, CONFIG_LORAWAN, place);
    wait_opened(e, 1);
}

static void uplinks_of_both_network_servers_come_in(void **state)
{
    ear *e = *state;
    source_counts counts;
    server of;
    listen_to_server(e, &of, "someone");
    const char *chirpstack = "application/52f14cd4-c6f1-4fbd-8f87-4025e1d49242/device/"
                             "0101010101010101/event/up";
    const char *tts = "v3/farm@ttn/devices/cow-21/up";
    assert_int_equal(publish(&of, chirpstack, chirpstack_up), 0);
    wait_fixes(e, 1);
    assert_int_equal(publish(&of, tts, tts_up), 0);
    wait_fixes(e, 2);
    assert_string_equal(e->fixes[0].id, "0101010101010101");
    assert_int_equal(e->fixes[0].fix.lat_e7, 598512000);
    assert_int_equal(e->fixes[0].fix.time_ms, NOW_MS + 1500);
    assert_int_equal(e->fixes[0].fix.battery_pct, 87);
    assert_string_equal(e->fixes[1].id, "cow-21");
    assert_int_equal(e->fixes[1].fix.time_ms, NOW_MS + 2250);
    /* Junk, an uplink without a place, and things that are no uplinks. */
    assert_int_equal(publish(&of, tts, "\x01\x02"), 0);
    assert_int_equal(publish(&of, tts,
                             "{\"end_device_ids\":{\"device_id\":\"cow-22\"},"
                             "\"uplink_message\":{\"frm_payload\":\"AAA=\"}}"),
                     0);
    assert_int_equal(publish(&of, "v3/farm@ttn/devices/cow-21/join", tts_up), 0);
    assert_int_equal(publish(&of, tts, tts_up), 0);
    wait_fixes(e, 3);
    source_count(e->s, &counts);
    assert_int_equal(counts.refused[SOURCE_FORMAT], 1);
    assert_string_equal(e->letter_bytes, "\x01\x02");
    assert_ptr_equal(strstr(e->letter.why, tts), e->letter.why);
    /* The network server is killed and comes again. */
    support_kill(of.pid);
    start_server(&of);
    wait_opened(e, 2);
    assert_int_equal(publish(&of, chirpstack, chirpstack_up), 0);
    wait_fixes(e, 4);
    support_kill(of.pid);
}

static void two_users_of_one_network_server_are_two_sources(void **state)
{
    ear *e = *state;
    server of;
    source_counts counts;
    listen_to_server(e, &of, "cows");
    source *cows = e->s;
    config_source sheep = e->what;
    snprintf(sheep.place, sizeof sheep.place, "sheep:secret@tcp://127.0.0.1:%s", of.port);
    listen_to_source(e, &sheep);
    wait_opened(e, 1);
    /* Here anybody sees all; of one session only one would. */
    assert_int_equal(publish(&of, "v3/farm@ttn/devices/cow-21/up", tts_up), 0);
    wait_fixes(e, 2);
    source_count(cows, &counts);
    assert_int_equal(counts.opened, 1);
    source_stop(cows);
    support_kill(of.pid);
}

#define WITH_EAR(test) cmocka_unit_test_setup_teardown(test, make_ear, drop_ear)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_EAR(a_serial_receiver_is_read_through_noise),
        WITH_EAR(a_receiver_that_is_pulled_out_is_found_again),
        WITH_EAR(a_server_is_connected_to_again_when_it_was_away),
        WITH_EAR(a_source_that_finds_nobody_stops_at_once),
        WITH_EAR(who_cannot_be_let_in_waits_and_keeps_nobody_busy),
        WITH_EAR(many_talkers_connect_and_none_disturbs_another),
        WITH_EAR(a_file_is_read_to_its_end_whatever_is_in_it),
        WITH_EAR(of_a_broken_sensor_little_is_told_and_all_is_counted),
        WITH_EAR(a_named_pipe_outlives_its_writers),
        WITH_EAR(gpsd_is_followed_and_found_again),
        WITH_EAR(uplinks_of_both_network_servers_come_in),
        WITH_EAR(two_users_of_one_network_server_are_two_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
