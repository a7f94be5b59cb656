/* api/event_text.c - events as JSON, as the contract words them. */
#include "event_text.h"

#include <stdio.h>

#include "wire/event_json.h"

void api_event_write(hr_json *json, const hr_event *event, int64_t offset)
{
    const event_json_frame frame = {.has_offset = true, .offset = offset, .has_source = true};
    /* An empty value first, for the comma that may be due. */
    hr_json_raw(json, "", 0);
    event_json_write(json->buf, event, &frame);
}

void api_edit_write(hr_json *json, const uint8_t *bytes, size_t size, int64_t offset)
{
    bool is_object = size >= 2 && bytes[0] == '{' && bytes[size - 1] == '}';
    char head[40];
    int head_size = snprintf(head, sizeof head, "{\"offset\":%lld%s", (long long)offset,
                             is_object && size > 2 ? "," : "}");
    hr_json_raw(json, head, (size_t)head_size);
    if (is_object && size > 2) {
        hr_buf_put(json->buf, bytes + 1, size - 1);
    }
}
