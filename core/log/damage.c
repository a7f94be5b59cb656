/* core/log/damage.c - remembering what is damaged, and looking for it. */
#include "base/logline.h"
#include "parts.h"

#include <stdlib.h>

static void tell(const journal *j, const log_damage *damage)
{
    if (damage->has_records) {
        hr_logline(HR_LEVEL_ERROR, "log.records_lost", "topic=%s partition=%u from=%lld to=%lld",
                   j->layout.topics[damage->topic].name, (unsigned)damage->partition,
                   (long long)damage->first_offset, (long long)damage->end_offset - 1);
    } else {
        hr_logline(HR_LEVEL_ERROR, "log.damaged", "position=%llu bytes=%llu",
                   (unsigned long long)damage->from,
                   (unsigned long long)(damage->to - damage->from));
    }
}

void journal_damage(const log_damage *damage, void *journal_pointer)
{
    journal *j = journal_pointer;
    tell(j, damage);
    hr_counter_add(j->metrics.damages, 1);
    pthread_mutex_lock(&j->damage_lock);
    if (j->damages == NULL) {
        j->damages = calloc(LOG_DAMAGES_MAX, sizeof *j->damages);
    }
    if (j->damages != NULL && j->damage_count < LOG_DAMAGES_MAX) {
        j->damages[j->damage_count++] = *damage;
    }
    pthread_mutex_unlock(&j->damage_lock);
}

/* Lock held. Make one that is known reach over it as well; false: none is. *is_news: it did not. */
static bool widen_known(journal *j, const log_damage *met, bool *is_news)
{
    for (uint32_t i = 0; i < j->damage_count; i++) {
        log_damage *known = &j->damages[i];
        if (known->has_records && known->topic == met->topic &&
            known->partition == met->partition && met->first_offset < known->end_offset &&
            met->end_offset > known->first_offset) {
            *is_news =
                met->first_offset < known->first_offset || met->end_offset > known->end_offset;
            if (met->first_offset < known->first_offset) {
                known->first_offset = met->first_offset;
            }
            if (met->end_offset > known->end_offset) {
                known->end_offset = met->end_offset;
            }
            return true;
        }
    }
    return false;
}

void journal_damage_met(journal *j, const log_damage *damage)
{
    bool is_news = false;
    pthread_mutex_lock(&j->damage_lock);
    bool is_known = widen_known(j, damage, &is_news);
    pthread_mutex_unlock(&j->damage_lock);
    if (!is_known) {
        journal_damage(damage, j);
    } else if (is_news) {
        tell(j, damage);
    }
}

void journal_damage_each(log_store *log, log_damage_visitor *visit, void *context)
{
    journal *j = journal_of(log);
    for (uint32_t i = 0;; i++) {
        log_damage damage = {0};
        pthread_mutex_lock(&j->damage_lock);
        bool is_there = i < j->damage_count;
        if (is_there) {
            damage = j->damages[i];
        }
        pthread_mutex_unlock(&j->damage_lock);
        if (!is_there) {
            return;
        }
        visit(&damage, context);
    }
}

typedef struct verifier {
    journal *j;
    log_damage_visitor *visit;
    void *context;
    log_verified *result;
    log_state state;
    scan scan;
} verifier;

static void found_damage(const log_damage *damage, void *context)
{
    verifier *v = context;
    v->result->damages++;
    if (v->visit != NULL) {
        v->visit(damage, v->context);
    }
}

static void bad_bytes(verifier *v, log_position from, log_position to)
{
    log_damage damage = {.from = from, .to = to};
    v->state.bad_from = from;
    v->state.bad_to = to;
    found_damage(&damage, v);
}

static void count_frame(verifier *v, const scan_frame *frame)
{
    v->result->frames++;
    v->result->bytes += frame->head.length;
    for (uint32_t i = 0; i < frame->head.batch_count; i++) {
        if (!frame->is_bad[i]) {
            v->result->records += frame_get_batch(frame->bytes, &frame->head, i).count;
        }
    }
}

