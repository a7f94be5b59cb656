/* core/log/side.c - see side.h. */
#include "side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/logline.h"
#include "parts.h"

/* u32 magic, u32 crc of all behind it, u32 version, i32 commit_min_gap_ms, u64 generation, log_id,
 * proven, position, i64 newest_ms, topics as in an opening, for each partition i64 start and i64
 * next, kept records, u64 file seq and base, u32 row_count, rows, producers, groups. */
#define SIDE_MAGIC 0x31445348u /* "HSD1" */
#define SIDE_VERSION 1
#define SIDE_BYTES_MAX (64u << 20)

struct side_image {
    hr_buf bytes;
};

static const char *side_name(uint64_t generation)
{
    return generation % 2 == 0 ? "side-0" : "side-1";
}

static void put_head(hr_buf *out, const journal *j, uint64_t generation, log_position proven,
                     const log_state *state)
{
    hr_buf_put_u32(out, SIDE_MAGIC);
    hr_buf_put_u32(out, 0);
    hr_buf_put_u32(out, SIDE_VERSION);
    hr_buf_put_u32(out, (uint32_t)j->measured_gap_ms);
    hr_buf_put_u64(out, generation);
    hr_buf_put_u64(out, j->log_id);
    hr_buf_put_u64(out, proven);
    hr_buf_put_u64(out, state->position);
    hr_buf_put_u64(out, (uint64_t)state->newest_ms);
    hr_buf_put_u32(out, state->layout->topic_count);
    for (uint32_t i = 0; i < state->layout->topic_count; i++) {
        hr_buf_put(out, state->layout->topics[i].name, LOG_TOPIC_NAME_MAX);
        hr_buf_put_u32(out, state->layout->topics[i].partition_count);
    }
}

static void put_groups(hr_buf *out, const journal *j)
{
    hr_buf_put_u32(out, j->group_count);
    for (uint32_t g = 0; g < j->group_count; g++) {
        hr_buf_put(out, j->groups[g].name, sizeof j->groups[g].name);
        for (uint32_t i = 0; i < j->layout.total; i++) {
            hr_buf_put_u64(out, (uint64_t)j->groups[g].offsets[i]);
        }
    }
}

static void put_offsets(hr_buf *out, uint32_t total, const int64_t *starts, const int64_t *next)
{
    for (uint32_t i = 0; i < total; i++) {
        hr_buf_put_u64(out, (uint64_t)starts[i]);
        hr_buf_put_u64(out, (uint64_t)next[i]);
    }
}

static void put_kept(hr_buf *out, uint32_t total, const kept_record *kept)
{
    for (uint32_t i = 0; i < total; i++) {
        hr_buf_put_u64(out, (uint64_t)kept[i].offset);
        hr_buf_put_u8(out, kept[i].size);
        hr_buf_put(out, kept[i].bytes, LOG_KEPT_BYTES_MAX);
    }
}

static hr_err load_kept(hr_cursor *in, uint32_t total, kept_record *kept)
{
    for (uint32_t i = 0; i < total; i++) {
        kept[i].offset = (int64_t)hr_cursor_u64(in);
        kept[i].size = hr_cursor_u8(in);
        const uint8_t *bytes = hr_cursor_take(in, LOG_KEPT_BYTES_MAX);
        if (bytes == NULL || kept[i].size > LOG_KEPT_BYTES_MAX) {
            return HR_CORRUPT;
        }
        memcpy(kept[i].bytes, bytes, LOG_KEPT_BYTES_MAX);
    }
    return HR_OK;
}

static void put_rows(hr_buf *out, uint64_t seq, log_position base, const int64_t *rows,
                     uint32_t row_count, size_t width)
{
    hr_buf_put_u64(out, seq);
    hr_buf_put_u64(out, base);
    hr_buf_put_u32(out, row_count);
    for (size_t i = 0; i < row_count * width; i++) {
        hr_buf_put_u64(out, (uint64_t)rows[i]);
    }
}

