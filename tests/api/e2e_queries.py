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
                       "events-per-kind", "speed-per-group", "time-inside", "trending"])
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
        first = [live.receive_key("window") for _ in range(2)]
        expect(sorted(window["query"] for window in first), ["events-per-kind", "trending"])
        expect([window["rows"] for window in first], [[], []])
        farm.publish(("cow-1", 1, 16.005, 59.005))
        seen = {}
        while len(seen) < 2:
            window = live.receive_key("window")
            if window["rows"]:
                seen[window["query"]] = window["rows"][0]
        expect((seen["trending"]["crossings"], seen["events-per-kind"]["group"]), (1, ["enter"]))
        live.send({"subscribe": {"windows": ["no name"]}})
        expect("windows" in live.receive_key("error")["message"], True)


def select(farm, sql):
    status, _, body = farm.ask("POST", "/v1/sql", {"sql": sql}, farm.viewer)
    expect(status, 200, body)
    return body["rows"]


@test
def every_query_is_a_table_of_its_windows():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        query = {"name": "busiest-fences", "from": "events", "where": "kind = 'enter'",
                 "group_by": ["fence", "upper(device)"],
                 "window": {"type": "hopping", "size": "10m", "every": "1m"},
                 "select": {"crossings": "count()", "animals": "distinct(device)"},
                 "output": "update"}
        expect(farm.ask("POST", "/v1/queries", query, farm.editor)[0], 201)
        farm.publish(("cow-1", 1, 16.005, 59.005), ("cow-2", 2, 16.005, 59.005))
        farm.publish(("cow-1", 11, 16.05, 59.005), ("cow-2", 12, 16.005, 59.005))
        farm.wait_for("/v1/queries/events-per-kind/rows", lambda b: len(b["rows"]) == 2)
        # The oldest windows may be final by now.
        rows = select(farm, 'select distinct fence, "upper(device)", crossings, animals,'
                            ' (julianday(window_to) - julianday(window_from)) * 1440 > 9.99'
                            ' from "window_busiest-fences" order by 2')
        expect(rows, [["north", "COW-1", 1, 1, 1], ["north", "COW-2", 1, 1, 1]])
        rows = select(farm, 'select count(*) from "window_busiest-fences" where not final')
        expect(rows[0][0] >= 2, True)
        expect(select(farm, "select count(*) from window_busiest_fences")[0][0] >= 20, True)
        rows = select(farm, "select fence, device, json_extract(inside_s, '$.visits'), window_from"
                            " from window_time_inside join device d on d.id = device order by 2")
        expect(rows, [["north", "cow-1", 1, None], ["north", "cow-2", 1, None]])
        expect(select(farm, "select kind, events from \"window_events-per-kind\" order by kind"),
               [["enter", 2], ["exit", 1]])
        status, _, body = farm.ask("POST", "/v1/sql", {"sql": "select * from window_nobody"},
                                   farm.viewer)
        expect((status, body["error"]["code"]), (400, "sql.invalid"))


@test
def a_query_may_join_the_groups_of_its_devices():
    with Farm() as farm:
        expect(farm.ask("POST", "/v1/fences", PADDOCK, farm.editor)[0], 201)
        farm.publish(("cow-1", 1, 16.005, 59.005), ("cow-2", 1, 16.005, 59.005))
        farm.wait_for("/v1/queries/events-per-kind/rows", lambda b: b["rows"])
        farm.wait_for("/v1/devices/cow-1", lambda b: b.get("first_seen"))
        status, _, body = farm.ask("PATCH", "/v1/devices/cow-1", {"groups": ["young", "herd"]},
                                   farm.editor)
        expect(status, 200, body)
        query = {"name": "by-group", "from": "events", "join": ["device", "fence"],
                 "where": "kind = 'exit' and fence_intent = 'keep-in' and fence_area_ha > 1",
                 "group_by": ["device_group"], "select": {"escapes": "count()"}}
        expect(farm.ask("POST", "/v1/queries", query, farm.editor)[0], 201)
        farm.publish(("cow-1", 11, 16.05, 59.005), ("cow-2", 11, 16.05, 59.005))
        body = farm.wait_for("/v1/queries/by-group/rows", lambda b: len(b["rows"]) == 3)
        expect(sorted(((row["group"][0] or "-", row["escapes"]) for row in body["rows"])),
               [("-", 1), ("herd", 1), ("young", 1)])
        plan = farm.ask("GET", "/v1/queries/by-group/explain", headers=farm.viewer)[2]["plan"]
        expect("look up the device and the fence" in plan, True, plan)
