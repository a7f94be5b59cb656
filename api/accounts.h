/* api/accounts.h - users, their sessions and tokens, and who did what: DATA/accounts.db.
 *
 * Passwords are argon2id; secrets are random and stored as hashes only. What is asked on every
 * request is answered from memory. Threads: every function from any thread; those marked BLOCKS
 * write to the disk or hash a password, so the service thread must not call them. */
#ifndef API_ACCOUNTS_H
#define API_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "request.h"

#define ACCOUNTS_USERS_MAX 256        /* HR_TOO_BIG above */
#define ACCOUNTS_TOKENS_MAX 1024      /* HR_TOO_BIG above */
#define ACCOUNTS_SESSIONS_MAX 1024    /* the oldest one ends */
#define ACCOUNTS_AUDIT_ROWS_MAX 50000 /* the oldest ones go */
#define ACCOUNTS_PASSWORD_MIN 8
#define ACCOUNTS_PASSWORD_MAX 256
#define ACCOUNTS_TOKEN_NAME_MAX 64
#define ACCOUNTS_SECRET_SIZE 44 /* 32 random bytes as text, and a terminator */
#define ACCOUNTS_SESSION_MS (30 * INT64_C(86400000))
#define ACCOUNTS_ROTATE_MS INT64_C(86400000)
#define ACCOUNTS_ROTATE_GRACE_MS INT64_C(60000)
#define ACCOUNTS_NEVER INT64_MAX /* as an expiry */

typedef struct accounts accounts;

/* *out is closed with accounts_close. BLOCKS. */
HR_MUST_USE hr_err accounts_open(const char *path, const hr_clock *clock, accounts **out,
                                 hr_why *why);
void accounts_close(accounts *accounts);

bool accounts_has_owner(accounts *accounts);

/* A code that becomes the owner's session once: by setup while there is no owner, by login after.
 * A new code ends the one before, and so does whatever changes, adds or removes a user. BLOCKS. */
HR_MUST_USE hr_err accounts_owner_link(accounts *accounts, char code[ACCOUNTS_SECRET_SIZE],
                                       hr_why *why);

/* The first owner. code: "" is enough for a caller on this machine. BLOCKS.
 * HR_EXISTS: there is one. HR_DENIED: a wrong code, or one is needed. HR_INVALID: the name or
 * password breaks a rule (why says which). */
HR_MUST_USE hr_err accounts_setup(accounts *accounts, const char *user, const char *password,
                                  const char *code, bool is_local, hr_why *why);

/* A new session. BLOCKS. HR_DENIED: wrong. HR_TIMEOUT: too many failures, come back in
 * *retry_after_s. HR_NO_MEMORY: it could not be checked. */
HR_MUST_USE hr_err accounts_login(accounts *accounts, const char *user, const char *password,
                                  const char *peer, char session[ACCOUNTS_SECRET_SIZE],
                                  int *retry_after_s, hr_why *why);
HR_MUST_USE hr_err accounts_login_by_code(accounts *accounts, const char *code, const char *peer,
                                          char session[ACCOUNTS_SECRET_SIZE], char *user,
                                          int *retry_after_s, hr_why *why);

/* BLOCKS. */
HR_MUST_USE hr_err accounts_logout(accounts *accounts, const char *session, hr_why *why);

/* Replace a session older than ACCOUNTS_ROTATE_MS by a new one; *rotated says whether. The old one
 * is good for ACCOUNTS_ROTATE_GRACE_MS more: an answer may be lost on the way, and other requests
 * of the same page may be on theirs. BLOCKS. */
HR_MUST_USE hr_err accounts_rotate(accounts *accounts, const char *session,
                                   char fresh[ACCOUNTS_SECRET_SIZE], bool *rotated, hr_why *why);

/* Who a secret belongs to; false when nobody. Never blocks on the disk. */
bool accounts_by_session(accounts *accounts, const char *session, api_caller *caller);
bool accounts_by_token(accounts *accounts, const char *token, api_caller *caller);

/* Make a user. BLOCKS. HR_EXISTS: there is one of that name. HR_INVALID: see accounts_setup(). */
HR_MUST_USE hr_err accounts_user_add(accounts *accounts, const char *user, const char *password,
                                     api_role role, hr_why *why);

/* Change a user: password NULL keeps it, *role API_ROLE_NONE keeps the role and is told it. A new
 * password or role ends the user's sessions. BLOCKS.
 * HR_CONFLICT: the last owner would be none. HR_NOT_FOUND: there is no such user. */
HR_MUST_USE hr_err accounts_user_change(accounts *accounts, const char *user, const char *password,
                                        api_role *role, hr_why *why);
HR_MUST_USE hr_err accounts_user_remove(accounts *accounts, const char *user, hr_why *why);

/* Check a password again before something grave, throttled as a login. BLOCKS. */
HR_MUST_USE hr_err accounts_check_password(accounts *accounts, const char *user,
                                           const char *password, const char *peer,
                                           int *retry_after_s, hr_why *why);

/* The secret is told this once. role is at most the user's own, also later. BLOCKS. */
HR_MUST_USE hr_err accounts_token_add(accounts *accounts, const char *user, const char *name,
                                      api_role role, int64_t expires_ms,
                                      char token[ACCOUNTS_SECRET_SIZE], int64_t *id, hr_why *why);

/* user "": whoever's it is. BLOCKS. */
HR_MUST_USE hr_err accounts_token_remove(accounts *accounts, int64_t id, const char *user,
                                         hr_why *why);

/* A secret for the programs of whoever may read the data folder: an owner's token by the name
 * ACCOUNTS_LOCAL_USER, which lives as long as this process. A new one ends the one before. */
#define ACCOUNTS_LOCAL_USER "local"
void accounts_make_local(accounts *accounts, char token[ACCOUNTS_SECRET_SIZE]);

/* ---- lists ---- */

typedef struct accounts_user {
    char name[HR_USER_ID_MAX + 1];
    api_role role;
    int64_t created_ms;
} accounts_user;

typedef struct accounts_token {
    int64_t id;
    char name[ACCOUNTS_TOKEN_NAME_MAX + 1];
    char user[HR_USER_ID_MAX + 1];
    api_role role;
    int64_t created_ms;
    int64_t expires_ms;
} accounts_token;

/* Under the tables' lock: visit must be quick and call nothing of this module. */
typedef void accounts_user_visitor(const accounts_user *user, void *context);
typedef void accounts_token_visitor(const accounts_token *token, void *context);
void accounts_each_user(accounts *accounts, accounts_user_visitor *visit, void *context);
void accounts_each_token(accounts *accounts, accounts_token_visitor *visit, void *context);

/* ---- audit ---- */

typedef struct accounts_deed {
    int64_t id;
    int64_t time_ms;
    const char *user;
    const char *peer;
    const char *action;  /* "fence.change" */
    const char *subject; /* what it was done to; "" if nothing */
} accounts_deed;

/* Remember that somebody did something. A failure is logged, not returned: what was done is done.
 * BLOCKS. */
void accounts_audit(accounts *accounts, const char *user, const char *peer, const char *action,
                    const char *subject);

/* Newest first, ids below before. BLOCKS. */
typedef void accounts_deed_visitor(const accounts_deed *deed, void *context);
HR_MUST_USE hr_err accounts_each_deed(accounts *accounts, int64_t before, int64_t limit,
                                      accounts_deed_visitor *visit, void *context, hr_why *why);

#endif
