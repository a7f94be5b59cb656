/* api/routes_gateways.c - who may speak to our broker: gateways that send fixes, readers of events;
 * and how they are. */
#include <string.h>

#include "accounts.h"
#include "body.h"
#include "ingest/broker.h"
#include "ingest/presence.h"
#include "routes.h"

static bool has_broker(const api_context *context, api_answer *answer)
{
    if (context->broker_folder == NULL) {
        api_answer_error(answer, 409, "gateway.foreign", NULL,
                         "the broker is not ours; its own tools know its users");
        return false;
    }
    return true;
}

typedef struct listing {
    hr_json *json;
    struct presence *presence; /* NULL: nobody listens */
} listing;

/* What the gateway told about itself. A will has no numbers, so those of before it stay. */
static void put_status(hr_json *json, const presence_view *view)
{
    const status_json *status = &view->status;
    hr_json_key_bool(json, "online", view->is_online);
    hr_json_key_text(json, "state", status_state_name(status->state));
    if (status->time_ms == STATUS_NO_TIME) {
        return;
    }
    hr_json_key_time(json, "told", status->time_ms);
    hr_json_key_u64(json, "waiting", status->waiting);
    if (status->oldest_ms != STATUS_NO_TIME) {
        hr_json_key_time(json, "oldest_waiting", status->oldest_ms);
    }
    hr_json_key_u64(json, "dropped", status->dropped);
    hr_json_key_u64(json, "refused", status->refused);
    hr_json_key_text(json, "version", status->version);
}

static void put_user(const char *name, broker_role role, void *context)
{
    const listing *list = context;
    presence_view view;
    hr_json_open_object(list->json);
    hr_json_key_text(list->json, "user", name);
    hr_json_key_text(list->json, "role", broker_role_name(role));
    if (list->presence != NULL && presence_get(list->presence, name, &view)) {
        if (view.last_seen_ms != STATUS_NO_TIME) {
            hr_json_key_time(list->json, "last_seen", view.last_seen_ms);
        }
        hr_json_key_u64(list->json, "lost", view.lost);
        if (view.has_status) {
            put_status(list->json, &view);
        }
    }
    hr_json_close_object(list->json);
}

void route_gateways(api_context *context, const api_request *request, api_answer *answer)
{
    hr_why why = {.text = ""};
    (void)request;
    if (!has_broker(context, answer)) {
        return;
    }
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key(&json, "gateways");
    hr_json_open_array(&json);
    listing list = {.json = &json, .presence = context->presence};
    hr_err err = broker_user_each(context->broker_folder, put_user, &list, &why);
    hr_json_close_array(&json);
    hr_json_close_object(&json);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "gateway", &why);
    }
}

/* Where the new one shall connect to: the encrypted listener, if the local network is let in. */
static void put_address(const broker_contact *contact, hr_json *json)
{
    hr_json_key_text(json, "host", contact->host);
    hr_json_key_i64(json, "port", contact->port);
    hr_json_key_bool(json, "tls", contact->is_tls);
}

static bool read_role(const cJSON *body, broker_role *role, api_answer *answer)
{
    const char *text = api_body_text(body, "role", 16, "gateway", answer);
    if (text == NULL) {
        return false;
    }
    bool is_reader = strcmp(text, "reader") == 0;
    *role = is_reader ? BROKER_READER : BROKER_GATEWAY;
    if (!is_reader && strcmp(text, "gateway") != 0) {
        api_answer_error(answer, 400, "body.field", "role", "role must be gateway or reader");
        return false;
    }
    return true;
}

void route_gateway_add(api_context *context, const api_request *request, api_answer *answer)
{
    broker_role role = BROKER_GATEWAY;
    cJSON *body = has_broker(context, answer) ? api_body_parse(request, answer) : NULL;
    const char *name =
        body != NULL ? api_body_text(body, "name", HR_USER_ID_MAX, NULL, answer) : NULL;
    if (name == NULL || !read_role(body, &role, answer)) {
        cJSON_Delete(body);
        return;
    }
    char password[BROKER_PASSWORD_SIZE];
    hr_why why = {.text = ""};
    broker_contact contact;
    hr_err err = broker_contact_get(context->broker_folder, &contact, &why);
    if (err == HR_OK) {
        err = broker_user_add(context->broker_folder, name, role, password, &why);
    }
    if (err == HR_INVALID) {
        api_answer_error(answer, 400, "gateway.invalid", "name", "%s", why.text);
    } else if (err != HR_OK) {
        api_answer_failure(answer, err, "gateway", &why);
    } else {
        accounts_audit(context->accounts, request->caller.user, request->peer, "gateway.add", name);
        hr_json json = api_answer_json(answer, 201);
        hr_json_open_object(&json);
        hr_json_key_text(&json, "user", name);
        hr_json_key_text(&json, "role", broker_role_name(role));
        hr_json_key_text(&json, "password", password);
        put_address(&contact, &json);
        hr_json_close_object(&json);
    }
    cJSON_Delete(body);
}

void route_gateway_remove(api_context *context, const api_request *request, api_answer *answer)
{
    hr_why why = {.text = ""};
    if (!has_broker(context, answer)) {
        return;
    }
    hr_err err = broker_user_remove(context->broker_folder, request->captures[0], &why);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "gateway", &why);
        return;
    }
    accounts_audit(context->accounts, request->caller.user, request->peer, "gateway.remove",
                   request->captures[0]);
    answer->status = 204;
}
