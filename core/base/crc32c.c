/* base/crc32c.c - one loop per machine; three interleaved streams hide the instruction's latency.
 */
#include "base/crc32c.h"

#include <string.h>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

/* Reflected Castagnoli polynomial. */
#define CRC32C_POLYNOMIAL 0x82f63b78u

static uint32_t step_bits(uint32_t crc, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        crc = (crc >> 1) ^ (CRC32C_POLYNOMIAL & (0u - (crc & 1u)));
    }
    return crc;
}

uint32_t hr_crc32c_portable(uint32_t crc, const void *bytes, size_t size)
{
    /* Four bits at a time: sixteen entries need no start-up and stay in one cache line. */
    uint32_t table[16];
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = step_bits(i, 4);
    }
    const uint8_t *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

#if defined(__SSE4_2__) || defined(__ARM_FEATURE_CRC32)

#if defined(__SSE4_2__)
static inline uint32_t step_u64(uint32_t crc, uint64_t value)
{
    return (uint32_t)_mm_crc32_u64(crc, value);
}

static inline uint32_t step_u8(uint32_t crc, uint8_t value)
{
    return _mm_crc32_u8(crc, value);
}
#else
static inline uint32_t step_u64(uint32_t crc, uint64_t value)
{
    return __crc32cd(crc, value);
}

static inline uint32_t step_u8(uint32_t crc, uint8_t value)
{
    return __crc32cb(crc, value);
}
#endif

/* Bytes of each of the three streams. */
#define LANE_BYTES 1024

/* shift_table[k][b]: what byte b at place k of a register becomes after LANE_BYTES zero bytes. The
 * streams are independent, so their registers are joined by moving the earlier ones that far. */
static uint32_t shift_table[4][256];

__attribute__((constructor)) static void make_shift_table(void)
{
    uint32_t bit_effect[32];
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t crc = 1u << bit;
        for (unsigned i = 0; i < LANE_BYTES / 8; i++) {
            crc = step_u64(crc, 0);
        }
        bit_effect[bit] = crc;
    }
    for (unsigned place = 0; place < 4; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint32_t crc = 0;
            for (unsigned bit = 0; bit < 8; bit++) {
                if ((byte >> bit & 1u) != 0) {
                    crc ^= bit_effect[place * 8 + bit];
                }
            }
            shift_table[place][byte] = crc;
        }
    }
}

static inline uint32_t shift_lane(uint32_t crc)
{
    return shift_table[0][crc & 255u] ^ shift_table[1][crc >> 8 & 255u] ^
           shift_table[2][crc >> 16 & 255u] ^ shift_table[3][crc >> 24];
}

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

uint32_t hr_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    crc = ~crc;
    while (size >= 3 * LANE_BYTES) {
        uint32_t second = 0;
        uint32_t third = 0;
        for (unsigned i = 0; i < LANE_BYTES; i += 8) {
            crc = step_u64(crc, load_u64(at + i));
            second = step_u64(second, load_u64(at + LANE_BYTES + i));
            third = step_u64(third, load_u64(at + 2 * LANE_BYTES + i));
        }
        crc = shift_lane(crc) ^ second;
        crc = shift_lane(crc) ^ third;
        at += 3 * LANE_BYTES;
        size -= 3 * LANE_BYTES;
    }
    for (; size >= 8; size -= 8, at += 8) {
        crc = step_u64(crc, load_u64(at));
    }
    for (; size > 0; size--, at++) {
        crc = step_u8(crc, *at);
    }
    return ~crc;
}

#else

uint32_t hr_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return hr_crc32c_portable(crc, bytes, size);
}

#endif
