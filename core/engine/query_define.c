/* core/engine/query_define.c - reading a definition, member by member, with complaints that name
 * the member. */
#include "query_define.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"

#define DEFINITION_BYTES_MAX 32768

/* ---- complaints ---- */

static hr_err complain(engine_query_fault *fault, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static hr_err complain(engine_query_fault *fault, const char *field, const char *format, ...)
{
    va_list arguments;
    snprintf(fault->field, sizeof fault->field, "%s", field);
    va_start(arguments, format);
    vsnprintf(fault->why.text, sizeof fault->why.text, format, arguments);
    va_end(arguments);
    return HR_INVALID;
}

static hr_err check_expression(const query_spec *spec, const char *field, const char *expression,
                               engine_query_fault *fault)
{
    hr_why why = {.text = ""};
    hr_err err = stream_expression_check(&query_shapes[spec->source], expression, &why);
    return err == HR_INVALID ? complain(fault, field, "%s", why.text) : err;
}

static hr_err copy_text(char **to, const char *text, size_t size)
{
    *to = strndup(text, size);
    return *to != NULL ? HR_OK : HR_NO_MEMORY;
}

static hr_err refuse_unknown(const cJSON *object, const char *prefix, const char *const *known,
                             engine_query_fault *fault)
{
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, object)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], member->string) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            char field[ENGINE_QUERY_FIELD_MAX];
            snprintf(field, sizeof field, "%s%s", prefix, member->string);
            return complain(fault, field, "there is no such member");
        }
    }
    return HR_OK;
}

/* ---- parts ---- */

/* "10s", "5m", "1h30m" is not: one number and ms, s, m, h or d. */
static hr_err read_duration(const cJSON *object, const char *name, const char *field,
                            int64_t fallback, int64_t *ms, engine_query_fault *fault)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    const char *text = cJSON_GetStringValue(member);
    if (member == NULL && fallback >= 0) {
        *ms = fallback;
        return HR_OK;
    }
    char *end = NULL;
    double number = text != NULL && isdigit((unsigned char)text[0]) ? strtod(text, &end) : -1;
    for (size_t i = 0; end != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            number *= units[i].ms;
            if (number <= (double)QUERY_DURATION_MS_MAX && number == floor(number)) {
                *ms = (int64_t)number;
                return HR_OK;
            }
        }
    }
    return complain(fault, field, "a length of time such as \"10s\", \"5m\", \"1h\" or \"1d\"");
}

static hr_err read_window(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    static const char *const types[] = {"running", "tumbling", "hopping", "session"};
    static const char *const members[][4] = {
        {"type"}, {"type", "size"}, {"type", "size", "every"}, {"type", "gap"}};
    const cJSON *window = cJSON_GetObjectItemCaseSensitive(root, "window");
    if (window == NULL) {
        spec->window.type = STREAM_RUNNING;
        return HR_OK;
    }
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(window, "type"));
    int at = 0;
    while (at < 4 && (type == NULL || strcmp(type, types[at]) != 0)) {
        at++;
    }
    if (at == 4) {
        return complain(fault, "window.type", "one of running, tumbling, hopping, session");
    }
    stream_window *made = &spec->window;
    made->type = (stream_window_type)at;
    hr_err err = refuse_unknown(window, "window.", members[at], fault);
    if (err == HR_OK && (at == STREAM_TUMBLING || at == STREAM_HOPPING)) {
        err = read_duration(window, "size", "window.size", -1, &made->size_ms, fault);
        made->every_ms = made->size_ms;
    }
    if (err == HR_OK && at == STREAM_HOPPING) {
        err = read_duration(window, "every", "window.every", -1, &made->every_ms, fault);
    }
    if (err == HR_OK && at == STREAM_SESSION) {
        err = read_duration(window, "gap", "window.gap", -1, &made->gap_ms, fault);
        if (err == HR_OK && made->gap_ms < 1) {
            err = complain(fault, "window.gap", "more than nothing");
        }
    }
    if (err != HR_OK || at == STREAM_RUNNING || at == STREAM_SESSION) {
        return err;
    }
    if (made->every_ms < 1000 || made->size_ms % made->every_ms != 0) {
        return complain(fault, at == STREAM_HOPPING ? "window.every" : "window.size",
                        "at least 1s, and size must be a multiple of it");
    }
    if (made->size_ms / made->every_ms > STREAM_PANES_MAX) {
        return complain(fault, "window.every", "at least a %dth of size", STREAM_PANES_MAX);
    }
    return HR_OK;
}

