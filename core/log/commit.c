/* core/log/commit.c - the thread that makes what is appended durable, and those who wait for it. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/logline.h"
#include "parts.h"
#include "side.h"

/* Which wake-ups of which log this thread has heard of, so that one between its looking and its
 * waiting is not lost. A thread that waits on more logs than these looks once too often. */
#define HEARD_LOGS 4
typedef struct heard_wakes {
    uint64_t log_serial;
    uint64_t wakes;
} heard_wakes;
static _Thread_local heard_wakes heard_list[HEARD_LOGS];
static _Thread_local uint32_t heard_next;

static uint64_t *heard_of(const journal *j)
{
    for (uint32_t i = 0; i < HEARD_LOGS; i++) {
        if (heard_list[i].log_serial == j->serial) {
            return &heard_list[i].wakes;
        }
    }
    heard_wakes *heard = &heard_list[heard_next++ % HEARD_LOGS];
    *heard = (heard_wakes){.log_serial = j->serial};
    return &heard->wakes;
}

/* Pacing follows the machine's clock: a test's clock that stands still must not stop commits. */
static int64_t mono_ns(void)
{
    return hr_clock_mono_ns(hr_clock_real());
}

static struct timespec deadline_of(int64_t at_ns)
{
    /* CLOCK_MONOTONIC's zero need not be hr_clock's: only the distance counts. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t distance_ns = at_ns - mono_ns();
    int64_t ns = now.tv_nsec + (distance_ns > 0 ? distance_ns : 0);
    return (struct timespec){.tv_sec = now.tv_sec + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

void journal_wake_waiters(journal *j, log_visibility visibility)
{
    /* A waiter counts itself before it looks at the end, and the end was published before this
     * load; both are sequentially consistent, so one of the two sees the other. */
    if (atomic_load(&j->waiters[visibility]) == 0) {
        return;
    }
    pthread_mutex_lock(&j->wait_lock);
    pthread_cond_broadcast(&j->moved[visibility]);
    pthread_mutex_unlock(&j->wait_lock);
}

void journal_wake_all(journal *j)
{
    journal_wake_waiters(j, LOG_COMMITTED);
    journal_wake_waiters(j, LOG_APPENDED);
}

static log_position visible_end(journal *j, log_visibility visibility)
{
    return atomic_load(visibility == LOG_COMMITTED ? &j->durable : &j->appended);
}

/* Nobody tells a read-only log that the file has grown: it looks. */
#define FOLLOW_EVERY_MS 20

static void follow(journal *j)
{
    hr_why why;
    hr_err err = journal_follow(j, &why);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "log.follow", "error=%s", why.text);
    }
}

log_position journal_wait(log_store *log, log_visibility visibility, log_position seen,
                          int32_t timeout_ms)
{
    journal *j = journal_of(log);
    int64_t end_ns = timeout_ms < 0 ? INT64_MAX : mono_ns() + (int64_t)timeout_ms * 1000000;
    bool is_over = false;
    uint64_t *heard = heard_of(j);
    atomic_fetch_add(&j->waiters[visibility], 1);
    pthread_mutex_lock(&j->wait_lock);
    while (!is_over && atomic_load(&j->wakes) == *heard && atomic_load(&j->failed) == 0) {
        if (j->options.read_only) {
            pthread_mutex_unlock(&j->wait_lock);
            follow(j);
            pthread_mutex_lock(&j->wait_lock);
        }
        if (visible_end(j, visibility) > seen) {
            break;
        }
        int64_t next_ns = end_ns;
        if (j->options.read_only && next_ns - mono_ns() > FOLLOW_EVERY_MS * 1000000ll) {
            next_ns = mono_ns() + FOLLOW_EVERY_MS * 1000000ll;
        }
        if (next_ns == INT64_MAX) {
            pthread_cond_wait(&j->moved[visibility], &j->wait_lock);
        } else {
            struct timespec deadline = deadline_of(next_ns);
            int result = pthread_cond_timedwait(&j->moved[visibility], &j->wait_lock, &deadline);
            is_over = result == ETIMEDOUT && next_ns == end_ns;
        }
    }
    *heard = atomic_load(&j->wakes);
    pthread_mutex_unlock(&j->wait_lock);
    atomic_fetch_sub(&j->waiters[visibility], 1);
    return visible_end(j, visibility);
}

void journal_wake(log_store *log)
{
    journal *j = journal_of(log);
    atomic_fetch_add(&j->wakes, 1);
    journal_wake_all(j);
}

void journal_commit_soon(log_store *log)
{
    journal *j = journal_of(log);
    pthread_mutex_lock(&j->lock);
    j->commit_wanted = j->tail.position;
    if (j->is_committer_asleep) {
        pthread_cond_signal(&j->work);
    }
    pthread_mutex_unlock(&j->lock);
}

