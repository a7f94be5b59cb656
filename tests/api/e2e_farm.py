"""tests/api/e2e_farm.py - the whole way: fences in, fixes over MQTT, events and answers out."""
import http.client
import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import harness
from e2e_accounts import make_token, set_up
from harness import Service, expect, test
from websocket import WebSocket

PADDOCK = {"type": "Feature", "id": "north",
           "properties": {"name": "North paddock", "intent": "keep-in"},
           "geometry": {"type": "Polygon", "coordinates": [
               [[16.0, 59.0], [16.01, 59.0], [16.01, 59.01], [16.0, 59.01], [16.0, 59.0]]]}}
START_MS = int(time.time() * 1000) - 100000


class Farm(Service):
    """A service with an owner, an editor's token and a gateway."""

    def start(self):
        super().start()
        if not os.path.exists(os.path.join(self.data, "owner")):
            self.owner = set_up(self)
            self.editor = make_token(self, self.owner, "editor")
            self.viewer = make_token(self, self.owner, "viewer")
            program = os.path.join(os.path.dirname(harness.PROGRAM), "gateway_fixture")
            self.password = subprocess.run(
                [program, os.path.join(self.data, "broker"), "gate"], check=True, timeout=20,
                capture_output=True, text=True).stdout.strip()
            open(os.path.join(self.data, "owner"), "w").close()
        return self

    def let_graze(self):
        """A paddock, a cow in it, another one far away; all of it is known when this returns."""
        expect(self.ask("POST", "/v1/fences", PADDOCK, self.editor)[0], 201)
        self.publish(("cow-1", 0, 16.005, 59.005), ("cow-2", 1, 16.5, 59.5))
        self.wait_for("/v1/devices", lambda body: len(body["devices"]) == 2)
        self.wait_for("/v1/fences/north/devices", lambda body: len(body["devices"]) == 1)

    def publish(self, *fixes):
        """Fixes as (device, seconds after the start, lon, lat)."""
        self.publish_text(json.dumps([
            {"device": device, "time": START_MS + int(1000 * seconds), "lon": lon, "lat": lat}
            for device, seconds, lon, lat in fixes]))

    def publish_text(self, text):
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.mqtt_port), "-u", "gate",
                        "-P", self.password, "-q", "1", "-t", "hedgerow/v1/fix/gate", "-m", text],
                       check=True, timeout=20)

    def wait_for(self, path, wanted, timeout=harness.PATIENCE_S):
        """Ask until the answer pleases; events come a commit later than fixes."""
        deadline = time.monotonic() + timeout
        while True:
            status, _, body = self.ask("GET", path, headers=self.viewer)
            if status == 200 and wanted(body):
                return body
            if time.monotonic() > deadline:
                raise AssertionError("%s: %r %r" % (path, status, body))
            harness.select_briefly()


@test
def fences_are_made_changed_and_removed_with_etags():
    with Farm() as farm:
        status, headers, body = farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)
        expect(status, 201, body)
        expect((body["id"], headers["location"]), ("north", "/v1/fences/north"))
        etag = headers["etag"]
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 409)
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.viewer)[0], 403)
        path = "/v1/fences/north"
        expect(farm.ask("GET", path, headers=farm.viewer)[1]["etag"], etag)
        status, _, body = farm.ask("GET", path, headers={**farm.viewer, "If-None-Match": etag})
        expect((status, body), (304, b""))
        change = {"properties": {"name": "Norden"}}
        expect(farm.ask("PATCH", path, change, {**farm.editor, "If-Match": '"99"'})[0], 412)
        expect(farm.ask("PATCH", path, change, {**farm.editor, "If-Match": "rubbish"})[0], 412)
        status, headers, body = farm.ask("PATCH", path, change, {**farm.editor, "If-Match": etag})
        expect((status, body["properties"]["name"]), (200, "Norden"))
        expect(headers["etag"] != etag, True)
        expect(farm.ask("PUT", path, PADDOCK, {**farm.editor, "If-Match": etag})[0], 412)
        expect(farm.ask("PUT", path, PADDOCK, farm.editor)[0], 200)
        expect(farm.ask("PUT", "/v1/fences/south", {**PADDOCK, "id": "south"},
                        {**farm.editor, "If-None-Match": "*"})[0], 201)
        versions = farm.ask("GET", path + "/versions", headers=farm.viewer)[2]["versions"]
        expect([v["what"] for v in versions], ["replaced", "patched", "created"])
        expect(farm.ask("DELETE", path, headers=farm.editor)[0], 204)
        expect(farm.ask("GET", path, headers=farm.viewer)[0], 404)
        status, _, body = farm.ask("POST", path + "/restore", {"revision": 2}, farm.editor)
        expect((status, body["properties"]["name"]), (200, "Norden"))
        ids = [f["id"] for f in farm.ask("GET", "/v1/fences", headers=farm.viewer)[2]["features"]]
        expect(ids, ["north", "south"])
        rules = farm.ask("GET", "/v1/rules", headers=farm.viewer)[2]["rules"]
        version = "/v1/rules/%d" % rules[0]["version"]
        _, told, whole = farm.ask("GET", version, headers=farm.viewer)
        expect(told["cache-control"], "private, no-cache", "a restore may give it another meaning")
        same = {**farm.viewer, "If-None-Match": told["etag"]}
        expect((farm.ask("GET", version, headers=same)[0],
                farm.ask("GET", "/v1/rules/1", headers=same)[0]), (304, 200))
        expect([f["id"] for f in whole["fences"]], ["north", "south"])
        expect(whole["fences"][0]["rings_e7"][0][0], [160000000, 590000000])
        exported = farm.ask("GET", "/v1/export/fences", headers=farm.viewer)[2]
        expect(farm.ask("POST", "/v1/fences/import?replace=true", exported, farm.editor)[2]
               ["imported"], 2)


