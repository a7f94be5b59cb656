/* api/hedgerowd.c - the service's program: configuration, start, wait for a signal, stop. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/logline.h"
#include "config.h"
#include "server.h"
#include "service.h"
#include "supervisor.h"

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif

#define EXIT_USAGE 2  /* a flag or setting is wrong */
#define EXIT_LOCKED 3 /* another hedgerowd has the data folder */
#define EXIT_PORT 4   /* the port is taken */
#define EXIT_FAILED 1 /* everything else */

#define HEALTH_PERIOD_NS 200000000
#define SPARE_FILES 512 /* beside the connections: log files, databases, the broker */

extern char **environ;

static int exit_code_of(hr_err err)
{
    switch (err) {
    case HR_OK:
        return 0;
    case HR_INVALID:
        return EXIT_USAGE;
    case HR_LOCKED:
        return EXIT_LOCKED;
    case HR_EXISTS:
        return EXIT_PORT;
    default:
        return EXIT_FAILED;
    }
}

static int fail(hr_err err, const hr_why *why)
{
    fprintf(stderr, "hedgerowd: %s\n", why->text[0] != 0 ? why->text : hr_err_text(err));
    if (err == HR_CORRUPT) {
        fputs("hedgerowd: what to do: hedgerow restore BACKUP --data NEWDIR\n", stderr);
    }
    return exit_code_of(err);
}

/* Each connection is a file to the kernel; the usual limit of 1,024 is below ours. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    rlim_t wanted = API_CONNECTIONS_MAX + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Blocked in every thread, so that only the wait below sees them. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Blocked signals stay pending until somebody waits for them. */
static bool stop_asked(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* Until a signal says stop or a part has failed for good. */
static int serve(api_service *service, const sigset_t *signals, supervisor *supervisor)
{
    static const struct timespec period = {.tv_nsec = HEALTH_PERIOD_NS};
    hr_why why = {.text = ""};
    for (;;) {
        int signal_number = sigtimedwait(signals, NULL, &period);
        if (signal_number > 0) {
            hr_logline(HR_LEVEL_INFO, "service.stopping", "signal=%d", signal_number);
            return 0;
        }
        if (api_service_is_failed(service, &why)) {
            hr_logline(HR_LEVEL_ERROR, "service.failed", "why=\"%s\"", why.text);
            return EXIT_FAILED;
        }
        supervisor_alive(supervisor, hr_clock_mono_ns(hr_clock_real()));
    }
}

int main(int argc, char **argv)
{
    api_config config;
    hr_why why = {.text = ""};
    hr_logline_hold_files();
    hr_err err = api_config_load(&config, argc, argv, environ, &why);
    if (err != HR_OK) {
        return fail(err, &why);
    }
    if (config.help) {
        api_config_print_help();
        return 0;
    }
    if (config.version) {
        printf("hedgerowd %s\n", HR_VERSION);
        return 0;
    }
    hr_level level;
    if (hr_level_parse(config.log_level, &level) != HR_OK) {
        fprintf(stderr, "hedgerowd: log-level must be debug, info, warn or error\n");
        return EXIT_USAGE;
    }
    hr_logline_set_level(level);
    umask(S_IRWXG | S_IRWXO); /* the folder may have been made by somebody, for all to read */
    raise_file_limit();
    sigset_t signals;
    block_signals(&signals);
    supervisor supervisor;
    supervisor_init(&supervisor);
    api_service *service = NULL;
    err = api_service_start(&config, stop_asked, &service, &why);
    if (err == HR_CLOSED) {
        hr_logline(HR_LEVEL_INFO, "service.stopped", "before=ready data=%s", config.data);
        return 0;
    }
    if (err != HR_OK) {
        return fail(err, &why);
    }
    hr_logline(HR_LEVEL_INFO, "service.ready", "http=%s:%u data=%s", config.http.host,
               api_service_port(service), config.data);
    if (api_service_setup_link(service) != NULL) {
        hr_logline(HR_LEVEL_INFO, "service.setup", "link=%s", api_service_setup_link(service));
    }
    supervisor_tell(&supervisor, "READY=1");
    int exit_code = serve(service, &signals, &supervisor);
    supervisor_tell(&supervisor, "STOPPING=1");
    api_service_stop(service);
    supervisor_fini(&supervisor);
    hr_logline(HR_LEVEL_INFO, "service.stopped", "data=%s", config.data);
    return exit_code;
}
