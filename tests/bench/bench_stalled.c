/* tests/bench/bench_stalled.c - a hundred WebSocket clients with and without one beside them that
 * asks for everything and reads nothing.
 *
 * Rounds with and without it take turns, in an order that chance decides, because the machine's own
 * moods are larger than what is measured and may have a period. They only ever make a round worse:
 * of each kind the lower quartile of the rounds' p99 counts. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_client.h"

#define CLIENTS 100
#define ROUNDS_MAX 20 /* of each kind */
#define ROUNDS_QUICK 6
#define AGES_MAX 200000
#define BUFFER_BYTES 65536
#define STALLED_RECEIVE_BYTES 4096
#define STALLED_REQUESTS 400 /* for some 100 kB each, where 1 MB is kept */
#define ROUND_EVENTS_MIN (20 * CLIENTS)
#define ROUND_S_MAX 30
#define SETTLE_S 0.2 /* until what it asked for has been answered, or waits */

typedef struct reader {
    int fd;
    size_t size;
    uint8_t data[BUFFER_BYTES];
} reader;

static const char subscribe_events[] = "{\"subscribe\":{\"events\":{}}}";

static void take_events(reader *r, double *ages_ms, size_t *count)
{
    ssize_t got = recv(r->fd, r->data + r->size, sizeof r->data - r->size, 0);
    size_t at = 0;
    size_t taken = 0;
    const uint8_t *payload = NULL;
    size_t length = 0;
    bench_need(got > 0, "the server hung up");
    r->size += (size_t)got;
    while ((taken = bench_frame(r->data + at, r->size - at, &payload, &length)) > 0) {
        if (*count < AGES_MAX) {
            *count += bench_event_age_ms(payload, length, &ages_ms[*count]);
        }
        at += taken;
    }
    memmove(r->data, r->data + at, r->size - at);
    r->size -= at;
}

/* p99 of how old events are when the readers get them, for so long and until there are enough. */
static double listen_p99_ms(reader *readers, double seconds, size_t count_min)
{
    static double ages_ms[AGES_MAX];
    struct pollfd links[CLIENTS];
    size_t count = 0;
    double begun = bench_now_s();
    for (int i = 0; i < CLIENTS; i++) {
        links[i] = (struct pollfd){.fd = readers[i].fd, .events = POLLIN};
    }
    while (bench_now_s() - begun < seconds || count < count_min) {
        bench_need(bench_now_s() - begun < ROUND_S_MAX, "no events come");
        bench_need(poll(links, CLIENTS, 100) >= 0, "poll");
        for (int i = 0; i < CLIENTS; i++) {
            if ((links[i].revents & POLLIN) != 0) {
                take_events(&readers[i], ages_ms, &count);
            }
        }
    }
    return bench_quantile(ages_ms, count, 0.99);
}

/* Asks for all events there are, all positions, and answers beyond what is kept for a client. */
static int connect_stalled(const bench_server *server)
{
    static const char subscribe[] = "{\"subscribe\":{\"events\":{},\"positions\":{\"max_hz\":10}},"
                                    "\"resume\":{\"epoch\":\"0\",\"seq\":-1}}";
    static const char request[] = "{\"id\":1,\"get\":\"/v1/openapi.json\"}";
    int fd = bench_upgrade(server);
    int bytes = STALLED_RECEIVE_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    bench_send_frame(fd, subscribe, sizeof subscribe - 1);
    for (int i = 0; i < STALLED_REQUESTS; i++) {
        bench_send_frame(fd, request, sizeof request - 1);
    }
    return fd;
}

static long resident_kb(const bench_server *server)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)server->process);
    FILE *file = fopen(path, "r");
    bench_need(file != NULL && fscanf(file, "%*d %ld", &pages) == 1, "no /proc");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

typedef struct kind {
    double p99_ms[ROUNDS_MAX];
    double cpu_s; /* of the server, in all rounds */
    double seconds;
    long most_kb;
} kind;

static void run_round(const bench_server *server, reader *readers, double seconds, bool is_beside,
                      kind *k, size_t round)
{
    int stalled = is_beside ? connect_stalled(server) : -1;
    (void)listen_p99_ms(readers, SETTLE_S, 0);
    double begun_s = bench_now_s();
    double cpu_before_s = bench_server_cpu_s(server);
    k->p99_ms[round] = listen_p99_ms(readers, seconds, ROUND_EVENTS_MIN);
    k->cpu_s += bench_server_cpu_s(server) - cpu_before_s;
    k->seconds += bench_now_s() - begun_s;
    long now_kb = resident_kb(server);
    k->most_kb = now_kb > k->most_kb ? now_kb : k->most_kb;
    if (is_beside) {
        close(stalled);
    }
}

void bench_stalled(bench *b)
{
    static reader readers[CLIENTS];
    kind alone = {.cpu_s = 0};
    kind beside = {.cpu_s = 0};
    bench_server server;
    size_t rounds = b->is_quick ? ROUNDS_QUICK : ROUNDS_MAX;
    double seconds = b->is_quick ? 0.3 : 1;
    bench_server_options options = {.device_count = b->is_quick ? BENCH_DEVICES / 4 : BENCH_DEVICES,
                                    .moving_hz = 1,
                                    .has_fence = true};
    bench_server_start(&server, &options);
    for (int i = 0; i < CLIENTS; i++) {
        readers[i] = (reader){.fd = bench_upgrade(&server)};
        bench_send_frame(readers[i].fd, subscribe_events, sizeof subscribe_events - 1);
    }
    (void)listen_p99_ms(readers, b->is_quick ? 1 : 3, ROUND_EVENTS_MIN);
    for (size_t i = 0; i < rounds; i++) {
        bool is_beside = hr_random_below(&b->random, 2) == 1;
        run_round(&server, readers, seconds, is_beside, is_beside ? &beside : &alone, i);
        run_round(&server, readers, seconds, !is_beside, is_beside ? &alone : &beside, i);
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(readers[i].fd);
    }
    bench_server_stop(&server);
    double alone_ms = bench_quantile(alone.p99_ms, rounds, 0.25);
    double beside_ms = bench_quantile(beside.p99_ms, rounds, 0.25);
    char details[256];
    snprintf(details, sizeof details,
             "\"clients\":%d,\"rounds\":%zu,\"p99_alone_ms\":%.2f,\"p99_beside_ms\":%.2f,"
             "\"cores_alone\":%.3f,\"cores_beside\":%.3f,\"more_mb\":%.1f",
             CLIENTS, rounds, alone_ms, beside_ms, alone.cpu_s / alone.seconds,
             beside.cpu_s / beside.seconds, (double)(beside.most_kb - alone.most_kb) / 1024);
    bench_report(b, "api.stalled", details, (beside_ms / alone_ms - 1) * 100, 10, "% of p99");
}
