/* api/cli_ask.c - hedgerow device, query and sql: questions with one answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli_client.h"
#include "cli_table.h"

#define QUESTION_BYTES_MAX (16u << 20)

static const char *const device_columns[] = {"device", "name",       "lon",         "lat", "time",
                                             "groups", "distance_m", "battery_pct", NULL};

/* Everything that a subcommand of this file needs. */
typedef struct question {
    const char *command;
    const char *help;
    cli_client *client;
    bool as_json;
    int argc; /* without --json */
    char **argv;
} question;

static int usage(const question *q)
{
    fputs(q->help, stderr);
    return CLI_USAGE;
}

static int show_table(const question *q, const char *method, const char *path, const char *body,
                      const char *key, const char *const *columns)
{
    hr_buf out;
    hr_buf_init(&out, CLI_ANSWER_BYTES_MAX);
    int code = cli_client_ask(q->client, method, path, body, body != NULL ? strlen(body) : 0, &out);
    if (code == CLI_OK && q->as_json) {
        puts((const char *)out.data);
    } else if (code == CLI_OK) {
        cli_table_print_text((const char *)out.data, key, columns);
    }
    hr_buf_fini(&out);
    return code;
}

static int device(question *q)
{
    if (q->argc == 2 && strcmp(q->argv[1], "list") == 0) {
        return cli_client_list(q->client, "/v1/devices", "devices", device_columns, q->as_json);
    }
    return q->argc == 3 && strcmp(q->argv[1], "show") == 0
               ? cli_client_print_one(q->client, "GET", "/v1/devices", q->argv[2])
               : usage(q);
}

static int query_within(question *q)
{
    size_t size = 0;
    char *text = cli_slurp("query", q->argv[2], &size);
    if (text == NULL) {
        return CLI_FAILED;
    }
    int code = show_table(q, "POST", "/v1/query/within", text, "devices", device_columns);
    free(text);
    return code;
}

static int query(question *q)
{
    static const char *const stay_columns[] = {"fence", "since", NULL};
    int code;
    hr_buf path;
    hr_buf_init(&path, QUESTION_BYTES_MAX);
    if (q->argc == 3 && strcmp(q->argv[1], "within") == 0) {
        code = query_within(q);
    } else if (q->argc == 5 && strcmp(q->argv[1], "nearby") == 0) {
        hr_buf_put_text(&path, "/v1/query/nearby");
        cli_client_add(q->client, &path, "lon", q->argv[2]);
        cli_client_add(q->client, &path, "lat", q->argv[3]);
        cli_client_add(q->client, &path, "radius_m", q->argv[4]);
        hr_buf_put_u8(&path, 0);
        code = show_table(q, "GET", (const char *)path.data, NULL, "devices", device_columns);
    } else if (q->argc == 3 && strcmp(q->argv[1], "inside") == 0) {
        hr_buf_put_text(&path, "/v1/query/inside");
        cli_client_add(q->client, &path, "device", q->argv[2]);
        hr_buf_put_u8(&path, 0);
        code = show_table(q, "GET", (const char *)path.data, NULL, "fences", stay_columns);
    } else {
        code = usage(q);
    }
    hr_buf_fini(&path);
    return code;
}

static int sql(question *q)
{
    if (q->argc != 2 || strncmp(q->argv[1], "--", 2) == 0) {
        return usage(q);
    }
    if (!cli_is_utf8(q->command, "the statement", q->argv[1])) {
        return CLI_FAILED;
    }
    hr_buf body;
    hr_buf_init(&body, QUESTION_BYTES_MAX);
    hr_json json = hr_json_into(&body);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "sql", q->argv[1]);
    hr_json_close_object(&json);
    hr_buf out;
    hr_buf_init(&out, CLI_ANSWER_BYTES_MAX);
    int code =
        cli_client_ask(q->client, "POST", "/v1/sql", (const char *)body.data, body.size, &out);
    if (code == CLI_OK && (q->as_json || !isatty(STDOUT_FILENO))) {
        puts((const char *)out.data);
    } else if (code == CLI_OK) {
        cli_table_print_rows((const char *)out.data);
    }
    hr_buf_fini(&out);
    hr_buf_fini(&body);
    return code;
}

static int ask(const cli_globals *globals, int argc, char **argv, const char *help,
               int (*run)(question *))
{
    question q = {.command = argv[0], .help = help, .argv = argv};
    for (int i = 0; i < argc; i++) {
        if (i > 0 && strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return CLI_OK;
        }
        if (strcmp(argv[i], "--json") == 0) {
            q.as_json = true;
        } else {
            argv[q.argc++] = argv[i];
        }
    }
    q.client = cli_client_new(globals, argv[0]);
    if (q.client == NULL) {
        return CLI_FAILED;
    }
    int code = run(&q);
    cli_client_free(q.client);
    return code;
}

int cli_device_ask(const cli_globals *globals, int argc, char **argv)
{
    return ask(globals, argc, argv,
               "usage: hedgerow device list [--json]\n"
               "       hedgerow device show ID          JSON\n",
               device);
}

int cli_query(const cli_globals *globals, int argc, char **argv)
{
    return ask(globals, argc, argv,
               "usage: hedgerow query within FILE.geojson [--json]   \"-\" is standard input\n"
               "       hedgerow query nearby LON LAT RADIUS_M [--json]\n"
               "       hedgerow query inside DEVICE [--json]\n",
               query);
}

int cli_sql(const cli_globals *globals, int argc, char **argv)
{
    return ask(
        globals, argc, argv,
        "usage: hedgerow sql \"select ...\" [--json]\n"
        "\n"
        "Prints a table to a terminal; --json, and what goes elsewhere, is the service's own "
        "answer.\n",
        sql);
}
