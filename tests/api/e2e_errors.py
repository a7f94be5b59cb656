"""tests/api/e2e_errors.py - bad input is told by name, whichever address it is sent to."""
import json
import re

from e2e_backup import hedgerow
from e2e_farm import PADDOCK, Farm
from harness import Service, expect, test
from websocket import WebSocket

IN_BRACES = {"topic": "events", "partition": "0"}


def operations(farm):
    """(method, path with its braces filled, its query parameters) of every route."""
    for path, methods in farm.ask("GET", "/v1/openapi.json")[2]["paths"].items():
        filled = re.sub(r"\{(\w+)\}", lambda name: IN_BRACES.get(name[1], "1"), path)
        for method, operation in methods.items():
            yield method.upper(), filled, [p for p in operation["parameters"] if p["in"] == "query"]


@test
def a_query_parameter_is_known_and_read_or_refused_by_name():
    """A slip of the pen must not be an answer to something else."""
    with Farm() as farm:
        check_every_parameter_is_read(farm)
        for method, path, params in operations(farm):
            if not path.startswith("/v1/") or path in ("/v1/health", "/v1/openapi.json"):
                continue
            status, _, body = farm.ask(method, path + "?limt=10", None if method == "GET" else {},
                                       farm.owner)
            expect((status, body["error"]["code"]), (400, "query.parameter"), (method, path))
            expect(body["error"]["field"], "limt")
            known = ", ".join(p["name"] for p in params) or "no parameters"
            expect(body["error"]["message"],
                   "limt is not known here; this address takes " + known)
        status, _, body = farm.ask("GET", "/v1/fences?limit=1&limit=2", headers=farm.viewer)
        expect((status, body["error"]["field"]), (400, "limit"))
        expect(farm.ask("GET", "/v1/fences?limt=1")[0], 401, "nobody learns anything")
        for path in ("/v1/health", "/v1/openapi.json", "/metrics", "/", "/index.html"):
            expect(farm.ask("GET", path + "?utm_source=x")[0] in (200, 404), True, path)
        live = WebSocket(farm.port, headers=farm.viewer)
        live.send({"id": 1, "get": "/v1/events?widthin=3"})
        expect(live.receive_key("body")["error"]["field"], "widthin")


def check_every_parameter_is_read(farm):
    """Text may be anything; what is more than text refuses what it is not."""
    count = 0
    for method, path, params in operations(farm):
        for param in params:
            # What must be there is asked for first.
            given = ["%s=1" % p["name"] for p in params if p["required"] and p != param]
            given.append("%s=%%21" % param["name"])
            status, _, body = farm.ask(method, "%s?%s" % (path, "&".join(given)),
                                       None if method == "GET" else {}, farm.owner)
            if param["schema"] != {"type": "string"} or param["name"] in ("from", "to"):
                expect((status, body["error"].get("field")), (400, param["name"]),
                       (method, path, param["name"], json.dumps(body)))
                count += 1
    expect(count >= 20, True, count)


@test
def a_refused_body_names_the_member_it_is_refused_for():
    password = "a long enough one"
    user = {"user": "eve", "password": password, "role": "viewer"}
    offset = {"topic": "events", "partition": 0, "offset": 0}
    with Service() as service:
        for bad, field in (({"password": "short"}, "password"), ({"user": "a b"}, "user"),
                           ({"password": 5}, "password"), ({"user": None}, "user")):
            status, _, body = service.ask("POST", "/v1/setup",
                                          {"user": "owner", "password": password, **bad})
            expect((status, body["error"].get("field")), (400, field), body)
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        expect(farm.ask("POST", "/v1/users", user, farm.owner)[0], 201)
        for method, path, good, bad in (
                ("POST", "/v1/users", {**user, "user": "adam"},
                 {"user": "", "password": "short", "role": "king"}),
                ("PATCH", "/v1/users/eve", {}, {"password": "short", "role": "king"}),
                ("PATCH", "/v1/me", {"old_password": password, "password": password},
                 {"password": "short", "old_password": 5}),
                ("POST", "/v1/tokens", {"name": "t", "role": "viewer"},
                 {"name": "", "role": "king", "expires_at": "soon"}),
                ("POST", "/v1/gateways", {"name": "g"}, {"name": "a b", "role": "king"}),
                ("PATCH", "/v1/settings", {},
                 {"max_gap_s": None, "max_speed_mps": 0, "max_accuracy_m": "x", "tz": "Mars/Base",
                  "alert_max_age_s": -1, "stale_after_s": 1.5, "bogus": 1}),
                ("PATCH", "/v1/devices/cow-1", {}, {"bogus": 1}),
                ("PUT", "/v1/farm", {}, {"name": 5, "map_url": "x"}),
                ("PUT", "/v1/groups/mine/offsets", {}, {"offsets": 5}),
                ("PUT", "/v1/groups/mine/offsets", {}, {"offsets": [{**offset, "offset": 99}]}),
                ("POST", "/v1/fences/north/restore", {}, {"revision": 0}),
                ("POST", "/v1/fences/north/restore", {}, {"revision": None}),
                ("POST", "/v1/fences/north/restore", {"revision": 1}, {"bogus": 1}),
                ("POST", "/v1/fences/import", {"type": "FeatureCollection"}, {"features": [5]}),
                ("PATCH", "/v1/fences/north", {}, {"bogus": 1})):
            for name, value in bad.items():
                status, _, body = farm.ask(method, path, {**good, name: value}, farm.owner)
                expect((status, body["error"].get("field")), (400, name), (path, value, body))
        status, _, body = farm.ask("PUT", "/v1/groups/%20/offsets", {"offsets": []}, farm.owner)
        expect((status, body["error"].get("field")), (400, "group"))
        check_members_are_known(farm, password)


