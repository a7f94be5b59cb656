/* wire/flat_json.c - a scanner that gives up at the first thing that is not plain. */
#include "wire/flat_json.h"

#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 15 /* so that the digits are a double exactly, and so is the quotient below */

typedef struct scan {
    char *at;
    char *end;
} scan;

static void skip_space(scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' || *s->at == '\n')) {
        s->at++;
    }
}

static bool take(scan *s, char c)
{
    skip_space(s);
    if (s->at < s->end && *s->at == c) {
        s->at++;
        return true;
    }
    return false;
}

/* A string without escapes; it is terminated where its closing quote was. */
static char *take_string(scan *s)
{
    if (!take(s, '"')) {
        return NULL;
    }
    char *first = s->at;
    while (s->at < s->end && *s->at != '"') {
        if (*s->at == '\\' || (uint8_t)*s->at < 0x20) {
            return NULL;
        }
        s->at++;
    }
    if (s->at == s->end) {
        return NULL;
    }
    *s->at++ = '\0';
    return first;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -?digits[.digits]: two doubles without error make a quotient that is rounded once, as strtod's.
 */
static bool take_number(scan *s, double *number)
{
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool is_negative = *s->at == '-';
    s->at += is_negative;
    uint64_t digits = 0;
    unsigned count = 0, after_point = 0;
    bool has_zero_first = s->at < s->end && *s->at == '0';
    for (; s->at < s->end && is_digit(*s->at) && count <= DIGITS_MAX; s->at++, count++) {
        digits = digits * 10 + (uint64_t)(*s->at - '0');
    }
    if (count == 0 || (has_zero_first && count > 1)) {
        return false;
    }
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        for (; s->at < s->end && is_digit(*s->at) && count <= DIGITS_MAX; s->at++, count++) {
            digits = digits * 10 + (uint64_t)(*s->at - '0');
            after_point++;
        }
        if (after_point == 0) {
            return false;
        }
    }
    if (count > DIGITS_MAX) {
        return false;
    }
    double value = (double)digits / powers[after_point];
    *number = is_negative ? -value : value;
    return true;
}

static bool take_literal(scan *s, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0) {
        return false;
    }
    s->at += size;
    return true;
}

/* A number must end where JSON lets it. */
static bool ends_value(const scan *s)
{
    return s->at < s->end && (*s->at == ',' || *s->at == '}' || *s->at == ' ' || *s->at == '\t' ||
                              *s->at == '\r' || *s->at == '\n');
}

static bool take_value(scan *s, cJSON *node)
{
    skip_space(s);
    if (s->at == s->end) {
        return false;
    }
    if (*s->at == '"') {
        node->type = cJSON_String;
        node->valuestring = take_string(s);
        return node->valuestring != NULL;
    }
    if (*s->at == '-' || is_digit(*s->at)) {
        node->type = cJSON_Number;
        return take_number(s, &node->valuedouble) && ends_value(s);
    }
    if (take_literal(s, "null")) {
        node->type = cJSON_NULL;
        return true;
    }
    if (take_literal(s, "true")) {
        node->type = cJSON_True;
        return true;
    }
    node->type = cJSON_False;
    return take_literal(s, "false");
}

static bool take_member(scan *s, cJSON *node)
{
    *node = (cJSON){.type = cJSON_Invalid};
    node->string = take_string(s);
    return node->string != NULL && take(s, ':') && take_value(s, node);
}

cJSON *flat_json_parse(flat_json *flat, const void *bytes, size_t size)
{
    if (size == 0 || size > FLAT_JSON_BYTES_MAX) {
        return NULL;
    }
    memcpy(flat->text, bytes, size);
    flat->text[size] = '\0';
    scan s = {.at = flat->text, .end = flat->text + size};
    cJSON *root = &flat->nodes[0];
    *root = (cJSON){.type = cJSON_Object};
    size_t count = 0;
    if (!take(&s, '{')) {
        return NULL;
    }
    do {
        if (count == FLAT_JSON_MEMBERS_MAX || !take_member(&s, &flat->nodes[count + 1])) {
            return NULL;
        }
        flat->nodes[count + 1].prev = &flat->nodes[count];
        if (count > 0) {
            flat->nodes[count].next = &flat->nodes[count + 1];
        }
        count++;
    } while (take(&s, ','));
    if (!take(&s, '}')) {
        return NULL;
    }
    skip_space(&s);
    root->child = &flat->nodes[1];
    return s.at == s.end ? root : NULL;
}
