/* core/log/file.h - the journal's files, their order, their sparse indexes. */
#ifndef LOG_FILE_H
#define LOG_FILE_H

#include <pthread.h>
#include <stdatomic.h>

#include "disk.h"
#include "state.h"

#define FILE_NAME_BYTES 40
#define FILE_INDEX_STEP_BYTES (512u << 10) /* of journal between two rows */
#define FILE_OPEN UINT64_MAX               /* the end of the file that is appended to */

/* One file. Threads: base, seq and log_id never change; the rest is protected by the list's lock,
 * except end, which is published with release when the file is closed. */
typedef struct journal_file {
    uint64_t seq;
    log_position base;
    _Atomic log_position end; /* FILE_OPEN while it is appended to */
    int fd;                   /* -1: not open; kept while refs > 0 or it is appended to */
    uint32_t refs;
    bool is_unsynced;  /* closed, but not yet known to be on the disk */
    bool has_index;    /* its rows are on the disk */
    bool is_gone;      /* out of the list; the last to release it frees it */
    int64_t newest_ms; /* the highest append_ms in it and before it */
    int64_t *rows;     /* owned: position, newest_ms before it, next offset of each partition */
    uint32_t row_count;
    uint32_t row_capacity;
} journal_file;

/* Ordered by base. Threads: lock protects everything; take it after the append lock. */
typedef struct journal_files {
    pthread_mutex_t lock;
    const char *folder;       /* borrowed */
    const log_layout *layout; /* borrowed */
    bool read_only;
    journal_file **list; /* owned */
    uint32_t count;
    uint32_t capacity;
} journal_files;

void file_name(char name[FILE_NAME_BYTES], uint64_t seq, const char *suffix);

/* True if the name is one that file_name() makes with that suffix. */
bool file_name_parse(const char *name, const char *suffix, uint64_t *seq);

hr_err files_init(journal_files *files, const char *folder, const log_layout *layout,
                  bool read_only);
void files_fini(journal_files *files);

/* A file that is not in the list yet; NULL when memory is short. */
journal_file *file_new(uint64_t seq, log_position base);
void file_free(journal_file *file);

/* Put it where its base belongs; the list owns it then. */
HR_MUST_USE hr_err files_add(journal_files *files, journal_file *file);

/* Take it out of the list; it goes when nobody holds it. */
void files_remove(journal_files *files, journal_file *file);

/* The file that holds a position, or else the first one behind it; NULL if there is none. Its fd is
 * open until files_release(). HR_IO, HR_NO_MEMORY: it could not be opened. */
HR_MUST_USE hr_err files_hold(journal_files *files, log_position at, journal_file **out);
void files_release(journal_files *files, journal_file *file);

/* Add a row if the last one is FILE_INDEX_STEP_BYTES back. Without memory the index stays
 * sparser, which costs time and nothing else. */
void files_index(journal_files *files, journal_file *file, log_position at, int64_t newest_ms,
                 const int64_t *next);

/* The row that closes a file: what its end is, whatever the distance. */
void files_index_end(journal_files *files, journal_file *file, log_position at, int64_t newest_ms,
                     const int64_t *next);

/* Hold the first closed file that must still be synced; NULL: none. */
journal_file *files_hold_unsynced(journal_files *files);

/* Hold a closed and synced file whose rows are not on the disk, once; NULL: none. */
journal_file *files_hold_unindexed(journal_files *files);

/* It is on the disk now. */
void files_set_synced(journal_files *files, journal_file *file);

/* Where to begin reading for an offset of a partition, or for a time. */
log_position files_find_offset(journal_files *files, uint32_t flat, int64_t offset);
log_position files_find_time(journal_files *files, int64_t append_ms);

/* Where the file behind the one with a position begins, and the next offset of a partition there
 * (-1: not known). False: there is none. */
bool files_find_behind(journal_files *files, log_position at, uint32_t flat, log_position *base,
                       int64_t *next);

static inline size_t file_row_width(const log_layout *layout)
{
    return 2 + (size_t)layout->total;
}

/* A closed file's rows, beside it on the disk. Loading one that does not fit the file says
 * HR_CORRUPT; it is then made again by reading the file. */
HR_MUST_USE hr_err file_index_save(const journal_files *files, journal_file *file, uint64_t log_id,
                                   uint64_t *written);
HR_MUST_USE hr_err file_index_load(const journal_files *files, journal_file *file, uint64_t log_id);

#endif
