/* core/engine/query_pairs.c - a heap of rows that wait, a hash table of rows that may be met. */
#include "query_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "query_views.h"

#define BUCKETS_MIN 64
#define ROW_BYTES_MAX 16384
#define ROWS_MAX (1u << 24)
#define BATCH 32   /* pairs in one run of the evaluator */
#define LOOKS 4096 /* rows looked at between looks at the clock */

/* A row of either side: the `on` values, then the columns that are asked for. */
typedef struct kept_row {
    struct kept_row *next; /* in its bucket, of the earlier side */
    uint64_t hash;         /* of the `on` values */
    int64_t time_ms;
    uint64_t order; /* among rows of one time; equal for one record alone */
    uint32_t key_size;
    uint32_t size;
    uint8_t bytes[];
} kept_row;

typedef struct side {
    query_source source;
    const stream_shape *shape;
    stream_evaluator *evaluator;
    int columns[STREAM_COLUMNS_MAX];
    uint32_t column_count;
} side;

/* What the evaluator of pairs reads. */
typedef struct pair {
    const query_pairs *pairs;
    int64_t time_ms;
    stream_value *values; /* of the later row's columns, then of the earlier one's */
} pair;

struct query_pairs {
    const query_spec *spec;
    side later;
    side earlier;
    stream_evaluator *evaluator;
    bool where_is_late; /* it asks for the earlier row, so it cannot be decided before */
    int places[STREAM_COLUMNS_MAX]; /* of the pair shape's columns among a pair's values */
    kept_row **heap;                /* of the later side, the oldest first */
    uint32_t heap_count;
    uint32_t heap_room;
    kept_row **buckets; /* of the earlier side */
    uint32_t bucket_count;
    uint32_t kept_count;
    kept_row **met; /* scratch: the rows that one row is paired with */
    uint32_t met_room;
    int64_t swept_ms;
    size_t bytes_max;
    size_t bytes;
    uint32_t looks;
    int64_t until_ns;
    hr_buf scratch;
    pair batch[BATCH];
    uint32_t batch_count;
    stream_value *values; /* of the batch */
};

/* ---- life ---- */

static hr_err make_side(query_pairs *pairs, side *side, query_source source, bool is_later,
                        int first, hr_why *why)
{
    const query_spec *spec = pairs->spec;
    const char *expressions[STREAM_EXPRESSIONS_MAX];
    uint32_t count = 0;
    side->source = source;
    side->shape = query_spec_shape(spec, source);
    for (uint32_t i = 0; i < spec->follows.on_count; i++) {
        expressions[count++] = spec->follows.on[i];
    }
    for (int i = 0; i < side->shape->column_count; i++) {
        pairs->places[first + i] = -1;
        if (stream_evaluator_reads(pairs->evaluator, first + i)) {
            pairs->places[first + i] =
                (int)(pairs->later.column_count + pairs->earlier.column_count);
            side->columns[side->column_count++] = i;
            expressions[count++] = side->shape->columns[i];
        }
    }
    const char *where = spec->follows.where;
    if (is_later) {
        where = pairs->where_is_late ? NULL : spec->where;
    }
    return stream_evaluator_new(side->shape, expressions, count, where, &side->evaluator, why);
}

static hr_err make(query_pairs *pairs, hr_why *why)
{
    const query_spec *spec = pairs->spec;
    hr_why ignored;
    const stream_shape *own = query_spec_shape(spec, spec->source);
    pairs->where_is_late =
        spec->where != NULL && stream_expression_check(own, spec->where, &ignored) != HR_OK;
    hr_err err = query_spec_compile(spec, pairs->where_is_late, &pairs->evaluator, why);
    if (err == HR_OK) {
        err = make_side(pairs, &pairs->later, spec->source, true, 0, why);
    }
    if (err == HR_OK) {
        err =
            make_side(pairs, &pairs->earlier, spec->follows.source, false, own->column_count, why);
    }
    uint32_t columns = pairs->later.column_count + pairs->earlier.column_count;
    pairs->values = calloc(BATCH * (columns + 1), sizeof *pairs->values);
    pairs->buckets = calloc(BUCKETS_MIN, sizeof(kept_row *));
    pairs->bucket_count = BUCKETS_MIN;
    pairs->swept_ms = STREAM_TIME_NONE;
    if (err == HR_OK && (pairs->values == NULL || pairs->buckets == NULL)) {
        err = HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        pairs->batch[i] = (pair){.pairs = pairs, .values = pairs->values + i * columns};
    }
    return err;
}

