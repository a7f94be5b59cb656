/* base/clock.h - the only way anything here learns what time it is. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A source of time, passed to whoever needs one, so that tests set it. Partition workers get none.
 * Threads: any, for the real clock; the fake one is for any thread too (its fields are atomic). */
typedef struct hr_clock hr_clock;

/* The system's clocks. Static; never freed. */
const hr_clock *hr_clock_real(void);

/* Wall time in ms since 1970 UTC; may step. */
int64_t hr_clock_now_ms(const hr_clock *clock);

/* Nanoseconds since some fixed point; never steps back. */
int64_t hr_clock_mono_ns(const hr_clock *clock);

/* True while the kernel says that wall time is disciplined (a Pi has no battery clock). */
bool hr_clock_is_synchronised(const hr_clock *clock);

/* A clock that stands still until told otherwise. NULL when memory is short. */
hr_clock *hr_clock_fake_new(int64_t now_ms);
void hr_clock_fake_free(hr_clock *fake);

/* Both clocks go on by ms (ms >= 0). */
void hr_clock_fake_advance(hr_clock *fake, int64_t ms);

/* Wall time jumps, monotonic time does not. */
void hr_clock_fake_step(hr_clock *fake, int64_t now_ms);

void hr_clock_fake_set_synchronised(hr_clock *fake, bool synchronised);

#endif