@test
def bad_fences_are_refused_with_the_reason_and_change_nothing():
    with Farm() as farm:
        def shape(*ring):
            return {**PADDOCK, "geometry": {"type": "Polygon", "coordinates": [list(ring)]}}
        bow = shape([0, 0], [1, 1], [1, 0], [0, 1], [0, 0])
        status, _, body = farm.ask("POST", "/v1/fences", bow, farm.editor)
        expect((status, body["error"]["code"], body["error"]["field"]),
               (400, "fence.invalid", "geometry"))
        expect("cross" in body["error"]["message"], True, body)
        for bad in ({}, {"type": "Feature"}, shape([0, 0], [1, 1], [0, 0]),
                    shape([0, 0], [1, 0], [1, 1]), shape([0, 0], [999, 0], [1, 1], [0, 0]),
                    {**PADDOCK, "id": "../etc"}, {**PADDOCK, "properties": {"intent": "eat"}}):
            status, _, body = farm.ask("POST", "/v1/fences", bad, farm.editor)
            expect(status, 400, (bad, body))
            expect(len(body["error"]["message"]) > 10, True)
        def of(**properties):
            return {**PADDOCK, "properties": properties}
        point = {**PADDOCK, "geometry": {"type": "Point", "coordinates": [16, 59]}}
        line = {**PADDOCK, "geometry": {"type": "LineString", "coordinates": [[16, 59], [16, 60]]}}
        for bad, field in (
                (shape([0, 0], [999, 0], [1, 1], [0, 0]), "geometry"),
                (shape([0, 89], [120, 89], [-120, 89], [0, 89]), "geometry"),
                ({**PADDOCK, "geometry": None}, "geometry"),
                ({**PADDOCK, "geometry": {"type": "MultiPoint", "coordinates": []}}, "geometry"),
                (point, "radius_m"), (line, "width_m"), (of(intent="eat"), "intent"),
                (of(name=5), "name"), (of(name="a\u0007"), "name"), (of(groups="a"), "groups"),
                (of(groups=[""]), "groups"), (of(groups=["g%d" % i for i in range(65)]), "groups"),
                (of(dwell_s=-1), "dwell_s"), (of(dwell_s="x"), "dwell_s"),
                (of(approach_m=1e9), "approach_m"), (of(confirm_fixes=1000), "confirm_fixes"),
                (of(expires_at="soon"), "expires_at"), (of(color=7), "color"),
                (of(geodesic="yes"), "geodesic"), (of(schedule={}), "schedule"),
                (of(schedule={"tz": "Mars/Base", "weekly": []}), "schedule"),
                (of(schedule={"tz": "UTC", "weekly": [{"days": ["may"]}]}), "schedule"),
                ({**PADDOCK, "properties": 5}, "properties"), ({**PADDOCK, "id": "../x"}, "id"),
                ({**PADDOCK, "type": "Fence"}, "type")):
            status, _, body = farm.ask("POST", "/v1/fences", bad, farm.editor)
            expect((status, body["error"].get("field")), (400, field), (bad, body))
        text = json.dumps(PADDOCK).replace("16.0,", "1e400,")
        kind = {**farm.editor, "Content-Type": "application/json"}
        expect(farm.ask("POST", "/v1/fences", text.encode(), kind)[0], 400)
        expect(farm.ask("GET", "/v1/fences", headers=farm.viewer)[2]["features"], [])


@test
def a_cow_that_leaves_is_told_everywhere():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        live = WebSocket(farm.port, headers=farm.viewer)
        hello = live.receive()["hello"]
        live.send({"subscribe": {"events": {}, "positions": {
            "bbox": [15.9, 58.9, 16.2, 59.1], "format": "json", "max_hz": 10}}})
        live.send({"id": 1, "get": "/v1/health"})
        live.receive_key("status")
        farm.publish(("cow-1", 0, 16.005, 59.005), ("cow-2", 0, 16.006, 59.006))
        farm.publish(("cow-1", 30, 16.02, 59.005), ("cow-1", 60, 16.03, 59.005))
        events = farm.wait_for("/v1/events", lambda b: len(b["events"]) >= 3)["events"]
        expect(sorted((e["kind"], e["device"]) for e in events),
               [("enter", "cow-1"), ("enter", "cow-2"), ("exit", "cow-1")])
        leaving = [e for e in events if e["kind"] == "exit"][0]
        expect((leaving["severity"], leaving["fence"], leaving["fence_name"], leaving["cause"]),
               ("alarm", "north", "North paddock", "fix"))
        expect(abs(leaving["crossing"]["lon"] - 16.01) < 1e-6, True, leaving)
        told = [live.receive_key("event") for _ in range(3)]
        expect(sorted(e["id"] for e in told), sorted(e["id"] for e in events))
        expect(told[0]["offset"] > hello["seq"], True)
        check_queries(farm)
        check_alerts(farm, leaving, live)
        check_positions(farm)
        check_log(farm)
        check_sql(farm)


