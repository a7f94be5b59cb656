"""tests/sim/attack_world.py - what is thrown at a service: random fences, their changes, herds."""
import json
import math
import random
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from attack_model import unrolled
from attack_send import e7, iso

GRID = 1000  # places and corners meet on it: so many units of the lattice
PLACES = [(163700000, 598500000), (-700000000, -335000000), (5000000, 2000000),
          (163700000, 2000000), (1799995000, -168000000)]  # the last at 180 degrees
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
FORMS = ["hrf1", "hrf1", "json", "array", "owntracks"]


def degrees(point):
    return [rolled(point[0]) / 1e7, point[1] / 1e7]


def rolled(lon_e7):
    return lon_e7 - 3600000000 if lon_e7 > 1800000000 else lon_e7


class World:
    """What was made, so that it can be held against what there is."""

    def __init__(self, farm, seed, places=PLACES):
        self.farm = farm
        self.chance = random.Random(seed)
        self.origin = tuple(value // GRID * GRID for value in self.chance.choice(places))
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
            properties = dict(self.features[name]["properties"], **self.chance.choice(
                [{"dwell_s": 0}, {"dwell_s": 20}, {"dwell_s": 300}, {"name": "Another"}, {}]))
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
    def __init__(self, world, sender, rounds):
        self.world, self.sender, self.chance = world, sender, world.chance
        self.places, self.times, self.forms, self.aims = {}, {}, {}, {}
        self.sent = []
        self.rounds = rounds
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
        period = 3400 * 1000 // self.rounds
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
