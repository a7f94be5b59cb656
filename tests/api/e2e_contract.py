"""tests/api/e2e_contract.py - the service does what /v1/openapi.json says, and says what it does:
its answers have the members that are told and no others, and each told member is met or taken."""
import http.client
import json
import os
import re
import sqlite3

from e2e_accounts import PASSWORD
from e2e_farm import PADDOCK, Farm
from harness import expect, test

KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float),
         "integer": int, "null": type(None)}
# Told, and not met here: gateways that tell of themselves, and what takes minutes or a fault.
RARE = {
    "GatewayStatus.online", "GatewayStatus.state", "GatewayStatus.told", "GatewayStatus.waiting",
    "GatewayStatus.oldest_waiting", "GatewayStatus.dropped", "GatewayStatus.refused",
    "GatewayStatus.version", "QueryReport.time", "QueryReport.rows_per_s", "QueryReport.watermark",
    "Query.reason", "DevicesAsOf.cut", "LogRecord.ms", "Health.items.code", "Health.items.message",
    "Health.items.values"}


class Description:
    """Reads values by their schemas. What has a list of members has those and no others."""

    def __init__(self, whole):
        self.whole = whole
        self.schemas = whole["components"]["schemas"]
        self.met = set()

    def check(self, value, schema, where):
        if "$ref" in schema:
            where = schema["$ref"].rsplit("/", 1)[1]
            schema = self.schemas[where]
        kinds = schema.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        is_truth = isinstance(value, bool)
        expect(not kinds or any(isinstance(value, KINDS[k]) and is_truth == (k == "boolean")
                                for k in kinds), True, (where, value, kinds))
        expect(value in schema.get("enum", [value]), True, (where, value))
        if schema.get("format") == "date-time" and value is not None:
            expect(re.fullmatch(r"[\d-]{10}T\d\d:\d\d:\d\d(\.\d{3})?Z", value) is not None, True,
                   (where, value))
        if isinstance(value, list):
            for each in value:
                self.check(each, schema.get("items", {}), where)
        if isinstance(value, dict) and "properties" in schema:
            self.check_members(value, schema, where)

    def check_members(self, value, schema, where):
        members = schema["properties"]
        expect([n for n in schema.get("required", []) if n not in value], [], where + " lacks")
        if not schema.get("additionalProperties"):
            expect([n for n in value if n not in members], [], where + " is not told to have")
        for name, told in members.items():
            if name in value:
                self.met.add(where + "." + name)
                self.check(value[name], told, where + "." + name)

    def never_met(self, schema, where, known):
        """The members of a schema that no answer had."""
        if "$ref" in schema:
            where = schema["$ref"].rsplit("/", 1)[1]
            if where in known:
                return
            known.add(where)
            schema = self.schemas[where]
        yield from self.never_met(schema["items"], where, known) if "items" in schema else ()
        for name, told in schema.get("properties", {}).items():
            if where + "." + name not in self.met:
                yield where + "." + name
            yield from self.never_met(told, where + "." + name, known)


class Caller:
    """Asks as the description has it, and checks what comes."""

    def __init__(self, farm):
        self.farm = farm
        self.told = Description(farm.ask("GET", "/v1/openapi.json")[2])
        self.asked = set()

    def __call__(self, method, path, given="", body=None, more=None, who=None):
        """given: what stands in the braces, by name, and behind the path, by "?" or alone."""
        operation = self.told.whole["paths"][path][method.lower()]
        target = path + given if isinstance(given, str) else \
            re.sub(r"\{(\w+)\}", lambda name: str(given[name[1]]), path) + given.get("?", "")
        headers = {**(self.farm.owner if who is None else who), **(more or {})}
        status, head, answer = self.farm.ask(method, target, body, headers)
        responses = operation["responses"]
        told = responses["2XX" if 200 <= status < 300 else "default"]
        kind = head.get("content-type", "").split(";")[0]
        where = "%s %s %d" % (method, target, status)
        if status in (204, 304):
            expect((answer, kind), (b"", ""), where)
        else:
            expect(kind in told.get("content", {}), True, (where, kind))
            self.told.check(answer, told["content"][kind].get("schema", {}), where)
        if status < 300:
            self.asked.add((method, path))
        return status, head, answer

    def ok(self, method, path, given="", body=None):
        status, _, answer = self(method, path, given, body)
        expect(200 <= status < 300, True, (method, path, given, status, answer))
        return answer


