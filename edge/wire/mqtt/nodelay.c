/* nodelay.c - no waiting for company on the sockets to a broker.
 *
 * An MQTT client answers a message and then publishes one of its own; with Nagle's algorithm the
 * second waits until the broker's kernel acknowledges the first, up to 40 ms later. Paho neither
 * sets TCP_NODELAY nor tells its socket, so it is found among ours by the port of its peer. */
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

void mqtt_send_at_once(const char *uri)
{
    const char *colon = uri != NULL ? strrchr(uri, ':') : NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    DIR *files = port != 0 ? opendir("/proc/self/fd") : NULL;
    if (files == NULL) {
        return; /* slower, and nothing else */
    }
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        int file = (int)strtol(entry->d_name, NULL, 10);
        int on = 1;
        if (file > STDERR_FILENO && peer_port(file) == port) {
            (void)setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
    closedir(files);
}
