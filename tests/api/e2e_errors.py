"""tests/api/e2e_errors.py - bad input is told by name, whichever address it is sent to."""
import json
import re

from e2e_farm import Farm
from harness import expect, test
from websocket import WebSocket

IN_BRACES = {"topic": "events", "partition": "0"}


def operations(farm):
    """(method, path with its braces filled, its query parameters) of every route."""
    for path, methods in farm.ask("GET", "/v1/openapi.json")[2]["paths"].items():
        filled = re.sub(r"\{(\w+)\}", lambda name: IN_BRACES.get(name[1], "1"), path)
        for method, operation in methods.items():
            yield method.upper(), filled, [p for p in operation["parameters"] if p["in"] == "query"]


@test
def a_query_parameter_is_known_or_refused_by_name():
    """A slip of the pen must not be an answer to something else."""
    with Farm() as farm:
        for method, path, params in operations(farm):
            if not path.startswith("/v1/"):
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
        for path in ("/metrics", "/", "/index.html"):
            expect(farm.ask("GET", path + "?utm_source=x")[0] in (200, 404), True, path)
        live = WebSocket(farm.port, headers=farm.viewer)
        live.send({"id": 1, "get": "/v1/events?widthin=3"})
        expect(live.receive_key("body", 10)["error"]["field"], "widthin")


@test
def every_parameter_of_the_description_is_read():
    """Text may be anything; what is more than text refuses what it is not."""
    with Farm() as farm:
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
