/* api/rate.h - how often a caller may ask, so that one cannot crowd out the others. */
#ifndef API_RATE_H
#define API_RATE_H

#include <pthread.h>

#include "route.h"

#define API_RATE_SLOTS 1024 /* the caller longest quiet is forgotten, and begins anew */

/* Embedded in the server. Threads: any. */
typedef struct api_rates {
    const hr_clock *clock;
    pthread_mutex_t lock;
    struct api_rate_slot {
        uint64_t key;
        int64_t last_ns;
        double tokens;
    } slots[API_RATE_SLOTS]; /* protected by lock */
} api_rates;

void api_rates_init(api_rates *rates, const hr_clock *clock);
void api_rates_fini(api_rates *rates);

/* Take one from the caller's allowance of that class. 0: go on; else the seconds to wait. */
int api_rates_take(api_rates *rates, api_rate rate, const char *user, const char *peer);

#endif
