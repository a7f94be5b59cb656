/* api/server.c - starts libwebsockets, runs its service thread, and brings work back to it. */
#include "dispatch.h"
#include "live.h"
#include "server_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/logline.h"

#define HEADER_BYTES_MAX 32768 /* of one request's head; lws hangs up above, without an answer */
#define COOKIES_BYTES_MAX 8192 /* of the header Cookie or Authorization; 431 above */
#define HEADER_POOL_MAX 512    /* requests whose head is held at one time; others wait */
#define NETWORK_TIMEOUT_S 20   /* for a head or a piece of a body to arrive */
#define KEEPALIVE_TIMEOUT_S 75
#define EXCESS_CONNECTIONS_MAX 32 /* beyond those that are served: told 503; others are closed */
#define ACCEPT_PAUSE_MS 20        /* when no file is left for a connection that waits */
#define ACCEPT_TELL_NS INT64_C(10000000000)
#define LIVE_RX_BYTES 16384 /* a longer message comes in pieces */
#define PING_AFTER_S 30     /* of silence on a WebSocket */
#define HANGUP_AFTER_S 60
#define HEADER_IDLE_TIMEOUT_S 10 /* a connection that never sends its head */

/* Set where lws logs, looked at where it serves: both are the service thread. */
static _Thread_local bool accept_has_failed;

static void log_from_lws(int level, const char *line)
{
    if (strstr(line, "accept: errno") != NULL) {
        accept_has_failed = true;
        return;
    }
    hr_logline(level == LLL_ERR ? HR_LEVEL_WARN : HR_LEVEL_DEBUG, "http.lws", "text=\"%.*s\"",
               (int)strcspn(line, "\n"), line);
}

/* A finished job of the pool: queued, and one wake-up for however many there are. */
static void job_done(api_job *job, void *context)
{
    api_server *server = context;
    server_job *done = (server_job *)(void *)job;
    done->job.next = NULL;
    pthread_mutex_lock(&server->done_lock);
    if (server->done_last != NULL) {
        server->done_last->job.next = &done->job;
    } else {
        server->done_first = done;
    }
    server->done_last = done;
    pthread_mutex_unlock(&server->done_lock);
    server_wake(server);
}

void server_wake(api_server *server)
{
    if (!atomic_exchange(&server->wake_pending, true)) {
        lws_cancel_service(server->lws);
    }
}

void server_finish_jobs(api_server *server)
{
    atomic_store(&server->wake_pending, false);
    pthread_mutex_lock(&server->done_lock);
    server_job *job = server->done_first;
    server->done_first = NULL;
    server->done_last = NULL;
    pthread_mutex_unlock(&server->done_lock);
    while (job != NULL) {
        server_job *next = (server_job *)(void *)job->job.next;
        job->finish(job);
        job = next;
    }
}

void server_next_request_id(api_server *server, char text[API_REQUEST_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t parts[] = {server->request_prefix & UINT32_MAX, ++server->request_count};
    char *at = text;
    for (int i = 0; i < 2; i++) {
        int shift = i == 0 ? 28 : 60;
        while (i > 0 && shift > 0 && parts[i] >> shift == 0) {
            shift -= 4;
        }
        for (; shift >= 0; shift -= 4) {
            *at++ = digits[parts[i] >> shift & 15];
        }
        *at++ = i == 0 ? '-' : '\0';
    }
}

bool server_header(struct lws *wsi, enum lws_token_indexes token, char *text, size_t size)
{
    text[0] = 0;
    int length = lws_hdr_total_length(wsi, token);
    if (length <= 0 || (size_t)length >= size) {
        return length <= 0;
    }
    if (lws_hdr_copy(wsi, text, (int)size, token) < 0) {
        text[0] = 0;
    }
    return true;
}

/* Our cookie's value out of "a=b; hedgerow=..; c=d". */
static void read_cookie(const char *cookies, char *session, size_t size)
{
    static const char name[] = "hedgerow=";
    session[0] = 0;
    for (const char *at = cookies; *at != 0;) {
        at += strspn(at, "; ");
        size_t length = strcspn(at, ";");
        if (length > sizeof name - 1 && length - (sizeof name - 1) < size &&
            strncmp(at, name, sizeof name - 1) == 0) {
            memcpy(session, at + sizeof name - 1, length - (sizeof name - 1));
            session[length - (sizeof name - 1)] = 0;
            return;
        }
        at += length;
    }
}

/* A proxy on this machine says last, behind what others may have made up, whom it asks for. Others
 * are not believed: whoever could choose his address would be throttled by nobody. */
static void read_forwarded(const char *list, api_request *request)
{
    struct in6_addr ignored;
    const char *comma = strrchr(list, ',');
    const char *last = comma != NULL ? comma + 1 : list;
    last += strspn(last, " ");
    if (api_peer_is_loopback(request->peer) && strlen(last) < sizeof request->peer &&
        (inet_pton(AF_INET, last, &ignored) == 1 || inet_pton(AF_INET6, last, &ignored) == 1)) {
        memcpy(request->peer, last, strlen(last) + 1);
    }
}

/* A proxy says whom it asks for, but a client can make libwebsockets 4.1 overlook the header that
 * says so, or the one that tells the length of its body: the end of a header's name that begins a
 * known one ("X: 1") is not seen, and the next line goes with it. Nothing tells of it afterwards.
 * So where the service has been given a name or origin, as behind a proxy it needs one, everybody
 * may be the proxy. */
static bool is_proxied(struct lws *wsi)
{
    const api_server *server = lws_context_user(lws_get_context(wsi));
    return lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0 ||
           api_has_names(server->context);
}

const char *server_read_head(struct lws *wsi, api_request *request)
{
    /* All pages of a machine share its cookies, whatever their ports: ours may come last of many.
     */
    char text[COOKIES_BYTES_MAX];
    const char *too_long = NULL;
    request->is_proxied = is_proxied(wsi);
    if (!server_header(wsi, WSI_TOKEN_X_FORWARDED_FOR, text, API_HEADER_TEXT_MAX)) {
        too_long = "X-Forwarded-For";
    }
    read_forwarded(text, request);
    if (!server_header(wsi, WSI_TOKEN_HOST, request->host, sizeof request->host)) {
        too_long = "Host";
    }
    if (!server_header(wsi, WSI_TOKEN_ORIGIN, request->origin, sizeof request->origin)) {
        too_long = "Origin";
    }
    if (!server_header(wsi, WSI_TOKEN_HTTP_COOKIE, text, sizeof text)) {
        too_long = "Cookie";
    }
    read_cookie(text, request->session, sizeof request->session);
    if (!server_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, text, sizeof text)) {
        too_long = "Authorization";
    }
    if (strncasecmp(text, "Bearer ", 7) == 0 && strlen(text + 7) < sizeof request->bearer) {
        memcpy(request->bearer, text + 7, strlen(text + 7) + 1);
    }
    return too_long;
}

