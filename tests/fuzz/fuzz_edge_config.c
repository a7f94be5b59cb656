/* tests/fuzz/fuzz_edge_config.c - any bytes as hedgerow-edge's configuration, and as an
 * acknowledgement. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "gateway/config.h"
#include "wire/ack_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static config c;
    hr_why why;
    ack_json ack;
    if (config_parse((const char *)data, size, &c, &why) == HR_OK &&
        (!hr_user_id_is_valid(c.user, strlen(c.user)) || c.source_count == 0)) {
        abort();
    }
    if (ack_json_read(data, size, &ack, &why) == HR_OK && ack.seq < -1) {
        abort();
    }
    return 0;
}
