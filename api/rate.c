/* api/rate.c - token buckets in a small hash table of fixed size. */
#include "rate.h"

#include <string.h>

#include "base/hash.h"

#define PROBES 8 /* slots that a key may take */

/* How many at once, and how many a second after that. 0: no limit. */
static const struct {
    double burst;
    double per_second;
} allowances[API_RATES] = {
    [API_RATE_FREE] = {0, 0},       [API_RATE_READ] = {0, 0}, /* bounded by the one connection
                                                                 thread itself */
    [API_RATE_WRITE] = {5000, 500}, [API_RATE_LOGIN] = {40, 2}, [API_RATE_SQL] = {100, 20},
};

void api_rates_init(api_rates *rates, const hr_clock *clock)
{
    memset(rates, 0, sizeof *rates);
    rates->clock = clock;
    pthread_mutex_init(&rates->lock, NULL);
}

void api_rates_fini(api_rates *rates)
{
    pthread_mutex_destroy(&rates->lock);
}

/* The key's slot, or the quietest of those it may take. */
static struct api_rate_slot *slot_of(api_rates *rates, uint64_t key, double burst)
{
    struct api_rate_slot *quietest = NULL;
    for (uint64_t i = 0; i < PROBES; i++) {
        struct api_rate_slot *slot = &rates->slots[(key + i) % API_RATE_SLOTS];
        if (slot->key == key) {
            return slot;
        }
        if (quietest == NULL || slot->last_ns < quietest->last_ns) {
            quietest = slot;
        }
    }
    *quietest = (struct api_rate_slot){.key = key, .tokens = burst};
    return quietest;
}

int api_rates_take(api_rates *rates, api_rate rate, const char *user, const char *peer)
{
    double burst = allowances[rate].burst;
    if (burst <= 0) {
        return 0;
    }
    /* Before a login nobody is known: the place counts. */
    const char *who = user[0] != 0 && rate != API_RATE_LOGIN ? user : peer;
    uint64_t key = hr_hash64_seeded(who, strlen(who), (uint64_t)rate + 1) | 1;
    int64_t now_ns = hr_clock_mono_ns(rates->clock);
    int wait_s = 0;
    pthread_mutex_lock(&rates->lock);
    struct api_rate_slot *slot = slot_of(rates, key, burst);
    if (slot->last_ns != 0) {
        slot->tokens += (double)(now_ns - slot->last_ns) * 1e-9 * allowances[rate].per_second;
    }
    slot->tokens = slot->tokens < burst ? slot->tokens : burst;
    slot->last_ns = now_ns;
    if (slot->tokens >= 1) {
        slot->tokens -= 1;
    } else {
        wait_s = 1 + (int)((1 - slot->tokens) / allowances[rate].per_second);
    }
    pthread_mutex_unlock(&rates->lock);
    return wait_s;
}