def square(name, west):
    ring = [[west + x, 59 + y] for x, y in ((0, 0), (.01, 0), (.01, .01), (0, .01), (0, 0))]
    return {"type": "Feature", "id": name, "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"name": name, "intent": "keep-in", "groups": ["herd"], "dwell_s": 5,
                           "approach_m": 10, "confirm_fixes": 1, "geodesic": True,
                           "color": "#112233", "expires_at": "2090-01-01T00:00:00Z", "schedule": {
                               "tz": "Europe/Stockholm",
                               "weekly": [{"days": ["mon"], "from": "06:00", "to": "20:00"}]}}}


QUERY = {"name": "mine", "about": "x", "from": "positions", "where": "lon > 0",
         "group_by": ["device"], "window": {"type": "tumbling", "size": "1s"},
         "select": {"fixes": "count()"}, "output": "update", "lateness": "1s", "enabled": True,
         "join": ["device"]}


def ask_fences(ask):
    circle = {"type": "Feature", "id": "round", "properties": {"radius_m": 50},
              "geometry": {"type": "Point", "coordinates": [18, 59]}}
    lane = {"type": "Feature", "id": "lane", "properties": {"width_m": 5},
            "geometry": {"type": "LineString", "coordinates": [[18, 59], [18.01, 59]]}}
    etag = ask("POST", "/v1/fences", "", square("a", 17))[1]["etag"]
    for feature in (circle, lane):
        ask.ok("POST", "/v1/fences", "", feature)
    ask.ok("GET", "/v1/fences", "?limit=1")
    expect(ask("GET", "/v1/fences/{id}", {"id": "a"}, None, {"If-None-Match": etag})[0], 304)
    ask.ok("GET", "/v1/fences/{id}", {"id": "lane"})
    ask.ok("PUT", "/v1/fences/{id}", {"id": "a"}, square("a", 17.5))
    ask.ok("PATCH", "/v1/fences/{id}", {"id": "a"}, {"properties": {"name": "b"}})
    expect(ask("PATCH", "/v1/fences/{id}", {"id": "a"}, {"properties": {"name": "c"}},
               {"If-Match": etag})[0], 412)
    ask.ok("GET", "/v1/fences/{id}/shape", {"id": "round"})
    ask.ok("GET", "/v1/fences/{id}/versions", {"id": "a"})
    ask.ok("POST", "/v1/fences/{id}/restore", {"id": "a"}, {"revision": 1})
    ask.ok("POST", "/v1/fences/import", "?replace=true&close_rings=true",
           {"type": "FeatureCollection", "features": [square("more", 19)]})
    ask.ok("GET", "/v1/export/fences")
    ask.ok("GET", "/v1/fences/{id}/devices", {"id": "north"})
    ask.ok("DELETE", "/v1/fences/{id}", {"id": "lane"})
    ask.ok("GET", "/v1/fences", "?removed=true")
    pole = {**circle, "geometry": {"type": "Point", "coordinates": [0, 90]}}
    expect(ask("POST", "/v1/fences", "", pole)[2]["error"]["reason"], "fence.pole")


def ask_devices(ask):
    ask.ok("POST", "/v1/query/within", "", PADDOCK["geometry"])
    ask.ok("GET", "/v1/query/nearby", "?lon=16.005&lat=59.005&radius_m=5000")
    ask.ok("GET", "/v1/query/inside", "?device=cow-2")
    ask.ok("GET", "/v1/devices", "?limit=1")
    ask.ok("PATCH", "/v1/devices/{id}", {"id": "cow-2"},
           {"name": "Rosa", "groups": ["herd"], "stale_after_s": 5000})
    ask.ok("GET", "/v1/devices/{id}", {"id": "cow-2"})
    for kind in ("geojson", "gpx", "csv"):
        ask.ok("GET", "/v1/devices/{id}/track", {"id": "cow-1", "?": "?format=" + kind})
    ask.ok("GET", "/v1/device-groups")
    ask.ok("DELETE", "/v1/devices/{id}", {"id": "cow-1"})
    ask.ok("GET", "/v1/gateways")
    ask.ok("POST", "/v1/gateways", "", {"name": "hill", "role": "reader"})
    ask.ok("DELETE", "/v1/gateways/{name}", {"name": "hill"})
    ask.ok("GET", "/v1/events", "?limit=1000")
    alert = ask.ok("GET", "/v1/alerts")["alerts"][0]["alert"]
    ask.ok("POST", "/v1/alerts/{offset}/ack", {"offset": alert}, {"note": "seen"})
    ask.ok("GET", "/v1/alerts", "?state=all")


