/* edge/wire/example/hrf1_encode.c - HRF1 for microcontrollers: one device, C99, no allocation.
 *
 * Publish the bytes with QoS 1 to hedgerow/v1/fixes/<your MQTT user>, and keep them until
 * hedgerow/v1/ack/<your MQTT user> says {"epoch":"...","seq":N} with N >= the last fix's number. */
#include "hrf1_encode.h"

#include <string.h>

static void put(uint8_t **at, uint64_t value, int bytes)
{
    for (; bytes > 0; bytes--, value >>= 8) {
        *(*at)++ = (uint8_t)value;
    }
}

static uint32_t crc32c(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffffu;
    while (size-- > 0) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

size_t hrf1_encode(uint8_t *to, size_t capacity, const char *device, uint64_t epoch,
                   uint64_t base_seq, uint64_t oldest_seq, const hrf1_sample *fixes, uint32_t count)
{
    size_t id_size = strlen(device);
    size_t size = 48 + 1 + id_size + 24 * (size_t)count;
    if (id_size < 1 || id_size > 64 || count == 0 || size > capacity) {
        return 0;
    }
    uint8_t *at = to + 8;
    memcpy(to, "HRF1\1\0\1\0", 8); /* version 1, no flags, one device */
    put(&at, count, 4);
    put(&at, epoch, 8);      /* a random number made with the memory that keeps the fixes */
    put(&at, base_seq, 8);   /* the number of fixes[0]; they count up from there */
    put(&at, oldest_seq, 8); /* the lowest number that is still kept */
    put(&at, (uint64_t)fixes[0].time_ms, 8);
    put(&at, 0, 4);
    put(&at, id_size, 1);
    memcpy(at, device, id_size);
    at += id_size;
    for (uint32_t i = 0; i < count; i++) {
        put(&at, 0, 2);
        put(&at, fixes[i].accuracy_dm, 2);
        put(&at, (uint64_t)(fixes[i].time_ms - fixes[0].time_ms), 4);
        put(&at, (uint32_t)fixes[i].lon_e7, 4);
        put(&at, (uint32_t)fixes[i].lat_e7, 4);
        put(&at, 0xffffffffu, 4); /* speed and heading: unknown */
        put(&at, fixes[i].battery_pct, 1);
        put(&at, 0, 3);
    }
    at = to + 44;
    put(&at, crc32c(to, size), 4);
    return size;
}