def check_queries(farm):
    box = {"type": "Polygon", "coordinates": [
        [[15.99, 58.99], [16.015, 58.99], [16.015, 59.02], [15.99, 59.02], [15.99, 58.99]]]}
    status, _, body = farm.ask("POST", "/v1/query/within", box, farm.viewer)
    expect((status, [d["device"] for d in body["devices"]]), (200, ["cow-2"]))
    expect(len(body["as_of"]), 8)
    circle = {"type": "Feature", "properties": {"radius_m": 500},
              "geometry": {"type": "Point", "coordinates": [16.006, 59.006]}}
    body = farm.ask("POST", "/v1/query/within", circle, farm.viewer)[2]
    expect([d["device"] for d in body["devices"]], ["cow-2"])
    expect(farm.ask("POST", "/v1/query/within", {"type": "Nonsense"}, farm.viewer)[0], 400)
    path = "/v1/query/nearby?lon=16.03&lat=59.005&radius_m=5000&limit=5"
    body = farm.ask("GET", path, headers=farm.viewer)[2]
    expect([d["device"] for d in body["devices"]], ["cow-1", "cow-2"])
    expect(body["devices"][0]["distance_m"] < 1 < body["devices"][1]["distance_m"], True)
    for bad in ("", "?lon=1", "?lon=x&lat=1&radius_m=5", "?lon=1&lat=1&radius_m=-5",
                "?lon=181&lat=1&radius_m=5", "?lon=1&lat=1&radius_m=5&limit=0"):
        expect(farm.ask("GET", "/v1/query/nearby" + bad, headers=farm.viewer)[0], 400, bad)
    body = farm.ask("GET", "/v1/query/inside?device=cow-2", headers=farm.viewer)[2]
    expect([f["fence"] for f in body["fences"]], ["north"])
    expect([sorted(a) for a in body["as_of"]], [["offset", "partition"]])
    expect(farm.ask("GET", "/v1/query/inside?device=nobody", headers=farm.viewer)[0], 404)
    body = farm.ask("GET", "/v1/fences/north/devices", headers=farm.viewer)[2]
    expect([d["device"] for d in body["devices"]], ["cow-2"])
    expect(farm.ask("GET", "/v1/fences/none/devices", headers=farm.viewer)[0], 404)
    filtered = "/v1/events?device=cow-1&kind=exit&fence=north"
    body = farm.ask("GET", filtered, headers=farm.viewer)[2]
    expect(len(body["events"]), 1)
    expect(farm.ask("GET", "/v1/events?after=%d" % body["next"], headers=farm.viewer)[2]["events"],
           [])
    times = "/v1/events?from=%d&to=%d" % (START_MS, START_MS + 1)
    expect(len(farm.ask("GET", times, headers=farm.viewer)[2]["events"]), 2)
    expect(farm.ask("GET", "/v1/events?kind=moo", headers=farm.viewer)[0], 400)


def check_alerts(farm, leaving, live):
    body = farm.ask("GET", "/v1/alerts", headers=farm.viewer)[2]
    expect([(a["alert"], a["acked"]) for a in body["alerts"]], [(leaving["offset"], None)])
    path = "/v1/alerts/%d/ack" % leaving["offset"]
    expect(farm.ask("POST", path, {}, farm.viewer)[0], 403)
    # Several at once, who are not as quick as the disk.
    web = WebSocket(farm.port, headers=farm.editor)
    web.send([{"id": i, "post": path, "body": {"note": "fetched her"}} for i in range(6)])
    answers = [web.receive_key("body") for _ in range(6)]
    expect(answers[1:], answers[:-1])
    status, _, body = farm.ask("POST", path, {"note": "too late"}, farm.editor)
    expect((status, body["acked"]["user"], body), (200, "owner", answers[0]))
    records = farm.ask("GET", "/v1/log/events/0", headers=farm.viewer)[2]["records"]
    expect([r["type"] for r in records].count("alert_ack"), 1)
    expect(farm.ask("POST", path, {}, farm.editor)[2], body, "the first one counts")
    expect(farm.ask("POST", "/v1/alerts/9999/ack", {}, farm.editor)[0], 404)
    expect(farm.ask("GET", "/v1/alerts", headers=farm.viewer)[2]["alerts"], [])
    expect(len(farm.ask("GET", "/v1/alerts?state=all", headers=farm.viewer)[2]["alerts"]), 1)
    expect(live.receive_key("ack")["note"], "fetched her")


def check_positions(farm):
    live = WebSocket(farm.port, headers=farm.viewer)
    bbox = [15.9, 58.9, 16.2, 59.1]
    live.send({"subscribe": {"positions": {"bbox": bbox, "format": "json", "max_hz": 10}}})
    devices = live.receive_key("positions")
    expect(sorted(d["device"] for d in devices), ["cow-1", "cow-2"])
    farm.publish(("cow-2", 70, 16.007, 59.007))
    expect([d["device"] for d in live.receive_key("positions")], ["cow-2"])
    live.send({"subscribe": {"positions": {"bbox": bbox, "format": "binary", "max_hz": 10}}})
    names = dict(live.receive_key("names"))
    frame = live.receive()
    mark, version, flags, tick, count = struct.unpack("<2sBBII", frame[:12])
    expect((mark, version, flags, count), (b"HP", 1, 0, 2))
    expect(len(frame), 12 + 12 * count)
    for i in range(count):
        word, lon, lat = struct.unpack("<Iii", frame[12 + 12 * i:24 + 12 * i])
        expect(names[word & 0xffffff] in ("cow-1", "cow-2"), True)
        expect(160000000 < lon < 161000000 and 590000000 < lat < 591000000, True)
        expect(0 < word >> 24 < 255, True, "the fixes are some seconds old")
    live.send({"subscribe": {"positions": {"bbox": [170, -10, -170, 10]}}})
    live.send({"id": 5, "get": "/v1/health"})
    live.receive_key("status")
    live.close()


def ends_of(log):
    """How many records each topic has had."""
    return {t["topic"]: sum(p["end"] for p in t["partitions"]) for t in log["topics"]}


