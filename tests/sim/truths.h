/* tests/sim/truths.h - what every shipped scenario's fleet says, as numbers that are the same on
 * every machine. */
#ifndef TESTS_SIM_TRUTHS_H
#define TESTS_SIM_TRUTHS_H

#include <stdbool.h>

/* Does every shipped scenario give the fixes that it always gave? Those that do not are printed. */
bool truths_are_right(void);

#endif
