/* tests/notify/web_server.c - one thread, one connection after the other. */
#include "notify/web_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

struct web_server {
    int fd;
    uint16_t port;
    atomic_bool is_stopping;
    pthread_t thread;
    pthread_mutex_t lock;
    web_post *posts; /* protected by lock, as all below */
    size_t count;
    int failures_left;
    int failure_status;
    int silent_fds[WEB_POSTS_MAX]; /* connections that get no answer */
    size_t silent_count;
};

/* Read one request; false at the end of the connection. */
static bool read_request(int fd, web_post *post)
{
    char text[12000];
    size_t size = 0;
    *post = (web_post){{0}, {0}};
    for (;;) {
        struct pollfd in = {.fd = fd, .events = POLLIN};
        ssize_t got = poll(&in, 1, 2000) > 0 ? read(fd, text + size, sizeof text - 1 - size) : 0;
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        text[size] = '\0';
        char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "content-length:");
        if (end == NULL || length == NULL) {
            continue;
        }
        size_t body_size = strtoul(length + 15, NULL, 10);
        size_t head_size = (size_t)(end - text) + 4;
        if (size >= head_size + body_size) {
            snprintf(post->head, sizeof post->head, "%.*s", (int)head_size, text);
            memcpy(post->body, text + head_size, body_size);
            return true;
        }
    }
}

static void serve(web_server *s, int fd)
{
    web_post post;
    if (!read_request(fd, &post)) {
        close(fd);
        return;
    }
    pthread_mutex_lock(&s->lock);
    int status = s->failures_left > 0 ? s->failure_status : 204;
    s->failures_left -= s->failures_left > 0;
    if (s->count < WEB_POSTS_MAX) {
        s->posts[s->count++] = post;
    }
    if (status == 0) {
        s->silent_fds[s->silent_count++] = fd;
    }
    pthread_mutex_unlock(&s->lock);
    if (status != 0) {
        char answer[128];
        int size =
            snprintf(answer, sizeof answer,
                     "HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
        (void)!write(fd, answer, (size_t)size);
        close(fd);
    }
}

static void *run(void *context)
{
    web_server *s = context;
    while (!atomic_load(&s->is_stopping)) {
        struct pollfd in = {.fd = s->fd, .events = POLLIN};
        if (poll(&in, 1, 20) > 0) {
            int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0) {
                serve(s, fd);
            }
        }
    }
    return NULL;
}

web_server *web_server_new(void)
{
    web_server *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->posts = calloc(WEB_POSTS_MAX, sizeof *s->posts);
    assert_non_null(s->posts);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &size), 0);
    s->port = ntohs(address.sin_port);
    pthread_mutex_init(&s->lock, NULL);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    return s;
}

void web_server_free(web_server *s)
{
    atomic_store(&s->is_stopping, true);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->silent_count; i++) {
        close(s->silent_fds[i]);
    }
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s->posts);
    free(s);
}

uint16_t web_server_port(const web_server *s)
{
    return s->port;
}

void web_server_fail(web_server *s, int count, int status)
{
    pthread_mutex_lock(&s->lock);
    s->failures_left = count;
    s->failure_status = status;
    pthread_mutex_unlock(&s->lock);
}

size_t web_server_count(web_server *s)
{
    pthread_mutex_lock(&s->lock);
    size_t count = s->count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

void web_server_get(web_server *s, size_t i, web_post *post)
{
    pthread_mutex_lock(&s->lock);
    *post = s->posts[i];
    pthread_mutex_unlock(&s->lock);
}