static hr_err read_groups(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(root, "group_by");
    if (groups == NULL) {
        return HR_OK;
    }
    if (!cJSON_IsArray(groups) || cJSON_GetArraySize(groups) > STREAM_GROUP_KEYS_MAX) {
        return complain(fault, "group_by", "a list of at most %d expressions",
                        STREAM_GROUP_KEYS_MAX);
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, groups)
    {
        char field[ENGINE_QUERY_FIELD_MAX];
        const char *text = cJSON_GetStringValue(item);
        snprintf(field, sizeof field, "group_by[%u]", spec->group_count);
        if (text == NULL) {
            return complain(fault, field, "an expression, as text");
        }
        hr_err err = check_expression(spec, field, text, fault);
        if (err == HR_OK) {
            err = copy_text(&spec->groups[spec->group_count], text, strlen(text));
        }
        if (err != HR_OK) {
            return err;
        }
        spec->group_count++;
    }
    return HR_OK;
}

/* The end of an argument that begins at text: a comma or bracket outside of quotes and brackets. */
static const char *argument_end(const char *text)
{
    int depth = 0;
    char quote = 0;
    for (; *text != 0; text++) {
        if (quote != 0) {
            quote = *text == quote ? 0 : quote;
        } else if (*text == '\'' || *text == '"') {
            quote = *text;
        } else if (*text == '(') {
            depth++;
        } else if (*text == ')' && depth > 0) {
            depth--;
        } else if ((*text == ')' || *text == ',') && depth == 0) {
            return text;
        }
    }
    return text;
}

static hr_err read_constant(stream_aggregate *aggregate, const stream_aggregate_law *law,
                            const char *text, size_t size, const char *field,
                            engine_query_fault *fault)
{
    char copy[32] = "";
    char *end = NULL;
    if (size > 0 && size < sizeof copy) {
        memcpy(copy, text, size);
        aggregate->constant = strtod(copy, &end);
        end += strspn(end, " ");
    }
    if (end == NULL || *end != 0 || !(aggregate->constant >= law->least) ||
        !(aggregate->constant <= law->most)) {
        return complain(fault, field, "the last argument of %s is a number from %g to %g",
                        law->name, law->least, law->most);
    }
    return HR_OK;
}

/* What stands between the brackets: expressions, then perhaps the constant. */
static hr_err read_arguments(query_spec *spec, stream_aggregate *aggregate, const char *text,
                             const char *field, engine_query_fault *fault)
{
    const stream_aggregate_law *law = stream_aggregate_law_of(aggregate->kind);
    uint32_t count = 0;
    hr_err err = HR_OK;
    aggregate->constant = law->constant;
    text += strspn(text, " ");
    while (err == HR_OK && !(count == 0 && *text == ')')) {
        const char *end = argument_end(text);
        size_t size = (size_t)(end - text);
        if (*end == 0) {
            return complain(fault, field, "a bracket or a quote is not closed");
        }
        if (count < law->arguments) {
            char **copy = &spec->arguments[spec->argument_count];
            err = copy_text(copy, text, size);
            spec->argument_count += err == HR_OK;
            err = err == HR_OK ? check_expression(spec, field, *copy, fault) : err;
        } else if (count == law->arguments && law->most > 0) {
            err = read_constant(aggregate, law, text, size, field, fault);
        } else {
            return complain(fault, field, "%s takes %u expression(s)%s", law->name, law->arguments,
                            law->most > 0 ? " and a number" : "");
        }
        count++;
        text = end;
        if (*end == ')') {
            break;
        }
        text = end + 1 + strspn(end + 1, " ");
    }
    if (err == HR_OK && count < law->arguments) {
        return complain(fault, field, "%s takes %u expression(s)", law->name, law->arguments);
    }
    if (err == HR_OK && text[1 + strspn(text + 1, " ")] != 0) {
        return complain(fault, field, "nothing may follow the aggregate's closing bracket");
    }
    return err;
}

