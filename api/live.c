/* api/live.c - WebSocket clients: who may come in, what is read, and in which order is written. */
#include "live.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/logline.h"
#include "dispatch.h"
#include "http_head.h"
#include "live_parts.h"

#define TIMER_US 50000
#define KEPT_BYTES_MAX 4096 /* of each of an idle client's three buffers */
#define CHECK_NS INT64_C(1000000000)
#define HELD_UP_NS (5 * CHECK_NS)    /* so late a check means that this thread stood still */
#define REVALIDATE_NS (5 * CHECK_NS) /* sessions and tokens are asked about so often */

typedef struct live_session {
    live_client *client;
} live_session;

size_t live_session_bytes(void)
{
    return sizeof(live_session);
}

static int64_t now_ns(const live_hub *hub)
{
    return hr_clock_mono_ns(hub->server->context->clock);
}

hr_err live_hub_new(api_server *server, live_hub **out)
{
    live_hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL) {
        return HR_NO_MEMORY;
    }
    hub->server = server;
    hr_buf_init(&hub->frame, API_ANSWER_BYTES_MAX);
    hr_buf_init(&hub->names, API_ANSWER_BYTES_MAX);
    engine_answer_init(&hub->found);
    api_answer_init(&hub->answer);
    hr_metrics *metrics = server->context->metrics;
    if (metrics != NULL) {
        hub->clients =
            hr_metrics_gauge(metrics, "hedgerow_live_clients", "", "Open WebSocket clients.");
        hub->sent = hr_metrics_counter(metrics, "hedgerow_live_frames_total", "",
                                       "Frames sent to WebSocket clients.");
        hub->laggards = hr_metrics_counter(metrics, "hedgerow_live_laggards_total", "",
                                           "WebSocket clients ended because they did not read.");
    }
    hr_err err = live_events_init(hub);
    if (err != HR_OK) {
        live_hub_free(hub);
        return err;
    }
    *out = hub;
    return HR_OK;
}

void live_hub_free(live_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    live_events_fini(hub);
    live_handles_fini(&hub->handles);
    engine_answer_fini(&hub->found);
    api_answer_fini(&hub->answer);
    hr_buf_fini(&hub->frame);
    hr_buf_fini(&hub->names);
    free(hub);
}

static void client_free(live_client *client)
{
    hr_buf_fini(&client->rx);
    hr_buf_fini(&client->answers);
    hr_buf_fini(&client->missed);
    live_told_fini(&client->view.told);
    free(client);
}

void live_client_release(live_client *client)
{
    client->job_count--;
    if (client->wsi == NULL && client->job_count == 0) {
        client_free(client);
    }
}

void live_want_write(live_client *client)
{
    if (client->wsi == NULL) {
        return;
    }
    if (client->waiting_since_ns == 0) {
        client->waiting_since_ns = now_ns(client->server->live);
    }
    lws_callback_on_writable(client->wsi);
}

/* In one piece: what follows a size must be there, or what is not ours would be sent. */
void live_queue_put(hr_buf *queue, const void *bytes, size_t size)
{
    uint8_t *room = hr_buf_extend(queue, 4 + LWS_PRE + size);
    if (room != NULL) {
        hr_store_u32(room, (uint32_t)size);
        memcpy(room + 4 + LWS_PRE, bytes, size);
    }
}

/* Later, because the callback that calls this may go on with the client. */
void live_end(live_client *client)
{
    client->waiting_since_ns = 0;
    lws_set_timeout(client->wsi, PENDING_TIMEOUT_LAGGING, LWS_TO_KILL_ASYNC);
}

void live_answer(live_client *client, const hr_buf *message)
{
    live_queue_put(&client->answers, message->data, message->size);
    if (hr_buf_err(message) != HR_OK || hr_buf_err(&client->answers) != HR_OK) {
        live_end(client);
    } else {
        live_want_write(client);
    }
}

