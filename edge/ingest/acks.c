/* ingest/acks.c - the table of streams, and the short list of those with something to say. */
#include "ingest/acks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SLOT_COUNT (2u * ACKS_STREAMS_MAX)
#define NO_STREAM UINT32_MAX

typedef struct waiting {
    uint64_t position;
    uint64_t next;
} waiting;

typedef struct stream {
    char user[HR_USER_ID_MAX + 1];
    uint64_t epoch;
    uint64_t durable_next;
    waiting waits[ACKS_WAITING_MAX]; /* oldest first */
    uint32_t wait_count;
    bool is_due;        /* something to say as soon as the gap allows */
    bool is_active;     /* in the list of those that acks_next looks at */
    int64_t last_ns;    /* when it was last told; INT64_MIN: never */
    uint64_t last_used; /* the table's count of uses then */
} stream;

struct acks {
    stream *streams[ACKS_STREAMS_MAX];
    uint32_t count;
    uint32_t slots[SLOT_COUNT]; /* index of a stream plus 1; 0: free */
    uint32_t active[ACKS_STREAMS_MAX];
    uint32_t active_count;
    uint64_t uses;
};

acks *acks_new(void)
{
    return calloc(1, sizeof(acks));
}

void acks_free(acks *table)
{
    if (table != NULL) {
        for (uint32_t i = 0; i < table->count; i++) {
            free(table->streams[i]);
        }
        free(table);
    }
}

static uint32_t slot_of(const char *user, uint64_t epoch)
{
    return (uint32_t)(hr_hash64_seeded(user, strlen(user), epoch) % SLOT_COUNT);
}

static void index_stream(acks *table, uint32_t index)
{
    uint32_t at = slot_of(table->streams[index]->user, table->streams[index]->epoch);
    while (table->slots[at] != 0) {
        at = (at + 1) % SLOT_COUNT;
    }
    table->slots[at] = index + 1;
}

static uint32_t find(const acks *table, const char *user, uint64_t epoch)
{
    uint32_t at = slot_of(user, epoch);
    for (; table->slots[at] != 0; at = (at + 1) % SLOT_COUNT) {
        const stream *s = table->streams[table->slots[at] - 1];
        if (s->epoch == epoch && strcmp(s->user, user) == 0) {
            return table->slots[at] - 1;
        }
    }
    return NO_STREAM;
}

/* A full table lets go of whom it has not heard of for longest. Rare, so plain. */
static uint32_t reuse_idle(acks *table)
{
    uint32_t found = NO_STREAM;
    for (uint32_t i = 0; i < table->count; i++) {
        const stream *s = table->streams[i];
        if (!s->is_active &&
            (found == NO_STREAM || s->last_used < table->streams[found]->last_used)) {
            found = i;
        }
    }
    return found;
}

static hr_err add_stream(acks *table, const char *user, uint64_t epoch, uint64_t durable_next,
                         stream **out)
{
    bool is_full = table->count == ACKS_STREAMS_MAX;
    uint32_t index = is_full ? reuse_idle(table) : table->count;
    if (index == NO_STREAM) {
        return HR_TOO_BIG;
    }
    if (!is_full) {
        table->streams[index] = calloc(1, sizeof(stream));
        if (table->streams[index] == NULL) {
            return HR_NO_MEMORY;
        }
        table->count++;
    }
    stream *s = table->streams[index];
    *s = (stream){.epoch = epoch, .durable_next = durable_next, .last_ns = INT64_MIN};
    snprintf(s->user, sizeof s->user, "%s", user);
    if (is_full) {
        memset(table->slots, 0, sizeof table->slots);
        for (uint32_t i = 0; i < table->count; i++) {
            index_stream(table, i);
        }
    } else {
        index_stream(table, index);
    }
    *out = s;
    return HR_OK;
}

static hr_err find_or_add(acks *table, const char *user, uint64_t epoch, uint64_t durable_next,
                          stream **out)
{
    uint32_t index = find(table, user, epoch);
    hr_err err = HR_OK;
    if (index != NO_STREAM) {
        *out = table->streams[index];
    } else {
        err = add_stream(table, user, epoch, durable_next, out);
    }
    if (err == HR_OK) {
        (*out)->last_used = ++table->uses;
    }
    return err;
}

static void activate(acks *table, stream *s)
{
    if (!s->is_active) {
        s->is_active = true;
        table->active[table->active_count++] = find(table, s->user, s->epoch);
    }
}

hr_err acks_appended(acks *table, const char *user, uint64_t epoch, uint64_t durable_next,
                     uint64_t next, uint64_t position)
{
    stream *s;
    hr_err err = find_or_add(table, user, epoch, durable_next, &s);
    if (err != HR_OK) {
        return err;
    }
    /* When full, the newest two become one: it is told a little later, never too early. */
    if (s->wait_count == ACKS_WAITING_MAX) {
        s->wait_count--;
    }
    s->waits[s->wait_count++] = (waiting){.position = position, .next = next};
    activate(table, s);
    return HR_OK;
}

hr_err acks_answer(acks *table, const char *user, uint64_t epoch, uint64_t durable_next)
{
    stream *s;
    hr_err err = find_or_add(table, user, epoch, durable_next, &s);
    if (err == HR_OK) {
        s->is_due = true;
        activate(table, s);
    }
    return err;
}

void acks_answer_all(acks *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        table->streams[i]->is_due = true;
        activate(table, table->streams[i]);
    }
}

static void move_durable(stream *s, uint64_t durable)
{
    uint32_t passed = 0;
    while (passed < s->wait_count && s->waits[passed].position <= durable) {
        s->durable_next = s->waits[passed].next;
        s->is_due = true;
        passed++;
    }
    memmove(s->waits, s->waits + passed, (s->wait_count - passed) * sizeof s->waits[0]);
    s->wait_count -= passed;
}

bool acks_next(acks *table, uint64_t durable, int64_t now_ns, ack *out, int64_t *wake_ns)
{
    *wake_ns = INT64_MAX;
    for (uint32_t i = 0; i < table->active_count;) {
        stream *s = table->streams[table->active[i]];
        move_durable(s, durable);
        bool may_speak = s->last_ns == INT64_MIN || now_ns - s->last_ns >= ACKS_GAP_NS;
        bool speaks = s->is_due && may_speak;
        if (speaks) {
            *out = (ack){.epoch = s->epoch, .seq = (int64_t)s->durable_next - 1};
            snprintf(out->user, sizeof out->user, "%s", s->user);
            s->is_due = false;
            s->last_ns = now_ns;
        } else if (s->is_due && s->last_ns + ACKS_GAP_NS < *wake_ns) {
            *wake_ns = s->last_ns + ACKS_GAP_NS;
        }
        if (!s->is_due && s->wait_count == 0) {
            s->is_active = false;
            table->active[i] = table->active[--table->active_count];
        } else {
            i++;
        }
        if (speaks) {
            return true;
        }
    }
    return false;
}
