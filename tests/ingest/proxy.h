/* tests/ingest/proxy.h - a TCP proxy that does to a connection what bad links do. */
#ifndef INGEST_PROXY_H
#define INGEST_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct proxy proxy;

/* Forward to that port of 127.0.0.1. */
proxy *proxy_new(uint16_t to_port);
void proxy_free(proxy *p);
uint16_t proxy_port(const proxy *p);

/* Each of the next count connections that carry that many bytes is cut then. */
void proxy_cut_after(proxy *p, size_t bytes, int count);

/* Bytes go on in pieces of that size, one each millisecond; 0: as they come. */
void proxy_trickle(proxy *p, size_t bytes);

/* Each piece goes on that much later; 0: at once. */
void proxy_delay(proxy *p, int ms);

/* Behave as a broker that knows nothing newer than MQTT 3.1.1. */
void proxy_refuse_mqtt5(proxy *p);

/* While it is on, nothing is forwarded and nobody is told, as where a link is half open; nobody is
 * heard who connects. */
void proxy_vanish(proxy *p, bool is_on);

int proxy_connection_count(proxy *p);

/* Connections that it cut. */
int proxy_cut_count(proxy *p);

#endif
