/* slug.c - ids made from names: what stands in a URL should still say which fence it is. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "draft.h"

/* Room for "-" and a number behind the name. */
#define SLUG_MAX (GEO_FENCE_ID_MAX - 8)

/* The letters U+00C0 to U+00FF without their accents; '-' for the two signs among them. */
static const char plain_letters[] =
    "aaaaaaaceeeeiiiidnooooo-ouuuuytsaaaaaaaceeeeiiiidnooooo-ouuuuyty";

/* The next character of a UTF-8 name as a letter, a digit, or '-' for all else. */
static char next_letter(const unsigned char **at)
{
    unsigned char c = **at;
    (*at)++;
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
        return (char)c;
    }
    if (c == 0xc3 && (**at & 0xc0) == 0x80) {
        char letter = plain_letters[**at & 0x3f];
        (*at)++;
        return letter;
    }
    return '-';
}

static void slug_of(const char *name, char slug[SLUG_MAX + 1])
{
    const unsigned char *at = (const unsigned char *)name;
    size_t size = 0;
    while (*at != '\0' && size < SLUG_MAX) {
        char letter = next_letter(&at);
        if (letter != '-' || (size > 0 && slug[size - 1] != '-')) {
            slug[size] = letter;
            size++;
        }
    }
    while (size > 0 && slug[size - 1] == '-') {
        size--;
    }
    slug[size] = '\0';
    if (size == 0) {
        (void)snprintf(slug, SLUG_MAX + 1, "fence");
    }
}

static geo_err is_taken(catalog_db *db, const char *sql, const char *id, bool *taken, geo_why *why)
{
    db_query query = db_begin(db, sql);
    db_text(&query, id);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        *taken = db_column_i64(&query, 0) != 0;
    }
    db_end(&query);
    return err;
}

static geo_err number_taken(catalog_db *db, const char *sql, const char *slug, uint32_t number,
                            bool *taken, geo_why *why)
{
    char id[GEO_FENCE_ID_MAX + 1];
    (void)snprintf(id, sizeof id, "%s-%u", slug, (unsigned)number);
    return is_taken(db, sql, id, taken, why);
}

/* Thousands of nameless fences may come in one import, so the first free number is looked for by
 * doubling and halving. */
static geo_err free_number(catalog_db *db, const char *sql, const char *slug, uint32_t *number,
                           geo_why *why)
{
    uint32_t low = 1;
    uint32_t high = 2;
    bool taken = true;
    geo_err err = number_taken(db, sql, slug, high, &taken, why);
    while (err == GEO_OK && taken) {
        low = high;
        high *= 2;
        err = number_taken(db, sql, slug, high, &taken, why);
    }
    while (err == GEO_OK && high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        err = number_taken(db, sql, slug, middle, &taken, why);
        low = taken ? middle : low;
        high = taken ? high : middle;
    }
    *number = high;
    return err;
}

geo_err id_from_name(catalog_db *db, const char *name, const char *taken_sql,
                     char id[GEO_FENCE_ID_MAX + 1], geo_why *why)
{
    char slug[SLUG_MAX + 1];
    slug_of(name, slug);
    bool taken = false;
    uint32_t number = 0;
    geo_err err = is_taken(db, taken_sql, slug, &taken, why);
    if (err == GEO_OK && taken) {
        err = free_number(db, taken_sql, slug, &number, why);
    }
    if (err == GEO_OK && taken) {
        (void)snprintf(id, GEO_FENCE_ID_MAX + 1, "%s-%u", slug, (unsigned)number);
    } else {
        (void)snprintf(id, GEO_FENCE_ID_MAX + 1, "%s", slug);
    }
    return err;
}
