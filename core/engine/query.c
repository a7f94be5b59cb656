/* core/engine/query.c - what the outside asks of the standing queries. */
#include "engine/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "catalog/change.h"
#include "catalog/document.h"
#include "engine/change.h"
#include "query_set.h"

static hr_err from_geo(geo_err err, const geo_why *geo, hr_why *why)
{
    return err == GEO_OK ? HR_OK : hr_why_set(why, engine_err_from_geo(err), "%s", geo->text);
}

static hr_err not_found(const char *name, hr_why *why)
{
    return hr_why_set(why, HR_NOT_FOUND, "there is no query \"%s\"", name);
}

/* A new run in the place of what was there. Takes the spec over. */
static hr_err install(engine_queries *queries, query_spec *spec, const catalog_stamp *stamp,
                      hr_why *why)
{
    query_run *run = NULL;
    query_set_enter(queries);
    hr_err err = query_run_new(spec, (uint64_t)stamp->number, queries->next_run_id,
                               queries->options.state_bytes_max, &run, why);
    if (err == HR_OK) {
        queries->next_run_id++;
        run->edition = stamp->revision;
        err = query_set_place(queries, run);
        if (err != HR_OK) {
            query_run_free(run);
        }
    }
    query_set_leave(queries);
    return err;
}

static hr_err store_document(engine_queries *queries, const query_spec *spec, bool is_new,
                             catalog_stamp *stamp, hr_why *why)
{
    geo_why geo = {.text = ""};
    geo_err err =
        catalog_document_put(queries->options.catalog, QUERY_DOCUMENT_KIND, spec->name, spec->text,
                             strlen(spec->text), is_new ? CATALOG_NONE : CATALOG_ANY, stamp, &geo);
    return from_geo(err, &geo, why);
}

hr_err engine_query_put(engine_queries *queries, const char *text, size_t size, bool is_new,
                        char name[HR_FENCE_ID_MAX + 1], engine_query_fault *fault)
{
    query_spec *spec = NULL;
    catalog_stamp stamp = {.number = 0};
    hr_err err = query_spec_parse(text, size, &spec, fault);
    if (err != HR_OK) {
        return err;
    }
    pthread_mutex_lock(&queries->edit_lock);
    query_set_enter(queries);
    bool is_known = query_set_find(queries, spec->name) != NULL;
    bool is_full = !is_known && queries->run_count == ENGINE_QUERIES_MAX;
    query_set_leave(queries);
    if (is_known && is_new) {
        err = hr_why_set(&fault->why, HR_EXISTS, "there is a query \"%s\" already", spec->name);
    } else if (is_full) {
        err =
            hr_why_set(&fault->why, HR_TOO_BIG, "there are %d queries already", ENGINE_QUERIES_MAX);
    }
    if (err == HR_OK) {
        err = store_document(queries, spec, is_new, &stamp, &fault->why);
    }
    if (err == HR_OK) {
        snprintf(name, HR_FENCE_ID_MAX + 1, "%s", spec->name);
        err = install(queries, spec, &stamp, &fault->why);
    } else {
        query_spec_free(spec);
    }
    pthread_mutex_unlock(&queries->edit_lock);
    return err;
}

hr_err engine_query_remove(engine_queries *queries, const char *name, hr_why *why)
{
    geo_why geo = {.text = ""};
    if (!hr_fence_id_is_valid(name, strlen(name))) {
        return not_found(name, why);
    }
    pthread_mutex_lock(&queries->edit_lock);
    geo_err err = catalog_document_remove(queries->options.catalog, QUERY_DOCUMENT_KIND, name,
                                          CATALOG_ANY, &geo);
    hr_err result = err == GEO_NOT_FOUND ? not_found(name, why) : from_geo(err, &geo, why);
    query_set_enter(queries);
    for (uint32_t i = 0; result == HR_OK && i < queries->run_count; i++) {
        if (strcmp(queries->runs[i]->name, name) == 0) {
            query_run_free(queries->runs[i]);
            queries->run_count--;
            memmove(queries->runs + i, queries->runs + i + 1,
                    (queries->run_count - i) * sizeof *queries->runs);
            queries->is_changed = true;
            queries->is_edited = true;
            break;
        }
    }
    query_set_leave(queries);
    pthread_mutex_unlock(&queries->edit_lock);
    return result;
}

/* Copy the text of a query's definition with `enabled` set. */
static hr_err switched_text(engine_queries *queries, const char *name, bool is_enabled, char **text,
                            hr_why *why)
{
    query_set_enter(queries);
    const query_run *run = query_set_find(queries, name);
    hr_err err = HR_OK;
    if (run == NULL) {
        err = not_found(name, why);
    } else if (run->spec == NULL) {
        err = hr_why_set(why, HR_INVALID, "%s", run->reason);
    } else {
        *text = query_spec_switch(run->spec, is_enabled);
        err = *text != NULL ? HR_OK : HR_NO_MEMORY;
    }
    query_set_leave(queries);
    return err;
}

