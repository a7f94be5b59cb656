/* core/log/patience.h - how long a place that cannot be read is tried before it counts as damage.
 *
 * A cable or a bus comes back after seconds, a bad sector never does. Both say EIO. */
#ifndef LOG_PATIENCE_H
#define LOG_PATIENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_MS 15000      /* from the first failure on; in one trouble, not at each place */
#define PATIENCE_REST_MS 60000 /* without a failure, after which the next one is a new trouble */
#define PATIENCE_PAUSE_MS 100  /* between two tries */

/* Threads: any. */
typedef struct patience {
    const char *folder; /* borrowed; where it is tried whether the disk works; NULL: it is not */
    int32_t limit_ms;
    _Atomic int64_t began_ns; /* of the present trouble; 0: there was none yet */
    _Atomic int64_t last_ns;  /* of the last failure */
    _Atomic int64_t wrote_ns; /* the beginning of the trouble in which the disk took a write */
} patience;

/* Is that the errno of a place that cannot be read, rather than of a lack of something? */
bool patience_is_bad_place(int failed);

/* A place could not be read, for the tries-th time in this call. True: try it again, the pause is
 * over. */
bool patience_wait(patience *p, uint32_t tries);

/* It cannot be read, and patience is at an end. True: the place is bad, since the disk takes
 * writes. False: the disk does not work at all, so nothing is known of the place. */
bool patience_give_up(patience *p);

#endif
