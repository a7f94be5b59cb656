/* api/accounts.c - the accounts as memory holds them, who a secret belongs to, logging in. */
#include "accounts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accounts_parts.h"
#include "base/logline.h"

#define HASH_BYTES_MORE (1u << 20) /* than a hash is said to take */

/* The hash of a password that was forgotten at once. Verified for names that nobody has, so that
 * they take as long as others. */
static const char dummy_hash[ACCOUNTS_PASSWORD_HASH_MAX] =
    "$argon2id$v=19$m=65536,t=2,p=1$9WYe2WFIucXaeleBwhBbLw$o1281k"
    "R6Tk/UXjdVAc6D45EQSIl3/egGIf42DL3SlwE";

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static void read_user(sqlite3_stmt *row, void *context)
{
    account_tables *tables = context;
    account_user read = {.user.created_ms = sqlite3_column_int64(row, 3)};
    copy_text(read.user.name, sizeof read.user.name, accounts_db_text(row, 0));
    copy_text(read.password, sizeof read.password, accounts_db_text(row, 2));
    if (tables->user_count < ACCOUNTS_USERS_MAX &&
        api_role_parse(accounts_db_text(row, 1), &read.user.role) == HR_OK) {
        tables->users[tables->user_count++] = read;
    }
}

static bool read_hash(sqlite3_stmt *row, int column, uint8_t hash[ACCOUNTS_HASH_BYTES])
{
    const void *blob = sqlite3_column_blob(row, column);
    if (blob == NULL || sqlite3_column_bytes(row, column) != ACCOUNTS_HASH_BYTES) {
        return false;
    }
    memcpy(hash, blob, ACCOUNTS_HASH_BYTES);
    return true;
}

static void read_session(sqlite3_stmt *row, void *context)
{
    account_tables *tables = context;
    account_session read = {.created_ms = sqlite3_column_int64(row, 2),
                            .expires_ms = sqlite3_column_int64(row, 3)};
    copy_text(read.user, sizeof read.user, accounts_db_text(row, 1));
    if (tables->session_count < ACCOUNTS_SESSIONS_MAX && read_hash(row, 0, read.hash)) {
        tables->sessions[tables->session_count++] = read;
    }
}

static void read_token(sqlite3_stmt *row, void *context)
{
    account_tables *tables = context;
    account_token read = {.token = {.id = sqlite3_column_int64(row, 0),
                                    .created_ms = sqlite3_column_int64(row, 5),
                                    .expires_ms = sqlite3_column_int64(row, 6)}};
    copy_text(read.token.name, sizeof read.token.name, accounts_db_text(row, 2));
    copy_text(read.token.user, sizeof read.token.user, accounts_db_text(row, 3));
    if (tables->token_count < ACCOUNTS_TOKENS_MAX && read_hash(row, 1, read.hash) &&
        api_role_parse(accounts_db_text(row, 4), &read.token.role) == HR_OK) {
        tables->tokens[tables->token_count++] = read;
    }
}

static hr_err read_tables(accounts *accounts, account_tables **out, hr_why *why)
{
    account_tables *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = accounts_db_each(accounts->db, read_user, fresh, why,
                                  "SELECT name, role, password, created_ms FROM user", "");
    if (err == HR_OK) {
        err = accounts_db_each(accounts->db, read_session, fresh, why,
                               "SELECT hash, user, created_ms, expires_ms FROM session "
                               "ORDER BY created_ms DESC",
                               "");
    }
    if (err == HR_OK) {
        err = accounts_db_each(accounts->db, read_token, fresh, why,
                               "SELECT id, hash, name, user, role, created_ms, expires_ms "
                               "FROM token ORDER BY id",
                               "");
    }
    if (err != HR_OK) {
        free(fresh);
        return err;
    }
    *out = fresh;
    return HR_OK;
}

hr_err accounts_begin(accounts *accounts, hr_why *why)
{
    return accounts_db_run(accounts->db, why, "BEGIN IMMEDIATE", "");
}