/* As live_write; the LWS_PRE bytes before the frame are there for lws. */
static int write_prepared(live_client *client, uint8_t *bytes, size_t size, bool is_binary)
{
    if (client->server->live->sent != NULL) {
        hr_counter_add(client->server->live->sent, 1);
    }
    return lws_write(client->wsi, bytes, size, is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < 0
               ? -1
               : 1;
}

int live_write(live_client *client, const void *bytes, size_t size, bool is_binary)
{
    hr_buf *scratch = &client->server->scratch;
    hr_buf_clear(scratch);
    (void)hr_buf_extend(scratch, LWS_PRE);
    hr_buf_put(scratch, bytes, size);
    return hr_buf_err(scratch) != HR_OK
               ? -1
               : write_prepared(client, scratch->data + LWS_PRE, size, is_binary);
}

/* The next message of a queue. 1: written; 0: the queue is empty; -1 ends the connection. */
static int write_queued(live_client *client, hr_buf *queue, size_t *at)
{
    if (*at >= queue->size) {
        hr_buf_clear(queue);
        *at = 0;
        return 0;
    }
    size_t size = hr_load_u32(queue->data + *at);
    *at += 4 + LWS_PRE;
    int result = write_prepared(client, queue->data + *at, size, false);
    *at += size;
    if (*at >= queue->size) {
        hr_buf_clear(queue);
        *at = 0;
    }
    return result;
}

static int write_hello(live_hub *hub, live_client *client)
{
    const api_context *context = hub->server->context;
    hr_buf_clear(&hub->frame);
    hr_json json = hr_json_into(&hub->frame);
    hr_json_open_object(&json);
    hr_json_key(&json, "hello");
    hr_json_open_object(&json);
    hr_json_key_text(&json, "epoch", context->folder_id);
    hr_json_key_i64(&json, "seq", live_events_newest(hub));
    hr_json_key_time(&json, "time", hr_clock_now_ms(context->clock));
    hr_json_key_text(&json, "user", client->caller.user);
    hr_json_key_text(&json, "role", api_role_text(client->caller.role));
    hr_json_close_object(&json);
    hr_json_close_object(&json);
    client->is_greeted = true;
    return live_write(client, hub->frame.data, hub->frame.size, false);
}

/* One frame, the most urgent first. 1: written; 0: nothing to write; -1 ends the connection. */
static int write_next(live_hub *hub, live_client *client)
{
    if (!client->is_greeted) {
        return write_hello(hub, client);
    }
    int result = write_queued(client, &client->answers, &client->answers_at);
    if (result == 0) {
        result = write_queued(client, &client->missed, &client->missed_at);
    }
    if (result == 0) {
        result = live_events_write(hub, client);
    }
    if (result == 0) {
        result = live_positions_write(hub, client);
    }
    return result != 0 ? result : live_windows_write(hub, client);
}

/* Asking the socket is a system call; most frames are the only one. */
static bool has_more(const live_hub *hub, const live_client *client)
{
    return client->answers.size > 0 || client->missed.size > 0 || client->view.is_due ||
           client->windows.due > 0 ||
           (client->wants_events && !client->is_catching_up && client->next_event < hub->ring_next);
}

static int on_writable(live_hub *hub, live_client *client)
{
    client->waiting_since_ns = 0;
    for (;;) {
        int result = write_next(hub, client);
        if (result < 0) {
            return -1;
        }
        if (result == 0 || !has_more(hub, client)) {
            break;
        }
        if (lws_send_pipe_choked(client->wsi)) {
            live_want_write(client);
            break;
        }
    }
    if (client->is_paused && client->answers.size < LIVE_PENDING_BYTES_MAX / 2) {
        client->is_paused = false;
        lws_rx_flow_control(client->wsi, 1);
    }
    return 0;
}

static int on_message(live_hub *hub, live_client *client, const char *bytes, size_t size)
{
    struct lws *wsi = client->wsi;
    bool is_whole = lws_is_first_fragment(wsi) && lws_is_final_fragment(wsi) &&
                    lws_remaining_packet_payload(wsi) == 0 && client->rx.size == 0;
    bool is_end = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    if (client->rx.size + size > LIVE_MESSAGE_BYTES_MAX || lws_frame_is_binary(wsi)) {
        lws_close_reason(wsi,
                         lws_frame_is_binary(wsi) ? LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE
                                                  : LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
                         NULL, 0);
        return -1;
    }
    bool is_understood = true;
    if (is_whole) {
        is_understood = live_receive(hub, client, bytes, size);
    } else {
        hr_buf_put(&client->rx, bytes, size);
        if (is_end && hr_buf_err(&client->rx) == HR_OK) {
            is_understood =
                live_receive(hub, client, (const char *)client->rx.data, client->rx.size);
        }
    }
    if (!is_whole && is_end) {
        hr_buf_clear(&client->rx);
    }
    if (!is_understood || hr_buf_err(&client->answers) != HR_OK) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION, NULL, 0);
        return -1;
    }
    if (!client->is_paused && client->answers.size > LIVE_PENDING_BYTES_MAX) {
        client->is_paused = true;
        lws_rx_flow_control(wsi, 0);
    }
    return 0;
}

