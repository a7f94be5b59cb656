/* core/engine/query_views.c - rows to views, group by group. */
#include "query_views.h"

#define VIEWS_MAX 256 /* in one run of the evaluator */

typedef struct views {
    stream_evaluator *evaluator;
    int64_t time_ms_max;
    query_view_visit *visit;
    void *context;
    hr_why *why;
    size_t count;
    query_view list[VIEWS_MAX];
} views;

static hr_err visit_view(void *context, size_t at, const stream_value *values)
{
    const views *views = context;
    return views->visit(views->context, views->list[at].row, values);
}

static hr_err flush(views *views)
{
    size_t count = views->count;
    views->count = 0;
    return count == 0 ? HR_OK
                      : stream_evaluator_run(views->evaluator, views->list, count,
                                             views->time_ms_max, visit_view, views, views->why);
}

static bool reads(const stream_evaluator *evaluator, const stream_shape *shape, const char *name)
{
    int column = stream_simple_column(shape, name);
    return column >= 0 && stream_evaluator_reads(evaluator, column);
}

static uint32_t copies(uint32_t groups, bool is_asked)
{
    return is_asked && groups > 1 ? groups : 1;
}

static hr_err add_row(views *views, const query_row *row, uint32_t device_groups,
                      uint32_t fence_groups)
{
    hr_err err = HR_OK;
    for (uint32_t d = 0; err == HR_OK && d < device_groups; d++) {
        for (uint32_t f = 0; err == HR_OK && f < fence_groups; f++) {
            views->list[views->count++] =
                (query_view){.row = row, .device_group = (uint16_t)d, .fence_group = (uint16_t)f};
            err = views->count == VIEWS_MAX ? flush(views) : HR_OK;
        }
    }
    return err;
}

hr_err query_views_run(stream_evaluator *evaluator, const stream_shape *shape, query_source source,
                       const void *rows, size_t count, int64_t time_ms_max, query_view_visit *visit,
                       void *context, hr_why *why)
{
    views views = {.evaluator = evaluator,
                   .time_ms_max = time_ms_max,
                   .visit = visit,
                   .context = context,
                   .why = why};
    bool by_device = reads(evaluator, shape, "device_group");
    bool by_fence = reads(evaluator, shape, "fence_group");
    hr_err err = HR_OK;
    for (size_t i = 0; err == HR_OK && i < count; i++) {
        const query_row *row = query_row_at(source, rows, i);
        uint32_t device_groups = row->device_rules != NULL ? row->device_rules->group_count : 0;
        uint32_t fence_groups = row->fence != NULL ? row->fence->group_count : 0;
        err =
            add_row(&views, row, copies(device_groups, by_device), copies(fence_groups, by_fence));
    }
    return err == HR_OK ? flush(&views) : err;
}