static hr_err read_aggregate(query_spec *spec, const cJSON *item, engine_query_fault *fault)
{
    char field[ENGINE_QUERY_FIELD_MAX];
    const char *text = cJSON_GetStringValue(item);
    snprintf(field, sizeof field, "select.%s", item->string);
    if (!hr_fence_id_is_valid(item->string, strlen(item->string))) {
        return complain(fault, field, "a name is made of letters, digits, '.', '_' and '-'");
    }
    size_t size = text != NULL ? strspn(text, "abcdefghijklmnopqrstuvwxyz") : 0;
    stream_aggregate *aggregate = &spec->aggregates[spec->select_count];
    if (size == 0 || text[size] != '(' ||
        stream_aggregate_parse(text, size, &aggregate->kind) != HR_OK) {
        return complain(fault, field,
                        "an aggregate: count() or sum, min, max, mean, distinct, topk, frequency, "
                        "quantile, sample, moment, clusters, trend of expressions");
    }
    hr_err err = copy_text(&spec->names[spec->select_count], item->string, strlen(item->string));
    if (err == HR_OK) {
        spec->select_count++;
        err = read_arguments(spec, aggregate, text + size + 1, field, fault);
    }
    return err;
}

static hr_err read_select(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    const cJSON *select = cJSON_GetObjectItemCaseSensitive(root, "select");
    int count = cJSON_GetArraySize(select);
    if (!cJSON_IsObject(select) || count < 1 || count > STREAM_AGGREGATES_MAX) {
        return complain(fault, "select", "an object of 1 to %d aggregates by name",
                        STREAM_AGGREGATES_MAX);
    }
    hr_err err = HR_OK;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, select)
    {
        err = err == HR_OK ? read_aggregate(spec, item, fault) : err;
    }
    return err;
}

static hr_err read_head(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "name"));
    const char *from = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "from"));
    const cJSON *output = cJSON_GetObjectItemCaseSensitive(root, "output");
    const cJSON *enabled = cJSON_GetObjectItemCaseSensitive(root, "enabled");
    const char *how = output == NULL ? "update" : cJSON_GetStringValue(output);
    if (name == NULL || !hr_fence_id_is_valid(name, strlen(name))) {
        return complain(fault, "name", "1 to 64 letters, digits, '.', '_' and '-'");
    }
    snprintf(spec->name, sizeof spec->name, "%s", name);
    if (from == NULL || (strcmp(from, "events") != 0 && strcmp(from, "positions") != 0)) {
        return complain(fault, "from", "\"events\" or \"positions\"");
    }
    spec->source = strcmp(from, "events") == 0 ? QUERY_EVENTS : QUERY_POSITIONS;
    if (how == NULL || (strcmp(how, "append") != 0 && strcmp(how, "update") != 0 &&
                        strcmp(how, "complete") != 0)) {
        return complain(fault, "output", "\"append\", \"update\" or \"complete\"");
    }
    spec->output = how[0] == 'a' ? QUERY_APPEND : how[0] == 'u' ? QUERY_UPDATE : QUERY_COMPLETE;
    if (enabled != NULL && !cJSON_IsBool(enabled)) {
        return complain(fault, "enabled", "true or false");
    }
    spec->is_enabled = enabled == NULL || cJSON_IsTrue(enabled);
    return HR_OK;
}

static hr_err read_where(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    const cJSON *where = cJSON_GetObjectItemCaseSensitive(root, "where");
    if (where == NULL) {
        return HR_OK;
    }
    const char *text = cJSON_GetStringValue(where);
    if (text == NULL) {
        return complain(fault, "where", "an expression, as text");
    }
    hr_err err = check_expression(spec, "where", text, fault);
    return err == HR_OK ? copy_text(&spec->where, text, strlen(text)) : err;
}

