/* tests/base/suites.h - the groups of tests that the one program for core/base runs. */
#ifndef BASE_SUITES_H
#define BASE_SUITES_H

int run_buf_tests(void);
int run_clock_tests(void);
int run_crc32c_tests(void);
int run_err_tests(void);
int run_event_tests(void);
int run_fault_tests(void);
int run_id_tests(void);
int run_json_tests(void);
int run_logline_tests(void);
int run_metrics_tests(void);
int run_text_tests(void);

#endif
