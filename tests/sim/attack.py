"""tests/sim/attack.py - random fences, herds and changes against the contract alone.

Everything is made at random from a seed: fences of every shape and rule, that change, are switched
and expire meanwhile; devices that stand on corners, walk along edges, jump, repeat themselves and
speak every form; kill -9 of the service. What must come of it is worked out by attack_model.py from
the log's order, and what the log holds is held against what was sent, with nothing of the project's
own geometry. Beside it, the project's oracle looks at the same log.

usage: attack.py HEDGEROWD [TEST...]; HR_SEED begins with that seed, HR_DUMP keeps a wrong log
"""
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile

from attack_check import (check_rules, compare_events, compare_fixes, compare_inside,
                          compare_within, copies, differences)
from attack_model import Partition, Rules, unrolled
from attack_send import Sender, decimal, e7, iso, ms_of
from attack_world import GRID, PLACES, Herd, World, degrees
from farm import Farm, LiveCopy, MqttCopy, harness, program, wait_for, wait_until

from harness import expect, test  # isort: skip  (farm.py says where it is)

IS_LONG = bool(os.environ.get("HR_LONG"))
ROUNDS = 25 if not IS_LONG else int(os.environ.get("HR_ROUNDS", "250"))
RUNS = 1 if not IS_LONG else int(os.environ.get("HR_RUNS", "12"))

# ---- what there is ----


def read_log(farm, topic, partition):
    records, offset = [], 0
    while True:
        page = farm.api("GET", "/v1/log/%s/%d?offset=%d&limit=5000" % (topic, partition, offset))
        records += page["records"]
        offset = page["next"]
        if not page["records"] or offset >= page["end"]:
            return records


def live_through(farm, rules, stops, span):
    """(partitions, fixes of the log, what devices were at the offsets of stops)."""
    partitions, fixes, seen = [], [], {}
    count = len([t for t in farm.api("GET", "/v1/log")["topics"]
                 if t["topic"] == "positions"][0]["partitions"])
    for number in range(count):
        partition = Partition(number)
        for record in read_log(farm, "positions", number):
            if record["offset"] in stops.get(number, ()):
                seen[number, record["offset"]] = snapshot(partition)
            if record["type"] == "rules":
                version = record["version"]
                if version not in rules:
                    rules[version] = Rules(farm.api("GET", "/v1/rules/%d" % version), span)
                partition.take_rules(record, rules[version])
            elif record["type"] == "tick":
                partition.take_tick(record)
            elif record["type"] == "fix":
                fix = {"device": record["device"], "key": record["device_key"],
                       "time": ms_of(record["time"]),
                       "at": (unrolled(e7(record["lon"])), e7(record["lat"])),
                       "accuracy_dm": round(record["accuracy_m"] * 10)
                       if record.get("accuracy_m") is not None else None}
                fixes.append(fix)
                partition.take_fix(record, fix)
        for stop in stops.get(number, ()):
            seen.setdefault((number, stop), snapshot(partition))
        partitions.append(partition)
    return partitions, fixes, seen


def snapshot(partition):
    """(who is in what since when, where everybody's newest fix is)."""
    return ({(device.name, fence): stay.since for device in partition.devices.values()
             for fence, stay in device.stays.items() if stay.fence.inside},
            {device.name: device.place for device in partition.devices.values()})


# ---- a run ----


def look_inside(farm, world):
    """[(fence, devices with since, as_of)] as the service says it now."""
    answers = []
    for name in world.features:
        answer = farm.api("GET", "/v1/fences/%s/devices" % name)
        answers.append((name, {d["device"]: ms_of(d["since"]) for d in answer["devices"]},
                        {a["partition"]: a["offset"] for a in answer["as_of"]}))
    return answers


def look_within(farm, world):
    """[(ring, devices, as_of)]: areas with corners where animals are, which is inside."""
    answers = []
    places = [(unrolled(e7(d["lon"])), e7(d["lat"]))
              for d in farm.api("GET", "/v1/devices?limit=500")["devices"]]
    for _ in range(12):
        half = world.chance.randrange(5, 60)
        ring = world.chance.choice([
            lambda: world.box(world.chance.choice(places), half),
            lambda: [(x + half * GRID, y + half * GRID) for x, y in
                     world.box(world.chance.choice(places), half)],
            lambda: world.star(world.corner(), 6, half)])()
        answer = farm.api("POST", "/v1/query/within", {"type": "Polygon", "coordinates": [
            [degrees(point) for point in [*ring, ring[0]]]]})
        answers.append((ring, {d["device"] for d in answer["devices"]},
                        {part["partition"]: part["offset"] for part in answer["as_of"]}))
    return answers


def ask_oracle(farm):
    """What the project's own oracle has against it, also about the standing queries: a second
    witness."""
    try:
        farm.ask_oracle("--windows", truth=None)
        return []
    except AssertionError as verdict:
        return [str(verdict)]


