/* base/clock.c - real time and the tests' time behind one type. */
#include "base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

struct hr_clock {
    bool is_fake;
    _Atomic int64_t now_ms;       /* fake only */
    _Atomic int64_t mono_ns;      /* fake only */
    _Atomic bool is_synchronised; /* fake only */
};

static const hr_clock real_clock = {.is_fake = false};

const hr_clock *hr_clock_real(void)
{
    return &real_clock;
}

int64_t hr_clock_now_ms(const hr_clock *clock)
{
    if (clock->is_fake) {
        return atomic_load(&clock->now_ms);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t hr_clock_mono_ns(const hr_clock *clock)
{
    if (clock->is_fake) {
        return atomic_load(&clock->mono_ns);
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool hr_clock_is_synchronised(const hr_clock *clock)
{
    if (clock->is_fake) {
        return atomic_load(&clock->is_synchronised);
    }
    struct timex state = {.modes = 0};
    int kept = adjtimex(&state); /* below 0: a sandbox forbids to ask */
    return kept >= 0 && kept != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

hr_clock *hr_clock_fake_new(int64_t now_ms)
{
    hr_clock *fake = calloc(1, sizeof *fake);
    if (fake == NULL) {
        return NULL;
    }
    fake->is_fake = true;
    atomic_init(&fake->now_ms, now_ms);
    atomic_init(&fake->mono_ns, 1);
    atomic_init(&fake->is_synchronised, true);
    return fake;
}

void hr_clock_fake_free(hr_clock *fake)
{
    free(fake);
}

void hr_clock_fake_advance(hr_clock *fake, int64_t ms)
{
    assert(fake->is_fake && ms >= 0);
    atomic_fetch_add(&fake->now_ms, ms);
    atomic_fetch_add(&fake->mono_ns, ms * 1000000);
}

void hr_clock_fake_step(hr_clock *fake, int64_t now_ms)
{
    assert(fake->is_fake);
    atomic_store(&fake->now_ms, now_ms);
}

void hr_clock_fake_set_synchronised(hr_clock *fake, bool synchronised)
{
    assert(fake->is_fake);
    atomic_store(&fake->is_synchronised, synchronised);
}