hr_err journal_listen(log_store *log, log_listener *listener, void *context)
{
    journal *j = journal_of(log);
    hr_err err = HR_TOO_BIG;
    pthread_mutex_lock(&j->lock);
    if (j->listener_count < LOG_LISTENERS_MAX) {
        j->listener_contexts[j->listener_count] = context;
        j->listeners[j->listener_count] = listener;
        j->listener_count++;
        err = HR_OK;
    }
    pthread_mutex_unlock(&j->lock);
    return err;
}

/* No lock held. Listeners are only ever added, and before the first append. */
static void tell_listeners(journal *j, uint32_t count)
{
    log_position durable = atomic_load(&j->durable);
    for (uint32_t i = 0; i < count; i++) {
        j->listeners[i](durable, j->listener_contexts[i]);
    }
}

/* Sync the closed files that need it, oldest first, then the active one. An errno. */
static int sync_files(journal *j, journal_file *active, bool with_folder)
{
    int failed = 0;
    for (journal_file *file; failed == 0 && (file = files_hold_unsynced(&j->files)) != NULL;) {
        failed = fdatasync(file->fd) == 0 ? 0 : errno;
        if (failed == 0) {
            files_set_synced(&j->files, file);
        }
        files_release(&j->files, file);
    }
    if (failed == 0 && fdatasync(active->fd) != 0) {
        failed = errno;
    }
    if (failed == 0 && with_folder) {
        failed = disk_sync_folder(j->folder);
    }
    return failed;
}

static void publish_durable(journal *j, log_position target)
{
    for (uint32_t i = 0; i < j->layout.total; i++) {
        atomic_store_explicit(&j->durable_next[i], j->commit_next[i], memory_order_release);
    }
    atomic_store(&j->durable, target);
}

/* Save the rows of files that were closed; they only save reading at the next start. */
static void save_indexes(journal *j)
{
    for (journal_file *file; (file = files_hold_unindexed(&j->files)) != NULL;) {
        uint64_t written = 0;
        hr_err err = file_index_save(&j->files, file, j->log_id, &written);
        hr_counter_add(j->metrics.written_bytes, written);
        if (err != HR_OK) {
            hr_logline(HR_LEVEL_WARN, "log.index", "seq=%llu error=%s",
                       (unsigned long long)file->seq, hr_err_name(err));
        }
        files_release(&j->files, file);
    }
}

typedef struct commit_plan {
    log_position target;
    journal_file *active;
    bool with_folder;
    bool is_side_due;
    side_image *side; /* may be NULL even so: no memory */
    uint64_t side_round;
} commit_plan;

/* Append lock held. Write the mark and take down what must be synced. An errno. */
static int plan_commit(journal *j, bool is_closing, commit_plan *plan)
{
    bool is_side_due = j->is_side_wanted || j->tail.position - j->side_at >= JOURNAL_SIDE_BYTES;
    if (j->tail.position > atomic_load(&j->durable) || is_closing) {
        int failed = journal_mark(j, is_closing);
        if (failed == ENOSPC || failed == EDQUOT) {
            /* A commit without a mark proves nothing to recovery, yet makes durable. */
            journal_set_full(j);
        } else if (failed != 0) {
            return failed;
        }
    }
    *plan = (commit_plan){.target = j->tail.position,
                          .with_folder = j->is_folder_unsynced,
                          .is_side_due = is_side_due};
    j->is_folder_unsynced = false;
    j->is_side_wanted = false;
    memcpy(j->commit_next, j->tail.next, j->layout.total * sizeof j->commit_next[0]);
    pthread_mutex_lock(&j->files.lock);
    plan->active = j->active;
    plan->active->refs++;
    pthread_mutex_unlock(&j->files.lock);
    if (is_side_due) {
        plan->side_round = ++j->side_rounds;
        plan->side = side_take(j);
    }
    return 0;
}

/* Append lock held on entry and on return, not in between. */
static hr_err commit_once(journal *j, bool is_closing)
{
    commit_plan plan;
    uint32_t listener_count = j->listener_count;
    int failed = plan_commit(j, is_closing, &plan);
    if (failed != 0) {
        journal_fail(j, failed, "mark");
        return HR_IO;
    }
    pthread_mutex_unlock(&j->lock);
    int64_t began_ns = mono_ns();
    failed = sync_files(j, plan.active, plan.with_folder);
    files_release(&j->files, plan.active);
    if (failed == 0) {
        publish_durable(j, plan.target);
        journal_wake_waiters(j, LOG_COMMITTED);
        tell_listeners(j, listener_count);
        hr_histogram_record(j->metrics.commit_seconds, (uint64_t)(mono_ns() - began_ns));
        hr_counter_add(j->metrics.commits, 1);
        hr_gauge_set(j->metrics.bytes, (int64_t)(plan.target - atomic_load(&j->first_base)));
        save_indexes(j);
        if (plan.is_side_due) {
            side_put(j, plan.side, plan.side_round);
        }
    } else {
        /* Never tried again: the kernel may call pages clean that it has lost. */
        journal_fail(j, failed, "fdatasync");
    }
    side_free(plan.side);
    pthread_mutex_lock(&j->lock);
    if (failed == 0 && is_closing) {
        j->closing_mark_at = plan.target;
    }
    return failed == 0 ? HR_OK : HR_IO;
}

