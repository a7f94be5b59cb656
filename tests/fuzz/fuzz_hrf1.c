/* tests/fuzz/fuzz_hrf1.c - any bytes as an HRF1 message; with the checksum put right, so that the
 * fuzzer gets past it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "wire/hrf1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const uint8_t *data, size_t size)
{
    hrf1_view view;
    hr_why why;
    if (hrf1_parse(data, size, &view, &why) != HR_OK) {
        return;
    }
    hrf1_device *devices = calloc(view.device_count + 1u, sizeof *devices);
    if (devices == NULL) {
        return;
    }
    hrf1_devices(&view, devices);
    for (uint32_t i = 0; i < view.fix_count; i++) {
        hr_fix fix;
        uint16_t device;
        if (hrf1_fix(&view, devices, i, &fix, &device) == HRF1_GOOD && devices[device].id == NULL) {
            abort();
        }
    }
    free(devices);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size);
    if (size >= HRF1_HEADER_BYTES) {
        uint8_t *copy = malloc(size);
        if (copy == NULL) {
            return 0;
        }
        memcpy(copy, data, size);
        memset(copy + 44, 0, 4);
        hr_store_u32(copy + 44, hr_crc32c(0, copy, size));
        read_all(copy, size);
        free(copy);
    }
    return 0;
}
