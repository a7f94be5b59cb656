/* geo/json.c - a strict JSON reader, a state machine over one text. */
#include "geo/json.h"

#include <string.h>

/* What the grammar allows at this place. */
enum {
    EXPECT_VALUE,
    EXPECT_FIRST,  /* right after [ or {: an element, or the end */
    EXPECT_KEY,    /* after a comma in an object */
    EXPECT_AFTER,  /* after a value: a comma, or the end of what holds it */
    EXPECT_NOTHING /* after the outermost value */
};

size_t geo_json_mark(const char *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

geo_json geo_json_read(const char *text, size_t size)
{
    return (geo_json){
        .text = text, .size = size, .at = geo_json_mark(text, size), .expect = EXPECT_VALUE};
}

static geo_json_token wrong(geo_json *json, const char *why)
{
    if (json->wrong == NULL) {
        json->wrong = why;
    }
    return GEO_JSON_WRONG;
}

static void skip_space(geo_json *json)
{
    while (json->at < json->size) {
        char c = json->text[json->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            break;
        }
        json->at++;
    }
}

static bool in_object(const geo_json *json)
{
    return json->depth > 0 && (json->objects >> (json->depth - 1) & 1) != 0;
}

static geo_json_token open(geo_json *json, bool object)
{
    if (json->depth == GEO_JSON_DEPTH_MAX) {
        return wrong(json, "nested too deeply");
    }
    uint64_t bit = UINT64_C(1) << json->depth;
    json->objects = object ? json->objects | bit : json->objects & ~bit;
    json->depth++;
    json->at++;
    json->expect = EXPECT_FIRST;
    return object ? GEO_JSON_OBJECT : GEO_JSON_ARRAY;
}

static geo_json_token close(geo_json *json)
{
    bool object = in_object(json);
    json->depth--;
    json->at++;
    json->expect = json->depth == 0 ? EXPECT_NOTHING : EXPECT_AFTER;
    return object ? GEO_JSON_OBJECT_END : GEO_JSON_ARRAY_END;
}

static bool is_digit(const geo_json *json, size_t at)
{
    return at < json->size && json->text[at] >= '0' && json->text[at] <= '9';
}

static size_t pass_digits(const geo_json *json, size_t at)
{
    while (is_digit(json, at)) {
        at++;
    }
    return at;
}

static geo_json_token read_number(geo_json *json)
{
    size_t start = json->at;
    size_t at = start + (json->text[start] == '-');
    if (!is_digit(json, at)) {
        return wrong(json, "not a value");
    }
    at = json->text[at] == '0' ? at + 1 : pass_digits(json, at);
    if (at < json->size && json->text[at] == '.') {
        if (!is_digit(json, at + 1)) {
            return wrong(json, "a digit must follow the point");
        }
        at = pass_digits(json, at + 1);
    }
    if (at < json->size && (json->text[at] == 'e' || json->text[at] == 'E')) {
        at++;
        at += at < json->size && (json->text[at] == '+' || json->text[at] == '-');
        if (!is_digit(json, at)) {
            return wrong(json, "an exponent without digits");
        }
        at = pass_digits(json, at);
    }
    if (is_digit(json, at)) {
        return wrong(json, "a number with a leading zero");
    }
    json->slice = json->text + start;
    json->slice_size = at - start;
    json->at = at;
    json->expect = json->depth == 0 ? EXPECT_NOTHING : EXPECT_AFTER;
    return GEO_JSON_NUMBER;
}

/* The length of the UTF-8 character at `at`, or 0 if there is none: no overlong forms, no
 * surrogates, nothing above U+10FFFF. */
static size_t utf8_length(const geo_json *json, size_t at)
{
    const unsigned char *bytes = (const unsigned char *)json->text + at;
    size_t left = json->size - at;
    unsigned char c = bytes[0];
    if (c < 0x80) {
        return 1;
    }
    size_t length = c >= 0xC2 && c <= 0xDF   ? 2
                    : (c & 0xF0) == 0xE0     ? 3
                    : c >= 0xF0 && c <= 0xF4 ? 4
                                             : 0;
    if (length == 0 || left < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool bad = (c == 0xE0 && bytes[1] < 0xA0) || (c == 0xED && bytes[1] > 0x9F) ||
               (c == 0xF0 && bytes[1] < 0x90) || (c == 0xF4 && bytes[1] > 0x8F);
    return bad ? 0 : length;
}

/* The four hexadecimal digits at text, or -1. */
static int32_t hex4(const char *text, const char *end)
{
    int32_t value = 0;
    if (end - text < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The character that the escape at `text`, which begins with its backslash, stands for; *length
 * gets the bytes it takes. -1 if it is not sound. */
static int32_t read_escape(const char *text, const char *end, size_t *length)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    if (end - text < 2) {
        return -1;
    }
    *length = 2;
    if (text[1] != 'u') {
        const char *found = text[1] == '\0' ? NULL : strchr(letters, text[1]);
        return found == NULL ? -1 : meanings[found - letters];
    }
    int32_t unit = hex4(text + 2, end);
    *length = 6;
    if (unit < 0xD800 || unit > 0xDFFF) {
        return unit;
    }
    if (unit > 0xDBFF || end - text < 12 || text[6] != '\\' || text[7] != 'u') {
        return -1;
    }
    int32_t low = hex4(text + 8, end);
    *length = 12;
    return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

/* Stands at the opening quote; afterwards behind the closing one. */
static bool read_text(geo_json *json)
{
    size_t at = json->at + 1;
    size_t start = at;
    while (at < json->size && json->text[at] != '"') {
        size_t length = 0;
        json->at = at;
        if ((unsigned char)json->text[at] < 0x20) {
            (void)wrong(json, "a control character in a text");
            return false;
        }
        if (json->text[at] == '\\') {
            if (read_escape(json->text + at, json->text + json->size, &length) < 0) {
                (void)wrong(json, "an escape that is not one");
                return false;
            }
        } else {
            length = utf8_length(json, at);
        }
        if (length == 0) {
            (void)wrong(json, "not UTF-8");
            return false;
        }
        at += length;
    }
    if (at >= json->size) {
        (void)wrong(json, "a text without an end");
        return false;
    }
    json->slice = json->text + start;
    json->slice_size = at - start;
    json->at = at + 1;
    return true;
}

static geo_json_token read_word(geo_json *json, const char *word, geo_json_token token)
{
    size_t length = strlen(word);
    if (json->size - json->at < length || memcmp(json->text + json->at, word, length) != 0) {
        return wrong(json, "not a value");
    }
    json->at += length;
    json->expect = json->depth == 0 ? EXPECT_NOTHING : EXPECT_AFTER;
    return token;
}

static geo_json_token read_value(geo_json *json)
{
    switch (json->text[json->at]) {
    case '{':
        return open(json, true);
    case '[':
        return open(json, false);
    case '"':
        if (!read_text(json)) {
            return GEO_JSON_WRONG;
        }
        json->expect = json->depth == 0 ? EXPECT_NOTHING : EXPECT_AFTER;
        return GEO_JSON_TEXT;
    case 't':
        return read_word(json, "true", GEO_JSON_TRUE);
    case 'f':
        return read_word(json, "false", GEO_JSON_FALSE);
    case 'n':
        return read_word(json, "null", GEO_JSON_NULL);
    default:
        return read_number(json);
    }
}

static geo_json_token read_key(geo_json *json)
{
    if (json->text[json->at] != '"') {
        return wrong(json, "a key was expected");
    }
    if (!read_text(json)) {
        return GEO_JSON_WRONG;
    }
    const char *slice = json->slice;
    skip_space(json);
    if (json->at == json->size || json->text[json->at] != ':') {
        return wrong(json, "a colon was expected");
    }
    json->at++;
    json->slice = slice;
    json->expect = EXPECT_VALUE;
    return GEO_JSON_KEY;
}

geo_json_token geo_json_next(geo_json *json)
{
    if (json->wrong != NULL) {
        return GEO_JSON_WRONG;
    }
    skip_space(json);
    if (json->expect == EXPECT_NOTHING) {
        return json->at == json->size ? GEO_JSON_END : wrong(json, "something follows the value");
    }
    if (json->at == json->size) {
        return wrong(json, "the text ends too early");
    }
    char c = json->text[json->at];
    bool object = in_object(json);
    if (json->expect == EXPECT_FIRST || json->expect == EXPECT_AFTER) {
        if (c == (object ? '}' : ']')) {
            return close(json);
        }
        if (json->expect == EXPECT_AFTER) {
            if (c != ',') {
                return wrong(json, "a comma or an end was expected");
            }
            json->at++;
            skip_space(json);
            if (json->at == json->size) {
                return wrong(json, "the text ends too early");
            }
        }
        json->expect = object ? EXPECT_KEY : EXPECT_VALUE;
    }
    return json->expect == EXPECT_KEY ? read_key(json) : read_value(json);
}

/* Behind the text that opens at `at`. */
static size_t pass_text(const geo_json *json, size_t at)
{
    for (at++; at < json->size && json->text[at] != '"'; at++) {
        at += json->text[at] == '\\';
    }
    return at + 1;
}

/* What a byte means to one who only counts brackets. */
enum {
    BYTE_OTHER,
    BYTE_OPENS,
    BYTE_CLOSES,
    BYTE_QUOTES
};

static const uint8_t byte_meaning[256] = {['['] = BYTE_OPENS,
                                          ['{'] = BYTE_OPENS,
                                          [']'] = BYTE_CLOSES,
                                          ['}'] = BYTE_CLOSES,
                                          ['"'] = BYTE_QUOTES};

/* Pass over an object or array of a text that is known to be JSON: its brackets must balance. */
static bool pass_brackets(geo_json *json)
{
    const char *text = json->text;
    size_t size = json->size;
    size_t at = json->at;
    size_t depth = 0;
    do {
        uint8_t meaning = byte_meaning[(unsigned char)text[at++]];
        if (meaning == BYTE_OTHER) {
            continue;
        }
        if (meaning == BYTE_QUOTES) {
            at = pass_text(json, at - 1);
        } else {
            depth += meaning == BYTE_OPENS;
            depth -= meaning == BYTE_CLOSES;
        }
    } while (at < size && depth > 0);
    json->at = at;
    json->expect = json->depth == 0 ? EXPECT_NOTHING : EXPECT_AFTER;
    return depth == 0;
}

bool geo_json_skip(geo_json *json)
{
    uint32_t depth = json->depth;
    if (json->is_checked && json->expect == EXPECT_VALUE && json->wrong == NULL) {
        skip_space(json);
        if (json->at < json->size && (json->text[json->at] == '[' || json->text[json->at] == '{')) {
            return pass_brackets(json);
        }
    }
    do {
        geo_json_token token = geo_json_next(json);
        if (token == GEO_JSON_WRONG || token == GEO_JSON_END) {
            return false;
        }
    } while (json->depth > depth || json->expect == EXPECT_VALUE);
    return true;
}

bool geo_json_is(const geo_json *json, const char *text)
{
    return json->slice_size == strlen(text) && memcmp(json->slice, text, json->slice_size) == 0;
}

/* Appends a character as UTF-8; false when it does not fit. */
static bool put_utf8(char *text, size_t size, size_t *used, uint32_t c)
{
    unsigned char bytes[4];
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; c >>= 6) {
        bytes[i] = (unsigned char)(0x80 | (c & 0x3F));
    }
    bytes[0] = (unsigned char)(marks[length] | c);
    if (*used + length >= size) {
        return false;
    }
    memcpy(text + *used, bytes, length);
    *used += length;
    return true;
}

geo_err geo_json_copy(const geo_json *json, char *text, size_t size)
{
    size_t used = 0;
    const char *end = json->slice + json->slice_size;
    for (const char *at = json->slice; at < end;) {
        size_t length = 1;
        if (*at == '\\') {
            int32_t c = read_escape(at, end, &length);
            if (c <= 0) {
                return GEO_SYNTAX;
            }
            if (!put_utf8(text, size, &used, (uint32_t)c)) {
                return GEO_TOO_BIG;
            }
        } else if (used + 1 >= size) {
            return GEO_TOO_BIG;
        } else {
            text[used++] = *at;
        }
        at += length;
    }
    text[used] = '\0';
    return GEO_OK;
}

void geo_json_position(const geo_json *json, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < json->at && i < json->size; i++) {
        if (json->text[i] == '\n') {
            *line += 1;
            *column = 1;
        } else {
            *column += 1;
        }
    }
}
