/* base/err.c - names and texts of errors. */
#include "base/err.h"

#include <errno.h>
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

hr_err hr_why_set(hr_why *why, hr_err err, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
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
