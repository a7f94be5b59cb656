/* api/accounts_change.c - everything that changes accounts.db: one writer, then the memory. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "accounts_parts.h"
#include "base/id.h"
#include "base/logline.h"

/* For names and passwords; password NULL: none is set. */
static hr_err check_rules(const char *user, const char *password, hr_why *why)
{
    if (!hr_user_id_is_valid(user, strlen(user))) {
        hr_why_set(why, HR_INVALID,
                   "a user's name has 1 to %d letters, digits, dots, dashes or underscores "
                   "and begins with a letter or digit",
                   HR_USER_ID_MAX);
        hr_why_reason(why, "user.name");
        hr_why_number(why, "max", HR_USER_ID_MAX);
        return HR_INVALID;
    }
    size_t size = password != NULL ? strlen(password) : ACCOUNTS_PASSWORD_MIN;
    if (size < ACCOUNTS_PASSWORD_MIN || size > ACCOUNTS_PASSWORD_MAX) {
        hr_why_set(why, HR_INVALID, "a password has %d to %d characters", ACCOUNTS_PASSWORD_MIN,
                   ACCOUNTS_PASSWORD_MAX);
        hr_why_reason(why, "user.password");
        hr_why_number(why, "min", ACCOUNTS_PASSWORD_MIN);
        hr_why_number(why, "max", ACCOUNTS_PASSWORD_MAX);
        return HR_INVALID;
    }
    return HR_OK;
}

static hr_err hash_password(const char *password, char hash[ACCOUNTS_PASSWORD_HASH_MAX],
                            hr_why *why)
{
    _Static_assert(ACCOUNTS_PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "libsodium's text fits");
    if (crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        return hr_why_set(why, HR_NO_MEMORY, "not enough memory to hash a password (64 MiB)");
    }
    return HR_OK;
}

hr_err accounts_add_session(accounts *accounts, const char *user,
                            char session[ACCOUNTS_SECRET_SIZE], hr_why *why)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    int64_t now_ms = hr_clock_now_ms(accounts->clock);
    accounts_make_secret(session);
    accounts_hash_secret(session, hash);
    hr_err err = accounts_db_run(accounts->db, why, "INSERT INTO session VALUES (?, ?, ?, ?)",
                                 "btii", hash, user, now_ms, now_ms + ACCOUNTS_SESSION_MS);
    if (err == HR_OK) {
        err = accounts_db_run(accounts->db, why,
                              "DELETE FROM session WHERE expires_ms <= ? OR hash IN (SELECT hash "
                              "FROM session ORDER BY created_ms DESC LIMIT -1 OFFSET ?)",
                              "ii", now_ms, (int64_t)ACCOUNTS_SESSIONS_MAX);
    }
    return err;
}

hr_err accounts_owner_link(accounts *accounts, char code[ACCOUNTS_SECRET_SIZE], hr_why *why)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    accounts_make_secret(code);
    accounts_hash_secret(code, hash);
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err = accounts_db_run(accounts->db, why,
                                 "INSERT OR REPLACE INTO meta VALUES ('owner_code', ?)", "b", hash);
    pthread_mutex_unlock(&accounts->write_lock);
    return err;
}

static void note_row(sqlite3_stmt *row, void *context)
{
    (void)row;
    *(bool *)context = true;
}

/* Is the code the one made last? Used up if so. Within a change. */
static hr_err use_code(accounts *accounts, const char *code, hr_why *why)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    bool right = false;
    accounts_hash_secret(code, hash);
    hr_err err = accounts_db_each(accounts->db, note_row, &right, why,
                                  "DELETE FROM meta WHERE key = 'owner_code' AND value = ? "
                                  "RETURNING 1",
                                  "b", hash);
    if (err == HR_OK && !right) {
        hr_why_set(why, HR_DENIED, "this link is wrong or was used before");
        hr_why_reason(why, "link.used");
        return HR_DENIED;
    }
    return err;
}

