/* base/err.h - the one error enum of the program, and the detail that travels to a person. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HR_MUST_USE __attribute__((warn_unused_result))

/* code, short name as the outside sees it, text for a person */
#define HR_ERR_LIST(X)                                                                             \
    X(HR_OK, "ok", "no error")                                                                     \
    X(HR_NO_MEMORY, "no_memory", "out of memory")                                                  \
    X(HR_TOO_BIG, "too_big", "above a limit")                                                      \
    X(HR_INVALID, "invalid", "not valid")                                                          \
    X(HR_NOT_FOUND, "not_found", "not found")                                                      \
    X(HR_EXISTS, "exists", "exists already")                                                       \
    X(HR_LOCKED, "locked", "in use by another process")                                            \
    X(HR_DENIED, "denied", "not allowed")                                                          \
    X(HR_IO, "io", "input or output failed")                                                       \
    X(HR_NO_SPACE, "no_space", "no space left on the disk")                                        \
    X(HR_CORRUPT, "corrupt", "damaged data")                                                       \
    X(HR_TOO_NEW, "too_new", "written by a newer version")                                         \
    X(HR_GONE, "gone", "no longer kept")                                                           \
    X(HR_CONFLICT, "conflict", "changed by someone else meanwhile")                                \
    X(HR_SEQUENCE, "sequence", "a sequence number out of order")                                   \
    X(HR_TIMEOUT, "timeout", "took too long")                                                      \
    X(HR_CLOSED, "closed", "closed")                                                               \
    X(HR_UNSUPPORTED, "unsupported", "not supported")

typedef enum hr_err {
#define HR_ERR_ENUM(code, name, text) code,
    HR_ERR_LIST(HR_ERR_ENUM)
#undef HR_ERR_ENUM
} hr_err;

/* Static texts; never NULL, whatever the code. */
const char *hr_err_name(hr_err err);
const char *hr_err_text(hr_err err);

#define HR_WHY_MAX 512

/* What, where and what to do about it. Callers pass NULL when nobody will read it.
 * The sentence is English. For whoever words it in another language a case may have a name that
 * never changes, and values; they lie behind the sentence's end: see hr_why_reason(). */
typedef struct hr_why {
    char text[HR_WHY_MAX];
} hr_why;

/* Write the detail, if why is not NULL, and return err, so that a failure is one line. */
hr_err hr_why_set(hr_why *why, hr_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Name the case, after hr_why_set(), which forgets name and values; then add values. name and
 * reason are plain words of ours. Where there is no room the sentence's end gives way. */
void hr_why_reason(hr_why *why, const char *reason);
void hr_why_number(hr_why *why, const char *name, int64_t number);
void hr_why_text(hr_why *why, const char *name, const char *text);

/* The case's name; "": it has none. Valid as long as the why. */
const char *hr_why_reason_of(const hr_why *why);

typedef struct hr_why_value {
    const char *name; /* name_size bytes */
    size_t name_size;
    bool is_number;   /* else a text */
    const char *text; /* also of a number, which is an int64_t */
} hr_why_value;

/* The case's values from first to last; at begins as 0. False: there are no more. */
bool hr_why_next_value(const hr_why *why, size_t *at, hr_why_value *value);

/* The same for a system call that failed: maps errno_value to a code and appends its text. */
hr_err hr_why_errno(hr_why *why, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ENOSPC and EDQUOT: HR_NO_SPACE. EACCES and EPERM: HR_DENIED. ENOENT: HR_NOT_FOUND. ENOMEM:
 * HR_NO_MEMORY. EEXIST: HR_EXISTS. All else: HR_IO. */
hr_err hr_err_from_errno(int errno_value);

#endif