static hr_err seal(hr_buf *out)
{
    if (hr_buf_err(out) == HR_OK) {
        hr_store_u32(out->data + 4, hr_crc32c(0, out->data + 8, out->size - 8));
    }
    return hr_buf_err(out);
}

side_image *side_take(journal *j)
{
    side_image *image = malloc(sizeof *image);
    if (image == NULL) {
        return NULL;
    }
    int64_t starts[LOG_PARTITIONS_MAX];
    for (uint32_t i = 0; i < j->layout.total; i++) {
        starts[i] = atomic_load(&j->starts[i]);
    }
    hr_buf_init(&image->bytes, SIDE_BYTES_MAX);
    hr_buf *out = &image->bytes;
    put_head(out, j, ++j->side_generation, j->tail.position, &j->tail);
    put_offsets(out, j->layout.total, starts, j->tail.next);
    put_kept(out, j->layout.total, j->tail.kept);
    pthread_mutex_lock(&j->files.lock);
    put_rows(out, j->active->seq, j->active->base, j->active->rows, j->active->row_count,
             file_row_width(&j->layout));
    pthread_mutex_unlock(&j->files.lock);
    producer_save(&j->tail.producers, out);
    put_groups(out, j);
    if (seal(out) != HR_OK) {
        side_free(image);
        return NULL;
    }
    j->side_at = j->tail.position;
    j->are_groups_unsaved = false;
    return image;
}

void side_free(side_image *image)
{
    if (image != NULL) {
        hr_buf_fini(&image->bytes);
        free(image);
    }
}

static int put_bytes(journal *j, const hr_buf *bytes)
{
    char aside[16];
    const char *name = side_name(hr_load_u64(bytes->data + 16));
    int failed = disk_write_aside(j->folder, name, bytes->data, bytes->size);
    if (failed == 0) {
        hr_counter_add(j->metrics.written_bytes, bytes->size);
        memcpy(aside, name, 6);
        memcpy(aside + 6, ".tmp", 5);
        failed = disk_rename(j->folder, aside, name);
    }
    return failed == 0 ? disk_sync_folder(j->folder) : failed;
}

void side_put(journal *j, const side_image *image, uint64_t round)
{
    pthread_mutex_lock(&j->side_lock);
    int failed = image != NULL ? put_bytes(j, &image->bytes) : ENOMEM;
    j->side_tried = round;
    j->side_failed = failed;
    pthread_cond_broadcast(&j->side_moved);
    pthread_mutex_unlock(&j->side_lock);
    if (failed != 0) {
        /* The older one stays; the next start reads more. */
        hr_logline(HR_LEVEL_WARN, "log.side", "error=%s", strerrorname_np(failed));
    }
}

static hr_err load_layout(hr_cursor *in, log_layout *layout)
{
    log_topic topics[LOG_TOPICS_MAX] = {0};
    uint32_t count = hr_cursor_u32(in);
    uint64_t total = 0;
    if (count > LOG_TOPICS_MAX) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *name = hr_cursor_take(in, LOG_TOPIC_NAME_MAX);
        topics[i].partition_count = hr_cursor_u32(in);
        total += topics[i].partition_count;
        if (name == NULL || total > LOG_PARTITIONS_MAX) {
            return HR_CORRUPT;
        }
        memcpy(topics[i].name, name, LOG_TOPIC_NAME_MAX - 1);
    }
    layout_init(layout, topics, count);
    return HR_OK;
}

static hr_err load_rows(hr_cursor *in, side_seed *seed)
{
    size_t width = file_row_width(&seed->layout);
    seed->file_seq = hr_cursor_u64(in);
    seed->file_base = hr_cursor_u64(in);
    seed->row_count = hr_cursor_u32(in);
    if (in->short_read || seed->row_count > hr_cursor_left(in) / (width * 8)) {
        return HR_CORRUPT;
    }
    seed->rows = malloc(seed->row_count * width * sizeof *seed->rows + 1);
    if (seed->rows == NULL) {
        return HR_NO_MEMORY;
    }
    for (size_t i = 0; i < seed->row_count * width; i++) {
        seed->rows[i] = (int64_t)hr_cursor_u64(in);
    }
    return HR_OK;
}

