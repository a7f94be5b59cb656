/* api/throttle.h - makes guessing passwords slow, for each name and each place it is tried from. */
#ifndef API_THROTTLE_H
#define API_THROTTLE_H

#include <pthread.h>
#include <stdint.h>

#include "base/clock.h"

#define THROTTLE_SLOTS 512         /* the one longest quiet is forgotten */
#define THROTTLE_FREE_FAILURES 5   /* that many cost nothing */
#define THROTTLE_PEER_MAX_S 300    /* longest wait for a place */
#define THROTTLE_USER_MAX_S 15     /* for a name: short, so that nobody can lock an owner out */
#define THROTTLE_FORGET_MS 3600000 /* failures older than this do not count */

/* Embedded. Threads: any. */
typedef struct throttle {
    const hr_clock *clock;
    pthread_mutex_t lock;
    struct throttle_slot {
        uint64_t key;
        uint32_t failures;
        int64_t last_ns;
        int64_t until_ns;
    } slots[THROTTLE_SLOTS]; /* protected by lock */
} throttle;

void throttle_init(throttle *throttle, const hr_clock *clock);
void throttle_fini(throttle *throttle);

/* Seconds to wait before this name may be tried from this place; 0: now. */
int throttle_wait_s(throttle *throttle, const char *user, const char *peer);

/* Tell how a try went. A success forgets the place's failures. */
void throttle_failed(throttle *throttle, const char *user, const char *peer);
void throttle_succeeded(throttle *throttle, const char *user, const char *peer);

#endif
