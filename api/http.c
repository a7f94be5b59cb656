/* api/http.c - HTTP/1.1 on libwebsockets: collects a request, has it answered, writes the answer.
 *
 * Everything here runs on the service thread, except exchange_run(), which a pool thread calls and
 * which touches only the exchange's request and answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/logline.h"
#include "dispatch.h"
#include "http_head.h"
#include "live.h"
#include "server_parts.h"

#define WRITE_BYTES_MAX 65536 /* given to lws at one time, so that it buffers little */
#define KEPT_BYTES_MAX 4096   /* of each of an idle connection's three buffers */
#define CROWD_RETRY_S 5
#define DISCARD_BYTES_MAX (1u << 20) /* of a refused body that is read to keep the connection */
#define WRITE_TIMEOUT_S 120          /* nothing could be written for so long: the reader is gone */

typedef enum exchange_state {
    EXCHANGE_IDLE,
    EXCHANGE_READING,    /* waits for the body */
    EXCHANGE_DISCARDING, /* answered already in `answer`; waits for the body to pass by */
    EXCHANGE_RUNNING,    /* with the pool */
    EXCHANGE_WRITING,
} exchange_state;

/* One request and its answer; reused for the next on the same connection, whose opaque data it is:
 * what lws calls a session ends with each request. */
typedef struct http_exchange {
    server_job job;
    api_server *server;
    struct lws *wsi; /* NULL once the connection is gone */
    const api_route *route;
    exchange_state state;
    int64_t body_expected;
    hr_buf body;
    hr_buf out; /* LWS_PRE bytes, then the answer */
    size_t out_at;
    bool is_head;
    bool is_excess;       /* one connection too many: it is told so, and nothing else */
    _Atomic bool is_gone; /* read by the handler's thread */
    char peer[48];
    api_request request;
    api_answer answer;
} http_exchange;

static void exchange_free(http_exchange *exchange)
{
    hr_buf_fini(&exchange->body);
    hr_buf_fini(&exchange->out);
    api_answer_fini(&exchange->answer);
    free(exchange);
}

static http_exchange *exchange_of(struct lws *wsi)
{
    http_exchange *exchange = lws_get_opaque_user_data(wsi);
    if (exchange == NULL && (exchange = calloc(1, sizeof *exchange)) != NULL) {
        exchange->server = lws_context_user(lws_get_context(wsi));
        exchange->wsi = wsi;
        hr_buf_init(&exchange->body, SIZE_MAX / 2);
        hr_buf_init(&exchange->out, API_ANSWER_BYTES_MAX + 65536);
        api_answer_init(&exchange->answer);
        lws_get_peer_simple(wsi, exchange->peer, sizeof exchange->peer);
        lws_set_opaque_user_data(wsi, exchange);
    }
    return exchange;
}

/* The connection is gone. With the pool, the exchange is freed when it comes back. */
static void exchange_close(struct lws *wsi)
{
    http_exchange *exchange = lws_get_opaque_user_data(wsi);
    if (exchange == NULL) {
        return;
    }
    lws_set_opaque_user_data(wsi, NULL);
    if (exchange->state == EXCHANGE_RUNNING) {
        exchange->wsi = NULL;
        atomic_store(&exchange->is_gone, true);
    } else {
        exchange_free(exchange);
    }
}

/* An idle connection keeps little memory. */
static void trim(hr_buf *buf)
{
    if (buf->capacity > KEPT_BYTES_MAX) {
        hr_buf_fini(buf); /* the size it may have stays */
    }
}

