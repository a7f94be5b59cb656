/* api/cli_client.c - requests by libcurl, tables by cJSON. */
#include "cli_client.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli_table.h"
#include "local.h"

#define PATH_BYTES_MAX 4096
#define PAGE_LIMIT "1000"
#define SLURP_BYTES_MAX (64u << 20)

struct cli_client {
    const cli_globals *globals;
    const char *command;
    CURL *curl;
    struct curl_slist *headers; /* NULL: the service has not been looked for yet */
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
    cli_client *client = calloc(1, sizeof *client);
    CURL *curl = curl_easy_init();
    if (client == NULL || curl == NULL) {
        fprintf(stderr, "hedgerow %s: out of memory\n", command);
        curl_easy_cleanup(curl);
        free(client);
        return NULL;
    }
    client->globals = globals;
    client->command = command;
    client->curl = curl;
    return client;
}

static bool has_service(cli_client *client)
{
    char token[API_LOCAL_TEXT_MAX] = "";
    char header[API_LOCAL_TEXT_MAX + 32];
    if (client->headers != NULL) {
        return true;
    }
    if (!find_service(client->globals, client->command, client->url, token)) {
        return false;
    }
    snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    client->headers = curl_slist_append(NULL, header);
    client->headers = curl_slist_append(client->headers, "Content-Type: application/json");
    /* A body is small or local: waiting for "100 Continue" would cost a second. */
    client->headers = curl_slist_append(client->headers, "Expect:");
    return client->headers != NULL;
}

void cli_client_free(cli_client *client)
{
    if (client != NULL) {
        curl_slist_free_all(client->headers);
        curl_easy_cleanup(client->curl);
        free(client);
    }
}