void api_relay_init(api_relay *relay)
{
    relay->server = NULL;
    pthread_mutex_init(&relay->lock, NULL);
}

void api_relay_fini(api_relay *relay)
{
    pthread_mutex_destroy(&relay->lock);
}

void api_relay_notify(uint64_t durable, void *context)
{
    api_relay *relay = context;
    (void)durable;
    pthread_mutex_lock(&relay->lock);
    if (relay->server != NULL) {
        server_wake(relay->server);
    }
    pthread_mutex_unlock(&relay->lock);
}

static void relay_to(api_relay *relay, api_server *server)
{
    if (relay != NULL) {
        pthread_mutex_lock(&relay->lock);
        relay->server = server;
        pthread_mutex_unlock(&relay->lock);
    }
}

static const struct lws_protocols *server_protocols(void)
{
    static struct lws_protocols protocols[] = {
        {"http", http_callback, 0, 0, 0, NULL, 0},
        {LIVE_SUBPROTOCOL, live_callback, 0, LIVE_RX_BYTES, 0, NULL, 0},
        {NULL, NULL, 0, 0, 0, NULL, 0},
    };
    protocols[1].per_session_data_size = live_session_bytes();
    return protocols;
}

/* No file is left for a connection that waits, and lws would ask for one again at once and for
 * ever. Those who are connected are served in between, until somebody hangs up. */
static void rest_after_failed_accept(const api_server *server, int64_t *told_ns)
{
    int64_t now_ns = hr_clock_mono_ns(server->context->clock);
    accept_has_failed = false;
    if (*told_ns == 0 || now_ns - *told_ns > ACCEPT_TELL_NS) {
        *told_ns = now_ns;
        hr_logline(HR_LEVEL_WARN, "http.no_files",
                   "text=\"no file is left for a connection; it waits\"");
    }
    (void)poll(NULL, 0, ACCEPT_PAUSE_MS);
}

static void *service_main(void *argument)
{
    api_server *server = argument;
    int64_t told_ns = 0;
    while (!atomic_load(&server->stopping) && lws_service(server->lws, 0) >= 0) {
        if (accept_has_failed) {
            rest_after_failed_accept(server, &told_ns);
        }
    }
    return NULL;
}

static socklen_t socket_address(const api_address *address, struct sockaddr_storage *storage)
{
    const char *host = strcmp(address->host, "localhost") == 0 ? "127.0.0.1" : address->host;
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)storage;
    memset(storage, 0, sizeof *storage);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address->port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address->port);
        return sizeof *v6;
    }
    return 0;
}

/* lws tells of a failed bind only in a log line, so the port is tried here first. */
static hr_err probe_port(const api_address *address, hr_why *why)
{
    struct sockaddr_storage storage;
    socklen_t size = socket_address(address, &storage);
    if (size == 0) {
        return hr_why_set(why, HR_INVALID, "%s is not an address of this machine", address->host);
    }
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make a socket");
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    hr_err err = HR_OK;
    if (bind(fd, (struct sockaddr *)(void *)&storage, size) != 0 || listen(fd, 1) != 0) {
        err =
            errno == EADDRINUSE
                ? hr_why_set(why, HR_EXISTS,
                             "port %u on %s is in use by another program; stop it or choose "
                             "another port with --http %s:PORT",
                             address->port, address->host, address->host)
                : hr_why_errno(why, errno, "cannot listen on %s:%u", address->host, address->port);
    }
    close(fd);
    return err;
}

