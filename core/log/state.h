/* core/log/state.h - what the frames up to a place in the log add up to. */
#ifndef LOG_STATE_H
#define LOG_STATE_H

#include "frame.h"
#include "log/verify.h"
#include "producer.h"
#include "scan.h"

/* The topics, and every partition's place in one flat numbering. Never changes after opening. */
typedef struct log_layout {
    uint32_t topic_count;
    uint32_t total; /* partitions of all topics */
    log_topic topics[LOG_TOPICS_MAX];
    uint32_t first[LOG_TOPICS_MAX];
} log_layout;

void layout_init(log_layout *layout, const log_topic *topics, uint32_t topic_count);
bool layout_equal(const log_layout *a, const log_layout *b);

static inline uint32_t layout_flat(const log_layout *layout, uint8_t topic, uint16_t partition)
{
    return layout->first[topic] + partition;
}

/* False if there is no such partition. */
bool layout_find(const log_layout *layout, uint8_t topic, uint16_t partition, uint32_t *flat);
void layout_name(const log_layout *layout, uint32_t flat, uint8_t *topic, uint16_t *partition);

/* Threads: protected by whoever owns it. */
typedef struct log_state {
    const log_layout *layout; /* borrowed */
    log_position position;    /* everything before it is counted in */
    log_position proven;      /* the highest proven end in any mark so far */
    int64_t newest_ms;        /* the highest append_ms so far; INT64_MIN when there is none */
    int64_t *next;            /* owned; the offset each partition's next record gets; -1: unknown */
    kept_record *kept;        /* owned; the newest of the kept type in each partition */
    producer_table producers;
    log_position bad_from; /* the last run of bad bytes met, for telling lost offsets */
    log_position bad_to;
} log_state;

HR_MUST_USE hr_err state_init(log_state *state, const log_layout *layout);
void state_fini(log_state *state);

/* Count a frame in whose table is whole. Offsets that it shows to be missing go to visit (may be
 * NULL). HR_NO_MEMORY only. */
HR_MUST_USE hr_err state_apply(log_state *state, const scan_frame *frame, log_damage_visitor *visit,
                               void *context);

/* The offsets that something later than the last frame (a file's opening, the side file) knows.
 * Whatever is missing up to them goes to visit. */
void state_learn(log_state *state, const int64_t *next, log_damage_visitor *visit, void *context);

#endif
