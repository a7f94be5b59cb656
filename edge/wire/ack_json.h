/* wire/ack_json.h - an acknowledgement: {"epoch":"<decimal>","seq":N}. */
#ifndef WIRE_ACK_JSON_H
#define WIRE_ACK_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ACK_JSON_SIZE 64

/* Everything of that epoch up to seq is durable at the service; -1: nothing yet. */
typedef struct ack_json {
    uint64_t epoch;
    int64_t seq;
} ack_json;

/* The length of the text, which is terminated too. */
size_t ack_json_write(const ack_json *ack, char text[ACK_JSON_SIZE]);

/* HR_INVALID: not an acknowledgement. */
HR_MUST_USE hr_err ack_json_read(const void *bytes, size_t size, ack_json *ack, hr_why *why);

#endif
