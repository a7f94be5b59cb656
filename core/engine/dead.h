/* engine/dead.h - records of `positions` that no version of this program writes, kept in `dead`.
 *
 * A record that a replay meets again is kept once: its topic in `dead` is "positions/P/OFFSET", and
 * what `dead` has of a partition is looked for when the first one is to be added. */
#ifndef ENGINE_DEAD_H
#define ENGINE_DEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Of one record; what is longer is cut. */
#define ENGINE_DEAD_PAYLOAD_MAX 4096u
/* Of one turn: more are counted and left where they are, in `positions`. */
#define ENGINE_DEAD_BYTES_MAX (256u << 10)

/* The worker's own. All zeros but for hr_buf_init(&records, ENGINE_DEAD_BYTES_MAX) is empty. */
typedef struct engine_dead {
    hr_buf records; /* not in `dead` yet: i64 offset, then the record behind its u32 length */
    int64_t told;   /* the newest offset of this partition that is; -1: none */
    bool is_known;  /* told was looked for */
} engine_dead;

void engine_dead_add(engine_dead *dead, uint32_t partition, int64_t offset, const char *reason,
                     const uint8_t *bytes, size_t size);

#endif
