/* replay.c - reads CSV and GPX; numbers go from text to the lattice without a detour. */
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"

#define CELLS_MAX 16
#define LON_E7_MAX 1800000000
#define LAT_E7_MAX 900000000

typedef enum column {
    COLUMN_DEVICE,
    COLUMN_TIME,
    COLUMN_LON,
    COLUMN_LAT,
    COLUMN_ACCURACY,
    COLUMN_SPEED,
    COLUMN_HEADING,
    COLUMN_BATTERY,
    COLUMNS,
} column;

static const char *const column_names[COLUMNS] = {
    "device", "time", "lon", "lat", "accuracy_m", "speed_mps", "heading_deg", "battery_pct"};

/* A piece of the file's text. */
typedef struct cell {
    const char *text;
    size_t size;
} cell;

static hr_err add_row(sim_replay *r, const sim_replay_row *row)
{
    if ((r->row_count & (r->row_count - 1)) == 0) {
        void *rows = realloc(r->rows, (r->row_count > 0 ? r->row_count * 2 : 1) * sizeof *r->rows);
        if (rows == NULL) {
            return HR_NO_MEMORY;
        }
        r->rows = rows;
    }
    r->rows[r->row_count++] = *row;
    return HR_OK;
}

/* The device's index; most rows are of the device before, or near the last one met. */
static hr_err find_device(sim_replay *r, cell id, uint32_t *index)
{
    for (uint32_t i = r->id_count; i-- > 0;) {
        if (strlen(r->ids[i]) == id.size && memcmp(r->ids[i], id.text, id.size) == 0) {
            *index = i;
            return HR_OK;
        }
    }
    if (!hr_device_id_is_valid(id.text, id.size) || r->id_count == SIM_REPLAY_DEVICES_MAX) {
        return r->id_count == SIM_REPLAY_DEVICES_MAX ? HR_TOO_BIG : HR_INVALID;
    }
    void *ids = realloc(r->ids, ((size_t)r->id_count + 1) * sizeof *r->ids);
    if (ids == NULL) {
        return HR_NO_MEMORY;
    }
    r->ids = ids;
    memcpy(r->ids[r->id_count], id.text, id.size);
    r->ids[r->id_count][id.size] = '\0';
    *index = r->id_count++;
    return HR_OK;
}

static bool read_time(cell c, int64_t *time_ms)
{
    return hr_decimal_parse(c.text, c.size, 0, time_ms) == HR_OK ||
           hr_time_parse(c.text, c.size, time_ms) == HR_OK;
}

static bool read_degrees(cell c, int32_t max_e7, int32_t *value_e7)
{
    int64_t value = 0;
    bool is_good =
        hr_decimal_parse(c.text, c.size, 7, &value) == HR_OK && value >= -max_e7 && value <= max_e7;
    *value_e7 = (int32_t)value;
    return is_good;
}

/* A detail that is absent or out of its range is unknown. */
static uint16_t read_detail(cell c, unsigned scale, int64_t max, uint16_t unknown)
{
    int64_t value = 0;
    bool is_good = c.size > 0 && hr_decimal_parse(c.text, c.size, scale, &value) == HR_OK &&
                   value >= 0 && value <= max;
    return is_good ? (uint16_t)value : unknown;
}

static hr_err take_row(sim_replay *r, const cell cells[COLUMNS], size_t line)
{
    sim_replay_row row = {.line = line};
    hr_err err = find_device(r, cells[COLUMN_DEVICE], &row.device);
    if (err != HR_OK) {
        return err;
    }
    hr_fix *fix = &row.fix;
    if (!read_time(cells[COLUMN_TIME], &fix->time_ms) ||
        !read_degrees(cells[COLUMN_LON], LON_E7_MAX, &fix->lon_e7) ||
        !read_degrees(cells[COLUMN_LAT], LAT_E7_MAX, &fix->lat_e7)) {
        return HR_INVALID;
    }
    fix->accuracy_dm = read_detail(cells[COLUMN_ACCURACY], 1, 65534, HR_FIX_U16_UNKNOWN);
    fix->speed_cm_s = read_detail(cells[COLUMN_SPEED], 2, 65534, HR_FIX_U16_UNKNOWN);
    fix->heading_cdeg = read_detail(cells[COLUMN_HEADING], 2, 35999, HR_FIX_U16_UNKNOWN);
    fix->battery_pct = (uint8_t)read_detail(cells[COLUMN_BATTERY], 0, 100, HR_FIX_U8_UNKNOWN);
    return add_row(r, &row);
}

/* ---- CSV ---- */

static unsigned split(cell line, cell cells[CELLS_MAX])
{
    unsigned count = 0;
    const char *end = line.text + line.size;
    for (const char *at = line.text; count < CELLS_MAX; at++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        cells[count++] = (cell){at, (size_t)((comma != NULL ? comma : end) - at)};
        if (comma == NULL) {
            break;
        }
        at = comma;
    }
    return count;
}

/* Which column each cell belongs to; COLUMNS for one that is passed over. */
static hr_err read_header(cell line, column order[CELLS_MAX])
{
    cell cells[CELLS_MAX];
    unsigned found = 0;
    unsigned count = split(line, cells);
    for (unsigned i = 0; i < CELLS_MAX; i++) {
        order[i] = COLUMNS;
        for (unsigned k = 0; i < count && k < COLUMNS; k++) {
            if (cells[i].size == strlen(column_names[k]) &&
                memcmp(cells[i].text, column_names[k], cells[i].size) == 0) {
                order[i] = (column)k;
                found |= 1u << k;
            }
        }
    }
    return (found & 15u) == 15u ? HR_OK : HR_INVALID;
}

