/* api/cli_status.c - hedgerow status: how the service is, in words. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli_client.h"

static const char help[] =
    "usage: hedgerow status [--json]\n"
    "\n"
    "Says how the service is, and what it has to do with. --json prints the service's own answer.\n"
    "Exit code 1: it does not answer, or is not ready.\n";

/* The numbers of the three things a keeper counts, in one row. */
static const char count_query[] =
    "{\"sql\":\"select (select count(id) from fence), (select count(id) from device),"
    " (select count(distinct device) from inside)\"}";

static const char *text_of(const cJSON *answer, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, key));
    return text != NULL ? text : "?";
}

/* "3 days 4 h", "4 h 12 min", "12 min 3 s", "3 s". */
static void print_age(double seconds)
{
    static const struct {
        long seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    long left = seconds > 0 ? (long)seconds : 0;
    int shown = 0;
    for (int i = 0; i < 4 && shown < 2; i++) {
        long count = left / units[i].seconds;
        left %= units[i].seconds;
        if (count > 0 || shown > 0 || i == 3) {
            bool is_one_day = i == 0 && count == 1;
            printf("%s%ld %s", shown > 0 ? " " : "", count, is_one_day ? "day" : units[i].name);
            shown++;
        }
    }
    putchar('\n');
}

static void print_counts(cli_client *client)
{
    hr_buf out;
    hr_buf_init(&out, CLI_ANSWER_BYTES_MAX);
    int code = cli_client_ask(client, "POST", "/v1/sql", count_query, sizeof count_query - 1, &out);
    cJSON *answer = code == CLI_OK ? cJSON_Parse((const char *)out.data) : NULL;
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "rows");
    const cJSON *row = cJSON_GetArrayItem(rows, 0);
    if (cJSON_GetArraySize(row) == 3) {
        printf("fences    %.0f\n", cJSON_GetArrayItem(row, 0)->valuedouble);
        printf("devices   %.0f, %.0f of them inside a fence\n",
               cJSON_GetArrayItem(row, 1)->valuedouble, cJSON_GetArrayItem(row, 2)->valuedouble);
    }
    cJSON_Delete(answer);
    hr_buf_fini(&out);
}

static int tell(cli_client *client, const char *text, bool as_json)
{
    cJSON *answer = cJSON_Parse(text);
    bool is_ready = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ready"));
    const cJSON *uptime = cJSON_GetObjectItemCaseSensitive(answer, "uptime_s");
    const cJSON *reason;
    if (answer == NULL) {
        fputs("hedgerow status: the answer is not that of a Hedgerow service\n", stderr);
        return CLI_FAILED;
    }
    if (as_json) {
        puts(text);
        cJSON_Delete(answer);
        return is_ready ? CLI_OK : CLI_FAILED;
    }
    printf("service   %s\n", !is_ready ? "starting, not ready yet" : text_of(answer, "status"));
    cJSON_ArrayForEach(reason, cJSON_GetObjectItemCaseSensitive(answer, "reasons"))
    {
        printf("          - %s\n", cJSON_IsString(reason) ? reason->valuestring : "?");
    }
    printf("version   %s\n", text_of(answer, "version"));
    if (cJSON_IsNumber(uptime)) {
        printf("running   ");
        print_age(uptime->valuedouble);
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "needs_setup"))) {
        puts("owner     none yet: open the link in DATA/local-setup and choose a password");
    }
    if (is_ready) {
        print_counts(client);
    }
    cJSON_Delete(answer);
    return is_ready ? CLI_OK : CLI_FAILED;
}

int cli_status(const cli_globals *globals, int argc, char **argv)
{
    bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (argc > 2 || (argc == 2 && !as_json)) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    cli_client *client = cli_client_new(globals, "status");
    if (client == NULL) {
        return CLI_FAILED;
    }
    hr_buf out;
    hr_buf_init(&out, CLI_ANSWER_BYTES_MAX);
    int code = cli_client_ask(client, "GET", "/v1/health", NULL, 0, &out);
    if (code == CLI_OK) {
        code = tell(client, (const char *)out.data, as_json);
    }
    hr_buf_fini(&out);
    cli_client_free(client);
    return code;
}
