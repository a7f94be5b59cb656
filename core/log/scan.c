/* core/log/scan.c - trusts nothing that it reads. */
#include "scan.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "log/reader.h"

void scan_init(scan *s, int fd, log_position base, log_position limit, patience *p)
{
    s->fd = fd;
    s->base = base;
    s->limit = limit;
    s->ahead = SCAN_AHEAD_BYTES;
    s->kept_type = 0;
    s->failed = 0;
    s->is_unread = false;
    s->window = (window){.patience = p};
}

void scan_fini(scan *s)
{
    window_fini(&s->window);
}

/* True when the bytes are there. Missing ones are not a failure of reading. */
static bool have(scan *s, log_position at, size_t size, const uint8_t **bytes)
{
    int failed =
        window_need(&s->window, s->fd, at - s->base, size, s->limit - s->base, s->ahead, bytes);
    if (failed != 0 && failed != ENODATA) {
        s->failed = failed;
    }
    s->is_unread =
        s->is_unread || (failed == 0 && window_is_unread(&s->window, at - s->base, size));
    return failed == 0;
}

static scan_found missing(const scan *s)
{
    return s->failed != 0 ? SCAN_STOPPED : SCAN_BAD;
}

void kept_take(kept_record *kept, int64_t first_offset, uint32_t count, uint32_t record_bytes,
               const uint8_t *bytes, size_t size)
{
    log_view view = {.record_bytes = record_bytes, .bytes = bytes, .size = size};
    const uint8_t *record = NULL;
    size_t record_size = 0;
    size_t at = 0;
    while (log_record_next(&view, &at, &record, &record_size)) {
    }
    if (record != NULL && record_size > 0 && record_size <= LOG_KEPT_BYTES_MAX) {
        *kept = (kept_record){.offset = first_offset + count - 1, .size = (uint8_t)record_size};
        memcpy(kept->bytes, record, record_size);
    }
}

static void note_kept(scan_frame *out, uint32_t i, const frame_batch *batch, const uint8_t *bytes)
{
    kept_record *kept = &out->kept[out->kept_count];
    kept->size = 0;
    kept_take(kept, batch->first_offset, batch->count, batch->record_bytes, bytes, batch->size);
    if (kept->size > 0) {
        out->kept_batches[out->kept_count++] = (uint16_t)i;
    }
}

static scan_found check_batches(scan *s, log_position at, scan_frame *out)
{
    scan_found found = SCAN_FRAME;
    log_position payload = at + out->head.checked_bytes;
    for (uint32_t i = 0; i < out->head.batch_count; i++) {
        frame_batch batch = frame_get_batch(out->bytes, &out->head, i);
        size_t padded = (size_t)frame_padded(batch.size);
        const uint8_t *bytes = NULL;
        if (!have(s, payload, padded, &bytes)) {
            return missing(s);
        }
        out->is_bad[i] = !frame_check_batch(&batch, bytes);
        if (out->is_bad[i]) {
            found = SCAN_PARTLY;
        } else if (s->kept_type != 0 && batch.type == s->kept_type) {
            note_kept(out, i, &batch, bytes);
        }
        payload += padded;
    }
    return found;
}

scan_found scan_look(scan *s, log_position at, bool with_batches, scan_frame *out)
{
    const uint8_t *bytes = NULL;
    if (!have(s, at, FRAME_HEAD_BYTES, &bytes)) {
        return missing(s);
    }
    frame_look look = frame_parse_head(bytes, &out->head);
    if (look != FRAME_GOOD || out->head.position != at || at + out->head.length > s->limit) {
        return SCAN_BAD;
    }
    if (!have(s, at, out->head.checked_bytes, &bytes)) {
        return missing(s);
    }
    if (!frame_check_head(bytes, &out->head)) {
        return SCAN_BAD;
    }
    out->bytes = bytes;
    out->kept_count = 0;
    if (out->head.checked_bytes == out->head.length) {
        memset(out->is_bad, 0, sizeof out->is_bad[0] * out->head.batch_count);
        return SCAN_FRAME;
    }
    memcpy(s->table, bytes, out->head.checked_bytes);
    out->bytes = s->table;
    return with_batches ? check_batches(s, at, out) : SCAN_FRAME;
}

/* The next place with our magic, at a multiple of 8. */
static bool next_magic(scan *s, log_position *at)
{
    while (*at + FRAME_HEAD_BYTES <= s->limit) {
        const uint8_t *bytes = NULL;
        if (!have(s, *at, FRAME_HEAD_BYTES, &bytes)) {
            return false;
        }
        size_t held = s->window.size - (size_t)(*at - s->base - s->window.at);
        for (size_t i = 0; i + 8 <= held; i += 8) {
            if (hr_load_u32(bytes + i) == FRAME_MAGIC) {
                *at += i;
                return true;
            }
        }
        *at += held - held % 8;
    }
    return false;
}

log_position scan_resync(scan *s, log_position from)
{
    /* A file is a multiple of 8 into the log, so places in it are as good as positions. */
    log_position at = s->base + frame_padded(from - s->base);
    scan_frame frame;
    while (next_magic(s, &at)) {
        if (scan_look(s, at, false, &frame) == SCAN_FRAME) {
            return at;
        }
        at += 8;
    }
    return s->limit;
}

log_position scan_last_nonzero(scan *s, log_position from)
{
    log_position last = from;
    const uint8_t *bytes = NULL;
    for (log_position at = from; at < s->limit && have(s, at, 1, &bytes);) {
        size_t held = s->window.size - (size_t)(at - s->base - s->window.at);
        size_t i = window_is_unread(&s->window, at - s->base, held) ? 0 : held;
        while (i > 0 && bytes[i - 1] == 0) {
            i--;
        }
        bool is_zeros = i == 0 && !window_is_unread(&s->window, at - s->base, held);
        last = is_zeros ? last : i == 0 ? at + held : at + i;
        at += held;
    }
    return last;
}

bool scan_find_base(scan *s, log_position *base)
{
    const uint8_t *bytes = NULL;
    for (log_position at = 0; next_magic(s, &at); at += 8) {
        frame_head head;
        if (have(s, at, FRAME_HEAD_BYTES, &bytes) && frame_parse_head(bytes, &head) == FRAME_GOOD &&
            head.position >= at && have(s, at, head.checked_bytes, &bytes) &&
            frame_check_head(bytes, &head)) {
            *base = head.position - at;
            return true;
        }
    }
    return false;
}
