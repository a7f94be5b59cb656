"""tests/api/e2e_sql.py - random conditions: what SQL's tables are spared to read by them changes no
answer."""
import os
import random
import time

from e2e_farm import select
from harness import expect, new_seed, select_briefly

# A predicate's columns, as (table, what a row is told by).
TABLES = {"track": "device || ' ' || time", "event": "offset || ' ' || time"}
STATEMENTS = 8 if not os.environ.get("HR_LONG") else 90
PREDICATES = 20


def as_time(seed, ms):
    """A moment, written in one of the ways that people write moments."""
    base = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000))
    return seed.choice([
        "%s.%03dZ" % (base, ms % 1000), base + "Z", base[:16] + "Z", base.replace("T", " "),
        base.replace("T", " ") + "Z", base + "+02:00", base + "-02:00", base[:10], base,
        "%s.%03d9Z" % (base, ms % 1000), "%s.%dZ" % (base, ms % 1000 // 100), base[:13],
        base.lower() + "z", base[:4], "", "now"])


def literal(seed, column, moments):
    if column == "time":
        value = as_time(seed, seed.choice(moments) + seed.choice((-60000, -1, 0, 0, 1, 1000)))
    elif column == "device":
        value = seed.choice(("cow-1", "COW-1", "cow-2", "17", "nobody", "", "x" * 300, "cow-1 "))
    else:
        return seed.choice(("-1", "0", "1", "2.5", "3", "'3'", "null", "1e300", "-1e300",
                            "9223372036854775807", "x'33'", "true"))
    return seed.choice(("'%s'",) * 8 + ("x'%s'",)) % value if value.isdigit() else "'%s'" % value


def predicate(seed, table, moments, depth=0):
    kind = seed.random()
    if depth < 2 and kind < 0.35:
        parts = [predicate(seed, table, moments, depth + 1) for _ in range(2)]
        return "(%s %s %s)" % (parts[0], seed.choice(("and", "and", "or")), parts[1])
    if kind < 0.4:
        return "not " + predicate(seed, table, moments, 2)
    column = seed.choice(("device", "time", "time") + (("offset",) if table == "event" else ()))
    values = [literal(seed, column, moments) for _ in range(2)]
    collation = seed.choice(("",) * 6 + (" collate nocase", " collate rtrim", " collate binary"))
    form = seed.choice(("{0} {2} {1}{4}",) * 8 + (
        "{1} {2} {0}{4}", "{0}{4} {2} {1}", "{0}{4} in ({1}, {3})", "{0}{4} between {1} and {3}",
        "{0} is {1}{4}", "{0} is not {1}", "+{0} {2} {1}", "{0} {2} (select {1})",
        "({0}, lon) {2} ({1}, 16)"))
    operator = seed.choice(("=", "<", "<=", ">", ">=", "=", "<>"))
    return form.format(column, values[0], operator, values[1], collation)


def statement(table, predicates):
    """For each predicate the rows that it lets pass, by the table itself and by a copy of it."""
    rows = "(select group_concat(k, ',') from (select %s as k from %%s where %%s order by 1))" % \
        TABLES[table]
    return "with copy as materialized (select * from %s) %s" % (table, " union all ".join(
        "select %d, %s, %s" % (i, rows % (table, each), rows % ("copy", each))
        for i, each in enumerate(predicates)))


# Joins tell rows apart by their rowids, in whichever scan they stand.
JOINS = [("quote(d.id) || quote(t.time)", "%(device)s d {0} join %(track)s t on t.device = d.id"),
         ("quote(e.id) || quote(t.time)", "%(event)s e {0} join %(track)s t on t.time = e.time "
          "and t.device = e.device"),
         ("quote(i.device) || quote(e.id)", "%(inside)s i {0} join %(event)s e "
          "on e.device = i.device and e.time >= i.since")]
JOINED = ("device", "event", "inside", "track")


def rows_of(farm, sql):
    while True:
        status, rows = select(farm, sql)
        if rows != "rate.exceeded":
            expect(status, 200, (rows, sql))
            return rows
        select_briefly()


def check_joins(farm):
    copies = ", ".join("%s_copy as materialized (select * from %s)" % (t, t) for t in JOINED)
    names = {t: t for t in JOINED}, {t: t + "_copy" for t in JOINED}
    for told, join in JOINS:
        asked = ["select %s as k from %s and %s.lon > %s order by 1" %
                 (told, join.format(kind), "e" if " i " in join else "t", lon)
                 for kind in ("left", "right", "full", "inner") for lon in (0, 16.01)]
        rows = ["select " + ", ".join("(select group_concat(k, ',') from (%s))" % (each % name)
                                      for name in names) for each in asked]
        for i, (real, copy) in enumerate(rows_of(farm, "with %s %s" % (
                copies, " union all ".join(rows)))):
            expect(real, copy, asked[i])


def check_conditions(farm, moments):
    """A condition passes the same rows, whether it is pushed down or not."""
    seed = random.Random(new_seed())
    check_joins(farm)
    for number in range(STATEMENTS):
        table = ("track", "event")[number % 2]
        predicates = [predicate(seed, table, moments) for _ in range(PREDICATES)]
        for i, pushed, copied in rows_of(farm, statement(table, predicates)):
            expect(pushed, copied, (table, predicates[i]))
