/* ingest/names.h - which device keys this log has a name record for. */
#ifndef INGEST_NAMES_H
#define INGEST_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Sixteen bytes for each device; half of the slots stay free. Threads: one at a time. */
typedef struct names {
    struct name_slot *slots;
    size_t capacity;
    size_t count;
    size_t count_max;
} names;

typedef enum names_answer {
    NAMES_KNOWN,
    NAMES_NEW,   /* now in the set: append a record of it, or names_forget */
    NAMES_CLASH, /* another id has the same key: refuse it */
    NAMES_FULL,  /* there are count_max already */
    NAMES_NO_MEMORY,
} names_answer;

HR_MUST_USE hr_err names_init(names *set, size_t count_max);
void names_fini(names *set);

/* Look up a device, adding it if it is new. */
names_answer names_meet(names *set, uint64_t key, const char *id, size_t id_size);

/* The record that announced it never came to the log. */
void names_forget(names *set, uint64_t key);

#endif
