/* bench_follow.c - reads events page after page while they come, and counts them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bench_fleet.h"

#define PAGE_EVENTS 10000
#define POLL_MS 20
#define MARK "{\"id\":\"" /* how each event of a page begins */

static uint64_t count_all(const char *page, const char *what)
{
    uint64_t count = 0;
    for (const char *at = page; (at = strstr(at, what)) != NULL; at++) {
        count++;
    }
    return count;
}

/* The next page; *cursor moves on. How many events it held. from: more of the query. */
static uint64_t read_page(sim_http *http, hr_buf *answer, const char *from, int64_t *cursor)
{
    char path[128], after[32] = "";
    long status = 0;
    if (*cursor >= 0) {
        snprintf(after, sizeof after, "&after=%" PRId64, *cursor);
    }
    snprintf(path, sizeof path, "/v1/events?limit=%d%s%s", PAGE_EVENTS, from, after);
    bench_need(sim_http_ask(http, "GET", path, NULL, answer, &status, NULL) == HR_OK &&
                   status == 200,
               "no page of events");
    hr_buf_put_u8(answer, 0);
    const char *page = (const char *)answer->data;
    const char *next = strstr(page, "\"next\":");
    bench_need(next != NULL, "a page of events without \"next\"");
    *cursor = strtoll(next + strlen("\"next\":"), NULL, 10);
    return count_all(page, MARK);
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
        uint64_t count = read_page(http, &answer, "", &cursor);
        f->events += count;
        f->crossings += count_all((const char *)answer.data, "\"crossing\":{");
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

uint64_t bench_count_news(const bench_site *site, int64_t from_ms)
{
    hr_buf answer;
    int64_t cursor = -1;
    uint64_t count, news = 0;
    char from[16 + HR_TIME_TEXT_SIZE] = "&from=";
    hr_time_format(from_ms, from + strlen(from));
    hr_buf_init(&answer, SIM_HTTP_ANSWER_BYTES_MAX);
    sim_http *http = sim_http_new(site->address, site->token);
    bench_need(http != NULL, "out of memory");
    do {
        count = read_page(http, &answer, from, &cursor);
        news += count_all((const char *)answer.data, "\"cause\":\"fix\",\"late\":false");
    } while (count > 0);
    sim_http_free(http);
    hr_buf_fini(&answer);
    return news;
}
