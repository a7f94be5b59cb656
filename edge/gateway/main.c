/* gateway/main.c - the program hedgerow-edge. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/logline.h"
#include "gateway/gateway.h"

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif

static const char usage[] = "usage: hedgerow-edge --config FILE [--confirm]\n"
                            "       hedgerow-edge --check FILE\n"
                            "       hedgerow-edge --help | --version\n";

static const char help[] =
    "\n"
    "Takes fixes from GPS receivers, programs and LoRaWAN, keeps them on the disk until the "
    "service\n"
    "has them safe on its own, and sends them in order, however long the link was away.\n"
    "  --config FILE  run, as FILE says\n"
    "  --check FILE   only say whether FILE is good\n"
    "  --confirm      write {\"stored\":N} to the standard output after each fsync: N fixes are "
    "safe\n"
    "\n"
    "FILE holds lines \"name = value\"; lines that begin with # are comments, a # in a value is\n"
    "not. \"hedgerow gateway add NAME\", where the service runs, prints one that is ready:\n"
    "\n"
    "  broker = ssl://192.168.1.10:8883     or tcp:// without TLS; several, separated by commas\n"
    "  user = barn\n"
    "  password = ...\n"
    "  ca_file = /etc/hedgerow/ca.pem       of the service, for ssl://\n"
    "  data = /var/lib/hedgerow-edge        where fixes are kept\n"
    "  disk_mb = 512                        above it the oldest go, sent or not; on a full disk "
    "first\n"
    "                                       those that the service has\n"
    "  keepalive_s = 30                     a broker that is silent for twice this is gone\n"
    "  batch_ms = 3000                      fixes are written and sent at least this often,\n"
    "                                       uplinks at once: they are answered when they are safe\n"
    "  batch_fixes = 1000                   or when there are so many\n"
    "  source = gpsd:localhost:2947 tractor-1\n"
    "\n"
    "A source, of which there may be eight, is what comes in and the device it is of, where the "
    "fixes\n"
    "themselves do not say:\n"
    "  gpsd:HOST:PORT                       a GPS daemon\n"
    "  nmea:PLACE  json:PLACE               sentences of a receiver; a JSON object on each line\n"
    "      PLACE is /dev/ttyUSB0@9600, a file, a named pipe, - for the standard input,\n"
    "      tcp://HOST:PORT to connect to, or listen://ADDRESS:PORT to be connected to\n"
    "  lorawan:[USER:PASSWORD@]tcp://HOST:PORT  uplinks at the broker of ChirpStack v4 or The\n"
    "                                       Things Stack v3 (ssl:// too)\n"
    "\n"
    "Exit status: 0 when all input has ended and the service has everything, or when told to stop; "
    "1\n"
    "when the disk failed (start it again: it recovers); 2 when the configuration is no good.\n";

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

static int check(const char *path)
{
    static config c;
    hr_why why = {{0}};
    if (config_load(path, &c, &why) != HR_OK || config_check_files(&c, &why) != HR_OK) {
        fprintf(stderr, "hedgerow-edge: %s\n", why.text);
        return 2;
    }
    printf("%s is good: user %s, %zu source%s, fixes are kept in %s\n", path, c.user,
           c.source_count, c.source_count == 1 ? "" : "s", c.data);
    return 0;
}

static int start(const char *path, bool confirm)
{
    static config c;
    hr_why why = {{0}};
    if (config_load(path, &c, &why) != HR_OK) {
        fprintf(stderr, "hedgerow-edge: %s\n", why.text);
        return 2;
    }
    return run(&c, confirm);
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool confirm = false;
    hr_logline_hold_files();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            fputs(help, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("hedgerow-edge " HR_VERSION);
            return 0;
        }
        if (strcmp(argv[i], "--check") == 0 && i + 1 < argc) {
            return check(argv[i + 1]);
        }
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else if (strcmp(argv[i], "--confirm") == 0) {
            confirm = true;
        } else {
            path = NULL;
            break;
        }
    }
    if (path == NULL) {
        fputs(usage, stderr);
        return 2;
    }
    return start(path, confirm);
}
