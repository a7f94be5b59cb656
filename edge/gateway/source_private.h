/* gateway/source_private.h - what the kinds of sources share. */
#ifndef GATEWAY_SOURCE_PRIVATE_H
#define GATEWAY_SOURCE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/source.h"
#include "mqtt/link.h"

#define SOURCE_READ_BYTES 16384

/* Between attempts to open a place. */
#define SOURCE_PAUSE_MIN_MS 500
#define SOURCE_PAUSE_MAX_MS 30000

struct source {
    source_options options;
    char device[HR_DEVICE_ID_MAX + 1];
    pthread_t thread;
    mqtt_link *link; /* LoRaWAN only; then there is no thread */
    int wake_fd;     /* readable once the source is to stop */
    _Atomic uint64_t fixes;
    _Atomic uint64_t refused[SOURCE_REFUSALS];
    _Atomic uint64_t opened;
    source_counts told; /* the one's who calls source_tell */

    /* The reading thread's: what is just being read, for a letter about it. */
    const void *reading;
    size_t reading_size;
    bool is_told;      /* there was a letter about it already */
    int64_t letter_ns; /* when there may be another letter */

    atomic_bool is_stopping;
    atomic_bool is_finished;
};

/* What follows is about these bytes, which stay until the next call. */
void source_reading(source *s, const void *bytes, size_t size);

/* Count something that is no good, and tell of it. */
void source_refuse(source *s, source_refusal reason, const char *why);

/* Log and count a new connection. */
void source_note_open(source *s);

/* A fix for the gateway; one without time gets ours where our clock is right. False: stop. */
bool source_take(source *s, wire_fix *fix);

/* Wait for bytes of fd, or with fd -1 only for the time. False: the source is to stop. */
bool source_wait(source *s, int fd, int timeout_ms, bool *has_bytes);

/* Log that the place is not there, and wait a pause that grows while nothing comes of it. False:
 * the source is to stop. */
bool source_pause(source *s, int *pause_ms, bool is_any);

/* The life of each kind. */
void source_run_lines(source *s);
void source_run_gpsd(source *s);
HR_MUST_USE hr_err source_start_lorawan(source *s, hr_why *why);

#endif
