/* ingest/broker_says.h - what mosquitto says on its standard error, and what of it matters.
 *
 * Only at its debug level does it tell whom it refuses, among some lines for every message. They
 * are looked through here, and few reach our own log. */
#ifndef INGEST_BROKER_SAYS_H
#define INGEST_BROKER_SAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"

#define BROKER_LINE_MAX 256 /* the rest of a longer line is dropped */

/* Two programs of one name end each other's connections, again and again. */
#define BROKER_TWINS_MAX 8    /* names that are watched at a time; the longest quiet gives way */
#define BROKER_TWIN_TIMES 4   /* so often */
#define BROKER_TWIN_MS 60000  /* within such a time it is told */
#define BROKER_CLIENT_SIZE 96 /* of a client's name with its terminator; longer ones are cut */

typedef struct broker_twin {
    char client[BROKER_CLIENT_SIZE];
    int64_t taken_ms[BROKER_TWIN_TIMES]; /* when its connection was taken over, newest first */
} broker_twin;

/* Threads: one at a time. */
typedef struct broker_says {
    char line[BROKER_LINE_MAX]; /* what was read of the current line */
    size_t line_size;
    char last_line[BROKER_LINE_MAX]; /* that is of interest to a person */
    bool is_running;                 /* it said that it accepts connections */
    bool knows_service;              /* the service's durable session is connected, or was */
    hr_counter *logins_refused;      /* may be NULL, as the next */
    hr_counter *publishes_denied;
    broker_twin twins[BROKER_TWINS_MAX];
    char twin[BROKER_CLIENT_SIZE]; /* the name that was told last; "": none */
    int64_t twin_ms;               /* when */
} broker_says;

/* A new process: forgets what the last one said, but for its last line. */
void broker_says_begin(broker_says *s);

/* Look through bytes of its output; may end in the middle of a line. now_ms only grows. */
void broker_says_take(broker_says *s, const char *bytes, size_t size, int64_t now_ms);

#endif