/* In HTTP, and the connection ends (-1): lws would hang up without a word. */
static int refuse_upgrade(live_hub *hub, struct lws *wsi, int status, const char *code,
                          const char *text)
{
    hr_buf *out = &hub->server->scratch;
    api_request *request = &hub->request;
    char path[API_HEADER_TEXT_MAX];
    api_request_reset(request);
    server_next_request_id(hub->server, request->id);
    lws_get_peer_simple(wsi, request->peer, sizeof request->peer);
    server_header(wsi, WSI_TOKEN_GET_URI, path, sizeof path);
    if (api_request_set_path(request, path, strlen(path)) != HR_OK) {
        request->path = "/";
    }
    api_answer_reset(&hub->answer);
    api_answer_error(&hub->answer, status, code, NULL, "%s", text);
    hub->answer.close = true;
    api_note(hub->server->context, request, &hub->answer);
    hr_buf_clear(out);
    (void)hr_buf_extend(out, LWS_PRE);
    http_head_write(out, &hub->answer, request->id, false);
    if (hr_buf_err(out) == HR_OK) {
        (void)lws_write(wsi, out->data + LWS_PRE, out->size - LWS_PRE, LWS_WRITE_HTTP_HEADERS);
    }
    return -1;
}

int live_refuse_crowd(live_hub *hub, struct lws *wsi)
{
    return refuse_upgrade(hub, wsi, 503, "live.crowded",
                          "there are too many WebSocket clients; try again later");
}

static bool names_our_subprotocol(const char *list)
{
    static const char name[] = LIVE_SUBPROTOCOL;
    while (*list != 0) {
        list += strspn(list, ", \t");
        size_t size = strcspn(list, ", \t");
        if (size == sizeof name - 1 && memcmp(list, name, size) == 0) {
            return true;
        }
        list += size;
    }
    return false;
}

int live_confirm_upgrade(live_hub *hub, struct lws *wsi)
{
    char text[API_HEADER_TEXT_MAX];
    server_header(wsi, WSI_TOKEN_VERSION, text, sizeof text);
    if (strcmp(text, "13") != 0) {
        return refuse_upgrade(hub, wsi, 426, "live.version",
                              "a WebSocket is spoken here as RFC 6455 has it, version 13");
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_KEY) <= 0) {
        return refuse_upgrade(hub, wsi, 400, "live.key", "there is no Sec-WebSocket-Key");
    }
    server_header(wsi, WSI_TOKEN_PROTOCOL, text, sizeof text);
    if (!names_our_subprotocol(text)) {
        return refuse_upgrade(hub, wsi, 400, "live.subprotocol",
                              "Sec-WebSocket-Protocol must name " LIVE_SUBPROTOCOL);
    }
    return 0;
}