/* The memory for the new tables is there before the disk has them: nothing can go wrong between. */
hr_err accounts_end(accounts *accounts, hr_err err, hr_why *why)
{
    account_tables *fresh = NULL;
    if (err == HR_OK) {
        err = read_tables(accounts, &fresh, why);
    }
    if (err == HR_OK) {
        err = accounts_db_run(accounts->db, why, "COMMIT", "");
    }
    if (err != HR_OK) {
        hr_err ignored = accounts_db_run(accounts->db, NULL, "ROLLBACK", "");
        (void)ignored; /* SQLite may have done so itself */
        free(fresh);
        return err;
    }
    pthread_mutex_lock(&accounts->table_lock);
    account_tables *old = accounts->tables;
    accounts->tables = fresh;
    pthread_mutex_unlock(&accounts->table_lock);
    free(old);
    return HR_OK;
}

hr_err accounts_open(const char *path, const hr_clock *clock, accounts **out, hr_why *why)
{
    if (sodium_init() < 0) {
        return hr_why_set(why, HR_IO, "the system gives no random numbers");
    }
    accounts *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return HR_NO_MEMORY;
    }
    opened->clock = clock;
    throttle_init(&opened->throttle, clock);
    pthread_mutex_init(&opened->write_lock, NULL);
    pthread_mutex_init(&opened->table_lock, NULL);
    hr_err err = accounts_db_open(path, &opened->db, why);
    if (err == HR_OK && (err = accounts_begin(opened, why)) == HR_OK) {
        err = accounts_db_run(opened->db, why, "DELETE FROM session WHERE expires_ms <= ?", "i",
                              hr_clock_now_ms(clock));
        err = accounts_end(opened, err, why);
    }
    if (err != HR_OK) {
        accounts_close(opened);
        return err;
    }
    *out = opened;
    return HR_OK;
}

void accounts_close(accounts *accounts)
{
    if (accounts == NULL) {
        return;
    }
    sqlite3_close(accounts->db);
    if (accounts->tables != NULL) {
        sodium_memzero(accounts->tables, sizeof *accounts->tables);
    }
    free(accounts->tables);
    pthread_mutex_destroy(&accounts->table_lock);
    pthread_mutex_destroy(&accounts->write_lock);
    throttle_fini(&accounts->throttle);
    free(accounts);
}

account_user *accounts_find_user(account_tables *tables, const char *name)
{
    for (uint32_t i = 0; i < tables->user_count; i++) {
        if (strcmp(tables->users[i].user.name, name) == 0) {
            return &tables->users[i];
        }
    }
    return NULL;
}

bool accounts_has_owner(accounts *accounts)
{
    bool found = false;
    pthread_mutex_lock(&accounts->table_lock);
    for (uint32_t i = 0; i < accounts->tables->user_count && !found; i++) {
        found = accounts->tables->users[i].user.role == API_ROLE_OWNER;
    }
    pthread_mutex_unlock(&accounts->table_lock);
    return found;
}

void accounts_hash_secret(const char *secret, uint8_t hash[ACCOUNTS_HASH_BYTES])
{
    crypto_generichash(hash, ACCOUNTS_HASH_BYTES, (const uint8_t *)secret, strlen(secret), NULL, 0);
}

void accounts_make_secret(char secret[ACCOUNTS_SECRET_SIZE])
{
    uint8_t random[32];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(secret, ACCOUNTS_SECRET_SIZE, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
}

/* The hash of a secret is as good as random, so where a comparison ends tells nothing. */
static bool same_hash(const uint8_t *a, const uint8_t *b)
{
    return a[0] == b[0] && sodium_memcmp(a, b, ACCOUNTS_HASH_BYTES) == 0;
}

bool accounts_by_session(accounts *accounts, const char *session, api_caller *caller)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    accounts_hash_secret(session, hash);
    int64_t now_ms = hr_clock_now_ms(accounts->clock);
    bool known = false;
    pthread_mutex_lock(&accounts->table_lock);
    account_tables *tables = accounts->tables;
    for (uint32_t i = 0; i < tables->session_count && !known; i++) {
        const account_session *each = &tables->sessions[i];
        if (same_hash(each->hash, hash)) {
            const account_user *user = accounts_find_user(tables, each->user);
            known = user != NULL && each->expires_ms > now_ms;
            if (known) {
                *caller = (api_caller){.role = user->user.role, .by_cookie = true};
                memcpy(caller->user, each->user, sizeof caller->user);
            }
            break;
        }
    }
    pthread_mutex_unlock(&accounts->table_lock);
    return known;
}

