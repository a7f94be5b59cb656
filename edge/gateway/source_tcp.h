/* gateway/source_tcp.h - lines over TCP, from a server that is connected to or from clients that
 * connect here. */
#ifndef GATEWAY_SOURCE_TCP_H
#define GATEWAY_SOURCE_TCP_H

#include "gateway/source_private.h"

#define SOURCE_TCP_CONNECT "tcp://"
#define SOURCE_TCP_LISTEN "listen://"

#define SOURCE_CLIENTS_MAX 64 /* at a time; further ones are turned away */

/* The "host:port" behind the scheme; NULL: the place is of another kind. */
const char *source_tcp_address(const char *place, const char *scheme);

/* A connected socket; -1: not now, or the source stops. */
int source_tcp_connect(source *s, const char *address);

/* The life of a source that others connect to. */
void source_run_listen(source *s, const char *address);

#endif
