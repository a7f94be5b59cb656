/* tests/bench/bench_log.h - what the journal's measurements and the peer's have in common. */
#ifndef TESTS_BENCH_BENCH_LOG_H
#define TESTS_BENCH_BENCH_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_FIX_BYTES 32
#define BENCH_PARTITIONS 8

/* SQLite in WAL mode, one table for each partition: 32-byte blobs, one transaction a batch. */
typedef struct peer peer;

/* Exits with a message when anything fails; so does everything below. */
peer *peer_open(const char *folder, bool is_full_sync);
void peer_append(peer *p, unsigned partition, const uint8_t *fixes, unsigned count);

/* Read a whole partition; returns the bytes of its records. */
uint64_t peer_read(peer *p, unsigned partition);
void peer_close(peer *p);

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
