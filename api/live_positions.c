/* api/live_positions.c - the latest wins: where devices in a client's view are, at its own pace. */
#include <math.h>
#include <string.h>

#include "device_text.h"
#include "live_parts.h"

#define MARGIN_PART 10 /* of the view on each side: devices that leave are seen leaving */
#define GRID_COLUMNS 48
#define GRID_ROWS 48
#define COARSE_PERIOD_NS INT64_C(1000000000) /* counts come no faster */
#define COARSE_SHARE 5 /* counts take at most one part in so many of this thread's time */
#define FOUND_KEPT_MAX                                                                             \
    (4 * LIVE_POSITIONS_MAX) /* devices that there is memory for between times                     \
                              */
#define BINARY_VERSION 1
#define AGE_STEP 1.08 /* from one age code to the next; LIVE.md */
#define AGE_CODE_MAX 255

/* Counting looks at every device, so with many who look at everything each gets them less often. */
static int64_t coarse_period_ns(const live_hub *hub, const live_view *view)
{
    int64_t period_ns = view->period_ns > COARSE_PERIOD_NS ? view->period_ns : COARSE_PERIOD_NS;
    int64_t bearable_ns = hub->coarse_cost_ns * hub->coarse_count * COARSE_SHARE;
    return period_ns > bearable_ns ? period_ns : bearable_ns;
}

void live_positions_tick(live_hub *hub, int64_t now_ns)
{
    uint32_t coarse_count = 0;
    for (live_client *client = hub->first; client != NULL; client = client->next) {
        live_view *view = &client->view;
        coarse_count += view->is_wanted && view->is_coarse;
        if (!view->is_wanted || now_ns < view->next_ns) {
            continue;
        }
        int64_t period_ns = view->is_coarse ? coarse_period_ns(hub, view) : view->period_ns;
        /* Not a sum of periods: a client that was away does not get them all at once. */
        view->next_ns = now_ns + period_ns;
        bool is_behind = view->tells_seen && view->tick - view->seen >= LIVE_UNSEEN_MAX;
        if (view->is_due || is_behind) {
            view->skipped++;
        }
        if (!is_behind) {
            view->is_due = true;
            live_want_write(client);
        }
    }
    hub->coarse_count = coarse_count;
    if (coarse_count == 0 && hub->found.capacity > FOUND_KEPT_MAX) {
        engine_answer_fini(&hub->found); /* counting had every device in it */
    }
}

static geo_box with_margin(geo_box box)
{
    int64_t width = (int64_t)box.max.lon_e7 - box.min.lon_e7;
    int64_t height = (int64_t)box.max.lat_e7 - box.min.lat_e7;
    int64_t west = box.min.lon_e7 - width / MARGIN_PART;
    int64_t east = box.max.lon_e7 + width / MARGIN_PART;
    int64_t south = box.min.lat_e7 - height / MARGIN_PART;
    int64_t north = box.max.lat_e7 + height / MARGIN_PART;
    return (geo_box){
        .min = {.lon_e7 = (int32_t)(west > -GEO_LON_E7_MAX ? west : -GEO_LON_E7_MAX),
                .lat_e7 = (int32_t)(south > -GEO_LAT_E7_MAX ? south : -GEO_LAT_E7_MAX)},
        .max = {.lon_e7 = (int32_t)(east < GEO_LON_E7_MAX ? east : GEO_LON_E7_MAX),
                .lat_e7 = (int32_t)(north < GEO_LAT_E7_MAX ? north : GEO_LAT_E7_MAX)}};
}

static int write_json(live_hub *hub, live_client *client)
{
    hr_buf_clear(&hub->frame);
    hr_json json = hr_json_into(&hub->frame);
    hr_json_open_object(&json);
    hr_json_key(&json, "positions");
    hr_json_open_array(&json);
    for (size_t i = 0; i < hub->found.count; i++) {
        hr_json_open_object(&json);
        api_device_write(&json, &hub->found.devices[i]);
        hr_json_close_object(&json);
    }
    hr_json_close_array(&json);
    hr_json_key_u64(&json, "tick", ++client->view.tick);
    hr_json_close_object(&json);
    return live_write(client, hub->frame.data, hub->frame.size, false);
}

