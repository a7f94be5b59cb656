/* hedgerow_oracle.c - the program hedgerow-oracle: is what the service made of a fleet right? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/id.h"
#include "oracle_compare.h"
#include "oracle_service.h"
#include "oracle_windows.h"
#include "truth.h"

#define EXIT_WRONG 1
#define EXIT_USAGE 2
#define EXIT_FAILED 3 /* it could not look */

#define FILES_MAX 32
#define POLL_NS 100000000
#define POLLS_PER_S 10
#define TOKEN_SIZE 256
#define WAIT_S_MAX 86400

static const char help_text[] =
    "usage: hedgerow-oracle --http ADDR:PORT [options]\n"
    "\n"
    "Reads the log of a service, works out with GEOS which events it demands, and compares.\n"
    "\n"
    "  --token TEXT      for the API; --token-file FILE reads it, for example DATA/local-token\n"
    "  --truth FILE      every fix that hedgerow-sim made is in the log once (may be repeated)\n"
    "  --copy FILE       events received as JSON lines are the events there are, in their order\n"
    "  --mqtt-copy FILE  the same, but events that were late may be missing\n"
    "  --windows         the standing queries say what the events and the fixes demand\n"
    "  --wait N          give the service so many seconds to finish (10)\n"
    "\n"
    "Prints a line of counts for each of these, after its first cases as stories. Exit status 0: "
    "all\n"
    "is right, 1: it is not, 3: the oracle could not look.\n";

typedef struct command {
    const char *http;
    char token[TOKEN_SIZE];
    const char *truths[FILES_MAX];
    unsigned truth_count;
    const char *copies[FILES_MAX];
    bool may_lack_late[FILES_MAX];
    unsigned copy_count;
    unsigned wait_s;
    bool wants_windows;
} command;

static bool read_token(const char *path, char token[TOKEN_SIZE])
{
    FILE *file = fopen(path, "rb");
    bool is_read = file != NULL && fgets(token, TOKEN_SIZE, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    token[strcspn(token, "\r\n")] = '\0';
    return is_read;
}

static bool read_seconds(const char *text, unsigned *seconds)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *seconds = (unsigned)value;
    return end != text && *end == '\0' && value <= WAIT_S_MAX;
}

static bool take_option(command *c, int option)
{
    switch (option) {
    case 'h':
        c->http = optarg;
        return true;
    case 't':
        return (size_t)snprintf(c->token, sizeof c->token, "%s", optarg) < sizeof c->token;
    case 'f':
        return read_token(optarg, c->token);
    case 'u':
        if (c->truth_count < FILES_MAX) {
            c->truths[c->truth_count++] = optarg;
            return true;
        }
        return false;
    case 'c':
    case 'm':
        if (c->copy_count < FILES_MAX) {
            c->may_lack_late[c->copy_count] = option == 'm';
            c->copies[c->copy_count++] = optarg;
            return true;
        }
        return false;
    case 'r':
        c->wants_windows = true;
        return true;
    case 'w':
        return read_seconds(optarg, &c->wait_s);
    default:
        return false;
    }
}

static bool read_command(command *c, int argc, char **argv)
{
    static const struct option options[] = {
        {"http", 1, NULL, 'h'},  {"token", 1, NULL, 't'},   {"token-file", 1, NULL, 'f'},
        {"truth", 1, NULL, 'u'}, {"copy", 1, NULL, 'c'},    {"mqtt-copy", 1, NULL, 'm'},
        {"wait", 1, NULL, 'w'},  {"windows", 0, NULL, 'r'}, {"help", 0, NULL, '?'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!take_option(c, option)) {
            if (optarg != NULL) {
                fprintf(stderr, "hedgerow-oracle: \"%s\" does not suit its option\n\n", optarg);
            }
            return false;
        }
    }
    return c->http != NULL && optind == argc;
}

/* All of a truth's fixes; *has_sequences becomes false if one of the files has none. */
static hr_err read_truth(const char *path, oracle_fixes *fixes, bool *has_sequences, hr_why *why)
{
    sim_truth *truth = NULL;
    hr_err err = sim_truth_open(path, &truth, why);
    if (err != HR_OK) {
        return err;
    }
    *has_sequences = *has_sequences && sim_truth_about(truth)->has_sequences;
    sim_truth_row row;
    while (err == HR_OK && (err = sim_truth_read(truth, &row)) == HR_OK) {
        const char *id = sim_truth_id(truth, row.fix.device);
        oracle_fix fix = {.fix = row.fix.fix, .order = fixes->count};
        fix.fix.device = hr_device_key(id, strlen(id));
        err = oracle_fixes_add(fixes, &fix);
    }
    sim_truth_close(truth);
    return err == HR_NOT_FOUND ? HR_OK : hr_why_set(why, err, "%s: %s", path, hr_err_text(err));
}

