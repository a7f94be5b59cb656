/* core/log/recover.h - the stages of opening a journal, between recover.c and repair.c. */
#ifndef LOG_RECOVER_H
#define LOG_RECOVER_H

#include "parts.h"
#include "side.h"

typedef struct recovery {
    journal *j;
    found_files found;
    side_seed seed;
    bool is_seeded; /* reading begins where the side file stands */
    uint32_t first; /* the file where reading begins */
    uint32_t last;  /* the file where the log ends */
    log_position proven;
    log_position end; /* of the frames that count */
    bool is_ended;    /* something stands behind the end that does not count */
    bool must_roll;   /* the log goes on behind a hole: in a new file */
    bool is_void;     /* there are files, and not one frame in them counts */
    log_state state;
    scan *scan; /* owned */
} recovery;

/* Put what was read into the journal: ends, starts, groups. */
void recovery_publish(recovery *r);

/* The newest file, if nothing of it can be read, gets another name: the log goes on without it. */
HR_MUST_USE hr_err recovery_set_unread_aside(recovery *r, hr_why *why);

/* The log goes on in a new file, so its last file has ended: as any other, it says where and when,
 * or later starts take its records for lost and its age is never known. */
void recovery_end_last(recovery *r);

/* Cut the torn tail, write again what no completed sync has covered, and prove it with a mark. */
HR_MUST_USE hr_err recovery_repair(recovery *r, hr_why *why);

/* Read-only: take the journal as it is. */
void recovery_adopt(recovery *r);

#endif
