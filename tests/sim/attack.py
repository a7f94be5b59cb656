"""tests/sim/attack.py - random fences, herds and changes against the contract alone.

Everything is made at random from a seed: fences of every shape and rule, that change, are switched
and expire meanwhile; devices that stand on corners, walk along edges, jump, repeat themselves and
speak every form; kill -9 of the service. What must come of it is worked out by attack_model.py from
the log's order, and what the log holds is held against what was sent. Nothing of the project's own
geometry or oracle is used.

usage: attack.py HEDGEROWD [TEST...]; HR_SEED begins with that seed, HR_DUMP keeps a wrong log
"""
import json
import math
import os
import random
import signal
import sys
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from attack_model import Area, Partition, Rules, unrolled
from attack_send import Sender, iso
from farm import Farm, LiveCopy, MqttCopy, harness, wait_until

from harness import expect, test  # isort: skip  (farm.py says where it is)

IS_LONG = bool(os.environ.get("HR_LONG"))
ROUNDS = 60 if not IS_LONG else int(os.environ.get("HR_ROUNDS", "400"))
RUNS = 1 if not IS_LONG else int(os.environ.get("HR_RUNS", "12"))
GRID = 1000        # places and corners meet on it: so many units of the lattice
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
FORMS = ["hrf1", "hrf1", "json", "array", "owntracks"]
EARTH_A, EARTH_E2 = 6378137.0, 0.00669437999014


def metres_per_unit(lat_e7):
    """Of the ellipsoid, eastwards and northwards."""
    sine = math.sin(math.radians(lat_e7 / 1e7))
    root = math.sqrt(1 - EARTH_E2 * sine * sine)
    unit = math.radians(1e-7)
    return (EARTH_A / root * math.cos(math.radians(lat_e7 / 1e7)) * unit,
            EARTH_A * (1 - EARTH_E2) / root ** 3 * unit)


def degrees(point):
    return [rolled(point[0]) / 1e7, point[1] / 1e7]


def rolled(lon_e7):
    return lon_e7 - 3600000000 if lon_e7 > 1800000000 else lon_e7


