/* core/log/side.h - the side file: what a start would otherwise have to read the whole log for.
 *
 * Two of them, side-0 and side-1, written in turn; the newer valid one counts. It describes the log
 * up to a position, and takes its place only once everything before that position is durable. */
#ifndef LOG_SIDE_H
#define LOG_SIDE_H

#include "journal.h"

/* A side file's bytes, not yet on the disk. */
typedef struct side_image side_image;

/* Append lock held. NULL without memory: the log goes on, the next start takes longer. */
side_image *side_take(journal *j);

/* Write it and put it into its place; what it describes is durable. NULL only tells those in
 * journal_save_side() that this round came to nothing. No lock held. */
void side_put(journal *j, const side_image *image, uint64_t round);
void side_free(side_image *image);

/* What was loaded. Its groups have gone into the journal already. */
typedef struct side_seed {
    bool is_found;
    uint64_t log_id;
    int32_t commit_min_gap_ms;
    log_position proven;
    log_layout layout;
    log_state state;   /* at state.position; its layout is this one's */
    int64_t *starts;   /* owned; where each partition began */
    uint64_t file_seq; /* the file that position lay in */
    log_position file_base;
    int64_t *rows; /* owned; that file's index rows up to there */
    uint32_t row_count;
} side_seed;

/* HR_OK also when there is none that is whole. HR_TOO_NEW. HR_NO_MEMORY. */
HR_MUST_USE hr_err side_load(journal *j, side_seed *seed, hr_why *why);
void side_seed_fini(side_seed *seed);

/* Before recovery cuts anything: the same seed again, with the proven end that was found. */
HR_MUST_USE hr_err side_save_proven(journal *j, const side_seed *seed, log_position proven,
                                    hr_why *why);

#endif
