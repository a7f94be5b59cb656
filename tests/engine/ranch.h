/* tests/engine/ranch.h - a farm with a historian, and what the log says its tracks must be. */
#ifndef ENGINE_RANCH_H
#define ENGINE_RANCH_H

#include "base/hash.h"
#include "engine/history.h"
#include "engine/history_read.h"
#include "farm.h"

#define RANCH_T0 INT64_C(1795161600000)
#define RANCH_HERD 12

typedef struct ranch {
    farm farm;
    char path[128]; /* of history.db */
    engine_history_options options;
    engine_history *history;
    hr_random random;
    int64_t step;
} ranch;

/* A new farm with a fence, all animals named; the historian runs. */
void ranch_start(ranch *ranch, uint64_t seed);
void ranch_end(ranch *ranch);

/* The historian alone. */
void ranch_open_history(ranch *ranch);
void ranch_close_history(ranch *ranch);
/* Close it so that SQLite's files beside history.db stay, as a kill may leave them. */
void ranch_leave_wal(ranch *ranch);
void ranch_settle_history(ranch *ranch);

/* So many steps: each brings fixes of some animals, some of them late, some twice. */
void ranch_graze(ranch *ranch, int steps);

/* Step i as a pure function of the seed and i: count fixes. */
uint32_t ranch_step(uint64_t seed, int64_t step, hr_fix fixes[RANCH_HERD * 3]);

uint64_t ranch_animal(int number);

/* All fixes that the log holds, partition by partition. The caller frees. */
hr_fix *ranch_log_fixes(ranch *ranch, size_t *count);

/* The tracks of each animal and of all are what is in wanted, fix for fix, in that order; so are
 * parts of them. */
void ranch_expect_tracks(ranch *ranch, const hr_fix *wanted, size_t count);

/* Each record of the log's events is told once, in order, from any offset; those that the log has
 * no more are told before, as wanted_before counts. None that is asked for by its time is missed.
 */
void ranch_expect_events(ranch *ranch, size_t wanted_before);

/* A number out of history.db. */
int64_t ranch_ask(ranch *ranch, const char *sql);

#endif
