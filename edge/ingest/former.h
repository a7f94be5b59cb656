/* ingest/former.h - the move away from a session whose name anybody could guess.
 *
 * By the plain name of the service's session at our own broker, which versions before had, any
 * gateway could take it. What still waits under the plain name is taken first, and goes on being
 * taken until the new session is there; then the broker forgets the old one. */
#ifndef INGEST_FORMER_H
#define INGEST_FORMER_H

#include <stdbool.h>
#include <stdint.h>

#include "mqtt/link.h"

struct ingest;

/* Threads: the one that sends acknowledgements; before and after it the caller's. */
typedef struct former {
    mqtt_link *link; /* NULL: there is nothing to move; changed under the intake's lock */
    uint64_t mark;   /* what comes behind all that waited; fixed */
    bool is_up;      /* connected, and not asked yet; protected by the intake's lock, as below */
    bool is_empty;   /* what waited has come */
} former;

/* mqtt: as for the intake's own link, which is held until all that waited is taken. */
HR_MUST_USE hr_err former_begin(struct ingest *in, const mqtt_options *mqtt, hr_why *why);

/* Under the intake's lock: there is something for former_go_on() to do. */
bool former_is_due(const struct ingest *in);
void former_go_on(struct ingest *in);

/* Under the intake's lock: by which link what is published now comes. */
mqtt_link *former_or_new(const struct ingest *in);

#endif
