/* geo/index_scratch.h - working memory of one index operation: given in order, dropped by mark. */
#ifndef GEO_INDEX_SCRATCH_H
#define GEO_INDEX_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "index_budget.h"

typedef struct index_scratch_chunk {
    struct index_scratch_chunk *next;
    size_t room;
    _Alignas(16) uint8_t bytes[];
} index_scratch_chunk;

/* Chunks stay for the next operation; zero-initialised is ready for use. */
typedef struct index_scratch {
    index_scratch_chunk *first;
    index_scratch_chunk *chunk; /* the one in use, NULL before the first */
    size_t used;
    index_budget *budget; /* pays for the chunks; may be NULL */
} index_scratch;

typedef struct index_scratch_mark {
    index_scratch_chunk *chunk;
    size_t used;
} index_scratch_mark;

void index_scratch_fini(index_scratch *scratch);

/* Memory for count things of size bytes, aligned to 16, valid until the mark before it is
 * returned to. NULL: out of memory, or of the budget. */
void *index_scratch_get(index_scratch *scratch, size_t count, size_t size);

/* Give back the end of the newest piece: it keeps count things of size bytes. */
void index_scratch_trim(index_scratch *scratch, void *newest, size_t count, size_t size);

index_scratch_mark index_scratch_here(const index_scratch *scratch);
void index_scratch_back(index_scratch *scratch, index_scratch_mark mark);

/* Free what a big operation needed beyond bytes_max. Nothing may be in use. */
void index_scratch_shrink(index_scratch *scratch, size_t bytes_max);
size_t index_scratch_bytes(const index_scratch *scratch);

#endif
