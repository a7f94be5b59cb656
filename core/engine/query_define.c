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
#include <strings.h>

#include "base/hash.h"
#include "base/id.h"
#include "query_pairs.h"

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

const stream_shape *query_spec_shape(const query_spec *spec, query_source source)
{
    return query_shape(source, spec->tables);
}

/* What where, group_by and arguments see. */
static const stream_shape *full_shape(const query_spec *spec)
{
    return spec->follows.is_used ? &spec->pair_shape : query_spec_shape(spec, spec->source);
}

static hr_err check_expression(const query_spec *spec, const char *field, const char *expression,
                               engine_query_fault *fault)
{
    hr_why why = {.text = ""};
    hr_err err = stream_expression_check(full_shape(spec), expression, &why);
    return err == HR_INVALID ? complain(fault, field, "%s", why.text) : err;
}

static hr_err copy_text(char **to, const char *text, size_t size)
{
    *to = strndup(text, size);
    return *to != NULL ? HR_OK : HR_NO_MEMORY;
}

/* A member that is there twice is refused too: which one counts would depend on who reads it. */
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
        bool is_first = cJSON_GetObjectItemCaseSensitive(object, member->string) == member;
        if (known[i] == NULL || !is_first) {
            char field[ENGINE_QUERY_FIELD_MAX];
            snprintf(field, sizeof field, "%s%s", prefix, member->string);
            return complain(fault, field,
                            is_first ? "there is no such member" : "it is there twice");
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
    if (made->every_ms < 1000 || made->size_ms < made->every_ms ||
        made->size_ms % made->every_ms != 0) {
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
    bool is_number_of = law->least == 1; /* things */
    if (is_number_of && aggregate->constant != floor(aggregate->constant)) {
        return complain(fault, field, "the last argument of %s is a whole number", law->name);
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

/* Do two aggregates count the same, and differ at most in what is told of it? */
static bool are_one(const query_spec *spec, uint32_t state, const stream_aggregate *aggregate,
                    uint32_t first)
{
    const stream_aggregate *other = &spec->states[state];
    bool only_tells = aggregate->kind == STREAM_QUANTILE || aggregate->kind == STREAM_TOPK;
    if (other->kind != aggregate->kind || (!only_tells && other->constant != aggregate->constant)) {
        return false;
    }
    for (uint32_t i = 0; i < stream_aggregate_law_of(aggregate->kind)->arguments; i++) {
        if (strcmp(spec->arguments[spec->first_arguments[state] + i], spec->arguments[first + i]) !=
            0) {
            return false;
        }
    }
    return true;
}

/* The state of an aggregate whose arguments were read last: one that is there already, or its own.
 */
static void find_state(query_spec *spec, uint32_t at, uint32_t first)
{
    const stream_aggregate *aggregate = &spec->aggregates[at];
    bool is_whole =
        spec->argument_count - first == stream_aggregate_law_of(aggregate->kind)->arguments;
    for (uint32_t i = 0; is_whole && i < spec->state_count; i++) {
        if (are_one(spec, i, aggregate, first)) {
            while (spec->argument_count > first) {
                free(spec->arguments[--spec->argument_count]);
                spec->arguments[spec->argument_count] = NULL;
            }
            spec->state_of[at] = i;
            return;
        }
    }
    spec->state_of[at] = spec->state_count;
    spec->first_arguments[spec->state_count] = first;
    spec->states[spec->state_count++] = *aggregate;
}

/* Would a row of the answer, or of the table, have two members of that name? */
static bool is_name_taken(const query_spec *spec, const char *name)
{
    static const char *const own[] = {"from", "to", "final", "group", "window_from", "window_to"};
    bool is_taken = false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        is_taken = is_taken || strcasecmp(name, own[i]) == 0;
    }
    for (uint32_t i = 0; i < spec->group_count; i++) {
        is_taken = is_taken || strcasecmp(name, spec->groups[i]) == 0;
    }
    for (uint32_t i = 0; i < spec->select_count; i++) {
        is_taken = is_taken || strcasecmp(name, spec->names[i]) == 0;
    }
    return is_taken;
}

static hr_err refuse_aggregate(const char *field, engine_query_fault *fault)
{
    char names[HR_WHY_MAX / 2] = "";
    size_t at = 0;
    for (int i = 0; i < STREAM_AGGREGATE_KINDS && at < sizeof names; i++) {
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "",
                               stream_aggregate_law_of((stream_aggregate_kind)i)->name);
    }
    return complain(fault, field, "an aggregate of expressions: %s", names);
}

static hr_err read_aggregate(query_spec *spec, const cJSON *item, engine_query_fault *fault)
{
    char field[ENGINE_QUERY_FIELD_MAX];
    const char *text = cJSON_GetStringValue(item);
    snprintf(field, sizeof field, "select.%s", item->string);
    if (!hr_fence_id_is_valid(item->string, strlen(item->string))) {
        return complain(fault, field, "a name is made of letters, digits, '.', '_' and '-'");
    }
    if (is_name_taken(spec, item->string)) {
        return complain(fault, field, "a row has a member of that name already");
    }
    size_t size = text != NULL ? strspn(text, "abcdefghijklmnopqrstuvwxyz") : 0;
    stream_aggregate *aggregate = &spec->aggregates[spec->select_count];
    if (size == 0 || text[size] != '(' ||
        stream_aggregate_parse(text, size, &aggregate->kind) != HR_OK) {
        return refuse_aggregate(field, fault);
    }
    hr_err err = copy_text(&spec->names[spec->select_count], item->string, strlen(item->string));
    if (err == HR_OK) {
        uint32_t first = spec->argument_count;
        spec->select_count++;
        err = read_arguments(spec, aggregate, text + size + 1, field, fault);
        find_state(spec, spec->select_count - 1, first);
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

static hr_err read_source(const cJSON *object, const char *field, query_source *source,
                          engine_query_fault *fault)
{
    const char *from = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "from"));
    if (from == NULL || (strcmp(from, "events") != 0 && strcmp(from, "positions") != 0)) {
        return complain(fault, field, "\"events\" or \"positions\"");
    }
    *source = strcmp(from, "events") == 0 ? QUERY_EVENTS : QUERY_POSITIONS;
    return HR_OK;
}

static hr_err read_head(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "name"));
    const cJSON *output = cJSON_GetObjectItemCaseSensitive(root, "output");
    const cJSON *enabled = cJSON_GetObjectItemCaseSensitive(root, "enabled");
    const char *how = output == NULL ? "update" : cJSON_GetStringValue(output);
    if (name == NULL || !hr_fence_id_is_valid(name, strlen(name))) {
        return complain(fault, "name", "1 to 64 letters, digits, '.', '_' and '-'");
    }
    snprintf(spec->name, sizeof spec->name, "%s", name);
    hr_err err = read_source(root, "from", &spec->source, fault);
    if (err != HR_OK) {
        return err;
    }
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

