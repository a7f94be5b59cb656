/* tests/sim/truths_cross.c - the same fleets on another processor, under an emulator. */
#include "truths.h"

int main(void)
{
    return truths_are_right() ? 0 : 1;
}
