/* api/field.c - finds the member that a complaint is about in the words of the complaint. */
#include "field.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Words by which messages name a member, and the member. */
static const struct {
    const char *word;
    const char *field;
} field_words[] = {
    {"geometry", "geometry"},
    {"ring", "geometry"},
    {"coordinates", "geometry"},
    {"vertices", "geometry"},
    {"vertex", "geometry"},
    {"shape", "geometry"},
    {"circle", "geometry"},
    {"center", "geometry"},
    {"pole", "geometry"},
    {"area", "geometry"},
    {"radius_m", "radius_m"},
    {"width_m", "width_m"},
    {"approach_m", "approach_m"},
    {"dwell_s", "dwell_s"},
    {"stale_after_s", "stale_after_s"},
    {"confirm_fixes", "confirm_fixes"},
    {"intent", "intent"},
    {"groups", "groups"},
    {"name", "name"},
    {"color", "color"},
    {"geodesic", "geodesic"},
    {"expires_at", "expires_at"},
    {"schedule", "schedule"},
    {"schedules", "schedule"},
    {"week", "schedule"},
    {"time zone", "schedule"},
    {"type", "type"},
    {"id", "id"},
    {"properties", "properties"},
    {"features", "features"},
    {"feature", "features"},
    {"revision", "revision"},
    {"max_accuracy_m", "max_accuracy_m"},
    {"max_gap_s", "max_gap_s"},
    {"max_speed_mps", "max_speed_mps"},
    {"alert_max_age_s", "alert_max_age_s"},
    {"tz", "tz"},
    {"user", "user"},
    {"password", "password"},
};

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Where the word stands by itself; SIZE_MAX: nowhere. */
static size_t find_word(const char *text, const char *word)
{
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool is_begin = at == text || !is_word_byte(at[-1]);
        if (is_begin && !is_word_byte(at[strlen(word)])) {
            return (size_t)(at - text);
        }
    }
    return SIZE_MAX;
}

/* What is not known is named by itself: `there is no "bogus" to set`. */
static bool find_unknown(const char *text, char field[API_FIELD_SIZE])
{
    static const char begin[] = "there is no \"";
    const char *name = strstr(text, begin);
    const char *end = name != NULL ? strstr(name, "\" to set") : NULL;
    if (end == NULL) {
        return false;
    }
    name += sizeof begin - 1;
    snprintf(field, API_FIELD_SIZE, "%.*s", (int)(end - name), name);
    return true;
}

bool api_field_of(const char *text, char field[API_FIELD_SIZE])
{
    size_t first = SIZE_MAX;
    if (find_unknown(text, field)) {
        return true;
    }
    for (size_t i = 0; i < sizeof field_words / sizeof field_words[0]; i++) {
        size_t at = find_word(text, field_words[i].word);
        if (at < first) {
            first = at;
            snprintf(field, API_FIELD_SIZE, "%s", field_words[i].field);
        }
    }
    return first != SIZE_MAX;
}
