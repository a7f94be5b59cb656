/* api/cli_join.c - hedgerow join: which fences does each fix lie in. Geometry only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cli_hits.h"
#include "cli_rows.h"
#include "geo/geojson_fence.h"

static const char help[] =
    "usage: hedgerow join --fences FILE [--on-error stop|skip] [--close-rings] < fixes.csv\n"
    "\n"
    "Prints \"line,fence\" for every fix and fence that it lies in, the boundary included:\n"
    "line 1 is the first row after the header, a fence goes by its id, else by its name,\n"
    "else by its place in the file from #0.\n"
    "FILE is GeoJSON. The CSV has the columns device,time,lon,lat and at will accuracy_m,\n"
    "speed_mps,heading_deg,battery_pct.\n"
    "\n"
    "  --on-error stop   end at the first bad row (the default)\n"
    "  --on-error skip   leave bad rows out, and tell the first of them and how many\n"
    "  --close-rings     close rings that are not closed, instead of refusing them\n";

/* A fence's name in quotes may be twice as long and three more. */
#define LABEL_SIZE (2 * GEO_FEATURE_ID_MAX + 3)

/* Text after the line's number: a comma, the fence, a line end. */
typedef struct label {
    uint32_t start;
    uint32_t size;
} label;

typedef struct fences {
    geo_area **areas;
    label *labels;
    uint32_t *ids;
    size_t count;
    size_t capacity;
    char *texts;
    size_t texts_used;
    size_t texts_capacity;
} fences;

static void fences_free(fences *f)
{
    for (size_t i = 0; i < f->count; i++) {
        geo_area_free(f->areas[i]);
    }
    free(f->areas);
    free(f->labels);
    free(f->ids);
    free(f->texts);
}

/* CSV's quoting, for names that need it. Returns the length. */
static size_t quote(const char *text, char *out)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        size_t size = strlen(text);
        memcpy(out, text, size);
        return size;
    }
    size_t used = 0;
    out[used++] = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            out[used++] = '"';
        }
        out[used++] = *text;
    }
    out[used++] = '"';
    return used;
}

static bool reserve(fences *f)
{
    if (f->count == f->capacity) {
        size_t capacity = f->capacity == 0 ? 64 : 2 * f->capacity;
        geo_area **areas = realloc(f->areas, capacity * sizeof(geo_area *));
        f->areas = areas != NULL ? areas : f->areas;
        label *labels = realloc(f->labels, capacity * sizeof *labels);
        f->labels = labels != NULL ? labels : f->labels;
        uint32_t *ids = realloc(f->ids, capacity * sizeof *ids);
        f->ids = ids != NULL ? ids : f->ids;
        if (areas == NULL || labels == NULL || ids == NULL) {
            return false;
        }
        f->capacity = capacity;
    }
    if (f->texts_capacity - f->texts_used < LABEL_SIZE + 2) {
        size_t capacity = 2 * f->texts_capacity + LABEL_SIZE + 2;
        char *texts = realloc(f->texts, capacity);
        if (texts == NULL) {
            return false;
        }
        f->texts = texts;
        f->texts_capacity = capacity;
    }
    return true;
}

static geo_err add_fence(fences *f, const geo_feature *feature, uint32_t number, geo_why *why)
{
    geo_why reason;
    if (!reserve(f)) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    geo_err err = geo_feature_area(feature, &f->areas[f->count], &reason);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "feature %u: %.230s", (unsigned)number, reason.text);
    }
    char *start = f->texts + f->texts_used;
    size_t used = 0;
    start[used++] = ',';
    const char *name = feature->id[0] != '\0' ? feature->id : feature->name;
    char nameless[16];
    snprintf(nameless, sizeof nameless, "#%u", (unsigned)number);
    used += quote(name[0] != '\0' ? name : nameless, start + used);
    start[used++] = '\n';
    f->labels[f->count] = (label){(uint32_t)f->texts_used, (uint32_t)used};
    f->ids[f->count] = (uint32_t)f->count;
    f->texts_used += used;
    f->count++;
    return GEO_OK;
}

static geo_err read_fences(const char *text, size_t size, const cli_rows_options *options,
                           fences *f, geo_why *why)
{
    geo_geojson reader;
    geo_geojson_options reading = {.close_rings = options->close_rings, .geometry_only = true};
    geo_feature *feature = malloc(sizeof *feature);
    geo_err err = feature == NULL ? geo_why_set(why, GEO_NO_MEMORY, "out of memory")
                                  : geo_geojson_open(text, size, &reading, &reader, why);
    while (err == GEO_OK && (err = geo_geojson_next(&reader, feature, why)) == GEO_OK) {
        err = add_fence(f, feature, reader.number - 1, why);
        geo_feature_fini(feature);
    }
    free(feature);
    return err == GEO_NOT_FOUND ? GEO_OK : err;
}