class World:
    """What was made, so that it can be held against what there is."""

    def __init__(self, farm, seed):
        self.farm = farm
        self.chance = random.Random(seed)
        self.origin = (self.chance.choice([163700000, -700000000, 5000000, 1799995000]),
                       self.chance.choice([598500000, -335000000, 2000000]))
        self.origin = tuple(value // GRID * GRID for value in self.origin)
        self.features = {}
        self.groups = {}
        self.rules = {}  # by version: what they were made of
        self.now = time.time()
        self.number = 0

    # ---- fences ----

    def corner(self):
        return (self.origin[0] + self.chance.randrange(-60, 61) * GRID,
                self.origin[1] + self.chance.randrange(-60, 61) * GRID)

    def star(self, middle, count, size):
        """A ring that does not cross itself, its corners on the grid."""
        while True:
            ring = []
            for i in range(count):
                angle = 2 * math.pi * (i + 0.6 * self.chance.random()) / count
                reach = size * (0.5 + self.chance.random())
                ring.append((middle[0] + round(reach * math.cos(angle)) * GRID,
                             middle[1] + round(reach * math.sin(angle)) * GRID))
            if len(set(ring)) == count:
                return ring

    def box(self, middle, half):
        (x, y), h = middle, half * GRID
        return [(x - h, y - h), (x + h, y - h), (x + h, y + h), (x - h, y + h)]

    def geometry(self):
        kind = self.chance.choice(["star", "box", "hole", "multi", "circle", "corridor",
                                   "country", "sliver"])
        middle = self.corner()

        def closed(ring):
            return [degrees(point) for point in [*ring, ring[0]]]
        if kind == "star":
            return {"type": "Polygon", "coordinates": [closed(self.star(
                middle, self.chance.randrange(4, 9), self.chance.randrange(8, 30)))]}, {}
        if kind == "box":
            return {"type": "Polygon", "coordinates": [closed(self.box(
                middle, self.chance.randrange(2, 25)))]}, {}
        if kind == "hole":
            half = self.chance.randrange(8, 25)
            return {"type": "Polygon", "coordinates": [
                closed(self.box(middle, half)), closed(self.box(middle, half // 2))]}, {}
        if kind == "multi":
            half = self.chance.randrange(3, 12)
            other = (middle[0] + (2 * half + self.chance.randrange(1, 9)) * GRID, middle[1])
            return {"type": "MultiPolygon", "coordinates": [
                [closed(self.box(middle, half))], [closed(self.box(other, half))]]}, {}
        if kind == "country":  # a long edge comes through here
            (x, y), far = middle, self.chance.choice([400000, 9000000, 25000000])
            return {"type": "Polygon", "coordinates": [closed([
                (x - far, y - far + self.chance.randrange(GRID)), (x + far, y - far),
                (x + far + self.chance.randrange(GRID), y + far)])]}, {}
        if kind == "sliver":
            (x, y), far = middle, self.chance.randrange(5, 60) * GRID
            return {"type": "Polygon", "coordinates": [closed([
                (x - far, y), (x + far, y + self.chance.choice([0, 7, 3 * GRID])),
                (x + far, y + 3 * GRID + 1)])]}, {}
        if kind == "circle":
            return {"type": "Point", "coordinates": degrees(middle)}, {
                "radius_m": self.chance.choice([5, 40, 150.5])}
        line = [middle]
        while len(line) < self.chance.randrange(2, 5):
            point = self.corner()
            if point != line[-1]:
                line.append(point)
        return {"type": "LineString", "coordinates": [degrees(point) for point in line]}, {
            "width_m": self.chance.choice([3, 20, 60])}

    def schedule(self):
        """On and off while the fleet lives through its hour."""
        zone = self.chance.choice(["UTC", "Europe/Stockholm", "America/New_York", "Asia/Kolkata"])
        local = datetime.fromtimestamp(self.now, ZoneInfo(zone))
        weekly = []
        for start in range(70, 0, -self.chance.randrange(8, 30)):
            begin = local - timedelta(minutes=start)
            end = begin + timedelta(minutes=self.chance.randrange(2, 7))
            weekly.append({"days": self.chance.choice([DAYS, [DAYS[begin.weekday()]]]),
                           "from": begin.strftime("%H:%M"), "to": end.strftime("%H:%M")})
        return {"tz": zone, "weekly": weekly}

    def feature(self, name):
        geometry, properties = self.geometry()
        properties["name"] = self.chance.choice(["North", "Å ö", 'a "quoted" one', "x" * 60])
        properties["intent"] = self.chance.choice(["keep-in", "keep-out", "info"])
        for chance, key, make in (
                (0.4, "approach_m", lambda: self.chance.choice([3, 15, 40])),
                (0.4, "dwell_s", lambda: self.chance.choice([10, 60, 400])),
                (0.3, "confirm_fixes", lambda: self.chance.choice([1, 2, 3])),
                (0.3, "groups", lambda: self.chance.sample(["milk", "wool", "odd"], 1)),
                (0.3, "schedule", self.schedule),
                (0.2, "expires_at", lambda: iso(int((self.now - self.chance.randrange(
                    10, 3000)) * 1000)))):
            if self.chance.random() < chance:
                properties[key] = make()
        return {"type": "Feature", "id": name, "geometry": geometry, "properties": properties}

    def note_version(self, answer):
        version = answer["properties"]["version"] if "properties" in answer else answer["version"]
        self.rules[version] = json.loads(json.dumps(self.features))

    def add(self, method="POST"):
        for _ in range(20):
            name = "f%d" % self.number if method == "POST" else self.chance.choice(
                list(self.features))
            feature = self.feature(name)
            path = "/v1/fences" + ("/" + name if method == "PUT" else "")
            answer = self.farm.api(method, path, feature, wanted=(200, 201, 400))
            if "error" not in answer:
                self.number += method == "POST"
                self.features[name] = feature
                self.note_version(answer)
                return

    def change(self):
        """Some change of the rules, in mid-stream."""
        what = self.chance.random()
        if what < 0.3 or len(self.features) < 4:
            self.add()
        elif what < 0.55:
            self.add("PUT")
        elif what < 0.7:
            name = self.chance.choice(list(self.features))
            self.farm.api("DELETE", "/v1/fences/" + name)
            del self.features[name]
        elif what < 0.8:
            name = self.chance.choice(list(self.features))
            properties = dict(self.features[name]["properties"],
                              dwell_s=self.chance.choice([0, 20, 300]))
            answer = self.farm.api("PATCH", "/v1/fences/" + name, {"properties": properties})
            self.features[name]["properties"] = properties
            self.note_version(answer)
        else:
            device = self.chance.choice(list(self.herd.places))
            change = {"groups": self.chance.sample(["milk", "wool", "odd"],
                                                   self.chance.randrange(3))}
            if self.chance.random() < 0.3:
                change["stale_after_s"] = self.chance.choice([0, 60, 5000, None])
            self.farm.api("PATCH", "/v1/devices/" + device, change, wanted=(200, 404))


def flat(coordinates):
    if isinstance(coordinates[0], (int, float)):
        return [coordinates]
    return [point for part in coordinates for point in flat(part)]


class Herd:
    def __init__(self, world, sender):
        self.world, self.sender, self.chance = world, sender, world.chance
        self.places, self.times, self.forms, self.aims = {}, {}, {}, {}
        self.sent = []
        start = int((world.now - 3400) * 1000)
        for i in range(24):
            form = FORMS[i % len(FORMS)]
            name = ("%s.p%d" % (sender.user, i)) if form == "owntracks" else "cow-%d:x_%d" % (i, i)
            self.places[name] = self.aims[name] = world.corner()
            self.times[name] = start + self.chance.randrange(5000)
            self.forms[name] = form

    def somewhere(self):
        """A corner of a fence, or any place."""
        points = flat(self.chance.choice(list(self.world.features.values()))["geometry"]
                      ["coordinates"])
        if self.chance.random() < 0.3:
            return self.world.corner()
        x, y = self.chance.choice(points)
        return (unrolled(e7(x)) + self.chance.choice([-8, -1, 0, 1, 8]) * GRID,
                e7(y) + self.chance.choice([-8, -1, 0, 1, 8]) * GRID)

    def step(self, name):
        """Along the grid, past corners and over edges; now and then somewhere else at once."""
        x, y = self.places[name]
        kind = self.chance.random()
        if kind < 0.03:
            return self.world.corner()
        if self.aims[name] == (x, y) or kind < 0.1:
            self.aims[name] = self.somewhere()
        if kind < 0.2:
            return x, y
        to = self.aims[name]
        steps = self.chance.randrange(1, 12)

        def towards(value, aim):
            move = max(-steps, min(steps, (aim - value) // GRID)) * GRID
            return value + move
        place = towards(x, to[0]), towards(y, to[1])
        if kind > 0.7:  # off the grid
            place = tuple(value + self.chance.randrange(-GRID, GRID) for value in place)
        return place

    def tell(self, name):
        gap = self.chance.random()
        whole = self.forms[name] == "owntracks"
        period = 3400 * 1000 // ROUNDS
        step = period + self.chance.randrange(-period // 4, period // 4)
        if gap < 0.03:
            step += 400 * 1000
        when = min(self.times[name] + step, int(time.time() * 1000))
        if gap > 0.95:
            when = self.times[name] - self.chance.randrange(1000, 40000)  # late
        elif gap > 0.9:
            when = self.times[name]  # once more
        if whole:
            when = when // 1000 * 1000
        self.times[name] = max(when, self.times[name])
        place = self.places[name] = self.step(name)
        accuracy = self.chance.choice([None, 0, 0, 10, 40, 80, 300, 2000])
        fix = {"device": name, "time": when, "at": (rolled(place[0]), place[1]),
               "accuracy_dm": accuracy}
        self.sent.append(fix)
        self.sender.send(fix, self.forms[name])


# ---- what there is ----


def read_log(farm, topic, partition):
    records, offset = [], 0
    while True:
        page = farm.api("GET", "/v1/log/%s/%d?offset=%d&limit=5000" % (topic, partition, offset))
        records += page["records"]
        offset = page["next"]
        if not page["records"] or offset >= page["end"]:
            return records


def ms_of(text):
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return round((at - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(milliseconds=1))


def e7(value):
    return round(value * 1e7)


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


def compare_events(partitions, there):
    """Differences between what the model says and what the topic holds, as sentences."""
    demanded = {event["source"]: event for partition in partitions for event in partition.events}
    ends = {partition.number: partition.record["offset"] for partition in partitions}
    found, complaints, ids = {}, [], set()
    for event in there:
        source = event["source"]["partition"], event["source"]["offset"], event["source"]["index"]
        if source[1] > ends[source[0]]:
            continue
        if event["id"] in ids:
            complaints.append("twice: " + event["id"])
        ids.add(event["id"])
        found[source] = event
    for source in sorted(set(demanded) - set(found)):
        complaints.append("missing: %r" % demanded[source])
    for source in sorted(set(found) - set(demanded)):
        complaints.append("extra: %r" % found[source])
    for source in sorted(set(found) & set(demanded)):
        complaints += differences(demanded[source], found[source])
    return complaints


def differences(model, event):
    said = dict(event, time=ms_of(event["time"]), received=ms_of(event["received"]),
                lon=unrolled(e7(event["lon"])) if event.get("lon") is not None else None,
                lat=e7(event["lat"]) if event.get("lat") is not None else None)
    wrong = [key for key in ("id", "kind", "device", "time", "lon", "lat", "cause", "late",
                             "severity", "received") if said.get(key) != model[key]]
    if model["fence"] != "-":
        wrong += [key for key in ("fence", "fence_name") if said.get(key) != model[key]]
    crossing = event.get("crossing")
    if (crossing is None) != (model["crossing"] is None):
        wrong.append("crossing")
    elif crossing:
        off = [abs(unrolled(e7(crossing["lon"])) - model["crossing"][0]),
               abs(e7(crossing["lat"]) - model["crossing"][1]),
               abs(ms_of(crossing["time"]) - model["crossing"][2])]
        if max(off) > 1:
            wrong.append("crossing by %r" % off)
    return ["different in %s:\n    model %r\n    there %r" % (wrong, model, event)] if wrong else []


def compare_fixes(sent, forms, logged):
    """HRF1 once each, in the order of its device; the rest at least once."""
    complaints = []

    def key(fix):
        accuracy = fix["accuracy_dm"]
        if forms[fix["device"]] == "owntracks" and accuracy is not None:
            accuracy = accuracy // 10 * 10
        return fix["device"], fix["time"], (unrolled(fix["at"][0]), fix["at"][1]), accuracy
    for name, form in forms.items():
        ours = [key(fix) for fix in sent if fix["device"] == name]
        theirs = [key(fix) for fix in logged if fix["device"] == name]
        if form == "hrf1" and ours != theirs:
            complaints.append("%s: %d fixes sent, %d there" % (name, len(ours), len(theirs)))
        elif set(ours) != set(theirs):
            complaints.append("%s by %s: lacks %r, made up %r" % (
                name, form, sorted(set(ours) - set(theirs), key=str)[:3],
                sorted(set(theirs) - set(ours), key=str)[:3]))
    return complaints


# ---- are the canonical fences what was asked for? ----


def normal(ring):
    ring = ring[:-1] if ring[0] == ring[-1] else ring
    ring = [tuple(point) for point in ring]
    turns = [tuple(r[i:] + r[:i]) for r in (ring, ring[::-1]) for i in range(len(ring))]
    return min(turns)


def distance_to_line(point, line, scale):
    best = math.inf
    px, py = point[0] * scale[0], point[1] * scale[1]
    for a, b in zip(line, line[1:]):
        ax, ay, bx, by = a[0] * scale[0], a[1] * scale[1], b[0] * scale[0], b[1] * scale[1]
        length = (bx - ax) ** 2 + (by - ay) ** 2
        part = max(0, min(1, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length)) \
            if length else 0
        best = min(best, math.hypot(px - ax - part * (bx - ax), py - ay - part * (by - ay)))
    return best


def along(ring, parts=4):
    """Points of a ring: its corners and some between."""
    for a, b in zip(ring, [*ring[1:], ring[0]]):
        for i in range(parts):
            yield (a[0] + (b[0] - a[0]) * i / parts, a[1] + (b[1] - a[1]) * i / parts)


def check_shape(feature, fence):
    kind = feature["geometry"]["type"]
    coordinates = feature["geometry"]["coordinates"]
    rings = fence["rings_e7"]
    if kind in ("Polygon", "MultiPolygon"):
        if any(abs(x) == 1800000000 for ring in rings for x, _ in ring):
            return []  # cut there; the events will tell
        polygons = [coordinates] if kind == "Polygon" else coordinates
        ours = sorted(normal([(e7(x), e7(y)) for x, y in ring])
                      for polygon in polygons for ring in polygon)
        theirs = sorted(normal(ring) for ring in rings)
        return [] if ours == theirs else ["another shape: %r, %r" % (ours, theirs)]
    rings = [[(unrolled(x), y) for x, y in ring] for ring in rings]
    line = [(unrolled(e7(x)), e7(y)) for x, y in flat(coordinates)]
    line = line * 2 if len(line) == 1 else line
    scale = metres_per_unit(sum(y for _, y in line) / len(line))
    wanted = feature["properties"]["radius_m"] if kind == "Point" else \
        feature["properties"]["width_m"] / 2
    error = max(0.05, 0.001 * 2 * wanted) + 0.012  # and the lattice
    worst = max(abs(distance_to_line(p, line, scale) - wanted) for r in rings for p in along(r)
                if p[0] != 1800000000)
    return [] if worst <= error else ["its line is off by %.3f m of %.2f" % (worst, wanted)]


def check_zone(feature, fence, chance):
    """Sampled points: within approach_m of the line, on the safe side."""
    wanted = feature["properties"].get("approach_m", 0)
    if not wanted:
        return [] if not fence["zone_rings_e7"] else ["a zone that nobody asked for"]
    if not fence["zone_rings_e7"]:
        return ["no zone"]
    area, zone = Area(fence["rings_e7"]), Area(fence["zone_rings_e7"])
    scale = metres_per_unit((area.box[1] + area.box[3]) / 2)
    is_inner = feature["properties"]["intent"] == "keep-in"
    reach = [wanted * 2 / scale[0], wanted * 2 / scale[1]]
    for _ in range(150):
        at = (chance.randrange(int(area.box[0] - reach[0]), int(area.box[2] + reach[0])),
              chance.randrange(int(area.box[1] - reach[1]), int(area.box[3] + reach[1])))
        distance = min(distance_to_line(at, [(ax, ay), (bx, by)], scale)
                       for ax, ay, bx, by in area.edges)
        slack = max(0.05, 0.002 * wanted) + 0.03
        if abs(distance - wanted) <= slack or distance < slack:
            continue
        is_near = distance < wanted
        if is_inner:
            is_wanted = is_near and area.covers(at)
            is_told = zone.covers(at) and area.covers(at)
        else:
            is_wanted = is_near and not area.covers(at)
            is_told = zone.covers(at) and not area.covers(at)
        if is_wanted != is_told:
            return ["%r, %.2f m from the line, %s the fence, is %sin its zone of %s m" % (
                at, distance, "in" if area.covers(at) else "outside", "" if is_told else "not ",
                wanted)]
    return []


def check_schedule(feature, fence, made_ms):
    weekly = feature["properties"].get("schedule")
    if not weekly:
        return [] if fence["schedule"] is None else ["a schedule that nobody asked for"]
    zone = ZoneInfo(weekly["tz"])
    day = datetime.fromtimestamp(made_ms / 1000, zone).date() - timedelta(days=32)
    wanted = []
    for _ in range(440):
        for window in weekly["weekly"]:
            if DAYS[day.weekday()] in window["days"]:
                hours = [tuple(map(int, window[key].split(":"))) for key in ("from", "to")]
                last = day + timedelta(days=1) if hours[1] <= hours[0] else day
                wanted.append([int(datetime(d.year, d.month, d.day, *h, tzinfo=zone).timestamp()
                                   * 1000) for d, h in ((day, hours[0]), (last, hours[1]))])
        day += timedelta(days=1)
    low, high = made_ms - 29 * 86400000, made_ms + 399 * 86400000
    instants = [merge(clip(list_, low, high)) for list_ in (wanted, fence["schedule"]["on_ms"])]
    if instants[0] != instants[1]:
        apart = [pair for pair in zip(*instants) if pair[0] != pair[1]][:2]
        return ["on at other times: %d, %d, %r" % (len(instants[0]), len(instants[1]), apart)]
    return []


def clip(windows, low, high):
    return sorted([max(a, low), min(b, high)] for a, b in windows if b > low and a < high and a < b)


def merge(windows):
    merged = []
    for a, b in windows:
        if merged and a <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], b)
        else:
            merged.append([a, b])
    return merged


def check_rules(world, rules):
    complaints, checked = [], set()
    for version, features in world.rules.items():
        if version not in rules:
            continue
        there = {fence["id"]: fence for fence in rules[version].json["fences"]}
        for name, feature in features.items():
            what = json.dumps(feature, sort_keys=True)
            if (name, what) in checked:
                continue
            checked.add((name, what))
            if name not in there:
                complaints.append("rules %d lack %s" % (version, name))
                continue
            fence, properties = there[name], feature["properties"]
            for key, otherwise in (("intent", "info"), ("name", ""), ("dwell_s", 0),
                                   ("confirm_fixes", 0), ("groups", [])):
                if fence[key] != properties.get(key, otherwise):
                    complaints.append("%s of %s: %r" % (key, name, fence[key]))
            expires = properties.get("expires_at")
            if fence["expires_at_ms"] != (ms_of(expires) if expires else None):
                complaints.append("%s expires at %r" % (name, fence["expires_at_ms"]))
            for complaint in (check_shape(feature, fence) +
                              check_zone(feature, fence, world.chance) +
                              check_schedule(feature, fence, int(world.now * 1000))):
                complaints.append("rules %d, %s %s: %s" % (version, name,
                                                           feature["geometry"]["type"], complaint))
    return complaints


# ---- a run ----


def look_inside(farm, world):
    """[(fence, devices with since, as_of)] as the service says it now."""
    answers = []
    for name in world.features:
        answer = farm.api("GET", "/v1/fences/%s/devices" % name)
        answers.append((name, {d["device"]: ms_of(d["since"]) for d in answer["devices"]},
                        {a["partition"]: a["offset"] for a in answer["as_of"]}))
    return answers


def compare_inside(answers, seen):
    complaints = []
    for fence, said, as_of in answers:
        model = {device: since for partition, offset in as_of.items()
                 for (device, name), since in seen[partition, offset][0].items()
                 if name == fence}
        if said != model:
            complaints.append("who is in %s: said %r, the model %r" % (
                fence, dict(said.items() - model.items()), dict(model.items() - said.items())))
    return complaints


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


def compare_within(answers, seen):
    complaints = []
    for ring, said, as_of in answers:
        area = Area([ring])
        model = {device for partition, offset in as_of.items()
                 for device, place in seen[partition, offset][1].items() if area.covers(place)}
        if said != model:
            complaints.append("within %r: said %r, the model %r" % (ring, said - model,
                                                                    model - said))
    return complaints


def await_workers(farm, count):
    """They may be behind the log for a moment; what lacks for longer, the comparison tells."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and sum(
            "event" in record for record in read_log(farm, "events", 0)) < count:
        harness.select_briefly()


def attack(farm, world, sender):
    world.herd = Herd(world, sender)
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
            await_workers(farm, sum(len(partition.events) for partition in partitions))
            there = farm.all_events()
            wait_until("nothing more comes", reader.is_silent)
            wait_until("the page has everything",
                       lambda: live.resume["seq"] >= there[-1]["offset"])
            told = {event["id"]: event for event in reader.events()}
            with open(live.path) as file:
                lived = {event["id"]: event for event in map(json.loads, file)}
        topic = [record["event"] for record in read_log(farm, "events", 0) if "event" in record]
        complaints = compare_fixes(world.herd.sent, world.herd.forms, fixes)
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


def copies(topic, there, told, lived):
    """Over HTTP and the WebSocket all of them, over MQTT what was no old news; word for word."""
    complaints = []
    events = {event["id"]: event for event in topic}
    for name, copy, wanted in (
            ("HTTP", {event["id"]: event for event in there}, events),
            ("WebSocket", lived, events),
            ("MQTT", told, {i: event for i, event in events.items() if not event["late"]})):
        if name != "MQTT" and len(copy) < len(wanted) or set(wanted) - set(copy):
            complaints.append("%s lacks %r" % (name, sorted(set(wanted) - set(copy))[:3]))
        for id_, event in copy.items():
            said = {key: value for key, value in event.items() if key != "emitted"}
            if id_ in events and said != events[id_]:
                complaints.append("%s says %r, the log %r" % (name, said, events[id_]))
    return complaints


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
    first = int(os.environ.get("HR_SEED", random.randrange(1 << 30)))
    for i in range(RUNS):
        run(first + i)


if __name__ == "__main__":
    sys.exit(harness.run_all(sys.argv[1], [sys.modules[__name__]], sys.argv[2:]))
