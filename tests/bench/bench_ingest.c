/* tests/bench/bench_ingest.c - from MQTT into the committed journal: decoding alone, batches and
 * single messages through a real mosquitto, broker and publisher on the same cores.
 *
 * usage: bench_ingest [--quick] [--json FILE] [--folder DIR]. Each result is a JSON line. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/logline.h"
#include "base/record.h"
#include "bench_bare_mqtt.h"
#include "bench_line.h"
#include "bench_publisher.h"
#include "ingest/broker.h"
#include "ingest/ingest.h"
#include "log/log.h"
#include "wire/fix_json.h"
#include "wire/hrf1.h"

#define DECODE_ROUNDS 20000
#define PARTITIONS 8
#define WAIT_MAX_S 120.0

typedef struct bench {
    char folder[256];
    char place[200]; /* of the disk, as a part of each JSON line */
    bool is_quick;
    FILE *json;
    uint16_t port;
    char password[BROKER_PASSWORD_SIZE];
    broker *broker;
    log_store *log;
    ingest *ingest;
} bench;

static double now_s(void)
{
    return (double)hr_clock_mono_ns(hr_clock_real()) / 1e9;
}

/* Of the calling thread: what one core alone would need, whoever else is on it. */
static double cpu_s(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_ingest: %s: %s\n", what, why);
    exit(1);
}

/* peer NULL: nothing stands beside it. */
static void tell_beside(const bench *b, const char *name, const char *what, double ours,
                        const char *unit, const char *peer, double theirs)
{
    bench_line_put(b->json, &(bench_line){.name = name,
                                          .details = what,
                                          .ours = ours,
                                          .unit = unit,
                                          .peer = peer,
                                          .theirs = theirs,
                                          .runs = 1});
}

static void tell(const bench *b, const char *name, const char *what, double ours, const char *unit)
{
    tell_beside(b, name, what, ours, unit, NULL, 0);
}

static void wait_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* ---- decoding alone, on one core ---- */

static void bench_hrf1(const bench *b)
{
    hr_buf message;
    hr_buf_init(&message, HRF1_BYTES_MAX);
    publisher_make_batch(&message, 1, 0);
    static hrf1_device devices[PUBLISHER_DEVICES];
    int rounds = b->is_quick ? DECODE_ROUNDS / 10 : DECODE_ROUNDS;
    uint64_t sum = 0, count = 0;
    double began = cpu_s();
    for (int i = 0; i < rounds; i++) {
        hrf1_view view;
        if (hrf1_parse(message.data, message.size, &view, NULL) != HR_OK) {
            die("hrf1", "not readable");
        }
        hrf1_devices(&view, devices);
        for (uint32_t k = 0; k < view.fix_count; k++) {
            hr_fix fix;
            uint16_t device;
            if (hrf1_fix(&view, devices, k, &fix, &device) == HRF1_GOOD) {
                sum += fix.device ^ (uint64_t)fix.lat_e7;
                count++;
            }
        }
    }
    double took = cpu_s() - began;
    char what[100];
    snprintf(what, sizeof what, "\"format\":\"hrf1\",\"batch\":%d,\"check\":%u",
             PUBLISHER_BATCH_FIXES, (unsigned)(sum % 1000));
    tell(b, "ingest.decode", what, (double)count / took / 1e6, "M fixes/s");
    hr_buf_fini(&message);
}

static void bench_json(const bench *b)
{
    char text[PUBLISHER_JSON_SIZE];
    size_t size = publisher_make_json(text, 17);
    int rounds = b->is_quick ? DECODE_ROUNDS : DECODE_ROUNDS * 20;
    uint64_t sum = 0;
    double began = cpu_s();
    for (int i = 0; i < rounds; i++) {
        wire_fix fix;
        if (fix_json_owntracks(text, size, "barn.phone", &fix, NULL) != HR_OK) {
            die("owntracks", "not readable");
        }
        sum += fix.fix.device;
    }
    double took = cpu_s() - began;
    char what[100];
    snprintf(what, sizeof what, "\"format\":\"owntracks\",\"bytes\":%zu,\"check\":%u", size,
             (unsigned)(sum % 1000));
    tell(b, "ingest.decode", what, rounds / took / 1e6, "M fixes/s");
}

