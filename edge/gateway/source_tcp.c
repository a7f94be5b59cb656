/* gateway/source_tcp.c - connects, or listens; a peer that vanished is noticed by TCP itself. */
#include "gateway/source_tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/logline.h"
#include "gateway/source_text.h"

#define CONNECT_TIMEOUT_MS 10000
#define BACKLOG 16
/* Before it is tried again to let in somebody for whom there was nothing left. */
#define REST_MS 500

/* A silent peer is asked after 30 s, three times, ten seconds apart. */
#define KEEP_ALIVE_IDLE_S 30
#define KEEP_ALIVE_GAP_S 10
#define KEEP_ALIVE_COUNT 3

const char *source_tcp_address(const char *place, const char *scheme)
{
    size_t size = strlen(scheme);
    return strncmp(place, scheme, size) == 0 ? place + size : NULL;
}

static void keep_alive(int fd)
{
    int on = 1, idle = KEEP_ALIVE_IDLE_S, gap = KEEP_ALIVE_GAP_S, count = KEEP_ALIVE_COUNT;
    /* Where one of these fails, a dead peer is noticed later, and nothing else. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &gap, sizeof gap);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/* "host:port", "[::1]:port" or, to listen anywhere, ":port". The list is for freeaddrinfo. */
static struct addrinfo *look_up(const char *address, int flags)
{
    char host[CONFIG_TEXT_MAX];
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found = NULL;
    if (colon == NULL) {
        return NULL;
    }
    size_t size = (size_t)(colon - address);
    if (size >= 2 && address[0] == '[' && address[size - 1] == ']') {
        address++;
        size -= 2;
    }
    snprintf(host, sizeof host, "%.*s", (int)size, address);
    return getaddrinfo(size > 0 ? host : NULL, colon + 1, &hints, &found) == 0 ? found : NULL;
}

/* ---- connecting ---- */

/* Wait until the attempt is decided, the source stops, or it takes too long. */
static bool is_connected(source *s, int fd)
{
    struct pollfd fds[2] = {{.fd = s->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLOUT}};
    int failed = 0;
    socklen_t size = sizeof failed;
    return poll(fds, 2, CONNECT_TIMEOUT_MS) > 0 && !atomic_load(&s->is_stopping) &&
           fds[1].revents != 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 &&
           failed == 0;
}

static int try_address(source *s, const struct addrinfo *to)
{
    int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, to->ai_addr, to->ai_addrlen) != 0 &&
        (errno != EINPROGRESS || !is_connected(s, fd))) {
        close(fd);
        return -1;
    }
    keep_alive(fd);
    return fd;
}

int source_tcp_connect(source *s, const char *address)
{
    struct addrinfo *found = look_up(address, 0);
    int fd = -1;
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = try_address(s, at);
    }
    if (found != NULL) {
        freeaddrinfo(found);
    }
    return fd;
}

/* ---- listening ---- */

typedef struct listener {
    source *s;
    struct pollfd fds[2 + SOURCE_CLIENTS_MAX]; /* to stop, to accept, and the clients' */
    source_text *texts[SOURCE_CLIENTS_MAX];
    nfds_t count;    /* of fds */
    bool is_resting; /* who waits cannot be let in, and would be told of again at once */
} listener;

static int listen_at(const char *address)
{
    struct addrinfo *found = look_up(address, AI_PASSIVE);
    int fd = -1, on = 1;
    if (found != NULL) {
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                    bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)) {
        close(fd);
        fd = -1;
    }
    if (found != NULL) {
        freeaddrinfo(found);
    }
    return fd;
}

static void accept_one(listener *l)
{
    bool was_resting = l->is_resting;
    int fd = accept4(l->fds[1].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    l->is_resting = fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
    if (l->is_resting && !was_resting) {
        hr_logline(HR_LEVEL_WARN, "source.turned_away", "why=\"%s\"", strerror(errno));
    }
    if (fd < 0) {
        return;
    }
    bool has_room = l->count < 2 + SOURCE_CLIENTS_MAX;
    source_text *text = has_room ? source_text_new(l->s, true) : NULL;
    if (text == NULL) {
        hr_logline(HR_LEVEL_WARN, "source.turned_away", "why=\"%s\"",
                   has_room ? "out of memory" : "too many clients");
        close(fd);
        return;
    }
    keep_alive(fd);
    l->texts[l->count - 2] = text;
    l->fds[l->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    source_note_open(l->s);
}

static void drop_client(listener *l, nfds_t at)
{
    source_text_end_line(l->texts[at - 2]);
    source_text_free(l->texts[at - 2]);
    close(l->fds[at].fd);
    l->count--;
    l->fds[at] = l->fds[l->count];
    l->texts[at - 2] = l->texts[l->count - 2];
}

/* False: it is gone. */
static bool read_client(listener *l, nfds_t at)
{
    char bytes[SOURCE_READ_BYTES];
    ssize_t got = read(l->fds[at].fd, bytes, sizeof bytes);
    if (got > 0) {
        source_text_take(l->texts[at - 2], bytes, (size_t)got);
    }
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static void serve(source *s, int fd)
{
    listener l = {.s = s, .count = 2};
    l.fds[0] = (struct pollfd){.fd = s->wake_fd, .events = POLLIN};
    l.fds[1] = (struct pollfd){.fd = fd, .events = POLLIN};
    while (!atomic_load(&s->is_stopping)) {
        l.fds[1].events = l.is_resting ? 0 : POLLIN;
        poll(l.fds, l.count, l.is_resting ? REST_MS : -1);
        /* From the last to the first, since a client that is gone gives its place to the last. */
        for (nfds_t at = l.count; at-- > 2;) {
            if (l.fds[at].revents != 0 && !read_client(&l, at)) {
                drop_client(&l, at);
            }
        }
        if (l.is_resting || l.fds[1].revents != 0) {
            accept_one(&l);
        }
    }
    while (l.count > 2) {
        drop_client(&l, l.count - 1);
    }
}

void source_run_listen(source *s, const char *address)
{
    int pause_ms = 0;
    do {
        int fd = listen_at(address);
        if (fd >= 0) {
            serve(s, fd);
            close(fd);
        } else {
            hr_logline(HR_LEVEL_WARN, "source.no_listener", "source=%s why=\"%s\"",
                       s->options.what->place, strerror(errno));
        }
    } while (source_pause(s, &pause_ms, false));
}