void cli_client_forget(cli_client *client)
{
    curl_slist_free_all(client->headers);
    client->headers = NULL;
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

void cli_client_set_local(void *curl)
{
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

int cli_client_ask(cli_client *client, const char *method, const char *path, const char *body,
                   size_t body_size, hr_buf *out)
{
    char url[PATH_BYTES_MAX];
    long status = 0;
    if (!has_service(client)) {
        return CLI_FAILED;
    }
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
    if (client->globals->url == NULL) {
        cli_client_set_local(client->curl);
    }
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

/* A server may resolve "..", written in whichever way, before it looks at what is asked for; and no
 * id has these. */
static bool is_one_step(const char *id)
{
    return id[0] != '\0' && strchr(id, '/') == NULL && strcmp(id, ".") != 0 &&
           strcmp(id, "..") != 0;
}

int cli_client_print_one(cli_client *client, const char *method, const char *list, const char *id)
{
    char path[PATH_BYTES_MAX];
    char *escaped = is_one_step(id) ? curl_easy_escape(client->curl, id, 0) : NULL;
    int size = escaped != NULL ? snprintf(path, sizeof path, "%s/%s", list, escaped) : -1;
    curl_free(escaped);
    if (size < 0 || (size_t)size >= sizeof path) {
        fprintf(stderr, "hedgerow %s: \"%.64s\" is no id\n", client->command, id);
        return CLI_FAILED;
    }
    return cli_client_print(client, method, path, NULL, 0);
}

/* ---- lists ---- */

/* Move a page's items behind those before. The cursor of the next page goes into cursor, "" after
 * the last. */
static bool take_page(const char *text, const char *key, cJSON **all, char *cursor, size_t size)
{
    cJSON *page = cJSON_Parse(text);
    cJSON *items = cJSON_GetObjectItemCaseSensitive(page, key);
    const cJSON *next = cJSON_GetObjectItemCaseSensitive(page, "next");
    cursor[0] = '\0';
    if (cJSON_IsString(next)) {
        snprintf(cursor, size, "%s", next->valuestring);
    } else if (cJSON_IsNumber(next)) {
        snprintf(cursor, size, "%.0f", next->valuedouble);
    }
    if (!cJSON_IsArray(items)) {
        cJSON_Delete(page);
        return false;
    }
    if (*all == NULL) {
        *all = page;
        return true;
    }
    cJSON *to = cJSON_GetObjectItemCaseSensitive(*all, key);
    /* Two lists are joined by their ends; cJSON would walk the first one for each item. */
    if (items->child != NULL && to->child != NULL) {
        cJSON *last = to->child->prev;
        last->next = items->child;
        to->child->prev = items->child->prev;
        items->child->prev = last;
        items->child = NULL;
    }
    cJSON_Delete(page);
    return true;
}

static int ask_page(cli_client *client, const char *base, const char *cursor, hr_buf *out)
{
    hr_buf path;
    hr_buf_init(&path, PATH_BYTES_MAX);
    hr_buf_put_text(&path, base);
    cli_client_add(client, &path, "limit", PAGE_LIMIT);
    if (cursor[0] != '\0') {
        cli_client_add(client, &path, "after", cursor);
    }
    hr_buf_put_u8(&path, 0);
    hr_buf_clear(out);
    int code = hr_buf_err(&path) == HR_OK
                   ? cli_client_ask(client, "GET", (const char *)path.data, NULL, 0, out)
                   : CLI_USAGE;
    hr_buf_fini(&path);
    return code;
}

int cli_client_list(cli_client *client, const char *path, const char *key,
                    const char *const *columns, bool as_json)
{
    hr_buf out;
    cJSON *all = NULL;
    char cursor[128] = "";
    int code;
    hr_buf_init(&out, CLI_ANSWER_BYTES_MAX);
    do {
        code = ask_page(client, path, cursor, &out);
        if (code == CLI_OK &&
            !take_page((const char *)out.data, key, &all, cursor, sizeof cursor)) {
            fprintf(stderr, "hedgerow %s: the answer is not that of a Hedgerow service\n",
                    client->command);
            code = CLI_FAILED;
        }
    } while (code == CLI_OK && cursor[0] != '\0');
    hr_buf_fini(&out);
    if (code == CLI_OK && as_json) {
        cJSON_ReplaceItemInObjectCaseSensitive(all, "next", cJSON_CreateNull());
        char *text = cJSON_PrintUnformatted(all);
        puts(text != NULL ? text : "");
        cJSON_free(text);
    } else if (code == CLI_OK) {
        cli_table_print(cJSON_GetObjectItemCaseSensitive(all, key), columns);
    }
    cJSON_Delete(all);
    return code;
}

bool cli_is_utf8(const char *command, const char *what, const char *text)
{
    bool is_valid = hr_utf8_is_valid(text, strlen(text));
    if (!is_valid) {
        fprintf(stderr, "hedgerow %s: %s is not UTF-8; is the terminal set to another encoding?\n",
                command, what);
    }
    return is_valid;
}

char *cli_slurp(const char *command, const char *path, size_t *size)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "hedgerow %s: cannot read %s: %s\n", command, path, strerror(errno));
        return NULL;
    }
    hr_buf text;
    hr_buf_init(&text, SLURP_BYTES_MAX);
    for (;;) {
        char bytes[65536];
        size_t got = fread(bytes, 1, sizeof bytes, file);
        hr_buf_put(&text, bytes, got);
        if (got < sizeof bytes || hr_buf_err(&text) != HR_OK) {
            break;
        }
    }
    int error = ferror(file) != 0 ? errno : 0;
    if (!is_stdin) {
        fclose(file);
    }
    hr_buf_put_u8(&text, 0);
    if (error != 0 || hr_buf_err(&text) != HR_OK) {
        fprintf(stderr, "hedgerow %s: cannot read %s: %s\n", command, path,
                error != 0 ? strerror(error) : hr_err_text(hr_buf_err(&text)));
        hr_buf_fini(&text);
        return NULL;
    }
    *size = text.size - 1;
    return (char *)text.data;
}