def check_log(farm):
    body = farm.ask("GET", "/v1/log", headers=farm.viewer)[2]
    ends = ends_of(body)
    expect(ends["positions"] >= 5, True, ends)
    fixes = []
    for partition in range(8):
        records = farm.ask("GET", "/v1/log/positions/%d?limit=100" % partition,
                           headers=farm.viewer)[2]["records"]
        fixes += [r for r in records if r["type"] == "fix"]
    expect(len(fixes), 5)
    expect(sorted(f["device"] for f in fixes), ["cow-1"] * 3 + ["cow-2"] * 2)
    track = farm.ask("GET", "/v1/devices/cow-1/track", headers=farm.viewer)[2]
    expect(len(track["geometry"]["coordinates"]), 3)
    times = track["properties"]["times"]
    for span, kind, count in (("from=" + times[0], "LineString", 3),
                              ("from=" + times[2], "MultiPoint", 1), ("to=" + times[0], None, 0)):
        part = farm.ask("GET", "/v1/devices/cow-1/track?" + span, headers=farm.viewer)[2]
        shape = part["geometry"] or {"type": None, "coordinates": []}
        expect((shape["type"], len(shape["coordinates"]), len(part["properties"]["times"])),
               (kind, count, count), span)
        if kind:
            sql = "select ST_IsValid(GeomFromGeoJSON(?))"
            expect(select(farm, sql, params=[json.dumps(shape)])[1], [[1]], span)
    csv = farm.ask("GET", "/v1/devices/cow-1/track?format=csv", headers=farm.viewer)[2]
    expect(csv.decode().count("\n"), 4)
    gpx = farm.ask("GET", "/v1/devices/cow-1/track?format=gpx", headers=farm.viewer)[2]
    expect(gpx.decode().count("<trkpt "), 3)
    devices = farm.ask("GET", "/v1/devices?limit=1", headers=farm.viewer)[2]
    expect((devices["devices"][0]["device"], devices["next"]), ("cow-1", "cow-1"))
    farm.wait_for("/v1/devices/cow-1", lambda b: "groups" in b)
    change = {"name": "Rosa", "groups": ["calves"], "stale_after_s": 3600}
    status, _, body = farm.ask("PATCH", "/v1/devices/cow-1", change, farm.editor)
    expect((status, body["name"], body["groups"]), (200, "Rosa", ["calves"]))
    expect(farm.ask("PATCH", "/v1/devices/cow-1", {"stale_after_s": "x"}, farm.editor)[0], 400)
    text = farm.ask("GET", "/metrics")[2].decode()
    check_metrics(text)


def check_metrics(text):
    """As a Prometheus server would read it."""
    values, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            expect(name in types, False, "one TYPE for each name: " + name)
            types[name] = kind
        elif line and not line.startswith("#"):
            match = re.fullmatch(r'([a-zA-Z_:][\w:]*)(\{[^{}]*\})? (\S+)', line)
            expect(match is not None, True, line)
            float(match.group(3))
            key = match.group(1) + (match.group(2) or "")
            expect(key in values, False, "each series once: " + key)
            values[key] = float(match.group(3))
            base = re.sub(r"_(bucket|sum|count)$", "", match.group(1))
            expect(match.group(1) in types or base in types, True, line)
    lag = [v for k, v in values.items() if k.startswith("hedgerow_engine_lag{")]
    expect((len(lag), sum(lag)), (8, 0))
    expect(values["hedgerow_ready"], 1)
    expect(values["process_resident_memory_bytes"] > 1e6, True)


def select(farm, sql, **more):
    status, _, body = farm.ask("POST", "/v1/sql", {"sql": sql, **more}, farm.viewer)
    return (status, body["rows"] if status == 200 else body["error"]["code"])


