/* tests/fuzz/fuzz_dead_letter.c - any bytes as a dead letter; what can be read can be written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dead_letter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dead_letter letter, again;
    hr_why why;
    if (dead_letter_read(data, size, &letter, &why) != HR_OK) {
        return 0;
    }
    hr_buf out;
    hr_buf_init(&out, DEAD_LETTER_MESSAGE_MAX);
    dead_letter_write(&letter, &out);
    size_t kept = letter.size < DEAD_LETTER_BYTES_MAX ? letter.size : DEAD_LETTER_BYTES_MAX;
    if (hr_buf_err(&out) != HR_OK || dead_letter_read(out.data, out.size, &again, &why) != HR_OK ||
        again.size != kept || (kept > 0 && memcmp(again.bytes, letter.bytes, kept) != 0)) {
        abort();
    }
    hr_buf_fini(&out);
    return 0;
}
