/* tests/bench/bench_api.c - pull queries over HTTP and WebSocket, and WebSocket viewers, one JSON
 * line for each case. bench_api [--quick] [--json FILE]. Server and clients have a core each;
 * theirs is the figure aimed at. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "bench_server.h"

#define DEVICES 100000
#define CONNECTIONS 16
#define BATCH 50         /* requests in one WebSocket frame */
#define BATCHES_AHEAD 8  /* frames sent before their answers are read */
#define POLYGON_E7 40000 /* 0.004 degree: 8 devices on average */
#define VIEWERS 1000
#define VIEW_E7 223000 /* a square with 200 of the devices */
#define BUFFER_BYTES (4u << 20)

typedef struct bench {
    FILE *json;
    bool is_quick;
    hr_random random;
} bench;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void report(bench *b, const char *name, const char *details, double ours, double aim,
                   const char *unit)
{
    char line[512];
    snprintf(line, sizeof line,
             "{\"bench\":\"%s\",\"case\":{%s},\"ours\":%.4g,\"peer\":\"target\",\"theirs\":%.4g,"
             "\"unit\":\"%s\",\"ratio\":%.3g,\"runs\":1}",
             name, details, ours, aim, unit, ours / aim);
    puts(line);
    fflush(stdout);
    if (b->json != NULL) {
        fprintf(b->json, "%s\n", line);
    }
}

/* With what a query costs the server, which does not depend on who else is on the machine. */
static void report_rate(bench *b, const char *name, const char *details, double per_s,
                        double aim_k_per_s, double cpu_s)
{
    char all[256];
    snprintf(all, sizeof all, "%s,\"server_cpu_us\":%.2f", details, cpu_s * 1e6);
    report(b, name, all, per_s / 1000, aim_k_per_s, "k queries/s");
}

static int connect_to(const bench_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    bench_need(fd >= 0 && connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0,
               "no connection");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        bench_need(sent > 0, "the server hung up");
        at += sent;
        size -= (size_t)sent;
    }
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
    send_all(fd, request, (size_t)used);
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
        links[i] = (struct pollfd){.fd = connect_to(server), .events = POLLIN};
        ask_http(b, server, links[i].fd);
    }
    double cpu_before_s = bench_server_cpu_s(server);
    double begun = now_s();
    double seconds = b->is_quick ? 0.5 : 5;
    while (now_s() - begun < seconds) {
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
    double rate = (double)count / (now_s() - begun);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(links[i].fd);
    }
    report_rate(b, "api.within.http", "\"devices\":100000,\"connections\":16", rate, 20,
                (bench_server_cpu_s(server) - cpu_before_s) / (double)count);
}

/* ---- WebSocket ---- */

static int upgrade(const bench_server *server)
{
    char text[1024];
    int fd = connect_to(server);
    int used = snprintf(text, sizeof text,
                        "GET /v1/live?token=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket"
                        "\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Protocol: hedgerow.v1\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        server->token);
    send_all(fd, text, (size_t)used);
    size_t size = 0;
    while (size < sizeof text && memmem(text, size, "\r\n\r\n", 4) == NULL) {
        ssize_t got = recv(fd, text + size, 1, 0);
        bench_need(got > 0, "the upgrade failed");
        size += (size_t)got;
    }
    bench_need(memcmp(text, "HTTP/1.1 101", 12) == 0, "the upgrade was refused");
    return fd;
}

/* A masked text frame; the mask is zero, which is one like any other. */
static void send_frame(int fd, const char *text, size_t size)
{
    static uint8_t frame[BUFFER_BYTES];
    size_t head = size < 126 ? 2 : size < 65536 ? 4 : 10;
    frame[0] = 0x81;
    frame[1] = (uint8_t)(0x80 | (head == 2 ? size : head == 4 ? 126 : 127));
    for (size_t i = 2; i < head; i++) {
        frame[i] = (uint8_t)(size >> 8 * (head - 1 - i));
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, size);
    send_all(fd, frame, head + 4 + size);
}

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
    send_frame(fd, text, used);
}

/* Whole frames at the start of the buffer are counted and taken out. */
static uint64_t take_frames(uint8_t *data, size_t *size)
{
    uint64_t count = 0;
    size_t at = 0;
    while (*size - at >= 10) {
        size_t length = data[at + 1] & 127;
        size_t head = 2;
        if (length == 126) {
            length = (size_t)data[at + 2] << 8 | data[at + 3];
            head = 4;
        } else if (length == 127) {
            length = 0;
            for (int i = 2; i < 10; i++) {
                length = length << 8 | data[at + (size_t)i];
            }
            head = 10;
        }
        if (*size - at < head + length) {
            break;
        }
        at += head + length;
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
    int fd = upgrade(server);
    for (int i = 0; i < BATCHES_AHEAD; i++) {
        send_batch(b, fd);
    }
    double cpu_before_s = bench_server_cpu_s(server);
    double begun = now_s();
    double seconds = b->is_quick ? 0.5 : 5;
    bool is_greeted = false;
    while (now_s() - begun < seconds) {
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
    double rate = (double)frames * BATCH / (now_s() - begun);
    close(fd);
    report_rate(b, "api.within.ws", "\"devices\":100000,\"connections\":1,\"per_frame\":50", rate,
                100, (bench_server_cpu_s(server) - cpu_before_s) / (double)(frames * BATCH));
}

/* ---- viewers ---- */

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
    send_frame(fd, text, (size_t)used);
}

/* Frames that all viewers got in so many seconds. */
static uint64_t watch(struct pollfd *links, int count, double seconds)
{
    static uint8_t bytes[65536];
    uint64_t received = 0;
    double begun = now_s();
    while (now_s() - begun < seconds) {
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

static void bench_viewers(bench *b)
{
    static struct pollfd links[VIEWERS];
    bench_server server;
    int count = b->is_quick ? 100 : VIEWERS;
    double seconds = b->is_quick ? 1 : 10;
    /* Every device moves, five times a second: the viewers see 200 of them each. */
    bench_server_start(&server, DEVICES, DEVICES, 5);
    for (int i = 0; i < count; i++) {
        links[i] = (struct pollfd){.fd = upgrade(&server), .events = POLLIN};
        subscribe(b, links[i].fd);
    }
    (void)watch(links, count, b->is_quick ? 0.5 : 3);
    double cpu_before_s = bench_server_cpu_s(&server);
    double begun = now_s();
    uint64_t bytes = watch(links, count, seconds);
    double elapsed_s = now_s() - begun;
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
    report(b, "api.viewers", details, (double)bytes / 12 / elapsed_s / 1000,
           count * 5 * 200 / 1000.0, "k positions/s");
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
        } else {
            fprintf(stderr, "usage: bench_api [--quick] [--json FILE]\n");
            return 2;
        }
    }
    struct rlimit files = {.rlim_cur = 4096, .rlim_max = 4096};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    bench_server server;
    bench_server_start(&server, DEVICES, 0, 0);
    bench_pin(1);
    bench_http(&b, &server);
    bench_websocket(&b, &server);
    bench_server_stop(&server);
    bench_viewers(&b);
    if (b.json != NULL) {
        fclose(b.json);
    }
    return 0;
}
