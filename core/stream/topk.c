/* stream/topk.c - Space-Saving over a small table that is looked through from end to end: 64 hashes
 * are eight cache lines, which no cleverer structure beats by enough to matter here. */
#include "stream/topk.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

void stream_topk_fini(stream_topk *sketch)
{
    for (uint32_t i = 0; i < sketch->used; i++) {
        free(sketch->entries[i].text);
    }
    free(sketch->entries);
    *sketch = (stream_topk){.used = 0};
}

static stream_topk_entry *find(const stream_topk *sketch, uint64_t hash)
{
    for (uint32_t i = 0; i < sketch->used; i++) {
        if (sketch->entries[i].hash == hash) {
            return &sketch->entries[i];
        }
    }
    return NULL;
}

/* Most frequent first, equal ones by text, so that equal sketches are told and stored equally. */
static int compare_entries(const void *left, const void *right)
{
    const stream_topk_entry *a = left;
    const stream_topk_entry *b = right;
    if (a->count != b->count) {
        return a->count < b->count ? 1 : -1;
    }
    return strcmp(a->text, b->text);
}

static int compare_pointers(const void *left, const void *right)
{
    const stream_topk_entry *const *a = left;
    const stream_topk_entry *const *b = right;
    return compare_entries(*a, *b);
}

/* The one to give up: the rarest; of equals the one with the highest hash, which is as good as any
 * and quickly told. */
static stream_topk_entry *rarest(const stream_topk *sketch)
{
    stream_topk_entry *found = &sketch->entries[0];
    for (uint32_t i = 1; i < sketch->used; i++) {
        stream_topk_entry *entry = &sketch->entries[i];
        if (entry->count < found->count ||
            (entry->count == found->count && entry->hash > found->hash)) {
            found = entry;
        }
    }
    return found;
}

hr_err stream_topk_add(stream_topk *sketch, const char *text, size_t size)
{
    size = strnlen(text, size < STREAM_TOPK_TEXT_MAX ? size : STREAM_TOPK_TEXT_MAX);
    uint64_t hash = hr_hash64(text, size);
    stream_topk_entry *entry = find(sketch, hash);
    if (entry != NULL) {
        entry->count++;
        sketch->total++;
        return HR_OK;
    }
    if (sketch->entries == NULL) {
        sketch->entries = calloc(STREAM_TOPK_ENTRIES, sizeof *sketch->entries);
        if (sketch->entries == NULL) {
            return HR_NO_MEMORY;
        }
    }
    char *copy = strndup(text, size);
    if (copy == NULL) {
        return HR_NO_MEMORY;
    }
    if (sketch->used < STREAM_TOPK_ENTRIES) {
        entry = &sketch->entries[sketch->used++];
        *entry = (stream_topk_entry){.hash = hash, .count = 1, .text = copy};
    } else {
        entry = rarest(sketch);
        sketch->text_bytes -= strlen(entry->text) + 1;
        free(entry->text);
        *entry = (stream_topk_entry){
            .hash = hash, .count = entry->count + 1, .over = entry->count, .text = copy};
    }
    sketch->text_bytes += strlen(copy) + 1;
    sketch->total++;
    return HR_OK;
}

uint32_t stream_topk_list(const stream_topk *sketch, uint32_t limit,
                          const stream_topk_entry *list[STREAM_TOPK_ENTRIES])
{
    for (uint32_t i = 0; i < sketch->used; i++) {
        list[i] = &sketch->entries[i];
    }
    qsort(list, sketch->used, sizeof *list, compare_pointers);
    return limit < sketch->used ? limit : sketch->used;
}

/* What something absent may have been counted at most. */
static uint64_t absent_count(const stream_topk *sketch)
{
    return sketch->used < STREAM_TOPK_ENTRIES ? 0 : rarest(sketch)->count;
}

