/* tests/bench/bench_bare_mqtt.c - just enough of MQTT 3.1.1 to publish and to count. */
#include "bench_bare_mqtt.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define PACKET_CONNECT 0x10
#define PACKET_PUBLISH 0x30
#define PACKET_SUBSCRIBE 0x82
#define ANSWER_MS 5000

static size_t put_length(uint8_t *to, size_t length)
{
    size_t at = 0;
    do {
        to[at] = (uint8_t)(length % 128);
        length /= 128;
        to[at] |= length > 0 ? 0x80 : 0;
        at++;
    } while (length > 0);
    return at;
}

static size_t put_text(uint8_t *to, const char *text)
{
    size_t size = strlen(text);
    to[0] = (uint8_t)(size >> 8);
    to[1] = (uint8_t)size;
    memcpy(to + 2, text, size);
    return 2 + size;
}

bool bare_send(int fd, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fd, bytes + at, size - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += (size_t)sent;
    }
    return true;
}

/* A short packet, and the last byte of its answer, which tells whether it was granted. */
static bool ask(int fd, uint8_t type, const uint8_t *body, size_t size, size_t answer_size)
{
    uint8_t packet[600], answer[8];
    packet[0] = type;
    size_t at = 1 + put_length(packet + 1, size);
    memcpy(packet + at, body, size);
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    return bare_send(fd, packet, at + size) && poll(&readable, 1, ANSWER_MS) == 1 &&
           recv(fd, answer, answer_size, MSG_WAITALL) == (ssize_t)answer_size &&
           answer[answer_size - 1] == 0;
}

int bare_connect(uint16_t port, const char *user, const char *password, const char *client_id)
{
    static const uint8_t head[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 0xc2, 0, 0};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t body[500];
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(user) + strlen(password) + strlen(client_id) > 400) {
        close(fd);
        return -1;
    }
    memcpy(body, head, sizeof head);
    size_t size = sizeof head;
    size += put_text(body + size, client_id);
    size += put_text(body + size, user);
    size += put_text(body + size, password);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        !ask(fd, PACKET_CONNECT, body, size, 4)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool bare_subscribe(int fd, const char *filter)
{
    uint8_t body[300] = {0, 1};
    if (strlen(filter) > 200) {
        return false;
    }
    size_t size = 2 + put_text(body + 2, filter);
    body[size++] = 0;
    return ask(fd, PACKET_SUBSCRIBE, body, size, 5);
}

size_t bare_put_publish(uint8_t *to, const char *topic, const void *payload, size_t size)
{
    to[0] = PACKET_PUBLISH;
    size_t at = 1 + put_length(to + 1, 2 + strlen(topic) + size);
    at += put_text(to + at, topic);
    memcpy(to + at, payload, size);
    return at + size;
}

/* Where a stream of packets stands. */
typedef struct packet_counter {
    uint64_t count;
    uint64_t length; /* of the packet, as far as it is known */
    int shift;       /* of the next length byte */
    bool is_in_head; /* the length is being read */
    uint8_t type;
} packet_counter;

static void count_packets(packet_counter *c, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        if (c->is_in_head) {
            c->length |= (uint64_t)(bytes[at] & 0x7f) << c->shift;
            c->shift += 7;
            c->is_in_head = (bytes[at] & 0x80) != 0;
            at++;
        } else if (c->length == 0) {
            *c = (packet_counter){.count = c->count, .is_in_head = true, .type = bytes[at++]};
            c->count += (c->type & 0xf0) == PACKET_PUBLISH;
        } else {
            size_t rest = size - at < c->length ? size - at : (size_t)c->length;
            c->length -= rest;
            at += rest;
        }
    }
}

uint64_t bare_count(int fd, uint64_t wanted, int silent_ms, double *took_s)
{
    static uint8_t bytes[1 << 16];
    packet_counter c = {.count = 0};
    int64_t first_ns = 0, last_ns = 0;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (c.count < wanted && poll(&readable, 1, silent_ms) == 1) {
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0) {
            break;
        }
        count_packets(&c, bytes, (size_t)got);
        last_ns = hr_clock_mono_ns(hr_clock_real());
        first_ns = first_ns == 0 ? last_ns : first_ns;
    }
    *took_s = (double)(last_ns - first_ns) / 1e9;
    return c.count;
}