def check_sql(farm):
    expect(select(farm, "select id from device order by id"), (200, [["cow-1"], ["cow-2"]]))
    expect(select(farm, "select id, intent, round(area_ha) > 50 from fence"),
           (200, [["north", "keep-in", 1]]))
    expect(select(farm, "select device, fence from inside"), (200, [["cow-2", "north"]]))
    for table, count in (("device", 2), ("fence", 1), ("inside", 1), ("event", 3)):
        expect(select(farm, f"select count(*) from {table}"), (200, [[count]]), table)
    expect(select(farm, "select kind, count(*) from event group by kind order by 1"),
           (200, [["enter", 2], ["exit", 1]]))
    expect(select(farm, "select count(*) from track where device = ?", params=["cow-1"]),
           (200, [[3]]))
    expect(select(farm, "select d.id from device d join fence f on "
                        "ST_Within(d.geom, f.geom) = 1"), (200, [["cow-2"]]))
    expect(select(farm, "select AsText(geom) from device where id = 'cow-1'"),
           (200, [["POINT(16.03 59.005)"]]))
    expect(select(farm, "select round(ST_Distance(geom, MakePoint(16.03, 59.005, 4326), 1)) "
                        "from device where id = 'cow-1'"), (200, [[0.0]]))
    for table in ("event", "track"):
        code, rows = select(farm, f"select time from {table} order by time limit 1")
        expect((code, len(rows)), (200, 1), table)
        expect(select(farm, f"select count(*) > 0 from {table} where time = ?", params=rows[0]),
               (200, [[1]]), table)
        expect(select(farm, f"select count(*) from {table} a join {table} b on a.time = b.time "
                            "and a.device = b.device where a.device = 'nobody'"), (200, [[0]]))
    expect(select(farm, "select value from json_each('[1,2]')"), (200, [[1], [2]]))
    expect(len(select(farm, "with recursive n(i) as (select 1 union all select i + 1 from n "
                            "limit 50) select i from n")[1]), 50)
    # Whether a statement's own table is counted or read, and where in it, makes no difference.
    own = "with %s as (select 1 i union all select i + 1 from %s limit 50) select count(*) from %s"
    for name, wanted in (("n", (200, [[50]])), ("revision", (403, "sql.denied")),
                         ("sqlite_schema", (403, "sql.denied")), ("dbstat", (403, "sql.denied"))):
        counted = own % (name, name, name)
        for sql in (counted, counted.replace("with", "with recursive"),
                    "select * from (%s)" % counted, "select (%s)" % counted):
            expect(select(farm, sql), wanted, sql)
    expect(len(select(farm, "select 1 union select 2", limit=1)[1]), 1)
    for sql in ("delete from fence", "insert into fence(id) values ('x')", "drop table fence",
                "pragma user_version", "attach 'x' as y", "select * from sqlite_master",
                "select * from main.device", "select * from revision", "select * from setting",
                "select count(*) from revision", "select count(*) from sqlite_schema",
                "select 1 from temp.sqlite_schema", "select count(*) from pragma_table_list",
                "select count(*) from (select 1 from geometry_columns)",
                "create temp table t(x)", "update device set id = 1", "vacuum", "begin",
                "select load_extension('x')", "select BlobToFile(x'00', '/tmp/x')",
                "select * from pragma_database_list", "select * from temp.sqlite_master",
                "select InitSpatialMetadata(1)", "select DropTable(NULL, 'fence')",
                "select ExportGeoJSON2('fence', 'geom', '/tmp/x')", "reindex", "analyze",
                "select writefile('/tmp/x', 'y')", "select * from dbstat",
                "select AddGeometryColumn('fence', 'g', 4326, 'POINT', 'XY')",
                "with x as (select 1) delete from fence", "explain delete from fence"):
        status, code = select(farm, sql)
        expect((sql, status in (400, 403)), (sql, True))
    expect(select(farm, "select 1; select 2"), (400, "sql.invalid"))
    expect(select(farm, ""), (400, "sql.invalid"))
    endless = ("with recursive n(i) as (select 1 union all select i + 1 from n) "
               "select max(i) from n")
    begun = time.monotonic()
    expect(select(farm, endless.replace("max(i)", "count(*)")), (400, "sql.limit"))
    expect(time.monotonic() - begun < 8, True, "stopped by time")
    greedy = ("with recursive n(i) as (select 1 union all select i + 1 from n limit 10000000) "
              "select count(*) from (select distinct i || hex(zeroblob(500)) from n)")
    expect(select(farm, greedy)[0], 400, "stopped by memory or time")
    expect(farm.ask("GET", "/v1/fences", headers=farm.viewer)[0], 200)


@test
def a_gateway_is_let_in_and_shut_out_over_the_api():
    with Farm() as farm:
        owner = {"Cookie": farm.owner["Cookie"]}
        expect(farm.ask("POST", "/v1/gateways", {"name": "barn"}, farm.editor)[0], 403)
        status, _, made = farm.ask("POST", "/v1/gateways", {"name": "barn"}, owner)
        expect((status, made["user"], made["port"]), (201, "barn", farm.mqtt_port))
        expect(farm.ask("POST", "/v1/gateways", {"name": "barn"}, owner)[0], 409)
        for bad in ({"name": "a/b"}, {"name": "hedgerow"}, {"name": "x", "role": "king"}, {}):
            expect(farm.ask("POST", "/v1/gateways", bad, owner)[0] in (400, 409), True, bad)
        names = [g["user"] for g in farm.ask("GET", "/v1/gateways", headers=owner)[2]["gateways"]]
        expect(names, ["gate", "barn"])

        def publish():
            fix = {"device": "cow-9", "lon": 16, "lat": 59}
            return subprocess.run(["mosquitto_pub", "-h", made["host"], "-p", str(made["port"]),
                                   "-u", "barn", "-P", made["password"], "-q", "1", "-t",
                                   "hedgerow/v1/fix/barn", "-m", json.dumps(fix)],
                                  capture_output=True, timeout=20).returncode
        deadline = time.monotonic() + harness.PATIENCE_S
        while publish() != 0 and time.monotonic() < deadline:
            harness.select_briefly()
        farm.wait_for("/v1/devices/cow-9", lambda b: b["device"] == "cow-9")
        expect(farm.ask("DELETE", "/v1/gateways/barn", headers=owner)[0], 204)
        while publish() == 0 and time.monotonic() < deadline:
            harness.select_briefly()
        expect(publish() != 0, True, "shut out")
        expect(farm.ask("DELETE", "/v1/gateways/barn", headers=owner)[0], 404)


@test
def a_device_has_its_id_before_the_catalogue_has_been_told_of_it():
    with Farm() as farm:
        catalogue = sqlite3.connect(os.path.join(farm.data, "catalog.db"), isolation_level=None)
        catalogue.execute("BEGIN IMMEDIATE")
        farm.publish(("cow-1", 0, 16.005, 59.005))
        found = farm.wait_for("/v1/devices", lambda body: body["devices"])["devices"]
        alone = farm.ask("GET", "/v1/devices/cow-1", headers=farm.viewer)[2]
        catalogue.execute("ROLLBACK")
        catalogue.close()
        expect([found[0].get("id"), alone.get("id")], ["cow-1", "cow-1"])


@test
def circles_have_the_shape_that_decides():
    with Farm() as farm:
        circle = {"type": "Feature", "id": "well", "properties": {"name": "Well", "radius_m": 50},
                  "geometry": {"type": "Point", "coordinates": [16.0, 59.0]}}
        expect(farm.ask("POST", "/v1/fences", circle, farm.editor)[0], 201)
        body = farm.ask("GET", "/v1/fences/well/shape", headers=farm.viewer)[2]
        expect(body["type"], "MultiPolygon")
        expect(len(body["coordinates"][0][0]) > 8, True)
        expect(farm.ask("GET", "/v1/fences/none/shape", headers=farm.viewer)[0], 404)