def attack(farm, world, sender):
    world.herd = Herd(world, sender, ROUNDS)
    for round_ in range(ROUNDS):
        names = list(world.herd.places)
        world.chance.shuffle(names)
        for name in names:
            if world.chance.random() < 0.8:
                world.herd.tell(name)
        sender.outbox.send()
        if world.chance.random() < 0.3:
            world.change()
        if world.chance.random() < 2 / ROUNDS:
            farm.stop(signal.SIGKILL)
            farm.start()
    expect(sender.outbox.drain(), True, "everything is acknowledged")
    wait_until("everything else is in the log", lambda: len({
        (fix["device"], fix["time"]) for fix in sender.json} - {
        (record["device"], ms_of(record["time"])) for p in range(8)
        for record in read_log(farm, "positions", p) if record["type"] == "fix"}) == 0)


def run(seed):
    print("seed %d" % seed)
    with Farm() as farm:
        world = World(farm, seed)
        for _ in range(10):
            world.add()
        farm.api("POST", "/v1/queries/battery-days/start")
        with open(farm.login) as file:
            login = json.load(file)
        with MqttCopy(farm) as reader, LiveCopy(farm) as live:
            wait_until("the reader listens", lambda: reader.times_listening() > 0)
            sender = Sender(farm.mqtt_port, login, world.chance)
            attack(farm, world, sender)
            sender.mqtt.close()
            inside, within = look_inside(farm, world), look_within(farm, world)
            stops = {}
            for _, _, as_of in inside + within:
                for partition, offset in as_of.items():
                    stops.setdefault(partition, set()).add(offset)
            rules = {}
            span = (world.now - 86400) * 1000, (world.now + 86400) * 1000
            partitions, fixes, seen = live_through(farm, rules, stops, span)
            count = sum(len(partition.events) for partition in partitions)
            wait_for(lambda: sum("event" in record
                                 for record in read_log(farm, "events", 0)) >= count)
            verdict = ask_oracle(farm)
            there = farm.all_events()
            wait_for(reader.has_the_news)
            wait_for(lambda: live.resume["seq"] >= there[-1]["offset"])
            told = {event["id"]: event for event in reader.events()}
            with open(live.file) as file:
                lived = {event["id"]: event for event in map(json.loads, file)}
        topic = [record["event"] for record in read_log(farm, "events", 0) if "event" in record]
        complaints = verdict + compare_fixes(world.herd.sent, world.herd.forms, fixes)
        complaints += compare_events(partitions, topic)
        complaints += compare_inside(inside, seen)
        complaints += compare_within(within, seen)
        complaints += check_rules(world, rules)
        last = there[-1]["offset"]  # ticks go on, and may make more
        complaints += copies([event for event in topic if event["offset"] <= last], there, told,
                             lived)
        doubts = [doubt for partition in partitions for doubt in partition.doubts]
        kinds = sorted({(event["kind"], event["cause"]) for event in topic})
        print("%d fixes, %d events, %d rules, %d doubts, kinds %s" % (
            len(fixes), len(topic), len(rules), len(doubts),
            " ".join("%s/%s" % kind for kind in kinds)))
        if complaints and os.environ.get("HR_DUMP"):  # a file, to look at it at leisure
            with open(os.environ["HR_DUMP"], "w") as file:
                json.dump({"rules": {v: r.json for v, r in rules.items()}, "topic": topic,
                           "records": [read_log(farm, "positions", p.number)
                                       for p in partitions]}, file)
        for complaint in complaints[:20]:
            print("    " + complaint)
        expect(len(complaints), 0, "complaints with seed %d, doubts %r" % (seed, doubts[:5]))
        lies_are_seen(partitions, topic)


def lies_are_seen(partitions, topic):
    """The same model, and a log that is wrong in one thing."""
    middle = len(topic) // 2
    event = topic[middle]
    late = iso(ms_of(event["time"]) + 1)
    for change, story in (({"time": late}, "different in ['time']"),
                          ({"severity": "urgent"}, "different in ['severity']"),
                          ({"lon": event["lon"] + 1e-7}, "different in ['lon']")):
        told = [*topic[:middle], dict(event, **change), *topic[middle + 1:]]
        complaints = compare_events(partitions, told)
        expect(len(complaints) == 1 and complaints[0].startswith(story), True, repr(complaints))
    for told, story in ((topic[:middle] + topic[middle + 1:], "missing: "),
                        (topic + [event], "twice: ")):
        complaints = compare_events(partitions, told)
        expect(len(complaints) == 1 and complaints[0].startswith(story), True, repr(complaints))


@test
def whatever_is_thrown_at_it_comes_out_as_the_definition_says():
    first = harness.new_seed()
    for i in range(RUNS):
        run(first + i)


# ---- the same without a service ----

SETTINGS = {"max_accuracy_m": 100, "max_gap_s": 300, "max_speed_mps": 60,
            "alert_max_age_s": 600, "stale_after_s": 21600}


