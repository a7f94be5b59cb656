/* ingest/broker_users.c - who may connect: one list, from which mosquitto's password and rule
 * files are made. A line of the list is "role name hash". */
#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/id.h"
#include "base/logline.h"
#include "ingest/broker.h"
#include "ingest/broker_files.h"
#include "ingest/broker_reload.h"

#define USERS_NAME "users"
#define PASSWORDS_NAME "passwords"
#define RULES_NAME "acl"

/* Mosquitto's own format "$7$iterations$salt$hash": PBKDF2 with SHA-512. Few iterations are enough,
 * since every password here is random and long. */
#define SALT_BYTES 12
#define HASH_BYTES 64
#define HASH_ITERATIONS 101
#define HASH_TEXT_SIZE 160

typedef struct user {
    broker_role role;
    char name[HR_USER_ID_MAX + 1];
    char hash[HASH_TEXT_SIZE];
} user;

typedef struct user_list {
    user *users;
    size_t count;
} user_list;

static const char *const role_names[] = {"service", "gateway", "reader"};

const char *broker_role_name(broker_role role)
{
    return role_names[role];
}

static hr_err random_bytes(uint8_t *to, size_t size, hr_why *why)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = getrandom(to + at, size - at, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return hr_why_errno(why, errno, "no random bytes");
        }
        at += (size_t)got;
    }
    return HR_OK;
}

hr_err broker_password_make(char password[BROKER_PASSWORD_SIZE], hr_why *why)
{
    /* 32 of them, none that a person takes for another; five bits each. */
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t bytes[BROKER_PASSWORD_SIZE - 1];
    hr_err err = random_bytes(bytes, sizeof bytes, why);
    if (err != HR_OK) {
        return err;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        password[i] = letters[bytes[i] & 31];
    }
    password[sizeof bytes] = '\0';
    return HR_OK;
}

static hr_err hash_password(const char *password, char text[HASH_TEXT_SIZE], hr_why *why)
{
    uint8_t salt[SALT_BYTES], hash[HASH_BYTES];
    unsigned char salt_text[SALT_BYTES * 2], hash_text[HASH_BYTES * 2];
    hr_err err = random_bytes(salt, sizeof salt, why);
    if (err != HR_OK) {
        return err;
    }
    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, SALT_BYTES, HASH_ITERATIONS,
                          EVP_sha512(), HASH_BYTES, hash) != 1) {
        return hr_why_set(why, HR_NO_MEMORY, "cannot hash a password");
    }
    EVP_EncodeBlock(salt_text, salt, SALT_BYTES);
    EVP_EncodeBlock(hash_text, hash, HASH_BYTES);
    int size = snprintf(text, HASH_TEXT_SIZE, "$7$%d$%s$%s", HASH_ITERATIONS,
                        (const char *)salt_text, (const char *)hash_text);
    assert(size > 0 && size < HASH_TEXT_SIZE);
    (void)size;
    return HR_OK;
}

static bool role_parse(const char *name, broker_role *role)
{
    for (size_t i = 0; i < sizeof role_names / sizeof role_names[0]; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *role = (broker_role)i;
            return true;
        }
    }
    return false;
}

static bool parse_line(char *line, user *out)
{
    char *rest = NULL;
    const char *role = strtok_r(line, " ", &rest);
    const char *name = strtok_r(NULL, " ", &rest);
    const char *hash = strtok_r(NULL, " ", &rest);
    if (role == NULL || name == NULL || hash == NULL || !role_parse(role, &out->role) ||
        !hr_user_id_is_valid(name, strlen(name)) || strlen(hash) >= sizeof out->hash) {
        return false;
    }
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->hash, sizeof out->hash, "%s", hash);
    return true;
}

static hr_err parse_list(char *text, user_list *list, const char *folder, hr_why *why)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (list->count >= BROKER_USERS_MAX || !parse_line(line, &list->users[list->count])) {
            return hr_why_set(why, HR_CORRUPT, "%s/%s: line %zu is not \"role name hash\"", folder,
                              USERS_NAME, list->count + 1);
        }
        list->count++;
    }
    return HR_OK;
}

/* *list.users is for free(), also after an error. */
static hr_err load_list(const char *folder, user_list *list, hr_why *why)
{
    /* One more than there may be, for the one that the caller adds. */
    *list = (user_list){.users = calloc(BROKER_USERS_MAX + 1, sizeof *list->users)};
    if (list->users == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the list of users");
    }
    hr_buf text;
    hr_buf_init(&text, BROKER_FILE_BYTES_MAX);
    hr_err err = broker_file_read(folder, USERS_NAME, &text, why);
    if (err == HR_OK) {
        hr_buf_put_u8(&text, 0);
        err = hr_buf_err(&text);
    }
    if (err == HR_OK) {
        err = parse_list((char *)text.data, list, folder, why);
    } else if (err == HR_NOT_FOUND) {
        err = HR_OK;
    }
    hr_buf_fini(&text);
    return err;
}

