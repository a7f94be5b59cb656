/* tests/fuzz/fuzz_lorawan.c - any bytes as a LoRaWAN uplink. */
#include <stdint.h>
#include <stdlib.h>

#include "base/id.h"
#include "wire/lorawan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_fix fix;
    hr_why why;
    if (lorawan_read(data, size, &fix, &why) == HR_OK &&
        !hr_device_id_is_valid(fix.id, fix.id_size)) {
        abort();
    }
    return 0;
}
