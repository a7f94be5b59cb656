/* api/live_request.c - what a client says: subscribe, seen, and requests as over HTTP. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "dispatch.h"
#include "live_message.h"
#include "live_parts.h"

#define NAME_SHOWN_MAX 64
#define ID_BYTES_MAX 64 /* of a request's id, as the client wrote it */

/* ---- answers ---- */

static void put_answer(hr_buf *out, live_span id, const api_answer *answer)
{
    const char *body =
        answer->borrowed != NULL ? (const char *)answer->borrowed : (const char *)answer->body.data;
    size_t size = answer->borrowed != NULL ? answer->borrowed_size : answer->body.size;
    bool is_json = answer->content_type != NULL &&
                   (strncmp(answer->content_type, "application/json", 16) == 0 ||
                    strncmp(answer->content_type, "application/geo+json", 20) == 0);
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key(&json, "id");
    hr_json_raw(&json, id.at, id.size);
    hr_json_key_i64(&json, "status", answer->status);
    if (answer->etag[0] != 0) {
        hr_json_key_text(&json, "etag", answer->etag);
    }
    hr_json_key(&json, "body");
    if (size == 0) {
        hr_json_null(&json);
    } else if (is_json) {
        hr_json_raw(&json, body, size);
    } else {
        hr_json_text_sized(&json, body, size);
    }
    hr_json_close_object(&json);
}

/* A complaint about a message that bears no usable id. */
static void put_complaint(live_hub *hub, hr_buf *out, const char *text)
{
    api_answer_reset(&hub->answer);
    api_answer_error(&hub->answer, 400, "live.invalid", NULL, "%s", text);
    hr_buf_put(out, hub->answer.body.data, hub->answer.body.size);
}

/* ---- requests that take their time ---- */

typedef struct live_job {
    server_job job;
    live_client *client;
    const api_route *route;
    char id[ID_BYTES_MAX];
    size_t id_size;
    char *body;
    api_request request;
    api_answer answer;
} live_job;

static void job_free(live_job *work)
{
    api_answer_fini(&work->answer);
    free(work->body);
    free(work);
}

/* On a pool thread. */
static void job_run(api_job *job)
{
    live_job *work = (live_job *)(void *)job;
    api_perform(work->client->server->context, work->route, &work->request, &work->answer);
}

static void job_finish(server_job *job)
{
    live_job *work = (live_job *)(void *)job;
    live_client *client = work->client;
    if (client->wsi != NULL) {
        hr_buf *frame = &client->server->live->frame;
        hr_buf_clear(frame);
        put_answer(frame, (live_span){.at = work->id, .size = work->id_size}, &work->answer);
        if (hr_buf_err(frame) != HR_OK) {
            api_answer_error(&work->answer, 503, "answer.failed", NULL,
                             "the answer is too large, or memory is short; ask for less");
            hr_buf_clear(frame);
            put_answer(frame, (live_span){.at = work->id, .size = work->id_size}, &work->answer);
        }
        live_answer(client, frame);
    }
    live_client_release(client);
    job_free(work);
}

/* Texts of the copy must lead into its own arena. */
static void move_pointers(api_request *copy, const api_request *from)
{
    ptrdiff_t by = copy->arena - from->arena;
    copy->path += by;
    for (uint32_t i = 0; i < copy->param_count; i++) {
        copy->params[i].name += by;
        if (copy->params[i].value[0] != 0) {
            copy->params[i].value += by;
        }
    }
    for (int i = 0; i < API_CAPTURES_MAX; i++) {
        if (copy->captures[i][0] != 0) {
            copy->captures[i] += by;
        }
    }
}

static hr_err submit(live_hub *hub, live_client *client, const api_route *route, live_span id)
{
    const api_request *request = &hub->request;
    live_job *work = calloc(1, sizeof *work);
    char *body = malloc(request->body_size + 1);
    if (work == NULL || body == NULL) {
        free(work);
        free(body);
        return HR_NO_MEMORY;
    }
    memcpy(body, request->body != NULL ? request->body : "", request->body_size);
    work->job.job.run = job_run;
    work->job.finish = job_finish;
    work->job.job.caller = api_caller_key(request->caller.user, request->peer);
    work->client = client;
    work->route = route;
    work->body = body;
    memcpy(work->id, id.at, id.size);
    work->id_size = id.size;
    work->request = *request;
    move_pointers(&work->request, request);
    work->request.body = body;
    work->request.is_gone = &client->is_gone;
    api_answer_init(&work->answer);
    api_lane lane = route->lane == API_INLINE ? API_LANE_WORK : route->lane;
    hr_err err = api_pool_submit(hub->server->pool, lane, &work->job.job);
    if (err == HR_OK) {
        client->job_count++;
    } else {
        job_free(work);
    }
    return err;
}