hr_err query_pairs_new(const query_spec *spec, size_t bytes_max, query_pairs **out, hr_why *why)
{
    query_pairs *pairs = calloc(1, sizeof *pairs);
    if (pairs == NULL) {
        return HR_NO_MEMORY;
    }
    pairs->spec = spec;
    pairs->bytes_max = bytes_max;
    pairs->bytes = sizeof *pairs;
    hr_buf_init(&pairs->scratch, ROW_BYTES_MAX);
    hr_err err = make(pairs, why);
    if (err != HR_OK) {
        query_pairs_free(pairs);
        return err;
    }
    *out = pairs;
    return HR_OK;
}

void query_pairs_free(query_pairs *pairs)
{
    if (pairs == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pairs->heap_count; i++) {
        free(pairs->heap[i]);
    }
    for (uint32_t i = 0; pairs->buckets != NULL && i < pairs->bucket_count; i++) {
        for (kept_row *row = pairs->buckets[i], *next; row != NULL; row = next) {
            next = row->next;
            free(row);
        }
    }
    stream_evaluator_free(pairs->evaluator);
    stream_evaluator_free(pairs->later.evaluator);
    stream_evaluator_free(pairs->earlier.evaluator);
    hr_buf_fini(&pairs->scratch);
    free(pairs->heap);
    free(pairs->buckets);
    free(pairs->met);
    free(pairs->values);
    free(pairs);
}

/* ---- keeping rows ---- */

static bool is_before(const kept_row *left, const kept_row *right)
{
    return left->time_ms != right->time_ms ? left->time_ms < right->time_ms
                                           : left->order < right->order;
}