/* Write on; -1 ends the connection. */
static int exchange_write(http_exchange *exchange)
{
    struct lws *wsi = exchange->wsi;
    while (exchange->out_at < exchange->out.size) {
        size_t left = exchange->out.size - exchange->out_at;
        size_t size = left < WRITE_BYTES_MAX ? left : WRITE_BYTES_MAX;
        /* The head is ours, so every piece is plain bytes to lws. */
        if (lws_write(wsi, exchange->out.data + exchange->out_at, size, LWS_WRITE_HTTP_HEADERS) <
            0) {
            return -1;
        }
        exchange->out_at += size;
        if (exchange->out_at < exchange->out.size && lws_send_pipe_choked(wsi)) {
            lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, WRITE_TIMEOUT_S);
            lws_callback_on_writable(wsi);
            return 0;
        }
    }
    exchange->state = EXCHANGE_IDLE;
    bool close = exchange->answer.close;
    api_answer_reset(&exchange->answer);
    trim(&exchange->body);
    trim(&exchange->out);
    trim(&exchange->answer.body);
    return close || lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int exchange_respond(http_exchange *exchange)
{
    /* One client could otherwise make lws take the body of its request, whose length it overlooks,
     * for the beginning of the next one that the proxy sends, which is somebody else's. */
    exchange->answer.close |= exchange->request.is_proxied;
    trim(&exchange->body); /* an import's megabytes are not needed while the answer goes out */
    hr_buf_clear(&exchange->out);
    (void)hr_buf_extend(&exchange->out, LWS_PRE);
    http_head_write(&exchange->out, &exchange->answer, exchange->request.id, exchange->is_head);
    if (hr_buf_err(&exchange->out) != HR_OK) {
        return -1;
    }
    exchange->out_at = LWS_PRE;
    exchange->state = EXCHANGE_WRITING;
    return exchange_write(exchange);
}

/* On a pool thread. */
static void exchange_run(api_job *job)
{
    http_exchange *exchange = (http_exchange *)(void *)job;
    api_perform(exchange->server->context, exchange->route, &exchange->request, &exchange->answer);
}

/* Back from the pool. */
static void exchange_finish(server_job *job)
{
    http_exchange *exchange = (http_exchange *)(void *)job;
    if (exchange->wsi == NULL) {
        exchange_free(exchange);
        return;
    }
    exchange->state = EXCHANGE_WRITING;
    exchange->out_at = 0;
    hr_buf_clear(&exchange->out);
    lws_callback_on_writable(exchange->wsi);
}

static int exchange_dispatch(http_exchange *exchange)
{
    exchange->request.body = (const char *)exchange->body.data;
    exchange->request.body_size = exchange->body.size;
    api_lane lane = exchange->route->lane;
    if (lane == API_INLINE) {
        /* What is kept for a repeat has been begun by then, and cannot be begun again. */
        exchange->request.is_inline = exchange->request.idempotency_key[0] == 0;
        api_perform(exchange->server->context, exchange->route, &exchange->request,
                    &exchange->answer);
        if (!exchange->answer.is_left) {
            return exchange_respond(exchange);
        }
        api_answer_reset(&exchange->answer);
        exchange->request.is_inline = false;
        lane = API_LANE_WORK;
    }
    exchange->job.job.run = exchange_run;
    exchange->job.finish = exchange_finish;
    exchange->job.job.caller =
        api_caller_key(exchange->request.caller.user, exchange->request.peer);
    exchange->state = EXCHANGE_RUNNING;
    hr_err err = api_pool_submit(exchange->server->pool, lane, &exchange->job.job);
    if (err == HR_OK) {
        /* The handler decides how long it takes, not the network's time limit. */
        lws_set_timeout(exchange->wsi, NO_PENDING_TIMEOUT, 0);
        return 0;
    }
    exchange->state = EXCHANGE_READING;
    api_answer_error(&exchange->answer, 503, "server.busy", NULL,
                     "too much is being asked at once; try again");
    api_note(exchange->server->context, &exchange->request, &exchange->answer);
    return exchange_respond(exchange);
}