def ask_accounts(ask):
    user = {"user": "eve", "password": PASSWORD, "role": "viewer"}
    ask.ok("POST", "/v1/login", "", {"user": "owner", "password": PASSWORD})
    ask.ok("POST", "/v1/login-link", "", {})
    ask.ok("GET", "/v1/me")
    ask.ok("POST", "/v1/users", "", user)
    ask.ok("PATCH", "/v1/users/{user}", {"user": "eve"}, {"role": "editor"})
    ask.ok("GET", "/v1/users")
    ask.ok("DELETE", "/v1/users/{user}", {"user": "eve"})
    token = ask.ok("POST", "/v1/tokens", "", {"name": "t", "role": "viewer",
                                             "expires_at": "2090-01-01T00:00:00Z"})
    ask.ok("GET", "/v1/tokens")
    ask.ok("DELETE", "/v1/tokens/{id}", {"id": token["id"]})
    ask.ok("GET", "/v1/audit", "?limit=5")


def ask_queries(ask):
    mine = {"name": "mine"}
    ask.ok("GET", "/v1/queries")
    follows = {"from": "events", "on": ["device"], "within": "10m", "match": "last"}
    ask.ok("PUT", "/v1/queries/{name}", mine, {**QUERY, "from": "events", "follows": follows})
    ask.ok("POST", "/v1/queries/{name}/stop", mine, {})
    ask.ok("POST", "/v1/queries/{name}/start", mine, {})
    for path in ("/v1/queries/{name}", "/v1/queries/{name}/explain"):
        ask.ok("GET", path, mine)
    for path in ("/v1/queries/{name}/rows", "/v1/queries/{name}/progress"):
        ask.ok("GET", path, {"name": "herd"})
    ask.ok("DELETE", "/v1/queries/{name}", mine)
    ask.ok("POST", "/v1/sql", "", {"sql": "select id, ? from device", "params": [1], "limit": 1})


def ask_system(ask):
    newest = ask.ok("GET", "/v1/rules")["rules"][0]["version"]
    ask.ok("GET", "/v1/rules/{version}", {"version": newest})
    ask.ok("GET", "/v1/settings")
    ask.ok("PATCH", "/v1/settings", "", {"stale_after_s": 7200, "tz": "Europe/Stockholm"})
    ask.ok("GET", "/v1/farm")
    ask.ok("PUT", "/v1/farm", "", {"name": "Norrgården", "map_attribution": "us",
                                   "map_url": "https://tiles.example/{z}/{x}/{y}.png"})
    log = ask.ok("GET", "/v1/log")
    for topic in log["topics"]:
        for part in topic["partitions"]:
            ask.ok("GET", "/v1/log/{topic}/{partition}",
                   {"topic": topic["topic"], "partition": part["partition"]})
    ask.ok("PUT", "/v1/groups/{group}/offsets", {"group": "mine"},
           {"offsets": [{"topic": "events", "partition": 0, "offset": 1}]})
    ask.ok("GET", "/v1/groups/{group}/offsets", {"group": "mine"})
    ask.ok("GET", "/v1/groups")
    for path in ("/v1/health", "/metrics", "/v1/openapi.json"):
        ask.ok("GET", path)
    ask.ok("GET", "/tiles/{z}/{x}/{y}", {"z": 0, "x": 0, "y": 0})


# A list: where, its member, the parameter that goes on with `next`, the most that may be asked for.
LISTS = [("/v1/fences", "features", "after", 1000), ("/v1/devices", "devices", "after", 1000),
         ("/v1/fences/a/versions", "versions", "before", 1000),
         ("/v1/rules", "rules", "before", 1000), ("/v1/audit", "audit", "before", 1000),
         ("/v1/events", "events", "after", 10000),
         ("/v1/events?before=99", "events", "before", 1000),
         ("/v1/log/events/0", "records", "offset", 10000)]


def check_pages(ask):
    """Two by two, and as many as there are: the same rows, none twice."""
    link = http.client.HTTPConnection("127.0.0.1", ask.farm.port, timeout=60)
    for path, member, cursor, most in LISTS:
        def page(limit, *more):
            query = ["limit=%s" % limit, *("%s=%s" % (cursor, each) for each in more)]
            base, _, first = path.partition("?")
            query += [first] if first and not more else []
            status, _, body = ask.farm.ask("GET", base + "?" + "&".join(query),
                                           headers=ask.farm.owner, connection=link)
            return body if status == 200 else status

        whole = page(most)[member]
        expect(len(whole) > 1, True, path)
        expect((page(0), page(most + 1)), (400, 400), path)
        for limit in (2, len(whole)):
            body, rows, asked = page(limit), [], 0
            while body[member]:
                rows += body[member]
                expect(len(body[member]) <= limit, True, path)
                body = page(limit, body["next"]) if body["next"] is not None else {member: []}
                asked += 1
                expect(asked <= len(whole) + 1, True, (path, limit, "ends"))
            if path == "/v1/audit" or path.startswith("/v1/log"):
                rows = rows[:len(whole)]
            expect(rows, whole, (path, limit))


