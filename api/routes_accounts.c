/* api/routes_accounts.c - setting up, logging in and out, users, tokens, who did what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "base/text.h"
#include "body.h"
#include "routes.h"

#define AUDIT_LIMIT_DEFAULT 100
#define AUDIT_LIMIT_MAX 1000

static bool has_accounts(api_context *context, api_answer *answer)
{
    if (context->accounts == NULL) {
        api_answer_error(answer, 503, "accounts.absent", NULL, "there are no accounts here");
        return false;
    }
    return true;
}

static void audit(api_context *context, const api_request *request, const char *user,
                  const char *action, const char *subject)
{
    accounts_audit(context->accounts, user, request->peer, action, subject);
}

static void set_session_cookie(const api_context *context, api_answer *answer, const char *session)
{
    snprintf(answer->set_cookie, sizeof answer->set_cookie,
             "hedgerow=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s", session,
             session[0] != 0 ? (long long)(ACCOUNTS_SESSION_MS / 1000) : 0LL,
             context->is_tls ? "; Secure" : "");
}

static void answer_user(api_answer *answer, int status, const char *user, api_role role)
{
    hr_json json = api_answer_json(answer, status);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "user", user);
    hr_json_key_text(&json, "role", api_role_text(role));
    hr_json_close_object(&json);
}

/* A wrong password is a 401 here, and a wait a 429. */
static void answer_refusal(api_answer *answer, hr_err err, int retry_after_s, const hr_why *why)
{
    if (err == HR_DENIED) {
        api_answer_why(answer, 401, "auth.wrong", NULL, why);
    } else if (err == HR_TIMEOUT) {
        api_answer_error(answer, 429, "auth.wait", NULL, "%s", why->text);
        answer->retry_after_s = retry_after_s;
    } else {
        api_answer_failure(answer, err, "auth", why);
    }
}

void route_setup(api_context *context, const api_request *request, api_answer *answer)
{
    cJSON *body = has_accounts(context, answer) ? api_body_parse(request, answer) : NULL;
    if (body == NULL) {
        return;
    }
    const char *user = api_body_text(body, "user", HR_USER_ID_MAX, NULL, answer);
    const char *password =
        user != NULL ? api_body_text(body, "password", ACCOUNTS_PASSWORD_MAX, NULL, answer) : NULL;
    const char *code =
        password != NULL ? api_body_text(body, "code", API_SECRET_TEXT_MAX, "", answer) : NULL;
    if (code != NULL) {
        hr_why why = {.text = ""};
        bool is_here = api_peer_is_loopback(request->peer) && !request->is_proxied;
        hr_err err = accounts_setup(context->accounts, user, password, code, is_here, &why);
        if (err == HR_OK) {
            audit(context, request, user, "setup", user);
            answer_user(answer, 201, user, API_ROLE_OWNER);
        } else {
            api_answer_failure(answer, err, "setup", &why);
        }
    }
    cJSON_Delete(body);
}

static void login_by_code(api_context *context, const api_request *request, const char *code,
                          api_answer *answer)
{
    char session[ACCOUNTS_SECRET_SIZE];
    char user[HR_USER_ID_MAX + 1];
    int retry_after_s = 0;
    hr_why why = {.text = ""};
    hr_err err = accounts_login_by_code(context->accounts, code, request->peer, session, user,
                                        &retry_after_s, &why);
    if (err != HR_OK) {
        answer_refusal(answer, err, retry_after_s, &why);
        return;
    }
    audit(context, request, user, "login.link", "");
    answer_user(answer, 200, user, API_ROLE_OWNER);
    set_session_cookie(context, answer, session);
}

static void login_by_password(api_context *context, const api_request *request, const cJSON *body,
                              api_answer *answer)
{
    const char *user = api_body_text(body, "user", HR_USER_ID_MAX, NULL, answer);
    const char *password =
        user != NULL ? api_body_text(body, "password", ACCOUNTS_PASSWORD_MAX, NULL, answer) : NULL;
    if (password == NULL) {
        return;
    }
    char session[ACCOUNTS_SECRET_SIZE];
    int retry_after_s = 0;
    hr_why why = {.text = ""};
    hr_err err = accounts_login(context->accounts, user, password, request->peer, session,
                                &retry_after_s, &why);
    if (err != HR_OK) {
        if (err == HR_DENIED) {
            audit(context, request, user, "login.wrong", "");
        }
        answer_refusal(answer, err, retry_after_s, &why);
        return;
    }
    api_caller caller = {.role = API_ROLE_VIEWER};
    (void)accounts_by_session(context->accounts, session, &caller);
    audit(context, request, user, "login", "");
    answer_user(answer, 200, user, caller.role);
    set_session_cookie(context, answer, session);
}

