/* api/cli_probe.c - pid files against /proc, ports by connecting to them. */
#include "cli_probe.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 2
#define SERVICE_PLACES "/usr/sbin:/usr/local/sbin"

pid_t probe_process(const char *folder, const char *name, const char *program)
{
    char path[2048];
    char called[64] = "";
    long pid = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    int fields = fscanf(file, "%9ld", &pid);
    fclose(file);
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    file = fields == 1 && pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return 0;
    }
    bool is_read = fgets(called, sizeof called, file) != NULL;
    fclose(file);
    called[strcspn(called, "\n")] = 0;
    return is_read && strcmp(called, program) == 0 ? (pid_t)pid : 0;
}

bool probe_connects(const char *host, uint16_t port)
{
    struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM};
    struct addrinfo *address = NULL;
    struct timeval patience = {.tv_sec = CONNECT_TIMEOUT_S};
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &wanted, &address) != 0) {
        return false;
    }
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connects = false;
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        connects = connect(fd, address->ai_addr, address->ai_addrlen) == 0;
        close(fd);
    }
    freeaddrinfo(address);
    return connects;
}

bool probe_program(const char *name)
{
    const char *own = getenv("PATH");
    char places[8192];
    char path[8448];
    snprintf(places, sizeof places, "%s:%s", own != NULL ? own : "/usr/bin", SERVICE_PLACES);
    char *rest = NULL;
    for (char *at = strtok_r(places, ":", &rest); at != NULL; at = strtok_r(NULL, ":", &rest)) {
        snprintf(path, sizeof path, "%s/%s", at, name);
        if (access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}