@test
def a_crowd_is_counted_instead_of_shown():
    with Farm() as farm:
        for start in range(0, 13000, 500):
            farm.publish(*[("cow-%d" % i, 0, 16 + i % 100 * 0.01, 59 + i // 100 * 0.007)
                           for i in range(start, start + 500)])
        farm.wait_for("/v1/query/nearby?lon=16&lat=59&radius_m=900000&limit=1000",
                      lambda b: sum(a["offset"] for a in b["as_of"]) >= 13000)
        live = WebSocket(farm.port, headers=farm.viewer)
        live.send({"subscribe": {"positions": {"bbox": [15.9, 58.9, 17, 60], "max_hz": 10}}})
        counts = live.receive_key("counts")
        expect(sum(count for _, _, count in counts), 13000)
        live.send({"subscribe": {"positions": {"bbox": [15.995, 58.995, 16.005, 59.005]}}})
        expect([d["device"] for d in live.receive_key("positions")], ["cow-0"])
        live.send({"subscribe": {"positions": {"bbox": [100, -80, 90, 80], "max_hz": 10}}})
        counts = live.receive_key("counts")
        expect(sum(count for _, _, count in counts), 13000, "across the antimeridian")
        many = {"type": "FeatureCollection", "features": [
            {"type": "Feature", "id": "f%d" % i, "properties": {"name": "x" * 200},
             "geometry": PADDOCK["geometry"]} for i in range(1500)]}
        status, _, body = farm.ask("POST", "/v1/fences/import", many, farm.editor)
        expect((status, body["imported"]), (201, 1500))
        pages, after = 0, ""
        while after is not None and pages < 10:
            body = farm.ask("GET", "/v1/fences?limit=500&after=" + after, headers=farm.viewer)[2]
            after, pages = body["next"], pages + 1
        expect(pages in (3, 4), True)


@test
def poison_input_is_in_the_log_with_its_reason_and_its_bytes():
    with Farm() as farm:
        farm.publish_text("no fix")
        records = farm.wait_for("/v1/log/dead/0", lambda body: body["records"])["records"]
        found = {name: records[0][name] for name in ("type", "topic", "payload_bytes", "hex")}
        expect(found, {"type": "dead", "topic": "hedgerow/v1/fix/gate", "payload_bytes": 6,
                       "hex": b"no fix".hex()})
        expect("JSON" in records[0]["reason"], True, records[0])


@test
def a_group_keeps_its_place_and_nobody_moves_the_services_own():
    with Farm() as farm:
        farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)
        place = {"topic": "events", "partition": 0, "offset": 1}
        status, _, body = farm.ask("PUT", "/v1/groups/mine/offsets", {"offsets": [place]},
                                   farm.editor)
        expect((status, body["offsets"]), (200, [dict(place, lag=0)]))
        for bad in (dict(place, offset=9), dict(place, partition=1), dict(place, topic="none")):
            status, _, body = farm.ask("PUT", "/v1/groups/mine/offsets",
                                       {"offsets": [dict(place, offset=0), bad]}, farm.editor)
            expect((status, body["error"]["field"]), (400, "offsets"), bad)
            body = farm.ask("GET", "/v1/groups/mine/offsets", headers=farm.viewer)[2]
            expect(body["offsets"], [dict(place, lag=0)], "a bad place changes no other")
        status, _, body = farm.ask("PUT", "/v1/groups/mine/offsets",
                                   {"offsets": [dict(place, ofset=0)]}, farm.editor)
        expect((status, body["error"]["field"]), (400, "ofset"))
        for group in ("historian", "queries", "notify-mqtt", "webhook-barn", "hedgerow.x"):
            status, _, body = farm.ask("PUT", "/v1/groups/%s/offsets" % group,
                                       {"offsets": [place]}, farm.editor)
            expect((status, body["error"]["code"]), (403, "group.reserved"), group)