static hr_err read_csv(sim_replay *r, const char *text, size_t size, size_t *line_number)
{
    column order[CELLS_MAX];
    const char *end = text + size;
    hr_err err = HR_OK;
    for (const char *at = text; err == HR_OK && at < end; ++*line_number) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        cell line = {at, (size_t)(stop - at)};
        at = stop + 1;
        if (line.size > 0 && line.text[line.size - 1] == '\r') {
            line.size--;
        }
        if (*line_number == 0) {
            err = read_header(line, order);
            continue;
        }
        if (line.size > 0) {
            cell cells[CELLS_MAX], sorted[COLUMNS] = {{NULL, 0}};
            unsigned count = split(line, cells);
            for (unsigned i = 0; i < count; i++) {
                if (order[i] != COLUMNS) {
                    sorted[order[i]] = cells[i];
                }
            }
            err = take_row(r, sorted, *line_number);
        }
    }
    return err;
}

/* ---- GPX ---- */

/* What stands between two texts, from *at on and before end; *at goes behind it. */
static bool between(const char **at, const char *end, const char *before, const char *after,
                    cell *out)
{
    const char *from = memmem(*at, (size_t)(end - *at), before, strlen(before));
    if (from == NULL) {
        return false;
    }
    from += strlen(before);
    const char *to = memmem(from, (size_t)(end - from), after, strlen(after));
    if (to == NULL) {
        return false;
    }
    *out = (cell){from, (size_t)(to - from)};
    *at = to;
    return true;
}

static hr_err read_gpx(sim_replay *r, const char *text, size_t size, cell device,
                       size_t *line_number)
{
    const char *at = text;
    const char *end = text + size;
    cell point;
    hr_err err = HR_OK;
    while (err == HR_OK && between(&at, end, "<trkpt", "</trkpt>", &point)) {
        cell cells[COLUMNS] = {[COLUMN_DEVICE] = device};
        const char *stop = point.text + point.size;
        const char *lat = point.text, *lon = point.text, *time = point.text;
        ++*line_number;
        if (!between(&lat, stop, "lat=\"", "\"", &cells[COLUMN_LAT]) ||
            !between(&lon, stop, "lon=\"", "\"", &cells[COLUMN_LON]) ||
            !between(&time, stop, "<time>", "</time>", &cells[COLUMN_TIME])) {
            return HR_INVALID;
        }
        err = take_row(r, cells, *line_number);
    }
    return err;
}

/* ---- files ---- */

static int by_time(const void *a, const void *b)
{
    const sim_replay_row *x = a, *y = b;
    if (x->fix.time_ms != y->fix.time_ms) {
        return x->fix.time_ms < y->fix.time_ms ? -1 : 1;
    }
    return (x->line > y->line) - (x->line < y->line);
}

static char *read_file(const char *path, size_t *size, hr_why *why)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)hr_why_errno(why, errno, "%s", path);
        return NULL;
    }
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *text = end >= 0 && end <= (long)SIM_REPLAY_BYTES_MAX ? malloc((size_t)end + 1) : NULL;
    if (text == NULL || fseek(file, 0, SEEK_SET) != 0) {
        (void)hr_why_set(why, HR_TOO_BIG, "%s does not fit into memory", path);
        free(text);
        text = NULL;
    } else {
        *size = fread(text, 1, (size_t)end, file);
    }
    fclose(file);
    return text;
}

/* "tracks/cow-17.gpx" is about cow-17. */
static cell device_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return (cell){name, dot != NULL ? (size_t)(dot - name) : strlen(name)};
}

/* What is wrong where reading stopped, and what would be right. */
static hr_err complain(const char *path, bool is_gpx, size_t line, hr_err err, hr_why *why)
{
    cell device = device_of(path);
    if (err != HR_INVALID) {
        return hr_why_set(why, err, "%s:%zu: %s", path, line, hr_err_text(err));
    }
    if (is_gpx && !hr_device_id_is_valid(device.text, device.size)) {
        return hr_why_set(why, err,
                          "%s: the device is called as the file, and \"%.*s\" is no id: letters, "
                          "digits, . _ : and - only",
                          path, (int)device.size, device.text);
    }
    if (is_gpx) {
        return hr_why_set(why, err, "%s: point %zu: lat, lon and <time> must be there", path, line);
    }
    return line <= 1
               ? hr_why_set(why, err, "%s:1: the first line names device, time, lon and lat", path)
               : hr_why_set(why, err,
                            "%s:%zu: a device's id, a time (ISO 8601 or ms) and degrees must be "
                            "there",
                            path, line);
}

hr_err sim_replay_parse(const char *path, const char *text, size_t size, sim_replay **out,
                        hr_why *why)
{
    size_t line = 0, length = strlen(path);
    bool is_gpx = length > 4 && strcmp(path + length - 4, ".gpx") == 0;
    sim_replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    hr_err err =
        is_gpx ? read_gpx(r, text, size, device_of(path), &line) : read_csv(r, text, size, &line);
    if (err != HR_OK) {
        err = complain(path, is_gpx, line, err, why);
    } else if (r->row_count == 0) {
        err = hr_why_set(why, HR_INVALID, "%s has no fixes", path);
    }
    if (err != HR_OK) {
        sim_replay_free(r);
        return err;
    }
    qsort(r->rows, r->row_count, sizeof *r->rows, by_time);
    *out = r;
    return HR_OK;
}

hr_err sim_replay_load(const char *path, sim_replay **out, hr_why *why)
{
    size_t size = 0;
    char *text = read_file(path, &size, why);
    hr_err err = text != NULL ? sim_replay_parse(path, text, size, out, why) : HR_IO;
    free(text);
    return err;
}

void sim_replay_free(sim_replay *r)
{
    if (r != NULL) {
        free(r->rows);
        free(r->ids);
        free(r);
    }
}