static hr_err heap_push(query_pairs *pairs, kept_row *row)
{
    if (pairs->heap_count == pairs->heap_room) {
        uint32_t room = pairs->heap_room == 0 ? BUCKETS_MIN : pairs->heap_room * 2;
        kept_row **heap = room > ROWS_MAX ? NULL : realloc(pairs->heap, room * sizeof *heap);
        if (heap == NULL) {
            return HR_NO_MEMORY;
        }
        pairs->bytes += (room - pairs->heap_room) * sizeof *heap;
        pairs->heap = heap;
        pairs->heap_room = room;
    }
    uint32_t at = pairs->heap_count++;
    while (at > 0 && is_before(row, pairs->heap[(at - 1) / 2])) {
        pairs->heap[at] = pairs->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    pairs->heap[at] = row;
    return HR_OK;
}

static kept_row *heap_pop(query_pairs *pairs)
{
    kept_row *first = pairs->heap[0];
    kept_row *last = pairs->heap[--pairs->heap_count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < pairs->heap_count; child = 2 * at + 1) {
        if (child + 1 < pairs->heap_count &&
            is_before(pairs->heap[child + 1], pairs->heap[child])) {
            child++;
        }
        if (!is_before(pairs->heap[child], last)) {
            break;
        }
        pairs->heap[at] = pairs->heap[child];
        at = child;
    }
    if (pairs->heap_count > 0) {
        pairs->heap[at] = last;
    }
    return first;
}

/* Twice the buckets; a failure only makes the chains longer. */
static void grow_buckets(query_pairs *pairs)
{
    uint32_t count = pairs->bucket_count * 2;
    kept_row **buckets = calloc(count, sizeof(kept_row *));
    if (buckets == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pairs->bucket_count; i++) {
        for (kept_row *row = pairs->buckets[i], *next; row != NULL; row = next) {
            next = row->next;
            row->next = buckets[row->hash % count];
            buckets[row->hash % count] = row;
        }
    }
    pairs->bytes += (count - pairs->bucket_count) * sizeof *buckets;
    free(pairs->buckets);
    pairs->buckets = buckets;
    pairs->bucket_count = count;
}

static void bucket_push(query_pairs *pairs, kept_row *row)
{
    if (pairs->kept_count >= pairs->bucket_count) {
        grow_buckets(pairs);
    }
    kept_row **bucket = &pairs->buckets[row->hash % pairs->bucket_count];
    row->next = *bucket;
    *bucket = row;
    pairs->kept_count++;
}

static void drop_row(query_pairs *pairs, kept_row *row)
{
    pairs->bytes -= sizeof *row + row->size;
    free(row);
}

static hr_err keep_row(query_pairs *pairs, bool is_later, kept_row head, const uint8_t *bytes)
{
    kept_row *row = malloc(sizeof *row + head.size);
    if (row == NULL) {
        return HR_NO_MEMORY;
    }
    *row = head;
    row->hash = hr_hash64(bytes, head.key_size);
    memcpy(row->bytes, bytes, head.size);
    pairs->bytes += sizeof *row + row->size;
    if (!is_later) {
        bucket_push(pairs, row);
        return HR_OK;
    }
    hr_err err = heap_push(pairs, row);
    if (err != HR_OK) {
        drop_row(pairs, row);
    }
    return err;
}

typedef struct adding {
    query_pairs *pairs;
    bool is_later;
    uint64_t *passed;
    uint64_t *late;
} adding;

static hr_err add_row(void *context, const query_row *row, const stream_value *values)
{
    const adding *adding = context;
    query_pairs *pairs = adding->pairs;
    const query_spec *spec = pairs->spec;
    const side *side = adding->is_later ? &pairs->later : &pairs->earlier;
    hr_buf *bytes = &pairs->scratch;
    kept_row head = {.time_ms = row->time_ms,
                     .order = (uint64_t)row->lane << 48 | (uint64_t)row->offset << 1 |
                              (side->source == QUERY_EVENTS)};
    (*adding->passed)++;
    if (row->mark_ms != STREAM_TIME_NONE && row->time_ms < row->mark_ms - spec->lateness_ms) {
        (*adding->late)++;
        return HR_OK;
    }
    hr_buf_clear(bytes);
    for (uint32_t i = 0; i < spec->follows.on_count; i++) {
        if (values[i].type == STREAM_NULL) {
            return HR_OK; /* which equals nothing */
        }
        stream_value_write(&values[i], bytes);
    }
    head.key_size = (uint32_t)bytes->size;
    for (uint32_t i = 0; i < side->column_count; i++) {
        stream_value_write(&values[spec->follows.on_count + i], bytes);
    }
    head.size = (uint32_t)bytes->size;
    hr_err err = hr_buf_err(bytes);
    if (err == HR_OK) {
        err = keep_row(pairs, adding->is_later, head, bytes->data);
    }
    return err == HR_OK && pairs->bytes > pairs->bytes_max ? HR_TOO_BIG : err;
}

hr_err query_pairs_add(query_pairs *pairs, query_source source, const void *rows, size_t count,
                       int64_t time_ms_max, uint64_t *passed, uint64_t *late, hr_why *why)
{
    adding adding = {.pairs = pairs, .passed = passed, .late = late};
    hr_err err = HR_OK;
    if (pairs->earlier.source == source) {
        err = query_views_run(pairs->earlier.evaluator, pairs->earlier.shape, source, rows, count,
                              time_ms_max, add_row, &adding, why);
    }
    if (err == HR_OK && pairs->later.source == source) {
        adding.is_later = true;
        err = query_views_run(pairs->later.evaluator, pairs->later.shape, source, rows, count,
                              time_ms_max, add_row, &adding, why);
    }
    return err;
}

/* ---- pairing ---- */

void query_pair_read(const void *rows, size_t at, int column, stream_value *value)
{
    const pair *pair = &((const struct pair *)rows)[at];
    int place = pair->pairs->places[column];
    if (place >= 0) {
        *value = pair->values[place];
    }
}

typedef struct telling {
    query_pairs *pairs;
    query_pair_visit *visit;
    void *context;
} telling;

static hr_err tell_pair(void *context, size_t at, const stream_value *values)
{
    const telling *telling = context;
    return telling->visit(telling->context, telling->pairs->batch[at].time_ms, values);
}

static hr_err tell_batch(telling *telling, int64_t time_ms_max, hr_why *why)
{
    query_pairs *pairs = telling->pairs;
    uint32_t count = pairs->batch_count;
    pairs->batch_count = 0;
    return count == 0 ? HR_OK
                      : stream_evaluator_run(pairs->evaluator, pairs->batch, count, time_ms_max,
                                             tell_pair, telling, why);
}

/* The values behind a row's key. They were written by us. */
static void read_values(const kept_row *row, uint32_t count, stream_value *values)
{
    hr_cursor in = hr_cursor_of(row->bytes + row->key_size, row->size - row->key_size);
    for (uint32_t i = 0; i < count; i++) {
        if (stream_value_read(&values[i], &in) != HR_OK) {
            values[i] = (stream_value){.type = STREAM_NULL};
        }
    }
}

static bool are_a_pair(const query_pairs *pairs, const kept_row *later, const kept_row *earlier)
{
    return earlier->hash == later->hash && earlier->key_size == later->key_size &&
           earlier->time_ms <= later->time_ms &&
           later->time_ms - earlier->time_ms <= pairs->spec->follows.within_ms &&
           earlier->order != later->order &&
           memcmp(earlier->bytes, later->bytes, later->key_size) == 0;
}

static hr_err meet(query_pairs *pairs, uint32_t *count, kept_row *row)
{
    /* The last one may be there several times: once for each group of its device or fence. */
    if (!pairs->spec->follows.takes_all && *count > 0) {
        if (is_before(row, pairs->met[0])) {
            return HR_OK;
        }
        *count = is_before(pairs->met[0], row) ? 0 : *count;
    }
    if (*count == pairs->met_room) {
        uint32_t room = pairs->met_room == 0 ? BATCH : pairs->met_room * 2;
        kept_row **met = realloc(pairs->met, room * sizeof *met);
        if (met == NULL) {
            return HR_NO_MEMORY;
        }
        pairs->met = met;
        pairs->met_room = room;
    }
    pairs->met[(*count)++] = row;
    return HR_OK;
}

/* One record's rows by what they hold: where in its bucket a row lies is another place after a
 * restart. */
static int compare_rows(const void *left, const void *right)
{
    const kept_row *a = *(kept_row *const *)left;
    const kept_row *b = *(kept_row *const *)right;
    if (is_before(a, b) || is_before(b, a)) {
        return is_before(a, b) ? -1 : 1;
    }
    return a->size != b->size ? (a->size < b->size ? -1 : 1) : memcmp(a->bytes, b->bytes, a->size);
}

/* The rows that one is paired with, in the order of time. */
static hr_err find_pairs(query_pairs *pairs, const kept_row *later, uint32_t *count, hr_why *why)
{
    hr_err err = HR_OK;
    *count = 0;
    for (kept_row *row = pairs->buckets[later->hash % pairs->bucket_count];
         err == HR_OK && row != NULL; row = row->next) {
        if (++pairs->looks % LOOKS == 0 && stream_thread_ns() > pairs->until_ns) {
            return hr_why_set(why, HR_TIMEOUT,
                              "pairing its rows took too long: a shorter `within`"
                              ", or more in `on`");
        }
        if (are_a_pair(pairs, later, row)) {
            err = meet(pairs, count, row);
        }
    }
    if (err == HR_OK && *count > 1) {
        qsort(pairs->met, *count, sizeof *pairs->met, compare_rows);
    }
    return err;
}

static hr_err tell_row(telling *telling, const kept_row *later, int64_t time_ms_max, hr_why *why)
{
    query_pairs *pairs = telling->pairs;
    uint32_t count;
    hr_err err = find_pairs(pairs, later, &count, why);
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        pair *pair = &pairs->batch[pairs->batch_count++];
        pair->time_ms = later->time_ms;
        read_values(later, pairs->later.column_count, pair->values);
        read_values(pairs->met[i], pairs->earlier.column_count,
                    pair->values + pairs->later.column_count);
        err = pairs->batch_count == BATCH ? tell_batch(telling, time_ms_max, why) : HR_OK;
    }
    /* Its values are borrowed from it. */
    return err == HR_OK ? tell_batch(telling, time_ms_max, why) : err;
}