static hr_err load_groups(hr_cursor *in, journal *j, const log_layout *layout)
{
    uint32_t count = hr_cursor_u32(in);
    if (count > LOG_GROUPS_MAX) {
        return HR_CORRUPT;
    }
    for (uint32_t g = 0; g < count; g++) {
        const uint8_t *name = hr_cursor_take(in, JOURNAL_NAME_MAX + 1);
        if (name == NULL || name[JOURNAL_NAME_MAX] != '\0') {
            return HR_CORRUPT;
        }
        hr_err err = HR_OK;
        journal_group *group = journal_group_make(j, (const char *)name, layout->total, &err);
        if (group == NULL) {
            return err;
        }
        for (uint32_t i = 0; i < layout->total; i++) {
            group->offsets[i] = (int64_t)hr_cursor_u64(in);
        }
    }
    return HR_OK;
}

static hr_err parse(journal *j, hr_cursor *in, side_seed *seed)
{
    seed->commit_min_gap_ms = (int32_t)hr_cursor_u32(in);
    j->side_generation = hr_cursor_u64(in);
    seed->log_id = hr_cursor_u64(in);
    seed->proven = hr_cursor_u64(in);
    log_position position = hr_cursor_u64(in);
    int64_t newest_ms = (int64_t)hr_cursor_u64(in);
    hr_err err = load_layout(in, &seed->layout);
    if (err != HR_OK) {
        return err;
    }
    err = state_init(&seed->state, &seed->layout);
    seed->starts = calloc(seed->layout.total + 1, sizeof *seed->starts);
    if (err != HR_OK || seed->starts == NULL) {
        return HR_NO_MEMORY;
    }
    if (position > (log_position)FRAME_OFFSET_MAX ||
        seed->proven > (log_position)FRAME_OFFSET_MAX) {
        return HR_CORRUPT;
    }
    seed->state.position = position;
    seed->state.newest_ms = newest_ms;
    for (uint32_t i = 0; i < seed->layout.total; i++) {
        seed->starts[i] = (int64_t)hr_cursor_u64(in);
        seed->state.next[i] = (int64_t)hr_cursor_u64(in);
        if (seed->starts[i] < 0 || seed->state.next[i] < seed->starts[i] ||
            seed->state.next[i] > FRAME_OFFSET_MAX) {
            return HR_CORRUPT;
        }
    }
    err = load_kept(in, seed->layout.total, seed->state.kept);
    if (err == HR_OK) {
        err = load_rows(in, seed);
    }
    if (err == HR_OK) {
        err = producer_load(&seed->state.producers, in);
    }
    if (err == HR_OK) {
        err = load_groups(in, j, &seed->layout);
    }
    return err == HR_OK && in->short_read ? HR_CORRUPT : err;
}

typedef struct candidate {
    uint8_t *bytes; /* owned */
    size_t size;
    uint64_t generation;
    bool is_newer_version;
} candidate;

/* Leaves bytes NULL when the file is not there or not whole. An errno of what may go better the
 * next time, memory or files to spare: to go on without would forget the groups for good. */
static int look_at(journal *j, const char *name, candidate *c)
{
    *c = (candidate){0};
    uint32_t tries = 0;
    int failed = 0;
    do {
        failed = disk_load(j->folder, name, SIDE_BYTES_MAX, &c->bytes, &c->size);
    } while (patience_is_bad_place(failed) && patience_wait(&j->patience, ++tries));
    if (failed != 0) {
        c->bytes = NULL;
        bool is_lost = patience_is_bad_place(failed) || failed == EFBIG;
        if (is_lost) {
            hr_logline(HR_LEVEL_WARN, "log.side_damaged", "file=%s error=%s", name,
                       strerrorname_np(failed));
        }
        return failed == ENOENT || is_lost ? 0 : failed;
    }
    hr_cursor in = hr_cursor_of(c->bytes, c->size);
    uint32_t magic = hr_cursor_u32(&in);
    uint32_t crc = hr_cursor_u32(&in);
    uint32_t version = hr_cursor_u32(&in);
    hr_cursor_u32(&in);
    c->generation = hr_cursor_u64(&in);
    if (in.short_read || magic != SIDE_MAGIC || crc != hr_crc32c(0, c->bytes + 8, c->size - 8)) {
        hr_logline(HR_LEVEL_WARN, "log.side_damaged", "file=%s", name);
        free(c->bytes);
        c->bytes = NULL;
        return 0;
    }
    c->is_newer_version = version > SIDE_VERSION;
    return 0;
}

