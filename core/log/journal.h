/* core/log/journal.h - the journal: one run of frames on the local disk for all partitions.
 *
 * append.c writes frames, commit.c makes them durable, recover.c opens what a crash left, side.c
 * keeps what need not be read again, journal_reader.c reads, group.c and retain.c let go. */
#ifndef LOG_JOURNAL_H
#define LOG_JOURNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "file.h"
#include "opening.h"
#include "ops.h"
#include "patience.h"
#include "scan.h"

#define JOURNAL_FILE_BYTES (64u << 20)
#define JOURNAL_RESERVE_BYTES (4u << 20)
#define JOURNAL_HEADROOM_BYTES (1u << 20)
#define JOURNAL_CLOSING_MS 1000        /* without an append, before the closing mark */
#define JOURNAL_RESUME_MS 1000         /* between two looks whether a full disk has space again */
#define JOURNAL_SIDE_BYTES (16u << 20) /* of journal between two side files */
#define JOURNAL_GROUPS_MS 5000         /* a group's offset waits this long for the side file */
#define JOURNAL_FULL_MARK_SHARE 64     /* a mark with offsets may cost 1/64 of what it marks */
#define JOURNAL_FLOORS_MAX 256         /* HR_TOO_BIG above */
#define JOURNAL_NAME_MAX 64

typedef struct journal_group {
    char name[JOURNAL_NAME_MAX + 1];
    int64_t *offsets; /* owned; one for each partition, -1: none */
} journal_group;

typedef struct journal_floor {
    char name[JOURNAL_NAME_MAX + 1];
    uint32_t flat;
    int64_t offset;
} journal_floor;

typedef struct journal_metrics {
    hr_counter *frames;
    hr_counter *record_bytes;
    hr_counter *written_bytes;
    hr_counter *commits;
    hr_counter *damages;
    hr_counter *producer_gap;
    hr_counter *skipped;
    hr_counter *files_removed;
    hr_gauge *bytes;
    hr_histogram *commit_seconds;
} journal_metrics;

typedef struct journal {
    log_store store; /* first */

    /* Never changes after opening. */
    char folder[DISK_PATH_MAX];
    log_options options; /* its topics and folder are not ours to keep */
    log_layout layout;
    uint64_t log_id;
    int32_t commit_min_gap_ms;
    int32_t measured_gap_ms; /* what the disk was found to need; -1: not measured */
    int lock_fd;
    hr_metrics *own_metrics; /* when the caller gave none */
    journal_metrics metrics;
    journal_files files;
    patience patience; /* its own threads' rules */

    /* The append lock and what it protects. */
    pthread_mutex_t lock;
    pthread_cond_t work; /* the commit thread waits here */
    log_state tail;      /* of everything appended */
    journal_file *active;
    uint64_t next_seq;        /* the next file's number */
    log_position first_frame; /* behind the active file's opening, if this run began it */
    uint64_t reserved;        /* of the active file, from its beginning */
    uint8_t *buffer;          /* owned; the frame being written */
    size_t buffer_size;
    log_position commit_wanted;
    log_position full_mark_at;    /* end of the last mark with offsets */
    log_position closing_mark_at; /* end of the last closing mark */
    log_position side_at;         /* what the newest side file describes */
    uint64_t side_generation;
    uint64_t side_rounds;    /* side files begun by this process */
    kept_record *start_kept; /* owned; what was kept at each partition's start */
    int64_t *commit_next;    /* owned; the commit thread's copy of tail.next */
    bool is_folder_unsynced;
    bool are_groups_unsaved;
    bool is_committer_asleep;
    bool is_stopping;
    bool is_side_wanted;
    journal_group groups[LOG_GROUPS_MAX];
    uint32_t group_count;
    journal_floor floors[JOURNAL_FLOORS_MAX];
    uint32_t floor_count;
    log_listener *listeners[LOG_LISTENERS_MAX];
    void *listener_contexts[LOG_LISTENERS_MAX];
    uint32_t listener_count;

    pthread_mutex_t retain_lock; /* one retention at a time; taken before the append lock */

    /* The side file on its way to the disk, protected by side_lock. */
    pthread_mutex_t side_lock;
    pthread_cond_t side_moved;
    uint64_t side_tried; /* the last of side_rounds that came to an end, written or not */
    int side_failed;     /* the errno that came of it */

    /* Published: written under the append lock (durable: by the commit thread), read by anyone. */
    _Atomic log_position appended;
    _Atomic log_position durable;
    _Atomic log_position first_base; /* where the oldest file begins */
    _Atomic int64_t *starts;         /* owned, one for each partition */
    _Atomic int64_t *appended_next;  /* owned */
    _Atomic int64_t *durable_next;   /* owned */
    _Atomic int failed;              /* the errno that ended it, 0 while well */
    _Atomic bool is_full;
    _Atomic bool is_health_news; /* listeners are to hear of a change */

    /* Waiting, for either end (by log_visibility): many wait for what is committed, and an append
     * must not wake them. wait_lock protects nothing else. */
    pthread_mutex_t wait_lock;
    pthread_cond_t moved[2];
    _Atomic uint32_t waiters[2];
    _Atomic uint64_t wakes;
    uint64_t serial; /* no other log of this process has it; never changes */

    /* Damage found so far, protected by damage_lock. */
    pthread_mutex_t damage_lock;
    log_damage *damages; /* owned, LOG_DAMAGES_MAX of them once there is one */
    uint32_t damage_count;

    pthread_t committer;
    bool has_committer;
} journal;

static inline journal *journal_of(log_store *log)
{
    return (journal *)log;
}

extern const log_ops journal_ops;

#endif
