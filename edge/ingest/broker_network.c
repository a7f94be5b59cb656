/* ingest/broker_network.c - which address of this machine others on the local network know. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/broker.h"
#include "ingest/broker_files.h"

/* An address that is nobody's (RFC 5737): only the way to it is asked for, and nothing is sent. */
#define SOMEWHERE "192.0.2.1"
#define SOMEWHERE_PORT 9

/* The address on the way out; false where there is none, as on a network without a router. */
static bool address_towards_others(char text[BROKER_HOST_SIZE])
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(SOMEWHERE_PORT)};
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool is_known = inet_pton(AF_INET, SOMEWHERE, &there.sin_addr) == 1 &&
                    connect(fd, (struct sockaddr *)&there, sizeof there) == 0 &&
                    getsockname(fd, (struct sockaddr *)&here, &size) == 0 &&
                    here.sin_addr.s_addr != htonl(INADDR_ANY) &&
                    inet_ntop(AF_INET, &here.sin_addr, text, BROKER_HOST_SIZE) != NULL;
    close(fd);
    return is_known;
}

static bool first_address(char text[BROKER_HOST_SIZE])
{
    struct ifaddrs *list = NULL;
    bool is_known = false;
    if (getifaddrs(&list) != 0) {
        return false;
    }
    for (const struct ifaddrs *at = list; at != NULL && !is_known; at = at->ifa_next) {
        if (at->ifa_addr != NULL && at->ifa_addr->sa_family == AF_INET &&
            (at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0) {
            struct sockaddr_in in;
            memcpy(&in, at->ifa_addr, sizeof in);
            is_known = inet_ntop(AF_INET, &in.sin_addr, text, BROKER_HOST_SIZE) != NULL;
        }
    }
    freeifaddrs(list);
    return is_known;
}

void broker_machine_address(char text[BROKER_HOST_SIZE])
{
    if (!address_towards_others(text) && !first_address(text)) {
        snprintf(text, BROKER_HOST_SIZE, "127.0.0.1");
    }
}

void broker_machine_name(char text[BROKER_HOST_SIZE])
{
    char host[BROKER_HOST_SIZE - sizeof BROKER_LOCAL_SUFFIX + 1] = "";
    text[0] = '\0';
    /* A longer one is cut by some, and refused by others. */
    bool is_known = gethostname(host, sizeof host) == 0 && host[sizeof host - 1] == '\0';
    if (is_known && host[0] != '\0' && host[strspn(host, BROKER_NAME_LETTERS)] == '\0') {
        snprintf(text, BROKER_HOST_SIZE, "%s" BROKER_LOCAL_SUFFIX, host);
    }
}
