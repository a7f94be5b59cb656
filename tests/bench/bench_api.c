/* tests/bench/bench_api.c - pull queries over HTTP and WebSocket, WebSocket viewers and events, one
 * JSON line for each case. bench_api [--quick] [--json FILE] [--only PART]. Server and clients have
 * a core each; theirs is the figure aimed at. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_client.h"

#define CONNECTIONS 16
#define BATCH 50         /* requests in one WebSocket frame */
#define BATCHES_AHEAD 8  /* frames sent before their answers are read */
#define POLYGON_E7 40000 /* 0.004 degree: 8 devices on average */
#define BUFFER_BYTES (4u << 20)

/* With what a query costs the server, which does not depend on who else is on the machine. */
static void report_rate(bench *b, const char *name, const char *details, double per_s,
                        double aim_k_per_s, double cpu_s)
{
    char all[256];
    snprintf(all, sizeof all, "%s,\"server_cpu_us\":%.2f", details, cpu_s * 1e6);
    bench_report(b, name, all, per_s / 1000, aim_k_per_s, "k queries/s");
}

/* A square somewhere among the devices, as a polygon of five vertices. */
static size_t put_polygon(bench *b, char *text, size_t size)
{
    double west = (BENCH_LON_E7 + (double)hr_random_below(&b->random, BENCH_SIDE_E7)) * 1e-7;
    double south = (BENCH_LAT_E7 + (double)hr_random_below(&b->random, BENCH_SIDE_E7)) * 1e-7;
    double side = POLYGON_E7 * 1e-7;
    return (size_t)snprintf(text, size,
                            "{\"type\":\"Polygon\",\"coordinates\":[[[%.7f,%.7f],[%.7f,%.7f],"
                            "[%.7f,%.7f],[%.7f,%.7f],[%.7f,%.7f]]]}",
                            west, south, west + side, south, west + side, south + side, west,
                            south + side, west, south);
}

/* ---- HTTP keep-alive ---- */

static void ask_http(bench *b, const bench_server *server, int fd)
{
    char body[512];
    char request[1024];
    size_t size = put_polygon(b, body, sizeof body);
    int used = snprintf(request, sizeof request,
                        "POST /v1/query/within HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: "
                        "Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
                        "%s",
                        server->token, size, body);
    bench_send(fd, request, (size_t)used);
}

/* True when the one answer that is awaited is whole. */
static bool answer_is_whole(const char *data, size_t size)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    const char *length = memmem(data, size, "Content-Length: ", 16);
    bench_need(size < 12 || memcmp(data, "HTTP/1.1 200", 12) == 0, "an answer is not 200");
    return end != NULL && length != NULL &&
           size >= (size_t)(end - data) + 4 + strtoul(length + 16, NULL, 10);
}

static void bench_http(bench *b, const bench_server *server)
{
    struct pollfd links[CONNECTIONS];
    static char data[CONNECTIONS][65536];
    size_t sizes[CONNECTIONS] = {0};
    uint64_t count = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        links[i] = (struct pollfd){.fd = bench_connect(server), .events = POLLIN};
        ask_http(b, server, links[i].fd);
    }
    double cpu_before_s = bench_server_cpu_s(server);
    double begun = bench_now_s();
    double seconds = b->is_quick ? 0.5 : 5;
    while (bench_now_s() - begun < seconds) {
        bench_need(poll(links, CONNECTIONS, 1000) > 0, "no answer");
        for (int i = 0; i < CONNECTIONS; i++) {
            if ((links[i].revents & POLLIN) == 0) {
                continue;
            }
            ssize_t got = recv(links[i].fd, data[i] + sizes[i], sizeof data[i] - sizes[i], 0);
            bench_need(got > 0, "the server hung up");
            sizes[i] += (size_t)got;
            if (answer_is_whole(data[i], sizes[i])) {
                sizes[i] = 0;
                count++;
                ask_http(b, server, links[i].fd);
            }
        }
    }
    double rate = (double)count / (bench_now_s() - begun);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(links[i].fd);
    }
    report_rate(b, "api.within.http", "\"devices\":100000,\"connections\":16", rate, 20,
                (bench_server_cpu_s(server) - cpu_before_s) / (double)count);
}

