/* core/log/recover.c - opens what a clean stop, a crash or a power cut left behind.
 *
 * Below the proven end (the highest in any valid mark or in the side file) bad bytes are damage:
 * they stay, readers step over them, what is lost is told exactly. Above it the first bad frame
 * begins a torn tail, which nobody was told to be durable: it is cut. */
#include "recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"

static hr_err take_layout(recovery *r, hr_why *why)
{
    journal *j = r->j;
    const log_options *options = &j->options;
    log_layout wanted;
    layout_init(&wanted, options->topics, options->topic_count);
    bool is_new = !r->found.has_layout && !r->seed.is_found;
    if (is_new && r->found.unread_seq_max > 0) {
        /* Beside a new log the old one could never be read again. */
        return hr_why_set(why, HR_IO, "nothing of the journal in %s can be read", j->folder);
    }
    if (is_new && (options->topic_count == 0 || options->read_only)) {
        return hr_why_set(why, HR_NOT_FOUND, "there is no log in %s", j->folder);
    }
    j->layout = r->found.has_layout ? r->found.layout : r->seed.is_found ? r->seed.layout : wanted;
    if (!is_new) {
        /* Else it is the random one that the journal was given. */
        j->log_id = r->found.has_layout ? r->found.log_id : r->seed.log_id;
    }
    if (r->found.has_layout && r->seed.is_found &&
        (r->found.log_id != r->seed.log_id || !layout_equal(&r->found.layout, &r->seed.layout))) {
        return hr_why_set(why, HR_CORRUPT, "side file and journal in %s are of different logs",
                          j->folder);
    }
    if (options->topic_count > 0 && !layout_equal(&wanted, &j->layout)) {
        return hr_why_set(why, HR_INVALID, "%s was made with other topics or partitions",
                          j->folder);
    }
    return HR_OK;
}

static hr_err add_files(recovery *r)
{
    for (uint32_t i = 0; i < r->found.count; i++) {
        const found_file *f = &r->found.list[i];
        journal_file *file = file_new(f->seq, f->base);
        if (file == NULL || files_add(&r->j->files, file) != HR_OK) {
            file_free(file);
            return HR_NO_MEMORY;
        }
        if (i + 1 < r->found.count) {
            log_position end = f->base + f->size;
            log_position next = r->found.list[i + 1].base;
            atomic_store(&file->end, end < next ? end : next);
        }
    }
    return HR_OK;
}

static hr_err merge_producers(recovery *r)
{
    const producer_table *from = &r->seed.state.producers;
    for (uint32_t i = 0; i < from->slot_count; i++) {
        const producer_entry *entry = &from->slots[i];
        if (entry->id == 0) {
            continue;
        }
        const producer_entry *known = producer_find(&r->state.producers, entry->id, entry->epoch);
        if (known != NULL && known->next_seq >= entry->next_seq) {
            continue;
        }
        if (producer_reserve(&r->state.producers) != HR_OK) {
            return HR_NO_MEMORY;
        }
        producer_set(&r->state.producers, *entry);
    }
    return HR_OK;
}

/* Where reading begins: at the side file's place, or at the beginning of everything. */
static hr_err choose_start(recovery *r)
{
    const log_state *known = &r->seed.state;
    uint32_t i = 0;
    while (r->seed.is_found && i < r->found.count && r->found.list[i].base != r->seed.file_base) {
        i++;
    }
    r->is_seeded = r->seed.is_found && i < r->found.count && known->position > 0 &&
                   known->position <= r->found.list[i].base + r->found.list[i].size;
    r->first = r->is_seeded ? i : 0;
    hr_err err = state_init(&r->state, &r->j->layout);
    if (err != HR_OK) {
        return err;
    }
    if (!r->is_seeded) {
        const found_file *f = r->found.count > 0 ? r->found.list : NULL;
        bool is_known = f == NULL || f->base == 0 || f->has_opening;
        r->state.position = f != NULL ? f->base : 0;
        for (uint32_t p = 0; p < r->j->layout.total; p++) {
            bool has_next = f != NULL && f->next != NULL;
            r->state.next[p] = !is_known ? -1 : has_next ? f->next[p] : 0;
        }
        return HR_OK;
    }
    r->state.position = known->position;
    r->state.newest_ms = known->newest_ms;
    memcpy(r->state.next, known->next, r->j->layout.total * sizeof *known->next);
    memcpy(r->state.kept, known->kept, r->j->layout.total * sizeof *known->kept);
    /* A copy: the seed may have to be written again. */
    size_t size = r->seed.row_count * file_row_width(&r->j->layout) * sizeof *r->seed.rows;
    journal_file *file = r->j->files.list[i];
    file->rows = malloc(size + 1);
    if (file->rows == NULL) {
        return HR_NO_MEMORY;
    }
    memcpy(file->rows, r->seed.rows, size);
    file->row_count = r->seed.row_count;
    file->row_capacity = r->seed.row_count;
    return merge_producers(r);
}

