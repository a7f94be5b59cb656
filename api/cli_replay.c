/* api/cli_replay.c - hedgerow replay: the events that a file of fixes makes, as the service would
 * tell them: one partition, each fix arriving at its own time, and before each a tick at the
 * highest time that any fix has had, this one included. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli.h"
#include "cli_devices.h"
#include "cli_hits.h"
#include "cli_rows.h"
#include "cli_rules.h"
#include "engine/told.h"
#include "wire/event_json.h"

static const char help[] =
    "usage: hedgerow replay --fences FILE [--on-error stop|skip] [--close-rings] < fixes.csv\n"
    "\n"
    "Prints the events that the fixes make, one JSON object in each line. FILE is GeoJSON with "
    "the\n"
    "fences' properties; groups are not obeyed, every fence is for every device. The CSV has the\n"
    "columns device,time,lon,lat and at will accuracy_m,speed_mps,heading_deg,battery_pct.\n"
    "\n"
    "  --on-error stop   end at the first bad row (the default)\n"
    "  --on-error skip   leave bad rows out, and tell the first of them and how many\n"
    "  --close-rings     close rings that are not closed, instead of refusing them\n";

#define EVENT_BYTES_MAX 8192

typedef struct row {
    geo_fix fix;
    uint32_t device;
} row;

typedef struct player {
    const cli_rows_options *options;
    cli_rules rules;
    bool rules_open;
    geo_tracker *tracker;
    cli_devices devices;
    cli_hits hits;
    cli_output output;
    hr_buf line;
    int64_t tick_ms; /* the highest time so far */
    uint32_t *due;   /* devices whose tick has come */
    size_t due_capacity;
    size_t count;
    row rows[CLI_BATCH];
    geo_point points[CLI_BATCH];
} player;

static int fail(const player *p, const char *what)
{
    fprintf(stderr, "hedgerow %s: %s\n", p->options->command, what);
    return CLI_FAILED;
}

/* Print what the tracker just said. */
static geo_err print_events(player *p, const cli_device *device)
{
    static const event_json_frame frame = {0};
    size_t count = 0;
    const geo_event *said = geo_tracker_events(p->tracker, &count);
    for (size_t i = 0; i < count; i++) {
        hr_event event = engine_event_of(&said[i], device->key, device->id);
        hr_buf_clear(&p->line);
        event_json_write(&p->line, &event, &frame);
        hr_buf_put_u8(&p->line, '\n');
        if (hr_buf_err(&p->line) != HR_OK) {
            return GEO_NO_MEMORY;
        }
        memcpy(cli_output_reserve(&p->output, p->line.size), p->line.data, p->line.size);
        p->output.used += p->line.size;
    }
    return GEO_OK;
}

static geo_err wait_for_tick(player *p, uint32_t number, int64_t not_before_ms)
{
    cli_device *device = &p->devices.devices[number];
    int64_t wake_ms = geo_tracker_wake_ms(p->tracker, &device->state, device->key);
    wake_ms = wake_ms < not_before_ms ? not_before_ms : wake_ms;
    return cli_devices_wait(&p->devices, number, wake_ms) == HR_OK ? GEO_OK : GEO_NO_MEMORY;
}

/* Take the devices whose tick has come out of the queue; those that need it no more wait on. */
static geo_err collect_due(player *p, size_t *count)
{
    uint32_t number;
    *count = 0;
    while (cli_devices_due(&p->devices, p->tick_ms, &number)) {
        const cli_device *device = &p->devices.devices[number];
        if (geo_tracker_wake_ms(p->tracker, &device->state, device->key) > p->tick_ms) {
            geo_err err = wait_for_tick(p, number, INT64_MIN);
            if (err != GEO_OK) {
                return err;
            }
            continue;
        }
        if (*count == p->due_capacity) {
            size_t capacity = p->due_capacity == 0 ? 64 : 2 * p->due_capacity;
            uint32_t *due = realloc(p->due, capacity * sizeof *due);
            if (due == NULL) {
                return GEO_NO_MEMORY;
            }
            p->due = due;
            p->due_capacity = capacity;
        }
        p->due[(*count)++] = number;
    }
    return GEO_OK;
}

static int compare_keys(const void *a, const void *b, void *devices)
{
    const cli_device *all = devices;
    uint64_t left = all[*(const uint32_t *)a].key;
    uint64_t right = all[*(const uint32_t *)b].key;
    return left < right ? -1 : left > right;
}

/* The tick before a fix, for every device that it can mean something to, by device key. */
static geo_err play_tick(player *p)
{
    size_t count = 0;
    geo_err err = collect_due(p, &count);
    if (count > 1) {
        qsort_r(p->due, count, sizeof *p->due, compare_keys, p->devices.devices);
    }
    for (size_t i = 0; i < count && err == GEO_OK; i++) {
        cli_device *device = &p->devices.devices[p->due[i]];
        err = geo_tracker_tick(p->tracker, &device->state, device->key, p->tick_ms);
        err = err == GEO_OK ? print_events(p, device) : err;
        err = err == GEO_OK ? wait_for_tick(p, p->due[i], p->tick_ms + 1) : err;
    }
    return err;
}

static geo_err play_fix(player *p, size_t at)
{
    const row *r = &p->rows[at];
    if (r->fix.time_ms > p->tick_ms) {
        p->tick_ms = r->fix.time_ms;
    }
    geo_err err = play_tick(p);
    cli_device *device = &p->devices.devices[r->device];
    /* Ticks that it slept through, which have nothing to tell, move its time. */
    err =
        err == GEO_OK ? geo_tracker_tick(p->tracker, &device->state, device->key, p->tick_ms) : err;
    uint32_t start = p->hits.starts[at];
    err = err == GEO_OK ? geo_tracker_fix(p->tracker, &device->state, device->key, &r->fix,
                                          p->hits.areas + start, p->hits.starts[at + 1] - start)
                        : err;
    err = err == GEO_OK ? print_events(p, device) : err;
    return err == GEO_OK ? wait_for_tick(p, r->device, INT64_MIN) : err;
}

