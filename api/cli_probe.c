/* api/cli_probe.c - pid files against /proc, ports by connecting to them, databases by reading. */
#include "cli_probe.h"

#include <errno.h>
#include <netdb.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

#define PATH_SIZE 2048
#define DATABASE_NS_MAX INT64_C(3000000000)
#define CONNECT_TIMEOUT_S 2
#define SERVICE_PLACES "/usr/sbin:/usr/local/sbin"

pid_t probe_process(const char *folder, const char *name, const char *program)
{
    char path[PATH_SIZE];
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

/* An immutable one gets no locks and no files beside it, which might become root's. */
static void write_uri(const char *path, char uri[3 * PATH_SIZE])
{
    size_t at = (size_t)snprintf(uri, 3 * PATH_SIZE, "file:");
    for (const char *c = path; *c != 0 && at < 3 * PATH_SIZE - 32; c++) {
        bool is_special = *c == '?' || *c == '#' || *c == '%';
        at += (size_t)snprintf(uri + at, 3 * PATH_SIZE - at, is_special ? "%%%02X" : "%c", *c);
    }
    snprintf(uri + at, 3 * PATH_SIZE - at, "?immutable=1");
}

static int is_long_enough(void *context)
{
    return hr_clock_mono_ns(hr_clock_real()) > *(const int64_t *)context;
}

/* What has not yet been carried over from the log beside it may be halfway: then only the file's
 * beginning is looked at. */
static bool has_log_beside(const char *path)
{
    char beside[PATH_SIZE];
    struct stat info;
    int size = snprintf(beside, sizeof beside, "%s-wal", path);
    return size < 0 || (size_t)size >= sizeof beside ||
           (stat(beside, &info) == 0 && info.st_size > 0);
}

bool probe_database(const char *path, char *why, size_t why_size)
{
    char uri[3 * PATH_SIZE];
    sqlite3 *db = NULL;
    sqlite3_stmt *check = NULL;
    int64_t until_ns = hr_clock_mono_ns(hr_clock_real()) + DATABASE_NS_MAX;
    if (access(path, R_OK) != 0) {
        snprintf(why, why_size, "%s", strerror(errno));
        return false;
    }
    write_uri(path, uri);
    int code = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    if (code == SQLITE_OK) {
        sqlite3_progress_handler(db, 10000, is_long_enough, &until_ns);
        code = sqlite3_prepare_v2(db,
                                  has_log_beside(path) ? "SELECT 'ok' FROM sqlite_schema LIMIT 1"
                                                       : "PRAGMA quick_check(1)",
                                  -1, &check, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(check);
    }
    const char *said = code == SQLITE_ROW ? (const char *)sqlite3_column_text(check, 0) : "ok";
    bool is_well = code == SQLITE_INTERRUPT || code == SQLITE_DONE ||
                   (code == SQLITE_ROW && said != NULL && strcmp(said, "ok") == 0);
    if (!is_well) {
        snprintf(why, why_size, "%s",
                 code == SQLITE_ROW ? said != NULL ? said : "damaged" : sqlite3_errstr(code));
    }
    sqlite3_finalize(check);
    sqlite3_close(db);
    return is_well;
}