static hr_err verify_file(verifier *v, journal_file *file, log_position end)
{
    hr_err err = HR_OK;
    scan_frame frame;
    scan_init(&v->scan, file->fd, file->base, end, &v->j->patience);
    for (log_position at = file->base; err == HR_OK && at < end;) {
        switch (scan_look(&v->scan, at, true, &frame)) {
        case SCAN_PARTLY:
            bad_bytes(v, at, at + frame.head.length);
            /* fall through */
        case SCAN_FRAME:
            count_frame(v, &frame);
            err = state_apply(&v->state, &frame, found_damage, v);
            at += frame.head.length;
            break;
        case SCAN_BAD: {
            log_position to = scan_resync(&v->scan, at + 8);
            if (v->scan.failed != 0) {
                err = HR_IO;
                break;
            }
            bad_bytes(v, at, to);
            at = to;
            break;
        }
        case SCAN_STOPPED:
            err = HR_IO;
            break;
        }
    }
    scan_fini(&v->scan);
    return err;
}

/* Beside a running service, retention takes files that a read-only log still has in its list: go on
 * with the one behind. False: there is none. */
static bool pass_taken(verifier *v, log_position *at)
{
    log_position base = *at;
    bool is_there = false;
    for (uint32_t p = 0; p < v->j->layout.total; p++) {
        int64_t next = -1;
        is_there = files_find_behind(&v->j->files, *at, p, &base, &next);
        if (is_there && next > v->state.next[p]) {
            v->state.next[p] = next;
        }
    }
    *at = base;
    return is_there;
}

static hr_err verify_all(verifier *v, log_position appended)
{
    hr_err err = HR_OK;
    log_position at = 0;
    bool is_first = true;
    while (err == HR_OK && at < appended) {
        journal_file *file = NULL;
        err = files_hold(&v->j->files, at, &file);
        if (err == HR_NOT_FOUND && v->j->options.read_only && pass_taken(v, &at)) {
            err = HR_OK;
            continue;
        }
        if (err != HR_OK || file == NULL) {
            break;
        }
        if (!is_first && file->base > at) {
            bad_bytes(v, at, file->base);
        }
        log_position end = atomic_load(&file->end);
        end = end < appended ? end : appended;
        err = verify_file(v, file, end);
        at = end;
        is_first = false;
        files_release(&v->j->files, file);
    }
    return err;
}

hr_err journal_verify(log_store *log, log_damage_visitor *visit, void *context,
                      log_verified *result, hr_why *why)
{
    journal *j = journal_of(log);
    *result = (log_verified){0};
    verifier *v = calloc(1, sizeof *v);
    int64_t *next = malloc((j->layout.total + 1) * sizeof *next);
    if (v == NULL || next == NULL || state_init(&v->state, &j->layout) != HR_OK) {
        free(v);
        free(next);
        return HR_NO_MEMORY;
    }
    v->j = j;
    v->visit = visit;
    v->context = context;
    v->result = result;
    /* A file that goes while we read would look like damage. */
    pthread_mutex_lock(&j->retain_lock);
    pthread_mutex_lock(&j->lock);
    log_position appended = j->tail.position;
    for (uint32_t p = 0; p < j->layout.total; p++) {
        next[p] = j->tail.next[p];
        v->state.next[p] = atomic_load(&j->starts[p]);
    }
    pthread_mutex_unlock(&j->lock);
    hr_err err = verify_all(v, appended);
    if (err == HR_OK) {
        state_learn(&v->state, next, found_damage, v);
    } else {
        hr_why_set(why, err, "reading the journal in %s: %s", j->folder, hr_err_text(err));
    }
    pthread_mutex_unlock(&j->retain_lock);
    state_fini(&v->state);
    free(next);
    free(v);
    return err;
}