/* ---- the whole way ---- */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("port", "none free");
    }
    close(fd);
    return ntohs(address.sin_port);
}

/* What an fdatasync costs here, and on what: a figure means nothing without them. */
static void describe_place(bench *b)
{
    char path[300];
    struct statfs fs;
    uint8_t block[4096] = {0};
    int rounds = 30;
    snprintf(path, sizeof path, "%s/probe", b->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstatfs(fd, &fs) != 0) {
        die(path, "cannot be made");
    }
    double began = now_s();
    for (int i = 0; i < rounds; i++) {
        if (pwrite(fd, block, sizeof block, (off_t)i * 4096) != (ssize_t)sizeof block ||
            fdatasync(fd) != 0) {
            die(path, "cannot be written");
        }
    }
    double ms = (now_s() - began) * 1e3 / rounds;
    close(fd);
    unlink(path);
    snprintf(b->place, sizeof b->place, "\"filesystem\":\"0x%lx\",\"fdatasync_ms\":%.2f",
             (unsigned long)fs.f_type, ms);
}

static void start_broker(bench *b)
{
    char path[300];
    hr_why why = {{0}};
    b->port = free_port();
    snprintf(path, sizeof path, "%s/broker", b->folder);
    if (broker_user_add(path, "barn", BROKER_GATEWAY, b->password, &why) != HR_OK) {
        die("user", why.text);
    }
    broker_options broker_of = {.folder = path, .port = b->port, .clock = hr_clock_real()};
    if (broker_start(&broker_of, &b->broker, &why) != HR_OK) {
        die("broker", why.text);
    }
}

static void start_service(bench *b)
{
    static const log_topic topics[] = {{"positions", PARTITIONS}, {"events", 1}, {"dead", 1}};
    char path[300], address[64];
    hr_why why = {{0}};
    snprintf(path, sizeof path, "%s/journal", b->folder);
    log_options log_of = {.folder = path,
                          .topics = topics,
                          .topic_count = 3,
                          .clock = hr_clock_real(),
                          .retain_bytes = UINT64_C(1) << 30,
                          .commit_min_gap_ms = 0};
    if (log_open(&log_of, &b->log, &why) != HR_OK) {
        die("log", why.text);
    }
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", b->port);
    ingest_options ingest_of = {.log = b->log,
                                .clock = hr_clock_real(),
                                .addresses = address,
                                .user = BROKER_SERVICE_USER,
                                .password = broker_password(b->broker),
                                .session_key = broker_password(b->broker)};
    if (ingest_start(&ingest_of, &b->ingest, &why) != HR_OK) {
        die("ingest", why.text);
    }
    double end = now_s() + 10;
    while (ingest_health(b->ingest, &why) != HR_OK) {
        if (now_s() > end) {
            die("ingest", why.text);
        }
        wait_ms(1);
    }
}

static void stop_service(bench *b)
{
    ingest_stop(b->ingest);
    log_close(b->log);
    broker_stop(b->broker);
}

/* Committed fixes, cheaply: a count of fixes appended, once all that is appended is durable. */
static uint64_t appended_fixes(const bench *b)
{
    ingest_counts counts;
    ingest_count(b->ingest, &counts);
    return counts.fixes;
}

static void wait_durable(const bench *b)
{
    log_position end = log_appended(b->log);
    while (log_durable(b->log) < end) {
        log_wait(b->log, LOG_COMMITTED, log_durable(b->log), 1000);
    }
}

