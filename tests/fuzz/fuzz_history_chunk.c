/* tests/fuzz/fuzz_history_chunk.c - any bytes as a chunk of a track; with the version and the
 * checksum put right, so that the fuzzer gets past them. What is read must come back when written
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "engine/history_chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_and_write(const uint8_t *data, size_t size)
{
    static hr_fix fixes[HISTORY_CHUNK_FIXES_MAX];
    static hr_fix again[HISTORY_CHUNK_FIXES_MAX];
    static uint8_t bytes[HISTORY_CHUNK_BYTES_MAX];
    uint32_t count = 0;
    uint32_t count_again = 0;
    if (history_chunk_read(data, size, 1, fixes, &count) != HR_OK) {
        return;
    }
    size_t written = history_chunk_write(fixes, count, bytes);
    if (history_chunk_read(bytes, written, 1, again, &count_again) != HR_OK ||
        count_again != count || memcmp(fixes, again, count * sizeof *fixes) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_and_write(data, size);
    if (size > 5) {
        uint8_t *copy = malloc(size);
        if (copy == NULL) {
            return 0;
        }
        memcpy(copy, data, size);
        copy[0] = 1;
        hr_store_u32(copy + 1, hr_crc32c(0, copy + 5, size - 5));
        read_and_write(copy, size);
        free(copy);
    }
    return 0;
}
