/* tests/fuzz/fuzz_fix_json.c - any bytes as a JSON fix and as an OwnTracks message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "wire/fix_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const wire_fix *fix)
{
    if (!hr_device_id_is_valid(fix->id, fix->id_size) || fix->fix.lon_e7 > 1800000000 ||
        fix->fix.lon_e7 < -1800000000 || fix->fix.lat_e7 > 900000000 ||
        fix->fix.lat_e7 < -900000000) {
        abort();
    }
}

static hr_err visit(void *context, size_t index, const wire_fix *fix, const hr_why *why)
{
    (void)context;
    (void)index;
    if ((fix == NULL) == (why == NULL)) {
        abort();
    }
    if (fix != NULL) {
        check(fix);
    }
    return HR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_fix fix;
    hr_why why;
    if (fix_json_owntracks(data, size, "user.phone", &fix, &why) == HR_OK) {
        check(&fix);
    }
    return fix_json_read(data, size, "user", visit, NULL, &why) == HR_TIMEOUT;
}