hr_err journal_commit_all(journal *j)
{
    hr_err err = HR_OK;
    pthread_mutex_lock(&j->lock);
    if (j->tail.position > atomic_load(&j->durable)) {
        err = commit_once(j, false);
    }
    if (err == HR_OK && atomic_load(&j->durable) > j->closing_mark_at) {
        err = commit_once(j, true);
    } else if (err == HR_OK && j->is_side_wanted) {
        err = commit_once(j, false);
    }
    pthread_mutex_unlock(&j->lock);
    return err;
}

/* Append lock held. Is there space again? The headroom must fit beside the next step. */
static void try_resume(journal *j)
{
    int failed = journal_make_headroom(j);
    if (failed == 0) {
        failed = journal_reserve(j, j->options.reserve_bytes);
    }
    if (failed == 0) {
        hr_logline(HR_LEVEL_INFO, "log.resumed", "folder=%s", j->folder);
        atomic_store(&j->is_full, false);
        atomic_store(&j->is_health_news, true);
        return;
    }
    failed = disk_remove(j->folder, "headroom");
    if (failed != 0 && failed != ENOENT) {
        hr_logline(HR_LEVEL_WARN, "log.headroom", "error=%s", strerrorname_np(failed));
    }
}

/* When the commit thread must next look, without being called. */
typedef struct pace {
    int64_t last_commit_ns;
    int64_t last_resume_ns;
    int64_t groups_due_ns; /* 0: nothing to save */
} pace;

static void sleep_until(journal *j, int64_t at_ns)
{
    j->is_committer_asleep = true;
    if (at_ns == INT64_MAX) {
        pthread_cond_wait(&j->work, &j->lock);
    } else {
        struct timespec deadline = deadline_of(at_ns);
        pthread_cond_timedwait(&j->work, &j->lock, &deadline);
    }
    j->is_committer_asleep = false;
}

/* Append lock held. Does what is due, or returns the time when something will be. 0: look again. */
static int64_t commit_step(journal *j, pace *p)
{
    int64_t now = mono_ns();
    int64_t next = INT64_MAX;
    if (atomic_load(&j->is_full)) {
        next = p->last_resume_ns + JOURNAL_RESUME_MS * 1000000ll;
        if (now >= next) {
            p->last_resume_ns = now;
            try_resume(j);
            return 0;
        }
    }
    log_position durable = atomic_load(&j->durable);
    int64_t due = INT64_MAX;
    bool is_closing = false;
    if (j->commit_wanted > durable || j->is_side_wanted) {
        due = p->last_commit_ns + j->commit_min_gap_ms * 1000000ll;
    } else if (durable > j->closing_mark_at) {
        due = p->last_commit_ns + j->options.closing_mark_ms * 1000000ll;
        is_closing = true;
    }
    if (j->are_groups_unsaved && p->groups_due_ns == 0) {
        p->groups_due_ns = now + JOURNAL_GROUPS_MS * 1000000ll;
    }
    if (p->groups_due_ns != 0 && now >= p->groups_due_ns) {
        p->groups_due_ns = 0;
        j->is_side_wanted = true;
        return 0;
    }
    if (now >= due) {
        p->last_commit_ns = now;
        hr_err err = commit_once(j, is_closing);
        return err == HR_OK ? 0 : INT64_MAX;
    }
    next = due < next ? due : next;
    return p->groups_due_ns != 0 && p->groups_due_ns < next ? p->groups_due_ns : next;
}

static void *commit_main(void *argument)
{
    journal *j = argument;
    pace p = {0};
    pthread_mutex_lock(&j->lock);
    while (!j->is_stopping) {
        if (atomic_exchange(&j->is_health_news, false)) {
            uint32_t count = j->listener_count;
            pthread_mutex_unlock(&j->lock);
            journal_wake_all(j);
            tell_listeners(j, count);
            pthread_mutex_lock(&j->lock);
            continue;
        }
        int64_t next = atomic_load(&j->failed) == 0 ? commit_step(j, &p) : INT64_MAX;
        if (next != 0 && !j->is_stopping && !atomic_load(&j->is_health_news)) {
            sleep_until(j, next);
        }
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

hr_err journal_start_committer(journal *j)
{
    if (pthread_create(&j->committer, NULL, commit_main, j) != 0) {
        return HR_NO_MEMORY;
    }
    j->has_committer = true;
    return HR_OK;
}

void journal_stop_committer(journal *j)
{
    if (!j->has_committer) {
        return;
    }
    pthread_mutex_lock(&j->lock);
    j->is_stopping = true;
    pthread_cond_signal(&j->work);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->committer, NULL);
    j->has_committer = false;
}
