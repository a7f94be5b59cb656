/* api/http_head.c - status line and headers, with the security headers every answer has. */
#include "http_head.h"

#include <stdio.h>
#include <string.h>

/* The page draws tiles and pictures of its own and talks to this service, nothing else. */
#define CONTENT_SECURITY_POLICY                                                                    \
    "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; "          \
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; img-src 'self' data: blob:"

static void put_line(hr_buf *out, const char *name, const char *value)
{
    hr_buf_put_text(out, name);
    hr_buf_put(out, ": ", 2);
    hr_buf_put_text(out, value);
    hr_buf_put(out, "\r\n", 2);
}

static void put_number_line(hr_buf *out, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put_line(out, name, text);
}

static void put_policy(hr_buf *out, const api_answer *answer)
{
    hr_buf_put_text(out, "Content-Security-Policy: " CONTENT_SECURITY_POLICY);
    if (answer->image_origin[0] != 0) {
        hr_buf_put(out, " ", 1);
        hr_buf_put_text(out, answer->image_origin);
    }
    hr_buf_put(out, "\r\n", 2);
}

static void put_optional_lines(hr_buf *out, const api_answer *answer)
{
    if (answer->encoding != NULL) {
        put_line(out, "Content-Encoding", answer->encoding);
        put_line(out, "Vary", "Accept-Encoding");
    }
    if (answer->cors_origin[0] != 0) {
        put_line(out, "Access-Control-Allow-Origin", answer->cors_origin);
        put_line(out, "Access-Control-Allow-Credentials", "true");
        put_line(out, "Vary", "Origin");
    }
    if (answer->cors_origin[0] != 0 && answer->allow[0] != 0) {
        put_line(out, "Access-Control-Allow-Methods", answer->allow);
        put_line(out, "Access-Control-Allow-Headers",
                 "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key");
    }
    if (answer->etag[0] != 0) {
        put_line(out, "ETag", answer->etag);
    }
    if (answer->location[0] != 0) {
        put_line(out, "Location", answer->location);
    }
    if (answer->set_cookie[0] != 0) {
        put_line(out, "Set-Cookie", answer->set_cookie);
    }
    if (answer->allow[0] != 0) {
        put_line(out, "Allow", answer->allow);
    }
    if (answer->disposition[0] != 0) {
        put_line(out, "Content-Disposition", answer->disposition);
    }
    if (answer->retry_after_s > 0) {
        put_number_line(out, "Retry-After", (uint64_t)answer->retry_after_s);
    }
    if (answer->status == 401) {
        put_line(out, "WWW-Authenticate", "Bearer");
    }
    if (answer->status == 426) {
        put_line(out, "Upgrade", "websocket");
        put_line(out, "Sec-WebSocket-Version", "13");
    }
    if (answer->close) {
        put_line(out, "Connection", "close");
    }
}

void http_head_write(hr_buf *out, const api_answer *answer, const char *request_id,
                     bool without_body)
{
    const uint8_t *body = answer->borrowed != NULL ? answer->borrowed : answer->body.data;
    size_t size = answer->borrowed != NULL ? answer->borrowed_size : answer->body.size;
    bool has_length = answer->status != 204 && answer->status != 304;
    char status[64];
    int status_size = snprintf(status, sizeof status, "HTTP/1.1 %d %s\r\n", answer->status,
                               api_status_text(answer->status));
    hr_buf_put(out, status, (size_t)status_size);
    if (has_length) {
        put_number_line(out, "Content-Length", size);
        put_line(out, "Content-Type",
                 answer->content_type != NULL ? answer->content_type : "text/plain; charset=utf-8");
    }
    put_line(out, "X-Request-Id", request_id);
    put_line(out, "Cache-Control",
             answer->cache_control != NULL ? answer->cache_control : "no-store");
    put_line(out, "X-Content-Type-Options", "nosniff");
    if (answer->content_type != NULL && strncmp(answer->content_type, "text/html", 9) == 0) {
        put_policy(out, answer);
        put_line(out, "Referrer-Policy", "no-referrer");
    }
    put_optional_lines(out, answer);
    hr_buf_put(out, "\r\n", 2);
    if (has_length && !without_body && size > 0) {
        hr_buf_put(out, body, size);
    }
}