/* Who is who changes: a link that was made before that ends too. */
static hr_err end_code(accounts *accounts, hr_why *why)
{
    return accounts_db_run(accounts->db, why, "DELETE FROM meta WHERE key = 'owner_code'", "");
}

/* Within a change. */
static hr_err put_user(accounts *accounts, const char *user, const char *password_hash,
                       api_role role, hr_why *why)
{
    hr_err err = accounts_db_run(accounts->db, why,
                                 "INSERT INTO user VALUES (?, ?, ?, ?) ON CONFLICT(name) DO UPDATE "
                                 "SET role = excluded.role, password = excluded.password",
                                 "ttti", user, api_role_text(role), password_hash,
                                 hr_clock_now_ms(accounts->clock));
    if (err == HR_OK) {
        err = accounts_db_run(accounts->db, why, "DELETE FROM session WHERE user = ?", "t", user);
    }
    return err == HR_OK ? end_code(accounts, why) : err;
}

hr_err accounts_setup(accounts *accounts, const char *user, const char *password, const char *code,
                      bool is_local, hr_why *why)
{
    char hash[ACCOUNTS_PASSWORD_HASH_MAX];
    if (accounts_has_owner(accounts)) {
        return hr_why_set(why, HR_EXISTS, "there is an owner already; log in instead");
    }
    if (code[0] == 0 && !is_local) {
        hr_why_set(why, HR_DENIED,
                   "from another machine this needs the one-time link that the service "
                   "wrote to its log when it started");
        hr_why_reason(why, "setup.remote");
        return HR_DENIED;
    }
    hr_err err = check_rules(user, password, why);
    if (err == HR_OK) {
        err = hash_password(password, hash, why);
    }
    if (err != HR_OK) {
        return err;
    }
    pthread_mutex_lock(&accounts->write_lock);
    /* Asked again under the lock: two may try at once. */
    err = accounts_has_owner(accounts) ? hr_why_set(why, HR_EXISTS, "there is an owner already")
                                       : accounts_begin(accounts, why);
    if (err == HR_OK) {
        err = code[0] != 0 ? use_code(accounts, code, why) : HR_OK;
        err = err == HR_OK ? put_user(accounts, user, hash, API_ROLE_OWNER, why) : err;
        err = accounts_end(accounts, err, why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    sodium_memzero(hash, sizeof hash);
    return err;
}

static hr_err first_owner(accounts *accounts, char *name, hr_why *why)
{
    hr_err err = hr_why_set(why, HR_DENIED, "there is no owner yet; set up first");
    pthread_mutex_lock(&accounts->table_lock);
    for (uint32_t i = 0; i < accounts->tables->user_count && err != HR_OK; i++) {
        const accounts_user *user = &accounts->tables->users[i].user;
        if (user->role == API_ROLE_OWNER) {
            memcpy(name, user->name, sizeof user->name);
            err = HR_OK;
        }
    }
    pthread_mutex_unlock(&accounts->table_lock);
    return err;
}

hr_err accounts_login_by_code(accounts *accounts, const char *code, const char *peer,
                              char session[ACCOUNTS_SECRET_SIZE], char *user, int *retry_after_s,
                              hr_why *why)
{
    *retry_after_s = throttle_wait_s(&accounts->throttle, "", peer);
    if (*retry_after_s > 0) {
        return hr_why_set(why, HR_TIMEOUT, "too many wrong tries; wait %d s", *retry_after_s);
    }
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err = first_owner(accounts, user, why);
    if (err != HR_OK) {
        pthread_mutex_unlock(&accounts->write_lock);
        return err;
    }
    err = accounts_begin(accounts, why);
    if (err == HR_OK) {
        err = use_code(accounts, code, why);
        err = err == HR_OK ? accounts_add_session(accounts, user, session, why) : err;
        err = accounts_end(accounts, err, why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    if (err == HR_DENIED) {
        throttle_failed(&accounts->throttle, "", peer);
    }
    return err;
}

/* With those of the user that this one has replaced a moment ago. */
static hr_err remove_session(accounts *accounts, const uint8_t hash[ACCOUNTS_HASH_BYTES],
                             hr_why *why)
{
    return accounts_db_run(accounts->db, why,
                           "DELETE FROM session WHERE hash = ? OR (expires_ms <= ? AND user = "
                           "(SELECT user FROM session WHERE hash = ?))",
                           "bib", hash, hr_clock_now_ms(accounts->clock) + ACCOUNTS_ROTATE_GRACE_MS,
                           hash);
}

hr_err accounts_logout(accounts *accounts, const char *session, hr_why *why)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    accounts_hash_secret(session, hash);
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err = accounts_begin(accounts, why);
    if (err == HR_OK) {
        err = accounts_end(accounts, remove_session(accounts, hash, why), why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    return err;
}

/* Whose session it is, if it is old enough to be replaced. */
static bool is_old_session(accounts *accounts, const uint8_t hash[ACCOUNTS_HASH_BYTES],
                           char user[HR_USER_ID_MAX + 1])
{
    int64_t old_ms = hr_clock_now_ms(accounts->clock) - ACCOUNTS_ROTATE_MS;
    bool is_old = false;
    pthread_mutex_lock(&accounts->table_lock);
    for (uint32_t i = 0; i < accounts->tables->session_count && !is_old; i++) {
        const account_session *each = &accounts->tables->sessions[i];
        is_old = each->created_ms <= old_ms && memcmp(each->hash, hash, sizeof each->hash) == 0;
        if (is_old) {
            memcpy(user, each->user, sizeof each->user);
        }
    }
    pthread_mutex_unlock(&accounts->table_lock);
    return is_old;
}

static hr_err let_session_end(accounts *accounts, const uint8_t hash[ACCOUNTS_HASH_BYTES],
                              hr_why *why)
{
    return accounts_db_run(accounts->db, why,
                           "UPDATE session SET expires_ms = min(expires_ms, ?) WHERE hash = ?",
                           "ib", hr_clock_now_ms(accounts->clock) + ACCOUNTS_ROTATE_GRACE_MS, hash);
}

hr_err accounts_rotate(accounts *accounts, const char *session, char fresh[ACCOUNTS_SECRET_SIZE],
                       bool *rotated, hr_why *why)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    char user[HR_USER_ID_MAX + 1];
    accounts_hash_secret(session, hash);
    *rotated = false;
    if (!is_old_session(accounts, hash, user)) {
        return HR_OK;
    }
    hr_err err = HR_OK;
    pthread_mutex_lock(&accounts->write_lock);
    /* Asked again under the lock: it may have ended, and must not live on as a new one. */
    if (is_old_session(accounts, hash, user) && (err = accounts_begin(accounts, why)) == HR_OK) {
        err = accounts_add_session(accounts, user, fresh, why);
        err = err == HR_OK ? let_session_end(accounts, hash, why) : err;
        err = accounts_end(accounts, err, why);
        *rotated = err == HR_OK;
    }
    pthread_mutex_unlock(&accounts->write_lock);
    return err;
}

/* What a user is now and whether another owner stands beside. */
static bool look_up(accounts *accounts, const char *name, account_user *user, bool *has_other_owner)
{
    *has_other_owner = false;
    pthread_mutex_lock(&accounts->table_lock);
    const account_user *found = accounts_find_user(accounts->tables, name);
    bool known = found != NULL;
    if (known) {
        *user = *found;
    }
    for (uint32_t i = 0; i < accounts->tables->user_count; i++) {
        const accounts_user *each = &accounts->tables->users[i].user;
        *has_other_owner |= each->role == API_ROLE_OWNER && strcmp(each->name, name) != 0;
    }
    pthread_mutex_unlock(&accounts->table_lock);
    return known;
}

/* write_lock is held. hash NULL and API_ROLE_NONE keep what there is. */
static hr_err change_user(accounts *accounts, const char *user, const char *hash, api_role *role,
                          hr_why *why)
{
    account_user stored;
    bool has_other_owner = false;
    if (!look_up(accounts, user, &stored, &has_other_owner)) {
        return hr_why_set(why, HR_NOT_FOUND, "there is no user %s", user);
    }
    *role = *role != API_ROLE_NONE ? *role : stored.user.role;
    if (stored.user.role == API_ROLE_OWNER && !has_other_owner && *role != API_ROLE_OWNER) {
        return hr_why_set(why, HR_CONFLICT, "%s is the only owner", user);
    }
    if (hash == NULL && *role == stored.user.role) {
        return HR_OK; /* nothing changes, and nobody is thrown out */
    }
    hr_err err = accounts_begin(accounts, why);
    if (err == HR_OK) {
        err = put_user(accounts, user, hash != NULL ? hash : stored.password, *role, why);
        err = accounts_end(accounts, err, why);
    }
    return err;
}

hr_err accounts_user_change(accounts *accounts, const char *user, const char *password,
                            api_role *role, hr_why *why)
{
    char hash[ACCOUNTS_PASSWORD_HASH_MAX];
    hr_err err = check_rules(user, password, why);
    if (err == HR_OK && password != NULL) {
        err = hash_password(password, hash, why);
    }
    if (err != HR_OK) {
        return err;
    }
    pthread_mutex_lock(&accounts->write_lock);
    err = change_user(accounts, user, password != NULL ? hash : NULL, role, why);
    pthread_mutex_unlock(&accounts->write_lock);
    sodium_memzero(hash, sizeof hash);
    return err;
}

hr_err accounts_user_add(accounts *accounts, const char *user, const char *password, api_role role,
                         hr_why *why)
{
    account_user stored;
    char hash[ACCOUNTS_PASSWORD_HASH_MAX];
    bool has_other_owner = false;
    hr_err err = check_rules(user, password, why);
    if (err == HR_OK) {
        err = hash_password(password, hash, why);
    }
    if (err != HR_OK) {
        return err;
    }
    pthread_mutex_lock(&accounts->write_lock);
    err = look_up(accounts, user, &stored, &has_other_owner)
              ? hr_why_set(why, HR_EXISTS, "there is a user %s already", user)
              : accounts_begin(accounts, why);
    if (err == HR_OK) {
        err = accounts_end(accounts, put_user(accounts, user, hash, role, why), why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    sodium_memzero(hash, sizeof hash);
    return err;
}

hr_err accounts_user_remove(accounts *accounts, const char *user, hr_why *why)
{
    account_user stored;
    bool has_other_owner = false;
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err = HR_OK;
    if (!look_up(accounts, user, &stored, &has_other_owner)) {
        err = hr_why_set(why, HR_NOT_FOUND, "there is no user %s", user);
    } else if (stored.user.role == API_ROLE_OWNER && !has_other_owner) {
        err = hr_why_set(why, HR_CONFLICT, "%s is the only owner", user);
    } else if ((err = accounts_begin(accounts, why)) == HR_OK) {
        err = accounts_db_run(accounts->db, why, "DELETE FROM user WHERE name = ?", "t", user);
        err = accounts_end(accounts, err == HR_OK ? end_code(accounts, why) : err, why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    return err;
}

hr_err accounts_token_add(accounts *accounts, const char *user, const char *name, api_role role,
                          int64_t expires_ms, char token[ACCOUNTS_SECRET_SIZE], int64_t *id,
                          hr_why *why)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    account_user stored;
    bool has_other_owner = false;
    if (name[0] == 0 || strlen(name) > ACCOUNTS_TOKEN_NAME_MAX) {
        return hr_why_set(why, HR_INVALID, "a token's name has 1 to %d characters",
                          ACCOUNTS_TOKEN_NAME_MAX);
    }
    accounts_make_secret(token);
    accounts_hash_secret(token, hash);
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err = HR_OK;
    if (!look_up(accounts, user, &stored, &has_other_owner)) {
        err =
            hr_why_set(why, HR_DENIED,
                       "a token belongs to a user, and there is none named %s: log in first", user);
    } else if (role > stored.user.role) {
        err = hr_why_set(why, HR_DENIED, "a token may not do more than its user");
    } else if (accounts->tables->token_count >= ACCOUNTS_TOKENS_MAX) {
        err = hr_why_set(why, HR_TOO_BIG, "there are %d tokens; remove some", ACCOUNTS_TOKENS_MAX);
    } else if ((err = accounts_begin(accounts, why)) == HR_OK) {
        err = accounts_db_run(accounts->db, why,
                              "INSERT INTO token (hash, name, user, role, created_ms, expires_ms) "
                              "VALUES (?, ?, ?, ?, ?, ?)",
                              "btttii", hash, name, user, api_role_text(role),
                              hr_clock_now_ms(accounts->clock), expires_ms);
        *id = sqlite3_last_insert_rowid(accounts->db);
        err = accounts_end(accounts, err, why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    return err;
}

hr_err accounts_token_remove(accounts *accounts, int64_t id, const char *user, hr_why *why)
{
    bool found = false;
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err = accounts_begin(accounts, why);
    if (err == HR_OK) {
        err = accounts_db_each(accounts->db, note_row, &found, why,
                               "DELETE FROM token WHERE id = ? AND (? = '' OR user = ?) "
                               "RETURNING 1",
                               "itt", id, user, user);
        err = accounts_end(accounts, err, why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    return err == HR_OK && !found ? hr_why_set(why, HR_NOT_FOUND, "there is no such token") : err;
}

void accounts_audit(accounts *accounts, const char *user, const char *peer, const char *action,
                    const char *subject)
{
    hr_why why = {.text = ""};
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err =
        accounts_db_run(accounts->db, &why,
                        "INSERT INTO audit (time_ms, user, peer, action, subject) "
                        "VALUES (?, ?, ?, ?, ?)",
                        "itttt", hr_clock_now_ms(accounts->clock), user, peer, action, subject);
    if (err == HR_OK && sqlite3_last_insert_rowid(accounts->db) % 1000 == 0) {
        err = accounts_db_run(accounts->db, &why,
                              "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", "i",
                              (int64_t)ACCOUNTS_AUDIT_ROWS_MAX);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "accounts.audit_failed", "action=%s user=%s why=\"%s\"", action,
                   user, why.text);
    }
}

typedef struct deed_walk {
    accounts_deed_visitor *visit;
    void *context;
} deed_walk;

static void read_deed(sqlite3_stmt *row, void *context)
{
    const deed_walk *walk = context;
    accounts_deed deed = {.id = sqlite3_column_int64(row, 0),
                          .time_ms = sqlite3_column_int64(row, 1),
                          .user = accounts_db_text(row, 2),
                          .peer = accounts_db_text(row, 3),
                          .action = accounts_db_text(row, 4),
                          .subject = accounts_db_text(row, 5)};
    walk->visit(&deed, walk->context);
}

hr_err accounts_each_deed(accounts *accounts, int64_t before, int64_t limit,
                          accounts_deed_visitor *visit, void *context, hr_why *why)
{
    deed_walk walk = {.visit = visit, .context = context};
    pthread_mutex_lock(&accounts->write_lock);
    hr_err err = accounts_db_each(accounts->db, read_deed, &walk, why,
                                  "SELECT id, time_ms, user, peer, action, subject FROM audit "
                                  "WHERE id < ? ORDER BY id DESC LIMIT ?",
                                  "ii", before, limit);
    pthread_mutex_unlock(&accounts->write_lock);
    return err;
}
