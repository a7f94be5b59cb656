/* tests/bench/bench_log_sqlite.c - the peer: the same appends into SQLite. */
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_log.h"

struct peer {
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *insert[BENCH_PARTITIONS];
};

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void check(peer *p, int result)
{
    if (result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW) {
        die("sqlite: %s", sqlite3_errmsg(p->db));
    }
}

static void run(peer *p, const char *sql)
{
    check(p, sqlite3_exec(p->db, sql, NULL, NULL, NULL));
}

static void step(peer *p, sqlite3_stmt *statement)
{
    check(p, sqlite3_step(statement));
    check(p, sqlite3_reset(statement));
}

peer *peer_open(const char *folder, bool is_full_sync)
{
    char text[512];
    peer *p = calloc(1, sizeof *p);
    if (p == NULL) {
        die("out of memory");
    }
    snprintf(text, sizeof text, "%s/peer.db", folder);
    if (sqlite3_open(text, &p->db) != SQLITE_OK) {
        die("sqlite: cannot open %s", text);
    }
    run(p, "pragma journal_mode=wal");
    run(p, is_full_sync ? "pragma synchronous=full" : "pragma synchronous=off");
    for (int i = 0; i < BENCH_PARTITIONS; i++) {
        snprintf(text, sizeof text,
                 "create table if not exists p%d (at integer primary key, fix blob)", i);
        run(p, text);
        snprintf(text, sizeof text, "insert into p%d (fix) values (?)", i);
        check(p, sqlite3_prepare_v2(p->db, text, -1, &p->insert[i], NULL));
    }
    check(p, sqlite3_prepare_v2(p->db, "begin immediate", -1, &p->begin, NULL));
    check(p, sqlite3_prepare_v2(p->db, "commit", -1, &p->commit, NULL));
    return p;
}

void peer_append(peer *p, unsigned partition, const uint8_t *fixes, unsigned count)
{
    step(p, p->begin);
    for (unsigned i = 0; i < count; i++) {
        check(p, sqlite3_bind_blob(p->insert[partition], 1, fixes + (size_t)i * BENCH_FIX_BYTES,
                                   BENCH_FIX_BYTES, SQLITE_STATIC));
        step(p, p->insert[partition]);
    }
    step(p, p->commit);
}

uint64_t peer_read(peer *p, unsigned partition)
{
    char text[64];
    sqlite3_stmt *statement = NULL;
    uint64_t bytes = 0;
    snprintf(text, sizeof text, "select fix from p%u order by at", partition);
    check(p, sqlite3_prepare_v2(p->db, text, -1, &statement, NULL));
    while (sqlite3_step(statement) == SQLITE_ROW) {
        if (sqlite3_column_blob(statement, 0) != NULL) {
            bytes += (uint64_t)sqlite3_column_bytes(statement, 0);
        }
    }
    sqlite3_finalize(statement);
    return bytes;
}

void peer_close(peer *p)
{
    sqlite3_finalize(p->begin);
    sqlite3_finalize(p->commit);
    for (int i = 0; i < BENCH_PARTITIONS; i++) {
        sqlite3_finalize(p->insert[i]);
    }
    sqlite3_close(p->db);
    free(p);
}
