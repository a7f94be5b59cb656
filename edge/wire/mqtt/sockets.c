/* mqtt/sockets.c - what Paho does not let us say to its sockets.
 *
 * No waiting for company: an MQTT client answers a message and then publishes one of its own; with
 * Nagle's algorithm the second waits until the broker's kernel acknowledges the first, up to 40 ms
 * later. And no answer: a message whose callback returns is answered, whatever came of it, unless
 * its connection is cut before.
 * Paho does not tell its sockets, so they are found among ours by the port of their peer. */
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link_private.h"

/* The port at which a connected TCP socket's peer listens; 0: it is no such socket. */
static unsigned peer_port(int file)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } peer;
    socklen_t size = sizeof peer;
    if (getpeername(file, &peer.any, &size) != 0) {
        return 0;
    }
    return peer.any.sa_family == AF_INET    ? ntohs(peer.v4.sin_port)
           : peer.any.sa_family == AF_INET6 ? ntohs(peer.v6.sin6_port)
                                            : 0;
}

typedef void socket_visitor(int file);

static void each_socket_to(const char *uri, socket_visitor *visit)
{
    const char *colon = uri != NULL ? strrchr(uri, ':') : NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    DIR *files = port != 0 ? opendir("/proc/self/fd") : NULL;
    if (files == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        int file = (int)strtol(entry->d_name, NULL, 10);
        if (file > STDERR_FILENO && peer_port(file) == port) {
            visit(file);
        }
    }
    closedir(files);
}

/* Where it fails, all is slower, and nothing else. */
static void send_at_once(int file)
{
    int on = 1;
    (void)setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void cut(int file)
{
    (void)shutdown(file, SHUT_RDWR);
}

void mqtt_send_at_once(const char *uri)
{
    each_socket_to(uri, send_at_once);
}

void mqtt_cut(const char *uri)
{
    each_socket_to(uri, cut);
}
