/* import.c - a whole file of fences: read and checked to its end before the first is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "internal.h"
#include "json_in.h"

static const char import_taken[] = "SELECT EXISTS (SELECT 1 FROM revision WHERE fence = ?1)"
                                   " OR EXISTS (SELECT 1 FROM temp.import_id WHERE id = ?1)"
                                   " OR EXISTS (SELECT 1 FROM temp.import_given WHERE id = ?1)";

/* What has been read so far. */
typedef struct import {
    catalog_change *change;
    const catalog_import_options *options;
    fence_draft *drafts;
    uint32_t count;
    uint32_t capacity;
    geo_feature *feature; /* large, so on the heap, and used again for each */
    bool knows_given;     /* temp.import_given has the ids of all features still to come */
} import;

static geo_err grow(import *job, geo_why *why)
{
    if (job->count < job->capacity) {
        return GEO_OK;
    }
    if (job->count >= CATALOG_IMPORT_FEATURES_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "more than %d features", CATALOG_IMPORT_FEATURES_MAX);
    }
    uint32_t capacity = job->capacity == 0 ? 16 : job->capacity * 2;
    fence_draft *drafts = realloc(job->drafts, capacity * sizeof *drafts);
    if (drafts == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    job->drafts = drafts;
    job->capacity = capacity;
    return GEO_OK;
}

/* Two features with one id, or an id that is there already and may not be replaced. */
static geo_err claim_id(const import *job, const char *id, geo_why *why)
{
    catalog_db *db = job->change->store->writer;
    db_query query = db_begin(db, "SELECT count(*) FROM temp.import_id WHERE id = ?");
    db_text(&query, id);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && db_column_i64(&query, 0) != 0) {
        err = geo_why_set(why, GEO_INVALID, "another feature has the id \"%.64s\" too", id);
    }
    db_end(&query);
    fence_state state;
    if (err == GEO_OK) {
        err = fence_state_read(db, id, &state, why);
    }
    if (err == GEO_OK && !job->options->replace_existing) {
        err = fence_state_expect(&state, id, CATALOG_NONE, why);
    }
    if (err == GEO_OK) {
        query = db_begin(db, "INSERT INTO temp.import_id VALUES (?)");
        db_text(&query, id);
        err = db_run(&query, why);
    }
    return err;
}

/* Where in the text the reader's next feature stands, without what comes before and after it. */
static bool feature_span(const geo_geojson *reader, const char **text, size_t *size)
{
    geo_json json = reader->json;
    size_t from = json.at;
    if (!geo_json_skip(&json)) {
        return false;
    }
    while (from < json.at && json.text[from] != '{') {
        from++;
    }
    *text = json.text + from;
    *size = json.at - from;
    return true;
}

/* Before the first id is made from a name: note those that features behind it bring along. What is
 * wrong with them is told when it is their turn. */
static geo_err note_given_ids(import *job, geo_geojson reader, geo_why *why)
{
    catalog_db *db = job->change->store->writer;
    geo_feature *feature = malloc(sizeof *feature);
    geo_err err = feature == NULL ? geo_why_set(why, GEO_NO_MEMORY, "out of memory") : GEO_OK;
    while (err == GEO_OK && !reader.done) {
        geo_err read = geo_geojson_next(&reader, feature, why);
        if (read != GEO_OK) {
            err = read == GEO_NO_MEMORY ? read : GEO_OK;
            continue;
        }
        if (feature->id[0] != '\0') {
            db_query query = db_begin(db, "INSERT OR IGNORE INTO temp.import_given VALUES (?)");
            db_text(&query, feature->id);
            err = db_run(&query, why);
        }
        geo_feature_fini(feature);
    }
    free(feature);
    job->knows_given = true;
    return err;
}

