/* tests/fuzz/fuzz_fix_json.c - any bytes as a JSON fix, as an OwnTracks message, as a gateway's
 * status and as an acknowledgement. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "wire/ack_json.h"
#include "wire/fix_json.h"
#include "wire/status_json.h"

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

/* What was read is written as something that reads back. */
static void check_status(const uint8_t *data, size_t size)
{
    status_json status, again;
    hr_buf out;
    if (status_json_read(data, size, &status, NULL) != HR_OK) {
        return;
    }
    hr_buf_init(&out, 4096);
    status_json_write(&status, &out);
    if (hr_buf_err(&out) != HR_OK || status_json_read(out.data, out.size, &again, NULL) != HR_OK ||
        again.waiting != status.waiting || again.state != status.state) {
        abort();
    }
    hr_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_fix fix;
    ack_json ack;
    hr_why why;
    check_status(data, size);
    if (ack_json_read(data, size, &ack, &why) == HR_OK && ack.seq < -1) {
        abort();
    }
    if (fix_json_owntracks(data, size, "user.phone", &fix, &why) == HR_OK) {
        check(&fix);
    }
    return fix_json_read(data, size, "user", visit, NULL, &why) == HR_TIMEOUT;
}
