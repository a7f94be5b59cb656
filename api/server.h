/* api/server.h - the one libwebsockets context and the thread that serves it. */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <pthread.h>

#include "config.h"
#include "context.h"

#define API_CONNECTIONS_MAX                                                                        \
    2048 /* some further ones are told 503, others closed at once, counted */

/* Opaque. Threads: start and stop by one; api_server_wake from any. */
typedef struct api_server api_server;

/* Tells a server that something was committed. Embedded by whoever owns the log; lives longer than
 * the log, whose listeners cannot be taken back. Threads: any. */
typedef struct api_relay {
    pthread_mutex_t lock;
    api_server *server; /* protected by lock; NULL while there is none */
} api_relay;

void api_relay_init(api_relay *relay);
void api_relay_fini(api_relay *relay);

/* For log_listen(); context is the relay. */
void api_relay_notify(uint64_t durable, void *context);

typedef struct api_server_options {
    api_address http;
    const char *tls_cert; /* "" or NULL: plain HTTP */
    const char *tls_key;
    api_relay *relay;         /* may be NULL */
    uint32_t connections_max; /* 0: API_CONNECTIONS_MAX; less where files are scarce */
    api_context *context;     /* outlives the server */
} api_server_options;

/* Listen and serve. HR_EXISTS: another program has the port (why says so). */
HR_MUST_USE hr_err api_server_start(const api_server_options *options, api_server **out,
                                    hr_why *why);

/* Ends every connection and joins the thread. NULL is fine. */
void api_server_stop(api_server *server);

/* The port in use, also when 0 was asked for. */
uint16_t api_server_port(const api_server *server);

#endif
