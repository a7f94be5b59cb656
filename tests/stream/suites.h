/* tests/stream/suites.h - the groups of tests in this folder. */
#ifndef TESTS_STREAM_SUITES_H
#define TESTS_STREAM_SUITES_H

int run_counts_tests(void);
int run_values_tests(void);
int run_models_tests(void);
int run_stored_tests(void);
int run_evaluate_tests(void);
int run_windows_tests(void);

#endif