/* ---- joins ---- */

static hr_err read_join(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    const cJSON *join = cJSON_GetObjectItemCaseSensitive(root, "join");
    const cJSON *item = NULL;
    if (join == NULL) {
        return HR_OK;
    }
    if (!cJSON_IsArray(join)) {
        return complain(fault, "join", "a list of tables: \"device\", \"fence\"");
    }
    int at = 0;
    cJSON_ArrayForEach(item, join)
    {
        char field[ENGINE_QUERY_FIELD_MAX];
        const char *name = cJSON_GetStringValue(item);
        snprintf(field, sizeof field, "join[%d]", at++);
        if (name != NULL && strcmp(name, "device") == 0) {
            spec->tables |= QUERY_TABLE_DEVICE;
        } else if (name == NULL || strcmp(name, "fence") != 0) {
            return complain(fault, field, "\"device\" or \"fence\"");
        } else if (spec->source == QUERY_POSITIONS) {
            return complain(fault, field, "positions have no fence, events have");
        } else {
            spec->tables |= QUERY_TABLE_FENCE;
        }
    }
    return HR_OK;
}

/* An expression of the earlier row, or of either row, alone. */
static hr_err check_side(const query_spec *spec, query_source source, const char *field,
                         const char *text, engine_query_fault *fault)
{
    hr_why why = {.text = ""};
    hr_err err = stream_expression_check(query_spec_shape(spec, source), text, &why);
    return err == HR_INVALID ? complain(fault, field, "%s", why.text) : err;
}

static hr_err read_on(query_spec *spec, const cJSON *object, engine_query_fault *fault)
{
    query_follows *follows = &spec->follows;
    const cJSON *on = cJSON_GetObjectItemCaseSensitive(object, "on");
    const cJSON *item = NULL;
    int count = cJSON_GetArraySize(on);
    if (!cJSON_IsArray(on) || count < 1 || count > STREAM_GROUP_KEYS_MAX) {
        return complain(fault, "follows.on", "a list of 1 to %d expressions, equal in both rows",
                        STREAM_GROUP_KEYS_MAX);
    }
    cJSON_ArrayForEach(item, on)
    {
        char field[ENGINE_QUERY_FIELD_MAX];
        const char *text = cJSON_GetStringValue(item);
        snprintf(field, sizeof field, "follows.on[%u]", follows->on_count);
        if (text == NULL) {
            return complain(fault, field, "an expression, as text");
        }
        hr_err err = check_side(spec, spec->source, field, text, fault);
        err = err == HR_OK ? check_side(spec, follows->source, field, text, fault) : err;
        err = err == HR_OK ? copy_text(&follows->on[follows->on_count], text, strlen(text)) : err;
        if (err != HR_OK) {
            return err;
        }
        follows->on_count++;
    }
    return HR_OK;
}

