/* api/cli_table.c - columns as wide as a terminal shows what stands in them. */
#include "cli_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_MAX 64 /* further ones are left out */
#define WIDTH_MAX 48   /* columns on a terminal; longer texts are cut */
#define CELL_BYTES (4 * WIDTH_MAX + 1)
#define NAME_BYTES_MAX 1024

static bool has_colours(void)
{
    const char *unwanted = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (unwanted == NULL || unwanted[0] == '\0');
}

const char *cli_colour_of(const char *level)
{
    bool is_bad = strcmp(level, "alarm") == 0 || strcmp(level, "problem") == 0;
    bool is_odd = strcmp(level, "warning") == 0;
    return !has_colours() ? "" : is_bad ? "\033[31m" : is_odd ? "\033[33m" : "";
}

const char *cli_colour_end(void)
{
    return has_colours() ? "\033[0m" : "";
}

/* The c-th cell of a row, or NULL. */
typedef const cJSON *cell_of(const cJSON *row, const void *columns, int c);

/* The bytes of a text's first character, and its columns on a terminal: two for many scripts, none
 * for an accent behind its letter, -1 for what moves the cursor, or worse. */
static size_t first_character(const char *text, int *width)
{
    wchar_t character = 0;
    mbstate_t state = {0};
    size_t size = mbrtowc(&character, text, MB_CUR_MAX, &state);
    if (size == 0 || size > MB_CUR_MAX) {
        *width = -1; /* no character at all */
        return 1;
    }
    *width = wcwidth(character);
    return size;
}

static int width_of(const char *text)
{
    int sum = 0;
    int width;
    while (*text != '\0') {
        text += first_character(text, &width);
        sum += width > 0 ? width : 0;
    }
    return sum;
}

/* Whole characters, of at most width_max columns and capacity - 1 bytes. What must not be shown
 * becomes '?': names come from anybody who may draw a fence. */
static void put_text(const char *from, int width_max, char *text, size_t capacity)
{
    size_t used = 0;
    int sum = 0;
    while (*from != '\0') {
        int width;
        size_t size = first_character(from, &width);
        bool is_shown = width >= 0;
        sum += is_shown ? width : 1;
        if (sum > width_max || used + size >= capacity) {
            break;
        }
        memcpy(text + used, is_shown ? from : "?", is_shown ? size : 1);
        used += is_shown ? size : 1;
        from += size;
    }
    text[used] = '\0';
}

void cli_table_print_name(const char *name)
{
    char text[NAME_BYTES_MAX];
    put_text(name, NAME_BYTES_MAX, text, sizeof text);
    fputs(text, stdout);
}

static void put_cell(const cJSON *value, char text[CELL_BYTES])
{
    char number[32];
    text[0] = '\0';
    if (cJSON_IsString(value)) {
        put_text(value->valuestring, WIDTH_MAX, text, CELL_BYTES);
    } else if (cJSON_IsNumber(value)) {
        snprintf(number, sizeof number, "%.15g", value->valuedouble);
        put_text(number, WIDTH_MAX, text, CELL_BYTES);
    } else if (cJSON_IsBool(value)) {
        put_text(cJSON_IsTrue(value) ? "yes" : "no", WIDTH_MAX, text, CELL_BYTES);
    } else if (value != NULL && !cJSON_IsNull(value) && value->child != NULL) {
        char *printed = cJSON_PrintUnformatted(value);
        put_text(printed != NULL ? printed : "", WIDTH_MAX, text, CELL_BYTES);
        cJSON_free(printed);
    }
}

/* One line; columns of width 0 are left out, and the last one is not filled up. */
static void print_line(const cJSON *row, const void *columns, cell_of *cell, const int *widths,
                       int count)
{
    int blanks = 0;
    char text[CELL_BYTES];
    for (int c = 0; c < count; c++) {
        if (widths[c] > 0) {
            put_cell(cell(row, columns, c), text);
            if (text[0] != '\0') {
                printf("%*s%s", blanks, "", text);
                blanks = 0;
            }
            blanks += widths[c] - width_of(text) + 2;
        }
    }
    putchar('\n');
}

/* heads: an array of texts. A column in which no row has anything is left out. */
static void print_table(const cJSON *heads, const cJSON *rows, const void *columns, cell_of *cell,
                        cell_of *head)
{
    int widths[COLUMNS_MAX] = {0};
    int count = cJSON_GetArraySize(heads);
    char text[CELL_BYTES];
    const cJSON *row;
    count = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    for (int c = 0; c < count; c++) {
        int width = 0;
        cJSON_ArrayForEach(row, rows)
        {
            put_cell(cell(row, columns, c), text);
            width = width_of(text) > width ? width_of(text) : width;
        }
        put_cell(head(heads, NULL, c), text);
        bool is_shown = width > 0 || cJSON_GetArraySize(rows) == 0;
        widths[c] = !is_shown ? 0 : width_of(text) > width ? width_of(text) : width;
    }
    print_line(heads, NULL, head, widths, count);
    cJSON_ArrayForEach(row, rows)
    {
        print_line(row, columns, cell, widths, count);
    }
}

static const cJSON *item_at(const cJSON *row, const void *columns, int c)
{
    (void)columns;
    return cJSON_GetArrayItem(row, c);
}

/* The value of "a.b" in an object. */
static const cJSON *member_at(const cJSON *row, const void *columns, int c)
{
    const char *name = ((const char *const *)columns)[c];
    const char *dot = strchr(name, '.');
    char outer[64];
    if (dot == NULL) {
        return cJSON_GetObjectItemCaseSensitive(row, name);
    }
    snprintf(outer, sizeof outer, "%.*s", (int)(dot - name), name);
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(row, outer), dot + 1);
}

void cli_table_print(const cJSON *rows, const char *const *columns)
{
    cJSON *heads = cJSON_CreateArray();
    for (int c = 0; columns[c] != NULL; c++) {
        const char *dot = strchr(columns[c], '.');
        cJSON_AddItemToArray(heads, cJSON_CreateString(dot != NULL ? dot + 1 : columns[c]));
    }
    print_table(heads, rows, columns, member_at, item_at);
    cJSON_Delete(heads);
}

void cli_table_print_text(const char *json, const char *key, const char *const *columns)
{
    cJSON *answer = cJSON_Parse(json);
    cli_table_print(cJSON_GetObjectItemCaseSensitive(answer, key), columns);
    cJSON_Delete(answer);
}

void cli_table_print_rows(const char *json)
{
    cJSON *answer = cJSON_Parse(json);
    print_table(cJSON_GetObjectItemCaseSensitive(answer, "columns"),
                cJSON_GetObjectItemCaseSensitive(answer, "rows"), NULL, item_at, item_at);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "cut"))) {
        fputs("There are more rows than are shown.\n", stderr);
    }
    cJSON_Delete(answer);
}