bool accounts_by_token(accounts *accounts, const char *token, api_caller *caller)
{
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    accounts_hash_secret(token, hash);
    int64_t now_ms = hr_clock_now_ms(accounts->clock);
    bool known = false;
    pthread_mutex_lock(&accounts->table_lock);
    account_tables *tables = accounts->tables;
    if (accounts->has_local && same_hash(accounts->local_hash, hash)) {
        *caller = (api_caller){.user = ACCOUNTS_LOCAL_USER, .role = API_ROLE_OWNER};
        known = true;
    }
    for (uint32_t i = 0; i < tables->token_count && !known; i++) {
        const account_token *each = &tables->tokens[i];
        if (same_hash(each->hash, hash)) {
            const account_user *user = accounts_find_user(tables, each->token.user);
            known = user != NULL && each->token.expires_ms > now_ms;
            if (known) {
                /* A token never outgrows its user. */
                api_role role =
                    each->token.role < user->user.role ? each->token.role : user->user.role;
                *caller = (api_caller){.role = role};
                memcpy(caller->user, each->token.user, sizeof caller->user);
            }
            break;
        }
    }
    pthread_mutex_unlock(&accounts->table_lock);
    return known;
}

/* libsodium, which takes its memory like this, calls every password wrong where there is none. */
static bool has_room_to_hash(void)
{
    size_t size = crypto_pwhash_MEMLIMIT_INTERACTIVE + HASH_BYTES_MORE;
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return room != MAP_FAILED && munmap(room, size) == 0;
}

hr_err accounts_check_password(accounts *accounts, const char *user, const char *password,
                               const char *peer, int *retry_after_s, hr_why *why)
{
    *retry_after_s = throttle_wait_s(&accounts->throttle, user, peer);
    if (*retry_after_s > 0) {
        return hr_why_set(why, HR_TIMEOUT, "too many wrong passwords; wait %d s", *retry_after_s);
    }
    if (!has_room_to_hash()) {
        return hr_why_set(why, HR_NO_MEMORY, "there is no memory just now to check a password");
    }
    char stored[ACCOUNTS_PASSWORD_HASH_MAX];
    memcpy(stored, dummy_hash, sizeof stored);
    pthread_mutex_lock(&accounts->table_lock);
    const account_user *found = accounts_find_user(accounts->tables, user);
    if (found != NULL) {
        memcpy(stored, found->password, sizeof stored);
    }
    pthread_mutex_unlock(&accounts->table_lock);
    size_t size = strlen(password);
    bool right = size <= ACCOUNTS_PASSWORD_MAX &&
                 crypto_pwhash_str_verify(stored, password, size) == 0 && found != NULL;
    sodium_memzero(stored, sizeof stored);
    if (!right) {
        throttle_failed(&accounts->throttle, user, peer);
        return hr_why_set(why, HR_DENIED, "the name or the password is wrong");
    }
    throttle_succeeded(&accounts->throttle, user, peer);
    return HR_OK;
}

hr_err accounts_login(accounts *accounts, const char *user, const char *password, const char *peer,
                      char session[ACCOUNTS_SECRET_SIZE], int *retry_after_s, hr_why *why)
{
    hr_err err = accounts_check_password(accounts, user, password, peer, retry_after_s, why);
    if (err != HR_OK) {
        return err;
    }
    pthread_mutex_lock(&accounts->write_lock);
    err = accounts_begin(accounts, why);
    if (err == HR_OK) {
        err = accounts_end(accounts, accounts_add_session(accounts, user, session, why), why);
    }
    pthread_mutex_unlock(&accounts->write_lock);
    return err;
}

void accounts_each_user(accounts *accounts, accounts_user_visitor *visit, void *context)
{
    pthread_mutex_lock(&accounts->table_lock);
    for (uint32_t i = 0; i < accounts->tables->user_count; i++) {
        visit(&accounts->tables->users[i].user, context);
    }
    pthread_mutex_unlock(&accounts->table_lock);
}

void accounts_each_token(accounts *accounts, accounts_token_visitor *visit, void *context)
{
    pthread_mutex_lock(&accounts->table_lock);
    for (uint32_t i = 0; i < accounts->tables->token_count; i++) {
        visit(&accounts->tables->tokens[i].token, context);
    }
    pthread_mutex_unlock(&accounts->table_lock);
}

void accounts_make_local(accounts *accounts, char token[ACCOUNTS_SECRET_SIZE])
{
    accounts_make_secret(token);
    pthread_mutex_lock(&accounts->table_lock);
    accounts_hash_secret(token, accounts->local_hash);
    accounts->has_local = true;
    pthread_mutex_unlock(&accounts->table_lock);
}
