/* geo/index_budget.h - what the arenas and the working memory of one index may take together. */
#ifndef GEO_INDEX_BUDGET_H
#define GEO_INDEX_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

/* A build makes the new state beside the one that readers see, so no part of it can know alone
 * whether the machine has the memory. Written by the writer only. */
typedef struct index_budget {
    size_t bytes_max;
    size_t used_bytes;
} index_budget;

/* NULL is a budget without end. */
static inline bool index_budget_take(index_budget *budget, size_t bytes)
{
    if (budget == NULL) {
        return true;
    }
    if (budget->used_bytes > budget->bytes_max || bytes > budget->bytes_max - budget->used_bytes) {
        return false;
    }
    budget->used_bytes += bytes;
    return true;
}

static inline void index_budget_give(index_budget *budget, size_t bytes)
{
    if (budget != NULL) {
        budget->used_bytes -= bytes;
    }
}

#endif
