/* tests/bench/bench_line.c - writes it twice. */
#include "bench_line.h"

void bench_line_put(FILE *json, const bench_line *line)
{
    FILE *const to[] = {stdout, json};
    for (size_t i = 0; i < 2 && to[i] != NULL; i++) {
        fprintf(to[i], "{\"bench\":\"%s\",\"case\":{%s},\"ours\":%.4g,", line->name, line->details,
                line->ours);
        if (line->peer != NULL) {
            double ratio =
                line->less_is_better ? line->theirs / line->ours : line->ours / line->theirs;
            fprintf(to[i], "\"peer\":\"%s\",\"theirs\":%.4g,\"unit\":\"%s\",\"ratio\":%.4g,",
                    line->peer, line->theirs, line->unit, ratio);
        } else {
            fprintf(to[i], "\"peer\":null,\"theirs\":null,\"unit\":\"%s\",\"ratio\":null,",
                    line->unit);
        }
        fprintf(to[i], "\"runs\":%d}\n", line->runs);
        fflush(to[i]);
    }
}
