/* api/accounts_parts.h - what accounts.c and accounts_change.c share. */
#ifndef API_ACCOUNTS_PARTS_H
#define API_ACCOUNTS_PARTS_H

#include <pthread.h>

#include "accounts.h"
#include "accounts_db.h"
#include "throttle.h"

#define ACCOUNTS_HASH_BYTES 32
#define ACCOUNTS_PASSWORD_HASH_MAX 128

typedef struct account_user {
    accounts_user user;
    char password[ACCOUNTS_PASSWORD_HASH_MAX]; /* libsodium's text */
} account_user;

typedef struct account_session {
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    char user[HR_USER_ID_MAX + 1];
    int64_t created_ms;
    int64_t expires_ms;
} account_session;

typedef struct account_token {
    uint8_t hash[ACCOUNTS_HASH_BYTES];
    accounts_token token;
} account_token;

/* What the database holds, as last read. */
typedef struct account_tables {
    uint32_t user_count;
    uint32_t session_count;
    uint32_t token_count;
    account_user users[ACCOUNTS_USERS_MAX];
    account_session sessions[ACCOUNTS_SESSIONS_MAX];
    account_token tokens[ACCOUNTS_TOKENS_MAX];
} account_tables;

struct accounts {
    const hr_clock *clock;
    throttle throttle;
    pthread_mutex_t write_lock; /* taken before table_lock; held over disk work */
    sqlite3 *db;                /* protected by write_lock */
    pthread_mutex_t table_lock; /* held for moments only */
    account_tables *tables;     /* protected by table_lock */
    bool has_local;             /* protected by table_lock, like the next */
    uint8_t local_hash[ACCOUNTS_HASH_BYTES];
};

/* A change, all of it or nothing; write_lock is held from the beginning to the end. After
 * accounts_begin() is well accounts_end() must follow, with how the change went: it is made durable
 * and the tables are read anew, or, on an error, which is returned, all is as it was. */
HR_MUST_USE hr_err accounts_begin(accounts *accounts, hr_why *why);
HR_MUST_USE hr_err accounts_end(accounts *accounts, hr_err err, hr_why *why);

/* table_lock is held. */
account_user *accounts_find_user(account_tables *tables, const char *name);

void accounts_hash_secret(const char *secret, uint8_t hash[ACCOUNTS_HASH_BYTES]);
void accounts_make_secret(char secret[ACCOUNTS_SECRET_SIZE]);

/* Add a session for a user that exists; within a change. */
HR_MUST_USE hr_err accounts_add_session(accounts *accounts, const char *user,
                                        char session[ACCOUNTS_SECRET_SIZE], hr_why *why);

#endif