static void times_of_batch(const player *p, int64_t *first_ms, int64_t *last_ms)
{
    *first_ms = INT64_MAX;
    *last_ms = INT64_MIN;
    for (size_t i = 0; i < p->count; i++) {
        int64_t time_ms = p->rows[i].fix.time_ms;
        *first_ms = time_ms < *first_ms ? time_ms : *first_ms;
        *last_ms = time_ms > *last_ms ? time_ms : *last_ms;
    }
}

/* Schedules resolved for more time are no change of rules, but every device's next switch is. */
static geo_err extend_rules(player *p, int64_t first_ms, int64_t last_ms, geo_why *why)
{
    const geo_rules *before = NULL;
    geo_rules_diff *diff = NULL;
    geo_err err = cli_rules_extend(&p->rules, first_ms, last_ms, &before, &diff, why);
    if (err != GEO_OK) {
        return err;
    }
    geo_tracker_use(p->tracker, p->rules.rules, &p->rules.areas);
    for (uint32_t i = 0; i < p->devices.count && err == GEO_OK; i++) {
        cli_device *device = &p->devices.devices[i];
        err = geo_tracker_rules(p->tracker, &device->state, device->key, before, diff, p->tick_ms);
        err = err == GEO_OK ? wait_for_tick(p, i, INT64_MIN) : err;
    }
    geo_rules_diff_free(diff);
    geo_rules_unref(before);
    return err;
}

/* The rules are read when the first times are known, and resolved further when later ones come. */
static bool prepare_rules(player *p)
{
    int64_t first_ms;
    int64_t last_ms;
    geo_why why = {""};
    times_of_batch(p, &first_ms, &last_ms);
    if (!p->rules_open) {
        if (!cli_rules_open(&p->rules, p->options, first_ms, last_ms)) {
            return false;
        }
        p->rules_open = true;
        geo_tracker_use(p->tracker, p->rules.rules, &p->rules.areas);
    } else if (cli_rules_must_extend(&p->rules, first_ms, last_ms)) {
        geo_err err = extend_rules(p, first_ms, last_ms, &why);
        if (err != GEO_OK) {
            (void)fail(p, why.text[0] != '\0' ? why.text : geo_err_text(err));
            return false;
        }
    }
    return true;
}

static int play_batch(player *p)
{
    if (p->count == 0) {
        return CLI_OK;
    }
    if (!prepare_rules(p)) {
        return CLI_FAILED;
    }
    geo_err err = cli_hits_find(&p->hits, p->rules.version, p->points, p->count);
    for (size_t i = 0; i < p->count && err == GEO_OK; i++) {
        err = play_fix(p, i);
    }
    p->count = 0;
    return err == GEO_OK ? CLI_OK : fail(p, geo_err_text(err));
}

static int play_rows(player *p, cli_rows *rows)
{
    geo_csv_fix read;
    uint64_t line = 0;
    int exit_code = CLI_OK;
    while (exit_code == CLI_OK && !p->output.failed &&
           cli_rows_next(rows, &read, &line) == CLI_ROW) {
        row *r = &p->rows[p->count];
        r->fix = (geo_fix){.time_ms = read.time_ms,
                           .append_ms = read.time_ms,
                           .place = read.place,
                           .accuracy_dm = read.accuracy_dm};
        p->points[p->count++] = read.place;
        hr_err err = cli_devices_find(&p->devices, read.device, read.device_size, &r->device);
        if (err != HR_OK) {
            exit_code =
                fail(p, err == HR_EXISTS ? "two devices have the same key" : hr_err_text(err));
        } else if (p->count == CLI_BATCH) {
            exit_code = play_batch(p);
        }
    }
    exit_code = exit_code == CLI_OK ? play_batch(p) : exit_code;
    if (exit_code == CLI_OK && !p->rules_open && !cli_rules_open(&p->rules, p->options, 0, 0)) {
        exit_code = CLI_FAILED; /* no row came, but unsound fences are told all the same */
    }
    cli_output_flush(&p->output);
    int told = cli_rows_tell(rows);
    return exit_code != CLI_OK || p->output.failed ? CLI_FAILED : told;
}

int cli_replay(const cli_globals *globals, int argc, char **argv)
{
    (void)globals;
    cli_rows_options options;
    int exit_code = CLI_OK;
    if (!cli_rows_parse(argc, argv, help, &options, &exit_code)) {
        return exit_code;
    }
    exit_code = CLI_FAILED;
    cli_rows *rows = cli_rows_open(STDIN_FILENO, &options);
    player *p = rows == NULL ? NULL : calloc(1, sizeof *p);
    if (p != NULL && geo_tracker_new(&p->tracker) == GEO_OK) {
        p->options = &options;
        p->output.fd = STDOUT_FILENO;
        p->tick_ms = INT64_MIN;
        hr_buf_init(&p->line, EVENT_BYTES_MAX);
        exit_code = play_rows(p, rows);
        hr_buf_fini(&p->line);
    } else if (rows != NULL) {
        fputs("hedgerow replay: out of memory\n", stderr);
    }
    if (p != NULL) {
        cli_hits_fini(&p->hits);
        cli_devices_fini(&p->devices);
        geo_tracker_free(p->tracker);
        cli_rules_close(&p->rules);
        free(p->due);
    }
    free(p);
    cli_rows_close(rows);
    return exit_code;
}