/* ---- WebSocket ---- */

static void send_batch(bench *b, int fd)
{
    static char text[BATCH * 512];
    size_t used = 0;
    for (int i = 0; i < BATCH; i++) {
        used += (size_t)snprintf(
            text + used, sizeof text - used,
            "%c{\"id\":%d,\"post\":\"/v1/query/within\",\"body\":", i == 0 ? '[' : ',', i);
        used += put_polygon(b, text + used, sizeof text - used);
        text[used++] = '}';
    }
    text[used++] = ']';
    bench_send_frame(fd, text, used);
}

/* Whole frames at the start of the buffer are counted and taken out. */
static uint64_t take_frames(uint8_t *data, size_t *size)
{
    uint64_t count = 0;
    size_t at = 0;
    size_t taken = 0;
    const uint8_t *payload = NULL;
    size_t length = 0;
    while ((taken = bench_frame(data + at, *size - at, &payload, &length)) > 0) {
        at += taken;
        count++;
    }
    memmove(data, data + at, *size - at);
    *size -= at;
    return count;
}

static void bench_websocket(bench *b, const bench_server *server)
{
    static uint8_t data[BUFFER_BYTES];
    size_t size = 0;
    uint64_t frames = 0;
    int fd = bench_upgrade(server);
    for (int i = 0; i < BATCHES_AHEAD; i++) {
        send_batch(b, fd);
    }
    double cpu_before_s = bench_server_cpu_s(server);
    double begun = bench_now_s();
    double seconds = b->is_quick ? 0.5 : 5;
    bool is_greeted = false;
    while (bench_now_s() - begun < seconds) {
        ssize_t got = recv(fd, data + size, sizeof data - size, 0);
        bench_need(got > 0, "the server hung up");
        size += (size_t)got;
        uint64_t count = take_frames(data, &size);
        if (count > 0 && !is_greeted) {
            count--; /* hello */
            is_greeted = true;
        }
        frames += count;
        for (uint64_t i = 0; i < count; i++) {
            send_batch(b, fd);
        }
    }
    double rate = (double)frames * BATCH / (bench_now_s() - begun);
    close(fd);
    report_rate(b, "api.within.ws", "\"devices\":100000,\"connections\":1,\"per_frame\":50", rate,
                100, (bench_server_cpu_s(server) - cpu_before_s) / (double)(frames * BATCH));
}

static bool is_chosen(const bench *b, const char *part)
{
    return b->only == NULL || strcmp(b->only, part) == 0;
}

static void bench_pulls(bench *b)
{
    bench_server server;
    bench_server_start(&server, &(bench_server_options){.device_count = BENCH_DEVICES});
    bench_pin(1);
    bench_server_settle(&server);
    if (is_chosen(b, "http")) {
        bench_http(b, &server);
    }
    if (is_chosen(b, "ws")) {
        bench_websocket(b, &server);
    }
    bench_server_stop(&server);
}

int main(int argc, char **argv)
{
    bench b = {.random.state = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            b.is_quick = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            b.json = fopen(argv[++i], "w");
            bench_need(b.json != NULL, "cannot write the JSON file");
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            b.only = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_api [--quick] [--json FILE] "
                            "[--only http|ws|viewers|events|stalled]\n");
            return 2;
        }
    }
    struct rlimit files = {.rlim_cur = 4096, .rlim_max = 4096};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (is_chosen(&b, "http") || is_chosen(&b, "ws")) {
        bench_pulls(&b);
    }
    bench_pin(1);
    if (is_chosen(&b, "viewers")) {
        bench_viewers(&b);
    }
    if (is_chosen(&b, "events")) {
        bench_event_latency(&b);
    }
    if (is_chosen(&b, "stalled")) {
        bench_stalled(&b);
    }
    if (b.json != NULL) {
        fclose(b.json);
    }
    return 0;
}