void route_login(api_context *context, const api_request *request, api_answer *answer)
{
    cJSON *body = has_accounts(context, answer) ? api_body_parse(request, answer) : NULL;
    if (body == NULL) {
        return;
    }
    const char *code = api_body_text(body, "code", API_SECRET_TEXT_MAX, "", answer);
    if (code != NULL && code[0] != 0) {
        login_by_code(context, request, code, answer);
    } else if (code != NULL) {
        login_by_password(context, request, body, answer);
    }
    cJSON_Delete(body);
}

/* For an owner who has forgotten the password: the programs of this machine may ask for it. */
void route_login_link(api_context *context, const api_request *request, api_answer *answer)
{
    char code[ACCOUNTS_SECRET_SIZE];
    char path[ACCOUNTS_SECRET_SIZE + 16];
    hr_why why = {.text = ""};
    hr_err err = accounts_owner_link(context->accounts, code, &why);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "auth", &why);
        return;
    }
    audit(context, request, request->caller.user, "login.link.made", "");
    snprintf(path, sizeof path, "/#%s=%s",
             accounts_has_owner(context->accounts) ? "login" : "setup", code);
    hr_json json = api_answer_json(answer, 201);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "code", code);
    hr_json_key_text(&json, "path", path);
    hr_json_close_object(&json);
}

void route_logout(api_context *context, const api_request *request, api_answer *answer)
{
    hr_why why = {.text = ""};
    hr_err err = HR_OK;
    if (request->caller.by_cookie) {
        err = accounts_logout(context->accounts, request->session, &why);
    }
    if (err != HR_OK) {
        api_answer_failure(answer, err, "auth", &why);
        return;
    }
    audit(context, request, request->caller.user, "logout", "");
    answer->status = 204;
    set_session_cookie(context, answer, "");
}

void route_me(api_context *context, const api_request *request, api_answer *answer)
{
    answer_user(answer, 200, request->caller.user, request->caller.role);
    char fresh[ACCOUNTS_SECRET_SIZE];
    bool rotated = false;
    if (request->caller.by_cookie && !request->is_live &&
        accounts_rotate(context->accounts, request->session, fresh, &rotated, NULL) == HR_OK &&
        rotated) {
        set_session_cookie(context, answer, fresh);
    }
}

/* Change one's own password: the old one is asked for, every session ends, a new one begins. */
void route_me_change(api_context *context, const api_request *request, api_answer *answer)
{
    cJSON *body = api_body_parse(request, answer);
    const char *old = body != NULL
                          ? api_body_text(body, "old_password", ACCOUNTS_PASSWORD_MAX, NULL, answer)
                          : NULL;
    const char *password =
        old != NULL ? api_body_text(body, "password", ACCOUNTS_PASSWORD_MAX, NULL, answer) : NULL;
    if (password != NULL) {
        const char *user = request->caller.user;
        char session[ACCOUNTS_SECRET_SIZE];
        int retry_after_s = 0;
        api_role role = API_ROLE_NONE;
        hr_why why = {.text = ""};
        hr_err err = accounts_check_password(context->accounts, user, old, request->peer,
                                             &retry_after_s, &why);
        if (err == HR_OK) {
            err = accounts_user_change(context->accounts, user, password, &role, &why);
        }
        if (err == HR_OK) {
            audit(context, request, user, "user.password", user);
            err = accounts_login(context->accounts, user, password, request->peer, session,
                                 &retry_after_s, &why);
        }
        if (err == HR_OK) {
            answer_user(answer, 200, user, request->caller.role);
            set_session_cookie(context, answer, session);
        } else {
            answer_refusal(answer, err, retry_after_s, &why);
        }
    }
    cJSON_Delete(body);
}

static void write_user(const accounts_user *user, void *context)
{
    hr_json *json = context;
    hr_json_open_object(json);
    hr_json_key_text(json, "user", user->name);
    hr_json_key_text(json, "role", api_role_text(user->role));
    hr_json_key_time(json, "created", user->created_ms);
    hr_json_close_object(json);
}

void route_users(api_context *context, const api_request *request, api_answer *answer)
{
    (void)request;
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key(&json, "users");
    hr_json_open_array(&json);
    accounts_each_user(context->accounts, write_user, &json);
    hr_json_close_array(&json);
    hr_json_close_object(&json);
}

/* role: absent means "as it is", which only a change may say. */
static bool read_role(const cJSON *body, bool may_be_absent, api_role *role, api_answer *answer)
{
    const char *text = api_body_text(body, "role", 16, may_be_absent ? "" : NULL, answer);
    if (text == NULL) {
        return false;
    }
    *role = API_ROLE_NONE;
    if (text[0] != 0 && api_role_parse(text, role) != HR_OK) {
        api_answer_error(answer, 400, "body.field", "role", "role must be viewer, editor or owner");
        return false;
    }
    return true;
}

