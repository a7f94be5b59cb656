/* tests/bench/bench_live.c - WebSocket viewers of moving devices, and how long an event takes. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "bench_client.h"

#define VIEWERS 1000
#define VIEW_E7 223000 /* a square with 200 of the devices */
#define SYNCS 400
#define SYNC_BYTES 4096
#define LATENCIES_MAX 1000000

static void subscribe(bench *b, int fd)
{
    char text[256];
    double west =
        (BENCH_LON_E7 + (double)hr_random_below(&b->random, BENCH_SIDE_E7 - VIEW_E7)) * 1e-7;
    double south =
        (BENCH_LAT_E7 + (double)hr_random_below(&b->random, BENCH_SIDE_E7 - VIEW_E7)) * 1e-7;
    int used = snprintf(text, sizeof text,
                        "{\"subscribe\":{\"positions\":{\"bbox\":[%.7f,%.7f,%.7f,%.7f],"
                        "\"format\":\"binary\",\"max_hz\":5}}}",
                        west, south, west + VIEW_E7 * 1e-7, south + VIEW_E7 * 1e-7);
    bench_send_frame(fd, text, (size_t)used);
}

/* Frames that all viewers got in so many seconds. */
static uint64_t watch(struct pollfd *links, int count, double seconds)
{
    static uint8_t bytes[65536];
    uint64_t received = 0;
    double begun = bench_now_s();
    while (bench_now_s() - begun < seconds) {
        bench_need(poll(links, (nfds_t)count, 1000) >= 0, "poll");
        for (int i = 0; i < count; i++) {
            if ((links[i].revents & POLLIN) != 0) {
                ssize_t got = recv(links[i].fd, bytes, sizeof bytes, 0);
                bench_need(got > 0, "the server hung up");
                received += (uint64_t)got;
            }
        }
    }
    return received;
}

void bench_viewers(bench *b)
{
    static struct pollfd links[VIEWERS];
    bench_server server;
    int count = b->is_quick ? 100 : VIEWERS;
    double seconds = b->is_quick ? 1 : 10;
    /* Every device moves, five times a second: the viewers see 200 of them each. */
    bench_server_start(&server,
                       &(bench_server_options){.device_count = BENCH_DEVICES, .moving_hz = 5});
    for (int i = 0; i < count; i++) {
        links[i] = (struct pollfd){.fd = bench_upgrade(&server), .events = POLLIN};
        subscribe(b, links[i].fd);
    }
    (void)watch(links, count, b->is_quick ? 0.5 : 3);
    double cpu_before_s = bench_server_cpu_s(&server);
    double begun = bench_now_s();
    uint64_t bytes = watch(links, count, seconds);
    double elapsed_s = bench_now_s() - begun;
    double cpu = (bench_server_cpu_s(&server) - cpu_before_s) / elapsed_s;
    for (int i = 0; i < count; i++) {
        close(links[i].fd);
    }
    bench_server_stop(&server);
    char details[160];
    snprintf(
        details, sizeof details,
        "\"viewers\":%d,\"hz\":5,\"in_view\":200,\"moving_per_s\":500000,\"server_cores\":%.2f",
        count, cpu);
    bench_report(b, "api.viewers", details, (double)bytes / 12 / elapsed_s / 1000,
                 count * 5 * 200 / 1000.0, "k positions/s");
}

/* ---- events ---- */

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

double bench_quantile(double *values, size_t count, double part)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count > 0 ? values[(size_t)((double)(count - 1) * part)] : 0;
}

/* What an fdatasync of a little takes here, beside everything else that goes on. */
static void measure_disk(double *times_ms, size_t count)
{
    char path[] = "/tmp/hr-bench-sync-XXXXXX";
    static char bytes[SYNC_BYTES];
    int fd = mkstemp(path);
    bench_need(fd >= 0, "no temporary file");
    unlink(path);
    for (size_t i = 0; i < count; i++) {
        double begun = bench_now_s();
        bench_need(pwrite(fd, bytes, sizeof bytes, (off_t)(i * SYNC_BYTES)) == SYNC_BYTES &&
                       fdatasync(fd) == 0,
                   "fdatasync");
        times_ms[i] = (bench_now_s() - begun) * 1000;
    }
    close(fd);
}

