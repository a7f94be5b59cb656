/* api/sql_gate.h - what people's SQL may read and call. */
#ifndef API_SQL_GATE_H
#define API_SQL_GATE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define SQL_GATE_NAMES_MAX 32 /* of tables of which no column is read; denied above */
#define SQL_GATE_NAME_SIZE 64

/* Of one connection. Threads: the connection's. */
typedef struct sql_gate {
    bool asks_itself; /* this is our own question, not the statement */
    bool is_closed;
    uint32_t with_count;
    char with_names[SQL_GATE_NAMES_MAX][SQL_GATE_NAME_SIZE];
} sql_gate;

/* What is prepared from now on passes the gate, which must outlive the connection's use:
 * SQLITE_AUTH for what it does not let through. */
void sql_gate_set(sql_gate *gate, sqlite3 *db);

/* The statement is prepared: before it runs. What runs names no table that it has not named before,
 * also what SpatiaLite prepares within. NULL: it may run; else the name of what it must not read,
 * borrowed from the gate. */
const char *sql_gate_close(sql_gate *gate, sqlite3 *db);

#endif