def make_map(path):
    with sqlite3.connect(path) as db:
        db.execute("create table tiles(zoom_level, tile_column, tile_row, tile_data)")
        db.execute("insert into tiles values(0, 0, 0, ?)", (b"\x89PNG\r\n\x1a\n",))


@test
def every_answer_is_as_the_description_says():
    farm = Farm()
    make_map(os.path.join(farm.folder, "map.mbtiles"))
    farm.flags = ("--tiles", os.path.join(farm.folder, "map.mbtiles"))
    with farm:
        ask = Caller(farm)
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        ask.ok("POST", "/v1/queries", "", {**QUERY, "name": "herd"})
        farm.publish(("cow-1", 0, 16.005, 59.005), ("cow-1", 60, 16.03, 59.005))
        farm.publish_text("no fix at all")
        farm.publish_text(json.dumps({"device": "cow-2", "lon": 16.006, "lat": 59.005,
                                      "accuracy_m": 4.5, "speed_mps": 1, "heading_deg": 20,
                                      "battery_pct": 90}))
        farm.wait_for("/v1/alerts", lambda body: body["alerts"])
        farm.wait_for("/v1/fences/north/devices", lambda body: body["devices"])
        farm.wait_for("/v1/queries/herd/rows", lambda body: body["rows"])
        for part in (ask_fences, ask_devices, ask_accounts, ask_queries, ask_system):
            part(ask)
        check_pages(ask)
        check_refusals(ask)
        check_bodies_are_read(ask)
        ask.ok("PATCH", "/v1/me", "", {"old_password": PASSWORD, "password": PASSWORD + "!"})
        link = farm.ask("POST", "/v1/login", {"user": "owner", "password": PASSWORD + "!"})[1]
        farm.owner = {"Cookie": link["set-cookie"].split(";")[0]}
        ask.ok("POST", "/v1/logout", "", {})
        check_all_was_met(ask)


def check_all_was_met(ask):
    wanted = {(method.upper(), path) for path, methods in ask.told.whole["paths"].items()
              for method in methods}
    expect(wanted - ask.asked, {("POST", "/v1/setup")})
    never = set()
    for path, methods in ask.told.whole["paths"].items():
        for operation in methods.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    never.update(ask.told.never_met(content.get("schema", {}), path, set()))
    expect(sorted(never - RARE), [], "told, but no answer has it")


def check_refusals(ask):
    """What is wrong with a request is told in the form that is promised, by every route."""
    for number in ("%201", "+1", "-1", "1%20", "0x1", "1e0", "99999999999999999999"):
        for method, path, name in (("POST", "/v1/alerts/{offset}/ack", "offset"),
                                   ("DELETE", "/v1/tokens/{id}", "id"),
                                   ("GET", "/v1/rules/{version}", "version")):
            expect(ask(method, path, {name: number})[0], 404, (path, number))
    for path, methods in ask.told.whole["paths"].items():
        for method, operation in methods.items():
            given = {name: "x%20%c3%a4" for name in re.findall(r"\{(\w+)\}", path)} or "?bogus=1"
            body = b"[" if "requestBody" in operation else None
            status = ask(method.upper(), path, given, body,
                         {"Content-Type": "application/json"} if body else None)[0]
            takes_all = path in ("/v1/health", "/metrics", "/v1/openapi.json") or \
                (method, path) == ("get", "/v1/groups/{group}/offsets")
            expect(status == 200 if takes_all else 400 <= status < 500, True,
                   (method, path, status))
            if operation["x-role"] != "none":
                expect(ask(method.upper(), path, given, body, None, {})[0], 401, path)


def check_bodies_are_read(ask):
    """A member that is told is taken: of another kind, it is refused."""
    count = 0
    for path, methods in ask.told.whole["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            given = {"id": "a", "name": "mine", "user": "owner", "group": "mine", "offset": 0,
                     "topic": "events", "partition": 0}
            name = schema.get("$ref", "").rsplit("/", 1)[-1]
            if path == "/v1/setup" or name in ("", "Geometry"):
                continue
            members = ask.told.schemas[name].get("properties", {})
            for member, told in members.items():
                if told.get("readOnly") or not told:
                    continue
                bad = {member: [[]]}
                good = {k: v for k, v in {**QUERY, **square("a", 17)}.items() if k in members}
                status, _, answer = ask(method.upper(), path, given, {**good, **bad})
                expect(400 <= status < 500, True, (method, path, bad, status, answer))
                count += 1
    expect(count > 60, True, count)