/* A copy of one side's entries, each with what the other side knows about it added. */
static hr_err gather(stream_topk_entry *all, uint32_t *count, const stream_topk *side,
                     const stream_topk *other, bool takes_common)
{
    uint64_t absent = absent_count(other);
    for (uint32_t i = 0; i < side->used; i++) {
        const stream_topk_entry *entry = &side->entries[i];
        const stream_topk_entry *twin = find(other, entry->hash);
        if (twin != NULL && !takes_common) {
            continue;
        }
        char *text = strdup(entry->text);
        if (text == NULL) {
            return HR_NO_MEMORY;
        }
        all[(*count)++] =
            (stream_topk_entry){.hash = entry->hash,
                                .count = entry->count + (twin != NULL ? twin->count : absent),
                                .over = entry->over + (twin != NULL ? twin->over : absent),
                                .text = text};
    }
    return HR_OK;
}

hr_err stream_topk_merge(stream_topk *into, const stream_topk *from)
{
    if (from->used == 0) {
        return HR_OK;
    }
    uint32_t count = 0;
    stream_topk_entry *all = calloc(2 * STREAM_TOPK_ENTRIES, sizeof *all);
    if (all == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = gather(all, &count, into, from, true);
    if (err == HR_OK) {
        err = gather(all, &count, from, into, false);
    }
    uint32_t kept = 0;
    if (err == HR_OK) {
        qsort(all, count, sizeof *all, compare_entries);
        kept = count < STREAM_TOPK_ENTRIES ? count : STREAM_TOPK_ENTRIES;
    }
    for (uint32_t i = kept; i < count; i++) {
        free(all[i].text);
    }
    if (err != HR_OK) {
        free(all);
        return err;
    }
    uint64_t total = into->total + from->total;
    stream_topk_fini(into);
    *into = (stream_topk){.total = total, .used = kept, .entries = all};
    for (uint32_t i = 0; i < kept; i++) {
        into->text_bytes += strlen(all[i].text) + 1;
    }
    return HR_OK;
}

size_t stream_topk_bytes(const stream_topk *sketch)
{
    return sizeof *sketch + sketch->text_bytes +
           (sketch->entries != NULL ? 2 * STREAM_TOPK_ENTRIES * sizeof *sketch->entries : 0);
}

void stream_topk_write(const stream_topk *sketch, hr_buf *out)
{
    const stream_topk_entry *list[STREAM_TOPK_ENTRIES];
    uint32_t count = stream_topk_list(sketch, STREAM_TOPK_ENTRIES, list);
    hr_buf_put_u64(out, sketch->total);
    hr_buf_put_u8(out, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = strlen(list[i]->text);
        hr_buf_put_u64(out, list[i]->count);
        hr_buf_put_u64(out, list[i]->over);
        hr_buf_put_u16(out, (uint16_t)size);
        hr_buf_put(out, list[i]->text, size);
    }
}

static hr_err read_entry(stream_topk *sketch, hr_cursor *in)
{
    uint64_t count = hr_cursor_u64(in);
    uint64_t over = hr_cursor_u64(in);
    uint16_t size = hr_cursor_u16(in);
    const uint8_t *bytes = hr_cursor_take(in, size);
    if (bytes == NULL || in->short_read || size > STREAM_TOPK_TEXT_MAX ||
        memchr(bytes, 0, size) != NULL || over >= count ||
        find(sketch, hr_hash64(bytes, size)) != NULL) {
        return HR_CORRUPT;
    }
    hr_err err = stream_topk_add(sketch, (const char *)bytes, size);
    if (err == HR_OK) {
        sketch->entries[sketch->used - 1].count = count;
        sketch->entries[sketch->used - 1].over = over;
    }
    return err;
}

hr_err stream_topk_read(stream_topk *sketch, hr_cursor *in)
{
    uint64_t total = hr_cursor_u64(in);
    uint8_t count = hr_cursor_u8(in);
    hr_err err = in->short_read || count > STREAM_TOPK_ENTRIES ? HR_CORRUPT : HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = read_entry(sketch, in);
    }
    sketch->total = total;
    return err;
}
