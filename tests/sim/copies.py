"""tests/sim/copies.py - what a reader over MQTT holds after kill -9 of broker and service in turns.

Promised: a service that dies tells again what nobody took, so that a reader with a session of its
own lacks nothing. A broker that dies forgets what it had taken and not delivered yet, and whoever
was listening: a reader may lack what happened from a moment at which it had everything until it was
listening again, and nothing else. Whatever comes is an event of the log, word for word; what comes
again has the same id.

usage: copies.py HEDGEROWD [TEST...]
"""
import copy
import os
import random
import signal
import sys

from farm import Farm, MqttCopy, harness, scenario, wait_for, wait_until

from harness import expect, test  # isort: skip  (farm.py says where it is)

IS_LONG = bool(os.environ.get("HR_LONG"))
KILLS = 2 if not IS_LONG else 30
# Many who cross all the time, as they go: what is older than ten minutes is no news.
SWARM = "period_s 1\nvehicles swarm 400 25 -300 8 300 -6\n"


def newest(farm):
    events = farm.all_events()
    return events[-1]["offset"] if events else -1


def wait_for_more(farm, count):
    goal = newest(farm) + count
    wait_until("something happens", lambda: newest(farm) >= goal)


def wanted(event):
    """Late events are no news, and told to nobody."""
    return "fence" in event and not event["late"]


def judge(events, told, gaps):
    """What is wrong with what was told. gaps: offsets (after, up to) that may lack."""
    there = {event["id"]: event for event in events}
    came, complaints = set(), []
    for event in told:
        original = there.get(event["id"])
        said = {key: value for key, value in event.items() if key != "emitted"}
        if original is None:
            complaints.append("never happened: " + event["id"])
        elif said != original:
            complaints.append("told otherwise: %r, not %r" % (said, original))
        came.add(event["id"])
    lacking = [event for event in events if wanted(event) and event["id"] not in came]
    for event in lacking:
        if not any(after < event["offset"] <= until for after, until in gaps):
            complaints.append("never told: %s, %d" % (event["id"], event["offset"]))
    return complaints, len(lacking)


EVERYWHERE = {"type": "Feature", "id": "everywhere", "properties": {"name": "Everywhere"},
              "geometry": {"type": "Polygon", "coordinates": [[
                  [16.3, 59.8], [16.45, 59.8], [16.45, 59.9], [16.3, 59.9], [16.3, 59.8]]]}}


def make_a_storm(farm):
    """Everybody is inside, or no longer, at once: more than can be told before the next line."""
    if farm.api("GET", "/v1/fences/everywhere", wanted=(200, 404)).get("id") == "everywhere":
        farm.api("DELETE", "/v1/fences/everywhere")
    else:
        farm.api("POST", "/v1/fences", EVERYWHERE)


def kill_service(farm, reader, gaps):
    """Nothing may lack, whatever was on its way."""
    make_a_storm(farm)
    farm.stop(signal.SIGKILL)
    farm.start()


def kill_broker(farm, reader, gaps):
    before = newest(farm)
    wait_until("the reader has what there is", lambda: reader.has(before))
    times = reader.times_listening()
    make_a_storm(farm)
    farm.kill_broker()
    wait_until("the reader listens again", lambda: reader.times_listening() > times)
    gaps.append((before, newest(farm)))


def wait_for_agreement(farm, reader, gaps):
    """(told, events) without a complaint, if that comes to be; a tick may bring another event."""
    def look():
        last[:] = reader.events(), farm.all_events()
        return not judge(last[1], last[0], gaps)[0]
    last = []
    wait_for(look)
    return last


def lies_are_seen(events, told, gaps):
    """The same witness, and a copy that is wrong in one thing."""
    sure = [event for event in told
            if not any(after < event["offset"] <= until for after, until in gaps)]
    victim = sure[len(sure) // 2]
    lacks = [event for event in told if event["id"] != victim["id"]]
    other = [dict(event, severity="urgent") if event is victim else event for event in told]
    more = [*told, dict(victim, id=victim["id"] + "0")]
    again = [*told, copy.deepcopy(victim)]
    for tampered, story in ((lacks, "never told"), (other, "told otherwise"),
                            (more, "never happened")):
        complaints, _ = judge(events, tampered, gaps)
        expect([line.split(":")[0] for line in complaints], [story], "a lie is seen")
    expect(judge(events, again, gaps)[0], [], "what comes twice is no fault")


@test
def a_reader_lacks_nothing_but_what_a_dying_broker_held():
    seed = harness.new_seed()
    chance = random.Random(seed)
    with Farm() as farm:
        path = os.path.join(farm.folder, "swarm.scenario")
        with open(scenario("faults")) as ours, open(path, "w") as theirs:
            theirs.write(ours.read() + SWARM)
        farm.make_fences(path)
        gaps = []
        with MqttCopy(farm) as reader:
            wait_until("the reader listens", lambda: reader.times_listening() > 0)
            sim = farm.start_sim(path, "--speedup", "1", "--batch", "50", "--linger", "30",
                                 "--drain", "60")
            try:
                kills = ([kill_service, kill_broker] * KILLS)[:KILLS]
                chance.shuffle(kills)
                for kill in kills:
                    wait_for_more(farm, chance.randrange(3, 20 if not IS_LONG else 60))
                    kill(farm, reader, gaps)
                wait_for_more(farm, 10)
            finally:
                sim.send_signal(signal.SIGTERM)
                farm.await_sim(sim)
            print(farm.ask_oracle("--wait", "20").strip())
            told, events = wait_for_agreement(farm, reader, gaps)
        complaints, lacking = judge(events, told, gaps)
        print("%d events, told %d times, %d lack of %d within reach of the broker's deaths" % (
            len(events), len(told), lacking,
            sum(after < event["offset"] <= until for event in events for after, until in gaps)))
        expect(complaints[:5], [], "%d complaints" % len(complaints))
        lies_are_seen(events, told, gaps)


if __name__ == "__main__":
    sys.exit(harness.run_all(sys.argv[1], [sys.modules[__name__]], sys.argv[2:]))