/* The run stays in its place, with the new definition's text; it only stops, or begins anew. */
static hr_err apply_switch(engine_queries *queries, query_spec *spec, uint64_t edition, hr_why *why)
{
    query_set_enter(queries);
    query_run *run = query_set_find(queries, spec->name);
    hr_err err = run != NULL ? HR_OK : not_found(spec->name, why);
    if (err == HR_OK) {
        /* What runs borrows from the spec at hand; they differ in nothing else. */
        char *text = run->spec->text;
        run->spec->text = spec->text;
        run->spec->is_enabled = spec->is_enabled;
        run->edition = edition;
        spec->text = text;
        queries->is_changed = true;
        queries->is_edited = true;
        if (spec->is_enabled) {
            err = query_run_reset(run, queries->next_run_id++);
        } else {
            run->status = run->status == QUERY_RUNNING ? QUERY_STOPPED : run->status;
            run->revision++;
        }
    }
    query_spec_free(spec);
    query_set_leave(queries);
    return err;
}

static hr_err switch_query(engine_queries *queries, const char *name, bool is_enabled, hr_why *why)
{
    char *text = NULL;
    query_spec *spec = NULL;
    catalog_stamp stamp = {.number = 0};
    engine_query_fault fault;
    pthread_mutex_lock(&queries->edit_lock);
    hr_err err = switched_text(queries, name, is_enabled, &text, why);
    if (err == HR_OK) {
        err = query_spec_parse(text, strlen(text), &spec, &fault);
    }
    if (err == HR_OK) {
        err = store_document(queries, spec, false, &stamp, why);
        if (err == HR_OK) {
            err = apply_switch(queries, spec, stamp.revision, why);
        } else {
            query_spec_free(spec);
        }
    }
    pthread_mutex_unlock(&queries->edit_lock);
    free(text);
    return err;
}

hr_err engine_query_start(engine_queries *queries, const char *name, hr_why *why)
{
    return switch_query(queries, name, true, why);
}

hr_err engine_query_stop(engine_queries *queries, const char *name, hr_why *why)
{
    return switch_query(queries, name, false, why);
}

/* ---- asking ---- */

hr_err engine_queries_list(engine_queries *queries, hr_buf *out)
{
    hr_json json = hr_json_into(out);
    query_set_enter(queries);
    hr_json_open_object(&json);
    hr_json_key(&json, "queries");
    hr_json_open_array(&json);
    for (uint32_t i = 0; i < queries->run_count; i++) {
        query_run_tell(queries->runs[i], &json);
    }
    hr_json_close_array(&json);
    hr_json_close_object(&json);
    query_set_leave(queries);
    return hr_buf_err(out);
}

typedef void run_teller(query_run *run, uint32_t limit, hr_json *json);

static hr_err tell(engine_queries *queries, const char *name, run_teller *teller, uint32_t limit,
                   hr_buf *out)
{
    hr_json json = hr_json_into(out);
    hr_err err = HR_NOT_FOUND;
    query_set_enter(queries);
    query_run *run = query_set_find(queries, name);
    if (run != NULL) {
        teller(run, limit, &json);
        err = hr_buf_err(out);
    }
    query_set_leave(queries);
    return err;
}

static void tell_run(query_run *run, uint32_t limit, hr_json *json)
{
    (void)limit;
    query_run_tell(run, json);
}

static void tell_progress(query_run *run, uint32_t limit, hr_json *json)
{
    (void)limit;
    query_run_tell_progress(run, json);
}

static void tell_plan(query_run *run, uint32_t limit, hr_json *json)
{
    (void)limit;
    hr_json_open_object(json);
    hr_json_key_text(json, "query", run->name);
    if (run->spec != NULL) {
        query_spec_explain(run->spec, json);
        hr_json_key_u64(json, "state_bytes", query_run_bytes(run));
        hr_json_key_u64(json, "groups",
                        run->windows != NULL ? stream_windows_groups(run->windows) : 0);
    }
    hr_json_close_object(json);
}

hr_err engine_query_get(engine_queries *queries, const char *name, hr_buf *out)
{
    return tell(queries, name, tell_run, 0, out);
}

hr_err engine_query_rows(engine_queries *queries, const char *name, uint32_t limit, hr_buf *out)
{
    return tell(queries, name, query_run_tell_rows, limit, out);
}

hr_err engine_query_explain(engine_queries *queries, const char *name, hr_buf *out)
{
    return tell(queries, name, tell_plan, 0, out);
}

hr_err engine_query_progress(engine_queries *queries, const char *name, hr_buf *out)
{
    return tell(queries, name, tell_progress, 0, out);
}

hr_err engine_query_rows_since(engine_queries *queries, const char *name, uint64_t *revision,
                               uint32_t limit, hr_buf *out)
{
    hr_json json = hr_json_into(out);
    hr_err err = HR_NOT_FOUND;
    if (!query_set_enter_briefly(queries)) {
        return HR_TIMEOUT;
    }
    query_run *run = query_set_find(queries, name);
    if (run != NULL && run->revision == *revision) {
        err = HR_TIMEOUT;
    } else if (run != NULL) {
        query_run_tell_rows(run, limit, &json);
        *revision = run->revision;
        err = hr_buf_err(out);
    }
    query_set_leave(queries);
    return err;
}