static geo_index *open_index(const cli_rows_options *options, fences *f)
{
    geo_why why = {""};
    geo_index *index = NULL;
    size_t size = 0;
    char *text = cli_read_file(options->command, options->fences_path, &size);
    if (text == NULL) {
        return NULL;
    }
    geo_err err = read_fences(text, size, options, f, &why);
    free(text);
    err = err == GEO_OK ? geo_index_new(NULL, &index) : err;
    err = err == GEO_OK
              ? geo_index_build(index, (const geo_area *const *)f->areas, f->ids, f->count)
              : err;
    err = err == GEO_OK ? geo_index_publish(index) : err;
    if (err != GEO_OK) {
        fprintf(stderr, "hedgerow %s: %s: %s\n", options->command, options->fences_path,
                why.text[0] != '\0' ? why.text : geo_err_text(err));
        geo_index_free(index);
        return NULL;
    }
    return index;
}

typedef struct joiner {
    const fences *fences;
    const geo_index_version *version;
    cli_output *output;
    size_t count;
    geo_point points[CLI_BATCH];
    uint64_t lines[CLI_BATCH];
    cli_hits hits;
} joiner;

static size_t write_number(uint64_t number, char *out)
{
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = reversed[count - 1 - i];
    }
    return count;
}

static void print_hit(joiner *j, uint64_t line, uint32_t fence)
{
    const label *text = &j->fences->labels[fence];
    char *out = cli_output_reserve(j->output, 20 + LABEL_SIZE);
    size_t used = write_number(line, out);
    memcpy(out + used, j->fences->texts + text->start, text->size);
    j->output->used += used + text->size;
}

/* Answer for the points gathered so far. */
static geo_err join_batch(joiner *j)
{
    geo_err err = cli_hits_find(&j->hits, j->version, j->points, j->count);
    for (size_t p = 0; p < j->count && err == GEO_OK; p++) {
        for (uint32_t i = j->hits.starts[p]; i < j->hits.starts[p + 1]; i++) {
            print_hit(j, j->lines[p], j->hits.areas[i]);
        }
    }
    j->count = 0;
    return err;
}

static int join_rows(joiner *j, cli_rows *rows)
{
    geo_csv_fix fix;
    geo_err err = GEO_OK;
    while (err == GEO_OK && !j->output->failed &&
           cli_rows_next(rows, &fix, &j->lines[j->count]) == CLI_ROW) {
        j->points[j->count++] = fix.place;
        if (j->count == CLI_BATCH) {
            err = join_batch(j);
        }
    }
    err = err == GEO_OK ? join_batch(j) : err;
    cli_output_flush(j->output);
    int exit_code = cli_rows_tell(rows);
    if (err != GEO_OK) {
        fprintf(stderr, "hedgerow join: %s\n", geo_err_text(err));
        return CLI_FAILED;
    }
    return j->output->failed ? CLI_FAILED : exit_code;
}

int cli_join(const cli_globals *globals, int argc, char **argv)
{
    (void)globals;
    cli_rows_options options;
    int exit_code = CLI_OK;
    if (!cli_rows_parse(argc, argv, help, &options, &exit_code)) {
        return exit_code;
    }
    exit_code = CLI_FAILED;
    fences f = {0};
    geo_index *index = open_index(&options, &f);
    cli_rows *rows = index == NULL ? NULL : cli_rows_open(STDIN_FILENO, &options);
    joiner *j = rows == NULL ? NULL : calloc(1, sizeof *j);
    cli_output *output = j == NULL ? NULL : calloc(1, sizeof *output);
    geo_index_version *version = index == NULL ? NULL : geo_index_acquire(index);
    if (output != NULL) {
        output->fd = STDOUT_FILENO;
        j->fences = &f;
        j->version = version;
        j->output = output;
        exit_code = join_rows(j, rows);
    } else if (rows != NULL) {
        fputs("hedgerow join: out of memory\n", stderr);
    }
    if (j != NULL) {
        cli_hits_fini(&j->hits);
    }
    free(j);
    free(output);
    cli_rows_close(rows);
    geo_index_release(version);
    geo_index_free(index);
    fences_free(&f);
    return exit_code;
}
