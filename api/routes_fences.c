/* api/routes_fences.c - fences: read from the catalogue, changed through the engine, which answers
 * only when every later fix will be judged by the change. */
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "body.h"
#include "catalog/change.h"
#include "catalog/fence.h"
#include "engine/change.h"
#include "geo_answer.h"
#include "routes.h"

#define REVISION_MAX (INT64_C(1) << 53) /* what a JSON number holds exactly */

/* One edit within a change; what it needs beside the request. */
typedef geo_err edit_function(catalog_change *edits, const api_request *request, uint64_t expected,
                              catalog_edit *edit, geo_why *why);

/* Make one edit and commit it. True: *edit and *version tell what was done. */
static bool change_fence(api_context *context, const api_request *request, edit_function *function,
                         uint64_t expected, catalog_edit *edit, uint64_t *version,
                         api_answer *answer)
{
    engine_change *change = NULL;
    hr_why why = {.text = ""};
    geo_why geo = {.text = ""};
    hr_err err = engine_change_begin(context->engine, request->caller.user,
                                     hr_clock_now_ms(context->clock), &change, &why);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "fence", &why);
        return false;
    }
    geo_err result = function(engine_change_edits(change), request, expected, edit, &geo);
    if (result != GEO_OK) {
        engine_change_abandon(change);
        api_answer_geo_failure(answer, result, "fence", &geo);
        return false;
    }
    err = engine_change_commit(change, version, &why);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "fence", &why);
        return false;
    }
    if (context->accounts != NULL) {
        char action[32];
        snprintf(action, sizeof action, "fence.%s", catalog_edit_text(edit->kind));
        accounts_audit(context->accounts, request->caller.user, request->peer, action, edit->id);
    }
    return true;
}

static bool has_parts(const api_context *context, api_answer *answer)
{
    return api_has_catalog(context, answer) && api_has_engine(context, answer);
}

static void answer_fence(api_context *context, const char *id, int status, api_answer *answer)
{
    catalog_text text;
    geo_why why = {.text = ""};
    geo_err err = catalog_fence_get(context->catalog, id, &text, &why);
    api_answer_catalog(answer, status, err, "fence", &text, &why);
}

/* ---- reading ---- */

static bool read_page(const api_request *request, catalog_page *page, api_answer *answer)
{
    int64_t limit = 0;
    page->after = api_request_param(request, "after");
    bool is_read =
        api_param_number(request, "limit", 1, CATALOG_PAGE_MAX, CATALOG_PAGE_MAX, &limit, answer);
    page->limit = (uint32_t)limit;
    return is_read;
}

void route_fences(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_page page;
    catalog_text text;
    bool is_removed = false;
    geo_why why = {.text = ""};
    if (!api_has_catalog(context, answer) || !read_page(request, &page, answer) ||
        !api_param_truth(request, "removed", &is_removed, answer)) {
        return;
    }
    geo_err err = is_removed ? catalog_fence_removed(context->catalog, &page, &text, &why)
                             : catalog_fence_list(context->catalog, &page, &text, &why);
    api_answer_catalog(answer, 200, err, "fence", &text, &why);
}

void route_fence(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t revision = 0;
    if (!api_has_catalog(context, answer) ||
        !api_param_number(request, "revision", 1, INT64_MAX, 0, &revision, answer)) {
        return;
    }
    if (revision == 0) {
        answer_fence(context, request->captures[0], 200, answer);
        return;
    }
    catalog_text text;
    geo_why why = {.text = ""};
    geo_err err =
        catalog_fence_at(context->catalog, request->captures[0], (uint64_t)revision, &text, &why);
    api_answer_catalog(answer, 200, err, "fence", &text, &why);
}

void route_fence_shape(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_text text;
    geo_why why = {.text = ""};
    if (!api_has_catalog(context, answer)) {
        return;
    }
    geo_err err = catalog_fence_shape(context->catalog, request->captures[0], &text, &why);
    api_answer_catalog(answer, 200, err, "fence", &text, &why);
}

void route_fence_versions(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t before = 0;
    int64_t limit = 0;
    catalog_text text;
    geo_why why = {.text = ""};
    if (!api_has_catalog(context, answer) ||
        !api_param_number(request, "before", 0, INT64_MAX, 0, &before, answer) ||
        !api_param_number(request, "limit", 1, CATALOG_PAGE_MAX, 50, &limit, answer)) {
        return;
    }
    geo_err err = catalog_fence_versions(context->catalog, request->captures[0], (uint64_t)before,
                                         (uint32_t)limit, &text, &why);
    api_answer_catalog(answer, 200, err, "fence", &text, &why);
}

static bool put_piece(void *context, const char *piece, size_t size)
{
    hr_buf_put(context, piece, size);
    return hr_buf_err(context) == HR_OK;
}

void route_fences_export(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    geo_why why = {.text = ""};
    if (!api_has_catalog(context, answer)) {
        return;
    }
    (void)api_answer_json(answer, 200);
    geo_err err = catalog_export(context->catalog, put_piece, &answer->body, &why);
    if (err != GEO_OK && hr_buf_err(&answer->body) == HR_OK) {
        api_answer_geo_failure(answer, err, "fence", &why);
        return;
    }
    answer->content_type = "application/geo+json";
    snprintf(answer->disposition, sizeof answer->disposition,
             "attachment; filename=\"fences.geojson\"");
}