/* ---- requests ---- */

static const struct {
    const char *name;
    api_method method;
} verbs[] = {{"get", API_GET},
             {"post", API_POST},
             {"put", API_PUT},
             {"patch", API_PATCH},
             {"delete", API_DELETE}};

/* A JSON text's bytes; escapes need a parser and a copy, which *parsed then owns. */
static live_span text_of(const live_span *value, cJSON **parsed)
{
    *parsed = NULL;
    if (value->size < 2 || value->at[0] != '"') {
        return (live_span){.at = "", .size = 0};
    }
    if (memchr(value->at, '\\', value->size) == NULL) {
        return (live_span){.at = value->at + 1, .size = value->size - 2};
    }
    *parsed = cJSON_ParseWithLength(value->at, value->size);
    const char *text = cJSON_GetStringValue(*parsed);
    return text != NULL ? (live_span){.at = text, .size = strlen(text)}
                        : (live_span){.at = "", .size = 0};
}

/* Fill in hub->request; NULL: hub->answer says why not. */
static const api_route *admit(live_hub *hub, live_client *client, api_method method,
                              const live_span *target, const live_span *body,
                              const live_span *if_match)
{
    api_request *request = &hub->request;
    cJSON *parsed = NULL;
    live_span text = text_of(target, &parsed);
    api_request_reset(request);
    api_answer_reset(&hub->answer);
    server_next_request_id(hub->server, request->id);
    request->method = method;
    request->is_live = true;
    /* Asked each time, as over HTTP: what was taken from somebody is taken at once. */
    memcpy(request->session, client->session, sizeof request->session);
    memcpy(request->bearer, client->bearer, sizeof request->bearer);
    api_identify(hub->server->context, request);
    memcpy(request->peer, client->peer, sizeof request->peer);
    hr_err err = api_request_set_target(request, text.at, text.size);
    cJSON_Delete(parsed);
    if (err != HR_OK) {
        api_answer_error(&hub->answer, 400, "request.invalid", NULL,
                         "the address is not well formed or too long");
        return NULL;
    }
    if (if_match != NULL) {
        live_span tag = text_of(if_match, &parsed);
        bool is_tag = tag.size > 0 && tag.size < sizeof request->if_match;
        if (is_tag) {
            memcpy(request->if_match, tag.at, tag.size);
        }
        cJSON_Delete(parsed);
        if (!is_tag) { /* left out, it would be a change on no condition */
            api_answer_error(&hub->answer, 400, "request.invalid", "if_match",
                             "if_match must be the etag that was given, as a text");
            return NULL;
        }
    }
    if (body != NULL) {
        request->body = body->at;
        request->body_size = body->size;
    }
    const api_route *route = api_admit(hub->server->context, request, &hub->answer);
    if (route != NULL &&
        !api_admit_body(route, request, (int64_t)request->body_size, false, &hub->answer)) {
        return NULL;
    }
    return route;
}

/* Answer one request, into out if that can be done at once. */
static void handle_request(live_hub *hub, live_client *client, const live_object *object,
                           live_span id, hr_buf *out)
{
    const live_span *target = NULL;
    api_method method = API_GET;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0] && target == NULL; i++) {
        target = live_object_get(object, verbs[i].name);
        method = verbs[i].method;
    }
    if (target == NULL) {
        put_complaint(hub, out, "a request needs get, post, put, patch or delete");
        return;
    }
    const api_route *route = admit(hub, client, method, target, live_object_get(object, "body"),
                                   live_object_get(object, "if_match"));
    bool is_answered = route == NULL;
    if (route != NULL && route->lane == API_INLINE) {
        hub->request.is_inline = true;
        api_perform(hub->server->context, route, &hub->request, &hub->answer);
        is_answered = !hub->answer.is_left;
        hub->request.is_inline = false;
    }
    if (!is_answered) {
        api_answer_reset(&hub->answer);
        hr_err err = submit(hub, client, route, id);
        if (err == HR_OK) {
            return;
        }
        api_answer_error(&hub->answer, 503, "server.busy", NULL, "too much at once; try again");
    }
    if (route == NULL || !is_answered) {
        api_note(hub->server->context, &hub->request, &hub->answer);
    }
    put_answer(out, id, &hub->answer);
}

/* ---- subscriptions ---- */

