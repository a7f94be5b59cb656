/* api/throttle.c - after a few failures, each further one doubles the wait. */
#include "throttle.h"

#include <string.h>

#include "base/hash.h"

#define NS_PER_S INT64_C(1000000000)

typedef struct throttle_slot slot;

enum {
    SEED_USER = 1,
    SEED_PEER = 2,
};

void throttle_init(throttle *throttle, const hr_clock *clock)
{
    memset(throttle, 0, sizeof *throttle);
    throttle->clock = clock;
    pthread_mutex_init(&throttle->lock, NULL);
}

void throttle_fini(throttle *throttle)
{
    pthread_mutex_destroy(&throttle->lock);
}

/* The key's slot; with make, the quietest one if it has none. */
static slot *find(throttle *throttle, const char *text, uint64_t seed, bool make, int64_t now_ns)
{
    uint64_t key = hr_hash64_seeded(text, strlen(text), seed);
    slot *quietest = &throttle->slots[0];
    for (int i = 0; i < THROTTLE_SLOTS; i++) {
        slot *each = &throttle->slots[i];
        if (each->failures > 0 && now_ns - each->last_ns > THROTTLE_FORGET_MS * INT64_C(1000000)) {
            each->failures = 0;
        }
        if (each->failures > 0 && each->key == key) {
            return each;
        }
        if (quietest->failures > 0 && (each->failures == 0 || each->last_ns < quietest->last_ns)) {
            quietest = each;
        }
    }
    if (!make) {
        return NULL;
    }
    *quietest = (slot){.key = key};
    return quietest;
}

static int64_t wait_ns(const slot *slot, int64_t now_ns)
{
    return slot != NULL && slot->until_ns > now_ns ? slot->until_ns - now_ns : 0;
}

int throttle_wait_s(throttle *throttle, const char *user, const char *peer)
{
    int64_t now_ns = hr_clock_mono_ns(throttle->clock);
    pthread_mutex_lock(&throttle->lock);
    int64_t wait = wait_ns(find(throttle, user, SEED_USER, false, now_ns), now_ns);
    int64_t peer_wait = wait_ns(find(throttle, peer, SEED_PEER, false, now_ns), now_ns);
    pthread_mutex_unlock(&throttle->lock);
    wait = peer_wait > wait ? peer_wait : wait;
    return (int)((wait + NS_PER_S - 1) / NS_PER_S);
}

static void add_failure(throttle *throttle, const char *text, uint64_t seed, int64_t max_s,
                        int64_t now_ns)
{
    slot *slot = find(throttle, text, seed, true, now_ns);
    slot->failures++;
    slot->last_ns = now_ns;
    if (slot->failures >= THROTTLE_FREE_FAILURES) {
        uint32_t doublings = slot->failures - THROTTLE_FREE_FAILURES;
        int64_t wait_s = doublings > 20 ? max_s : INT64_C(1) << doublings;
        slot->until_ns = now_ns + (wait_s < max_s ? wait_s : max_s) * NS_PER_S;
    }
}

void throttle_failed(throttle *throttle, const char *user, const char *peer)
{
    int64_t now_ns = hr_clock_mono_ns(throttle->clock);
    pthread_mutex_lock(&throttle->lock);
    add_failure(throttle, user, SEED_USER, THROTTLE_USER_MAX_S, now_ns);
    add_failure(throttle, peer, SEED_PEER, THROTTLE_PEER_MAX_S, now_ns);
    pthread_mutex_unlock(&throttle->lock);
}

void throttle_succeeded(throttle *throttle, const char *user, const char *peer)
{
    int64_t now_ns = hr_clock_mono_ns(throttle->clock);
    pthread_mutex_lock(&throttle->lock);
    slot *slots[] = {find(throttle, user, SEED_USER, false, now_ns),
                     find(throttle, peer, SEED_PEER, false, now_ns)};
    for (int i = 0; i < 2; i++) {
        if (slots[i] != NULL) {
            slots[i]->failures = 0;
        }
    }
    pthread_mutex_unlock(&throttle->lock);
}
