/* api/replay.h - answers to POSTs that bear an Idempotency-Key, kept to be given again. */
#ifndef API_REPLAY_H
#define API_REPLAY_H

#include <pthread.h>

#include "base/clock.h"
#include "request.h"

#define API_REPLAYS_MAX 256             /* the oldest one is forgotten */
#define API_REPLAY_BODY_BYTES_MAX 65536 /* larger answers are not kept */
#define API_REPLAY_MS (24 * INT64_C(3600000))

/* Opaque. Kept in memory only: after a restart a repeat is done again. Threads: any. */
typedef struct api_replays api_replays;

api_replays *api_replays_new(const hr_clock *clock);
void api_replays_free(api_replays *replays);

/* True: do it, then call api_replays_end. False: the answer is filled in (the kept one; 409 while
 * the first is still being done; 422 when the key was used for something else). */
bool api_replays_begin(api_replays *replays, const api_request *request, api_answer *answer);

/* Keep the answer, unless it is a 5xx: then the next try is a new one. */
void api_replays_end(api_replays *replays, const api_request *request, const api_answer *answer);

#endif
