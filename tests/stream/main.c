/* tests/stream/main.c - runs every group of core/stream. */
#include "suites.h"

int main(void)
{
    int failed = 0;
    failed += run_counts_tests();
    failed += run_values_tests();
    failed += run_models_tests();
    failed += run_stored_tests();
    failed += run_evaluate_tests();
    failed += run_windows_tests();
    return failed != 0;
}