@test
def lists_are_whole_when_they_are_read_page_by_page():
    with Farm() as farm:
        fences = [{**PADDOCK, "id": "f%02d" % i} for i in range(10)]
        expect(farm.ask("POST", "/v1/fences/import", {"type": "FeatureCollection",
                                                      "features": fences}, farm.editor)[0], 201)
        farm.publish(*[("cow-%02d" % i, 0, 16.005, 59.005) for i in range(10)])
        farm.wait_for("/v1/events?limit=1000", lambda body: len(body["events"]) >= 100)
        for path, key, name, step in (
                ("/v1/fences", "features", lambda f: f["id"], 7),
                ("/v1/devices", "devices", lambda d: d["device"], 3),
                ("/v1/events", "events", lambda e: e["offset"], 33),
                ("/v1/log/events/0", "records", lambda r: r["offset"], 50)):
            cursor = "offset" if "/log/" in path else "after"
            whole = [name(each) for each in
                     farm.ask("GET", path + "?limit=1000", headers=farm.viewer)[2][key]]
            got, after, pages = [], "0" if cursor == "offset" else "", 0
            while after is not None:
                more = "&%s=%s" % (cursor, after) if after != "" else ""
                body = farm.ask("GET", "%s?limit=%d%s" % (path, step, more),
                                headers=farm.viewer)[2]
                page = [name(each) for each in body[key]]
                expect(len(page) <= step, True, path)
                got += page
                pages += 1 if page else 0
                after = body["next"] if page else None
            expect((got, pages), (whole, -(-len(whole) // step)), path)
        check_events_backwards(farm)
        check_too_much_sql(farm)


def check_events_backwards(farm):
    ask = lambda more: farm.ask("GET", "/v1/events?" + more, headers=farm.viewer)
    for more in ("", "&kind=enter", "&severity=info&late=false"):
        whole = ask("limit=1000" + more)[2]["events"]
        before, got = 1 << 40, []
        while True:
            body = ask("limit=33&before=%d%s" % (before, more))[2]
            got += body["events"]
            if not body["more"]:
                break
            before = body["next"]
        expect([e["offset"] for e in got], [e["offset"] for e in reversed(whole)], more)
    expect(len(ask("severity=alarm")[2]["events"]), 0)
    for bad in ("before=-1", "before=moo", "before=5&after=3", "before=5&limit=1001",
                "severity=moo", "late=moo"):
        status, _, body = ask(bad)
        expect((status, body["error"]["code"]), (400, "query.parameter"), bad)


def check_too_much_sql(farm):
    live = WebSocket(farm.port, headers=farm.viewer)
    live.receive()
    live.send([{"id": i, "post": "/v1/sql", "body": {"sql": "select 1"}} for i in range(400)])
    refused = live.receive()  # at once, while the others are worked on
    expect({(each["status"], each["body"]["error"]["code"]) for each in refused},
           {(429, "rate.exceeded")})
    expect(farm.ask("GET", "/v1/fences", headers=farm.viewer)[0], 200, "the rest goes on")


@test
def a_statement_ends_when_its_asker_goes():
    with Farm() as farm:
        body = json.dumps({"sql": "with recursive n(i) as (select 1 union all select i + 1 from n)"
                                  " select max(i) from n"})
        head = ("POST /v1/sql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                "Authorization: %s\r\nContent-Length: %d\r\n\r\n")
        request = head % (farm.viewer["Authorization"], len(body)) + body
        for _ in range(2):  # as many as there are threads for it
            farm.raw(request.encode(), 0.2)
        begun = time.monotonic()
        expect(select(farm, "select 1"), (200, [[1]]))
        expect(time.monotonic() - begun < 4.5, True, "stopped before their time was over")


def log_of(farm, device):
    """The times of all fixes of a device in the log."""
    times = []
    for partition in range(8):
        offset = 0
        while True:
            page = farm.ask("GET", "/v1/log/positions/%d?offset=%d&limit=10000" %
                            (partition, offset), headers=farm.owner)[2]
            times += [r["time"] for r in page["records"]
                      if r["type"] == "fix" and r["device"] == device]
            if page["next"] == offset:
                break
            offset = page["next"]
    return times


@test
def json_published_through_a_kill_is_all_there():
    with Farm() as farm:
        with subprocess.Popen(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(farm.mqtt_port), "-u",
                               "gate", "-P", farm.password, "-q", "1", "-t",
                               "hedgerow/v1/fix/gate", "-l"], stdin=subprocess.PIPE) as publisher:
            def publish():
                for i in range(1500):
                    fix = {"device": "cow-1", "time": START_MS + 50 * i, "lon": 16, "lat": 59}
                    publisher.stdin.write(json.dumps(fix).encode() + b"\n")
                    publisher.stdin.flush()
                    if i % 10 == 0:
                        harness.select_briefly()
            thread = threading.Thread(target=publish)
            thread.start()
            farm.wait_for("/v1/log", lambda body: ends_of(body)["positions"] > 100)
            farm.stop(9)
            farm.start()
            thread.join()
            publisher.stdin.close()
            expect(publisher.wait(timeout=30), 0)
        deadline = time.monotonic() + harness.PATIENCE_S
        while len(set(log_of(farm, "cow-1"))) < 1500 and time.monotonic() < deadline:
            harness.select_briefly()
        expect(len(set(log_of(farm, "cow-1"))), 1500)


@test
def everything_is_there_after_a_kill():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        farm.publish(("cow-1", 0, 16.005, 59.005))
        before = farm.wait_for("/v1/events", lambda b: len(b["events"]) == 1)
        farm.stop(9)
        farm.start()
        expect(farm.wait_for("/v1/events", lambda b: True)["events"], before["events"])
        farm.publish(("cow-1", 30, 16.02, 59.005), ("cow-1", 60, 16.03, 59.005))
        farm.wait_for("/v1/events", lambda b: len(b["events"]) == 2)
        expect(farm.stop(), 0)


@test
def wide_questions_do_not_hold_up_small_ones():
    """What looks at every device there is leaves the thread that everybody's connection is on."""
    def around(reach):
        corners = [[16 - reach, 59 - reach], [16 + reach, 59 - reach], [16 + reach, 59 + reach],
                   [16 - reach, 59 + reach], [16 - reach, 59 - reach]]
        return {"type": "Polygon", "coordinates": [corners]}

    def nearby(radius_m):
        return "/v1/query/nearby?lon=16&lat=59&radius_m=%d" % radius_m

    with Farm() as farm:
        farm.publish(("cow-1", 0, 16.001, 59.001))
        farm.wait_for("/v1/devices", lambda body: len(body["devices"]) == 1)
        token = farm.viewer["Authorization"].split()[1]
        client = WebSocket(farm.port, "/v1/live?token=" + token)
        client.receive()
        client.send([{"id": "wide", "post": "/v1/query/within", "body": around(10)},
                     {"id": "far", "get": nearby(1000000)},
                     {"id": "small", "post": "/v1/query/within", "body": around(0.01)},
                     {"id": "near", "get": nearby(500)}])
        answers = [client.receive() for _ in range(3)]
        at_once = [answer for answer in answers if isinstance(answer, list)]
        expect([[a["id"] for a in group] for group in at_once], [["small", "near"]])
        later = [answer for answer in answers if isinstance(answer, dict)]
        expect(sorted(answer["id"] for answer in later), ["far", "wide"])
        for answer in later + at_once[0]:
            expect([d["device"] for d in answer["body"]["devices"]], ["cow-1"], answer)
        for reach in (10, 0.01):
            for key in ({}, {"Idempotency-Key": "k%s" % reach}):
                for _ in range(2):
                    status, _, body = farm.ask("POST", "/v1/query/within", around(reach),
                                               {**farm.viewer, **key})
                    expect((status, [d["device"] for d in body["devices"]]), (200, ["cow-1"]))
        client.close()


@test
def who_shows_slowly_is_not_sent_ahead_and_told_what_was_left_out():
    with Farm() as farm:
        live = WebSocket(farm.port, headers=farm.viewer)
        live.receive()
        live.send({"subscribe": {"positions": {"max_hz": 10}}})
        ticks = []
        for second in range(12):
            if second == 1:
                live.send({"seen": ticks[0]})  # and never again, as it seems
            farm.publish(("cow-1", second, 16 + second / 1000, 59))
            while len(ticks) < 5 and (message := live.receive()):
                if "positions" in message and message["positions"]:
                    ticks.append(message["tick"])
                    break
                expect("lagged" in message, False, "nothing was left out yet")
        ahead = ticks[-1] - ticks[0]
        expect(ahead <= 4, True, ticks)
        while (message := live.receive(0.3)) is not None:
            expect(message["tick"] - ticks[0] <= 4, True, message)
            ticks.append(message["tick"])
        farm.wait_for("/v1/devices/cow-1", lambda body: body["lon"] == 16.011)
        live.send({"seen": ticks[-1]})
        expect(live.receive_key("lagged")["dropped"] > 0, True)
        shown = live.receive_key("positions")
        expect([(d["device"], d["lon"]) for d in shown], [("cow-1", 16.011)], "the newest, once")
        live.close()


@test
def no_call_of_a_function_makes_as_much_as_a_number_says():
    """Nothing can stop a call once it runs: each of these took the service with it, or minutes."""
    line = "GeomFromText('LINESTRING(0 0, 10 0)')"
    with Farm() as farm:
        for sql in ("GeoHash(MakePoint(0, 0, 4326), 5)", "ST_GeoHash(MakePoint(0, 0, 4326), 5)",
                    "SquareGrid(BuildMbr(0, 0, 9, 9), 1)", "ST_SquareGrid(BuildMbr(0, 0, 9, 9), 1)",
                    "TriangularGrid(BuildMbr(0, 0, 9, 9), 1)", "AsX3D(MakePoint(0, 0, 4326), 5)",
                    "HexagonalGrid(BuildMbr(0, 0, 9, 9), 1)", "ST_Segmentize(%s, 1)" % line,
                    "ST_Subdivide(%s, 8)" % line, "BufferOptions_SetQuadrantSegments(5)",
                    "Line_Interpolate_Equidistant_Points(%s, 1)" % line,
                    "ST_Line_Interpolate_Equidistant_Points(%s, 1)" % line,
                    "Buffer(MakePoint(0, 0), 1, 5)", "ST_Buffer(MakePoint(0, 0), 1, 5)"):
            expect((sql, select(farm, "select " + sql)), (sql, (400, "sql.invalid")))
        expect(select(farm, "select ST_Area(ST_Buffer(MakePoint(0, 0), 1)) > 3"), (200, [[1]]))
        expect(select(farm, "select ST_NumGeometries(ST_Collect(MakePoint(value, 0))) "
                            "from json_each('[1,2,3]')"), (200, [[3]]))
        if os.environ.get("HR_LONG"):
            many = "replace(printf('%%.*c', %d, 'x'), 'x', '%s')"
            heap = ("select length(ST_Collect(GeomFromText('LINESTRING(0 0' || %s || ')'))) "
                    "from json_each('[1' || %s || ']')" % (many % (200000, ",1 1"),
                                                           many % (900, ",1")))
            expect(select(farm, heap), (400, "sql.limit"))
            status = open("/proc/%d/status" % farm.process.pid).read()
            peak_kb = int(re.search(r"VmHWM:\s*(\d+)", status).group(1))
            expect(peak_kb < 600000, True, peak_kb)


@test
def a_statement_ends_when_nobody_waits_for_it():
    """Two threads are for SQL: were both left to their 5 seconds, a third question would wait."""
    endless = ("with recursive n(i) as (select 1 union all select i + 1 from n) "
               "select max(i) from n")
    with Farm() as farm:
        expect(select(farm, "select 1"), (200, [[1]]))
        body = json.dumps({"sql": endless}).encode()
        head = ("POST /v1/sql HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n"
                "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
                (farm.viewer["Authorization"], len(body))).encode()
        web = WebSocket(farm.port, headers=farm.viewer)
        web.send({"id": 1, "post": "/v1/sql", "body": {"sql": endless}})
        plain = socket.create_connection(("127.0.0.1", farm.port), timeout=harness.PATIENCE_S)
        plain.sendall(head + body)
        expect(select_soon(farm, 0.5), None, "both threads are busy")
        begun = time.monotonic()
        plain.close()
        web.close()
        expect(select(farm, "select 1"), (200, [[1]]))
        expect(time.monotonic() - begun < 3.5, True, "the statements ended with their connections")


def select_soon(farm, timeout):
    """The status of a small statement, or None if it is not answered that soon."""
    link = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=timeout)
    try:
        return farm.ask("POST", "/v1/sql", {"sql": "select 1"}, farm.viewer, connection=link)[0]
    except TimeoutError:
        return None
    finally:
        link.close()
