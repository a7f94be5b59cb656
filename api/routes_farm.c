/* api/routes_farm.c - the farm's name, and what map the page may draw under it. */
#include <string.h>

#include "accounts.h"
#include "body.h"
#include "farm.h"
#include "routes.h"

static bool has_farm(const api_context *context, api_answer *answer)
{
    if (context->farm == NULL) {
        api_answer_error(answer, 503, "farm.absent", NULL, "the catalogue is not open");
    }
    return context->farm != NULL;
}

void route_farm(api_context *context, const api_request *request, api_answer *answer)
{
    farm_facts facts;
    (void)request;
    if (!has_farm(context, answer)) {
        return;
    }
    api_farm_get(context->farm, &facts);
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "name", facts.name);
    hr_json_key_text(&json, "map_url", facts.map_url);
    hr_json_key_text(&json, "map_attribution", facts.map_attribution);
    hr_json_key_bool(&json, "tiles", context->tiles != NULL);
    hr_json_close_object(&json);
}

/* What is absent or null becomes empty. */
static bool read_member(const cJSON *body, const char *name, char *text, size_t size_max,
                        api_answer *answer)
{
    const char *given = api_body_text(body, name, size_max, "", answer);
    if (given == NULL) {
        return false;
    }
    memcpy(text, given, strlen(given) + 1);
    return true;
}

void route_farm_put(api_context *context, const api_request *request, api_answer *answer)
{
    farm_facts facts;
    hr_why why = {.text = ""};
    cJSON *body = has_farm(context, answer) ? api_body_parse(request, answer) : NULL;
    bool is_read = body != NULL &&
                   read_member(body, "name", facts.name, FARM_NAME_BYTES_MAX, answer) &&
                   read_member(body, "map_url", facts.map_url, FARM_URL_BYTES_MAX, answer) &&
                   read_member(body, "map_attribution", facts.map_attribution,
                               FARM_ATTRIBUTION_BYTES_MAX, answer);
    cJSON_Delete(body);
    if (!is_read) {
        return;
    }
    hr_err err = api_farm_put(context->farm, &facts, &why);
    if (err == HR_INVALID) {
        api_answer_error(answer, 400, "farm.invalid", "map_url", "%s", why.text);
        return;
    }
    if (err != HR_OK) {
        api_answer_failure(answer, err, "farm", &why);
        return;
    }
    if (context->accounts != NULL) {
        accounts_audit(context->accounts, request->caller.user, request->peer, "farm.change", "");
    }
    route_farm(context, request, answer);
}
