/* bench_follow.c - reads events page after page while they come, and counts them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_fleet.h"

#define PAGE_EVENTS 10000
#define POLL_MS 20
#define MARK "{\"id\":\"" /* how each event of a page begins */

static uint64_t count_events(const char *page)
{
    uint64_t count = 0;
    for (const char *at = page; (at = strstr(at, MARK)) != NULL; at += sizeof MARK - 1) {
        count++;
    }
    return count;
}

/* The next page; *cursor moves on. How many events it held. */
static uint64_t read_page(sim_http *http, hr_buf *answer, int64_t *cursor)
{
    char path[96];
    long status = 0;
    if (*cursor >= 0) {
        snprintf(path, sizeof path, "/v1/events?limit=%d&after=%" PRId64, PAGE_EVENTS, *cursor);
    } else {
        snprintf(path, sizeof path, "/v1/events?limit=%d", PAGE_EVENTS);
    }
    bench_need(sim_http_ask(http, "GET", path, NULL, answer, &status, NULL) == HR_OK &&
                   status == 200,
               "no page of events");
    hr_buf_put_u8(answer, 0);
    const char *page = (const char *)answer->data;
    const char *next = strstr(page, "\"next\":");
    bench_need(next != NULL, "a page of events without \"next\"");
    *cursor = strtoll(next + strlen("\"next\":"), NULL, 10);
    return count_events(page);
}

static void *follow(void *context)
{
    bench_follower *f = context;
    hr_buf answer;
    int64_t cursor = -1;
    hr_buf_init(&answer, SIM_HTTP_ANSWER_BYTES_MAX);
    sim_http *http = sim_http_new(f->site->address, f->site->token);
    bench_need(http != NULL, "out of memory");
    for (bool is_last = false; !is_last;) {
        is_last = f->is_over; /* looked at before the page: what came by then is in it */
        uint64_t count = read_page(http, &answer, &cursor);
        f->events += count;
        if (count == 0 && !is_last) {
            bench_pause_ms(POLL_MS);
        } else if (count > 0) {
            is_last = false;
        }
    }
    sim_http_free(http);
    hr_buf_fini(&answer);
    return NULL;
}

void bench_follow_start(bench_follower *f, const bench_site *site)
{
    *f = (bench_follower){.site = site};
    bench_need(pthread_create(&f->thread, NULL, follow, f) == 0, "no thread");
}

uint64_t bench_follow_end(bench_follower *f)
{
    f->is_over = true;
    pthread_join(f->thread, NULL);
    return f->events;
}
