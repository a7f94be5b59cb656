"""tests/api/e2e_history.py - tracks and events give the same answers from the log, from history.db,
and from both."""
import contextlib
import json
import os
import sqlite3

from e2e_backup import hedgerow
from e2e_farm import Farm, PADDOCK, START_MS, select
from e2e_sql import check_conditions
from harness import expect, test

TRACKS = ["/v1/devices/%s/track?%s" % (cow, more)
          for cow in ("cow-1", "cow-2", "nobody")
          for more in ("from=0", "format=csv&from=0", "format=gpx&from=0",
                       "from=%d&to=%d" % (START_MS + 20000, START_MS + 70000))]
EVENTS = ["/v1/events?" + more
          for more in ("limit=1000", "limit=1", "after=3&limit=2", "kind=exit", "device=cow-2",
                       "fence=north&limit=1", "after=1000000",
                       "from=%d" % (START_MS + 40000),
                       "from=%d&to=%d" % (START_MS, START_MS + 1000),
                       "before=1000000", "before=5&limit=2", "before=1000000&limit=1&kind=exit",
                       "before=1000000&severity=alarm&late=false",
                       "before=1000000&from=%d" % (START_MS + 40000))]
STATEMENTS = ["select * from track where device = 'cow-1' order by time",
              "select device, count(*) from track group by device order by device",
              "select device, max(time) from track group by device order by device",
              "select count(*) from track where time >= '%s'",
              "select count(*) from track where time < '%s'",
              "select count(*) from track where device = 'cow-2' and time between '%s' and '%s'",
              "select d.id, count(t.time) from device d left join track t on t.device = d.id "
              "group by 1 order by 1",
              "select * from event order by offset",
              "select count(*) from event where time < '%s'",
              "select id from event where offset > 2 order by offset limit 2"]


def answers(farm, middle):
    found = {}
    for path in TRACKS + EVENTS + ["/v1/alerts?state=all"]:
        status, _, body = farm.ask("GET", path, headers=farm.viewer)
        expect(status, 200, (path, body))
        found[path] = body
    for sql in STATEMENTS:
        sql = sql.replace("%s", middle)
        found[sql] = select(farm, sql)
        expect(found[sql][0], 200, (sql, found[sql]))
    return found


def same(farm, wanted, middle):
    got = answers(farm, middle)
    for asked in wanted:
        expect(got[asked], wanted[asked], asked)


def metric(farm, name):
    """The sum of a metric's samples, or None when there is none."""
    text = farm.ask("GET", "/metrics", headers=farm.viewer)[2].decode()
    found = [float(line.split()[-1]) for line in text.splitlines()
             if line.split("{")[0].split(" ")[0] == name]
    return sum(found) if found else None


def graze(farm):
    """Two cows in and out; some fixes come late, some twice."""
    farm.publish(("cow-1", 0, 16.005, 59.005), ("cow-2", 1, 16.006, 59.006))
    farm.publish(("cow-1", 30, 16.02, 59.005), ("cow-1", 60, 16.02, 59.006),
                 ("cow-1", 45, 16.021, 59.0055), ("cow-1", 30, 16.02, 59.005))
    farm.publish(("cow-2", 50, 16.02, 59.005), ("cow-2", 65, 16.02, 59.006))
    events = farm.wait_for("/v1/events?kind=exit", lambda body: len(body["events"]) == 2)["events"]
    path = "/v1/alerts/%d/ack" % events[0]["offset"]
    expect(farm.ask("POST", path, {}, farm.editor)[0] in (200, 201, 204), True)
    return events[0]["time"]


def health_reasons(farm):
    return farm.ask("GET", "/v1/health")[2]["reasons"]


def kept_fixes(farm):
    path = os.path.join(farm.data, "history.db")
    with contextlib.closing(sqlite3.connect("file:%s?mode=rw" % path, uri=True)) as db:
        return db.execute("select coalesce(sum(fixes), 0) from slot").fetchone()[0]


@test
def tracks_and_events_are_told_alike_from_log_and_history():
    with Farm("--history-write-seconds", "86400") as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        middle = graze(farm)
        from_log = answers(farm, middle)
        expect(kept_fixes(farm), 0)
        expect(len(from_log[STATEMENTS[0]][1]), 5)
        expect(from_log[STATEMENTS[1]][1], [["cow-1", 5], ["cow-2", 3]])
        farm.stop()
        expect(kept_fixes(farm), 8, "a clean stop writes what was read")
        farm.start()
        same(farm, from_log, middle)
        farm.publish(("cow-1", 70, 16.005, 59.005), ("cow-2", 80, 16.005, 59.005))
        farm.wait_for("/v1/events?kind=enter", lambda body: len(body["events"]) == 4)
        from_both = answers(farm, middle)
        expect(from_both[STATEMENTS[1]][1], [["cow-1", 6], ["cow-2", 4]])
        check_conditions(farm, [START_MS + 1000 * s for s in (0, 1, 30, 45, 60, 65, 70)])
        farm.stop()
        os.unlink(os.path.join(farm.data, "history.db"))
        farm.start()
        same(farm, from_both, middle)


@test
def the_historian_says_how_far_it_is_and_what_became_of_its_file():
    with Farm("--history-write-seconds", "1") as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        middle = graze(farm)
        wanted = answers(farm, middle)
        farm.wait_for("/v1/health", lambda _: metric(farm, "hedgerow_history_fixes_total") == 8)
        farm.wait_for("/v1/health", lambda _: metric(farm, "hedgerow_history_lag_records") == 0)
        expect(metric(farm, "hedgerow_history_lag_seconds") < 5, True)
        expect(metric(farm, "hedgerow_history_bytes") > 0, True)
        expect(kept_fixes(farm), 8)
        same(farm, wanted, middle)
        status, _, body = farm.ask("GET", "/v1/groups/historian/offsets", headers=farm.owner)
        expect((status, "events" in str(body)), (200, True), body)
        farm.stop()
        path = os.path.join(farm.data, "history.db")
        with open(path, "r+b") as file:
            file.write(b"no database")
        farm.start()
        reasons = health_reasons(farm)
        expect(any("history" in reason and "aside" in reason for reason in reasons), True, reasons)
        items = farm.ask("GET", "/v1/health")[2]["items"]
        expect(([item["message"] for item in items], [item["code"] for item in items]),
               (reasons, ["history.aside"]))
        expect(os.path.exists(path + ".damaged-1"), True)
        told = hedgerow("--data", farm.data, "doctor", "--json")
        finding = [f for f in json.loads(told.stdout)["findings"] if f["check"] == "health"][0]
        expect("backups" in finding["do"], True, finding)
        same(farm, wanted, middle)
        farm.stop()
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("pragma user_version = 9")
        try:
            farm.start()
        except AssertionError as refused:
            expect("history.db was written by a newer Hedgerow" in str(refused), True, refused)
        else:
            expect("started", "refused")
