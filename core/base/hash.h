/* base/hash.h - the one hash: XXH3, 64 bits. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hr_hash64(const void *bytes, size_t size);
uint64_t hr_hash64_seeded(const void *bytes, size_t size, uint64_t seed);

/* A small, fast, seeded generator for tests, jitter and sketches; never for secrets. */
typedef struct hr_random {
    uint64_t state;
} hr_random;

uint64_t hr_random_next(hr_random *random);

/* Uniform in [0, bound), bound > 0. */
uint64_t hr_random_below(hr_random *random, uint64_t bound);

/* Uniform in [0, 1). */
double hr_random_unit(hr_random *random);

#endif
