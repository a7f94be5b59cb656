/* tests/bench/bench_client.c - the report, and a client's side of HTTP and WebSocket. */
#include "bench_client.h"
#include "bench_line.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

double bench_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bench_report(bench *b, const char *name, const char *details, double ours, double aim,
                  const char *unit)
{
    bench_line_put(b->json, &(bench_line){.name = name,
                                          .details = details,
                                          .ours = ours,
                                          .unit = unit,
                                          .peer = "target",
                                          .theirs = aim,
                                          .runs = 1});
}

int bench_connect(const bench_server *server)
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

void bench_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        bench_need(sent > 0, "the server hung up");
        at += sent;
        size -= (size_t)sent;
    }
}

int bench_upgrade(const bench_server *server)
{
    char text[1024];
    int fd = bench_connect(server);
    int used = snprintf(text, sizeof text,
                        "GET /v1/live?token=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket"
                        "\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Protocol: hedgerow.v1\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        server->token);
    bench_send(fd, text, (size_t)used);
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
void bench_send_frame(int fd, const char *text, size_t size)
{
    static uint8_t frame[4u << 20];
    size_t head = size < 126 ? 2 : size < 65536 ? 4 : 10;
    frame[0] = 0x81;
    frame[1] = (uint8_t)(0x80 | (head == 2 ? size : head == 4 ? 126 : 127));
    for (size_t i = 2; i < head; i++) {
        frame[i] = (uint8_t)(size >> 8 * (head - 1 - i));
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, text, size);
    bench_send(fd, frame, head + 4 + size);
}

size_t bench_frame(const uint8_t *data, size_t size, const uint8_t **payload, size_t *length)
{
    size_t head = 2;
    if (size < 10) {
        /* Even the shortest message of ours is longer. */
        return 0;
    }
    *length = data[1] & 127;
    if (*length == 126) {
        *length = (size_t)data[2] << 8 | data[3];
        head = 4;
    } else if (*length == 127) {
        *length = 0;
        for (int i = 2; i < 10; i++) {
            *length = *length << 8 | data[i];
        }
        head = 10;
    }
    *payload = data + head;
    return size >= head + *length ? head + *length : 0;
}
