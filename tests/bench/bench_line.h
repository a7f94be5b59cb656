/* tests/bench/bench_line.h - one result as a line of JSON, as all measurements tell theirs. */
#ifndef TESTS_BENCH_BENCH_LINE_H
#define TESTS_BENCH_BENCH_LINE_H

#include <stdbool.h>
#include <stdio.h>

typedef struct bench_line {
    const char *name;
    const char *details; /* members of the case, without braces */
    double ours;
    const char *unit;
    const char *peer; /* NULL: nothing stands beside it, and the next two do not count */
    double theirs;
    bool less_is_better; /* turns the ratio round */
    int runs;
} bench_line;

/* To standard output, and to the file that --json names, if it is not NULL. */
void bench_line_put(FILE *json, const bench_line *line);

#endif
