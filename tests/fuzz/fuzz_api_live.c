/* tests/fuzz/fuzz_api_live.c - any bytes as a WebSocket client's message. */
#include <stdint.h>
#include <stdlib.h>

#include "api/live_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_span(const char *text, size_t size, live_span span)
{
    if (span.at < text || span.size > size || span.at + span.size > text + size) {
        abort();
    }
}

static void split(const char *text, size_t size)
{
    live_object object;
    if (live_object_split(text, size, &object) != HR_OK) {
        return;
    }
    for (size_t i = 0; i < object.count; i++) {
        check_span(text, size, object.members[i].name);
        check_span(text, size, object.members[i].value);
        if (object.members[i].value.size == 0) {
            abort();
        }
    }
    const live_span *id = live_object_get(&object, "id");
    if (id != NULL) {
        (void)live_span_is_id(id);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t at = 0;
    live_span item;
    split(text, size);
    while (live_array_next(text, size, &at, &item)) {
        check_span(text, size, item);
        split(item.at, item.size);
    }
    return 0;
}
