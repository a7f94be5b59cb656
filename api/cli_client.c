/* api/cli_client.c - requests by libcurl, tables by cJSON. */
#include "cli_client.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_WIDTH_MAX 48
#define SLURP_BYTES_MAX (64u << 20)

struct cli_client {
    const char *command;
    CURL *curl;
    struct curl_slist *headers;
    char url[API_LOCAL_TEXT_MAX];
};

static bool find_service(const cli_globals *globals, const char *command, char *url, char *token)
{
    hr_why why = {""};
    bool is_found = true;
    if (globals->url != NULL) {
        snprintf(url, API_LOCAL_TEXT_MAX, "%s", globals->url);
    } else {
        is_found = api_local_read(globals->data, "local-address", url, &why) == HR_OK;
    }
    if (is_found && globals->token != NULL) {
        snprintf(token, API_LOCAL_TEXT_MAX, "%s", globals->token);
    } else if (is_found) {
        is_found = api_local_read(globals->data, "local-token", token, &why) == HR_OK;
    }
    if (!is_found) {
        fprintf(stderr,
                "hedgerow %s: %s. Is the service running on that data folder? Say which with "
                "--data DIR before the command, or --url and --token.\n",
                command, why.text);
    }
    return is_found;
}

cli_client *cli_client_new(const cli_globals *globals, const char *command)
{
    char token[API_LOCAL_TEXT_MAX] = "";
    char header[API_LOCAL_TEXT_MAX + 32];
    cli_client *client = calloc(1, sizeof *client);
    if (client == NULL || !find_service(globals, command, client->url, token)) {
        free(client);
        return NULL;
    }
    client->command = command;
    client->curl = curl_easy_init();
    snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    client->headers = curl_slist_append(NULL, header);
    client->headers = curl_slist_append(client->headers, "Content-Type: application/json");
    /* A body is small or local: waiting for "100 Continue" would cost a second. */
    client->headers = curl_slist_append(client->headers, "Expect:");
    if (client->curl == NULL || client->headers == NULL) {
        fprintf(stderr, "hedgerow %s: out of memory\n", command);
        cli_client_free(client);
        return NULL;
    }
    return client;
}

void cli_client_free(cli_client *client)
{
    if (client != NULL) {
        curl_slist_free_all(client->headers);
        curl_easy_cleanup(client->curl);
        free(client);
    }
}

static size_t keep_answer(char *bytes, size_t one, size_t count, void *context)
{
    hr_buf *out = context;
    hr_buf_put(out, bytes, one * count);
    return hr_buf_err(out) == HR_OK ? one * count : 0;
}

/* The message of {"error":{"message"}}, or the answer itself. */
static void tell_refusal(const cli_client *client, long status, const char *answer)
{
    cJSON *json = cJSON_Parse(answer);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
    fprintf(stderr, "hedgerow %s: %s (%ld)\n", client->command, message != NULL ? message : answer,
            status);
    cJSON_Delete(json);
}

int cli_client_ask(cli_client *client, const char *method, const char *path, const char *body,
                   size_t body_size, hr_buf *out)
{
    char url[4096];
    long status = 0;
    int size = snprintf(url, sizeof url, "%s%s", client->url, path);
    if (size < 0 || (size_t)size >= sizeof url) {
        fprintf(stderr, "hedgerow %s: that is too long to ask\n", client->command);
        return CLI_USAGE;
    }
    curl_easy_reset(client->curl);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    if (body != NULL) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_size);
    }
    CURLcode code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        fprintf(stderr, "hedgerow %s: %s does not answer: %s\n", client->command, client->url,
                curl_easy_strerror(code));
        return CLI_FAILED;
    }
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    hr_buf_put_u8(out, 0);
    if (hr_buf_err(out) != HR_OK) {
        fprintf(stderr, "hedgerow %s: %s\n", client->command, hr_err_text(hr_buf_err(out)));
        return CLI_FAILED;
    }
    out->size--;
    if (status < 200 || status > 299) {
        tell_refusal(client, status, (const char *)out->data);
        return CLI_FAILED;
    }
    return CLI_OK;
}

int cli_client_print(cli_client *client, const char *method, const char *path, const char *body,
                     size_t body_size)
{
    hr_buf out;
    hr_buf_init(&out, CLI_ANSWER_BYTES_MAX);
    int code = cli_client_ask(client, method, path, body, body_size, &out);
    if (code == CLI_OK && out.size > 0) {
        fwrite(out.data, 1, out.size, stdout);
        if (out.data[out.size - 1] != '\n') {
            putchar('\n');
        }
    }
    hr_buf_fini(&out);
    return code;
}

