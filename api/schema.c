/* api/schema.c - what goes in and out, as JSON Schema (OpenAPI 3.1's dialect). */
#include "schema.h"

#include <string.h>

#define OBJECT(required, properties)                                                               \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"
/* Of a body that may as well not be there. */
#define OPTIONAL "{\"type\":[\"object\",\"null\"],"
#define OBJECT_OR_NONE(properties) OPTIONAL "\"properties\":{" properties "}}"
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
#define TEXTS(name) LIST(name, "{\"type\":\"string\"}")
#define NULLABLE(name, type) "\"" name "\":{\"type\":[" type ",\"null\"]}"
#define NEXT_ID NULLABLE("next", "\"string\"")
#define NEXT_NUMBER NULLABLE("next", "\"integer\"")
#define STALE NULLABLE("stale_after_s", "\"integer\"")

/* What answers tell, and requests may repeat without changing it. */
#define TOLD(name, type) "\"" name "\":{\"type\":\"" type "\",\"readOnly\":true}"
#define TOLD_TEXT(name) TOLD(name, "string")
#define TOLD_NUMBER(name) TOLD(name, "number")
#define TOLD_WHOLE(name) TOLD(name, "integer")
#define TOLD_TIME(name)                                                                            \
    "\"" name "\":{\"type\":\"string\",\"format\":\"date-time\",\"readOnly\":true}"

/* Members that several have. */
#define FIX                                                                                        \
    TEXT("device")                                                                                 \
    "," NUMBER("lon") "," NUMBER("lat") "," TIME("time") "," NUMBER("accuracy_m") "," NUMBER(      \
        "speed_mps") "," NUMBER("heading_deg") "," WHOLE("battery_pct")
#define SETTINGS                                                                                   \
    WHOLE("max_accuracy_m")                                                                        \
    "," WHOLE("max_gap_s") "," WHOLE("max_speed_mps") "," WHOLE("alert_max_age_s") "," WHOLE(      \
        "stale_after_s") "," TEXT("tz")
