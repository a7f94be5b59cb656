/* stream/simple.c - a look at an expression's words: known ones are answered here, all else is
 * left to SQLite. */
#include "stream/simple.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHOLE_DIGITS_MAX 15

static void skip_space(const char **at)
{
    *at += strspn(*at, " \t\r\n");
}

static size_t word_size(const char *at)
{
    size_t size = 0;
    while (isalnum((unsigned char)at[size]) || at[size] == '_') {
        size++;
    }
    return isdigit((unsigned char)at[0]) ? 0 : size;
}

static bool take_word(const char **at, const char *word)
{
    skip_space(at);
    size_t size = word_size(*at);
    if (size != strlen(word) || strncasecmp(*at, word, size) != 0) {
        return false;
    }
    *at += size;
    return true;
}

static bool take_sign(const char **at, char sign)
{
    skip_space(at);
    if (**at != sign) {
        return false;
    }
    (*at)++;
    return true;
}

static bool is_end(const char *at)
{
    skip_space(&at);
    return *at == 0;
}

static int take_column(const stream_shape *shape, const char **at)
{
    skip_space(at);
    size_t size = word_size(*at);
    for (int i = 0; size > 0 && i < shape->column_count; i++) {
        if (strlen(shape->columns[i]) == size && strncasecmp(*at, shape->columns[i], size) == 0) {
            *at += size;
            return i;
        }
    }
    return -1;
}

int stream_simple_column(const stream_shape *shape, const char *expression)
{
    int column = take_column(shape, &expression);
    return column >= 0 && is_end(expression) ? column : -1;
}

/* A text without quotes inside. */
static bool take_text(const char **at, stream_value *value, char **room)
{
    size_t size = strcspn(*at + 1, "'");
    const char *end = *at + 1 + size;
    if (*end != '\'' || end[1] == '\'') {
        return false;
    }
    memcpy(*room, *at + 1, size);
    *value = (stream_value){.type = STREAM_TEXT, .text = *room, .size = size};
    *room += size;
    *at = end + 1;
    return true;
}

static bool take_literal(const char **at, stream_condition *condition, char **room)
{
    if (condition->count == STREAM_CONDITION_LITERALS_MAX) {
        return false;
    }
    stream_value *value = &condition->literals[condition->count++];
    skip_space(at);
    if (**at == '\'') {
        return take_text(at, value, room);
    }
    size_t digits = strspn(*at, "0123456789");
    char after = (*at)[digits];
    if (digits == 0 || digits > WHOLE_DIGITS_MAX || after == '.' || after == '_' ||
        isalpha((unsigned char)after)) {
        return false;
    }
    *value = (stream_value){.type = STREAM_WHOLE, .whole = strtoll(*at, NULL, 10)};
    *at += digits;
    return true;
}

static bool take_list(const char **at, stream_condition *condition)
{
    char *room = condition->text;
    condition->kind = STREAM_IS_ONE_OF;
    if (take_sign(at, '=')) {
        (void)take_sign(at, '=');
        return take_literal(at, condition, &room);
    }
    if (!take_word(at, "in") || !take_sign(at, '(')) {
        return false;
    }
    do {
        if (!take_literal(at, condition, &room)) {
            return false;
        }
    } while (take_sign(at, ','));
    return take_sign(at, ')');
}

bool stream_condition_parse(const stream_shape *shape, const char *expression,
                            stream_condition *condition)
{
    condition->kind = STREAM_IS_ANYTHING;
    condition->column = 0;
    condition->count = 0;
    if (expression == NULL) {
        return true;
    }
    if (strlen(expression) >= sizeof condition->text) {
        return false;
    }
    condition->column = take_column(shape, &expression);
    if (condition->column < 0) {
        return false;
    }
    const char *after = expression;
    if (take_word(&after, "is")) {
        condition->kind = take_word(&after, "not") ? STREAM_IS_NOT_NULL : STREAM_IS_NULL;
        return take_word(&after, "null") && is_end(after);
    }
    return take_list(&expression, condition) && is_end(expression);
}

static bool is_equal(const stream_value *literal, const stream_value *value)
{
    double number;
    if (literal->type == STREAM_TEXT) {
        return value->type == STREAM_TEXT && value->size == literal->size &&
               memcmp(value->text, literal->text, literal->size) == 0;
    }
    if (value->type == STREAM_WHOLE) {
        return value->whole == literal->whole;
    }
    return stream_value_number(value, &number) && number == (double)literal->whole;
}

bool stream_condition_holds(const stream_condition *condition, const stream_value *value)
{
    switch (condition->kind) {
    case STREAM_IS_NULL:
        return value->type == STREAM_NULL;
    case STREAM_IS_NOT_NULL:
        return value->type != STREAM_NULL;
    case STREAM_IS_ONE_OF:
        for (uint32_t i = 0; i < condition->count; i++) {
            if (is_equal(&condition->literals[i], value)) {
                return true;
            }
        }
        return false;
    default:
        return true;
    }
}
