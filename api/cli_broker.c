/* api/cli_broker.c - hedgerow broker: the managed mosquitto of a data folder. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli.h"
#include "cli_probe.h"
#include "data_folder.h"
#include "ingest/broker.h"

#define JSON_BYTES_MAX 65536u

static const char help[] =
    "usage: hedgerow [--data DIR] broker status [--json]\n"
    "\n"
    "Says whether the service's own broker runs, where it listens, and how many may log in.\n"
    "Exit code 1: it does not run, or nothing listens.\n";

typedef struct broker_facts {
    char host[64];
    uint16_t port;
    pid_t pid; /* 0: does not run */
    bool listens;
    bool has_lan;
    broker_lan lan;
    unsigned gateways;
    unsigned readers;
} broker_facts;

static void count_user(const char *name, broker_role role, void *context)
{
    broker_facts *facts = context;
    (void)name;
    facts->gateways += role == BROKER_GATEWAY;
    facts->readers += role == BROKER_READER;
}

static hr_err learn(const char *folder, broker_facts *facts, hr_why *why)
{
    hr_err err = broker_address(folder, facts->host, sizeof facts->host, &facts->port, why);
    if (err == HR_NOT_FOUND) {
        return hr_why_set(why, err,
                          "%s has no broker of its own: the service was never started on that "
                          "data folder (say which with --data DIR before the command), or it uses "
                          "another broker (--broker)",
                          folder);
    }
    if (err == HR_OK) {
        err = broker_user_each(folder, count_user, facts, why);
    }
    facts->pid = probe_process(folder, "mosquitto.pid", "mosquitto");
    facts->listens = err == HR_OK && probe_connects(facts->host, facts->port);
    facts->has_lan = broker_lan_get(folder, &facts->lan, NULL) == HR_OK;
    return err;
}

static void print_words(const broker_facts *facts)
{
    if (facts->pid != 0) {
        printf("broker    runs (process %ld)\n", (long)facts->pid);
    } else {
        puts("broker    does not run; the service starts it: hedgerow doctor tells more");
    }
    const char *how = facts->listens && facts->pid == 0 ? ", taken by another program"
                      : facts->listens                  ? ""
                                                        : ", nothing listens there";
    printf("address   %s:%u%s\n", facts->host, facts->port, how);
    if (facts->has_lan) {
        printf("network   port %u, TLS; authority %s\n", facts->lan.port, facts->lan.ca_file);
        printf("          fingerprint %s\n", facts->lan.fingerprint);
    } else {
        puts("network   only programs on this machine are let in");
    }
    printf("gateways  %u\nreaders   %u\n", facts->gateways, facts->readers);
}

static int print_json(const broker_facts *facts)
{
    hr_buf out;
    hr_buf_init(&out, JSON_BYTES_MAX);
    hr_json json = hr_json_into(&out);
    hr_json_open_object(&json);
    hr_json_key_bool(&json, "running", facts->pid != 0);
    hr_json_key_i64(&json, "pid", facts->pid);
    hr_json_key_text(&json, "host", facts->host);
    hr_json_key_u64(&json, "port", facts->port);
    hr_json_key_bool(&json, "listening", facts->listens);
    if (facts->has_lan) {
        hr_json_key(&json, "lan");
        hr_json_open_object(&json);
        hr_json_key_u64(&json, "port", facts->lan.port);
        hr_json_key_text(&json, "ca_file", facts->lan.ca_file);
        hr_json_key_text(&json, "fingerprint", facts->lan.fingerprint);
        hr_json_close_object(&json);
    }
    hr_json_key_u64(&json, "gateways", facts->gateways);
    hr_json_key_u64(&json, "readers", facts->readers);
    hr_json_close_object(&json);
    hr_buf_put_u8(&out, '\n');
    hr_err err = hr_buf_err(&out);
    if (err == HR_OK) {
        fwrite(out.data, 1, out.size, stdout);
    }
    hr_buf_fini(&out);
    return err == HR_OK ? CLI_OK : CLI_FAILED;
}

int cli_broker(const cli_globals *globals, int argc, char **argv)
{
    char folder[API_DATA_PATH_MAX];
    broker_facts facts = {.port = 0};
    hr_why why = {""};
    bool as_json = argc == 3 && strcmp(argv[2], "--json") == 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (argc < 2 || strcmp(argv[1], "status") != 0 || argc > 3 || (argc == 3 && !as_json)) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    snprintf(folder, sizeof folder, "%s/broker", globals->data);
    hr_err err = learn(folder, &facts, &why);
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow broker: %s\n", why.text[0] != 0 ? why.text : hr_err_text(err));
        return CLI_FAILED;
    }
    int code = CLI_OK;
    if (as_json) {
        code = print_json(&facts);
    } else {
        print_words(&facts);
    }
    return code == CLI_OK && facts.pid != 0 && facts.listens ? CLI_OK : CLI_FAILED;
}