def device_key(name):
    """XXH3 of it, by the library."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return "%016x" % library.XXH3_64bits(name.encode(), len(name))


class Recorder:
    """Takes fixes as a Sender does, for a file."""
    user = "gate"

    def __init__(self):
        self.fixes = []

    def send(self, fix, _):
        self.fixes.append(dict(fix, key=device_key(fix["device"]),
                               at=(unrolled(fix["at"][0]), fix["at"][1])))


def as_rules(features):
    """Of plain polygons: what they are made into is what was given."""
    fences = []
    for feature in features:
        properties, geometry = feature["properties"], feature["geometry"]
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else \
            geometry["coordinates"]
        fences.append({
            "id": feature["id"], "name": properties["name"], "intent": properties["intent"],
            "dwell_s": properties.get("dwell_s", 0), "groups": [], "schedule": None,
            "confirm_fixes": properties.get("confirm_fixes", 0), "zone_rings_e7": None,
            "expires_at_ms": ms_of(properties["expires_at"]) if "expires_at" in properties
            else None,
            "rings_e7": [[(e7(x), e7(y)) for x, y in ring[:-1]]
                         for polygon in polygons for ring in polygon]})
    return Rules({"version": 1, "settings": SETTINGS, "devices": [], "fences": fences},
                 (0, 1 << 60))


def plain_features(world):
    while len(world.features) < 12:
        feature = world.feature("f%d" % len(world.features))
        for key in ("approach_m", "groups", "schedule"):
            feature["properties"].pop(key, None)
        if "olygon" in feature["geometry"]["type"]:
            world.features[feature["id"]] = feature
    return list(world.features.values())


def run_program(word, fences, fixes, chance):
    lines = ["device,time,lon,lat,accuracy_m"]
    for fix in fixes:
        lines.append("%s,%s,%s,%s,%s" % (
            fix["device"], iso(fix["time"]) if chance.random() < 0.5 else fix["time"],
            decimal(fix["at"][0], chance), decimal(fix["at"][1], chance),
            "" if fix["accuracy_dm"] is None else fix["accuracy_dm"] / 10))
    result = subprocess.run([program("hedgerow"), word, "--fences", fences], check=True,
                            capture_output=True, text=True, timeout=60,
                            input="\n".join(lines) + "\n")
    return result.stdout.splitlines()


def live_alone(rules, fixes):
    """As the contract of `replay` says: one partition, before each fix a tick at the highest time
    so far, the fix's own among them."""
    partition, newest = Partition(0), 0
    partition.take_rules({"append_ms": 0, "offset": 0}, rules)
    for number, fix in enumerate(fixes):
        newest = max(newest, fix["time"])
        partition.take_tick({"append_ms": newest, "offset": 2 * number + 1, "ms": newest})
        partition.take_fix({"append_ms": fix["time"], "offset": 2 * number + 2}, fix)
    return partition.events


def replay_and_join(folder, seed):
    # Not at 180 degrees: what is cut there is rounded there, which these rules do not know.
    world = World(None, seed, places=PLACES[:-1])
    features = plain_features(world)
    rules, recorder = as_rules(features), Recorder()
    herd = Herd(world, recorder, ROUNDS)
    for _ in range(ROUNDS):
        for name in herd.places:
            herd.tell(name)
    path = os.path.join(folder, "plain.geojson")
    with open(path, "w") as file:
        json.dump({"type": "FeatureCollection", "features": features}, file)
    demanded = live_alone(rules, recorder.fixes)
    told = [json.loads(line) for line in run_program("replay", path, recorder.fixes,
                                                      world.chance)]
    complaints = [] if len(told) == len(demanded) else ["%d events, the model %d" % (
        len(told), len(demanded))]
    for model, event in zip(demanded, told):
        said = dict(event, received=iso(model["received"]))  # which replay does not say
        complaints += differences(model, said)
    hits = ["%d,%s" % (number + 1, feature["id"]) for number, fix in enumerate(recorder.fixes)
            for feature in features if rules.fences[feature["id"]].area.covers(fix["at"])]
    joined = run_program("join", path, recorder.fixes, world.chance)
    if joined != hits:
        complaints.append("join: %r" % [pair for pair in zip(joined, hits)
                                        if pair[0] != pair[1]][:3])
    print("seed %d: %d fixes, %d events, %d hits" % (seed, len(recorder.fixes), len(told),
                                                     len(hits)))
    expect(complaints[:3], [], "complaints with seed %d" % seed)


@test
def replay_and_join_say_what_the_definition_says():
    first = harness.new_seed()
    with tempfile.TemporaryDirectory(prefix="hr-attack-") as folder:
        for i in range(RUNS):
            replay_and_join(folder, first + i)


if __name__ == "__main__":
    sys.exit(harness.run_all(sys.argv[1], [sys.modules[__name__]], sys.argv[2:]))