/* ?token=.. for clients that cannot send headers. */
static void read_token_parameter(struct lws *wsi, char *bearer, size_t size)
{
    char text[API_SECRET_TEXT_MAX + 8];
    for (int i = 0; bearer[0] == 0; i++) {
        int length = lws_hdr_copy_fragment(wsi, text, sizeof text, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (length == -1) {
            return;
        }
        if (length > 6 && strncmp(text, "token=", 6) == 0 && (size_t)length - 6 < size) {
            memcpy(bearer, text + 6, (size_t)length - 6);
            bearer[length - 6] = 0;
        }
    }
}

/* Host, origin, caller: what HTTP requests are asked too, once for the whole connection. */
static int admit_upgrade(live_hub *hub, struct lws *wsi, live_client *client)
{
    api_context *context = hub->server->context;
    api_request *request = &hub->request;
    char path[64];
    api_request_reset(request);
    lws_get_peer_simple(wsi, request->peer, sizeof request->peer);
    if (server_read_head(wsi, request) != NULL) {
        return refuse_upgrade(hub, wsi, 431, "head.too_big", "a header is too long");
    }
    server_header(wsi, WSI_TOKEN_GET_URI, path, sizeof path);
    if (strcmp(path, "/v1/live") != 0) {
        return refuse_upgrade(hub, wsi, 404, "route.not_found", "the WebSocket is at /v1/live");
    }
    if (!api_host_is_allowed(context, request->host)) {
        return refuse_upgrade(hub, wsi, 421, "host.unknown",
                              "this service does not go by that name");
    }
    if (request->origin[0] != 0 &&
        !api_origin_is_allowed(context, request->origin, request->host)) {
        return refuse_upgrade(hub, wsi, 403, "origin.denied",
                              "pages of other origins are not let in");
    }
    read_token_parameter(wsi, request->bearer, sizeof request->bearer);
    api_identify(context, request);
    if (request->caller.role < API_ROLE_VIEWER) {
        return refuse_upgrade(hub, wsi, 401, "auth.required",
                              "log in, or give a token as ?token= or Authorization: Bearer");
    }
    if (hub->client_count >= LIVE_CLIENTS_MAX) {
        return live_refuse_crowd(hub, wsi);
    }
    client->caller = request->caller;
    memcpy(client->session, request->session, sizeof client->session);
    memcpy(client->bearer, request->bearer, sizeof client->bearer);
    memcpy(client->peer, request->peer, sizeof client->peer);
    return 0;
}

static int on_upgrade(live_hub *hub, struct lws *wsi, live_session *session)
{
    live_client *client = calloc(1, sizeof *client);
    int refused = client == NULL || session == NULL ? live_refuse_crowd(hub, wsi)
                                                    : admit_upgrade(hub, wsi, client);
    if (refused != 0) {
        free(client);
        return refused;
    }
    client->server = hub->server;
    client->wsi = wsi;
    hr_buf_init(&client->rx, LIVE_MESSAGE_BYTES_MAX);
    hr_buf_init(&client->answers, API_ANSWER_BYTES_MAX);
    hr_buf_init(&client->missed, API_ANSWER_BYTES_MAX);
    client->next = hub->first;
    if (hub->first != NULL) {
        hub->first->previous = client;
    }
    hub->first = client;
    hub->client_count++;
    if (hub->clients != NULL) {
        hr_gauge_set(hub->clients, hub->client_count);
    }
    session->client = client;
    return 0;
}

static void on_closed(live_hub *hub, live_session *session)
{
    live_client *client = session != NULL ? session->client : NULL;
    if (client == NULL) {
        return;
    }
    session->client = NULL;
    if (client->previous != NULL) {
        client->previous->next = client->next;
    } else {
        hub->first = client->next;
    }
    if (client->next != NULL) {
        client->next->previous = client->previous;
    }
    hub->client_count--;
    if (hub->clients != NULL) {
        hr_gauge_set(hub->clients, hub->client_count);
    }
    client->wsi = NULL;
    atomic_store(&client->is_gone, true);
    if (client->job_count == 0) {
        client_free(client);
    }
}

/* A session or token may have ended, or its role changed, since the connection began. */
static bool is_still_allowed(live_hub *hub, live_client *client)
{
    api_request *request = &hub->request;
    api_request_reset(request);
    memcpy(request->session, client->session, sizeof request->session);
    memcpy(request->bearer, client->bearer, sizeof request->bearer);
    api_identify(hub->server->context, request);
    client->caller = request->caller;
    return client->caller.role >= API_ROLE_VIEWER;
}

/* What a burst needed is given back. */
static void trim_idle(live_client *client)
{
    hr_buf *const bufs[] = {&client->rx, &client->answers, &client->missed};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        if (bufs[i]->size == 0 && bufs[i]->capacity > KEPT_BYTES_MAX) {
            hr_buf_fini(bufs[i]);
        }
    }
}

static void look_over(live_hub *hub, int64_t time_ns)
{
    static const int64_t laggard_ns = LIVE_LAGGARD_S * INT64_C(1000000000);
    bool revalidate = time_ns / REVALIDATE_NS != hub->checked_ns / REVALIDATE_NS;
    /* When it was us who stood still, nobody has had the chance to read. */
    bool was_held_up = time_ns - hub->checked_ns > HELD_UP_NS;
    hub->checked_ns = time_ns;
    for (live_client *client = hub->first; client != NULL; client = client->next) {
        if (was_held_up && client->waiting_since_ns != 0) {
            client->waiting_since_ns = time_ns;
        }
        bool is_laggard =
            client->waiting_since_ns != 0 && time_ns - client->waiting_since_ns > laggard_ns;
        if (is_laggard && hub->laggards != NULL) {
            hr_counter_add(hub->laggards, 1);
        }
        trim_idle(client);
        if (is_laggard || (revalidate && !is_still_allowed(hub, client))) {
            live_end(client);
        }
    }
}

static void on_timer(lws_sorted_usec_list_t *timer)
{
    live_hub *hub = lws_container_of(timer, live_hub, timer);
    int64_t time_ns = now_ns(hub);
    if (time_ns - hub->checked_ns >= CHECK_NS) {
        look_over(hub, time_ns);
    }
    live_positions_tick(hub, time_ns);
    live_windows_tick(hub, time_ns);
    live_hub_begin(hub);
}

void live_hub_begin(live_hub *hub)
{
    lws_sul_schedule(hub->server->lws, 0, &hub->timer, on_timer, TIMER_US);
}

int live_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t size)
{
    live_session *session = user;
    api_server *server = lws_context_user(lws_get_context(wsi));
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return on_upgrade(server->live, wsi, session);
    case LWS_CALLBACK_ESTABLISHED:
        if (session->client == NULL) {
            return -1;
        }
        live_want_write(session->client);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return session->client != NULL ? on_message(server->live, session->client, in, size) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return session->client != NULL ? on_writable(server->live, session->client) : -1;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        on_closed(server->live, session);
        return 0;
    default:
        return 0;
    }
}
