/* api/cli_events.c - hedgerow events: what happened, and what happens. */
#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_client.h"
#include "cli_follow.h"
#include "cli_table.h"

#define PATH_BYTES_MAX 4096
#define FOLLOW_MS 500
#define AWAY_MS_MAX 10000 /* between two tries to reach a service that went away */

static const char help[] =
    "usage: hedgerow events [--fence ID] [--device ID] [--kind KIND] [--from TIME] [--to TIME]\n"
    "                       [--after CURSOR] [--follow] [--json]\n"
    "\n"
    "Prints events, oldest first: a line each to a terminal, else (and with --json) JSON lines.\n"
    "--follow goes on until Ctrl-C, also when the service was away for a while.\n";

static volatile sig_atomic_t is_printing;
static volatile sig_atomic_t is_over;

/* Between two pages nothing is left to do, however long a service lets us wait; and who is in a
 * hurry asks twice. */
static void end_following(int signal_number)
{
    (void)signal_number;
    is_over = 1;
    if (!is_printing) {
        _exit(CLI_OK);
    }
}

static void heed_signals(void)
{
    struct sigaction action = {.sa_handler = end_following,
                               .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* The filters, as the beginning of every page's path. */
static bool parse(cli_client *client, int argc, char **argv, hr_buf *filters, const char **after,
                  bool *follows, bool *as_json)
{
    static const char *const names[] = {"--fence", "--device", "--kind", "--from", "--to"};
    hr_buf_put_text(filters, "/v1/events?limit=1000");
    for (int i = 1; i < argc; i++) {
        bool is_known = false;
        if (strcmp(argv[i], "--follow") == 0) {
            *follows = true;
            continue;
        }
        if (strcmp(argv[i], "--json") == 0) {
            *as_json = true;
            continue;
        }
        if (i + 1 == argc) {
            return false;
        }
        if (strcmp(argv[i], "--after") == 0) {
            *after = argv[++i];
            continue;
        }
        for (size_t n = 0; n < sizeof names / sizeof names[0] && !is_known; n++) {
            if (strcmp(argv[i], names[n]) == 0) {
                cli_client_add(client, filters, names[n] + 2, argv[++i]);
                is_known = true;
            }
        }
        if (!is_known) {
            return false;
        }
    }
    return true;
}

static const char *text_of(const cJSON *event, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, name));
    return text != NULL ? text : "-";
}

/* For people. Names may hold anything that a JSON text may, a terminal's orders too. */
static void print_event(const cJSON *event)
{
    const char *severity = text_of(event, "severity");
    const char *name = text_of(event, "fence_name");
    bool has_name = name[0] != '\0' && strcmp(name, "-") != 0;
    const char *fence = has_name ? name : text_of(event, "fence");
    printf("%s  %s%-7s%s  %-8s  %-20s  ", text_of(event, "time"), cli_colour_of(severity), severity,
           cli_colour_end(), text_of(event, "kind"), text_of(event, "device"));
    cli_table_print_name(fence);
    puts(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(event, "late")) ? "  (late)" : "");
}

static void print_json(const cJSON *event)
{
    char *line = cJSON_PrintUnformatted(event);
    puts(line != NULL ? line : "");
    cJSON_free(line);
}

/* Print a page; its cursor goes into cursor. *has_more: the service ended the page before the end
 * of what there is, perhaps without an event, when it had to look for long. */
static bool print_page(const char *answer, bool as_json, char *cursor, size_t cursor_size,
                       bool *has_more)
{
    cJSON *page = cJSON_Parse(answer);
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(page, "events");
    const cJSON *next = cJSON_GetObjectItemCaseSensitive(page, "next");
    const cJSON *event;
    *has_more = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(page, "more"));
    is_printing = 1;
    cJSON_ArrayForEach(event, events)
    {
        if (as_json) {
            print_json(event);
        } else {
            print_event(event);
        }
    }
    bool is_good = cJSON_IsNumber(next) || cJSON_IsString(next);
    if (cJSON_IsNumber(next)) {
        snprintf(cursor, cursor_size, "%.0f", next->valuedouble);
    } else if (is_good) {
        snprintf(cursor, cursor_size, "%s", next->valuestring);
    }
    cJSON_Delete(page);
    fflush(stdout);
    is_printing = 0;
    return is_good;
}

/* Ask for the events behind cursor, and print them. */
static int ask_page(cli_client *client, const hr_buf *filters, bool as_json, char *cursor,
                    size_t cursor_size, bool *has_more)
{
    hr_buf path, answer;
    hr_buf_init(&path, PATH_BYTES_MAX);
    hr_buf_init(&answer, CLI_ANSWER_BYTES_MAX);
    hr_buf_put(&path, filters->data, filters->size);
    if (cursor[0] != '\0') {
        cli_client_add(client, &path, "after", cursor);
    }
    hr_buf_put_u8(&path, 0);
    int code = hr_buf_err(&path) == HR_OK
                   ? cli_client_ask(client, "GET", (const char *)path.data, NULL, 0, &answer)
                   : CLI_USAGE;
    if (code == CLI_OK &&
        !print_page((const char *)answer.data, as_json, cursor, cursor_size, has_more)) {
        fputs("hedgerow events: the answer is not that of a Hedgerow service\n", stderr);
        code = CLI_FAILED;
    }
    hr_buf_fini(&path);
    hr_buf_fini(&answer);
    return code;
}

static int print_pages(cli_client *client, const hr_buf *filters, const char *after, bool follows,
                       bool as_json)
{
    char cursor[64];
    bool has_more = false;
    bool was_there = false;
    int away_ms = 0;
    snprintf(cursor, sizeof cursor, "%s", after != NULL ? after : "");
    do {
        int code = ask_page(client, filters, as_json, cursor, sizeof cursor, &has_more);
        if (code == CLI_OK) {
            was_there = true;
            away_ms = 0;
        } else if (follows && was_there) {
            /* A service that was started again has another token. */
            cli_client_forget(client);
            has_more = false;
            away_ms = away_ms < AWAY_MS_MAX ? away_ms + FOLLOW_MS : AWAY_MS_MAX;
        } else {
            return code;
        }
        if (follows && !has_more && !cli_wait_for_news(FOLLOW_MS + away_ms)) {
            break;
        }
    } while ((has_more || follows) && !is_over && !ferror(stdout));
    return CLI_OK;
}

int cli_events(const cli_globals *globals, int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    cli_client *client = cli_client_new(globals, "events");
    if (client == NULL) {
        return CLI_FAILED;
    }
    hr_buf filters;
    const char *after = NULL;
    bool follows = false;
    bool as_json = !isatty(STDOUT_FILENO);
    int code = CLI_USAGE;
    hr_buf_init(&filters, PATH_BYTES_MAX);
    if (parse(client, argc, argv, &filters, &after, &follows, &as_json)) {
        heed_signals();
        code = print_pages(client, &filters, after, follows, as_json);
    } else {
        fputs(help, stderr);
    }
    hr_buf_fini(&filters);
    cli_client_free(client);
    return code;
}