static void put_rules(hr_buf *out, const user *u)
{
    hr_buf_printf(out, "user %s\n", u->name);
    switch (u->role) {
    case BROKER_SERVICE:
        hr_buf_put_text(out, "topic readwrite hedgerow/v1/#\n");
        hr_buf_put_text(out, "topic readwrite owntracks/#\n");
        hr_buf_put_text(out, "topic read $SYS/#\n");
        break;
    case BROKER_GATEWAY:
        hr_buf_printf(out, "topic write hedgerow/v1/fixes/%s\n", u->name);
        hr_buf_printf(out, "topic write hedgerow/v1/fix/%s\n", u->name);
        hr_buf_printf(out, "topic write hedgerow/v1/status/%s\n", u->name);
        hr_buf_printf(out, "topic write hedgerow/v1/dead/%s\n", u->name);
        hr_buf_printf(out, "topic write owntracks/%s/+\n", u->name);
        hr_buf_printf(out, "topic read hedgerow/v1/ack/%s\n", u->name);
        hr_buf_printf(out, "topic read owntracks/%s/+/event\n", u->name);
        break;
    case BROKER_READER:
        hr_buf_put_text(out, "topic read hedgerow/v1/event/#\n");
        break;
    }
}

static hr_err write_file_of(const char *folder, const char *name, hr_buf *text, hr_why *why)
{
    hr_err err = hr_buf_err(text);
    if (err != HR_OK) {
        return hr_why_set(why, err, "too many users for %s", name);
    }
    return broker_file_write(folder, name, text, why);
}

/* The files that belong to a list. */
typedef struct list_files {
    hr_buf users;
    hr_buf passwords;
    hr_buf rules;
} list_files;

static void make_files(const user_list *list, list_files *files)
{
    hr_buf_init(&files->users, BROKER_FILE_BYTES_MAX);
    hr_buf_init(&files->passwords, BROKER_FILE_BYTES_MAX);
    hr_buf_init(&files->rules, BROKER_FILE_BYTES_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const user *u = &list->users[i];
        hr_buf_printf(&files->users, "%s %s %s\n", broker_role_name(u->role), u->name, u->hash);
        hr_buf_printf(&files->passwords, "%s:%s\n", u->name, u->hash);
        put_rules(&files->rules, u);
    }
}

static void free_files(list_files *files)
{
    hr_buf_fini(&files->users);
    hr_buf_fini(&files->passwords);
    hr_buf_fini(&files->rules);
}

/* The list goes last: what it holds, the two others hold already. */
static hr_err save_list(const char *folder, const user_list *list, hr_why *why)
{
    list_files files;
    make_files(list, &files);
    hr_err err = write_file_of(folder, RULES_NAME, &files.rules, why);
    if (err == HR_OK) {
        err = write_file_of(folder, PASSWORDS_NAME, &files.passwords, why);
    }
    if (err == HR_OK) {
        err = write_file_of(folder, USERS_NAME, &files.users, why);
    }
    free_files(&files);
    return err == HR_OK ? broker_reload_ask(folder, why) : err;
}

static user *find_user(const user_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->users[i].name, name) == 0) {
            return &list->users[i];
        }
    }
    return NULL;
}

/* Change the list under the folder's lock. */
typedef hr_err list_change(user_list *list, const user *u, hr_why *why);

static hr_err change_list(const char *folder, list_change *change, const user *u, hr_why *why)
{
    int lock_fd;
    hr_err err = broker_folder_make(folder, why);
    if (err == HR_OK) {
        err = broker_folder_lock(folder, &lock_fd, why);
    }
    if (err != HR_OK) {
        return err;
    }
    user_list list;
    err = load_list(folder, &list, why);
    if (err == HR_OK) {
        err = change(&list, u, why);
    }
    if (err == HR_OK) {
        err = save_list(folder, &list, why);
    }
    free(list.users);
    close(lock_fd);
    return err;
}

/* The same, and return when a running broker knows it. */
static hr_err change_list_now(const char *folder, list_change *change, const user *u, hr_why *why)
{
    hr_err err = change_list(folder, change, u, why);
    if (err == HR_OK && !broker_reload_wait(folder)) {
        hr_logline(HR_LEVEL_WARN, "broker.knows_later", "user=%s", u->name);
    }
    return err;
}