/* Where a file ends: what stands in it behind the next one's beginning does not count. */
static log_position limit_of(const recovery *r, uint32_t i)
{
    const found_file *f = &r->found.list[i];
    log_position end = f->base + f->size;
    bool has_next = i + 1 < r->found.count;
    return has_next && r->found.list[i + 1].base < end ? r->found.list[i + 1].base : end;
}

/* The highest proven end in the marks of one file, read from a place on; marks are told by their
 * heads, so batches are not looked at, and bad bytes are stepped over. */
static hr_err find_marks(recovery *r, uint32_t i, log_position from, bool *has_mark)
{
    const found_file *f = &r->found.list[i];
    journal_file *file = NULL;
    hr_err err = files_hold(&r->j->files, f->base, &file);
    if (err != HR_OK || file == NULL) {
        return err != HR_OK ? err : HR_IO;
    }
    scan_init(r->scan, file->fd, f->base, limit_of(r, i), &r->j->patience);
    scan_frame frame;
    for (log_position at = from; at < r->scan->limit;) {
        if (scan_look(r->scan, at, false, &frame) != SCAN_FRAME) {
            at = r->scan->failed == 0 ? scan_resync(r->scan, at + 8) : r->scan->limit;
            continue;
        }
        if (frame.head.kind == FRAME_MARK) {
            log_position proven = (log_position)frame.head.value;
            *has_mark = true;
            /* A mark proves only what stands before it. */
            r->proven = proven > r->proven && proven <= at ? proven : r->proven;
        }
        at += frame.head.length;
    }
    err = hr_err_from_errno(r->scan->failed);
    scan_fini(r->scan);
    files_release(&r->j->files, file);
    return err;
}

static hr_err find_proven(recovery *r)
{
    hr_err err = HR_OK;
    bool has_mark = false;
    r->proven = r->seed.is_found ? r->seed.proven : 0;
    for (uint32_t i = r->found.count; err == HR_OK && !has_mark && i > r->first; i--) {
        const found_file *f = &r->found.list[i - 1];
        bool is_start = i - 1 == r->first && r->is_seeded;
        err = find_marks(r, i - 1, is_start ? r->state.position : f->base, &has_mark);
    }
    return err;
}

static void note_bad(recovery *r, log_state *state, log_position from, log_position to)
{
    log_damage damage = {.from = from, .to = to};
    state->bad_from = from;
    state->bad_to = to;
    journal_damage(&damage, r->j);
}

/* Look at a frame. Above the proven end one that is not whole ends the log, unless it cannot be
 * read and something stands behind it: a bad sector is no torn write, and the last syncs before a
 * crash are proven by nothing yet. */
static scan_found look(recovery *r, log_position at, bool has_next, scan_frame *frame, bool *counts)
{
    scan *s = r->scan;
    s->is_unread = false;
    scan_found found = scan_look(s, at, true, frame);
    *counts = found == SCAN_FRAME || at < r->proven;
    if (*counts || !s->is_unread || found == SCAN_STOPPED) {
        return found;
    }
    log_position behind = at + (found == SCAN_BAD ? 8 : frame->head.length);
    *counts = scan_resync(s, behind) < s->limit || has_next;
    return s->failed == 0 ? scan_look(s, at, true, frame) : SCAN_STOPPED;
}

/* Count the frames of one file in, from a place on; the log's end, if it lies here, is noted. */
static hr_err read_frames(recovery *r, log_state *state, journal_file *file, log_position from,
                          bool has_next)
{
    scan *s = r->scan;
    scan_frame frame;
    hr_err err = HR_OK;
    log_position at = from;
    while (err == HR_OK && at < s->limit) {
        bool counts = false;
        scan_found found = look(r, at, has_next, &frame, &counts);
        if (found == SCAN_STOPPED) {
            return hr_err_from_errno(s->failed);
        }
        if (!counts) {
            r->is_ended = true;
            break;
        }
        if (found == SCAN_BAD) {
            log_position to = scan_resync(s, at + 8);
            if (s->failed != 0) {
                return hr_err_from_errno(s->failed);
            }
            note_bad(r, state, at, to);
            at = to;
            continue;
        }
        if (found == SCAN_PARTLY) {
            note_bad(r, state, at, at + frame.head.length);
        }
        files_index(&r->j->files, file, at, state->newest_ms, state->next);
        err = state_apply(state, &frame, journal_damage, r->j);
        at += frame.head.length;
    }
    state->position = at;
    return err;
}

