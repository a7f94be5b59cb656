/* tests/gateway/field.h - a gateway's process, and the test as the one who feeds it lines. */
#ifndef GATEWAY_FIELD_H
#define GATEWAY_FIELD_H

#include <stdint.h>
#include <sys/types.h>

#include "ingest/site.h"

typedef struct field {
    site *s;
    char config[128];
    pid_t pid;
    int in_fd;  /* its standard input */
    int out_fd; /* its confirmations */
    char heard[256];
    size_t heard_size;
    uint64_t given;       /* lines written to it, in all runs */
    uint64_t stored;      /* as it last confirmed */
    broker_lan lan;       /* by which it connects, unless the port is 0 */
    uint32_t keepalive_s; /* 0: not said */
    uint32_t batch_fixes; /* 0: 200 */
    uint32_t disk_mb;     /* 0: not said */
    uint16_t port;        /* else this one, unless it is 0; else the broker's own */
} field;

/* Its configuration, in the site's folder. */
void field_write_config(field *f);

/* Kill it if it runs, start it, and go on from where it says it is. */
void field_restart(field *f);

/* Write count lines to it; line number n is the fix with latitude n. */
void field_give(field *f, uint32_t count);

/* Wait until it has confirmed everything given. */
void field_wait_stored(field *f);

/* Kill it, and close what belongs to it. */
void field_end(field *f);

/* The input ends; returns the exit code of a gateway that ends by itself. */
int field_finish(field *f);

/* Everything given is in the site's log exactly once. */
void field_assert_each_once(field *f);

#endif
