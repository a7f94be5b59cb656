"""tests/api/e2e_queries.py - standing queries over HTTP, on real fixes."""
from e2e_farm import PADDOCK, Farm
from harness import expect, test
from websocket import WebSocket


@test
def shipped_queries_count_what_happens():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        for second in range(0, 12, 2):
            place = 16.005 if second % 4 == 0 else 16.05
            farm.publish(("cow-1", second, place, 59.005), ("cow-2", second, 16.005, 59.005))
        body = farm.wait_for("/v1/queries/trending/rows",
                             lambda b: b["rows"] and b["rows"][0]["crossings"] >= 7)
        row = body["rows"][0]
        expect((row["group"], row["crossings"], row["animals"], row["final"]),
               (["north"], 7, 2, False))
        kinds = farm.ask("GET", "/v1/queries/events-per-kind/rows", headers=farm.viewer)[2]["rows"]
        expect({kind["group"][0]: kind["events"] for kind in kinds}, {"enter": 4, "exit": 3})
        names = [query["name"] for query in
                 farm.ask("GET", "/v1/queries", headers=farm.viewer)[2]["queries"]]
        expect(names, ["animals-per-day", "battery-days", "crossings-10m", "crossings-10s",
                       "events-per-kind", "trending"])
        farm.stop()
        farm.start()
        body = farm.wait_for("/v1/queries/trending/rows", lambda b: b["rows"])
        expect(body["rows"][0]["crossings"], 7, "after a restart")


@test
def queries_are_added_explained_stopped_and_removed():
    with Farm() as farm:
        query = {"name": "herd", "from": "positions", "group_by": ["device"],
                 "select": {"fixes": "count()", "speed": "quantile(speed_mps, 0.9)"}}
        expect(farm.ask("POST", "/v1/queries", query, farm.viewer)[0], 403)
        status, headers, body = farm.ask("POST", "/v1/queries", query, farm.editor)
        expect((status, headers["location"], body["status"]), (201, "/v1/queries/herd", "running"))
        expect(farm.ask("POST", "/v1/queries", query, farm.editor)[0], 409)
        farm.publish(("cow-1", 1, 16.0, 59.0), ("cow-1", 2, 16.0, 59.0), ("cow-1", 2, 16.0, 59.0))
        body = farm.wait_for("/v1/queries/herd/rows", lambda b: b["rows"])
        expect((body["rows"][0]["group"], body["rows"][0]["fixes"]), (["cow-1"], 2))
        plan = farm.ask("GET", "/v1/queries/herd/explain", headers=farm.viewer)[2]
        expect("group by device" in plan["plan"], True, plan)
        progress = farm.ask("GET", "/v1/queries/herd/progress", headers=farm.viewer)[2]
        expect(progress["last"]["rows_in"], 2)
        expect(farm.ask("POST", "/v1/queries/herd/stop", {}, farm.editor)[2]["status"], "stopped")
        body = farm.ask("POST", "/v1/queries/herd/start", {}, farm.editor)[2]
        expect((body["status"], body["rows_in"]), ("running", 0))
        expect(farm.ask("DELETE", "/v1/queries/herd", headers=farm.editor)[0], 204)
        expect(farm.ask("GET", "/v1/queries/herd", headers=farm.viewer)[0], 404)
        expect(farm.ask("GET", "/v1/queries/herd/rows", headers=farm.viewer)[0], 404)


@test
def a_bad_query_is_refused_with_its_bad_part():
    with Farm() as farm:
        for change, field in (({"where": "kind = 'enter"}, "where"),
                              ({"select": {"n": "best(time)"}}, "select.n"),
                              ({"window": {"type": "tumbling"}}, "window.size"),
                              ({"group_by": ["nobody"]}, "group_by[0]")):
            query = {"name": "bad", "from": "events", "select": {"n": "count()"}, **change}
            status, _, body = farm.ask("POST", "/v1/queries", query, farm.editor)
            expect((status, body["error"]["code"], body["error"]["field"]),
                   (400, "query.invalid", field), body)


@test
def rows_come_live_when_they_change():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        live = WebSocket(farm.port, headers=farm.viewer)
        live.send({"subscribe": {"windows": ["trending", "events-per-kind", "nobody"]}})
        first = [live.receive_key("window", 10) for _ in range(2)]
        expect(sorted(window["query"] for window in first), ["events-per-kind", "trending"])
        expect([window["rows"] for window in first], [[], []])
        farm.publish(("cow-1", 1, 16.005, 59.005))
        seen = {}
        while len(seen) < 2:
            window = live.receive_key("window", 10)
            if window["rows"]:
                seen[window["query"]] = window["rows"][0]
        expect((seen["trending"]["crossings"], seen["events-per-kind"]["group"]), (1, ["enter"]))
        live.send({"subscribe": {"windows": ["no name"]}})
        expect("windows" in live.receive_key("error", 10)["message"], True)
