/* base/err.c - names and texts of errors. */
#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *hr_err_name(hr_err err)
{
    switch (err) {
#define HR_ERR_NAME(code, name, text)                                                              \
    case code:                                                                                     \
        return name;
        HR_ERR_LIST(HR_ERR_NAME)
#undef HR_ERR_NAME
    }
    return "unknown";
}

const char *hr_err_text(hr_err err)
{
    switch (err) {
#define HR_ERR_TEXT(code, name, text)                                                              \
    case code:                                                                                     \
        return text;
        HR_ERR_LIST(HR_ERR_TEXT)
#undef HR_ERR_TEXT
    }
    return "unknown error";
}

/* ---- what lies behind the sentence ----
 * Texts one after the other, each with its end: the reason, then each value as "name=text" or
 * "name#number", then an empty one. So a why is copied and cleared as the one array that it is. */

#define REASON_BYTES_MAX 200 /* reason and values */
#define SENTENCE_BYTES_MAX (HR_WHY_MAX - REASON_BYTES_MAX - 2)

static void forget_reason(hr_why *why)
{
    size_t size = strlen(why->text);
    if (size + 1 < sizeof why->text) {
        why->text[size + 1] = '\0';
    }
}

/* Behind what was added last: the place of the empty text. */
static size_t reason_end(const hr_why *why)
{
    size_t at = strlen(why->text) + 1;
    while (at < sizeof why->text - 1 && why->text[at] != '\0') {
        at += strlen(why->text + at) + 1;
    }
    return at;
}

static void add_behind(hr_why *why, const char *name, char sign, const char *text)
{
    size_t at = reason_end(why);
    int size = snprintf(NULL, 0, "%s%c%s", name, sign, text);
    /* What has no room is left out whole: half a value would be a wrong one. */
    if (size > 0 && at + (size_t)size + 2 <= sizeof why->text) {
        snprintf(why->text + at, sizeof why->text - at, "%s%c%s", name, sign, text);
        why->text[at + (size_t)size + 1] = '\0';
    }
}

void hr_why_reason(hr_why *why, const char *reason)
{
    if (why == NULL) {
        return;
    }
    if (strlen(why->text) > SENTENCE_BYTES_MAX) {
        why->text[SENTENCE_BYTES_MAX] = '\0';
    }
    forget_reason(why);
    size_t at = strlen(why->text) + 1;
    snprintf(why->text + at, sizeof why->text - at - 1, "%s", reason);
    why->text[at + strlen(why->text + at) + 1] = '\0';
}

void hr_why_number(hr_why *why, const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    if (why != NULL) {
        add_behind(why, name, '#', text);
    }
}

void hr_why_text(hr_why *why, const char *name, const char *text)
{
    if (why != NULL) {
        add_behind(why, name, '=', text);
    }
}

const char *hr_why_reason_of(const hr_why *why)
{
    size_t size = strlen(why->text);
    /* An empty why may be one that was cleared by its first byte. */
    return size > 0 && size + 1 < sizeof why->text ? why->text + size + 1 : "";
}

bool hr_why_next_value(const hr_why *why, size_t *at, hr_why_value *value)
{
    const char *reason = hr_why_reason_of(why);
    if (reason[0] == '\0') {
        return false;
    }
    if (*at == 0) {
        *at = (size_t)(reason - why->text) + strlen(reason) + 1;
    }
    const char *text = why->text + *at;
    size_t name_size = strcspn(text, "=#");
    if (*at >= sizeof why->text || text[0] == '\0' || text[name_size] == '\0') {
        return false;
    }
    *value = (hr_why_value){.name = text,
                            .name_size = name_size,
                            .is_number = text[name_size] == '#',
                            .text = text + name_size + 1};
    *at += strlen(text) + 1;
    return true;
}

/* ---- the sentence ---- */

hr_err hr_why_set(hr_why *why, hr_err err, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
        forget_reason(why);
    }
    return err;
}

hr_err hr_why_errno(hr_why *why, int errno_value, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        int used = vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof why->text) {
            snprintf(why->text + used, sizeof why->text - (size_t)used, ": %s",
                     strerrordesc_np(errno_value) != NULL ? strerrordesc_np(errno_value)
                                                          : "unknown system error");
        }
        forget_reason(why);
    }
    return hr_err_from_errno(errno_value);
}

hr_err hr_err_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return HR_OK;
    case ENOSPC:
    case EDQUOT:
        return HR_NO_SPACE;
    case EACCES:
    case EPERM:
        return HR_DENIED;
    case ENOENT:
        return HR_NOT_FOUND;
    case ENOMEM:
        return HR_NO_MEMORY;
    case EEXIST:
        return HR_EXISTS;
    default:
        return HR_IO;
    }
}
