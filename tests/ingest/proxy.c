/* tests/ingest/proxy.c - one thread for each connection, and one that accepts them. */
#include "ingest/proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/support.h"
#include "test.h"

#define CONNECTIONS_MAX 256
#define PIECE_MAX 4096

struct proxy {
    int fd;
    uint16_t port;
    uint16_t to_port;
    pthread_t acceptor;
    pthread_t threads[CONNECTIONS_MAX];
    int thread_count; /* the acceptor's; read after its end */
    atomic_bool is_stopping;
    atomic_bool refuses_mqtt5;
    atomic_bool is_vanished;
    atomic_size_t cut_bytes;
    atomic_int cuts_left;
    atomic_int cut_count;
    atomic_int connection_count;
    atomic_size_t piece;
    atomic_int delay_ms;
};

typedef struct connection {
    proxy *p;
    int fd;
} connection;

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The level of a CONNECT stands behind "MQTT": 4 is 3.1.1, 5 is 5. */
static bool is_mqtt5_connect(int fd)
{
    uint8_t head[16];
    struct pollfd in = {.fd = fd, .events = POLLIN};
    if (poll(&in, 1, SUPPORT_TIMEOUT_MS) <= 0) {
        return false;
    }
    ssize_t got = recv(fd, head, sizeof head, MSG_PEEK);
    for (ssize_t i = 0; i + 5 <= got; i++) {
        if (memcmp(head + i, "MQTT", 4) == 0) {
            return head[i + 4] == 5;
        }
    }
    return false;
}

/* False: that side is gone. */
static bool forward(proxy *p, int from, int to, size_t *carried)
{
    uint8_t bytes[PIECE_MAX];
    size_t piece = atomic_load(&p->piece);
    ssize_t got = read(from, bytes, piece > 0 && piece < sizeof bytes ? piece : sizeof bytes);
    if (got <= 0) {
        return false;
    }
    poll(NULL, 0, atomic_load(&p->delay_ms));
    for (ssize_t at = 0; at < got;) {
        ssize_t put = send(to, bytes + at, (size_t)(got - at), MSG_NOSIGNAL);
        if (put <= 0) {
            return false;
        }
        at += put;
    }
    *carried += (size_t)got;
    if (piece > 0) {
        poll(NULL, 0, 1);
    }
    return true;
}

/* Is it time, and is a cut left? A connection that carries little uses up none. */
static bool takes_cut(proxy *p, size_t carried)
{
    if (carried < atomic_load(&p->cut_bytes)) {
        return false;
    }
    for (int left = atomic_load(&p->cuts_left); left > 0;) {
        if (atomic_compare_exchange_weak(&p->cuts_left, &left, left - 1)) {
            atomic_fetch_add(&p->cut_count, 1);
            return true;
        }
    }
    return false;
}

static void carry(const connection *c, int to)
{
    size_t carried = 0;
    while (!atomic_load(&c->p->is_stopping)) {
        if (atomic_load(&c->p->is_vanished)) {
            poll(NULL, 0, 10);
            continue;
        }
        struct pollfd fds[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = to, .events = POLLIN}};
        poll(fds, 2, 50);
        if ((fds[0].revents != 0 && !forward(c->p, c->fd, to, &carried)) ||
            (fds[1].revents != 0 && !forward(c->p, to, c->fd, &carried))) {
            return;
        }
        if (takes_cut(c->p, carried)) {
            return;
        }
    }
}

static void *run_connection(void *context)
{
    connection *c = context;
    static const uint8_t refusal[] = {0x20, 0x02, 0x00, 0x01};
    if (atomic_load(&c->p->refuses_mqtt5) && is_mqtt5_connect(c->fd)) {
        (void)!write(c->fd, refusal, sizeof refusal);
    } else {
        int to = connect_to(c->p->to_port);
        if (to >= 0) {
            carry(c, to);
            close(to);
        }
    }
    close(c->fd);
    free(c);
    return NULL;
}

static void take_connection(proxy *p, int fd)
{
    connection *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (connection){.p = p, .fd = fd};
    atomic_fetch_add(&p->connection_count, 1);
    assert_int_equal(pthread_create(&p->threads[p->thread_count++], NULL, run_connection, c), 0);
}

static void *run_acceptor(void *context)
{
    proxy *p = context;
    while (!atomic_load(&p->is_stopping) && p->thread_count < CONNECTIONS_MAX) {
        struct pollfd in = {.fd = p->fd, .events = POLLIN};
        if (poll(&in, 1, 20) > 0) {
            int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0) {
                take_connection(p, fd);
            }
        }
    }
    return NULL;
}

proxy *proxy_new(uint16_t to_port)
{
    proxy *p = calloc(1, sizeof *p);
    assert_non_null(p);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    p->to_port = to_port;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p->fd >= 0);
    /* As small as on a real link, where buffers are soon full. Connections inherit it. */
    int room = 16384, segment = 1400;
    assert_int_equal(setsockopt(p->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment), 0);
    assert_int_equal(setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(p->fd, 64), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&address, &size), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&p->acceptor, NULL, run_acceptor, p), 0);
    return p;
}

void proxy_free(proxy *p)
{
    atomic_store(&p->is_stopping, true);
    pthread_join(p->acceptor, NULL);
    for (int i = 0; i < p->thread_count; i++) {
        pthread_join(p->threads[i], NULL);
    }
    close(p->fd);
    free(p);
}

uint16_t proxy_port(const proxy *p)
{
    return p->port;
}

void proxy_cut_after(proxy *p, size_t bytes, int count)
{
    atomic_store(&p->cut_bytes, bytes);
    atomic_store(&p->cuts_left, count);
}

void proxy_trickle(proxy *p, size_t bytes)
{
    atomic_store(&p->piece, bytes);
}

void proxy_delay(proxy *p, int ms)
{
    atomic_store(&p->delay_ms, ms);
}

void proxy_refuse_mqtt5(proxy *p)
{
    atomic_store(&p->refuses_mqtt5, true);
}

void proxy_vanish(proxy *p, bool is_on)
{
    atomic_store(&p->is_vanished, is_on);
}

int proxy_connection_count(proxy *p)
{
    return atomic_load(&p->connection_count);
}

int proxy_cut_count(proxy *p)
{
    return atomic_load(&p->cut_count);
}
