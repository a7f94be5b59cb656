/* stream/sample.c - Algorithm L with the keys kept. */
#include "stream/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stream/bytes.h"

void stream_sample_init(stream_sample *sample, uint32_t size, uint64_t seed)
{
    *sample = (stream_sample){.size = size, .random = {.state = seed}};
}

void stream_sample_fini(stream_sample *sample)
{
    for (uint32_t i = 0; i < sample->used; i++) {
        free(sample->entries[i].text);
    }
    free(sample->entries);
    stream_sample_init(sample, sample->size, sample->random.state);
}

/* Uniform in (0, 1): a key of 0 would shut everything else out. */
static double open_unit(stream_sample *sample)
{
    return ((double)(hr_random_next(&sample->random) >> 12) + 0.5) * 0x1p-52;
}

static stream_sample_entry *highest(const stream_sample *sample)
{
    stream_sample_entry *found = &sample->entries[0];
    for (uint32_t i = 1; i < sample->used; i++) {
        if (sample->entries[i].key > found->key) {
            found = &sample->entries[i];
        }
    }
    return found;
}

/* How many keys in a row are above the highest kept one: a geometric number, which knows nothing of
 * the past, so that it can be drawn anew after a merge. */
static void draw_skip(stream_sample *sample)
{
    double passes = log1p(-highest(sample)->key);
    double skip = passes < 0 ? floor(log(open_unit(sample)) / passes) : 0;
    sample->skip = skip < 9e18 ? (uint64_t)skip : UINT64_C(9000000000000000000);
}

static hr_err make_room(stream_sample *sample)
{
    if (sample->entries == NULL) {
        sample->entries = calloc(sample->size, sizeof *sample->entries);
    }
    return sample->entries != NULL ? HR_OK : HR_NO_MEMORY;
}

/* Put an entry in, for the highest one when full. The text is taken over. */
static void take(stream_sample *sample, stream_sample_entry entry)
{
    stream_sample_entry *at = NULL;
    if (sample->used < sample->size) {
        at = &sample->entries[sample->used++];
    } else {
        at = highest(sample);
        sample->text_bytes -= strlen(at->text) + 1;
        free(at->text);
    }
    *at = entry;
    sample->text_bytes += strlen(entry.text) + 1;
}

hr_err stream_sample_add(stream_sample *sample, const char *text, size_t size)
{
    if (sample->used == sample->size && sample->skip > 0) {
        sample->skip--;
        sample->count++;
        return HR_OK;
    }
    hr_err err = make_room(sample);
    char *copy = err == HR_OK
                     ? strndup(text, size < STREAM_SAMPLE_TEXT_MAX ? size : STREAM_SAMPLE_TEXT_MAX)
                     : NULL;
    if (copy == NULL) {
        return HR_NO_MEMORY;
    }
    double bound = sample->used < sample->size ? 1 : highest(sample)->key;
    take(sample, (stream_sample_entry){
                     .key = open_unit(sample) * bound, .number = sample->count, .text = copy});
    sample->count++;
    if (sample->used == sample->size) {
        draw_skip(sample);
    }
    return HR_OK;
}

hr_err stream_sample_merge(stream_sample *into, const stream_sample *from)
{
    hr_err err = into->size == from->size ? HR_OK : HR_INVALID;
    if (err != HR_OK || from->count == 0) {
        return err;
    }
    err = make_room(into);
    for (uint32_t i = 0; err == HR_OK && i < from->used; i++) {
        stream_sample_entry entry = from->entries[i];
        if (into->used == into->size && entry.key >= highest(into)->key) {
            continue;
        }
        entry.number += into->count;
        entry.text = strdup(entry.text);
        if (entry.text == NULL) {
            return HR_NO_MEMORY;
        }
        take(into, entry);
    }
    if (err == HR_OK) {
        into->count += from->count;
        if (into->used == into->size) {
            draw_skip(into);
        }
    }
    return err;
}

size_t stream_sample_bytes(const stream_sample *sample)
{
    return sizeof *sample + sample->text_bytes +
           (sample->entries != NULL ? sample->size * sizeof *sample->entries : 0);
}

void stream_sample_write(const stream_sample *sample, hr_buf *out)
{
    hr_buf_put_u64(out, sample->count);
    hr_buf_put_u64(out, sample->skip);
    hr_buf_put_u64(out, sample->random.state);
    hr_buf_put_u8(out, (uint8_t)sample->used);
    for (uint32_t i = 0; i < sample->used; i++) {
        const stream_sample_entry *entry = &sample->entries[i];
        size_t size = strlen(entry->text);
        stream_put_double(out, entry->key);
        hr_buf_put_u64(out, entry->number);
        hr_buf_put_u16(out, (uint16_t)size);
        hr_buf_put(out, entry->text, size);
    }
}

static hr_err read_entry(stream_sample *sample, hr_cursor *in)
{
    double key = stream_get_double(in);
    uint64_t number = hr_cursor_u64(in);
    uint16_t size = hr_cursor_u16(in);
    const uint8_t *bytes = hr_cursor_take(in, size);
    if (bytes == NULL || in->short_read || size > STREAM_SAMPLE_TEXT_MAX ||
        memchr(bytes, 0, size) != NULL || !(key > 0 && key < 1) || number >= sample->count) {
        return HR_CORRUPT;
    }
    hr_err err = make_room(sample);
    char *copy = err == HR_OK ? strndup((const char *)bytes, size) : NULL;
    if (copy == NULL) {
        return HR_NO_MEMORY;
    }
    take(sample, (stream_sample_entry){.key = key, .number = number, .text = copy});
    return HR_OK;
}

hr_err stream_sample_read(stream_sample *sample, hr_cursor *in)
{
    sample->count = hr_cursor_u64(in);
    sample->skip = hr_cursor_u64(in);
    sample->random.state = hr_cursor_u64(in);
    uint8_t used = hr_cursor_u8(in);
    hr_err err = HR_OK;
    if (in->short_read || used > sample->size ||
        used != (sample->count < sample->size ? sample->count : sample->size)) {
        err = HR_CORRUPT;
    }
    for (uint32_t i = 0; err == HR_OK && i < used; i++) {
        err = read_entry(sample, in);
    }
    return err;
}
