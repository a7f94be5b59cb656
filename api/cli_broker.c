/* api/cli_broker.c - hedgerow broker: the managed mosquitto of a data folder. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli.h"
#include "cli_probe.h"
#include "data_folder.h"
#include "ingest/broker.h"

#define JSON_BYTES_MAX 65536u
#define RESTART_TIMEOUT_MS 15000
#define RESTART_LOOK_MS 50

static const char help[] =
    "usage: hedgerow [--data DIR] broker status [--json]\n"
    "       hedgerow [--data DIR] broker open-lan [--port PORT]\n"
    "       hedgerow [--data DIR] broker close-lan\n"
    "\n"
    "status says whether the service's own broker runs, where it listens, and how many may log "
    "in.\n"
    "Exit code 1: it does not run, or nothing listens.\n"
    "\n"
    "open-lan lets gateways on the local network in, by TLS on port 8883 of every address, with a\n"
    "certificate of an authority that is made for this farm. Whoever connects needs the\n"
    "authority's certificate (a file that open-lan names) and a password (gateway add). close-lan\n"
    "leaves only what runs on this machine. Both last; the broker is started again for them, "
    "which\n"
    "takes a second and loses nothing.\n";

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

static int fail(const char *verb, const hr_why *why)
{
    fprintf(stderr, "hedgerow broker %s: %s\n", verb, why->text);
    return CLI_FAILED;
}

static int show_status(const char *folder, bool as_json)
{
    broker_facts facts = {.port = 0};
    hr_why why = {""};
    if (learn(folder, &facts, &why) != HR_OK) {
        return fail("status", &why);
    }
    int code = CLI_OK;
    if (as_json) {
        code = print_json(&facts);
    } else {
        print_words(&facts);
    }
    return code == CLI_OK && facts.pid != 0 && facts.listens ? CLI_OK : CLI_FAILED;
}

/* Until the broker was started again and listens as wanted; false when it takes too long. */
static bool wait_for_restart(const char *folder, const broker_facts *old, uint16_t lan_port)
{
    for (int i = 0; i < RESTART_TIMEOUT_MS / RESTART_LOOK_MS; i++) {
        pid_t pid = probe_process(folder, "mosquitto.pid", "mosquitto");
        if (pid != 0 && pid != old->pid && probe_connects(old->host, old->port) &&
            (lan_port == 0 || probe_connects("127.0.0.1", lan_port))) {
            return true;
        }
        poll(NULL, 0, RESTART_LOOK_MS);
    }
    return false;
}

static int open_lan(const char *folder, uint16_t port)
{
    broker_facts facts = {.port = 0};
    broker_contact contact;
    hr_why why = {""};
    hr_err err = learn(folder, &facts, &why);
    bool is_new = !facts.has_lan || facts.lan.port != port;
    if (err == HR_OK && is_new && probe_connects("127.0.0.1", port)) {
        err = hr_why_set(&why, HR_EXISTS, "another program listens on port %u", port);
    }
    if (err == HR_OK) {
        err = broker_lan_open(folder, port, &why);
    }
    if (err == HR_OK) {
        err = broker_contact_get(folder, &contact, &why);
    }
    if (err != HR_OK) {
        return fail("open-lan", &why);
    }
    printf("address      %s:%u, TLS\nauthority    %s\nfingerprint  %s\n", contact.host,
           contact.port, contact.lan.ca_file, contact.lan.fingerprint);
    if (facts.pid == 0) {
        puts("The broker does not run now; it will listen there once the service is started.");
        return CLI_OK;
    }
    if (!wait_for_restart(folder, &facts, port)) {
        hr_why_set(&why, HR_TIMEOUT, "the broker does not listen there yet: hedgerow doctor");
        return fail("open-lan", &why);
    }
    puts("Gateways that are added from now on are told this address: hedgerow gateway add NAME");
    return CLI_OK;
}

static int close_lan(const char *folder)
{
    broker_facts facts = {.port = 0};
    hr_why why = {""};
    if (learn(folder, &facts, &why) != HR_OK) {
        return fail("close-lan", &why);
    }
    if (!facts.has_lan) {
        puts("The local network is not let in.");
        return CLI_OK;
    }
    if (broker_lan_close(folder, &why) != HR_OK) {
        return fail("close-lan", &why);
    }
    if (facts.pid != 0 && !wait_for_restart(folder, &facts, 0)) {
        hr_why_set(&why, HR_TIMEOUT, "the broker does not run again yet: hedgerow doctor");
        return fail("close-lan", &why);
    }
    puts("Only programs on this machine are let in.");
    return CLI_OK;
}

static int usage(FILE *to, int code)
{
    fputs(help, to);
    return code;
}

/* 0: not a port. */
static uint16_t read_port(const char *text)
{
    int64_t port;
    bool is_port =
        hr_decimal_parse(text, strlen(text), 0, &port) == HR_OK && port > 0 && port <= UINT16_MAX;
    return is_port ? (uint16_t)port : 0;
}

int cli_broker(const cli_globals *globals, int argc, char **argv)
{
    char folder[API_DATA_PATH_MAX];
    snprintf(folder, sizeof folder, "%s/broker", globals->data);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout, CLI_OK);
    }
    bool as_json = argc == 3 && strcmp(argv[2], "--json") == 0;
    if (argc >= 2 && strcmp(argv[1], "status") == 0 && (argc == 2 || as_json)) {
        return show_status(folder, as_json);
    }
    if (argc == 2 && strcmp(argv[1], "close-lan") == 0) {
        return close_lan(folder);
    }
    bool has_port = argc == 4 && strcmp(argv[2], "--port") == 0 && read_port(argv[3]) != 0;
    if (argc >= 2 && strcmp(argv[1], "open-lan") == 0 && (argc == 2 || has_port)) {
        return open_lan(folder, has_port ? read_port(argv[3]) : BROKER_LAN_PORT);
    }
    return usage(stderr, CLI_USAGE);
}
