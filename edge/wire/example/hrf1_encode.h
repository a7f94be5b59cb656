/* edge/wire/example/hrf1_encode.h - HRF1 for microcontrollers; see the .c file. */
#ifndef HRF1_ENCODE_H
#define HRF1_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* Degrees times 10^7; accuracy in decimetres, 65535 = unknown; battery in percent, 255 = unknown.
 * The first fix of a message is its oldest; none is more than 49 days younger. */
typedef struct hrf1_sample {
    int64_t time_ms;
    int32_t lon_e7;
    int32_t lat_e7;
    uint16_t accuracy_dm;
    uint8_t battery_pct;
} hrf1_sample;

/* Write a message of count fixes; its size, or 0 if it does not fit or the id is too long. */
size_t hrf1_encode(uint8_t *to, size_t capacity, const char *device, uint64_t epoch,
                   uint64_t base_seq, uint64_t oldest_seq, const hrf1_sample *fixes,
                   uint32_t count);

#endif