static hr_err create_context(api_server *server, const api_server_options *options, hr_why *why)
{
    static const lws_retry_bo_t silence = {.secs_since_valid_ping = PING_AFTER_S,
                                           .secs_since_valid_hangup = HANGUP_AFTER_S};
    struct lws_context_creation_info info = {0};
    info.retry_and_idle_policy = &silence;
    info.iface = strcmp(options->http.host, "localhost") == 0 ? "127.0.0.1" : options->http.host;
    info.port = options->http.port;
    info.protocols = server_protocols();
    info.user = server;
    info.gid = (gid_t)-1;
    info.uid = (uid_t)-1;
    info.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.max_http_header_data2 = HEADER_BYTES_MAX;
    info.max_http_header_pool2 = HEADER_POOL_MAX;
    info.fd_limit_per_thread = API_CONNECTIONS_MAX + 64;
    info.timeout_secs = NETWORK_TIMEOUT_S;
    info.keepalive_timeout = KEEPALIVE_TIMEOUT_S;
    info.timeout_secs_ah_idle = HEADER_IDLE_TIMEOUT_S;
    info.pt_serv_buf_size = 16384;
    if (options->tls_cert != NULL && options->tls_cert[0] != 0) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = options->tls_cert;
        info.ssl_private_key_filepath = options->tls_key;
        info.alpn = "http/1.1"; /* its HTTP/2 has open holes */
    }
    server->lws = lws_create_context(&info);
    if (server->lws == NULL) {
        return hr_why_set(why, HR_IO, "cannot serve on %s:%u (see the log above)",
                          options->http.host, options->http.port);
    }
    server->vhost = lws_get_vhost_by_name(server->lws, "default");
    int port = server->vhost != NULL ? lws_get_vhost_listen_port(server->vhost) : 0;
    server->port = port > 0 ? (uint16_t)port : options->http.port;
    return HR_OK;
}

static void register_metrics(api_server *server)
{
    hr_metrics *metrics = server->context->metrics;
    if (metrics != NULL) {
        server->connections = hr_metrics_gauge(metrics, "hedgerow_http_connections", "",
                                               "Open HTTP and WebSocket connections.");
        server->refused_connections =
            hr_metrics_counter(metrics, "hedgerow_http_refused_connections_total", "",
                               "Connections closed at once because there were too many.");
    }
}

hr_err api_server_start(const api_server_options *options, api_server **out, hr_why *why)
{
    hr_err err = probe_port(&options->http, why);
    if (err != HR_OK) {
        return err;
    }
    api_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return HR_NO_MEMORY;
    }
    server->context = options->context;
    server->relay = options->relay;
    server->connections_max =
        options->connections_max > 0 && options->connections_max < API_CONNECTIONS_MAX
            ? options->connections_max
            : API_CONNECTIONS_MAX;
    server->excess_max = server->connections_max / 8 < EXCESS_CONNECTIONS_MAX
                             ? server->connections_max / 8
                             : EXCESS_CONNECTIONS_MAX;
    server->connections_max -= server->excess_max;
    server->request_prefix = (uint64_t)hr_clock_mono_ns(hr_clock_real());
    server->request_prefix = hr_hash64(&server->request_prefix, sizeof server->request_prefix);
    pthread_mutex_init(&server->done_lock, NULL);
    hr_buf_init(&server->scratch, API_ANSWER_BYTES_MAX + 65536);
    register_metrics(server);
    lws_set_log_level(LLL_ERR | LLL_WARN, log_from_lws);
    err = live_hub_new(server, &server->live);
    if (err == HR_OK) {
        err = create_context(server, options, why);
    }
    if (err == HR_OK) {
        live_hub_begin(server->live);
        err = api_pool_new(job_done, server, &server->pool);
    }
    if (err == HR_OK && pthread_create(&server->thread, NULL, service_main, server) != 0) {
        err = hr_why_set(why, HR_NO_MEMORY, "cannot start the service thread");
    }
    if (err != HR_OK) {
        api_server_stop(server);
        return err;
    }
    server->has_thread = true;
    relay_to(server->relay, server);
    *out = server;
    return HR_OK;
}

void api_server_stop(api_server *server)
{
    if (server == NULL) {
        return;
    }
    relay_to(server->relay, NULL);
    atomic_store(&server->stopping, true);
    if (server->has_thread) {
        lws_cancel_service(server->lws);
        pthread_join(server->thread, NULL);
    }
    api_pool_free(server->pool);
    if (server->lws != NULL) {
        lws_context_destroy(server->lws);
    }
    /* No connection is left: what finishes now only frees itself. */
    server_finish_jobs(server);
    live_hub_free(server->live);
    hr_buf_fini(&server->scratch);
    pthread_mutex_destroy(&server->done_lock);
    free(server);
}

uint16_t api_server_port(const api_server *server)
{
    return server->port;
}