/* Read one file. Its state begins with what its opening says. */
static hr_err read_file(recovery *r, log_state *state, uint32_t i, log_position from)
{
    const found_file *f = &r->found.list[i];
    log_position next = i + 1 < r->found.count ? r->found.list[i + 1].base : UINT64_MAX;
    journal_file *file = NULL;
    hr_err err = files_hold(&r->j->files, f->base, &file);
    if (err != HR_OK || file == NULL) {
        return err != HR_OK ? err : HR_IO;
    }
    if (from == f->base) {
        if (f->has_opening) {
            state_learn(state, f->next, journal_damage, r->j);
            state->newest_ms = f->newest_ms > state->newest_ms ? f->newest_ms : state->newest_ms;
        }
        files_index(&r->j->files, file, f->base, state->newest_ms, state->next);
    }
    scan_init(r->scan, file->fd, f->base, limit_of(r, i), &r->j->patience);
    r->scan->kept_type = r->j->options.kept_type;
    err = read_frames(r, state, file, from, next != UINT64_MAX);
    scan_fini(r->scan);
    if (err == HR_OK && !r->is_ended && next != UINT64_MAX) {
        if (state->position < next && state->position >= r->proven) {
            r->is_ended = true;
        } else {
            if (state->position < next) {
                note_bad(r, state, state->position, next);
            }
            files_index_end(&r->j->files, file, next, state->newest_ms, state->next);
            file->newest_ms = state->newest_ms;
        }
    }
    files_release(&r->j->files, file);
    return err;
}

/* What stands before file i: the end of the file before it, if it is next to it. */
static void begin_alone(recovery *r, log_state *alone, uint32_t i)
{
    size_t width = file_row_width(&r->j->layout);
    const journal_file *file = r->j->files.list[i];
    const journal_file *before = i > 0 ? r->j->files.list[i - 1] : NULL;
    bool is_next =
        before != NULL && before->row_count > 0 && atomic_load(&before->end) == file->base;
    for (uint32_t p = 0; p < r->j->layout.total; p++) {
        alone->next[p] = file->base == 0 ? 0 : -1;
    }
    if (is_next) {
        const int64_t *row = before->rows + (before->row_count - 1) * width;
        alone->newest_ms = row[1];
        memcpy(alone->next, row + 2, r->j->layout.total * sizeof *row);
    }
}

/* Files before the start need only their index rows: loaded, or made again by reading. */
static hr_err index_earlier(recovery *r)
{
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < r->first; i++) {
        journal_file *file = r->j->files.list[i];
        err = file_index_load(&r->j->files, file, r->j->log_id);
        if (err != HR_CORRUPT) {
            continue;
        }
        hr_logline(HR_LEVEL_INFO, "log.index_again", "seq=%llu", (unsigned long long)file->seq);
        log_state alone;
        err = state_init(&alone, &r->j->layout);
        if (err == HR_OK) {
            begin_alone(r, &alone, i);
        }
        if (err == HR_OK) {
            err = read_file(r, &alone, i, file->base);
        }
        state_fini(&alone);
    }
    return err;
}

/* Between files whose rows were loaded: is anything missing? */
static void check_seams(recovery *r)
{
    size_t width = file_row_width(&r->j->layout);
    for (uint32_t i = 0; i < r->first; i++) {
        const journal_file *file = r->j->files.list[i];
        const journal_file *next = r->j->files.list[i + 1];
        log_position end = atomic_load(&file->end);
        if (end >= next->base || file->row_count == 0 || next->row_count == 0) {
            continue;
        }
        log_state seam = {.layout = &r->j->layout,
                          .next = file->rows + (file->row_count - 1) * width + 2};
        int64_t *before = malloc(r->j->layout.total * sizeof *before + 1);
        if (before == NULL) {
            continue;
        }
        memcpy(before, seam.next, r->j->layout.total * sizeof *before);
        seam.next = before;
        note_bad(r, &seam, end, next->base);
        state_learn(&seam, next->rows + 2, journal_damage, r->j);
        free(before);
    }
}

/* What the side file knows and the frames do not (any more). */
static hr_err learn_from_seed(recovery *r)
{
    if (!r->seed.is_found) {
        return HR_OK;
    }
    if (r->state.position < r->proven) {
        note_bad(r, &r->state, r->state.position, r->proven);
        r->must_roll = true;
        r->end = r->state.position;
        r->state.position = r->proven;
    }
    if (!r->is_seeded) {
        state_learn(&r->state, r->seed.state.next, journal_damage, r->j);
        return merge_producers(r);
    }
    return HR_OK;
}