static void answer_put(api_context *context, const api_request *request, hr_err err,
                       const hr_why *why, const char *user, api_role role, int status,
                       api_answer *answer)
{
    if (err == HR_CONFLICT) {
        api_answer_error(answer, 409, "user.last_owner", NULL, "%s", why->text);
    } else if (err != HR_OK) {
        api_answer_failure(answer, err, "user", why);
    } else {
        audit(context, request, request->caller.user, "user.change", user);
        answer_user(answer, status, user, role);
    }
}

static void note_name(const accounts_user *user, void *context)
{
    accounts_user *wanted = context;
    if (strcmp(user->name, wanted->name) == 0) {
        *wanted = *user;
    }
}

/* role API_ROLE_NONE after it: there is no such user. */
static accounts_user find_user(api_context *context, const char *name)
{
    accounts_user wanted = {.role = API_ROLE_NONE};
    snprintf(wanted.name, sizeof wanted.name, "%s", name);
    accounts_each_user(context->accounts, note_name, &wanted);
    return wanted;
}

void route_user_add(api_context *context, const api_request *request, api_answer *answer)
{
    cJSON *body = api_body_parse(request, answer);
    const char *user =
        body != NULL ? api_body_text(body, "user", HR_USER_ID_MAX, NULL, answer) : NULL;
    const char *password =
        user != NULL ? api_body_text(body, "password", ACCOUNTS_PASSWORD_MAX, NULL, answer) : NULL;
    api_role role = API_ROLE_NONE;
    if (password != NULL && read_role(body, false, &role, answer)) {
        if (find_user(context, user).role != API_ROLE_NONE) {
            api_answer_error(answer, 409, "user.exists", "user", "there is a user %s already",
                             user);
        } else {
            hr_why why = {.text = ""};
            hr_err err = accounts_user_add(context->accounts, user, password, role, &why);
            answer_put(context, request, err, &why, user, role, 201, answer);
        }
    }
    cJSON_Delete(body);
}

void route_user_change(api_context *context, const api_request *request, api_answer *answer)
{
    cJSON *body = api_body_parse(request, answer);
    const char *password =
        body != NULL ? api_body_text(body, "password", ACCOUNTS_PASSWORD_MAX, "", answer) : NULL;
    api_role role = API_ROLE_NONE;
    if (password != NULL && read_role(body, true, &role, answer)) {
        accounts_user user = find_user(context, request->captures[0]);
        if (user.role == API_ROLE_NONE) {
            api_answer_error(answer, 404, "user.not_found", NULL, "there is no such user");
        } else {
            hr_why why = {.text = ""};
            hr_err err = accounts_user_change(context->accounts, user.name,
                                              password[0] != 0 ? password : NULL, &role, &why);
            answer_put(context, request, err, &why, user.name, role, 200, answer);
        }
    }
    cJSON_Delete(body);
}

void route_user_remove(api_context *context, const api_request *request, api_answer *answer)
{
    hr_why why = {.text = ""};
    hr_err err = accounts_user_remove(context->accounts, request->captures[0], &why);
    if (err == HR_CONFLICT) {
        api_answer_error(answer, 409, "user.last_owner", NULL, "%s", why.text);
    } else if (err != HR_OK) {
        api_answer_failure(answer, err, "user", &why);
    } else {
        audit(context, request, request->caller.user, "user.remove", request->captures[0]);
        answer->status = 204;
    }
}

typedef struct token_list {
    hr_json *json;
    const api_caller *caller;
} token_list;

static void write_token(const accounts_token *token, void *context)
{
    const token_list *list = context;
    if (list->caller->role != API_ROLE_OWNER && strcmp(token->user, list->caller->user) != 0) {
        return;
    }
    hr_json_open_object(list->json);
    hr_json_key_i64(list->json, "id", token->id);
    hr_json_key_text(list->json, "name", token->name);
    hr_json_key_text(list->json, "user", token->user);
    hr_json_key_text(list->json, "role", api_role_text(token->role));
    hr_json_key_time(list->json, "created", token->created_ms);
    hr_json_key(list->json, "expires_at");
    if (token->expires_ms == ACCOUNTS_NEVER) {
        hr_json_null(list->json);
    } else {
        hr_json_time(list->json, token->expires_ms);
    }
    hr_json_close_object(list->json);
}

