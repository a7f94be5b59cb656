/* wire/dead_letter.h - what a gateway's own source brought and nobody can read, passed on in
 * hedgerow/v1/dead/<user>.
 *
 * {"source":"nmea:/dev/ttyUSB0","reason":"checksum","why":"the sum is 1F, not 2A"}
 * A line feed follows, then the bytes as they came, from their beginning on. */
#ifndef WIRE_DEAD_LETTER_H
#define WIRE_DEAD_LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define DEAD_LETTER_SOURCE_SIZE 128 /* of a text with its terminator; longer ones are cut */
#define DEAD_LETTER_REASON_SIZE 16
#define DEAD_LETTER_WHY_SIZE 256
#define DEAD_LETTER_BYTES_MAX 4096 /* of what came; the rest is cut */
#define DEAD_LETTER_MESSAGE_MAX 8192

typedef struct dead_letter {
    char source[DEAD_LETTER_SOURCE_SIZE];
    char reason[DEAD_LETTER_REASON_SIZE]; /* one word, for counting */
    char why[DEAD_LETTER_WHY_SIZE];       /* for a person */
    const uint8_t *bytes;                 /* borrowed; NULL if there are none */
    size_t size;
} dead_letter;

/* Errors gather in the buffer. */
void dead_letter_write(const dead_letter *letter, hr_buf *out);

/* letter->bytes points into the message. HR_INVALID: not a letter. */
HR_MUST_USE hr_err dead_letter_read(const void *message, size_t size, dead_letter *letter,
                                    hr_why *why);

#endif