static bool read_degrees(const cJSON *item, int64_t max_e7, int32_t *value)
{
    int64_t e7 = 0;
    if (!cJSON_IsNumber(item) || hr_decimal_from_double(item->valuedouble, 7, &e7) != HR_OK ||
        e7 > max_e7 || e7 < -max_e7) {
        return false;
    }
    *value = (int32_t)e7;
    return true;
}

/* [w, s, e, n]; w > e crosses the antimeridian and becomes two boxes. */
static bool read_bbox(const cJSON *bbox, live_view *view)
{
    int32_t west = 0;
    int32_t south = 0;
    int32_t east = 0;
    int32_t north = 0;
    if (!cJSON_IsArray(bbox) || cJSON_GetArraySize(bbox) != 4 ||
        !read_degrees(cJSON_GetArrayItem(bbox, 0), GEO_LON_E7_MAX, &west) ||
        !read_degrees(cJSON_GetArrayItem(bbox, 1), GEO_LAT_E7_MAX, &south) ||
        !read_degrees(cJSON_GetArrayItem(bbox, 2), GEO_LON_E7_MAX, &east) ||
        !read_degrees(cJSON_GetArrayItem(bbox, 3), GEO_LAT_E7_MAX, &north) || south > north) {
        return false;
    }
    bool is_split = west > east;
    view->box_count = is_split ? 2 : 1;
    view->boxes[0] = (geo_box){{west, south}, {is_split ? GEO_LON_E7_MAX : east, north}};
    view->boxes[1] = (geo_box){{-GEO_LON_E7_MAX, south}, {east, north}};
    return true;
}

/* `null` or `false` */
static bool is_off(const cJSON *item)
{
    return cJSON_IsNull(item) || cJSON_IsFalse(item);
}

/* The view that is asked for; on a complaint it is as it was. */
static const char *read_positions(const cJSON *positions, live_view *view)
{
    if (is_off(positions)) {
        view->is_wanted = false;
        return NULL;
    }
    const cJSON *bbox = cJSON_GetObjectItemCaseSensitive(positions, "bbox");
    const cJSON *max_hz = cJSON_GetObjectItemCaseSensitive(positions, "max_hz");
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(positions, "format");
    const char *format_name = format == NULL ? "json" : cJSON_GetStringValue(format);
    double hz = max_hz == NULL ? 5 : cJSON_IsNumber(max_hz) ? max_hz->valuedouble : 0;
    if (!cJSON_IsObject(positions)) {
        return "positions must be an object or null";
    }
    if (!(hz >= LIVE_HZ_MIN && hz <= LIVE_HZ_MAX)) {
        return "positions.max_hz must be a number from 0.01 to 10";
    }
    if (format_name == NULL ||
        (strcmp(format_name, "json") != 0 && strcmp(format_name, "binary") != 0)) {
        return "positions.format must be json or binary";
    }
    if (bbox == NULL) {
        view->box_count = 1;
        view->boxes[0] =
            (geo_box){{-GEO_LON_E7_MAX, -GEO_LAT_E7_MAX}, {GEO_LON_E7_MAX, GEO_LAT_E7_MAX}};
    } else if (!read_bbox(bbox, view)) {
        return "positions.bbox must be [west, south, east, north] in degrees, within 180 and 90, "
               "south not above north";
    }
    view->period_ns = (int64_t)(1e9 / hz);
    view->is_binary = strcmp(format_name, "binary") == 0;
    view->is_wanted = true;
    view->is_coarse = false;
    view->next_ns = 0; /* at once: somebody has moved the map */
    memset(view->marks, 0, sizeof view->marks);
    return NULL;
}

/* Is the member's name also that of one before it? */
static bool is_repeated(const cJSON *object, const cJSON *member)
{
    const cJSON *before = object->child;
    while (before != member && strcmp(before->string, member->string) != 0) {
        before = before->next;
    }
    return before != member;
}

/* A member that is not among those known, or the second of a name, would be obeyed by nobody; NULL
 * if there is none. */
static const char *complain_of_strangers(live_hub *hub, const cJSON *object, const char *where,
                                         const char *const *known)
{
    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], member->string) != 0) {
            i++;
        }
        bool is_twice = is_repeated(object, member);
        if (known[i] == NULL || is_twice) {
            snprintf(hub->complaint, sizeof hub->complaint, "%s %s \"%.64s\"%s", where,
                     is_twice ? "has" : "knows no member", member->string,
                     is_twice ? " twice" : "");
            return hub->complaint;
        }
    }
    return NULL;
}