static geo_err read_feature(import *job, geo_geojson *reader, geo_why *why)
{
    const char *text = NULL;
    size_t size = 0;
    uint32_t number = reader->number;
    draft_options options = {
        .taken = import_taken,
        .now_ms = job->change->now_ms,
        .close_rings = job->options->close_rings,
    };
    bool found = feature_span(reader, &text, &size);
    geo_err err = geo_geojson_next(reader, job->feature, why);
    if (err != GEO_OK) {
        return err;
    }
    geo_why inner = {""};
    err = found ? grow(job, &inner) : GEO_SYNTAX;
    if (err == GEO_OK && job->feature->id[0] == '\0' && !job->knows_given) {
        err = note_given_ids(job, *reader, &inner);
    }
    if (err == GEO_OK) {
        fence_draft *draft = &job->drafts[job->count];
        *draft = (fence_draft){0};
        job->count++; /* from now on it is freed with the others */
        err = draft_from_feature(job->change->store->writer, job->feature, text, size, &options,
                                 draft, &inner);
        if (err == GEO_OK) {
            err = claim_id(job, draft->id, &inner);
        }
    }
    geo_feature_fini(job->feature);
    if (err == GEO_OK || !reader->collection) {
        return err == GEO_OK ? err : geo_why_set(why, err, "%s", inner.text);
    }
    return geo_why_set(why, err, "feature %u: %.200s", (unsigned)number, inner.text);
}

static geo_err read_all(import *job, const char *text, size_t size, geo_why *why)
{
    catalog_db *db = job->change->store->writer;
    geo_geojson reader;
    geo_geojson_options reading = {.close_rings = job->options->close_rings};
    size_t mark = geo_json_mark(text, size);
    text += mark; /* SQLite would take it for a part of the value */
    size -= mark;
    geo_err err = json_check_text(text, size, CATALOG_JSON_BYTES_MAX, why);
    if (err == GEO_OK) {
        err = geo_geojson_open(text, size, &reading, &reader, why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "CREATE TEMP TABLE IF NOT EXISTS import_id(id TEXT PRIMARY KEY)", why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "DELETE FROM temp.import_id", why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "CREATE TEMP TABLE IF NOT EXISTS import_given(id TEXT PRIMARY KEY)", why);
    }
    if (err == GEO_OK) {
        err = db_exec(db, "DELETE FROM temp.import_given", why);
    }
    while (err == GEO_OK) {
        err = read_feature(job, &reader, why);
    }
    /* The reader says so at its end; an edit of nothing is no error. */
    return err == GEO_NOT_FOUND ? GEO_OK : err;
}

static geo_err write_all(const import *job, geo_why *why)
{
    geo_err err = GEO_OK;
    for (uint32_t i = 0; err == GEO_OK && i < job->count; i++) {
        fence_state state;
        err = fence_state_read(job->change->store->writer, job->drafts[i].id, &state, why);
        if (err == GEO_OK) {
            err = draft_keep_shape(job->change->store->writer, &job->drafts[i], &state, why);
        }
        if (err == GEO_OK) {
            err = draft_write(job->change, &job->drafts[i], &state,
                              state.live ? CATALOG_REPLACED : CATALOG_CREATED, NULL, why);
        }
        /* Those before it are in the rules already. */
        job->change->broken = job->change->broken || (err != GEO_OK && i > 0);
    }
    return err;
}

geo_err catalog_change_import(catalog_change *change, const char *text, size_t size,
                              const catalog_import_options *options, uint32_t *count, geo_why *why)
{
import job = {.change = change, .options = options };
    geo_err err = change_fences_begin(change, why);
    if (err != GEO_OK) {
        return err;
    }
    job.feature = malloc(sizeof *job.feature);
    if (job.feature == NULL) {
        err = geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    } else {
        err = read_all(&job, text, size, why);
    }
    if (err == GEO_OK) {
        err = write_all(&job, why);
    }
    err = change_edit_end(change, err, why);
    if (err == GEO_OK && count != NULL) {
        *count = job.count;
    }
    for (uint32_t i = 0; i < job.count; i++) {
        draft_fini(&job.drafts[i]);
    }
    free(job.drafts);
    free(job.feature);
    return err;
}