static hr_err add_to_list(user_list *list, const user *u, hr_why *why)
{
    if (find_user(list, u->name) != NULL) {
        return hr_why_set(why, HR_EXISTS, "there is a user %s already", u->name);
    }
    if (list->count >= BROKER_USERS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "there are %d users already", BROKER_USERS_MAX);
    }
    list->users[list->count++] = *u;
    return HR_OK;
}

static hr_err remove_from_list(user_list *list, const user *u, hr_why *why)
{
    user *found = find_user(list, u->name);
    if (found == NULL || found->role == BROKER_SERVICE) {
        return hr_why_set(why, HR_NOT_FOUND, "there is no user %s", u->name);
    }
    size_t after = list->count - (size_t)(found - list->users) - 1;
    memmove(found, found + 1, after * sizeof *found);
    list->count--;
    return HR_OK;
}

static hr_err set_service(user_list *list, const user *u, hr_why *why)
{
    user *found = find_user(list, u->name);
    if (found == NULL) {
        return add_to_list(list, u, why);
    }
    *found = *u;
    return HR_OK;
}

hr_err broker_user_add(const char *folder, const char *name, broker_role role,
                       char password[BROKER_PASSWORD_SIZE], hr_why *why)
{
    if (!hr_user_id_is_valid(name, strlen(name))) {
        return hr_why_set(why, HR_INVALID, "\"%.70s\" is not 1-64 of [A-Za-z0-9._-]", name);
    }
    if (strcmp(name, BROKER_SERVICE_USER) == 0 || role == BROKER_SERVICE) {
        return hr_why_set(why, HR_EXISTS, "%s is the service itself", BROKER_SERVICE_USER);
    }
    user u = {.role = role};
    snprintf(u.name, sizeof u.name, "%s", name);
    hr_err err = broker_password_make(password, why);
    if (err == HR_OK) {
        err = hash_password(password, u.hash, why);
    }
    return err != HR_OK ? err : change_list_now(folder, add_to_list, &u, why);
}

hr_err broker_user_remove(const char *folder, const char *name, hr_why *why)
{
    user u = {.role = BROKER_GATEWAY};
    snprintf(u.name, sizeof u.name, "%s", name);
    return change_list_now(folder, remove_from_list, &u, why);
}

hr_err broker_users_write_service(const char *folder, const char *password, hr_why *why)
{
    user u = {.role = BROKER_SERVICE, .name = BROKER_SERVICE_USER};
    hr_err err = hash_password(password, u.hash, why);
    return err != HR_OK ? err : change_list(folder, set_service, &u, why);
}

static bool file_is(const char *folder, const char *name, const hr_buf *text)
{
    hr_buf old;
    hr_buf_init(&old, BROKER_FILE_BYTES_MAX);
    bool is_same = hr_buf_err(text) == HR_OK &&
                   broker_file_read(folder, name, &old, NULL) == HR_OK && old.size == text->size &&
                   memcmp(old.data, text->data, old.size) == 0;
    hr_buf_fini(&old);
    return is_same;
}

/* Other versions of this program had other rules, and what the broker reads may be damaged. */
static bool files_are_current(const char *folder, const user_list *list)
{
    list_files files;
    make_files(list, &files);
    bool are_same = file_is(folder, RULES_NAME, &files.rules) &&
                    file_is(folder, PASSWORDS_NAME, &files.passwords);
    free_files(&files);
    return are_same;
}

hr_err broker_users_renew(const char *folder, hr_why *why)
{
    user_list list;
    int lock_fd;
    hr_err err = broker_folder_lock(folder, &lock_fd, why);
    if (err != HR_OK) {
        return err;
    }
    err = load_list(folder, &list, why);
    if (err == HR_OK && !files_are_current(folder, &list)) {
        err = save_list(folder, &list, why);
    }
    free(list.users);
    close(lock_fd);
    return err;
}

bool broker_users_know_service(const char *folder)
{
    user_list list;
    bool is_known =
        load_list(folder, &list, NULL) == HR_OK && find_user(&list, BROKER_SERVICE_USER) != NULL;
    free(list.users);
    return is_known;
}

hr_err broker_user_each(const char *folder, broker_user_visitor *visit, void *context, hr_why *why)
{
    user_list list;
    hr_err err = load_list(folder, &list, why);
    for (size_t i = 0; err == HR_OK && i < list.count; i++) {
        if (list.users[i].role != BROKER_SERVICE) {
            visit(list.users[i].name, list.users[i].role, context);
        }
    }
    free(list.users);
    return err;
}