static const char *complain_of_members(live_hub *hub, const cJSON *what, const cJSON *resume)
{
    static const char *const in_subscribe[] = {"events", "positions", "windows", NULL};
    static const char *const in_events[] = {NULL};
    static const char *const in_positions[] = {"bbox", "format", "max_hz", NULL};
    static const char *const in_resume[] = {"epoch", "seq", NULL};
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(what, "events");
    const cJSON *positions = cJSON_GetObjectItemCaseSensitive(what, "positions");
    const char *complaint = complain_of_strangers(hub, what, "subscribe", in_subscribe);
    if (complaint == NULL) {
        complaint = complain_of_strangers(hub, events, "events", in_events);
    }
    if (complaint == NULL) {
        complaint = complain_of_strangers(hub, positions, "positions", in_positions);
    }
    return complaint != NULL ? complaint : complain_of_strangers(hub, resume, "resume", in_resume);
}

/* *after: the seq to resume behind, if there is a resume at all. */
static const char *read_resume(const cJSON *resume, int64_t *after)
{
    const cJSON *seq = cJSON_GetObjectItemCaseSensitive(resume, "seq");
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(resume, "epoch")) ||
        !cJSON_IsNumber(seq)) {
        return "resume must be an object with epoch and seq";
    }
    double number = seq->valuedouble;
    if (!(number >= -1 && number < 9e15 && number == floor(number))) {
        return "resume.seq must be a whole number from -1 on";
    }
    *after = (int64_t)number;
    return NULL;
}

/* All of it is read before any is done. */
static const char *take_subscription(live_hub *hub, live_client *client, const cJSON *what,
                                     const cJSON *resume)
{
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(what, "events");
    const cJSON *positions = cJSON_GetObjectItemCaseSensitive(what, "positions");
    const cJSON *windows = cJSON_GetObjectItemCaseSensitive(what, "windows");
    live_view view = client->view;
    int64_t after = 0;
    const char *complaint = complain_of_members(hub, what, resume);
    if (complaint == NULL && resume != NULL) {
        complaint = read_resume(resume, &after);
    }
    if (complaint == NULL && events != NULL && !cJSON_IsObject(events) && !is_off(events)) {
        complaint = "events must be an object or null";
    }
    if (complaint == NULL && positions != NULL) {
        complaint = read_positions(positions, &view);
    }
    if (complaint == NULL && windows != NULL && !is_off(windows)) {
        complaint = live_windows_complaint(windows);
    }
    if (complaint != NULL) {
        return complaint;
    }
    if (cJSON_IsObject(events) && (!client->wants_events || resume != NULL)) {
        const cJSON *epoch = cJSON_GetObjectItemCaseSensitive(resume, "epoch");
        live_events_subscribe(hub, client, cJSON_GetStringValue(epoch), after);
    } else if (events != NULL && !cJSON_IsObject(events)) {
        client->wants_events = false;
    }
    client->view = view;
    return windows != NULL ? live_windows_subscribe(hub, client, windows) : NULL;
}

static const char *subscribe(live_hub *hub, live_client *client, const live_span *what,
                             const live_span *resume)
{
    cJSON *json = cJSON_ParseWithLength(what->at, what->size);
    cJSON *from = resume != NULL ? cJSON_ParseWithLength(resume->at, resume->size) : NULL;
    const char *complaint = NULL;
    if (!cJSON_IsObject(json) || (resume != NULL && from == NULL)) {
        complaint = "subscribe must be an object, resume one with epoch and seq";
    } else {
        complaint = take_subscription(hub, client, json, from);
    }
    cJSON_Delete(json);
    cJSON_Delete(from);
    return complaint;
}

/* What is wrong with it, or NULL. */
static const char *handle_seen(live_client *client, const live_span *value)
{
    static const char *const complaint = "seen must be a tick: a whole number from 0 on";
    int64_t tick_e6 = 0;
    live_view *view = &client->view;
    if (hr_decimal_parse(value->at, value->size, 6, &tick_e6) != HR_OK || tick_e6 < 0 ||
        tick_e6 % 1000000 != 0) {
        return complaint;
    }
    uint64_t tick = (uint64_t)tick_e6 / 1000000;
    if (tick <= view->tick && tick >= view->seen) {
        view->tells_seen = true;
        view->seen = tick;
    }
    return NULL;
}

/* A message says one thing, and may say more about it. */
static const char *const things[] = {"subscribe", "seen",  "get",    "post",
                                     "put",       "patch", "delete", NULL};
static const char *const additions[] = {"id", "body", "if_match", "resume", NULL};