static pid_t start_publisher(const bench *b, publisher_kind kind, uint64_t wanted)
{
    publisher_options options = {
        .port = b->port, .password = b->password, .kind = kind, .fixes = wanted};
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "bench_ingest", "--publish", publisher_pack(&options),
              (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void end_publisher(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Runs a publisher beside us; fixes a second from the first that arrives to the last that is
 * committed. */
static double run_publisher(bench *b, publisher_kind kind, uint64_t wanted, uint64_t *arrived)
{
    uint64_t before = appended_fixes(b);
    double asked = now_s();
    pid_t pid = start_publisher(b, kind, wanted);
    while (appended_fixes(b) == before && now_s() - asked < 15) {
        wait_ms(1);
    }
    double began = now_s(), last = began, silent_since = began;
    uint64_t count = appended_fixes(b) - before, first = count;
    while (count < wanted && now_s() - silent_since < 15 && now_s() - began < WAIT_MAX_S) {
        wait_ms(1);
        uint64_t now = appended_fixes(b) - before;
        if (now != count) {
            silent_since = now_s();
            count = now;
        }
    }
    wait_durable(b);
    last = count < wanted ? silent_since : now_s();
    end_publisher(pid);
    *arrived = count;
    return (double)(count - first) / (last - began);
}

static uint64_t singles_of(const bench *b)
{
    return b->is_quick ? 20000 : 400000;
}

/* What the broker can give to a reader that does nothing but count: the limit of everyone's. */
static double bench_broker(const bench *b)
{
    double took_s;
    int fd = bare_connect(b->port, BROKER_SERVICE_USER, broker_password(b->broker), "bare");
    if (fd < 0 || !bare_subscribe(fd, "owntracks/+/+")) {
        die("bare reader", "cannot subscribe");
    }
    pid_t pid = start_publisher(b, PUBLISHER_SINGLES, singles_of(b));
    uint64_t count = bare_count(fd, singles_of(b), 15000, &took_s);
    end_publisher(pid);
    close(fd);
    return (double)count / took_s;
}

static void bench_mqtt(bench *b, double broker_rate)
{
    char what[400];
    uint64_t arrived;
    uint64_t fixes = b->is_quick ? 1000000 : 20000000;
    double rate = run_publisher(b, PUBLISHER_BATCHES, fixes, &arrived);
    snprintf(what, sizeof what, "\"message\":\"hrf1 x %d\",\"qos\":1,\"fixes\":%llu,%s",
             PUBLISHER_BATCH_FIXES, (unsigned long long)arrived, b->place);
    tell(b, "ingest.mqtt", what, rate / 1e6, "M fixes/s");
    rate = run_publisher(b, PUBLISHER_SINGLES, singles_of(b), &arrived);
    snprintf(what, sizeof what,
             "\"message\":\"owntracks\",\"qos\":0,\"fixes\":%llu,\"lost\":%llu,%s",
             (unsigned long long)arrived, (unsigned long long)(singles_of(b) - arrived), b->place);
    tell_beside(b, "ingest.mqtt", what, rate / 1e3, "k fixes/s", "mosquitto, reader only counts",
                broker_rate / 1e3);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    static bench b;
    const char *parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            b.is_quick = true;
        } else if (strcmp(argv[i], "--publish") == 0 && i + 1 < argc) {
            return publisher_run(argv[i + 1]);
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            parent = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            b.json = fopen(argv[++i], "w");
        } else {
            die(argv[i], "usage: bench_ingest [--quick] [--json FILE] [--folder DIR]");
        }
    }
    hr_logline_set_level(HR_LEVEL_ERROR);
    snprintf(b.folder, sizeof b.folder, "%.200s/hedgerow-bench-XXXXXX", parent);
    if (mkdtemp(b.folder) == NULL) {
        die(b.folder, "cannot be made");
    }
    bench_hrf1(&b);
    bench_json(&b);
    describe_place(&b);
    start_broker(&b);
    double broker_rate = bench_broker(&b);
    start_service(&b);
    bench_mqtt(&b, broker_rate);
    stop_service(&b);
    nftw(b.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (b.json != NULL) {
        fclose(b.json);
    }
    return 0;
}
