/* api/schema.c - what goes in and out, as JSON Schema (OpenAPI 3.1's dialect). */
#include "schema.h"

#include <string.h>

#define OBJECT(required, properties)                                                               \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"
#define TEXT(name) "\"" name "\":{\"type\":\"string\"}"
#define TIME(name) "\"" name "\":{\"type\":\"string\",\"format\":\"date-time\"}"
#define NUMBER(name) "\"" name "\":{\"type\":\"number\"}"
#define WHOLE(name) "\"" name "\":{\"type\":\"integer\"}"
#define TRUTH(name) "\"" name "\":{\"type\":\"boolean\"}"
#define LIST(name, item) "\"" name "\":{\"type\":\"array\",\"items\":" item "}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define ROLE "\"role\":{\"enum\":[\"viewer\",\"editor\",\"owner\"]}"
#define VALUES                                                                                     \
    "\"values\":{\"type\":\"object\",\"additionalProperties\":"                                    \
    "{\"type\":[\"number\",\"string\"]}}"
#define EXPIRY "\"expires_at\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"

/* The formatter would cut the texts into pieces. */
/* clang-format off */
static const api_schema schemas[] = {
    {"Error",
     OBJECT("\"error\"", "\"error\":" OBJECT("\"code\",\"message\"",
                                             TEXT("code") "," TEXT("message") "," TEXT("field") ","
                                             TEXT("reason") "," VALUES))},
    {"Health",
     OBJECT("\"status\",\"reasons\",\"ready\"",
            "\"status\":{\"enum\":[\"ok\",\"degraded\"]},"
            LIST("reasons", "{\"type\":\"string\"}") ","
            LIST("items", OBJECT("\"code\",\"message\",\"values\"",
                                 TEXT("code") "," TEXT("message") "," VALUES))
            "," TRUTH("ready") "," TEXT("version") ","
            TIME("time") "," WHOLE("uptime_s") "," TRUTH("needs_setup"))},
    {"Setup", OBJECT("\"user\",\"password\"", TEXT("user") "," TEXT("password") "," TEXT("code"))},
    {"Login", OBJECT("", TEXT("user") "," TEXT("password") "," TEXT("code"))},
    {"LoginLink", OBJECT("\"code\",\"path\"", TEXT("code") "," TEXT("path"))},
    {"Me", OBJECT("\"user\",\"role\"", TEXT("user") "," ROLE)},
    {"PasswordChange",
     OBJECT("\"old_password\",\"password\"", TEXT("old_password") "," TEXT("password"))},
    {"User", OBJECT("\"user\",\"role\"", TEXT("user") "," ROLE "," TIME("created"))},
    {"UserList", OBJECT("\"users\"", LIST("users", REF("User")))},
    {"NewUser",
     OBJECT("\"user\",\"password\",\"role\"", TEXT("user") "," TEXT("password") "," ROLE)},
    {"UserChange", OBJECT("", TEXT("password") "," ROLE)},
    {"NewToken", OBJECT("\"name\",\"role\"", TEXT("name") "," ROLE "," EXPIRY)},
    {"TokenMade", OBJECT("\"token\"", TEXT("token") "," WHOLE("id") "," TEXT("name") "," ROLE)},
    {"Token",
     OBJECT("\"id\",\"name\",\"user\",\"role\",\"expires_at\"",
            WHOLE("id") "," TEXT("name") "," TEXT("user") "," ROLE "," TIME("created") "," EXPIRY)},
    {"TokenList", OBJECT("\"tokens\"", LIST("tokens", REF("Token")))},
    {"Deed", OBJECT("\"id\",\"time\",\"user\",\"action\"",
                    WHOLE("id") "," TIME("time") "," TEXT("user") "," TEXT("peer") "," TEXT(
                        "action") "," TEXT("subject"))},
    {"Geometry", OBJECT("\"type\"", TEXT("type"))},
    {"Feature", OBJECT("", TEXT("type") "," TEXT("id") ",\"geometry\":" REF("Geometry")
        ",\"properties\":{\"type\":\"object\"}")},
    {"FeatureCollection", OBJECT("", TEXT("type") "," LIST("features", REF("Feature")))},
    {"Imported", OBJECT("\"imported\",\"version\"", WHOLE("imported") "," WHOLE("version"))},
    {"Restore", OBJECT("\"revision\"", WHOLE("revision"))},
    {"FenceVersions", OBJECT("\"versions\"", LIST("versions", "{\"type\":\"object\"}"))},
    {"Device", OBJECT("\"device\",\"lon\",\"lat\",\"time\"",
        TEXT("device") "," NUMBER("lon") "," NUMBER("lat") "," TIME("time") ","
        NUMBER("accuracy_m") "," NUMBER("speed_mps") "," NUMBER("heading_deg") ","
        WHOLE("battery_pct") "," NUMBER("distance_m") "," TIME("since"))},
    {"DevicesAsOf", OBJECT("\"devices\",\"as_of\"", LIST("devices", REF("Device")) ","
        LIST("as_of", REF("AsOf")) "," TRUTH("cut"))},
    {"AsOf", OBJECT("\"partition\",\"offset\"", WHOLE("partition") "," WHOLE("offset"))},
    {"Inside", OBJECT("\"device\",\"fences\",\"as_of\"", TEXT("device") ","
        LIST("fences", OBJECT("\"fence\",\"since\"", TEXT("fence") "," TIME("since"))) ","
        LIST("as_of", REF("AsOf")) "," TRUTH("cut"))},
    {"DeviceChange", OBJECT("", TEXT("name") "," LIST("groups", "{\"type\":\"string\"}") ","
        "\"stale_after_s\":{\"type\":[\"integer\",\"null\"]}")},
    {"NewGateway", OBJECT("\"name\"",
        TEXT("name") ",\"role\":{\"enum\":[\"gateway\",\"reader\"]}")},
    {"Gateway", OBJECT("\"user\",\"role\"", TEXT("user") "," TEXT("role") "," TEXT("password") ","
        TEXT("host") "," WHOLE("port") "," TRUTH("tls"))},
    {"Gateways", OBJECT("\"gateways\"", LIST("gateways", REF("GatewayStatus")))},
    {"GatewayStatus", OBJECT("\"user\",\"role\"", TEXT("user") "," TEXT("role") ","
        TIME("last_seen") "," WHOLE("lost") "," TRUTH("online") ","
        "\"state\":{\"enum\":[\"online\",\"offline\",\"stopped\"]}," TIME("told") ","
        WHOLE("waiting") "," TIME("oldest_waiting") "," WHOLE("dropped") ","
        WHOLE("refused") "," TEXT("version"))},
    {"Event", OBJECT("\"id\",\"offset\",\"kind\",\"severity\",\"device\",\"time\"",
        TEXT("id") "," WHOLE("offset") "," TEXT("kind") "," TEXT("severity") ","
        TEXT("device") "," TIME("time") "," NUMBER("lon") "," NUMBER("lat") "," TEXT("cause") ","
        TRUTH("late"))},
    {"Events", OBJECT("\"events\",\"next\"", LIST("events", REF("Event")) "," WHOLE("next") ","
        TRUTH("more"))},
    {"Alerts", OBJECT("\"alerts\"", LIST("alerts", "{\"type\":\"object\"}") ","
        WHOLE("open"))},
    {"Rules", OBJECT("\"version\",\"fences\"", WHOLE("version") ","
        LIST("fences", "{\"type\":\"object\"}"))},
    {"Settings", OBJECT("", WHOLE("max_accuracy_m") "," WHOLE("max_gap_s") ","
        WHOLE("max_speed_mps") "," WHOLE("alert_max_age_s") "," WHOLE("stale_after_s") ","
        TEXT("tz"))},
    {"Farm", OBJECT("", TEXT("name") "," TEXT("map_url") "," TEXT("map_attribution") ","
        TRUTH("tiles"))},
    {"QueryDefinition", OBJECT("\"name\",\"from\",\"select\"", TEXT("name") "," TEXT("about") ","
        TEXT("from") "," TEXT("where") "," LIST("group_by", "{\"type\":\"string\"}") ","
        "\"window\":{\"type\":\"object\"},\"select\":{\"type\":\"object\"},"
        TEXT("output") "," TEXT("lateness") "," TRUTH("enabled") ","
        "\"join\":{},\"follows\":{\"type\":\"object\"}")},
    {"Query", OBJECT("\"name\",\"id\",\"runId\",\"status\"", TEXT("name") "," WHOLE("id") ","
        WHOLE("runId") "," TEXT("status") "," TEXT("reason") "," WHOLE("rows_in") ","
        WHOLE("rows_late") "," WHOLE("state_bytes"))},
    {"Queries", OBJECT("\"queries\"", LIST("queries", REF("Query")))},
    {"QueryRows", OBJECT("\"query\",\"runId\",\"rows\",\"cut\"", TEXT("query") ","
        WHOLE("runId") "," LIST("rows", "{\"type\":\"object\"}") "," TRUTH("cut"))},
    {"QueryPlan", OBJECT("\"query\",\"plan\"", TEXT("query") "," TEXT("plan") ","
        WHOLE("pane_bytes_max") "," WHOLE("group_bytes_max") "," WHOLE("state_bytes"))},
    {"QueryProgress", OBJECT("\"query\",\"runId\",\"last\",\"recent\"", TEXT("query") ","
        WHOLE("runId") "," "\"last\":{\"type\":\"object\"},"
        LIST("recent", "{\"type\":\"object\"}"))},
    {"Sql", OBJECT("\"sql\"", TEXT("sql") "," LIST("params", "{}") "," WHOLE("limit"))},
    {"SqlRows", OBJECT("\"columns\",\"rows\"", LIST("columns", "{\"type\":\"string\"}") ","
        LIST("rows", "{\"type\":\"array\"}") "," TRUTH("cut"))},
    {"Log", OBJECT("\"topics\"", TEXT("epoch") "," LIST("topics", "{\"type\":\"object\"}"))},
    {"LogRecords", OBJECT("\"records\",\"next\",\"start\",\"end\"",
        LIST("records", REF("LogRecord")) "," WHOLE("next") "," WHOLE("start") "," WHOLE("end"))},
    {"LogRecord", OBJECT("\"offset\",\"append_ms\",\"type\"",
        WHOLE("offset") "," WHOLE("append_ms") "," TEXT("type"))},
    {"Offset", OBJECT("\"topic\",\"partition\",\"offset\"",
        TEXT("group") "," TEXT("topic") "," WHOLE("partition") "," WHOLE("offset") ","
        WHOLE("lag"))},
    {"Offsets", OBJECT("\"offsets\"", LIST("offsets", REF("Offset")))},
    {"NewOffsets", OBJECT("\"offsets\"", LIST("offsets", REF("Offset")))},
    {"Audit", OBJECT("\"audit\",\"next\"", LIST("audit", REF("Deed")) "," WHOLE("next"))},
};
/* clang-format on */

const api_schema *api_schemas(size_t *count)
{
    *count = sizeof schemas / sizeof schemas[0];
    return schemas;
}

const api_schema *api_schema_find(const char *name)
{
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        if (strcmp(schemas[i].name, name) == 0) {
            return &schemas[i];
        }
    }
    return NULL;
}

const char *api_schema_stranger(const char *schema, const cJSON *object)
{
    const api_schema *found = schema != NULL ? api_schema_find(schema) : NULL;
    cJSON *root = found != NULL ? cJSON_Parse(found->json) : NULL;
    cJSON *known = cJSON_GetObjectItemCaseSensitive(root, "properties");
    const char *stranger = NULL;
    for (const cJSON *member = object->child; known != NULL && member != NULL && stranger == NULL;
         member = member->next) {
        cJSON *met = cJSON_DetachItemFromObjectCaseSensitive(known, member->string);
        stranger = met == NULL ? member->string : NULL;
        cJSON_Delete(met);
    }
    cJSON_Delete(root);
    return stranger;
}
