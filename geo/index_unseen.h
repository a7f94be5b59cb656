/* geo/index_unseen.h - blocks that no version has shown yet: what a later change retires of them
 * is free at once. */
#ifndef GEO_INDEX_UNSEEN_H
#define GEO_INDEX_UNSEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index_maker.h"

/* Many changes may come before one publication, and each makes the way from the root anew: without
 * this, an import into a large index would leave a hundred kilobytes for each fence. Zero-
 * initialised is ready for use. */
typedef struct index_unseen {
    index_garbage made; /* since the last publication, those of the change under way last */
    size_t marked;      /* so many of them have had their bits set */
    uint64_t *bits;     /* by unit of the arena */
    size_t word_count;
} index_unseen;

void index_unseen_fini(index_unseen *unseen);

/* A change begins: note what earlier ones made. Without memory for that, less is free at once. */
void index_unseen_note(index_unseen *unseen, const index_arena *arena);

/* A change has succeeded: free what it retired, from number `first` on, as far as nobody saw it. */
void index_unseen_free(index_unseen *unseen, index_garbage *retired, size_t first,
                       index_arena *arena);

/* A version shows them all. */
void index_unseen_forget(index_unseen *unseen);

size_t index_unseen_bytes(const index_unseen *unseen);

#endif
