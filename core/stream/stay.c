/* stream/stay.c - stays, one after the other. */
#include "stream/stay.h"

#define TIME_MS_MAX (INT64_C(1) << 60)
#define VISITS_MAX ((1u << 30) - 1)

static void add_uncertainty(stream_stay *stay, uint32_t more_s10)
{
    bool fits = more_s10 <= UINT32_MAX - stay->uncertainty_s10;
    stay->uncertainty_s10 = fits ? stay->uncertainty_s10 + more_s10 : UINT32_MAX;
}

static void add_visits(stream_stay *stay, uint32_t more)
{
    bool fits = more <= VISITS_MAX - stay->visits;
    stay->visits = (fits ? stay->visits + more : VISITS_MAX) & VISITS_MAX;
}

/* Nobody is inside for that long: sums stop there. */
static void add_inside(stream_stay *stay, int64_t more_ms)
{
    bool fits = more_ms <= TIME_MS_MAX - stay->inside_ms;
    stay->inside_ms = fits ? stay->inside_ms + more_ms : TIME_MS_MAX;
}

void stream_stay_enter(stream_stay *stay, int64_t time_ms, uint32_t uncertainty_s10)
{
    stay->is_inside = true;
    stay->since_ms = time_ms;
    add_uncertainty(stay, uncertainty_s10);
    add_visits(stay, 1);
}

void stream_stay_exit(stream_stay *stay, int64_t time_ms, uint32_t uncertainty_s10)
{
    if (stay->is_inside) {
        /* The rules' own times may lie before a fix's. */
        add_inside(stay, time_ms > stay->since_ms ? time_ms - stay->since_ms : 0);
        add_uncertainty(stay, uncertainty_s10);
        stay->is_inside = false;
    } else if (stay->visits == 0 && !stay->has_ended) {
        stay->has_ended = true;
        stay->ended_ms = time_ms;
        stay->ended_uncertainty_s10 = uncertainty_s10;
    }
}

void stream_stay_merge(stream_stay *into, const stream_stay *from)
{
    if (from->has_ended) {
        stream_stay_exit(into, from->ended_ms, from->ended_uncertainty_s10);
    }
    if (from->visits == 0) {
        return;
    }
    add_inside(into, from->inside_ms);
    add_uncertainty(into, from->uncertainty_s10);
    add_visits(into, from->visits);
    into->is_inside = from->is_inside;
    into->since_ms = from->since_ms;
}

int64_t stream_stay_inside_ms(const stream_stay *stay, int64_t until_ms)
{
    bool goes_on = stay->is_inside && until_ms > stay->since_ms;
    return stay->inside_ms + (goes_on ? until_ms - stay->since_ms : 0);
}

void stream_stay_write(const stream_stay *stay, hr_buf *out)
{
    hr_buf_put_u64(out, (uint64_t)stay->since_ms);
    hr_buf_put_u64(out, (uint64_t)stay->ended_ms);
    hr_buf_put_u64(out, (uint64_t)stay->inside_ms);
    hr_buf_put_u32(out, stay->uncertainty_s10);
    hr_buf_put_u32(out, stay->ended_uncertainty_s10);
    hr_buf_put_u32(out, stay->visits);
    hr_buf_put_u8(out, (uint8_t)(stay->is_inside | stay->has_ended << 1));
}

static bool is_sane(int64_t time_ms)
{
    return time_ms >= -TIME_MS_MAX && time_ms <= TIME_MS_MAX;
}

hr_err stream_stay_read(stream_stay *stay, hr_cursor *in)
{
    stay->since_ms = (int64_t)hr_cursor_u64(in);
    stay->ended_ms = (int64_t)hr_cursor_u64(in);
    stay->inside_ms = (int64_t)hr_cursor_u64(in);
    stay->uncertainty_s10 = hr_cursor_u32(in);
    stay->ended_uncertainty_s10 = hr_cursor_u32(in);
    uint32_t visits = hr_cursor_u32(in);
    stay->visits = visits & VISITS_MAX;
    uint8_t flags = hr_cursor_u8(in);
    stay->is_inside = (flags & 1) != 0;
    stay->has_ended = (flags & 2) != 0;
    return in->short_read || flags > 3 || visits > VISITS_MAX || !is_sane(stay->since_ms) ||
                   !is_sane(stay->ended_ms) || !is_sane(stay->inside_ms) ||
                   (stay->is_inside && stay->visits == 0)
               ? HR_CORRUPT
               : HR_OK;
}