void recovery_end_last(recovery *r)
{
    if (r->last < r->found.count) {
        journal_file *file = r->j->files.list[r->last];
        files_index_end(&r->j->files, file, r->state.position, r->state.newest_ms, r->state.next);
        file->newest_ms = r->state.newest_ms;
    }
}

static hr_err read_all(recovery *r)
{
    hr_err err = find_proven(r);
    if (err == HR_OK) {
        err = index_earlier(r);
    }
    if (err != HR_OK) {
        return err;
    }
    check_seams(r);
    r->last = r->first;
    for (uint32_t i = r->first; err == HR_OK && !r->is_ended && i < r->found.count; i++) {
        bool is_start = i == r->first && r->is_seeded;
        r->last = i;
        err = read_file(r, &r->state, i, is_start ? r->state.position : r->found.list[i].base);
    }
    r->end = r->state.position;
    if (r->is_ended && r->end == r->found.list[r->last].base) {
        /* Not even its opening counts: the file before it goes on. */
        r->is_void = r->last == 0;
        r->last -= r->last > 0;
    }
    if (err == HR_OK && !r->is_ended && r->state.position < r->proven) {
        /* A mark or the side file knows of more than there is. */
        r->must_roll = true;
        recovery_end_last(r);
    }
    return err == HR_OK ? learn_from_seed(r) : err;
}

void recovery_publish(recovery *r)
{
    journal *j = r->j;
    const journal_file *first = j->files.count > 0 ? j->files.list[0] : NULL;
    const int64_t *row = first != NULL && first->row_count > 0 ? first->rows + 2 : NULL;
    for (uint32_t p = 0; p < j->layout.total; p++) {
        int64_t next = r->state.next[p] < 0 ? 0 : r->state.next[p];
        int64_t start = row != NULL && row[p] >= 0 ? row[p] : first == NULL ? next : 0;
        r->state.next[p] = next;
        atomic_store(&j->starts[p], start);
        atomic_store(&j->appended_next[p], next);
        atomic_store(&j->durable_next[p], next);
        if (r->seed.is_found && r->seed.state.position > 0 && start > r->seed.starts[p]) {
            log_damage lost = {.has_records = true,
                               .to = first != NULL ? first->base : r->state.position,
                               .first_offset = r->seed.starts[p],
                               .end_offset = start};
            layout_name(&j->layout, p, &lost.topic, &lost.partition);
            journal_damage(&lost, j);
        }
    }
    for (uint32_t g = 0; g < j->group_count; g++) {
        for (uint32_t p = 0; p < j->layout.total; p++) {
            int64_t *offset = &j->groups[g].offsets[p];
            *offset = *offset > r->state.next[p] ? r->state.next[p] : *offset;
        }
    }
    atomic_store(&j->first_base, first != NULL ? first->base : r->state.position);
    j->measured_gap_ms = r->seed.is_found ? r->seed.commit_min_gap_ms : -1;
    j->next_seq = r->found.seq_max + 1;
    j->side_at = r->is_seeded ? r->seed.state.position : 0;
    j->tail = r->state;
    r->state = (log_state){0};
}

hr_err journal_recover(journal *j, hr_why *why)
{
    recovery r = {.j = j, .scan = malloc(sizeof(scan))};
    hr_err err = r.scan != NULL ? side_load(j, &r.seed, why) : HR_NO_MEMORY;
    if (err == HR_OK) {
        err = find_files(j, &r.found, why);
    }
    if (err == HR_OK) {
        err = take_layout(&r, why);
    }
    if (err == HR_OK) {
        err = recovery_set_unread_aside(&r, why);
    }
    if (err == HR_OK) {
        err = journal_make_arrays(j);
    }
    if (err == HR_OK) {
        err = add_files(&r);
    }
    if (err == HR_OK) {
        err = choose_start(&r);
    }
    if (err == HR_OK) {
        err = read_all(&r);
        if (err == HR_NOT_FOUND && j->options.read_only) {
            err = HR_GONE; /* the service beside us has let a file go meanwhile */
        }
        if (err != HR_OK) {
            hr_why_set(why, err, "reading the journal in %s: %s", j->folder, hr_err_text(err));
        }
    }
    if (err == HR_OK && !j->options.read_only) {
        err = recovery_repair(&r, why);
    } else if (err == HR_OK) {
        recovery_adopt(&r);
    }
    side_seed_fini(&r.seed);
    found_fini(&r.found);
    state_fini(&r.state);
    free(r.scan);
    return err;
}