static hr_err name_pair_columns(query_spec *spec)
{
    const stream_shape *own = query_spec_shape(spec, spec->source);
    const stream_shape *earlier = query_spec_shape(spec, spec->follows.source);
    stream_shape *shape = &spec->pair_shape;
    *shape =
        (stream_shape){.name = own->name, .columns = spec->pair_columns, .read = query_pair_read};
    for (int i = 0; i < own->column_count; i++) {
        spec->pair_columns[shape->column_count++] = own->columns[i];
    }
    for (int i = 0; i < earlier->column_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "earlier_%s", earlier->columns[i]);
        char *copy = strdup(name);
        if (copy == NULL) {
            return HR_NO_MEMORY;
        }
        spec->pair_columns[shape->column_count++] = copy;
    }
    return HR_OK;
}

static hr_err read_match(query_follows *follows, const cJSON *object, engine_query_fault *fault)
{
    const cJSON *match = cJSON_GetObjectItemCaseSensitive(object, "match");
    const char *text = cJSON_GetStringValue(match);
    if (match != NULL &&
        (text == NULL || (strcmp(text, "last") != 0 && strcmp(text, "all") != 0))) {
        return complain(fault, "follows.match", "\"last\" or \"all\" of the earlier rows");
    }
    follows->takes_all = match != NULL && text[0] == 'a';
    return HR_OK;
}

static hr_err read_follows(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    static const char *const members[] = {"from", "where", "on", "within", "match", NULL};
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(root, "follows");
    query_follows *follows = &spec->follows;
    if (object == NULL) {
        return HR_OK;
    }
    if (!cJSON_IsObject(object)) {
        return complain(fault, "follows", "an object: from, where, on, within, match");
    }
    hr_err err = refuse_unknown(object, "follows.", members, fault);
    if (err == HR_OK) {
        err = read_source(object, "follows.from", &follows->source, fault);
    }
    if (err == HR_OK) {
        err = read_duration(object, "within", "follows.within", -1, &follows->within_ms, fault);
    }
    if (err == HR_OK) {
        err = read_match(follows, object, fault);
    }
    if (err == HR_OK) {
        err = read_on(spec, object, fault);
    }
    const cJSON *where = cJSON_GetObjectItemCaseSensitive(object, "where");
    if (err == HR_OK && where != NULL) {
        const char *text = cJSON_GetStringValue(where);
        err = text != NULL ? check_side(spec, follows->source, "follows.where", text, fault)
                           : complain(fault, "follows.where", "an expression, as text");
        err = err == HR_OK ? copy_text(&follows->where, text, strlen(text)) : err;
    }
    follows->is_used = true;
    return err == HR_OK ? name_pair_columns(spec) : err;
}

static hr_err read_all(query_spec *spec, const cJSON *root, engine_query_fault *fault)
{
    static const char *const members[] = {"name",     "from",   "join",   "follows", "where",
                                          "group_by", "window", "select", "output",  "lateness",
                                          "enabled",  "about",  NULL};
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
        err = read_join(spec, root, fault);
    }
    if (err == HR_OK) {
        err = read_follows(spec, root, fault);
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

static hr_err keep_text(query_spec *spec, const cJSON *root)
{
    spec->text = cJSON_PrintUnformatted(root);
    char *enabled = spec->text != NULL ? query_spec_switch(spec, true) : NULL;
    if (enabled == NULL) {
        return HR_NO_MEMORY;
    }
    spec->hash = hr_hash64(enabled, strlen(enabled));
    cJSON_free(enabled);
    return HR_OK;
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
        err = keep_text(spec, root);
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
    for (uint32_t i = 0; i < STREAM_GROUP_KEYS_MAX; i++) {
        free(spec->follows.on[i]);
    }
    free(spec->follows.where);
    int own = spec->follows.is_used ? query_spec_shape(spec, spec->source)->column_count : 0;
    for (int i = own; i < spec->pair_shape.column_count; i++) {
        free((char *)(uintptr_t)spec->pair_columns[i]);
    }
    free(spec->where);
    cJSON_free(spec->text);
    free(spec);
}

hr_err query_spec_compile(const query_spec *spec, bool where, stream_evaluator **out, hr_why *why)
{
    const char *expressions[STREAM_GROUP_KEYS_MAX + STREAM_AGGREGATES_MAX * STREAM_ARGUMENTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec->group_count; i++) {
        expressions[count++] = spec->groups[i];
    }
    for (uint32_t i = 0; i < spec->argument_count; i++) {
        expressions[count++] = spec->arguments[i];
    }
    return stream_evaluator_new(full_shape(spec), expressions, count, where ? spec->where : NULL,
                                out, why);
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
