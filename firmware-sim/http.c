/* http.c - libcurl, one lasting handle. */
#include "http.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_http {
    CURL *curl;
    struct curl_slist *headers;
    char base[128];
};

sim_http *sim_http_new(const char *address, const char *token)
{
    sim_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return NULL;
    }
    char bearer[256];
    bool has_scheme = strstr(address, "://") != NULL;
    snprintf(http->base, sizeof http->base, "%s%s", has_scheme ? "" : "http://", address);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
    http->curl = curl_easy_init();
    http->headers = curl_slist_append(NULL, "Content-Type: application/json");
    /* libcurl would wait a second for a leave to send that nobody gives. */
    struct curl_slist *more = curl_slist_append(http->headers, "Expect:");
    if (token[0] != '\0' && more != NULL) {
        more = curl_slist_append(http->headers, bearer);
    }
    if (http->curl == NULL || more == NULL) {
        sim_http_free(http);
        return NULL;
    }
    return http;
}

void sim_http_free(sim_http *http)
{
    if (http != NULL) {
        curl_easy_cleanup(http->curl);
        curl_slist_free_all(http->headers);
        free(http);
    }
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    hr_buf *answer = context;
    hr_buf_put(answer, bytes, size * count);
    return hr_buf_err(answer) == HR_OK ? size * count : 0;
}

hr_err sim_http_ask(sim_http *http, const char *method, const char *path, const char *body,
                    hr_buf *answer, long *status, hr_why *why)
{
    char url[1024];
    if ((size_t)snprintf(url, sizeof url, "%s%s", http->base, path) >= sizeof url) {
        return hr_why_set(why, HR_TOO_BIG, "the address is too long");
    }
    CURL *curl = http->curl;
    hr_buf_clear(answer);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    /* The certificate, if there is one, is for the name by which others know this machine. */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)SIM_HTTP_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    }
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        return hr_why_set(why, HR_IO, "%s: %s", url, curl_easy_strerror(code));
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return HR_OK;
}