/* lws has split and decoded the target already. */
static hr_err read_target(struct lws *wsi, api_request *request, const char *path, size_t size)
{
    hr_err err = api_request_set_path(request, path, size);
    for (int i = 0; err == HR_OK; i++) {
        char text[API_TARGET_BYTES_MAX];
        int length = lws_hdr_copy_fragment(wsi, text, sizeof text, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (length == -2) {
            return HR_TOO_BIG; /* it does not fit */
        }
        if (length < 0) {
            break;
        }
        /* "/" is what lws makes of nothing behind a last '?' or '&'. */
        if (length > 0 && !(length == 1 && text[0] == '/')) {
            err = api_request_add_param(request, text, (size_t)length);
        }
    }
    return err;
}

static bool read_method(struct lws *wsi, api_method *method)
{
    char *path = NULL;
    int length = 0;
    switch (lws_http_get_uri_and_method(wsi, &path, &length)) {
    case LWSHUMETH_GET:
        *method = API_GET;
        return true;
    case LWSHUMETH_POST:
        *method = API_POST;
        return true;
    case LWSHUMETH_OPTIONS:
        *method = API_OPTIONS;
        return true;
    case LWSHUMETH_PUT:
        *method = API_PUT;
        return true;
    case LWSHUMETH_PATCH:
        *method = API_PATCH;
        return true;
    case LWSHUMETH_DELETE:
        *method = API_DELETE;
        return true;
    case LWSHUMETH_HEAD:
        *method = API_HEAD;
        return true;
    default:
        return false;
    }
}

/* Returns the name of a header that is too long to be kept, or NULL: who leaves it out would act on
 * less than was said. */
static const char *read_headers(struct lws *wsi, api_request *request)
{
    char text[API_HEADER_TEXT_MAX];
    const char *too_long = server_read_head(wsi, request);
    const struct {
        const char *name;
        enum lws_token_indexes token;
        char *text;
    } fields[] = {
        {"Content-Type", WSI_TOKEN_HTTP_CONTENT_TYPE, request->content_type},
        {"If-Match", WSI_TOKEN_HTTP_IF_MATCH, request->if_match},
        {"If-None-Match", WSI_TOKEN_HTTP_IF_NONE_MATCH, request->if_none_match},
        {"Accept-Encoding", WSI_TOKEN_HTTP_ACCEPT_ENCODING, text},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!server_header(wsi, fields[i].token, fields[i].text, API_HEADER_TEXT_MAX)) {
            too_long = fields[i].name;
        }
    }
    request->accepts_gzip = strstr(text, "gzip") != NULL;
    if (request->method == API_POST) {
        static const char name[] = "idempotency-key:";
        if (lws_hdr_custom_copy(wsi, request->idempotency_key, (int)sizeof request->idempotency_key,
                                name, (int)sizeof name - 1) < 0) {
            request->idempotency_key[0] = 0;
            if (lws_hdr_custom_length(wsi, name, (int)sizeof name - 1) > 0) {
                too_long = "Idempotency-Key";
            }
        }
    }
    return too_long;
}

/* lws takes %0A and %0D in an address for the end of the line: what stood behind it, the version at
 * least, was read as something else or not at all. */
static bool has_version(struct lws *wsi)
{
    return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP) > 0;
}

#define WITH_BLANK(name) name " :", name "\t:", name "  :", " " name ":", "\t" name ":"

/* A blank beside a header's name makes another header of it for lws, which nobody reads: a change
 * that should depend on it would not, and a proxy that reads it sees the body end elsewhere. lws
 * does not tell which headers there are, so those that matter are looked for by name. */
static bool has_blank_beside_name(struct lws *wsi, api_method method)
{
    static const char *const always[] = {WITH_BLANK("transfer-encoding"),
                                         WITH_BLANK("content-length")};
    static const char *const of_changes[] = {WITH_BLANK("if-match"), WITH_BLANK("if-none-match"),
                                             WITH_BLANK("idempotency-key"), WITH_BLANK("origin")};
    bool has = false;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        has |= lws_hdr_custom_length(wsi, always[i], (int)strlen(always[i])) >= 0;
    }
    bool is_change = method != API_GET && method != API_HEAD;
    for (size_t i = 0; is_change && i < sizeof of_changes / sizeof of_changes[0]; i++) {
        has |= lws_hdr_custom_length(wsi, of_changes[i], (int)strlen(of_changes[i])) >= 0;
    }
    return has;
}

/* -1: none; -2: not a number. */
static int64_t content_length_of(struct lws *wsi)
{
    char text[32];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0) {
        return -1;
    }
    server_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof text);
    int64_t length = 0;
    for (const char *c = text; *c != 0; c++) {
        if (*c < '0' || *c > '9' || length > INT64_MAX / 100) {
            return -2;
        }
        length = length * 10 + (*c - '0');
    }
    return text[0] != 0 ? length : -2;
}