void route_tokens(api_context *context, const api_request *request, api_answer *answer)
{
    hr_json json = api_answer_json(answer, 200);
    token_list list = {.json = &json, .caller = &request->caller};
    hr_json_open_object(&json);
    hr_json_key(&json, "tokens");
    hr_json_open_array(&json);
    accounts_each_token(context->accounts, write_token, &list);
    hr_json_close_array(&json);
    hr_json_close_object(&json);
}

static bool read_expiry(const api_context *context, const cJSON *body, int64_t *expires_ms,
                        api_answer *answer)
{
    const char *text = api_body_text(body, "expires_at", 40, "", answer);
    *expires_ms = ACCOUNTS_NEVER;
    if (text == NULL) {
        return false;
    }
    if (text[0] != 0 && (hr_time_parse(text, strlen(text), expires_ms) != HR_OK ||
                         *expires_ms <= hr_clock_now_ms(context->clock))) {
        api_answer_error(
            answer, 400, "body.field", "expires_at",
            "expires_at must be a time to come, such as 2030-01-01T00:00:00Z, or null");
        return false;
    }
    return true;
}

void route_token_add(api_context *context, const api_request *request, api_answer *answer)
{
    cJSON *body = api_body_parse(request, answer);
    const char *name =
        body != NULL ? api_body_text(body, "name", ACCOUNTS_TOKEN_NAME_MAX, NULL, answer) : NULL;
    api_role role = API_ROLE_NONE;
    int64_t expires_ms = 0;
    if (name == NULL || !read_role(body, false, &role, answer) ||
        !read_expiry(context, body, &expires_ms, answer)) {
        cJSON_Delete(body);
        return;
    }
    char token[ACCOUNTS_SECRET_SIZE];
    int64_t id = 0;
    hr_why why = {.text = ""};
    /* What a token may do bounds what it may hand on. */
    hr_err err = role <= request->caller.role
                     ? accounts_token_add(context->accounts, request->caller.user, name, role,
                                          expires_ms, token, &id, &why)
                     : hr_why_set(&why, HR_DENIED, "a token may not do more than you may");
    if (err != HR_OK) {
        api_answer_failure(answer, err, "token", &why);
    } else {
        audit(context, request, request->caller.user, "token.add", name);
        hr_json json = api_answer_json(answer, 201);
        hr_json_open_object(&json);
        hr_json_key_i64(&json, "id", id);
        hr_json_key_text(&json, "token", token);
        hr_json_key_text(&json, "name", name);
        hr_json_key_text(&json, "role", api_role_text(role));
        hr_json_close_object(&json);
    }
    cJSON_Delete(body);
}

void route_token_remove(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t id = 0;
    bool is_owner = request->caller.role == API_ROLE_OWNER;
    hr_why why = {.text = ""};
    hr_err err = api_path_number(request->captures[0], &id)
                     ? accounts_token_remove(context->accounts, id,
                                             is_owner ? "" : request->caller.user, &why)
                     : HR_NOT_FOUND;
    if (err != HR_OK) {
        api_answer_failure(answer, err, "token", &why);
        return;
    }
    audit(context, request, request->caller.user, "token.remove", request->captures[0]);
    answer->status = 204;
}

typedef struct deed_list {
    hr_json *json;
    int64_t last_id;
} deed_list;

static void write_deed(const accounts_deed *deed, void *context)
{
    deed_list *list = context;
    hr_json_open_object(list->json);
    hr_json_key_i64(list->json, "id", deed->id);
    hr_json_key_time(list->json, "time", deed->time_ms);
    hr_json_key_text(list->json, "user", deed->user);
    hr_json_key_text(list->json, "peer", deed->peer);
    hr_json_key_text(list->json, "action", deed->action);
    hr_json_key_text(list->json, "subject", deed->subject);
    hr_json_close_object(list->json);
    list->last_id = deed->id;
}

void route_audit(api_context *context, const api_request *request, api_answer *answer)
{
    int64_t before = 0;
    int64_t limit = 0;
    if (!api_param_number(request, "before", 0, INT64_MAX, INT64_MAX, &before, answer) ||
        !api_param_number(request, "limit", 1, AUDIT_LIMIT_MAX, AUDIT_LIMIT_DEFAULT, &limit,
                          answer)) {
        return;
    }
    hr_why why = {.text = ""};
    hr_json json = api_answer_json(answer, 200);
    deed_list list = {.json = &json, .last_id = before};
    hr_json_open_object(&json);
    hr_json_key(&json, "audit");
    hr_json_open_array(&json);
    hr_err err = accounts_each_deed(context->accounts, before, limit, write_deed, &list, &why);
    hr_json_close_array(&json);
    hr_json_key_i64(&json, "next", list.last_id);
    hr_json_close_object(&json);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "audit", &why);
    }
}
