/* tests/bench/bench_publisher.h - a process that publishes as fast as the broker takes it. */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PUBLISHER_BATCH_FIXES 1000
#define PUBLISHER_DEVICES 100
#define PUBLISHER_JSON_SIZE 256

typedef enum publisher_kind {
    PUBLISHER_BATCHES, /* HRF1 of a thousand, QoS 1 */
    PUBLISHER_SINGLES, /* OwnTracks locations, QoS 0 */
} publisher_kind;

typedef struct publisher_options {
    uint16_t port;
    const char *password;
    publisher_kind kind;
    uint64_t fixes;
} publisher_options;

/* One word for the command line of the publishing process; static. */
const char *publisher_pack(const publisher_options *options);

/* The publishing process: publishes, then waits to be killed. */
int publisher_run(const char *packed);

/* The batch whose first fix has that sequence; appended to out. */
void publisher_make_batch(hr_buf *out, uint64_t epoch, uint64_t base_seq);

/* An OwnTracks message; its length. */
size_t publisher_make_json(char text[PUBLISHER_JSON_SIZE], uint64_t number);

#endif