hr_err side_load(journal *j, side_seed *seed, hr_why *why)
{
    candidate both[2] = {0};
    hr_err err = HR_OK;
    *seed = (side_seed){0};
    const candidate *best = NULL;
    for (uint64_t i = 0; err == HR_OK && i < 2; i++) {
        int failed = look_at(j, side_name(i), &both[i]);
        if (failed != 0) {
            err = hr_why_errno(why, failed, "read %s/%s", j->folder, side_name(i));
        } else if (both[i].bytes != NULL &&
                   (best == NULL || both[i].generation > best->generation)) {
            best = &both[i];
        }
    }
    if (err == HR_OK && best != NULL && best->is_newer_version) {
        err = hr_why_set(why, HR_TOO_NEW, "%s/side was written by a newer version", j->folder);
    } else if (err == HR_OK && best != NULL) {
        hr_cursor in = hr_cursor_of(best->bytes + 12, best->size - 12);
        err = parse(j, &in, seed);
        seed->is_found = err == HR_OK;
        if (err == HR_CORRUPT) {
            hr_logline(HR_LEVEL_WARN, "log.side_damaged", "folder=%s", j->folder);
            journal_forget_groups(j);
            side_seed_fini(seed);
            err = HR_OK;
        }
    }
    free(both[0].bytes);
    free(both[1].bytes);
    return err;
}

void side_seed_fini(side_seed *seed)
{
    state_fini(&seed->state);
    free(seed->starts);
    free(seed->rows);
    *seed = (side_seed){0};
}

hr_err side_save_proven(journal *j, const side_seed *seed, log_position proven, hr_why *why)
{
    /* Without a seed, an empty one: it describes nothing but the proven end. */
    log_state empty;
    hr_err err = state_init(&empty, &j->layout);
    if (err != HR_OK) {
        return err;
    }
    const log_state *state = seed->is_found ? &seed->state : &empty;
    const int64_t *starts = seed->is_found ? seed->starts : empty.next;
    hr_buf out;
    hr_buf_init(&out, SIDE_BYTES_MAX);
    put_head(&out, j, ++j->side_generation, proven, state);
    put_offsets(&out, j->layout.total, starts, state->next);
    put_kept(&out, j->layout.total, state->kept);
    put_rows(&out, seed->file_seq, seed->file_base, seed->rows,
             seed->is_found ? seed->row_count : 0, file_row_width(&j->layout));
    producer_save(&state->producers, &out);
    put_groups(&out, j);
    err = seal(&out);
    if (err == HR_OK) {
        int failed = put_bytes(j, &out);
        err = failed == 0 ? HR_OK : hr_why_errno(why, failed, "write %s/side", j->folder);
    }
    hr_buf_fini(&out);
    state_fini(&empty);
    return err;
}

hr_err journal_save_side(journal *j)
{
    pthread_mutex_lock(&j->lock);
    /* One that is on its way already may lack what the caller wants to be saved. */
    uint64_t wanted = j->side_rounds + 1;
    j->is_side_wanted = true;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
    int failed = 0;
    pthread_mutex_lock(&j->side_lock);
    while (j->side_tried < wanted && atomic_load(&j->failed) == 0) {
        pthread_cond_wait(&j->side_moved, &j->side_lock);
    }
    failed = j->side_tried >= wanted ? j->side_failed : EIO;
    pthread_mutex_unlock(&j->side_lock);
    return hr_err_from_errno(failed);
}
