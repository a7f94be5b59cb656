/* api/server_parts.h - what server.c, http.c and live.c share: state of the service thread. */
#ifndef API_SERVER_PARTS_H
#define API_SERVER_PARTS_H

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>

#include "pool.h"
#include "server.h"

/* A job of the pool that comes back to the service thread. Embedded first. */
typedef struct server_job {
    api_job job;
    void (*finish)(struct server_job *job); /* on the service thread; frees it */
} server_job;

struct api_server {
    api_context *context;
    api_relay *relay;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    api_pool *pool;
    struct live_hub *live; /* service thread only */
    pthread_t thread;
    bool has_thread;
    uint16_t port;
    atomic_bool stopping;
    atomic_bool wake_pending; /* one lws_cancel_service() is under way */
    pthread_mutex_t done_lock;
    server_job *done_first; /* protected by done_lock */
    server_job *done_last;  /* protected by done_lock */
    uint64_t request_prefix;
    uint64_t request_count;    /* service thread only */
    unsigned connections_max;  /* that are served */
    unsigned excess_max;       /* further ones that are told 503 */
    unsigned connection_count; /* service thread only */
    hr_gauge *connections;
    hr_counter *refused_connections;
    hr_buf scratch; /* service thread only; for writing */
};

/* Make the service thread look at what other threads left for it. Threads: any. */
void server_wake(api_server *server);

/* Finish what the pool has done. Service thread only. */
void server_finish_jobs(api_server *server);

/* Text for X-Request-Id. Service thread only. */
void server_next_request_id(api_server *server, char text[API_REQUEST_ID_SIZE]);

/* A header's value, "" when absent or too long; false: it is too long. Service thread only. */
bool server_header(struct lws *wsi, enum lws_token_indexes token, char *text, size_t size);

/* Fill in what both HTTP requests and WebSocket upgrades carry; peer is there already, and becomes
 * whoever a proxy on this machine asks for. The name of a header that is too long, and so left out,
 * or NULL. */
const char *server_read_head(struct lws *wsi, api_request *request);

/* The two protocols' callbacks. */
int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t size);

#endif
