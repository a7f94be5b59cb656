/* demo.c - what the demo farm needs before its animals can be seen. */
#include "demo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "farm.h"
#include "http.h"

#define PATH_SIZE 1400
#define TEXT_SIZE 4096
#define POLL_NS 200000000
#define GATEWAY_NAME "demo-farm"
#define ANSWER_BYTES_MAX (1u << 20)

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
}

/* A file's text, terminated; false when there is no such file or it does not fit. */
static bool read_text(const char *path, char text[TEXT_SIZE])
{
    FILE *file = fopen(path, "rb");
    size_t size = file != NULL ? fread(text, 1, TEXT_SIZE, file) : TEXT_SIZE;
    if (file != NULL) {
        fclose(file);
    }
    if (size >= TEXT_SIZE) {
        return false;
    }
    text[size] = '\0';
    return true;
}

/* A service with a certificate is not found by its address alone: it says where it is. */
static void find_service(const sim_demo_options *o, char url[TEXT_SIZE])
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/local-address", o->data);
    if (read_text(path, url) && strncmp(url, "https://", 8) == 0) {
        url[strcspn(url, "\r\n")] = '\0';
    } else {
        snprintf(url, TEXT_SIZE, "%s", o->http);
    }
}

/* Readable by us alone: it may be a password. */
static hr_err write_text(const char *path, const char *text, hr_why *why)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        return hr_why_errno(why, errno, "%s", path);
    }
    size_t size = strlen(text);
    bool is_written = write(file, text, size) == (ssize_t)size;
    close(file);
    return is_written ? HR_OK : hr_why_set(why, HR_IO, "cannot write %s", path);
}

/* The child's side: becomes `hedgerow --data DIR gateway VERB NAME [--json]`. */
static void become_hedgerow(const sim_demo_options *o, const char *verb, const char *more)
{
    char path[PATH_SIZE];
    const char *slash = strrchr(o->program, '/');
    int folder = slash != NULL ? (int)(slash - o->program) + 1 : 0;
    snprintf(path, sizeof path, "%.*shedgerow", folder, o->program);
    execlp(path, path, "--data", o->data, "gateway", verb, GATEWAY_NAME, more, (char *)NULL);
    _exit(127);
}

/* One whose password nobody knows: it was made when somebody ended us before it was written down.
 * Mostly there is none. */
static void forget_gateway(const sim_demo_options *o)
{
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDERR_FILENO);
        become_hedgerow(o, "rm", NULL);
    }
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
}

static hr_err make_gateway(const sim_demo_options *o, char text[TEXT_SIZE], hr_why *why)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return hr_why_errno(why, errno, "pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        become_hedgerow(o, "add", "--json");
    }
    close(ends[1]);
    size_t size = 0;
    ssize_t got = 0;
    while (child > 0 && size < TEXT_SIZE - 1 &&
           (got = read(ends[0], text + size, TEXT_SIZE - 1 - size)) > 0) {
        size += (size_t)got;
    }
    text[size] = '\0';
    close(ends[0]);
    int status = -1;
    if (child > 0) {
        waitpid(child, &status, 0);
    }
    return status == 0 ? HR_OK
                       : hr_why_set(why, HR_DENIED, "hedgerow gateway add %s failed", GATEWAY_NAME);
}

static hr_err find_login(const sim_demo_options *o, sim_login *login, hr_why *why)
{
    char path[PATH_SIZE];
    char text[TEXT_SIZE];
    snprintf(path, sizeof path, "%s/demo-login.json", o->data);
    hr_err err = HR_OK;
    if (!read_text(path, text) || sim_login_parse(text, strlen(text), login, NULL) != HR_OK) {
        forget_gateway(o);
        err = make_gateway(o, text, why);
        err = err == HR_OK ? write_text(path, text, why) : err;
        err = err == HR_OK ? sim_login_parse(text, strlen(text), login, why) : err;
    }
    if (err == HR_OK && o->mqtt != NULL) {
        snprintf(login->address, sizeof login->address, "tcp://%s", o->mqtt);
    }
    return err;
}

/* A farm without fences is still worth looking at, so a failure here is told and no more. */
static void make_fences(const sim_demo_options *o, const sim_scenario *scenario)
{
    char path[PATH_SIZE];
    char token[TEXT_SIZE] = "";
    char url[TEXT_SIZE];
    char made[PATH_SIZE];
    hr_why why = {""};
    snprintf(made, sizeof made, "%s/demo-fences", o->data);
    if (access(made, F_OK) == 0) {
        return;
    }
    snprintf(path, sizeof path, "%s/local-token", o->data);
    if (o->token != NULL) {
        snprintf(token, sizeof token, "%s", o->token);
    } else if (read_text(path, token)) {
        token[strcspn(token, "\r\n")] = '\0';
    }
    if (token[0] == '\0') {
        fputs("hedgerow-sim: no DATA/local-token and no --token: the demo farm has no fences\n",
              stderr);
        return;
    }
    find_service(o, url);
    sim_http *http = sim_http_new(url, token);
    hr_err err = http != NULL ? sim_farm_post(scenario, http, &why) : HR_NO_MEMORY;
    if (err == HR_OK) {
        err = write_text(made, "The demo farm's fences were added once.\n", &why);
    }
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow-sim: the demo farm's fences: %s\n", why.text);
    }
    sim_http_free(http);
}

static bool is_ready(const sim_demo_options *o)
{
    char url[TEXT_SIZE];
    long status = 0;
    hr_buf answer;
    hr_buf_init(&answer, ANSWER_BYTES_MAX);
    find_service(o, url);
    sim_http *http = sim_http_new(url, "");
    bool is = http != NULL &&
              sim_http_ask(http, "GET", "/v1/health", NULL, &answer, &status, NULL) == HR_OK &&
              memmem(answer.data, answer.size, "\"ready\":true", 12) != NULL;
    sim_http_free(http);
    hr_buf_fini(&answer);
    return is;
}

hr_err sim_demo_prepare(const sim_demo_options *o, const sim_scenario *scenario,
                        const volatile bool *stop, sim_login *login, hr_why *why)
{
    while (!*stop && !is_ready(o)) {
        pause_briefly();
    }
    if (*stop) {
        return hr_why_set(why, HR_CLOSED, "stopped");
    }
    hr_err err = find_login(o, login, why);
    if (err == HR_OK) {
        make_fences(o, scenario);
    }
    return err;
}
