/* core/log/parts.h - what the journal's source files offer each other. */
#ifndef LOG_PARTS_H
#define LOG_PARTS_H

#include "journal.h"

/* ---- journal.c ---- */

/* Once the layout is known: what has one entry for each partition. */
HR_MUST_USE hr_err journal_make_arrays(journal *j);

/* Set commit_min_gap_ms; measures the disk if nobody has said or measured it before. */
HR_MUST_USE hr_err journal_measure(journal *j, hr_why *why);

/* For tests: free everything and leave the disk as it is, as if the process had been killed. */
void journal_abandon(log_store *log);

/* ---- append.c ---- */
hr_err journal_append(log_store *log, const log_batch *batches, uint32_t batch_count,
                      const log_producer *producer, int64_t *first_offsets, log_position *end);
uint64_t journal_producer_expected(log_store *log, uint64_t id, uint64_t epoch,
                                   uint64_t oldest_seq);

/* Append lock held. Begin a new file; the old one ends at tail.position. An errno. */
HR_MUST_USE int journal_roll(journal *j);

/* Append lock held. Space for size more bytes in the active file and a mark. An errno. */
HR_MUST_USE int journal_reserve(journal *j, uint64_t size);

/* Append lock held. Write a mark behind the last frame. An errno. */
HR_MUST_USE int journal_mark(journal *j, bool with_offsets);

/* Append lock held, or nobody else there yet. The file that a full disk is given back. An errno. */
HR_MUST_USE int journal_make_headroom(journal *j);

/* The log has failed for good: nothing more is acknowledged. Any thread, any lock. */
void journal_fail(journal *j, int errno_value, const char *doing);

/* Append lock held. The disk is full: give the headroom back, stop appending. */
void journal_set_full(journal *j);

/* Is the journal larger than options.hard_bytes? */
bool journal_is_above_hard_limit(const journal *j);

/* ---- commit.c ---- */
HR_MUST_USE hr_err journal_start_committer(journal *j);
void journal_stop_committer(journal *j);
log_position journal_wait(log_store *log, log_visibility visibility, log_position seen,
                          int32_t timeout_ms);
void journal_wake(log_store *log);
void journal_commit_soon(log_store *log);
hr_err journal_listen(log_store *log, log_listener *listener, void *context);

/* Wake those in log_wait() for that end, if there are any. No lock held. */
void journal_wake_waiters(journal *j, log_visibility visibility);

/* Wake everyone in log_wait(). No lock held. */
void journal_wake_all(journal *j);

/* Make everything appended durable now, with a closing mark; for closing, when nobody appends. */
HR_MUST_USE hr_err journal_commit_all(journal *j);

/* ---- side.c ---- */

/* Write the side file for what is appended now, once that is durable. starts: where partitions
 * begin from now on. Any thread, no lock held. */
HR_MUST_USE hr_err journal_save_side(journal *j);

/* ---- recover.c ---- */
HR_MUST_USE hr_err journal_recover(journal *j, hr_why *why);

/* Read-only logs: read on from where the log ended, and into files that came since. */
HR_MUST_USE hr_err journal_follow(journal *j, hr_why *why);

/* ---- find.c ---- */

/* A file of the folder, before it is known what is in it. */
typedef struct found_file {
    uint64_t seq;
    uint64_t size;
    log_position base;
    bool has_opening;
    int64_t newest_ms; /* both from the opening */
    int64_t *next;     /* owned; NULL without an opening */
} found_file;

typedef struct found_files {
    found_file *list; /* owned; by base */
    uint32_t count;
    uint32_t capacity;
    uint64_t seq_max;        /* of all names, also of files that hold nothing */
    uint64_t unread_seq_max; /* of those of which nothing could be read; 0: there is none */
    bool has_layout;
    log_layout layout;
    uint64_t log_id;
} found_files;

/* Look at every journal file in the folder. HR_TOO_NEW: one is a newer version's. HR_CORRUPT: two
 * of them belong to different logs. HR_GONE: read-only, and one went meanwhile. */
HR_MUST_USE hr_err find_files(journal *j, found_files *found, hr_why *why);
void found_fini(found_files *found);

/* ---- tidy.c ---- */

/* While opening: drop what crashes have left beside the journal. */
void journal_tidy(journal *j);

/* ---- kept.c ---- */
hr_err journal_kept(log_store *log, uint8_t topic, uint16_t partition,
                    uint8_t bytes[LOG_KEPT_BYTES_MAX], size_t *size);

/* No lock held. Read again what the first file's opening says of records before it. */
void journal_load_kept(journal *j);

/* ---- damage.c ---- */
void journal_damage(const log_damage *damage, void *journal_pointer); /* a log_damage_visitor */

/* The same, unless it has been told: many readers meet it. */
void journal_damage_met(journal *j, const log_damage *damage);
void journal_damage_each(log_store *log, log_damage_visitor *visit, void *context);
hr_err journal_verify(log_store *log, log_damage_visitor *visit, void *context,
                      log_verified *result, hr_why *why);

/* ---- journal_reader.c ---- */
hr_err journal_reader_open(log_store *log, uint8_t topic, uint16_t partition, int64_t offset,
                           log_visibility visibility, log_reader **out);
void journal_reader_close(log_reader *reader);
hr_err journal_reader_next(log_reader *reader, log_view *view, hr_why *why);
int64_t journal_reader_offset(const log_reader *reader);
void journal_reader_seek(log_reader *reader, int64_t offset);
int64_t journal_offset_at(log_store *log, uint8_t topic, uint16_t partition, int64_t append_ms);

/* ---- group.c and retain.c ---- */
hr_err journal_group_commit(log_store *log, const char *group, uint8_t topic, uint16_t partition,
                            int64_t offset);
int64_t journal_group_offset(log_store *log, const char *group, uint8_t topic, uint16_t partition);
void journal_group_each(log_store *log, log_group_visitor *visit, void *context);

/* Append lock held (or nobody else there yet). NULL: LOG_GROUPS_MAX or no memory, see *err. */
journal_group *journal_group_make(journal *j, const char *name, uint32_t partitions, hr_err *err);

/* Nobody else there yet. */
void journal_forget_groups(journal *j);
hr_err journal_floor_set(log_store *log, const char *name, uint8_t topic, uint16_t partition,
                         int64_t offset);
hr_err journal_retain(log_store *log, hr_why *why);
hr_err journal_let_go(log_store *log, hr_why *why);

#endif
