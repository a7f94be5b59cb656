"""tests/sim/e2e.py - a fleet with a bad radio, the service, and the oracle's verdict.

usage: e2e.py HEDGEROWD [TEST...]
"""
import os
import subprocess
import sys
import time

from farm import Farm, LiveCopy, MqttCopy, harness, program, scenario, wait_until

from harness import expect, test  # isort: skip  (farm.py says where it is)

# So many turns of devices that the farm sees some hours, and the run takes some seconds.
IS_LONG = bool(os.environ.get("HR_LONG"))
TURNS = "12000" if not IS_LONG else "400000"


@test
def a_fleet_with_a_bad_radio_is_recorded_once_and_judged_right():
    with Farm() as farm:
        farm.make_fences("faults")
        farm.api("POST", "/v1/queries/battery-days/start")
        with MqttCopy(farm) as copy, LiveCopy(farm) as live:
            sim = farm.start_sim("faults", "--fixes", TURNS, "--rate", "1500", "--batch", "50",
                                 "--linger", "30")
            result = farm.await_sim(sim)
            if result["lost"] == 0 or result["rewinds"] == 0:
                raise AssertionError("the radio was too good: %r" % result)
            said = farm.ask_oracle("--windows")
            print(said.strip())
            expect("not looked at" in said, False, "every shipped query is looked at")
            print(farm.ask_oracle("--copy", farm.path, "--copy", live.path, "--mqtt-copy",
                                  copy.path).strip())


@test
def fences_that_change_under_the_fleet_are_obeyed_from_their_record_on():
    with Farm() as farm:
        fences = {fence["id"]: fence for fence in farm.make_fences("faults")}
        sim = farm.start_sim("faults", "--fixes", TURNS, "--rate", "2000", "--batch", "50",
                             "--linger", "30")
        moved = dict(fences["pond"], geometry={
            "type": "Polygon", "coordinates": [[[16.367, 59.8505], [16.3695, 59.8505],
                                                [16.3695, 59.852], [16.367, 59.8505]]]})
        moved["properties"] = {"name": "Pond", "intent": "keep-out"}
        groups = dict(fences["north"], properties=dict(fences["north"]["properties"],
                                                       groups=["milk"]))
        changes = 0
        while sim.poll() is None and changes < 40:
            step = changes % 5
            if step == 0:
                farm.api("PUT", "/v1/fences/pond", moved)
            elif step == 1:
                farm.api("PUT", "/v1/fences/north", groups)
            elif step == 2:
                farm.api("PATCH", "/v1/devices/cow-%d" % (1 + changes % 25), {"groups": ["milk"]},
                         wanted=(200, 404))
            elif step == 3:
                farm.api("DELETE", "/v1/fences/yard")
                farm.api("PUT", "/v1/fences/pond", fences["pond"])
            else:
                farm.api("POST", "/v1/fences", fences["yard"])
                farm.api("PUT", "/v1/fences/north", fences["north"])
            changes += 1
            wait_until("some fixes come between",
                       lambda before=time.monotonic(): time.monotonic() - before > 0.15)
        farm.await_sim(sim)
        if changes < 5:
            raise AssertionError("too few changes: %d" % changes)
        print(farm.ask_oracle("--windows").strip())
        causes = {event["cause"] for event in farm.all_events()}
        expect("rules" in causes, True, "a change had an effect")


def windows(now, every_min, length_min):
    """Times of day that are on and off again while a fleet lives through the last hour."""
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    return {"tz": "UTC", "weekly": [
        {"days": days, "from": clock(now - 60 * start),
         "to": clock(now - 60 * (start - length_min))}
        for start in range(60, 0, -every_min)]}


def clock(time_s):
    return time.strftime("%H:%M", time.gmtime(time_s))