/* Rows that no row in time can follow any more; looked for now and then. */
static void sweep(query_pairs *pairs, int64_t watermark_ms)
{
    int64_t within_ms = pairs->spec->follows.within_ms;
    int64_t step_ms = within_ms / 8 > 1000 ? within_ms / 8 : 1000;
    /* It has gone back if a clock had been ahead. */
    if (pairs->swept_ms != STREAM_TIME_NONE && watermark_ms >= pairs->swept_ms &&
        watermark_ms - pairs->swept_ms < step_ms) {
        return;
    }
    pairs->swept_ms = watermark_ms;
    for (uint32_t i = 0; i < pairs->bucket_count; i++) {
        for (kept_row **link = &pairs->buckets[i]; *link != NULL;) {
            kept_row *row = *link;
            if (row->time_ms + within_ms < watermark_ms) {
                *link = row->next;
                drop_row(pairs, row);
                pairs->kept_count--;
            } else {
                link = &row->next;
            }
        }
    }
}

hr_err query_pairs_advance(query_pairs *pairs, int64_t watermark_ms, int64_t time_ms_max,
                           query_pair_visit *visit, void *context, hr_why *why)
{
    telling telling = {.pairs = pairs, .visit = visit, .context = context};
    hr_err err = HR_OK;
    if (watermark_ms == STREAM_TIME_NONE) {
        return HR_OK;
    }
    pairs->until_ns = stream_thread_ns() + time_ms_max * 1000000;
    while (err == HR_OK && pairs->heap_count > 0 && pairs->heap[0]->time_ms < watermark_ms) {
        kept_row *row = heap_pop(pairs);
        err = tell_row(&telling, row, time_ms_max, why);
        drop_row(pairs, row);
    }
    if (err == HR_OK) {
        sweep(pairs, watermark_ms);
    }
    return err;
}

