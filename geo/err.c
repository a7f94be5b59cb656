/* geo/err.c - texts of the error codes. */
#include "geo/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *geo_err_text(geo_err err)
{
    switch (err) {
#define GEO_ERR_CASE(name, text)                                                                   \
    case name:                                                                                     \
        return text;
        GEO_ERR_LIST(GEO_ERR_CASE)
#undef GEO_ERR_CASE
    }
    return "unknown error";
}

geo_err geo_why_set(geo_why *why, geo_err err, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return err;
}
