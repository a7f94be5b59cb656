/* tests/fuzz/fuzz_nmea.c - any lines as NMEA; each also with its checksum put right. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/nmea.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_line(nmea *receiver, const char *line, size_t size)
{
    hr_fix fix;
    hr_why why;
    if (nmea_read(receiver, line, size, &fix, &why) == HR_OK &&
        (fix.lat_e7 > 900000000 || fix.lat_e7 < -900000000 || fix.lon_e7 > 1800000000 ||
         fix.lon_e7 < -1800000000)) {
        abort();
    }
}

static void read_with_checksum(nmea *receiver, const char *body, size_t size)
{
    char line[NMEA_LINE_MAX + 8];
    unsigned sum = 0;
    if (size > NMEA_LINE_MAX - 4) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        sum ^= (uint8_t)body[i];
    }
    line[0] = '$';
    memcpy(line + 1, body, size);
    snprintf(line + 1 + size, 4, "*%02X", sum);
    read_line(receiver, line, size + 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nmea receiver;
    nmea_init(&receiver);
    if (size > 0 && (data[0] & 1) != 0) {
        nmea_set_clock(&receiver, (data[0] & 2) != 0 ? 1795161600000 : NMEA_NO_CLOCK);
    }
    size_t first = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i == size || data[i] == '\n') {
            read_line(&receiver, (const char *)data + first, i - first);
            read_with_checksum(&receiver, (const char *)data + first, i - first);
            first = i + 1;
        }
    }
    return 0;
}
