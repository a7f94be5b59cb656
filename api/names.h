/* api/names.h - brings the names of new devices from the log into the catalogue. */
#ifndef API_NAMES_H
#define API_NAMES_H

#include "catalog/catalog.h"
#include "log/log.h"

#define NAMES_GROUP "hedgerow-names"

/* Opaque. A group of consumers of `positions`: retention keeps name records until the catalogue
 * has them. Threads: one. */
typedef struct names names;

HR_MUST_USE hr_err names_new(log_store *log, catalog *catalog, names **out, hr_why *why);
void names_free(names *names);

/* Take over what was committed since the last call. */
HR_MUST_USE hr_err names_follow(names *names, hr_why *why);

#endif
