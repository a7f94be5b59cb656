/* core/log/scan.h - walks over the frames of one file, whole or not. */
#ifndef LOG_SCAN_H
#define LOG_SCAN_H

#include "frame.h"
#include "window.h"

#define SCAN_AHEAD_BYTES (1u << 20)

/* Threads: one at a time. */
typedef struct scan {
    int fd; /* borrowed */
    log_position base;
    log_position limit; /* nothing is read at or behind it */
    size_t ahead;       /* bytes read at once */
    uint8_t kept_type;  /* 0: none is looked for */
    int failed;         /* an errno of reading, 0 while well; ends the walk */
    bool is_unread;     /* something that was looked at could not be read; the caller unsets it */
    window window;
    uint8_t table[FRAME_TABLE_END_MAX]; /* the last data frame's head and table */
} scan;

typedef enum scan_found {
    SCAN_FRAME,   /* whole */
    SCAN_PARTLY,  /* its head and table are whole, the batches named in is_bad are not */
    SCAN_BAD,     /* no frame begins here */
    SCAN_STOPPED, /* reading failed: see scan.failed */
} scan_found;

/* A record of the kept type that a batch ends with. */
typedef struct kept_record {
    int64_t offset;
    uint8_t size; /* 0: none */
    uint8_t bytes[LOG_KEPT_BYTES_MAX];
} kept_record;

typedef struct scan_frame {
    frame_head head;
    const uint8_t *bytes; /* head and table (of marks and openings all); until the next call */
    bool is_bad[LOG_BATCHES_MAX];
    uint32_t kept_count;
    uint16_t kept_batches[LOG_BATCHES_MAX]; /* which batches have one */
    kept_record kept[LOG_BATCHES_MAX];
} scan_frame;

/* p: borrowed; how long to try what cannot be read, which then looks like zeros. */
void scan_init(scan *s, int fd, log_position base, log_position limit, patience *p);

/* The last record of a batch's bytes, if it is small enough to be kept. */
void kept_take(kept_record *kept, int64_t first_offset, uint32_t count, uint32_t record_bytes,
               const uint8_t *bytes, size_t size);
void scan_fini(scan *s);

/* Look at the frame at a position. with_batches: also check what stands behind the table. */
scan_found scan_look(scan *s, log_position at, bool with_batches, scan_frame *out);

/* The first place at or behind from where a whole head stands at its own position; limit if there
 * is none. Frames begin at multiples of 8 only. */
log_position scan_resync(scan *s, log_position from);

/* Where the last byte that is not zero, or cannot be read, ends, at or behind from; from if all are
 * zeros. */
log_position scan_last_nonzero(scan *s, log_position from);

/* The base of a file whose first frame is damaged, from any frame in it; false if there is none.
 * s->base must be 0 and s->limit the file's size. */
bool scan_find_base(scan *s, log_position *base);

#endif