/* Without a length, or in chunks, lws takes the next request for the body, or the body for it. */
static bool is_end_unknown(struct lws *wsi, api_method method)
{
    bool may_have_body = method == API_POST || method == API_PUT || method == API_PATCH;
    return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
           (may_have_body && lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0);
}

/* The answer stands; what is left of the body must pass by first, or the connection must end. */
static int exchange_refuse(http_exchange *exchange)
{
    api_note(exchange->server->context, &exchange->request, &exchange->answer);
    if (exchange->body_expected > DISCARD_BYTES_MAX ||
        is_end_unknown(exchange->wsi, exchange->request.method)) {
        exchange->answer.close = true;
    }
    if (exchange->body_expected > 0 && !exchange->answer.close) {
        exchange->state = EXCHANGE_DISCARDING;
        return 0;
    }
    return exchange_respond(exchange);
}

/* Clients that wait for it (curl, above 1 kB) would lose a second. */
static int answer_expectation(http_exchange *exchange)
{
    char text[32];
    server_header(exchange->wsi, WSI_TOKEN_HTTP_EXPECT, text, sizeof text);
    if (strcasecmp(text, "100-continue") != 0) {
        return 0;
    }
    uint8_t line[LWS_PRE + 32];
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    memcpy(line + LWS_PRE, go_on, sizeof go_on - 1);
    return lws_write(exchange->wsi, line + LWS_PRE, sizeof go_on - 1, LWS_WRITE_HTTP_HEADERS) < 0
               ? -1
               : 0;
}

/* What is wrong with a head before anybody has looked at what it asks for. False: the answer is
 * filled in. */
static bool head_is_well(http_exchange *exchange, const char *path, size_t path_size,
                         int64_t length)
{
    struct lws *wsi = exchange->wsi;
    api_answer *answer = &exchange->answer;
    const char *too_long = read_headers(wsi, &exchange->request);
    hr_err err = read_target(wsi, &exchange->request, path, path_size);
    if (exchange->is_excess) {
        api_answer_error(answer, 503, "server.crowded", NULL,
                         "there are too many connections; try again later");
        answer->retry_after_s = CROWD_RETRY_S;
    } else if (too_long != NULL) {
        api_answer_error(answer, 431, "head.too_big", too_long, "the header %s is too long",
                         too_long);
    } else if (err == HR_TOO_BIG) {
        api_answer_error(answer, 414, "request.invalid", NULL,
                         "the address is too long or has too many parameters");
    } else if (err != HR_OK || length == -2 || !has_version(wsi) ||
               has_blank_beside_name(wsi, exchange->request.method)) {
        api_answer_error(answer, 400, "request.invalid", NULL,
                         "the address or a header is not well formed");
    } else {
        return true;
    }
    answer->close = true;
    return false;
}

/* The head is complete. */
static int on_head(http_exchange *exchange, const char *path, size_t path_size)
{
    struct lws *wsi = exchange->wsi;
    api_request *request = &exchange->request;
    api_request_reset(request);
    api_answer_reset(&exchange->answer);
    hr_buf_clear(&exchange->body);
    server_next_request_id(exchange->server, request->id);
    request->is_gone = &exchange->is_gone;
    memcpy(request->peer, exchange->peer, sizeof request->peer);
    if (!read_method(wsi, &request->method)) {
        return -1;
    }
    exchange->is_head = request->method == API_HEAD;
    exchange->state = EXCHANGE_READING;
    int64_t length = content_length_of(wsi);
    exchange->body_expected = length > 0 ? length : 0;
    if (!head_is_well(exchange, path, path_size, length)) {
        return exchange_refuse(exchange);
    }
    exchange->route = api_admit(exchange->server->context, request, &exchange->answer);
    bool is_chunked = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
    if (exchange->route == NULL ||
        !api_admit_body(exchange->route, request, length, is_chunked, &exchange->answer)) {
        return exchange_refuse(exchange);
    }
    if (exchange->body_expected == 0) {
        return exchange_dispatch(exchange);
    }
    return answer_expectation(exchange);
}

