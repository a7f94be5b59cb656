/* tests/bench/bench_bare_mqtt.h - MQTT 3.1.1 with nothing around it: a socket, packets at QoS 0.
 *
 * A client that does next to nothing shows what the broker alone can do. */
#ifndef BENCH_BARE_MQTT_H
#define BENCH_BARE_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connected with a fresh session; a socket for close(), or -1. */
int bare_connect(uint16_t port, const char *user, const char *password, const char *client_id);

/* Have every message that fits the filter sent to this socket at QoS 0. */
bool bare_subscribe(int fd, const char *filter);

/* A PUBLISH packet at QoS 0; its length. `to` has room for 5 + 2 + both sizes. */
size_t bare_put_publish(uint8_t *to, const char *topic, const void *payload, size_t size);

/* All of it. False once the connection is lost. */
bool bare_send(int fd, const uint8_t *bytes, size_t size);

/* Read and count messages until there were `wanted`, or none came for silent_ms. *took_s is the
 * time from the first to the last. */
uint64_t bare_count(int fd, uint64_t wanted, int silent_ms, double *took_s);

#endif
