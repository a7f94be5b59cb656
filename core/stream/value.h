/* stream/value.h - one value of a row: what an expression gives and an aggregate takes. */
#ifndef STREAM_VALUE_H
#define STREAM_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef enum stream_value_type {
    STREAM_NULL,
    STREAM_WHOLE,
    STREAM_REAL,
    STREAM_TEXT,
} stream_value_type;

typedef struct stream_value {
    stream_value_type type;
    int64_t whole;
    double real;      /* finite */
    const char *text; /* borrowed; need not end with a zero byte */
    size_t size;
} stream_value;

#define STREAM_VALUE_TEXT_MAX 256 /* longer texts are cut where they are kept */

/* False for what is no number. */
bool stream_value_number(const stream_value *value, double *number);

/* As text, in buffer unless it is one already. Returns its size; *text is borrowed. */
size_t stream_value_text(const stream_value *value, char buffer[32], const char **text);

/* 64 well mixed bits; equal for equal values (1 and 1.0 too), never mind the size. */
uint64_t stream_value_hash(const stream_value *value);

/* For keys: equal values give equal bytes. */
void stream_value_write(const stream_value *value, hr_buf *out);
/* Borrows the text from the cursor. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_value_read(stream_value *value, hr_cursor *in);

#endif