static hr_err read_copy(const char *path, oracle_events *events, hr_why *why)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return hr_why_set(why, HR_NOT_FOUND, "cannot open %s", path);
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    hr_err err = HR_OK;
    while (err == HR_OK && (size = getline(&line, &capacity, file)) > 0) {
        oracle_event event;
        cJSON *json = cJSON_ParseWithLength(line, (size_t)size);
        if (json == NULL || !oracle_event_read(json, &event)) {
            err = hr_why_set(why, HR_INVALID, "%s has a line that is no event", path);
        } else {
            err = oracle_events_add(events, &event);
        }
        cJSON_Delete(json);
    }
    free(line);
    fclose(file);
    return err;
}

/* Workers may run behind the log for a moment. */
static hr_err await_events(oracle_service *service, size_t wanted, unsigned wait_s,
                           oracle_events *there, hr_why *why)
{
    hr_err err = HR_OK;
    for (unsigned polls = 0; polls <= wait_s * POLLS_PER_S; polls++) {
        oracle_events_free(there);
        err = oracle_service_events(service, there, why);
        if (err != HR_OK || there->count >= wanted) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    return err;
}

static void print_verdict(const char *what, size_t count, const oracle_verdict *v)
{
    printf("%s: %zu, missing %zu, extra %zu, twice %zu, different %zu, out of order %zu\n", what,
           count, v->missing, v->extra, v->repeated, v->different, v->out_of_order);
}

/* Everything that was read, compared. True: all is right. */
static hr_err compare(const command *c, oracle_service *service, oracle_fixes *logged,
                      oracle_events *demanded, bool *is_right, hr_why *why)
{
    oracle_fixes sent = {0};
    oracle_events there = {0};
    bool has_sequences = true;
    hr_err err = HR_OK;
    for (unsigned i = 0; err == HR_OK && i < c->truth_count; i++) {
        err = read_truth(c->truths[i], &sent, &has_sequences, why);
    }
    if (err == HR_OK && c->truth_count > 0) {
        oracle_verdict v = {0};
        size_t count = sent.count;
        oracle_compare_fixes(&sent, logged, has_sequences, oracle_service_name, service, &v);
        print_verdict("fixes", count, &v);
        *is_right = *is_right && oracle_verdict_is_good(&v);
    }
    if (err == HR_OK) {
        err = await_events(service, demanded->count, c->wait_s, &there, why);
    }
    if (err == HR_OK) {
        oracle_verdict v = {0};
        size_t count = demanded->count;
        oracle_compare_events(demanded, &there, oracle_service_name, service, &v);
        print_verdict("events", count, &v);
        *is_right = *is_right && oracle_verdict_is_good(&v);
    }
    if (err == HR_OK && c->wants_windows) {
        oracle_verdict v = {0};
        size_t rows = 0;
        err = oracle_check_windows(service, &there, demanded, c->wait_s, &v, &rows, why);
        print_verdict("windows", rows, &v);
        *is_right = *is_right && oracle_verdict_is_good(&v);
    }
    for (unsigned i = 0; err == HR_OK && i < c->copy_count; i++) {
        oracle_events received = {0};
        oracle_verdict v = {0};
        err = read_copy(c->copies[i], &received, why);
        if (err == HR_OK) {
            err = oracle_compare_copy(c->copies[i], &there, &received, c->may_lack_late[i], &v);
            print_verdict(c->copies[i], received.count, &v);
            *is_right = *is_right && oracle_verdict_is_good(&v);
        }
        oracle_events_free(&received);
    }
    free(sent.all);
    oracle_events_free(&there);
    return err;
}

int main(int argc, char **argv)
{
    command c = {.wait_s = 10};
    if (!read_command(&c, argc, argv)) {
        fputs(help_text, stderr);
        return EXIT_USAGE;
    }
    hr_why why = {""};
    bool is_right = true;
    oracle_service *service = NULL;
    oracle_fixes logged = {0};
    oracle_events demanded = {0};
    oracle_geos_start();
    hr_err err = oracle_service_open(c.http, c.token, &service, &why);
    if (err == HR_OK) {
        err = oracle_service_read(service, &logged, &demanded, &why);
    }
    if (err == HR_OK) {
        err = compare(&c, service, &logged, &demanded, &is_right, &why);
    }
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow-oracle: %s\n", why.text);
    }
    free(logged.all);
    oracle_events_free(&demanded);
    oracle_service_close(service);
    oracle_geos_stop();
    return err != HR_OK ? EXIT_FAILED : is_right ? 0 : EXIT_WRONG;
}