static int on_body(http_exchange *exchange, const void *bytes, size_t size)
{
    if (exchange->state != EXCHANGE_READING) {
        return 0;
    }
    hr_buf_put(&exchange->body, bytes, size);
    /* lws counts too; this holds even if it should not. */
    bool is_beyond = exchange->body.size > (uint64_t)exchange->body_expected;
    return hr_buf_err(&exchange->body) == HR_OK && !is_beyond ? 0 : -1;
}

static int on_body_end(http_exchange *exchange)
{
    if (exchange->state == EXCHANGE_DISCARDING) {
        return exchange_respond(exchange);
    }
    if (exchange->state != EXCHANGE_READING) {
        return 0;
    }
    return exchange_dispatch(exchange);
}

static int on_writable(http_exchange *exchange)
{
    if (exchange->state != EXCHANGE_WRITING) {
        return 0;
    }
    return exchange->out.size == 0 ? exchange_respond(exchange) : exchange_write(exchange);
}

/* Only WebSocket upgrades may pass: h2c would begin HTTP/2 (open holes), and for anything else lws
 * 4.1 goes on with memory it has freed (CVE-2025-11677). `in` may be that memory: read the header.
 */
static int confirm_upgrade(struct lws *wsi)
{
    char text[32];
    server_header(wsi, WSI_TOKEN_UPGRADE, text, sizeof text);
    api_server *server = lws_context_user(lws_get_context(wsi));
    const http_exchange *exchange = lws_get_opaque_user_data(wsi);
    if (strcasecmp(text, "websocket") != 0) {
        return -1;
    }
    return exchange != NULL && exchange->is_excess ? live_refuse_crowd(server->live, wsi)
                                                   : live_confirm_upgrade(server->live, wsi);
}

/* A few more than are served are let in, to be told that there are too many. */
static bool may_connect(api_server *server)
{
    if (server->connection_count < server->connections_max + server->excess_max) {
        return true;
    }
    if (server->refused_connections != NULL) {
        hr_counter_add(server->refused_connections, 1);
    }
    return false;
}

/* The listening socket is destroyed too, and was never counted. */
static void count_connection(api_server *server, int change)
{
    if (change > 0 || server->connection_count > 0) {
        server->connection_count += (unsigned)change;
    }
    if (server->connections != NULL) {
        hr_gauge_set(server->connections, server->connection_count);
    }
}

static int on_connected(api_server *server, struct lws *wsi)
{
    count_connection(server, 1);
    if (server->connection_count <= server->connections_max) {
        return 0;
    }
    http_exchange *exchange = exchange_of(wsi);
    if (exchange != NULL) {
        exchange->is_excess = true;
    }
    return exchange != NULL ? 0 : -1;
}

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t size)
{
    http_exchange *exchange = NULL;
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return may_connect(lws_context_user(lws_get_context(wsi))) ? 0 : -1;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        return on_connected(lws_context_user(lws_get_context(wsi)), wsi);
    case LWS_CALLBACK_WSI_DESTROY:
        exchange_close(wsi);
        count_connection(lws_context_user(lws_get_context(wsi)), -1);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return confirm_upgrade(wsi);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return -1; /* an upgrade that names no subprotocol of ours lands here */
    case LWS_CALLBACK_HTTP:
        exchange = exchange_of(wsi);
        if (exchange == NULL || exchange->state == EXCHANGE_RUNNING) {
            return -1;
        }
        return on_head(exchange, in, size);
    case LWS_CALLBACK_HTTP_BODY:
        exchange = lws_get_opaque_user_data(wsi);
        return exchange != NULL ? on_body(exchange, in, size) : -1;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        exchange = lws_get_opaque_user_data(wsi);
        return exchange != NULL ? on_body_end(exchange) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        exchange = lws_get_opaque_user_data(wsi);
        return exchange != NULL ? on_writable(exchange) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
        exchange_close(wsi);
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        server_finish_jobs(lws_context_user(lws_get_context(wsi)));
        live_hub_poll(((api_server *)lws_context_user(lws_get_context(wsi)))->live);
        return 0;
    default:
        return 0;
    }
}