static hr_err read_all(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    static const char *const members[] = {"name",    "from",   "where",  "group_by",
                                          "window",  "select", "output", "lateness",
                                          "enabled", "about",  NULL};
    if (!cJSON_IsObject(root)) {
        return complain(fault, "", "a definition is a JSON object");
    }
    hr_err err = refuse_unknown(root, "", members, fault);
    if (err == HR_OK) {
        err = read_head(spec, root, fault);
    }
    if (err == HR_OK) {
        err = read_duration(root, "lateness", "lateness", QUERY_LATENESS_MS, &spec->lateness_ms,
                            fault);
    }
    if (err == HR_OK) {
        err = read_where(spec, root, fault);
    }
    if (err == HR_OK) {
        err = read_groups(spec, root, fault);
    }
    if (err == HR_OK) {
        err = read_window(spec, root, fault);
    }
    if (err == HR_OK) {
        err = read_select(spec, root, fault);
    }
    if (err == HR_OK && spec->window.type == STREAM_RUNNING && spec->output == QUERY_APPEND) {
        err = complain(fault, "output", "running totals never end: update or complete");
    }
    return err;
}

hr_err query_spec_parse(const char *text, size_t size, query_spec **out, engine_query_fault *fault)
{
    *fault = (engine_query_fault){.field = ""};
    if (size > DEFINITION_BYTES_MAX) {
        return complain(fault, "", "longer than %d bytes", DEFINITION_BYTES_MAX);
    }
    query_spec *spec = calloc(1, sizeof *spec);
    if (spec == NULL) {
        return HR_NO_MEMORY;
    }
    cJSON *root = cJSON_ParseWithLength(text, size);
    hr_err err = root != NULL ? read_all(spec, root, fault) : complain(fault, "", "not JSON");
    if (err == HR_OK) {
        spec->text = cJSON_PrintUnformatted(root);
        err = spec->text != NULL ? HR_OK : HR_NO_MEMORY;
    }
    cJSON_Delete(root);
    if (err != HR_OK) {
        query_spec_free(spec);
        return err;
    }
    *out = spec;
    return HR_OK;
}

void query_spec_free(query_spec *spec)
{
    if (spec == NULL) {
        return;
    }
    for (uint32_t i = 0; i < STREAM_GROUP_KEYS_MAX; i++) {
        free(spec->groups[i]);
    }
    for (uint32_t i = 0; i < STREAM_AGGREGATES_MAX; i++) {
        free(spec->names[i]);
    }
    for (uint32_t i = 0; i < STREAM_AGGREGATES_MAX * STREAM_ARGUMENTS_MAX; i++) {
        free(spec->arguments[i]);
    }
    free(spec->where);
    cJSON_free(spec->text);
    free(spec);
}

hr_err query_spec_compile(const query_spec *spec, stream_evaluator **out, hr_why *why)
{
    const char *expressions[STREAM_GROUP_KEYS_MAX + STREAM_AGGREGATES_MAX * STREAM_ARGUMENTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec->group_count; i++) {
        expressions[count++] = spec->groups[i];
    }
    for (uint32_t i = 0; i < spec->argument_count; i++) {
        expressions[count++] = spec->arguments[i];
    }
    return stream_evaluator_new(&query_shapes[spec->source], expressions, count, spec->where, out,
                                why);
}

