/* json_in.c - JSON from outside, looked at with SQLite's own JSON functions. */
#include "json_in.h"

#include <stdlib.h>
#include <string.h>

#include "geo/rules_fence.h"

/* Bytes that follow the first of a UTF-8 character; -1 when it cannot be a first one. */
static int followers(unsigned char first)
{
    if (first < 0x80) {
        return 0;
    }
    if (first >= 0xc2 && first < 0xe0) {
        return 1;
    }
    if (first >= 0xe0 && first < 0xf0) {
        return 2;
    }
    return first >= 0xf0 && first < 0xf5 ? 3 : -1;
}

bool utf8_valid(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    for (size_t i = 0; i < size;) {
        int count = followers(at[i]);
        if (count < 0 || (size_t)count > size - i - 1 || at[i] == 0) {
            return false;
        }
        for (int k = 1; k <= count; k++) {
            if ((at[i + (size_t)k] & 0xc0) != 0x80) {
                return false;
            }
        }
        /* Overlong forms, surrogates, and what lies beyond Unicode. */
        if (count > 1) {
            unsigned char second = at[i + 1];
            if ((at[i] == 0xe0 && second < 0xa0) || (at[i] == 0xed && second > 0x9f) ||
                (at[i] == 0xf0 && second < 0x90) || (at[i] == 0xf4 && second > 0x8f)) {
                return false;
            }
        }
        i += (size_t)count + 1;
    }
    return true;
}

bool text_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return utf8_valid(text, size);
}

/* SQLite cuts a text off at U+0000 without a word, so it must not get that far. */
static bool has_nul_escape(const char *text, size_t size)
{
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] != '\\') {
            continue;
        }
        i++; /* whatever follows a backslash is not the beginning of an escape */
        if (size - i >= 5 && memcmp(text + i, "u0000", 5) == 0) {
            return true;
        }
    }
    return false;
}

geo_err json_check_text(const char *text, size_t size, size_t size_max, geo_why *why)
{
    if (size > size_max) {
        return geo_why_set(why, GEO_TOO_BIG, "more than %zu bytes", size_max);
    }
    if (!utf8_valid(text, size)) {
        return geo_why_set(why, GEO_SYNTAX, "not UTF-8");
    }
    if (has_nul_escape(text, size)) {
        return geo_why_set(why, GEO_SYNTAX, "a text with \\u0000 in it");
    }
    return GEO_OK;
}

