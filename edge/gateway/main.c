/* gateway/main.c - the program hedgerow-edge. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/logline.h"
#include "gateway/gateway.h"

static const char usage[] = "usage: hedgerow-edge --config FILE [--confirm]\n"
                            "  --confirm  write {\"stored\":N} to the standard output after each "
                            "fsync\n";

/* Ends the gateway at the first signal of the set, which every thread blocks. */
static void *await_signal(void *context)
{
    gateway *g = context;
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &number);
    gateway_end(g);
    return NULL;
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int run(const config *c, bool confirm)
{
    gateway *g = NULL;
    hr_why why = {{0}};
    pthread_t signals;
    block_signals();
    hr_err err = gateway_start(c, hr_clock_real(), confirm ? stdout : NULL, &g, &why);
    if (err == HR_OK && pthread_create(&signals, NULL, await_signal, g) != 0) {
        err = hr_why_set(&why, HR_NO_MEMORY, "no thread for signals");
    } else if (err == HR_OK) {
        err = gateway_wait(g, &why);
        pthread_cancel(signals);
        pthread_join(signals, NULL);
    }
    gateway_stop(g);
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow-edge: %s\n", why.text);
    }
    return err == HR_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    static config c;
    const char *path = NULL;
    bool confirm = false;
    hr_why why = {{0}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else if (strcmp(argv[i], "--confirm") == 0) {
            confirm = true;
        } else {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (path == NULL) {
        fputs(usage, stderr);
        return 2;
    }
    if (config_load(path, &c, &why) != HR_OK) {
        fprintf(stderr, "hedgerow-edge: %s\n", why.text);
        return 2;
    }
    return run(&c, confirm);
}
