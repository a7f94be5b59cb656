/* tests/base/main.c - runs every group of core/base. */
#include "suites.h"

int main(void)
{
    int failed = 0;
    failed += run_buf_tests();
    failed += run_clock_tests();
    failed += run_crc32c_tests();
    failed += run_err_tests();
    failed += run_event_tests();
    failed += run_fault_tests();
    failed += run_id_tests();
    failed += run_json_tests();
    failed += run_logline_tests();
    failed += run_metrics_tests();
    failed += run_text_tests();
    return failed != 0;
}
