/* api/live_handles.h - short numbers for devices in binary frames, and who was told their names. */
#ifndef API_LIVE_HANDLES_H
#define API_LIVE_HANDLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define LIVE_HANDLES_MAX (1u << 24) /* a handle has 24 bits; later devices are left out */

/* Device keys to numbers from 0 up, the same for all clients while the service runs. */
typedef struct live_handles {
    uint64_t *keys; /* open addressing */
    uint32_t *handles;
    uint32_t mask;
    uint32_t count;
} live_handles;

void live_handles_fini(live_handles *handles);

/* Find or make. HR_TOO_BIG, HR_NO_MEMORY. */
HR_MUST_USE hr_err live_handles_get(live_handles *handles, uint64_t key, uint32_t *handle);

/* One bit for each handle. */
typedef struct live_told {
    uint8_t *bits;
    uint32_t size;
} live_told;

void live_told_fini(live_told *told);

/* True if it was marked before; marks it. Without memory: false each time, so names are repeated
 * rather than missing. */
bool live_told_mark(live_told *told, uint32_t handle);

#endif
