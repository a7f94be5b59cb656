/* tests/log/model.c - see model.h. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "test.h"

static const char *const group_names[MODEL_GROUPS] = {"historian", "queries"};

static void name_partition(uint32_t p, uint8_t *topic, uint16_t *partition)
{
    *topic = p < FIXTURE_PARTITIONS ? 0 : 1;
    *partition = (uint16_t)(p < FIXTURE_PARTITIONS ? p : 0);
}

static model_frame *last_frame(model *m)
{
    return &m->frames[m->frame_count - 1];
}

static void push_frame(model *m, const model_frame *frame)
{
    if (m->frame_count == m->frame_capacity) {
        m->frame_capacity = m->frame_capacity * 2 + 64;
        m->frames = realloc(m->frames, m->frame_capacity * sizeof *m->frames);
        assert_non_null(m->frames);
    }
    m->frames[m->frame_count++] = *frame;
}

void model_init(model *m, fixture *f, uint64_t seed)
{
    *m = (model){.f = f, .random = {.state = seed}};
    memset(m->groups, 0xff, sizeof m->groups);
    model_frame empty = {0};
    push_frame(m, &empty);
}

void model_fini(model *m)
{
    for (uint32_t p = 0; p < MODEL_PARTITIONS; p++) {
        free(m->values[p]);
    }
    free(m->frames);
}

static uint32_t below(model *m, uint32_t bound)
{
    return (uint32_t)hr_random_below(&m->random, bound);
}

static void push_value(model *m, uint32_t p, int64_t offset, uint64_t value)
{
    if ((size_t)offset >= m->capacity[p]) {
        m->capacity[p] = m->capacity[p] * 2 + 256;
        m->values[p] = realloc(m->values[p], m->capacity[p] * sizeof *m->values[p]);
        assert_non_null(m->values[p]);
    }
    m->values[p][offset] = value;
}

/* What stands in one random batch; bytes has room for it. */
static log_batch make_batch(model *m, uint32_t p, uint8_t *bytes)
{
    log_batch batch = {.type = 1, .count = 1 + below(m, 40), .bytes = bytes};
    bool is_inline = below(m, 2) == 0;
    name_partition(p, &batch.topic, &batch.partition);
    for (uint32_t i = 0; i < batch.count; i++) {
        if (is_inline) {
            hr_store_u32(bytes + batch.size, 8);
            batch.size += 4;
        }
        hr_store_u64(bytes + batch.size, m->next_value++);
        batch.size += 8;
    }
    batch.record_bytes = is_inline ? 0 : 8;
    return batch;
}

hr_err model_append(model *m, bool is_produced)
{
    static uint8_t bytes[4][1024];
    log_batch batches[4];
    int64_t offsets[4];
    uint32_t where[4];
    model_frame frame = *last_frame(m);
    uint64_t value = m->next_value;
    uint32_t count = 1 + below(m, 4);
    for (uint32_t i = 0; i < count; i++) {
        where[i] = below(m, MODEL_PARTITIONS);
        batches[i] = make_batch(m, where[i], bytes[i]);
    }
    uint32_t who = below(m, MODEL_PRODUCERS);
    uint64_t expected = frame.producer_next[who];
    /* One time in four the producer repeats itself, which must be refused. */
    bool is_repeat = is_produced && expected > 0 && below(m, 4) == 0;
    log_producer producer = {.id = 100 + who, .epoch = 9, .base_seq = expected, .count = count};
    producer.base_seq -= is_repeat ? 1 : 0;
    hr_err err =
        log_append(m->f->log, batches, count, is_produced ? &producer : NULL, offsets, &frame.end);
    if (is_repeat && err == HR_SEQUENCE) {
        m->next_value = value;
        return HR_OK;
    }
    if (err != HR_OK) {
        return err;
    }
    assert_false(is_repeat);
    frame.producer_next[who] += is_produced ? count : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t p = where[i];
        assert_int_equal(offsets[i], frame.next[p]);
        for (uint32_t k = 0; k < batches[i].count; k++) {
            push_value(m, p, frame.next[p]++, value++);
        }
    }
    push_frame(m, &frame);
    return HR_OK;
}

void model_see_durable(model *m)
{
    log_position durable = log_durable(m->f->log);
    m->durable = durable > m->durable ? durable : m->durable;
}

static bool ends_match(model *m, const model_frame *frame)
{
    for (uint32_t p = 0; p < MODEL_PARTITIONS; p++) {
        uint8_t topic = 0;
        uint16_t partition = 0;
        name_partition(p, &topic, &partition);
        if (log_end(m->f->log, topic, partition, LOG_APPENDED) != frame->next[p]) {
            return false;
        }
    }
    return true;
}

/* Between which frames did recovery end? */
static size_t find_end(model *m, model_after after)
{
    size_t least = m->frame_count - 1;
    while (least > 0 && m->frames[least].end > m->durable) {
        least--;
    }
    for (size_t i = m->frame_count; i > 0; i--) {
        if (ends_match(m, &m->frames[i - 1])) {
            if (i - 1 < least || (after != AFTER_POWER_CUT && i != m->frame_count)) {
                fail_msg("the log ends after frame %zu of %zu, of which %zu were durable", i - 1,
                         m->frame_count - 1, least);
            }
            return i - 1;
        }
    }
    fail_msg("the log ends in the middle of a frame");
    return 0;
}