/* ---- changing ---- */

static geo_err edit_add(catalog_change *edits, const api_request *request, uint64_t expected,
                        catalog_edit *edit, geo_why *why)
{
    (void)expected;
    return catalog_change_put(edits, NULL, request->body, request->body_size, CATALOG_NONE, edit,
                              why);
}

static geo_err edit_put(catalog_change *edits, const api_request *request, uint64_t expected,
                        catalog_edit *edit, geo_why *why)
{
    return catalog_change_put(edits, request->captures[0], request->body, request->body_size,
                              expected, edit, why);
}

static geo_err edit_patch(catalog_change *edits, const api_request *request, uint64_t expected,
                          catalog_edit *edit, geo_why *why)
{
    return catalog_change_patch(edits, request->captures[0], request->body, request->body_size,
                                expected, edit, why);
}

static geo_err edit_remove(catalog_change *edits, const api_request *request, uint64_t expected,
                           catalog_edit *edit, geo_why *why)
{
    return catalog_change_remove(edits, request->captures[0], expected, edit, why);
}

void route_fence_add(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_edit edit;
    uint64_t version = 0;
    if (has_parts(context, answer) &&
        change_fence(context, request, edit_add, CATALOG_NONE, &edit, &version, answer)) {
        answer_fence(context, edit.id, 201, answer);
        snprintf(answer->location, sizeof answer->location, "/v1/fences/%s", edit.id);
    }
}

void route_fence_put(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_edit edit;
    uint64_t expected = 0;
    uint64_t version = 0;
    if (has_parts(context, answer) && api_expected_revision(request, &expected, answer) &&
        change_fence(context, request, edit_put, expected, &edit, &version, answer)) {
        answer_fence(context, edit.id, edit.kind == CATALOG_CREATED ? 201 : 200, answer);
    } else if (expected == CATALOG_NONE && answer->status == 409) {
        answer->status = 412; /* what it said must not be there is there */
    }
}

void route_fence_patch(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_edit edit;
    uint64_t expected = 0;
    uint64_t version = 0;
    if (has_parts(context, answer) && api_expected_revision(request, &expected, answer) &&
        change_fence(context, request, edit_patch, expected, &edit, &version, answer)) {
        answer_fence(context, edit.id, 200, answer);
    }
}

void route_fence_remove(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_edit edit;
    uint64_t expected = 0;
    uint64_t version = 0;
    if (has_parts(context, answer) && api_expected_revision(request, &expected, answer) &&
        change_fence(context, request, edit_remove, expected, &edit, &version, answer)) {
        answer->status = 204;
    }
}

/* Which revision stands in the edit already. */
static geo_err edit_restore(catalog_change *edits, const api_request *request, uint64_t expected,
                            catalog_edit *edit, geo_why *why)
{
    return catalog_change_restore(edits, request->captures[0], edit->revision, expected, edit, why);
}

static bool read_revision(const api_request *request, uint64_t *revision, api_answer *answer)
{
    int64_t number = 0;
    cJSON *body = api_body_parse(request, answer);
    bool is_read =
        body != NULL && api_body_number(body, "revision", 1, REVISION_MAX, 0, &number, answer);
    cJSON_Delete(body);
    if (is_read && number == 0) {
        api_answer_error(answer, 400, "body.field", "revision",
                         "revision must be a whole number from 1 on");
    }
    *revision = (uint64_t)number;
    return is_read && number > 0;
}

void route_fence_restore(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_edit edit = {0};
    uint64_t expected = 0;
    uint64_t version = 0;
    if (has_parts(context, answer) && read_revision(request, &edit.revision, answer) &&
        api_expected_revision(request, &expected, answer) &&
        change_fence(context, request, edit_restore, expected, &edit, &version, answer)) {
        answer_fence(context, edit.id, 200, answer);
    }
}

/* Its parameters have been looked at. Told in the one edit that change_fence() hands back. */
static geo_err edit_import(catalog_change *edits, const api_request *request, uint64_t expected,
                           catalog_edit *edit, geo_why *why)
{
    uint32_t count = 0;
    catalog_import_options options = {0};
    (void)expected;
    (void)api_param_truth(request, "close_rings", &options.close_rings, NULL);
    (void)api_param_truth(request, "replace", &options.replace_existing, NULL);
    geo_err err =
        catalog_change_import(edits, request->body, request->body_size, &options, &count, why);
    *edit = (catalog_edit){.kind = CATALOG_CREATED, .revision = count};
    snprintf(edit->id, sizeof edit->id, "%u fences", count);
    return err;
}

void route_fences_import(api_context *context, const api_request *request, api_answer *answer)
{
    catalog_edit edit;
    uint64_t version = 0;
    bool ignored = false; /* edit_import() reads them again */
    if (!has_parts(context, answer) || !api_param_truth(request, "replace", &ignored, answer) ||
        !api_param_truth(request, "close_rings", &ignored, answer) ||
        !change_fence(context, request, edit_import, CATALOG_ANY, &edit, &version, answer)) {
        return;
    }
    hr_json json = api_answer_json(answer, 201);
    hr_json_open_object(&json);
    hr_json_key_u64(&json, "imported", edit.revision);
    hr_json_key_u64(&json, "version", version);
    hr_json_close_object(&json);
}
