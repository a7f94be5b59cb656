/* core/log/state.c - counts frames in, while appending and while reading a log again. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "opening.h"

void layout_init(log_layout *layout, const log_topic *topics, uint32_t topic_count)
{
    *layout = (log_layout){.topic_count = topic_count};
    for (uint32_t i = 0; i < topic_count; i++) {
        layout->topics[i].partition_count = topics[i].partition_count;
        size_t size = strnlen(topics[i].name, sizeof topics[i].name - 1);
        memcpy(layout->topics[i].name, topics[i].name, size);
        layout->first[i] = layout->total;
        layout->total += topics[i].partition_count;
    }
}

bool layout_equal(const log_layout *a, const log_layout *b)
{
    return a->topic_count == b->topic_count && memcmp(a->topics, b->topics, sizeof a->topics) == 0;
}

bool layout_find(const log_layout *layout, uint8_t topic, uint16_t partition, uint32_t *flat)
{
    if (topic >= layout->topic_count || partition >= layout->topics[topic].partition_count) {
        return false;
    }
    *flat = layout_flat(layout, topic, partition);
    return true;
}

void layout_name(const log_layout *layout, uint32_t flat, uint8_t *topic, uint16_t *partition)
{
    uint32_t t = 0;
    while (t + 1 < layout->topic_count && flat >= layout->first[t + 1]) {
        t++;
    }
    *topic = (uint8_t)t;
    *partition = (uint16_t)(flat - layout->first[t]);
}

hr_err state_init(log_state *state, const log_layout *layout)
{
    *state = (log_state){.layout = layout, .newest_ms = INT64_MIN};
    state->next = calloc(layout->total > 0 ? layout->total : 1, sizeof *state->next);
    state->kept = calloc(layout->total > 0 ? layout->total : 1, sizeof *state->kept);
    if (state->next == NULL || state->kept == NULL) {
        state_fini(state);
        return HR_NO_MEMORY;
    }
    return HR_OK;
}

void state_fini(log_state *state)
{
    free(state->next);
    free(state->kept);
    producer_fini(&state->producers);
    *state = (log_state){0};
}

static void tell_lost(const log_state *state, uint32_t flat, int64_t from, int64_t to,
                      log_damage_visitor *visit, void *context)
{
    /* -1: where the partition begins was not known, so nothing is known to be missing. */
    if (visit == NULL || from < 0) {
        return;
    }
    log_damage damage = {.from = state->bad_from,
                         .to = state->bad_to,
                         .has_records = true,
                         .first_offset = from,
                         .end_offset = to};
    layout_name(state->layout, flat, &damage.topic, &damage.partition);
    visit(&damage, context);
}

void state_learn(log_state *state, const int64_t *next, log_damage_visitor *visit, void *context)
{
    for (uint32_t flat = 0; flat < state->layout->total; flat++) {
        if (next[flat] > state->next[flat] && next[flat] <= FRAME_OFFSET_MAX) {
            tell_lost(state, flat, state->next[flat], next[flat], visit, context);
            state->next[flat] = next[flat];
        }
    }
}

static void apply_batch(log_state *state, const frame_batch *batch, bool is_bad,
                        log_damage_visitor *visit, void *context)
{
    uint32_t flat = 0;
    if (!layout_find(state->layout, batch->topic, batch->partition, &flat) ||
        batch->first_offset < state->next[flat]) {
        return;
    }
    int64_t end = batch->first_offset + batch->count;
    if (batch->first_offset > state->next[flat]) {
        tell_lost(state, flat, state->next[flat], batch->first_offset, visit, context);
    }
    if (is_bad) {
        tell_lost(state, flat, batch->first_offset, end, visit, context);
    }
    state->next[flat] = end;
}

static void apply_kept(log_state *state, const scan_frame *frame)
{
    for (uint32_t i = 0; i < frame->kept_count; i++) {
        frame_batch batch = frame_get_batch(frame->bytes, &frame->head, frame->kept_batches[i]);
        uint32_t flat = 0;
        if (layout_find(state->layout, batch.topic, batch.partition, &flat)) {
            state->kept[flat] = frame->kept[i];
        }
    }
}

static hr_err apply_data(log_state *state, const scan_frame *frame, log_damage_visitor *visit,
                         void *context)
{
    const uint8_t *bytes = frame->bytes;
    const frame_head *head = &frame->head;
    apply_kept(state, frame);
    for (uint32_t i = 0; i < head->batch_count; i++) {
        frame_batch batch = frame_get_batch(bytes, head, i);
        apply_batch(state, &batch, frame->is_bad[i], visit, context);
    }
    if (head->value > state->newest_ms) {
        state->newest_ms = head->value;
    }
    if (head->kind != FRAME_DATA_PRODUCED) {
        return HR_OK;
    }
    log_producer producer;
    uint32_t gap = 0;
    frame_get_producer(bytes, &producer, &gap);
    if (producer.id == 0) {
        return HR_OK;
    }
    hr_err err = producer_reserve(&state->producers);
    if (err != HR_OK) {
        return err;
    }
    producer_set(&state->producers, (producer_entry){.id = producer.id,
                                                     .epoch = producer.epoch,
                                                     .next_seq = producer.base_seq + producer.count,
                                                     .heard_at = head->position});
    return HR_OK;
}

static void apply_mark(log_state *state, const uint8_t *bytes, const frame_head *head,
                       log_damage_visitor *visit, void *context)
{
    if (head->value >= 0 && (log_position)head->value <= head->position &&
        (log_position)head->value > state->proven) {
        state->proven = (log_position)head->value;
    }
    uint32_t count = (head->length - FRAME_HEAD_BYTES) / 8;
    if (count != state->layout->total) {
        return;
    }
    int64_t next[LOG_PARTITIONS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        next[i] = (int64_t)hr_load_u64(bytes + FRAME_HEAD_BYTES + (size_t)i * 8);
    }
    state_learn(state, next, visit, context);
}

static void apply_opening(log_state *state, const uint8_t *bytes, const frame_head *head,
                          log_damage_visitor *visit, void *context)
{
    opening found;
    if (opening_parse(bytes, head, &found) != HR_OK ||
        !layout_equal(&found.layout, state->layout)) {
        return;
    }
    state_learn(state, found.next, visit, context);
    if (found.newest_ms > state->newest_ms) {
        state->newest_ms = found.newest_ms;
    }
    opening_get_kept(bytes, head, state->layout, state->kept);
}

hr_err state_apply(log_state *state, const scan_frame *frame, log_damage_visitor *visit,
                   void *context)
{
    const frame_head *head = &frame->head;
    hr_err err = HR_OK;
    switch (head->kind) {
    case FRAME_OPENING:
        apply_opening(state, frame->bytes, head, visit, context);
        break;
    case FRAME_MARK:
        apply_mark(state, frame->bytes, head, visit, context);
        break;
    default:
        err = apply_data(state, frame, visit, context);
        break;
    }
    state->position = head->position + head->length;
    return err;
}
