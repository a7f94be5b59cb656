"""tests/sim/lies.py - the oracle looks at a service that lies: once about each thing it could lie
about. A witness who never objects proves nothing.

usage: lies.py HEDGEROWD [TEST...]
"""
import copy
import json
import subprocess
import sys
import time

from farm import Farm, harness, program, wait_until, write_lines
from liar import Liar

from harness import expect, test  # isort: skip  (farm.py says where it is)

RIGHT, WRONG, FAILED = 0, 1, 3


def shift(text, ms):
    """A time that is later by so many milliseconds, within its second."""
    seconds, fraction = text[:-1].split(".") if "." in text else (text[:-1], "000")
    return "%s.%03dZ" % (seconds, (int(fraction) + ms) % 1000)


# ---- about events ----


def an_event_is_dropped(answers):
    found = answers.event_records()
    page, i = found[len(found) // 2]
    page[i] = {key: value for key, value in page[i].items() if key != "event"}


def an_event_is_repeated(answers):
    found = answers.event_records()
    page, i = found[len(found) // 2]
    page.insert(i + 1, copy.deepcopy(page[i]))


def an_event_is_made_up(answers):
    found = answers.event_records(lambda event: event["kind"] == "enter")
    page, i = found[len(found) // 2]
    more = copy.deepcopy(page[i])
    event = more["event"]
    event["kind"] = "exit"
    event["id"] = event["id"].replace("enter/", "exit/", 1)
    event["source"]["index"] += 1
    page.insert(i + 1, more)


def two_events_are_swapped(answers):
    seen = {}
    for page, i in answers.event_records():
        partition = page[i]["event"]["source"]["partition"]
        if partition in seen:
            other = seen[partition]
            other["event"], page[i]["event"] = page[i]["event"], other["event"]
            return
        seen[partition] = page[i]


def an_instant_is_a_millisecond_late(answers):
    event = answers.event()
    event["time"] = shift(event["time"], 1)


def dwelling_is_told_a_millisecond_early(answers):
    event = answers.event(lambda event: event["kind"] == "dwell")
    event["time"] = shift(event["time"], -1)
    head, time_ms = event["id"].rsplit("/", 1)
    event["id"] = "%s/%d" % (head, int(time_ms) - 1)


def a_crossing_is_off_by_two_units(answers):
    event = answers.event(lambda event: event["crossing"])
    event["crossing"]["lon"] = round(event["crossing"]["lon"] + 2e-7, 7)


def a_crossing_is_off_by_two_milliseconds(answers):
    event = answers.event(lambda event: event["crossing"])
    event["crossing"]["time"] = shift(event["crossing"]["time"], 2)


def a_crossing_is_kept_back(answers):
    answers.event(lambda event: event["crossing"])["crossing"] = None


def a_place_is_off_by_one_unit(answers):
    event = answers.event()
    event["lat"] = round(event["lat"] + 1e-7, 7)


def an_alarm_is_played_down(answers):
    answers.event(lambda event: event["severity"] == "alarm")["severity"] = "info"


def an_old_event_is_sold_as_new(answers):
    answers.event(lambda event: event["late"])["late"] = False


def another_animal_is_blamed(answers):
    answers.event()["device"] = "cow-99"


def another_fence_is_named(answers):
    answers.event()["fence_name"] = "Elsewhere"


def another_cause_is_given(answers):
    answers.event(lambda event: event["cause"] == "fix")["cause"] = "tick"


def another_record_is_cited(answers):
    answers.event()["source"]["offset"] += 1


def the_moment_of_receiving_is_wrong(answers):
    event = answers.event()
    event["received"] = shift(event["received"], 1)


# ---- about rules ----


def the_rules_before_are_passed_off_as_these(answers):
    rules = answers.rules()
    version = rules[-1]["version"]
    rules[-1].update(rules[-2], version=version)


def a_fence_lies_elsewhere(answers):
    for rules in answers.rules():
        for fence in rules["fences"]:
            if fence["id"] == "yard":
                fence["rings_e7"] = [[[x + 2000, y] for x, y in ring]
                                     for ring in fence["rings_e7"]]


# ---- about fixes ----


def hide(record):
    """A record of no meaning in its place, since offsets have no holes."""
    offset, append_ms = record["offset"], record["append_ms"]
    record.clear()
    record.update(offset=offset, append_ms=append_ms, type="unknown")


def a_fix_is_lost(answers):
    found = answers.fix_records()
    page, i = found[len(found) // 2]
    hide(page[i])


def a_fix_is_recorded_twice(answers):
    for page in answers.records("positions"):
        fixes = [record for record in page if record["type"] == "fix"]
        for record in page:
            if record["type"] == "tick" and fixes and record["offset"] > fixes[0]["offset"]:
                offset = record["offset"]
                record.update(fixes[0], offset=offset)
                return


def a_fix_is_off_by_one_unit(answers):
    found = answers.fix_records()
    page, i = found[len(found) // 2]
    page[i]["lon"] = round(page[i]["lon"] + 1e-7, 7)


def a_battery_is_fuller_than_it_said(answers):
    found = answers.fix_records()
    page, i = found[len(found) // 2]
    page[i]["battery_pct"] += 1


def two_fixes_of_an_animal_are_swapped(answers):
    seen = {}
    for page, i in answers.fix_records():
        device = page[i]["device_key"]
        if device in seen:
            ours, theirs = seen[device], page[i]
            for key in set(ours) | set(theirs):
                if key not in ("offset", "append_ms"):
                    ours[key], theirs[key] = theirs.get(key), ours.get(key)
            return
        seen[device] = page[i]


def a_stretch_of_the_log_is_missing(answers):
    page = max(answers.records("positions"), key=len)
    del page[len(page) // 2]


# ---- about windows ----


def a_count_is_off_by_one(answers):
    for row in answers.rows("crossings-10s"):  # where something was late, one more may be right
        row["crossings"] += 1


def a_count_since_the_start_is_off_by_one(answers):
    answers.rows("events-per-kind")[0]["events"] -= 1


def a_row_is_left_out(answers):
    del answers.rows("trending")[0]


def a_window_is_told_twice(answers):
    rows = answers.rows("crossings-10s")
    rows.append(copy.deepcopy(rows[len(rows) // 2]))


def an_animal_too_many_is_seen(answers):
    answers.rows("trending")[0]["animals"] += 1


def a_stay_is_a_second_longer(answers):
    rows = [row for row in answers.rows("time-inside") if "since" not in row["inside_s"]]
    rows[0]["inside_s"]["value"] += 1


def a_visit_is_left_out(answers):
    answers.rows("time-inside")[0]["inside_s"]["visits"] -= 1


def a_visit_is_surer_than_anyone_can_be(answers):
    for row in answers.rows("time-inside"):  # the fixes around some changes bound it loosely
        if row["inside_s"]["uncertainty_s"] > 1:
            row["inside_s"]["uncertainty_s"] -= 0.5


def a_speed_is_three_hundredths_higher(answers):
    """The oracle allows one hundredth to either side, and where only few fixes are told, none."""
    row = max(answers.rows("patient-speeds"), key=lambda row: row["fixes"])
    row["most"] *= 1.03


def a_fix_is_left_out_of_the_speeds(answers):
    answers.rows("patient-speeds")[0]["fixes"] -= 1


def a_group_has_no_speeds(answers):
    rows = answers.rows("patient-speeds")
    del rows[[row["group"][0] for row in rows].index("milk")]


def an_animal_runs_in_another_group(answers):
    row = [row for row in answers.rows("patient-speeds") if row["group"] == ["milk"]][0]
    row["group"] = ["wool"]


def a_battery_row(answers):
    rows = [row["battery"] for row in answers.rows("battery-days")
            if row["battery"] and row["battery"].get("zero")]
    return rows[len(rows) // 2]


def a_battery_lasts_a_tenth_longer(answers):
    row = a_battery_row(answers)
    row["zero"] += (row["zero"] - row["at"]) / 10


def a_battery_falls_more_slowly(answers):
    row = a_battery_row(answers)
    row["slope"] *= 1.001


def a_battery_is_surer_to_last(answers):
    """Some interval has an end; it comes nearer to the middle."""
    for row in answers.rows("battery-days"):
        if row["battery"] and row["battery"].get("zero_to") is not None:
            row["battery"]["zero_to"] -= (row["battery"]["zero_to"] - row["battery"]["zero"]) / 20


def a_battery_was_changed_earlier(answers):
    rows = sorted(answers.rows("battery-days"), key=lambda row: row["from"])
    rows[-1]["from"] = rows[0]["from"]


def an_animal_has_no_battery(answers):
    del answers.rows("battery-days")[0]


# A lie; where it shows: the count on the line of that name; and words of the story.
LIES = [
    (an_event_is_dropped, "events", "missing", "missing: "),
    (an_event_is_repeated, "events", "twice", "twice: "),
    (an_event_is_made_up, "events", "extra", "extra: exit of "),
    (two_events_are_swapped, "events", "out of order", "out of order: "),
    (an_instant_is_a_millisecond_late, "events", "different", "its time: demanded 20"),
    (dwelling_is_told_a_millisecond_early, "events", "different", "different: dwell of "),
    (a_crossing_is_off_by_two_units, "events", "different", "its crossing: demanded 16."),
    (a_crossing_is_off_by_two_milliseconds, "events", "different", "its crossing: demanded 16."),
    (a_crossing_is_kept_back, "events", "different", "there is none"),
    (a_place_is_off_by_one_unit, "events", "different", "its place: demanded 16."),
    (an_alarm_is_played_down, "events", "different", 'demanded "alarm", there is "info"'),
    (an_old_event_is_sold_as_new, "events", "different", "its late: demanded 1, there is 0"),
    (another_animal_is_blamed, "events", "different", "its device"),
    (another_fence_is_named, "events", "different", 'there is "Elsewhere"'),
    (another_cause_is_given, "events", "different", 'demanded "fix", there is "tick"'),
    (another_record_is_cited, "events", "missing", "missing: "),
    (the_moment_of_receiving_is_wrong, "events", "different", "its received: demanded "),
    (the_rules_before_are_passed_off_as_these, "events", "extra", "fence pond"),
    (a_fence_lies_elsewhere, "events", "extra", "fence yard"),
    (a_fix_is_lost, "fixes", "missing", "missing in the log: the fix of "),
    (a_fix_is_recorded_twice, "fixes", "twice", "twice in the log: the fix of "),
    (a_fix_is_off_by_one_unit, "fixes", "extra", "in the log, but never sent: the fix of "),
    (a_battery_is_fuller_than_it_said, "fixes", "missing", "missing in the log: the fix of "),
    (two_fixes_of_an_animal_are_swapped, "fixes", "out of order", "out of order: the fix of "),
    (a_count_is_off_by_one, "windows", "different", "query crossings-10s, window from 20"),
    (a_count_since_the_start_is_off_by_one, "windows", "different", "window from the start"),
    (a_row_is_left_out, "windows", "missing", "there is no row"),
    (a_window_is_told_twice, "windows", "twice", "there are two rows"),
    (a_stay_is_a_second_longer, "windows", "different", " s, of which the events that ended say "),
    (a_visit_is_left_out, "windows", "different", "query time-inside, "),
    (an_animal_too_many_is_seen, "windows", "different", "query trending"),
    (a_visit_is_surer_than_anyone_can_be, "windows", "different", ", by the fixes around "),
    (a_speed_is_three_hundredths_higher, "windows", "different", "most is "),
    (a_fix_is_left_out_of_the_speeds, "windows", "different", ", of which 0 may be late"),
    (a_group_has_no_speeds, "windows", "missing", "there is no row for the fix of "),
    (an_animal_runs_in_another_group, "windows", "extra", "no fix belongs there"),
    (a_battery_lasts_a_tenth_longer, "windows", "different", "zero is "),
    (a_battery_falls_more_slowly, "windows", "different", "slope is "),
    (a_battery_is_surer_to_last, "windows", "different", "up to its zero_to lie "),
    (a_battery_was_changed_earlier, "windows", "different", "no such session"),
    (an_animal_has_no_battery, "windows", "missing", "query battery-days, "),
]


def look(farm, liar, *flags):
    command = [program("hedgerow-oracle"), "--http", "127.0.0.1:%d" % liar.port, "--token", "any",
               "--truth", farm.truth(), "--wait", "0", *flags]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return result.returncode, result.stdout + result.stderr


def look_honestly(farm, liar):
    """Again, as long as a tick brings an event meanwhile; also the events there are."""
    before = None
    while before != farm.events_end():
        before = farm.events_end()
        liar.honest.clear()
        code, said = look(farm, liar, "--windows")
        events = farm.all_events()
    return code, said, events


def count_of(said, what, count):
    """The number after `count` on the line of that name."""
    for line in said.splitlines():
        if line.startswith(what + ": "):
            for part in line.split(", "):
                if part.startswith(count + " "):
                    return int(part.rsplit(" ", 1)[1])
    raise AssertionError("no line of %s:\n%s" % (what, said))


def walk(farm, turns, *flags):
    """Up to that turn of a device, from where the walk before this one stopped."""
    farm.await_sim(farm.start_sim("faults", "--fixes", str(turns), "--rate", "1500", "--batch",
                                  "50", "--linger", "30", *flags))


def live_for_a_while(farm):
    """A fleet, whose first events are late, and a fence and groups that change on its way.

    The speeds wait for fixes of an hour that has ended, as the oracle forgives what may be late."""
    farm.api("POST", "/v1/queries/battery-days/start")
    speeds = farm.api("GET", "/v1/queries/speed-per-group")["definition"]
    farm.api("POST", "/v1/queries", dict(speeds, name="patient-speeds", lateness="1h"))
    fences = {fence["id"]: fence for fence in farm.make_fences("faults")}
    farm.api("PATCH", "/v1/fences/north",
             {"properties": dict(fences["north"]["properties"], dwell_s=60)})
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 700))
    walk(farm, 500, "--start", start)
    wait_until("all animals were heard of",
               lambda: len(farm.api("GET", "/v1/devices?limit=500")["devices"]) == 50)
    for number, groups in ((1, ["milk"]), (2, ["milk", "heifers"]), (3, ["heifers"])):
        farm.api("PATCH", "/v1/devices/cow-%d" % number, {"groups": groups})
    farm.api("PUT", "/v1/fences/pond", dict(fences["pond"], geometry={
        "type": "Polygon", "coordinates": [[[16.367, 59.8505], [16.3695, 59.8505],
                                            [16.3695, 59.852], [16.367, 59.8505]]]}, properties={
        "name": "Pond", "intent": "keep-out"}))
    walk(farm, 1500, "--resume")
    said = farm.ask_oracle("--windows")
    expect("not looked at" in said, False, "every shipped query is looked at: " + said)


def lose_one(events):
    del events[len(events) // 2]


def swap_two(events):
    middle = len(events) // 2
    events[middle], events[middle + 1] = events[middle + 1], events[middle]


def make_one_up(events):
    events.append(dict(events[-1], id=events[-1]["id"] + "0"))


def change_one(events):
    events[len(events) // 2]["severity"] = "urgent"


def tell_one_twice(events):
    events.append(copy.deepcopy(events[0]))


COPIES = [(lose_one, WRONG, "never received: "), (swap_two, WRONG, "out of order: "),
          (make_one_up, WRONG, "received, but not in the log: "),
          (change_one, WRONG, 'another severity, "urgent" instead of "'),
          (tell_one_twice, RIGHT, "twice 0")]


def judge_lie(farm, liar, lie, what, count, story):
    liar.tell(lie)
    code, said = look(farm, liar, "--windows")
    name = lie.__name__.replace("_", " ")
    if "--verbose" in sys.argv:
        print("\n%s:\n%s" % (name, said))
    expect(code, WRONG, "%s:\n%s" % (name, said))
    expect(count_of(said, what, count) > 0, True, "%s: %s:\n%s" % (name, count, said))
    expect(story in said, True, "%s: a story with %r:\n%s" % (name, story, said))


@test
def every_lie_is_told_as_a_story():
    with Farm() as farm:
        live_for_a_while(farm)
        with Liar(farm) as liar:
            code, said, events = look_honestly(farm, liar)
            stories = [line for line in said.splitlines()
                       if not line.startswith(("fixes: ", "events: ", "windows: "))]
            expect((code, stories), (RIGHT, []), "of an honest service: " + said)
            for change, wanted, story in COPIES:
                received = json.loads(json.dumps(events))
                change(received)
                path = write_lines(farm.truth("copy"), received)
                code, said = look(farm, liar, "--copy", path)
                expect((code, story in said), (wanted, True), "%s: %s" % (change.__name__, said))
            for lie, what, count, story in LIES:
                judge_lie(farm, liar, lie, what, count, story)
            liar.tell(a_stretch_of_the_log_is_missing)
            code, said = look(farm, liar)
            expect((code, "lacks offsets from" in said), (FAILED, True), said)


if __name__ == "__main__":
    sys.exit(harness.run_all(sys.argv[1], [sys.modules[__name__]],
                             [name for name in sys.argv[2:] if name != "--verbose"]))