int64_t query_pairs_due_ms(const query_pairs *pairs)
{
    return pairs->heap_count > 0 ? pairs->heap[0]->time_ms + 1 : INT64_MAX;
}

size_t query_pairs_bytes(const query_pairs *pairs)
{
    return pairs->bytes;
}

/* ---- stored form ---- */

static void write_row(const kept_row *row, hr_buf *out)
{
    hr_buf_put_u64(out, (uint64_t)row->time_ms);
    hr_buf_put_u64(out, row->order);
    hr_buf_put_u32(out, row->key_size);
    hr_buf_put_u32(out, row->size);
    hr_buf_put(out, row->bytes, row->size);
}

void query_pairs_write(const query_pairs *pairs, hr_buf *out)
{
    hr_buf_put_u32(out, pairs->heap_count);
    for (uint32_t i = 0; i < pairs->heap_count; i++) {
        write_row(pairs->heap[i], out);
    }
    hr_buf_put_u32(out, pairs->kept_count);
    for (uint32_t i = 0; i < pairs->bucket_count; i++) {
        for (const kept_row *row = pairs->buckets[i]; row != NULL; row = row->next) {
            write_row(row, out);
        }
    }
}

static hr_err read_row(query_pairs *pairs, bool is_later, hr_cursor *in)
{
    kept_row head = {.time_ms = (int64_t)hr_cursor_u64(in), .order = hr_cursor_u64(in)};
    head.key_size = hr_cursor_u32(in);
    head.size = hr_cursor_u32(in);
    const uint8_t *bytes = hr_cursor_take(in, head.size);
    if (bytes == NULL || head.key_size > head.size || head.size > ROW_BYTES_MAX ||
        head.time_ms < HR_TIME_MS_MIN || head.time_ms > HR_TIME_MS_MAX) {
        return HR_CORRUPT;
    }
    return keep_row(pairs, is_later, head, bytes);
}

hr_err query_pairs_read(query_pairs *pairs, hr_cursor *in)
{
    hr_err err = HR_OK;
    for (int is_later = 1; err == HR_OK && is_later >= 0; is_later--) {
        uint32_t count = hr_cursor_u32(in);
        err = in->short_read ? HR_CORRUPT : HR_OK;
        for (uint32_t i = 0; err == HR_OK && i < count; i++) {
            err = read_row(pairs, is_later == 1, in);
        }
    }
    return err;
}
