/* api/live_message.c - walks JSON by its brackets and quotes. */
#include "live_message.h"

#include <stdint.h>
#include <string.h>

size_t live_pass_blanks(const char *text, size_t size, size_t at)
{
    while (at < size &&
           (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) {
        at++;
    }
    return at;
}

/* Past the closing quote of the string that opens at `at`; SIZE_MAX: it does not end. */
static size_t skip_string(const char *text, size_t size, size_t at)
{
    for (at++; at < size; at++) {
        if (text[at] == '\\') {
            at++;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return SIZE_MAX;
}

/* What ends or nests a value; most bytes of a long one are none of these. */
static const bool is_structural[256] = {
    ['"'] = true, ['{'] = true, ['['] = true, ['}'] = true, [']'] = true};

/* Past the bracketed value that opens at `at`. */
static size_t skip_brackets(const char *text, size_t size, size_t at)
{
    char open[LIVE_DEPTH_MAX];
    size_t depth = 0;
    while (at < size) {
        char c = text[at];
        if (!is_structural[(unsigned char)c]) {
            at++;
            continue;
        }
        if (c == '"') {
            at = skip_string(text, size, at);
            if (at == SIZE_MAX) {
                return SIZE_MAX;
            }
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth >= LIVE_DEPTH_MAX) {
                return SIZE_MAX;
            }
            open[depth++] = c;
        } else if (c == '}' || c == ']') {
            if (depth == 0 || open[depth - 1] != (c == '}' ? '{' : '[')) {
                return SIZE_MAX;
            }
            if (--depth == 0) {
                return at + 1;
            }
        }
        at++;
    }
    return SIZE_MAX;
}

/* Past a value. */
static size_t skip_value(const char *text, size_t size, size_t at)
{
    if (at >= size) {
        return SIZE_MAX;
    }
    if (text[at] == '"') {
        return skip_string(text, size, at);
    }
    if (text[at] == '{' || text[at] == '[') {
        return skip_brackets(text, size, at);
    }
    size_t begin = at;
    while (at < size && strchr(",]} \t\r\n:\"[{", text[at]) == NULL) {
        at++;
    }
    return at > begin ? at : SIZE_MAX;
}

/* One `"name": value`; returns where it ends, or SIZE_MAX. */
static size_t read_member(const char *text, size_t size, size_t at, live_member *member)
{
    size_t end = at < size && text[at] == '"' ? skip_string(text, size, at) : SIZE_MAX;
    if (end == SIZE_MAX) {
        return SIZE_MAX;
    }
    member->name = (live_span){.at = text + at + 1, .size = end - at - 2};
    at = live_pass_blanks(text, size, end);
    if (at >= size || text[at] != ':') {
        return SIZE_MAX;
    }
    at = live_pass_blanks(text, size, at + 1);
    end = skip_value(text, size, at);
    if (end != SIZE_MAX) {
        member->value = (live_span){.at = text + at, .size = end - at};
    }
    return end;
}

hr_err live_object_read(const char *text, size_t size, size_t *at, live_object *object)
{
    size_t here = live_pass_blanks(text, size, *at);
    object->count = 0;
    if (here >= size || text[here] != '{') {
        return HR_INVALID;
    }
    here = live_pass_blanks(text, size, here + 1);
    if (here < size && text[here] == '}') {
        *at = here + 1;
        return HR_OK;
    }
    for (;;) {
        if (object->count >= LIVE_MEMBERS_MAX) {
            return HR_INVALID;
        }
        here = read_member(text, size, here, &object->members[object->count]);
        if (here == SIZE_MAX) {
            return HR_INVALID;
        }
        object->count++;
        here = live_pass_blanks(text, size, here);
        if (here < size && text[here] == '}') {
            *at = here + 1;
            return HR_OK;
        }
        if (here >= size || text[here] != ',') {
            return HR_INVALID;
        }
        here = live_pass_blanks(text, size, here + 1);
    }
}

bool live_array_next(const char *text, size_t size, size_t *at)
{
    size_t here = live_pass_blanks(text, size, *at);
    bool is_first = *at == 0;
    if (here < size && text[here] == (is_first ? '[' : ',')) {
        here = live_pass_blanks(text, size, here + 1);
        if (here < size && text[here] != ']') {
            *at = here;
            return true;
        }
        /* "[]" is an array; ",]" ends none. */
        here = is_first ? here : SIZE_MAX;
    }
    /* Only the closing bracket may stand here, and nothing behind it. */
    bool is_end =
        here < size && text[here] == ']' && live_pass_blanks(text, size, here + 1) == size;
    *at = is_end ? size : SIZE_MAX;
    return false;
}

const live_span *live_object_get(const live_object *object, const char *name)
{
    for (size_t i = 0; i < object->count; i++) {
        if (live_span_is(&object->members[i].name, name)) {
            return &object->members[i].value;
        }
    }
    return NULL;
}

static size_t pass_digits(const char *text, size_t size, size_t at)
{
    while (at < size && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at;
}

static bool is_number(const char *text, size_t size)
{
    size_t at = size > 0 && text[0] == '-';
    size_t end = pass_digits(text, size, at);
    bool is_well = end > at && (text[at] != '0' || end == at + 1);
    if (end < size && text[end] == '.') {
        at = end + 1;
        end = pass_digits(text, size, at);
        is_well = is_well && end > at;
    }
    if (end < size && (text[end] == 'e' || text[end] == 'E')) {
        at = end + 1;
        at += at < size && (text[at] == '+' || text[at] == '-');
        end = pass_digits(text, size, at);
        is_well = is_well && end > at;
    }
    return is_well && end == size;
}

static bool is_text(const char *text, size_t size)
{
    if (size < 2 || text[0] != '"' || skip_string(text, size, 0) != size) {
        return false;
    }
    for (size_t at = 1; at + 1 < size; at++) {
        if ((unsigned char)text[at] < 0x20) {
            return false;
        }
        if (text[at] != '\\') {
            continue;
        }
        at++;
        size_t digits = text[at] == 'u' ? 4 : 0;
        if (text[at] == 0 || strchr("\"\\/bfnrtu", text[at]) == NULL || at + digits + 1 >= size ||
            strspn(text + at + 1, "0123456789abcdefABCDEF") < digits) {
            return false;
        }
        at += digits;
    }
    return true;
}

bool live_span_is_id(const live_span *span)
{
    return is_number(span->at, span->size) || is_text(span->at, span->size);
}

bool live_span_is(const live_span *span, const char *text)
{
    return span->size == strlen(text) && memcmp(span->at, text, span->size) == 0;
}