static const json_member *find_member(const json_member *members, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static bool kind_named(json_kind kind, const char *name)
{
    static const char *const names[] = {"null", "true",  "integer", "real",
                                        "text", "array", "object"};
    return strcmp(names[kind], name) == 0 || (kind == JSON_BOOL && strcmp(name, "false") == 0);
}

static geo_err check_items(catalog_db *db, const char *array, const json_member *member,
                           geo_why *why)
{
    db_query query = db_begin(db, "SELECT atom, type FROM json_each(?)");
    db_text(&query, array);
    int64_t count = 0;
    bool row = false;
    geo_err err = GEO_OK;
    while (err == GEO_OK && (err = db_step(&query, &row, why)) == GEO_OK && row) {
        size_t size = 0;
        const char *text = db_column_text(&query, 0, &size);
        count++;
        if (strcmp(db_column_text(&query, 1, NULL), "text") != 0 || size == 0 ||
            size > GEO_GROUP_NAME_MAX || !text_plain(text, size)) {
            err = geo_why_set(why, GEO_INVALID,
                              "%s[%lld] is not a text of 1 to %d bytes without control characters",
                              member->name, (long long)(count - 1), GEO_GROUP_NAME_MAX);
        } else if (count > member->max) {
            err = geo_why_set(why, GEO_TOO_BIG, "%s has more than %lld items", member->name,
                              (long long)member->max);
        }
    }
    return db_finish(&query, err, why);
}

/* Columns: key, type, atom, value. */
static geo_err check_member(catalog_db *db, db_query *query, const json_member *member,
                            geo_why *why)
{
    size_t size = 0;
    const char *type = db_column_text(query, 1, NULL);
    if (!kind_named(member->kind, type)) {
        static const char *const names[] = {"null",   "true or false", "a whole number", "a number",
                                            "a text", "a list",        "an object"};
        return geo_why_set(why, GEO_INVALID, "%s is not %s", member->name, names[member->kind]);
    }
    if (member->kind == JSON_INTEGER) {
        int64_t value = db_column_i64(query, 2);
        if (value < member->min || value > member->max) {
            return geo_why_set(why, GEO_INVALID, "%s is not between %lld and %lld", member->name,
                               (long long)member->min, (long long)member->max);
        }
    }
    if (member->kind == JSON_TEXT) {
        const char *text = db_column_text(query, 2, &size);
        if ((int64_t)size < member->min || (int64_t)size > member->max || !text_plain(text, size)) {
            return geo_why_set(why, GEO_INVALID,
                               "%s is not a text of %lld to %lld bytes without control characters",
                               member->name, (long long)member->min, (long long)member->max);
        }
    }
    if (member->kind == JSON_ARRAY) {
        return check_items(db, db_column_text(query, 3, NULL), member, why);
    }
    return GEO_OK;
}

static geo_err check_members(catalog_db *db, const char *text, size_t size,
                             const json_member *members, size_t member_count, geo_why *why)
{
    db_query query = db_begin(db, "SELECT key, type, atom, value FROM json_each(?)");
    db_text_sized(&query, text, size);
    uint64_t seen = 0;
    bool row = false;
    geo_err err = GEO_OK;
    while (err == GEO_OK && (err = db_step(&query, &row, why)) == GEO_OK && row) {
        const char *name = db_column_text(&query, 0, NULL);
        const json_member *member = find_member(members, member_count, name);
        if (query.code != SQLITE_OK) {
            break;
        }
        if (member == NULL) {
            err = geo_why_set(why, GEO_INVALID, "there is no \"%.64s\" to set", name);
        } else if ((seen >> (member - members) & 1) != 0) {
            err = geo_why_set(why, GEO_INVALID, "%s is there twice", member->name);
        } else if (strcmp(db_column_text(&query, 1, NULL), "null") != 0) {
            err = check_member(db, &query, member, why);
        }
        if (member != NULL) {
            seen |= UINT64_C(1) << (member - members);
        }
    }
    return db_finish(&query, err, why);
}

geo_err json_check_is_object(catalog_db *db, const char *text, size_t size, size_t size_max,
                             geo_why *why)
{
    geo_err err = json_check_text(text, size, size_max, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'object'"
                                  " ELSE 0 END");
    db_text_sized(&query, text, size);
    err = db_one(&query, why);
    if (err == GEO_OK && db_column_i64(&query, 0) != 1) {
        err = geo_why_set(why, GEO_SYNTAX, "not a JSON object");
    }
    return db_finish(&query, err, why);
}

geo_err json_check_object(catalog_db *db, const char *text, size_t size, size_t size_max,
                          const json_member *members, size_t member_count, geo_why *why)
{
    geo_err err = json_check_is_object(db, text, size, size_max, why);
    return err == GEO_OK ? check_members(db, text, size, members, member_count, why) : err;
}

geo_err json_lines(catalog_db *db, const char *array, char **lines, geo_why *why)
{
    db_query query = db_begin(db, "SELECT coalesce(group_concat(value, char(10)), '') FROM"
                                  " (SELECT DISTINCT value FROM json_each(?) ORDER BY value)");
    db_text(&query, array);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK) {
        char *text = strdup(db_column_text(&query, 0, NULL));
        if (text == NULL) {
            err = geo_why_set(why, GEO_NO_MEMORY, "out of memory");
        }
        *lines = text;
    }
    return db_finish(&query, err, why);
}
