/* tests/gateway/field.h - a gateway's process, and the test as the one who feeds it lines. */
#ifndef GATEWAY_FIELD_H
#define GATEWAY_FIELD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ingest/site.h"

/* With a cut_step the gateway is started as "TEST FIELD_OPTION CONFIG STEP". */
#define FIELD_OPTION "--gateway"

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
    uint64_t cut_step;    /* not 0: this test's own program is the gateway; see FIELD_OPTION */
} field;

/* The path of hedgerow-edge. */
const char *field_program(void);

/* Its configuration, in the site's folder. */
void field_write_config(field *f);

/* Kill it if it runs, start it, and go on from where it says it is. */
void field_restart(field *f);

/* The same, for one that may die before it says so: false if it did. */
bool field_try_restart(field *f);

/* Write count lines to it; line number n is the fix with latitude n. One whose power fails may
 * get fewer. */
void field_give(field *f, uint32_t count);

/* Take its confirmations for up to timeout_ms. False: it is dead. */
bool field_hear(field *f, int timeout_ms);

/* Wait until it has confirmed everything given. */
void field_wait_stored(field *f);

/* Kill it, and close what belongs to it. */
void field_end(field *f);

/* The input ends; returns the exit code of a gateway that ends by itself. */
int field_finish(field *f);

/* Everything given is in the site's log exactly once. */
void field_assert_each_once(field *f);

#endif