/* The age of a fix in one byte: 0 is under a second, n is AGE_STEP to the n seconds. */
static uint8_t age_code(int64_t age_ms)
{
    if (age_ms < 1000) {
        return 0;
    }
    double code = ceil(log((double)age_ms / 1000.0) / log(AGE_STEP));
    return code < 1 ? 1 : code > AGE_CODE_MAX ? AGE_CODE_MAX : (uint8_t)code;
}

static void put_records(live_hub *hub, live_client *client, hr_json *names, int64_t now_ms)
{
    for (size_t i = 0; i < hub->found.count; i++) {
        const engine_device *device = &hub->found.devices[i];
        uint32_t handle = 0;
        if (live_handles_get(&hub->handles, device->fix.device, &handle) != HR_OK) {
            continue;
        }
        if (!live_told_mark(&client->view.told, handle)) {
            hr_json_open_array(names);
            hr_json_u64(names, handle);
            hr_json_text(names, device->id);
            hr_json_close_array(names);
        }
        uint32_t age = age_code(now_ms - device->fix.time_ms);
        hr_buf_put_u32(&hub->frame, handle | age << 24);
        hr_buf_put_u32(&hub->frame, (uint32_t)device->fix.lon_e7);
        hr_buf_put_u32(&hub->frame, (uint32_t)device->fix.lat_e7);
    }
}

/* A head of 12 bytes, then 12 for each device; before it the names of those that are new. */
static int write_binary(live_hub *hub, live_client *client)
{
    int64_t now_ms = hr_clock_now_ms(hub->server->context->clock);
    hr_buf_clear(&hub->frame);
    hr_buf_put(&hub->frame, "HP", 2);
    hr_buf_put_u8(&hub->frame, BINARY_VERSION);
    hr_buf_put_u8(&hub->frame, 0);
    hr_buf_put_u32(&hub->frame, (uint32_t)++client->view.tick);
    hr_buf_put_u32(&hub->frame, (uint32_t)hub->found.count);
    hr_buf_clear(&hub->names);
    hr_json names = hr_json_into(&hub->names);
    hr_json_open_object(&names);
    hr_json_key(&names, "names");
    hr_json_open_array(&names);
    size_t empty_size = hub->names.size;
    put_records(hub, client, &names, now_ms);
    bool has_names = hub->names.size > empty_size;
    hr_json_close_array(&names);
    hr_json_close_object(&names);
    if (hr_buf_err(&hub->frame) != HR_OK || hr_buf_err(&hub->names) != HR_OK) {
        return -1;
    }
    hr_store_u32(hub->frame.data + 8, (uint32_t)((hub->frame.size - 12) / 12));
    if (has_names && live_write(client, hub->names.data, hub->names.size, false) < 0) {
        return -1;
    }
    return live_write(client, hub->frame.data, hub->frame.size, true);
}

