/* oracle_compare.h - what is missing, extra, repeated, different or out of order, as stories. */
#ifndef SIM_ORACLE_COMPARE_H
#define SIM_ORACLE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "oracle.h"
#include "oracle_service.h"

typedef struct oracle_verdict {
    size_t missing;
    size_t extra;
    size_t repeated;
    size_t different;
    size_t out_of_order;
    size_t stories; /* printed so far, over all comparisons */
} oracle_verdict;

#define ORACLE_STORIES_MAX 10 /* printed; all are counted */

/* One more case, in a line of its own; the first ones are printed. */
__attribute__((format(printf, 3, 4))) void oracle_story(oracle_verdict *v, size_t *count,
                                                        const char *format, ...);

typedef const char *oracle_name(void *context, uint64_t device);

/* Every fix that was sent is in the log, once and in the order of its device. JSON has no
 * sequences: repeats and their order are nobody's fault then. Both lists are sorted. */
void oracle_compare_fixes(oracle_fixes *sent, oracle_fixes *logged, bool has_sequences,
                          oracle_name *name, void *context, oracle_verdict *verdict);

/* The events that are there (in their topic's order) are those that are demanded. */
void oracle_compare_events(oracle_events *demanded, oracle_events *there, oracle_name *name,
                           void *context, oracle_verdict *verdict);

/* What somebody received is what is there, in its order, repeats of an id dropped. Events that were
 * late when they happened need not have been told. Both lists are sorted. */
HR_MUST_USE hr_err oracle_compare_copy(const char *path, oracle_events *there,
                                       oracle_events *received, bool may_lack_late,
                                       oracle_verdict *verdict);

static inline bool oracle_verdict_is_good(const oracle_verdict *v)
{
    return v->missing + v->extra + v->repeated + v->different + v->out_of_order == 0;
}

#endif