#define PLACE TEXT("topic") "," WHOLE("partition") "," WHOLE("offset")

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
    {"Geometry", OBJECT("\"type\"", TEXT("type") ",\"coordinates\":{\"type\":\"array\"}")},
    {"FenceProperties", OBJECT("", TEXT("name") ","
        "\"intent\":{\"enum\":[\"keep-in\",\"keep-out\",\"info\"]}," TEXTS("groups") ","
        NUMBER("radius_m") "," NUMBER("width_m") "," NUMBER("approach_m") "," WHOLE("dwell_s") ","
        WHOLE("confirm_fixes") ",\"schedule\":{\"type\":[\"object\",\"null\"]}," EXPIRY ","
        TRUTH("geodesic") "," TEXT("color") "," TOLD_NUMBER("area_ha") ","
        TOLD_NUMBER("perimeter_m") "," TOLD_WHOLE("revision") "," TOLD_WHOLE("version") ","
        TOLD_TIME("created") "," TOLD_TEXT("created_by") "," TOLD_TIME("updated") ","
        TOLD_TEXT("updated_by"))},
    {"Feature", OBJECT("", TEXT("type") ",\"id\":{\"type\":[\"string\",\"number\"]},"
        "\"geometry\":" REF("Geometry")
        ",\"properties\":" REF("FenceProperties"))},
    {"FeatureCollection", OBJECT("\"features\"", TEXT("type") "," LIST("features",
        REF("Feature")))},
    {"RemovedFence", OBJECT("\"id\",\"revision\",\"time\"", TEXT("id") "," WHOLE("revision") ","
        TEXT("who") "," TIME("time") "," TEXT("name"))},
    {"FencePage", OBJECT("\"next\"", TEXT("type") "," LIST("features", REF("Feature")) ","
        LIST("removed", REF("RemovedFence")) "," NEXT_ID)},
    {"Imported", OBJECT("\"imported\",\"version\"", WHOLE("imported") "," WHOLE("version"))},
    {"Restore", OBJECT("\"revision\"", WHOLE("revision"))},
    {"FenceVersion", OBJECT("\"revision\",\"version\",\"what\",\"time\"", WHOLE("revision") ","
        WHOLE("version") "," TEXT("what") "," TEXT("who") "," TIME("time") "," TEXT("name") ","
        NUMBER("area_ha"))},
    {"FenceVersions", OBJECT("\"versions\",\"next\"", LIST("versions", REF("FenceVersion")) ","
        NEXT_NUMBER)},
    {"Device", OBJECT("\"device\",\"lon\",\"lat\",\"time\"", FIX "," NUMBER("distance_m") ","
        TIME("since") "," TIME("received") "," TEXT("id") "," TEXT("name") "," TEXTS("groups") ","
        STALE "," TIME("first_seen") "," WHOLE("revision") "," NULLABLE("updated",
        "\"string\"") "," NULLABLE("updated_by", "\"string\""))},
    {"DevicesAsOf", OBJECT("\"devices\",\"as_of\"", LIST("devices", REF("Device")) ","
        LIST("as_of", REF("AsOf")) "," TRUTH("cut"))},
    {"DevicePage", OBJECT("\"devices\",\"next\",\"as_of\"", LIST("devices", REF("Device")) ","
        NEXT_ID "," LIST("as_of", REF("AsOf")))},
    {"AsOf", OBJECT("\"partition\",\"offset\"", WHOLE("partition") "," WHOLE("offset"))},
    {"Inside", OBJECT("\"device\",\"fences\",\"as_of\"", TEXT("device") ","
        LIST("fences", OBJECT("\"fence\",\"since\"", TEXT("fence") "," TIME("since"))) ","
        LIST("as_of", REF("AsOf")) "," TRUTH("cut"))},
    {"DeviceChange", OBJECT("", TEXT("name") "," TEXTS("groups") "," STALE)},
    {"DeviceGroups", OBJECT("\"groups\"", LIST("groups", OBJECT("\"name\"", TEXT("name") ","
        WHOLE("fences") "," WHOLE("devices"))))},
    {"Track", OBJECT("\"type\",\"geometry\",\"properties\"", TEXT("type") ",\"geometry\":"
        "{\"anyOf\":[" REF("Geometry") ",{\"type\":\"null\"}]},\"properties\":"
        OBJECT("\"device\",\"cut\",\"times\"", TEXT("device") "," TRUTH("cut") ","
        LIST("times", "{\"type\":\"string\",\"format\":\"date-time\"}")))},
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
        TEXT("id") "," WHOLE("offset") ",\"kind\":{\"enum\":[\"enter\",\"exit\",\"cross\","
        "\"dwell\",\"approach\",\"stale\"]}," NULLABLE("fence", "\"string\"") ","
        NULLABLE("fence_name", "\"string\"") ","
        "\"severity\":{\"enum\":[\"info\",\"warning\",\"alarm\"]}," TEXT("device") ","
        TIME("time") "," NULLABLE("lon", "\"number\"") "," NULLABLE("lat", "\"number\"") ","
        "\"crossing\":{\"type\":[\"object\",\"null\"],\"properties\":{" TIME("time") ","
        NUMBER("lon") "," NUMBER("lat") "}},"
        "\"cause\":{\"enum\":[\"fix\",\"rules\",\"schedule\",\"expiry\",\"tick\"]},"
        TRUTH("late") ",\"source\":" OBJECT("\"partition\",\"offset\",\"index\"",
        WHOLE("partition") "," WHOLE("offset") "," WHOLE("index")) "," TIME("received"))},
    {"Events", OBJECT("\"events\",\"next\",\"more\"", LIST("events", REF("Event")) ","
        WHOLE("next") "," TRUTH("more"))},
    {"Acked", "{\"type\":[\"object\",\"null\"],\"required\":[\"user\",\"time\"],\"properties\":{"
        TEXT("user") "," TIME("time") "}}"},
    {"Alert", OBJECT("\"alert\",\"event\",\"acked\"", WHOLE("alert") ",\"event\":" REF("Event")
        ",\"acked\":" REF("Acked"))},
    {"Alerts", OBJECT("\"alerts\",\"open\"", LIST("alerts", REF("Alert")) "," WHOLE("open"))},
    {"Ack", OBJECT_OR_NONE(TEXT("note"))},
    {"AckDone", OBJECT("\"alert\",\"acked\"", WHOLE("alert") ",\"acked\":" REF("Acked"))},
    {"RuleSettings", OBJECT("", WHOLE("max_accuracy_m") "," WHOLE("max_gap_s") ","
        WHOLE("max_speed_mps") "," WHOLE("alert_max_age_s") "," WHOLE("stale_after_s"))},
    {"RuleFence", OBJECT("\"id\",\"rings_e7\"", TEXT("id") "," TEXT("name") "," TEXT("intent") ","
        WHOLE("dwell_s") "," WHOLE("approach_cm") "," WHOLE("confirm_fixes") ","
        NULLABLE("expires_at_ms", "\"integer\"") "," TEXTS("groups") ","
        "\"schedule\":{\"type\":[\"object\",\"null\"],\"properties\":{" WHOLE("known_from_ms") ","
        WHOLE("known_to_ms") "," LIST("on_ms", "{\"type\":\"array\"}") "}},"
        LIST("rings_e7", "{\"type\":\"array\"}") "," NULLABLE("zone_rings_e7", "\"array\""))},
    {"Rules", OBJECT("\"version\",\"settings\",\"fences\",\"devices\"", WHOLE("version") ","
        "\"settings\":" REF("RuleSettings") "," LIST("fences", REF("RuleFence")) ","
        LIST("devices", OBJECT("\"device_key\"", TEXT("device_key") "," TEXTS("groups") ","
        STALE)))},
    {"RulesHistory", OBJECT("\"rules\",\"next\"", LIST("rules", OBJECT(
        "\"version\",\"time\",\"what\"", WHOLE("version") "," TIME("time") "," TEXT("who") ","
        TEXT("what"))) "," NEXT_NUMBER)},
    {"Settings", OBJECT("", SETTINGS "," WHOLE("revision") "," TIME("updated") ","
        TEXT("updated_by"))},
    {"SettingsChange", OBJECT("", SETTINGS)},
    {"Farm", OBJECT("", TEXT("name") "," TEXT("map_url") "," TEXT("map_attribution") ","
        TOLD("tiles", "boolean"))},
    {"QueryDefinition", OBJECT("\"name\",\"from\",\"select\"", TEXT("name") "," TEXT("about") ","
        TEXT("from") "," TEXT("where") "," TEXTS("group_by") ","
        "\"window\":{\"type\":\"object\"},\"select\":{\"type\":\"object\"},"
        TEXT("output") "," TEXT("lateness") "," TRUTH("enabled") ","
        "\"join\":{},\"follows\":{\"type\":\"object\"}")},
    {"Query", OBJECT("\"name\",\"id\",\"runId\",\"status\"", TEXT("name") "," WHOLE("id") ","
        WHOLE("runId") "," TEXT("status") "," TEXT("reason") "," WHOLE("rows_in") ","
        WHOLE("rows_late") "," WHOLE("state_bytes") ",\"definition\":" REF("QueryDefinition"))},
    {"Queries", OBJECT("\"queries\"", LIST("queries", REF("Query")))},
    {"QueryRow", "{\"type\":\"object\",\"required\":[\"final\",\"group\"],\"properties\":{"
        TIME("from") "," TIME("to") "," TRUTH("final") "," LIST("group", "{}")
        "},\"additionalProperties\":true}"},
    {"QueryRows", OBJECT("\"query\",\"runId\",\"rows\",\"cut\"", TEXT("query") ","
        WHOLE("runId") "," LIST("rows", REF("QueryRow")) "," TRUTH("cut"))},
    {"QueryPlan", OBJECT("\"query\",\"plan\"", TEXT("query") "," TEXT("plan") ","
        WHOLE("panes_per_window") "," WHOLE("pane_bytes") "," WHOLE("pane_bytes_max") ","
        WHOLE("group_bytes_max") "," WHOLE("state_bytes_max") "," WHOLE("lateness_ms") ","
        WHOLE("expressions") "," TRUTH("sqlite") "," WHOLE("state_bytes") "," WHOLE("groups"))},
    {"QueryReport", OBJECT("", TIME("time") "," WHOLE("rows_in") "," WHOLE("rows_passed") ","
        WHOLE("rows_late") "," WHOLE("rows_out") "," NUMBER("rows_per_s") "," WHOLE("batches") ","
        NUMBER("evaluate_ms") "," NUMBER("pair_ms") "," NUMBER("close_ms") ","
        NUMBER("batch_ms_max") "," TIME("time_min") "," TIME("time_max") "," TIME("time_mean") ","
        TIME("watermark") "," WHOLE("groups") "," WHOLE("state_bytes"))},
    {"QueryProgress", OBJECT("\"query\",\"runId\",\"last\",\"recent\"", TEXT("query") ","
        WHOLE("runId") ",\"last\":" REF("QueryReport") "," LIST("recent", REF("QueryReport")))},
    {"Sql", OBJECT("\"sql\"", TEXT("sql") "," LIST("params", "{}") "," WHOLE("limit"))},
    {"SqlRows", OBJECT("\"columns\",\"rows\",\"cut\"", TEXTS("columns") ","
        LIST("rows", "{\"type\":\"array\"}") "," TRUTH("cut"))},
    {"Log", OBJECT("\"epoch\",\"topics\"", TEXT("epoch") "," LIST("topics",
        OBJECT("\"topic\",\"partitions\"", TEXT("topic") "," LIST("partitions",
        OBJECT("\"partition\",\"start\",\"end\"", WHOLE("partition") "," WHOLE("start") ","
        WHOLE("end"))))))},
    {"LogRecords", OBJECT("\"records\",\"next\",\"start\",\"end\"",
        LIST("records", REF("LogRecord")) "," WHOLE("next") "," WHOLE("start") "," WHOLE("end"))},
    {"LogRecord", OBJECT("\"offset\",\"append_ms\",\"type\"", WHOLE("offset") ","
        WHOLE("append_ms") ",\"type\":{\"enum\":[\"unknown\",\"fix\",\"rules\",\"tick\",\"name\","
        "\"event\",\"edit\",\"alert_ack\",\"dead\"]}," FIX "," TEXT("device_key") ","
        TRUTH("backlog") "," TRUTH("time_assigned") "," WHOLE("version") "," WHOLE("ms") ","
        "\"event\":" REF("Event") ",\"what\":{\"type\":\"object\"}," TEXT("topic") ","
        TEXT("reason") "," WHOLE("payload_bytes") "," TEXT("hex"))},
    {"Offset", OBJECT("\"topic\",\"partition\",\"offset\"", TEXT("group") "," PLACE ","
        WHOLE("lag"))},
    {"Offsets", OBJECT("\"offsets\"", LIST("offsets", REF("Offset")))},
    {"NewOffset", OBJECT("\"topic\",\"partition\",\"offset\"", PLACE)},
    {"NewOffsets", OBJECT("\"offsets\"", LIST("offsets", REF("NewOffset")))},
    {"Audit", OBJECT("\"audit\",\"next\"", LIST("audit", REF("Deed")) "," WHOLE("next"))},
    {"Nothing", OBJECT_OR_NONE("")},
};
/* clang-format on */

const api_schema *api_schemas(size_t *count)
{
    *count = sizeof schemas / sizeof schemas[0];
    return schemas;
}

static const api_schema *find_schema(const char *name)
{
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        if (strcmp(schemas[i].name, name) == 0) {
            return &schemas[i];
        }
    }
    return NULL;
}

bool api_schema_is_optional(const char *name)
{
    const api_schema *found = name != NULL ? find_schema(name) : NULL;
    return found == NULL || strncmp(found->json, OPTIONAL, sizeof OPTIONAL - 1) == 0;
}

const char *api_schema_stranger(const char *schema, const cJSON *object)
{
    const api_schema *found = schema != NULL ? find_schema(schema) : NULL;
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