@test
def schedules_expiry_dwelling_and_confirmation_are_judged_alike():
    with Farm() as farm:
        fences = {fence["id"]: fence for fence in farm.make_fences("faults")}
        now = time.time()
        more = {
            "strip": {"confirm_fixes": 3, "dwell_s": 20},
            "north": {"schedule": windows(now, 12, 6), "dwell_s": 90},
            "pond": {"schedule": windows(now, 10, 5)},
            "south": {"expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                                  time.gmtime(now - 900))},
        }
        for fence, properties in more.items():
            feature = fences[fence]
            farm.api("PATCH", "/v1/fences/" + fence,
                     {"properties": dict(feature["properties"], **properties)})
        farm.api("PATCH", "/v1/devices/quad-1", {"stale_after_s": 60}, wanted=(200, 404))
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3500))
        sim = farm.start_sim("faults", "--fixes", "15000", "--rate", "2500", "--batch", "50",
                             "--linger", "30", "--start", start)
        farm.await_sim(sim)
        print(farm.ask_oracle("--windows").strip())
        causes = {event["cause"] for event in farm.all_events()}
        expect(causes >= {"fix", "schedule", "expiry", "tick"}, True, "causes: %r" % causes)


@test
def a_farm_on_the_180th_meridian_is_judged_like_any_other():
    with Farm() as farm:
        moved = os.path.join(farm.data, "taveuni.scenario")
        with open(scenario("faults")) as ours, open(moved, "w") as theirs:
            theirs.write(ours.read().replace("origin 16.37 59.85", "origin 180.0 -16.85"))
        farm.make_fences(moved)
        farm.await_sim(farm.start_sim(moved, "--fixes", "5000", "--rate", "2500", "--batch", "50",
                                      "--linger", "30"))
        print(farm.ask_oracle().strip())
        sides = {event["lon"] > 0 for event in farm.all_events() if event["kind"] == "cross"}
        expect(sides, {True, False}, "crossings on both sides")


@test
def bare_devices_speak_owntracks():
    with Farm() as farm:
        farm.make_fences("owntracks")
        sim = farm.start_sim("owntracks", "--as", "owntracks", "--fixes", "4000", "--rate", "1000")
        farm.await_sim(sim)
        farm.await_log()
        print(farm.ask_oracle().strip())


def a_village_of_two_thousand_animals_is_judged_alike():
    with Farm() as farm:
        farm.make_fences("village")
        farm.await_sim(farm.start_sim("village", "--fixes", "400000", "--speedup", "0"))
        print(farm.ask_oracle("--windows").strip())


if IS_LONG:
    test(a_village_of_two_thousand_animals_is_judged_alike)


@test
def the_demo_farm_shows_something_real_within_ten_seconds():
    with Farm() as farm:
        demo = subprocess.Popen([program("hedgerow-sim"), "--demo", "--data", farm.data, "--http",
                                 "127.0.0.1:%d" % farm.port, "--mqtt",
                                 "127.0.0.1:%d" % farm.mqtt_port], stderr=subprocess.PIPE)
        try:
            began = time.monotonic()
            wait_until("an animal escapes", lambda: has_alarm(farm))
            print("an alarm after %.1f s" % (time.monotonic() - began))
            expect(len(farm.api("GET", "/v1/fences?limit=100")["features"]), 9, "fences")
            expect(len(farm.api("GET", "/v1/devices?limit=500")["devices"]), 121, "devices")
            farm.api("DELETE", "/v1/fences/pond")
        finally:
            demo.terminate()
            demo.wait(timeout=20)
        expect(demo.returncode, 0, "it stops when asked")
        # As when it was ended just before it had written down who it is.
        with open(os.path.join(farm.data, "demo-login.json"), "w"):
            pass
        again = subprocess.Popen(demo.args, stderr=subprocess.PIPE)
        try:
            count = len(farm.all_events())
            wait_until("the animals are back", lambda: len(farm.all_events()) > count)
        finally:
            again.terminate()
            again.wait(timeout=20)
        fences = farm.api("GET", "/v1/fences?limit=100")["features"]
        expect("pond" in [fence["id"] for fence in fences], False, "what was removed stays away")
        verdict = farm.ask_oracle("--windows", truth=None)
        print(verdict.strip())
        expect("windows: 0," in verdict, False, "the standing queries have rows")


def has_alarm(farm):
    return any(event["severity"] == "alarm" for event in farm.all_events())


if __name__ == "__main__":
    sys.exit(harness.run_all(sys.argv[1], [sys.modules[__name__]], sys.argv[2:]))
