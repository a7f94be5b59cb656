/* api/sql_gate.c - SQLite's authoriser, and what it is not told. */
#include "sql_gate.h"

#include <string.h>
#include <strings.h>

#include "sql_tables.h"

static bool is_any_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sqlite3_stricmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Functions that read or write files, load code, or change tables. SpatiaLite disables most of
 * them itself; here none is left to that. And those of which one call, which nothing can stop,
 * makes as much as a number says: squares, points, digits. */
static bool function_is_harmless(const char *name)
{
    static const char *const bad[] = {"load_extension",
                                      "blobtofile",
                                      "blobfromfile",
                                      "eval",
                                      "fts3_tokenizer",
                                      "readfile",
                                      "writefile",
                                      "edit",
                                      "zipfile",
                                      "sqlar_compress",
                                      "checkspatialmetadata",
                                      "proj_setdatabasepath",
                                      "sqlite_offset",
                                      "geometryconstraints"};
    static const char *const bad_starts[] = {
        "import",   "export", "initspatial", "initfdo", "create",  "xb_",          "registe",
        "unregist", "eleme",  "insert",      "update",  "drop",    "add",          "discard",
        "recover",  "set",    "clone",       "disable", "enable",  "gpkg",         "wms_",
        "rl2_",     "se_",    "topo",        "stored",  "sqlproc", "bufferoptions"};
    static const char *const boundless[] = {"squaregrid",
                                            "triangulargrid",
                                            "hexagonalgrid",
                                            "geohash",
                                            "asx3d",
                                            "segmentize",
                                            "subdivide",
                                            "line_interpolate_equidistant_points",
                                            "lineinterpolateequidistantpoints"};
    const char *bare = strncasecmp(name, "st_", 3) == 0 ? name + 3 : name;
    if (is_any_of(name, bad, sizeof bad / sizeof bad[0]) ||
        is_any_of(bare, boundless, sizeof boundless / sizeof boundless[0])) {
        return false;
    }
    for (size_t i = 0; i < sizeof bad_starts / sizeof bad_starts[0]; i++) {
        if (strncasecmp(name, bad_starts[i], strlen(bad_starts[i])) == 0) {
            /* SetSRID only changes the value that it is given. */
            return strcasecmp(name, "setsrid") == 0;
        }
    }
    return true;
}

static bool table_is_public(const char *table, const char *schema)
{
    static const char *const functions[] = {"json_each", "json_tree"};
    static const char *const shared[] = {"fence", "spatial_ref_sys", "spatial_ref_sys_aux"};
    if (schema != NULL && sqlite3_stricmp(schema, "temp") == 0) {
        return sql_tables_has(table);
    }
    return is_any_of(table, functions, 2) || is_any_of(table, shared, 3);
}

/* A table of which no column is read, as for count(*), may be one that the statement makes itself
 * (WITH). The authoriser is not told; so the name is noted, and is looked for before anything runs.
 * What runs, SpatiaLite's own statements too, names no others. */
static int note_with_name(sql_gate *gate, const char *name)
{
    size_t size = strlen(name);
    for (uint32_t i = 0; i < gate->with_count; i++) {
        if (sqlite3_stricmp(gate->with_names[i], name) == 0) {
            return SQLITE_OK;
        }
    }
    if (gate->is_closed || gate->with_count == SQL_GATE_NAMES_MAX || size >= SQL_GATE_NAME_SIZE) {
        return SQLITE_DENY;
    }
    memcpy(gate->with_names[gate->with_count++], name, size + 1);
    return SQLITE_OK;
}

/* Everything that is not named here is denied, whatever later versions of SQLite bring. */
static int authorise(void *context, int action, const char *first, const char *second,
                     const char *schema, const char *trigger)
{
    sql_gate *gate = context;
    (void)trigger;
    if (gate->asks_itself) {
        return SQLITE_OK;
    }
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        if (first == NULL) {
            return SQLITE_DENY;
        }
        /* For count(*), which reads no column, SQLite names the schema only if the statement did;
         * a name without one is found in temp first. */
        if (table_is_public(first, schema) || (schema == NULL && sql_tables_has(first))) {
            return SQLITE_OK;
        }
        return schema == NULL && second != NULL && second[0] == '\0' ? note_with_name(gate, first)
                                                                     : SQLITE_DENY;
    case SQLITE_FUNCTION:
        return second != NULL && function_is_harmless(second) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* Whether there is such a table, or may be, besides what a statement makes. */
static bool is_there(sql_gate *gate, sqlite3 *db, const char *name)
{
    sqlite3_stmt *question = NULL;
    gate->asks_itself = true;
    bool is_none = sqlite3_strnicmp(name, "sqlite_", 7) != 0 &&
                   sqlite3_prepare_v2(db,
                                      "SELECT 1 FROM (SELECT name FROM main.sqlite_schema"
                                      " UNION ALL SELECT name FROM temp.sqlite_schema"
                                      " UNION ALL SELECT name FROM pragma_module_list)"
                                      " WHERE name = ? COLLATE NOCASE",
                                      -1, &question, NULL) == SQLITE_OK &&
                   sqlite3_bind_text(question, 1, name, -1, SQLITE_STATIC) == SQLITE_OK &&
                   sqlite3_step(question) == SQLITE_DONE;
    sqlite3_finalize(question);
    gate->asks_itself = false;
    return !is_none;
}

void sql_gate_set(sql_gate *gate, sqlite3 *db)
{
    gate->is_closed = false;
    gate->with_count = 0;
    sqlite3_set_authorizer(db, authorise, gate);
}

const char *sql_gate_close(sql_gate *gate, sqlite3 *db)
{
    gate->is_closed = true;
    for (uint32_t i = 0; i < gate->with_count; i++) {
        if (is_there(gate, db, gate->with_names[i])) {
            return gate->with_names[i];
        }
    }
    return NULL;
}