@test
def a_text_that_is_not_utf8_is_refused_wherever_one_is_taken():
    """It would be shown, and asked for, as another."""
    with Farm() as farm:
        headers = {**farm.owner, "Content-Type": "application/json"}
        count = 0
        for method, path, _ in operations(farm):
            if method in ("GET", "DELETE"):
                continue
            status, _, body = farm.ask(method, path, b'{"name":"b\xff"}', headers)
            expect((status, "UTF-8" in str(body)), (400, True), (method, path, body))
            count += 1
        expect(count > 20, True, count)
        for words, typed in ((["sql", b"select '\xff'"], None),
                             (["user", "add", "eve"], "a long enough \udcff one\n")):
            told = hedgerow("--data", farm.data, *words, input=typed, errors="surrogateescape")
            expect((told.returncode, "UTF-8" in told.stderr), (1, True), told)


def check_members_are_known(farm, password):
    """A token whose expiry was written wrong would be one for ever."""
    for method, path, body in (
            ("POST", "/v1/login", {"user": "owner", "password": password, "x": 1}),
            ("POST", "/v1/users", {"user": "a", "password": password, "role": "viewer"}),
            ("PATCH", "/v1/me", {"old_password": password, "password": password}),
            ("POST", "/v1/tokens", {"name": "t", "role": "viewer"}),
            ("POST", "/v1/gateways", {"name": "g"}), ("PUT", "/v1/farm", {"name": "f"}),
            ("PUT", "/v1/groups/mine/offsets", {"offsets": []}),
            ("POST", "/v1/sql", {"sql": "select 1"}),
            ("PATCH", "/v1/users/owner", {"role": "owner"})):
        status, _, answer = farm.ask(method, path, {**body, "expire_at": None}, farm.owner)
        expect((status, answer["error"].get("field")) in ((400, "expire_at"), (400, "x")), True,
               (path, answer))
    expect(farm.ask("GET", "/v1/tokens", headers=farm.owner)[2]["tokens"][2:], [])
    twice = b'{"name":"t","role":"viewer","role":"editor"}'
    kind = {**farm.owner, "Content-Type": "application/json"}
    status, _, answer = farm.ask("POST", "/v1/tokens", twice, kind)
    expect((status, answer["error"].get("field")), (400, "role"))
    status = farm.ask("PATCH", "/v1/users/owner", {"role": "owner"}, farm.owner)[0]
    expect(status, 200)
    expect(farm.ask("GET", "/v1/me", headers=farm.owner)[0], 200, "nothing was changed")


@test
def statements_and_conditions_are_taken_at_their_word():
    with Farm() as farm:
        check_conditions(farm)

        def ask(sql, *more):
            return farm.ask("POST", "/v1/sql", {"sql": sql, **dict(more)}, farm.viewer)
        for params in ([], [1, 2], [[1]], [{}], {"a": 1}, "x"):
            status, _, body = ask("select ?", ("params", params))
            expect((status, body["error"].get("field")), (400, "params"), (params, body))
        expect(ask("select ?")[0], 400)
        expect(ask("select ?, ?1", ("params", [None]))[2]["rows"], [[None, None]])
        expect(ask("select ?", ("params", [True]))[2]["rows"], [[1]])
        expect(ask("select 1; -- and nothing more\n /* */ ; ")[2]["rows"], [[1]])
        for second in ("select 2", "x", "/* */ select 2"):
            expect(ask("select 1; " + second)[2]["error"]["message"], "one statement at a time")


def check_conditions(farm):
    def put(**condition):
        named = {name.replace("_", "-"): value for name, value in condition.items()}
        return farm.ask("PUT", "/v1/fences/north", PADDOCK, {**farm.editor, **named})[0]
    expect(put(If_Match="*"), 404)
    expect(farm.ask("GET", "/v1/fences/north", headers=farm.viewer)[0], 404)
    expect(put(If_None_Match="*"), 201)
    expect(put(If_None_Match="*"), 412)
    expect(put(If_Match="*"), 200)
    expect(put(If_Match='"1"'), 412)