static double wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec * 1e-6;
}

/* "received" is when the fix was appended; the field is left out of the first message, hello. */
bool bench_event_age_ms(const uint8_t *text, size_t size, double *age_ms)
{
    static const char name[] = "\"received\":\"";
    int64_t received_ms = 0;
    const char *at = memmem(text, size, name, sizeof name - 1);
    if (at == NULL || hr_time_parse(at + sizeof name - 1, 24, &received_ms) != HR_OK) {
        return false;
    }
    /* A time in whole milliseconds is half of one old on average. */
    *age_ms = wall_ms() - (double)received_ms - 0.5;
    return true;
}

static size_t collect_ages(int fd, double seconds, double *ages_ms)
{
    static uint8_t data[1u << 20];
    size_t size = 0;
    size_t count = 0;
    double begun = bench_now_s();
    while (bench_now_s() - begun < seconds && count < LATENCIES_MAX) {
        struct pollfd link = {.fd = fd, .events = POLLIN};
        if (poll(&link, 1, 100) <= 0) {
            continue;
        }
        ssize_t got = recv(fd, data + size, sizeof data - size, 0);
        bench_need(got > 0, "the server hung up");
        size += (size_t)got;
        size_t at = 0;
        size_t taken = 0;
        const uint8_t *payload = NULL;
        size_t length = 0;
        while (count < LATENCIES_MAX &&
               (taken = bench_frame(data + at, size - at, &payload, &length)) > 0) {
            count += bench_event_age_ms(payload, length, &ages_ms[count]);
            at += taken;
        }
        memmove(data, data + at, size - at);
        size -= at;
    }
    return count;
}

void bench_event_latency(bench *b)
{
    static double ages_ms[LATENCIES_MAX];
    static double syncs_ms[SYNCS];
    static const char subscribe_events[] = "{\"subscribe\":{\"events\":{}}}";
    bench_server server;
    size_t syncs = b->is_quick ? 50 : SYNCS;
    /* 100,000 fixes a second; every BENCH_CROSSING_EACH-th device crosses the fence with each. */
    bench_server_start(
        &server,
        &(bench_server_options){.device_count = BENCH_DEVICES, .moving_hz = 1, .has_fence = true});
    measure_disk(syncs_ms, syncs / 2);
    int fd = bench_upgrade(&server);
    bench_send_frame(fd, subscribe_events, sizeof subscribe_events - 1);
    (void)collect_ages(fd, b->is_quick ? 0.5 : 2, ages_ms);
    size_t count = collect_ages(fd, b->is_quick ? 1 : 10, ages_ms);
    measure_disk(syncs_ms + syncs / 2, syncs - syncs / 2);
    close(fd);
    bench_server_stop(&server);
    bench_need(count > 0, "no events came");
    double sync_p50_ms = bench_quantile(syncs_ms, syncs, 0.5);
    double sync_p99_ms = bench_quantile(syncs_ms, syncs, 0.99);
    static const double parts[] = {0.5, 0.99};
    for (int i = 0; i < 2; i++) {
        char details[160];
        double aim_ms = i == 0 ? 2 * sync_p50_ms + 3 : 4 * sync_p99_ms + 10;
        snprintf(details, sizeof details,
                 "\"fixes_per_s\":100000,\"events\":%zu,\"part\":%g,\"fdatasync_ms\":%.2f", count,
                 parts[i], i == 0 ? sync_p50_ms : sync_p99_ms);
        bench_report(b, "api.event_latency", details, bench_quantile(ages_ms, count, parts[i]),
                     aim_ms, "ms");
    }
}