/* How many of those found are in each cell of the box. */
static void put_cells(hr_json *json, geo_box box, const engine_answer *found)
{
    static uint32_t cells[GRID_ROWS][GRID_COLUMNS]; /* service thread only */
    double width = ((double)box.max.lon_e7 - box.min.lon_e7) / GRID_COLUMNS;
    double height = ((double)box.max.lat_e7 - box.min.lat_e7) / GRID_ROWS;
    memset(cells, 0, sizeof cells);
    for (size_t i = 0; i < found->count; i++) {
        const hr_fix *fix = &found->devices[i].fix;
        double column = width > 0 ? ((double)fix->lon_e7 - box.min.lon_e7) / width : 0;
        double row = height > 0 ? ((double)fix->lat_e7 - box.min.lat_e7) / height : 0;
        if (column >= 0 && column <= GRID_COLUMNS && row >= 0 && row <= GRID_ROWS) {
            cells[row < GRID_ROWS ? (int)row : GRID_ROWS - 1]
                 [column < GRID_COLUMNS ? (int)column : GRID_COLUMNS - 1]++;
        }
    }
    for (int row = 0; row < GRID_ROWS; row++) {
        for (int column = 0; column < GRID_COLUMNS; column++) {
            if (cells[row][column] > 0) {
                hr_json_open_array(json);
                hr_json_double(json, (box.min.lon_e7 + (column + 0.5) * width) * 1e-7);
                hr_json_double(json, (box.min.lat_e7 + (row + 0.5) * height) * 1e-7);
                hr_json_u64(json, cells[row][column]);
                hr_json_close_array(json);
            }
        }
    }
}

/* Too many to show one by one: how many are around each place. 0, and no longer coarse: there are
 * few enough again. */
static int write_counts(live_hub *hub, live_client *client)
{
    live_view *view = &client->view;
    const hr_clock *clock = hub->server->context->clock;
    int64_t begun_ns = hr_clock_mono_ns(clock);
    size_t total = 0;
    hr_buf_clear(&hub->frame);
    hr_json json = hr_json_into(&hub->frame);
    hr_json_open_object(&json);
    hr_json_key(&json, "counts");
    hr_json_open_array(&json);
    for (uint32_t i = 0; i < view->box_count; i++) {
        engine_moved_mark all = {.seen = {0}}; /* not only those that have moved */
        if (engine_moved(hub->server->context->engine, with_margin(view->boxes[i]), &all,
                         &hub->found) != HR_OK) {
            return 0;
        }
        total += hub->found.count;
        put_cells(&json, view->boxes[i], &hub->found);
    }
    hr_json_close_array(&json);
    hr_json_key_u64(&json, "tick", view->tick + 1);
    hr_json_close_object(&json);
    hub->coarse_cost_ns = hr_clock_mono_ns(clock) - begun_ns;
    view->is_coarse = total > LIVE_POSITIONS_MAX;
    view->tick += view->is_coarse;
    return view->is_coarse ? live_write(client, hub->frame.data, hub->frame.size, false) : 0;
}

static int write_lagged(live_hub *hub, live_client *client)
{
    hr_buf_clear(&hub->frame);
    hr_json json = hr_json_into(&hub->frame);
    hr_json_open_object(&json);
    hr_json_key(&json, "lagged");
    hr_json_open_object(&json);
    hr_json_key_u64(&json, "dropped", client->view.skipped);
    hr_json_close_object(&json);
    hr_json_close_object(&json);
    client->view.skipped = 0;
    return live_write(client, hub->frame.data, hub->frame.size, false);
}

int live_positions_write(live_hub *hub, live_client *client)
{
    live_view *view = &client->view;
    engine *engine = hub->server->context->engine;
    if (!view->is_wanted || !view->is_due || engine == NULL) {
        return 0;
    }
    view->is_due = false;
    if (view->skipped > 0 && write_lagged(hub, client) < 0) {
        return -1;
    }
    int result = view->is_coarse ? write_counts(hub, client) : 0;
    if (view->is_coarse) {
        return result;
    }
    for (uint32_t i = 0; i < view->box_count && result >= 0; i++) {
        if (engine_moved(engine, with_margin(view->boxes[i]), &view->marks[i], &hub->found) !=
            HR_OK) {
            return 0;
        }
        if (hub->found.count > LIVE_POSITIONS_MAX) {
            view->is_coarse = true;
            memset(view->marks, 0, sizeof view->marks); /* all are told anew after it */
            return write_counts(hub, client);
        }
        if (hub->found.count > 0) {
            result = view->is_binary ? write_binary(hub, client) : write_json(hub, client);
        }
    }
    return result;
}
