/* base/hash.c - XXH3 by libxxhash, and SplitMix64. */
#include "base/hash.h"

#include <xxhash.h>

uint64_t hr_hash64(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t hr_hash64_seeded(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

uint64_t hr_random_next(hr_random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t hr_random_below(hr_random *random, uint64_t bound)
{
    /* Refusing the short last cycle keeps small bounds exactly uniform. */
    uint64_t floor = (0u - bound) % bound;
    uint64_t value = hr_random_next(random);
    while (value < floor) {
        value = hr_random_next(random);
    }
    return value % bound;
}

double hr_random_unit(hr_random *random)
{
    return (double)(hr_random_next(random) >> 11) * 0x1p-53;
}