static bool is_among(const live_span *name, const char *const *names)
{
    size_t i = 0;
    while (names[i] != NULL && !live_span_is(name, names[i])) {
        i++;
    }
    return names[i] != NULL;
}

static const char *complain_of_member(live_hub *hub, const char *what, const live_span *name)
{
    int shown = name->size < NAME_SHOWN_MAX ? (int)name->size : NAME_SHOWN_MAX;
    snprintf(hub->complaint, sizeof hub->complaint, "a message %s \"%.*s\"", what, shown, name->at);
    return hub->complaint;
}

/* What of a message nobody would obey, or NULL. */
static const char *complain_of_object(live_hub *hub, const live_object *object)
{
    const live_span *thing = NULL;
    for (size_t i = 0; i < object->count; i++) {
        const live_span *name = &object->members[i].name;
        bool is_thing = is_among(name, things);
        if (!is_thing && !is_among(name, additions)) {
            return complain_of_member(hub, "knows no member", name);
        }
        for (size_t k = 0; k < i; k++) {
            if (object->members[k].name.size == name->size &&
                memcmp(object->members[k].name.at, name->at, name->size) == 0) {
                return complain_of_member(hub, "has twice the member", name);
            }
        }
        if (is_thing && thing != NULL) {
            return complain_of_member(hub, "says one thing; too much is", name);
        }
        thing = is_thing ? name : thing;
    }
    return NULL;
}

/* With the id if there is one, so that whoever waits for the answer gets it. */
static void complain_of_message(live_hub *hub, const live_span *id, const char *complaint,
                                hr_buf *out)
{
    if (id == NULL || id->size > ID_BYTES_MAX || !live_span_is_id(id)) {
        put_complaint(hub, out, complaint);
        return;
    }
    api_answer_reset(&hub->answer);
    api_answer_error(&hub->answer, 400, "live.invalid", NULL, "%s", complaint);
    put_answer(out, *id, &hub->answer);
}

/* The object at *at, which then stands behind it; what can be answered at once goes into out.
 * False: not JSON at all. */
static bool handle_object(live_hub *hub, live_client *client, live_span text, size_t *at,
                          hr_buf *out)
{
    live_object object;
    if (live_object_read(text.at, text.size, at, &object) != HR_OK) {
        return false;
    }
    const live_span *id = live_object_get(&object, "id");
    const live_span *what = live_object_get(&object, "subscribe");
    const live_span *seen = live_object_get(&object, "seen");
    const char *complaint = complain_of_object(hub, &object);
    if (complaint != NULL) {
        complain_of_message(hub, id, complaint, out);
    } else if (what != NULL || seen != NULL) {
        complaint = what != NULL ? subscribe(hub, client, what, live_object_get(&object, "resume"))
                                 : handle_seen(client, seen);
        if (complaint != NULL) {
            put_complaint(hub, out, complaint);
        }
        live_want_write(client);
    } else if (id != NULL && id->size <= ID_BYTES_MAX && live_span_is_id(id)) {
        handle_request(hub, client, &object, *id, out);
    } else {
        put_complaint(hub, out, "expected subscribe, seen, or a request with an id");
    }
    return true;
}

/* Answers to an array share a frame: one array of those that are ready at once. */
static bool handle_array(live_hub *hub, live_client *client, live_span text, hr_buf *out)
{
    size_t at = 0;
    bool has_answers = false;
    hr_buf_put_u8(out, '[');
    while (live_array_next(text.at, text.size, &at)) {
        size_t before = out->size;
        if (has_answers) {
            hr_buf_put_u8(out, ',');
        }
        size_t begin = out->size;
        if (!handle_object(hub, client, text, &at, out)) {
            return false;
        }
        if (out->size > begin) {
            has_answers = true;
        } else {
            out->size = before;
        }
    }
    hr_buf_put_u8(out, ']');
    if (!has_answers) {
        hr_buf_clear(out);
    }
    return at == text.size;
}

bool live_receive(live_hub *hub, live_client *client, const char *text, size_t size)
{
    live_span whole = {.at = text, .size = size};
    hr_buf *out = &hub->frame;
    size_t at = live_pass_blanks(text, size, 0);
    bool is_array = at < size && text[at] == '[';
    hr_buf_clear(out);
    bool is_well = is_array ? handle_array(hub, client, whole, out)
                            : handle_object(hub, client, whole, &at, out) &&
                                  live_pass_blanks(text, size, at) == size;
    if (is_well && out->size > 0 && hr_buf_err(out) == HR_OK) {
        live_answer(client, out);
    }
    return is_well && hr_buf_err(out) == HR_OK;
}
