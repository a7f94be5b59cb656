/* wire/status_json.h - what a gateway tells about itself, retained in hedgerow/v1/status/<user>.
 *
 * {"state":"online","time":"...Z","waiting":12,"oldest_waiting":"...Z","dropped":0,"refused":0,
 *  "version":"0.1.0"}
 * The broker says {"state":"offline"} for a gateway that went without a word. Members that are not
 * known here are passed over. */
#ifndef WIRE_STATUS_JSON_H
#define WIRE_STATUS_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define STATUS_VERSION_SIZE 32 /* of a text with its terminator; longer ones are cut */
#define STATUS_NO_TIME INT64_MIN
#define STATUS_WILL "{\"state\":\"offline\"}"

typedef enum status_state {
    STATUS_OFFLINE, /* the broker lost it */
    STATUS_ONLINE,
    STATUS_STOPPED, /* it said good-bye */
    STATUS_STATES,
} status_state;

typedef struct status_json {
    status_state state;
    int64_t time_ms;   /* by the gateway's clock; STATUS_NO_TIME: not told */
    uint64_t waiting;  /* fixes that the service has not acknowledged */
    int64_t oldest_ms; /* when the first of them was taken; STATUS_NO_TIME: none waits */
    uint64_t dropped;  /* fixes that went unsent because of the disk cap, since its start */
    uint64_t refused;  /* lines and uplinks that could not be read, since its start */
    char version[STATUS_VERSION_SIZE]; /* "": not told */
} status_json;

/* "offline", "online" or "stopped". */
const char *status_state_name(status_state state);

/* Errors gather in the buffer. */
void status_json_write(const status_json *status, hr_buf *out);

/* HR_INVALID: not a status. */
HR_MUST_USE hr_err status_json_read(const void *bytes, size_t size, status_json *status,
                                    hr_why *why);

#endif
