/* geo/err.h - what can go wrong in geo/, which stands alone and so has its own codes. */
#ifndef GEO_ERR_H
#define GEO_ERR_H

#define GEO_MUST_USE __attribute__((warn_unused_result))

/* name, text for a person */
#define GEO_ERR_LIST(X)                                                                            \
    X(GEO_OK, "no error")                                                                          \
    X(GEO_NO_MEMORY, "out of memory")                                                              \
    X(GEO_TOO_BIG, "above a limit")                                                                \
    X(GEO_INVALID, "not a valid shape")                                                            \
    X(GEO_RANGE, "a coordinate is out of range")                                                   \
    X(GEO_POLE, "the shape contains a pole")                                                       \
    X(GEO_NOT_FOUND, "not found")                                                                  \
    X(GEO_EXISTS, "exists already")                                                                \
    X(GEO_SYNTAX, "not well formed")                                                               \
    X(GEO_CONFLICT, "changed by someone else meanwhile")                                           \
    X(GEO_GONE, "no longer kept")                                                                  \
    X(GEO_IO, "input or output failed")                                                            \
    X(GEO_NO_SPACE, "no space left on the disk")                                                   \
    X(GEO_CORRUPT, "damaged data")                                                                 \
    X(GEO_TOO_NEW, "written by a newer version")                                                   \
    X(GEO_LOCKED, "in use by another process")

typedef enum geo_err {
#define GEO_ERR_ENUM(name, text) name,
    GEO_ERR_LIST(GEO_ERR_ENUM)
#undef GEO_ERR_ENUM
} geo_err;

/* The text of an error, for a person. Never NULL; static. */
const char *geo_err_text(geo_err err);

#define GEO_WHY_MAX 256

/* What, where and what to do about it: filled in by functions that fail on a person's input. */
typedef struct geo_why {
    char text[GEO_WHY_MAX];
} geo_why;

/* Write the detail, if why is not NULL, and return err, so that a failure is one line. */
geo_err geo_why_set(geo_why *why, geo_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