char *query_spec_switch(const query_spec *spec, bool is_enabled)
{
    cJSON *root = cJSON_Parse(spec->text);
    if (root == NULL) {
        return NULL;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(root, "enabled");
    char *text = cJSON_AddBoolToObject(root, "enabled", is_enabled) != NULL
                     ? cJSON_PrintUnformatted(root)
                     : NULL;
    cJSON_Delete(root);
    return text;
}

/* ---- explaining ---- */

/* What a part of a window takes at most, once its sketches have grown. */
static size_t aggregate_bytes_max(stream_aggregate_kind kind)
{
    switch (kind) {
    case STREAM_DISTINCT:
        return STREAM_DISTINCT_REGISTERS;
    case STREAM_TOPK:
        return STREAM_TOPK_ENTRIES * (2 * sizeof(stream_topk_entry) + STREAM_TOPK_TEXT_MAX);
    case STREAM_FREQUENCY:
        return STREAM_FREQUENCY_ROWS * STREAM_FREQUENCY_COLUMNS * sizeof(uint64_t);
    case STREAM_QUANTILE:
        return 2 * STREAM_QUANTILE_BUCKETS_MAX * sizeof(uint64_t);
    case STREAM_SAMPLE:
        return STREAM_SAMPLE_MAX * (sizeof(stream_sample_entry) + STREAM_SAMPLE_TEXT_MAX);
    case STREAM_MOMENT:
        return STREAM_MOMENT_ROWS * STREAM_MOMENT_COLUMNS * sizeof(int64_t);
    case STREAM_CLUSTERS:
        return sizeof(stream_clusters);
    default:
        return 0;
    }
}

static void explain_window(const query_spec *spec, hr_buf *text)
{
    const stream_window *window = &spec->window;
    switch (window->type) {
    case STREAM_RUNNING:
        hr_buf_put_text(text, "4. keep one running total for each group, without end\n");
        break;
    case STREAM_SESSION:
        hr_buf_printf(text, "4. a session of a group ends %lld ms after its last row\n",
                      (long long)window->gap_ms);
        break;
    default:
        hr_buf_printf(text,
                      "4. count each row once, in its pane of %lld ms; %lld pane(s) make a window "
                      "of %lld ms\n",
                      (long long)window->every_ms, (long long)(window->size_ms / window->every_ms),
                      (long long)window->size_ms);
    }
}

void query_spec_explain(const query_spec *spec, hr_json *json)
{
    static const char *const outputs[] = {"windows that have ended", "open windows as they change",
                                          "all open windows"};
    hr_buf text;
    size_t pane_bytes = 32 + spec->select_count * sizeof(stream_state);
    size_t grown_bytes = pane_bytes;
    int64_t panes = spec->window.every_ms > 0 ? spec->window.size_ms / spec->window.every_ms : 1;
    for (uint32_t i = 0; i < spec->select_count; i++) {
        grown_bytes += aggregate_bytes_max(spec->aggregates[i].kind);
    }
    hr_buf_init(&text, 1 << 16);
    hr_buf_printf(&text, "1. read committed %s, with the partition's watermark\n",
                  query_shapes[spec->source].name);
    hr_buf_printf(&text, "2. keep rows where %s\n", spec->where != NULL ? spec->where : "(all)");
    hr_buf_put_text(&text, "3. group by");
    for (uint32_t i = 0; i < spec->group_count; i++) {
        hr_buf_printf(&text, "%s %s", i > 0 ? "," : "", spec->groups[i]);
    }
    hr_buf_put_text(&text, spec->group_count > 0 ? "\n" : " nothing: one group\n");
    explain_window(spec, &text);
    hr_buf_put_text(&text, "5. aggregate");
    for (uint32_t i = 0; i < spec->select_count; i++) {
        hr_buf_printf(&text, "%s %s = %s", i > 0 ? "," : "", spec->names[i],
                      stream_aggregate_law_of(spec->aggregates[i].kind)->name);
    }
    hr_buf_printf(&text, "\n6. windows close when every partition is %lld ms past their end\n",
                  (long long)spec->lateness_ms);
    hr_buf_printf(&text, "7. tell %s\n", outputs[spec->output]);
    hr_json_key(json, "plan");
    hr_json_text_sized(json, (const char *)text.data, text.size);
    hr_json_key_u64(json, "panes_per_window", (uint64_t)panes);
    hr_json_key_u64(json, "pane_bytes", pane_bytes);
    hr_json_key_u64(json, "pane_bytes_max", grown_bytes);
    hr_json_key_u64(json, "group_bytes_max", grown_bytes * (uint64_t)(panes + 2));
    hr_json_key_i64(json, "lateness_ms", spec->lateness_ms);
    hr_json_key_u64(json, "expressions", spec->group_count + spec->argument_count);
    hr_buf_fini(&text);
}
