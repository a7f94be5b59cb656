/* oracle_contrast.h - the first thing in which two tellings of an event differ. */
#ifndef SIM_ORACLE_CONTRAST_H
#define SIM_ORACLE_CONTRAST_H

#include <stdbool.h>

#include "oracle.h"

#define ORACLE_SIDE_SIZE 320

typedef struct oracle_contrast {
    const char *what;
    char demanded[ORACLE_SIDE_SIZE]; /* in words */
    char there[ORACLE_SIDE_SIZE];
} oracle_contrast;

/* False: they say the same, as closely as TRACKER.md's last line asks. The ids are compared last,
 * since they follow from the rest. */
bool oracle_contrast_find(const oracle_event *demanded, const oracle_event *there,
                          oracle_contrast *contrast);

#endif