static void check_groups(model *m, model_after after)
{
    for (uint32_t g = 0; g < MODEL_GROUPS; g++) {
        for (uint32_t p = 0; p < MODEL_PARTITIONS; p++) {
            uint8_t topic = 0;
            uint16_t partition = 0;
            name_partition(p, &topic, &partition);
            int64_t offset = log_group_offset(m->f->log, group_names[g], topic, partition);
            if (after == AFTER_CLOSE) {
                assert_int_equal(offset, m->groups[g][p]);
            }
            assert_true(offset <= m->groups[g][p]);
            assert_true(offset >= 0 || !m->is_remembered[g][p]);
            m->groups[g][p] = offset;
        }
    }
}

static void check_starts(model *m, model_after after)
{
    for (uint32_t p = 0; p < MODEL_PARTITIONS; p++) {
        uint8_t topic = 0;
        uint16_t partition = 0;
        name_partition(p, &topic, &partition);
        int64_t start = log_start(m->f->log, topic, partition);
        if (after == AFTER_CLOSE) {
            assert_int_equal(start, m->starts[p]);
        }
        /* A file whose removal was not synced may be back, but none that was kept may be gone. */
        assert_true(start <= m->starts[p]);
        m->starts[p] = start;
    }
}

void model_check_opened(model *m, model_after after)
{
    assert_int_equal(fixture_damages(m->f), 0);
    size_t end = find_end(m, after);
    m->frame_count = end + 1;
    const model_frame *frame = last_frame(m);
    for (uint32_t who = 0; who < MODEL_PRODUCERS; who++) {
        assert_int_equal(log_producer_expected(m->f->log, 100 + who, 9, 0),
                         frame->producer_next[who]);
    }
    check_groups(m, after);
    check_starts(m, after);
    model_see_durable(m);
    assert_true(m->durable >= frame->end);
    log_verified verified;
    assert_int_equal(log_verify(m->f->log, NULL, NULL, &verified, NULL), HR_OK);
    assert_int_equal(verified.damages, 0);
}

void model_read(model *m)
{
    uint32_t p = below(m, MODEL_PARTITIONS);
    uint8_t topic = 0;
    uint16_t partition = 0;
    name_partition(p, &topic, &partition);
    int64_t end = last_frame(m)->next[p];
    int64_t offset = m->starts[p] + (int64_t)below(m, (uint32_t)(end - m->starts[p]) + 1);
    log_reader *reader = NULL;
    assert_int_equal(log_reader_open(m->f->log, topic, partition, offset, LOG_APPENDED, &reader),
                     HR_OK);
    while (offset < end) {
        log_view view;
        hr_why why = {""};
        hr_err err = log_reader_next(reader, &view, &why);
        if (err != HR_OK) {
            fail_msg("reading offset %lld of %lld: %s %s", (long long)offset, (long long)end,
                     hr_err_name(err), why.text);
        }
        size_t at = 0;
        size_t size = 0;
        const uint8_t *bytes = NULL;
        for (int64_t i = view.first_offset; log_record_next(&view, &at, &bytes, &size); i++) {
            if (i >= offset) {
                assert_int_equal(i, offset);
                assert_int_equal(hr_load_u64(bytes), m->values[p][offset]);
                offset++;
            }
        }
    }
    log_view none;
    assert_int_equal(log_reader_next(reader, &none, NULL), HR_TIMEOUT);
    log_reader_close(reader);
}

void model_commit_group(model *m)
{
    uint32_t g = below(m, MODEL_GROUPS);
    uint32_t p = below(m, MODEL_PARTITIONS);
    uint8_t topic = 0;
    uint16_t partition = 0;
    name_partition(p, &topic, &partition);
    /* Consumers see committed records only. */
    int64_t end = log_end(m->f->log, topic, partition, LOG_COMMITTED);
    int64_t from = m->groups[g][p] > m->starts[p] ? m->groups[g][p] : m->starts[p];
    if (end >= from) {
        int64_t offset = from + (int64_t)below(m, (uint32_t)(end - from) + 1);
        hr_err err = log_group_commit(m->f->log, group_names[g], topic, partition, offset);
        assert_true(err == HR_OK || err == HR_IO || err == HR_NO_SPACE);
        /* The first one is durable, or said not to be. */
        m->is_remembered[g][p] |= err == HR_OK && m->groups[g][p] < 0;
        m->groups[g][p] = offset;
    }
}

void model_retain(model *m)
{
    hr_err err = log_retain(m->f->log, NULL);
    assert_true(err == HR_OK || err == HR_IO);
    for (uint32_t p = 0; p < MODEL_PARTITIONS; p++) {
        uint8_t topic = 0;
        uint16_t partition = 0;
        name_partition(p, &topic, &partition);
        int64_t start = log_start(m->f->log, topic, partition);
        assert_true(start >= m->starts[p]);
        m->starts[p] = start;
        for (uint32_t g = 0; g < MODEL_GROUPS; g++) {
            if (m->groups[g][p] >= 0 && m->groups[g][p] < start) {
                m->groups[g][p] = start;
            }
        }
    }
}
