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

static void read_object(const char *text, size_t size, size_t *at)
{
    live_object object;
    size_t before = *at;
    if (live_object_read(text, size, at, &object) != HR_OK) {
        *at = size + 1; /* as a connection ends there */
        return;
    }
    if (*at <= before || *at > size) {
        abort();
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
    read_object(text, size, &at);
    at = 0;
    while (at <= size && live_array_next(text, size, &at)) {
        read_object(text, size, &at);
    }
    return 0;
}
