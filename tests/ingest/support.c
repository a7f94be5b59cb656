/* tests/ingest/support.c - folders, ports, processes, and waiting with an end. */
#include "ingest/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"

#define POLL_MS 5

extern char **environ;

const char *support_folder(void)
{
    static char folder[64];
    memcpy(folder, "/tmp/hedgerow-test-XXXXXX", 26);
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void support_folder_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

uint16_t support_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

pid_t support_spawn(const char *const argv[], const char *output)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    const char *out = output != NULL ? output : "/dev/null";
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_APPEND, 0600), 0);
    if (output == NULL) {
        assert_int_equal(posix_spawn_file_actions_addopen(&actions, 2, out, O_WRONLY, 0), 0);
    }
    char *copy[32];
    size_t count = 0;
    for (; argv[count] != NULL; count++) {
        assert_true(count < 31);
        copy[count] = strdup(argv[count]);
        assert_non_null(copy[count]);
    }
    copy[count] = NULL;
    assert_int_equal(posix_spawnp(&pid, copy[0], &actions, NULL, copy, environ), 0);
    for (size_t i = 0; i < count; i++) {
        free(copy[i]);
    }
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

int support_run(const char *const argv[])
{
    int status = 0;
    pid_t pid = support_spawn(argv, NULL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void support_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

bool support_until(bool (*check)(void *context), void *context)
{
    const hr_clock *clock = hr_clock_real();
    int64_t end_ns = hr_clock_mono_ns(clock) + SUPPORT_TIMEOUT_MS * INT64_C(1000000);
    while (!check(context)) {
        if (hr_clock_mono_ns(clock) > end_ns) {
            return false;
        }
        poll(NULL, 0, POLL_MS);
    }
    return true;
}

int support_publish(uint16_t port, const char *user, const char *password, const char *topic,
                    const char *payload)
{
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", port);
    const char *const argv[] = {
        "mosquitto_pub", "-h", "127.0.0.1", "-p", port_text, "-u", user,     "-P", password, "-t",
        topic,           "-m", payload,     "-q", "1",       "-V", "mqttv5", NULL};
    return support_run(argv);
}

#define SUBSCRIBE_WORDS 20

/* The words of a mosquitto_sub; last is a further option or NULL. */
static void subscribe_words(const char *argv[SUBSCRIBE_WORDS], const char *port, const char *user,
                            const char *password, const char *client, const char *topic,
                            const char *last)
{
    const char *const words[] = {
        "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-u",  user, "-P", password, "-i",
        client,          "-c", "-q",        "1",  "-t", topic, last, NULL};
    memcpy(argv, words, sizeof words);
}

int support_session(uint16_t port, const char *user, const char *password, const char *client,
                    const char *topic)
{
    const char *argv[SUBSCRIBE_WORDS];
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", port);
    subscribe_words(argv, port_text, user, password, client, topic, "-E");
    return support_run(argv);
}

pid_t support_hear(uint16_t port, const char *user, const char *password, const char *client,
                   const char *topic, const char *output)
{
    const char *argv[SUBSCRIBE_WORDS];
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", port);
    subscribe_words(argv, port_text, user, password, client, topic, NULL);
    return support_spawn(argv, output);
}

bool support_file_has(const char *path, const char *text, size_t times)
{
    char bytes[8192] = {0};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return times == 0;
    }
    size_t size = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    size_t found = 0;
    for (const char *at = bytes; size > 0 && (at = strstr(at, text)) != NULL; at++) {
        found++;
    }
    return found >= times;
}