void cli_client_add(cli_client *client, hr_buf *path, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(client->curl, value, 0);
    bool is_first = memchr(path->data, '?', path->size) == NULL;
    hr_buf_printf(path, "%c%s=%s", is_first ? '?' : '&', name, escaped != NULL ? escaped : "");
    curl_free(escaped);
}

/* ---- tables ---- */

/* The value of "a.b" in an object, as text; "" where there is none. */
static void cell_text(const cJSON *row, const char *column, char text[TABLE_WIDTH_MAX + 1])
{
    const char *dot = strchr(column, '.');
    const cJSON *value = row;
    char outer[64];
    if (dot != NULL) {
        snprintf(outer, sizeof outer, "%.*s", (int)(dot - column), column);
        value = cJSON_GetObjectItemCaseSensitive(row, outer);
        column = dot + 1;
    }
    value = cJSON_GetObjectItemCaseSensitive(value, column);
    text[0] = '\0';
    if (cJSON_IsString(value)) {
        snprintf(text, TABLE_WIDTH_MAX + 1, "%s", value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        snprintf(text, TABLE_WIDTH_MAX + 1, "%.10g", value->valuedouble);
    } else if (cJSON_IsBool(value)) {
        snprintf(text, TABLE_WIDTH_MAX + 1, "%s", cJSON_IsTrue(value) ? "yes" : "no");
    } else if (value != NULL && !cJSON_IsNull(value) && value->child != NULL) {
        char *printed = cJSON_PrintUnformatted(value);
        snprintf(text, TABLE_WIDTH_MAX + 1, "%s", printed != NULL ? printed : "");
        cJSON_free(printed);
    }
}

static const char *heading(const char *column)
{
    const char *dot = strchr(column, '.');
    return dot != NULL ? dot + 1 : column;
}

void cli_print_table(const char *json, const char *key, const char *const *columns)
{
    cJSON *answer = cJSON_Parse(json);
    const cJSON *rows = key != NULL ? cJSON_GetObjectItemCaseSensitive(answer, key) : answer;
    const cJSON *row;
    int widths[TABLE_COLUMNS_MAX] = {0}; /* 0: nothing is in any row, the column is left out */
    char text[TABLE_WIDTH_MAX + 1];
    bool is_empty = cJSON_GetArraySize(rows) == 0;
    for (int c = 0; columns[c] != NULL && c < TABLE_COLUMNS_MAX; c++) {
        int width = 0;
        cJSON_ArrayForEach(row, rows)
        {
            cell_text(row, columns[c], text);
            width = (int)strlen(text) > width ? (int)strlen(text) : width;
        }
        int head = (int)strlen(heading(columns[c]));
        widths[c] = width == 0 && !is_empty ? 0 : width > head ? width : head;
        if (widths[c] > 0) {
            printf("%-*s  ", widths[c], heading(columns[c]));
        }
    }
    putchar('\n');
    cJSON_ArrayForEach(row, rows)
    {
        for (int c = 0; columns[c] != NULL && c < TABLE_COLUMNS_MAX; c++) {
            cell_text(row, columns[c], text);
            if (widths[c] > 0) {
                printf("%-*s  ", widths[c], text);
            }
        }
        putchar('\n');
    }
    cJSON_Delete(answer);
}

char *cli_slurp(const char *command, const char *path, size_t *size)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "hedgerow %s: cannot read %s\n", command, path);
        return NULL;
    }
    hr_buf text;
    hr_buf_init(&text, SLURP_BYTES_MAX);
    for (;;) {
        char bytes[65536];
        size_t got = fread(bytes, 1, sizeof bytes, file);
        hr_buf_put(&text, bytes, got);
        if (got < sizeof bytes) {
            break;
        }
    }
    bool failed = ferror(file) != 0;
    if (!is_stdin) {
        fclose(file);
    }
    hr_buf_put_u8(&text, 0);
    if (failed || hr_buf_err(&text) != HR_OK) {
        fprintf(stderr, "hedgerow %s: cannot read %s: %s\n", command, path,
                failed ? "input failed" : hr_err_text(hr_buf_err(&text)));
        hr_buf_fini(&text);
        return NULL;
    }
    *size = text.size - 1;
    return (char *)text.data;
}
