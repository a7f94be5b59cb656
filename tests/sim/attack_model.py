"""tests/sim/attack_model.py - the definition of an event (TRACKER.md) once more, in exact numbers.

Written from the definition alone, and slow: integers and fractions where a fence decides, so that a
point on a line is on it."""
import math
from fractions import Fraction

UNIT_M = 0.0111319491
NEVER = 1 << 62
ORDER = ["exit", "cross", "enter", "approach"]


def half_away(value):
    """A fraction or an integer to the nearest integer."""
    value = Fraction(value)
    whole = (abs(value.numerator) * 2 + value.denominator) // (2 * value.denominator)
    return whole if value >= 0 else -whole


def cosine(lat_e7):
    hundredths = half_away(Fraction(lat_e7, 100000))
    return math.floor(65536 * math.cos(math.radians(hundredths / 100)) + 0.5)


def distance_m(a, b, scale):
    return math.hypot((a[0] - b[0]) * scale / 65536, a[1] - b[1]) * UNIT_M


def unrolled(lon_e7):
    """East of 180 degrees goes on, so that what lies around that meridian is one plane; nothing of
    an attack lies near 90 degrees west."""
    return lon_e7 + 3600000000 if lon_e7 < -900000000 else lon_e7


class Area:
    """Rings of the lattice, even-odd; the boundary belongs to it."""

    def __init__(self, rings):
        self.edges = []
        seams = []
        for ring in rings:
            for i, (bx, by) in enumerate(ring):
                ax, ay = ring[i - 1]
                if ax == bx and abs(ax) == 1800000000:
                    seams.append((min(ay, by), max(ay, by)))
                elif (ax, ay) != (bx, by):
                    self.edges.append((unrolled(ax), ay, unrolled(bx), by))
        self.add_seams(seams)
        rings = [[(unrolled(x), y) for x, y in ring] for ring in rings]
        xs = [x for ring in rings for x, _ in ring]
        ys = [y for ring in rings for _, y in ring]
        self.box = min(xs), min(ys), max(xs), max(ys)

    def add_seams(self, seams):
        """Where an area goes on beyond 180 degrees there are two, and no boundary; where there is
        one, it ends there."""
        ends = sorted({y for seam in seams for y in seam})
        for low, high in zip(ends, ends[1:]):
            if sum(a <= low and high <= b for a, b in seams) % 2:
                self.edges.append((1800000000, low, 1800000000, high))

    def is_in_box(self, x, y):
        return self.box[0] <= x <= self.box[2] and self.box[1] <= y <= self.box[3]

    def is_on_line(self, at):
        x, y = at
        return any((bx - ax) * (y - ay) == (by - ay) * (x - ax) and
                   min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
                   for ax, ay, bx, by in self.edges)

    def covers(self, at):
        x, y = at
        if not self.is_in_box(x, y):
            return False
        is_in = False
        for ax, ay, bx, by in self.edges:
            side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
            if side == 0 and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
                return True
            if (ay > y) != (by > y) and (side > 0) == (by > ay):
                is_in = not is_in
        return is_in

    def distance_m(self, at, scale):
        k = scale / 65536
        best = math.inf
        px, py = float(at[0]), float(at[1])
        for ax, ay, bx, by in self.edges:
            ux, uy = (bx - ax) * k, by - ay
            vx, vy = (px - ax) * k, py - ay
            part = max(0.0, min(1.0, (ux * vx + uy * vy) / (ux * ux + uy * uy)))
            best = min(best, math.hypot(vx - part * ux, vy - part * uy))
        return best * UNIT_M

    def is_apart(self, a, b):
        return (max(a[0], b[0]) < self.box[0] or min(a[0], b[0]) > self.box[2] or
                max(a[1], b[1]) < self.box[1] or min(a[1], b[1]) > self.box[3])

    def pieces(self, a, b):
        """The parts of the segment within it, as pairs of fractions of its length."""
        if a == b:
            return [(Fraction(0), Fraction(1))] if self.covers(a) else []
        if self.is_apart(a, b):
            return []
        dx, dy = b[0] - a[0], b[1] - a[1]
        cuts = {Fraction(0), Fraction(1)}
        for ax, ay, bx, by in self.edges:
            ex, ey = bx - ax, by - ay
            cross = dx * ey - dy * ex
            if cross == 0:
                if dx * (ay - a[1]) == dy * (ax - a[0]):
                    for x, y in ((ax, ay), (bx, by)):
                        cuts.add(Fraction(x - a[0], dx) if dx else Fraction(y - a[1], dy))
                continue
            along = Fraction((ax - a[0]) * ey - (ay - a[1]) * ex, cross)
            across = Fraction((ax - a[0]) * dy - (ay - a[1]) * dx, cross)
            if 0 <= along <= 1 and 0 <= across <= 1:
                cuts.add(along)
        cuts = sorted(cut for cut in cuts if 0 <= cut <= 1)
        found = []
        for i, cut in enumerate(cuts):
            if not self.covers((a[0] + cut * dx, a[1] + cut * dy)):
                continue
            middle = (cuts[i - 1] + cut) / 2 if i > 0 else None
            if found and found[-1][1] == cuts[i - 1] and i > 0 and \
                    self.covers((a[0] + middle * dx, a[1] + middle * dy)):
                found[-1] = (found[-1][0], cut)
            else:
                found.append((cut, cut))
        return found


class Side:
    def __init__(self):
        self.inside = False
        self.pending = 0
        self.crossing = None


class Stay:
    """A device and a fence."""

    def __init__(self):
        self.fence = Side()
        self.zone = Side()
        self.since = 0
        self.dwelt = False


class Device:
    def __init__(self, name, key):
        self.name, self.key = name, key
        self.newest = None   # T
        self.place = None    # of that fix
        self.append = 0      # A
        self.now = None      # D
        self.times = []
        self.last = None     # L: (place, time, accuracy)
        self.told_stale = False
        self.stays = {}

    def stay(self, fence):
        return self.stays.setdefault(fence, Stay())


class Fence:
    """span: the instants that count, from before the first fix to after the last."""

    def __init__(self, json, span):
        self.json = json
        self.id = json["id"]
        self.area = Area(json["rings_e7"])
        self.zone = Area(json["zone_rings_e7"]) if json["zone_rings_e7"] else None
        self.expires = NEVER if json["expires_at_ms"] is None else json["expires_at_ms"]
        self.on = [window for window in json["schedule"]["on_ms"]
                   if window[1] > span[0] and window[0] < span[1]] if json["schedule"] else None

    def differs(self, other):
        """A name is no change, nor is a schedule that both know alike."""
        unlike = [key for key in self.json if key not in ("name", "schedule") and
                  self.json[key] != other.json[key]]
        schedules = self.json["schedule"], other.json["schedule"]
        if unlike or (schedules[0] is None) != (schedules[1] is None):
            return True
        if schedules[0] is None:
            return False
        low = max(schedule["known_from_ms"] for schedule in schedules)
        high = min(schedule["known_to_ms"] for schedule in schedules)
        ours, theirs = ([(max(a, low), min(b, high)) for a, b in schedule["on_ms"]
                         if b > low and a < high] for schedule in schedules)
        return ours != theirs

    def is_on(self, time):
        return time < self.expires and (
            self.on is None or any(start <= time < end for start, end in self.on))


class Rules:
    def __init__(self, json, span):
        self.json = json
        self.version = json["version"]
        self.settings = json["settings"]
        self.fences = {fence["id"]: Fence(fence, span) for fence in json["fences"]}
        self.devices = {device["device_key"]: device for device in json["devices"]}

    def is_member(self, fence, device):
        groups = fence.json["groups"]
        own = self.devices.get(device.key, {}).get("groups", [])
        return not groups or any(group in groups for group in own)

    def is_active(self, fence, device, time):
        return self.is_member(fence, device) and fence.is_on(time)

    def stale_after_ms(self, device):
        own = self.devices.get(device.key, {}).get("stale_after_s")
        return 1000 * (self.settings["stale_after_s"] if own is None else own)


def severity(kind, cause, intent):
    if cause in ("rules", "expiry"):
        return "info"
    if cause == "schedule":
        return "alarm" if kind == "enter" and intent == "keep-out" else "info"
    if intent == "keep-in" and kind == "exit" or intent == "keep-out" and kind in ("enter",
                                                                                  "cross"):
        return "alarm"
    return "warning" if kind in ("approach", "stale") else "info"


class Partition:
    def __init__(self, number):
        self.number = number
        self.devices = {}
        self.rules = None
        self.events = []
        self.record = None
        self.index = 0
        self.doubts = []

    # ---- telling ----

    def tell(self, device, kind, fence, cause, time, crossing=None):
        ending = {"schedule": "/schedule", "expiry": "/expiry",
                  "rules": "/rules-%d" % self.rules.version}.get(cause, "")
        place = device.last[0] if device.last else (None, None)
        late = cause == "fix" and self.record["append_ms"] - time > \
            1000 * self.rules.settings["alert_max_age_s"]
        name = fence.id if fence else "-"
        self.events.append({
            "id": "%s/%s/%s/%d%s" % (kind, name, device.name, time, ending), "kind": kind,
            "fence": name, "device": device.name, "time": time, "lon": place[0],
            "lat": place[1], "cause": cause, "late": late,
            "severity": severity(kind, cause, fence.json["intent"] if fence else "info"),
            "fence_name": fence.json["name"] if fence else None, "crossing": crossing,
            "received": self.record["append_ms"],
            "source": (self.number, self.record["offset"], self.index)})
        self.index += 1

    # ---- rule 9 ----

    def advance(self, device, to):
        before = device.now
        device.now = max(device.now, to)
        while True:
            due = []
            for fence in self.rules.fences.values():
                if not self.rules.is_member(fence, device):
                    continue
                stay = device.stay(fence.id)
                dwell = fence.json["dwell_s"] * 1000
                if dwell and stay.fence.inside and not stay.dwelt:
                    due.append((stay.since + dwell, 2, fence.id))
                if before < fence.expires:
                    due.append((fence.expires, 0, fence.id))
                for start, end in fence.on or []:
                    due += [(time, kind, fence.id) for time, kind in ((end, 1), (start, 3))
                            if before < time]
            due = [timer for timer in due if timer[0] <= device.now and
                   (timer[1] == 2 or timer not in device.fired)]
            if not due:
                device.fired = []
                return
            self.fire(device, min(due))

    def fire(self, device, timer):
        time, kind, name = timer
        fence = self.rules.fences[name]
        stay = device.stay(name)
        if kind == 2:
            stay.dwelt = True
            self.tell(device, "dwell", fence, "tick", time)
            return
        device.fired.append(timer)
        if kind == 3:
            if time >= fence.expires or stay.fence.inside:
                return
            stay = device.stays[name] = Stay()
            stay.since = time
            if device.last:
                stay.fence.inside = fence.area.covers(device.last[0])
                stay.zone.inside = bool(fence.zone) and fence.zone.covers(device.last[0])
            if stay.fence.inside:
                self.tell(device, "enter", fence, "schedule", time)
            return
        if kind == 1 and fence.is_on(time):
            return
        device.stays[name] = Stay()
        if stay.fence.inside:
            self.tell(device, "exit", fence, "expiry" if kind == 0 else "schedule", time)

    # ---- rules 2 to 8 ----

    def take_fix(self, record, fix):
        self.record, self.index = record, 0
        device = self.devices.setdefault(fix["key"], Device(fix["device"], fix["key"]))
        time, at = fix["time"], fix["at"]
        if time in device.times:
            return
        device.times = (device.times + [time])[-8:]
        if device.newest is not None and time <= device.newest:
            return
        if device.now is None:
            device.now, device.fired = time, []
        else:
            self.advance(device, time)
        device.newest, device.append, device.place = time, record["append_ms"], at
        device.told_stale = False
        accuracy = fix["accuracy_dm"] / 10 if fix["accuracy_dm"] is not None else 0
        if accuracy > self.rules.settings["max_accuracy_m"]:
            return
        self.decide(device, at, time, accuracy)

    def decide(self, device, at, time, accuracy):
        settings = self.rules.settings
        scale = cosine(at[1])
        last = device.last
        jump = last is None or time - last[1] > settings["max_gap_s"] * 1000 or \
            distance_m(last[0], at, scale) > settings["max_speed_mps"] * (time - last[1]) / 1000
        hearing = (last, at, time, accuracy, scale, jump)
        found = []
        for fence in self.rules.fences.values():
            if self.rules.is_active(fence, device, device.now):
                found += self.look_at(device, fence, hearing)
        device.last = (at, time, accuracy)
        for kind, name, crossing in sorted(found, key=lambda f: (ORDER.index(f[0]),
                                                                 f[1].encode())):
            self.tell(device, kind, self.rules.fences[name], "fix", time, crossing)

    def is_farther(self, area, at, scale, accuracy):
        if accuracy == 0:
            return not area.is_on_line(at)
        distance = area.distance_m(at, scale)
        if abs(distance - accuracy) < 1e-7:
            self.doubts.append((self.record["offset"], distance, accuracy))
        return distance > accuracy

    def look_at(self, device, fence, hearing):
        last, at, time, accuracy, scale, jump = hearing
        stay = device.stay(fence.id)
        was_in, was_pending = stay.fence.inside, stay.fence.pending > 0
        found = []
        if self.weigh(fence, fence.area, stay.fence, hearing):
            if stay.fence.inside:
                stay.since, stay.dwelt = time, False
            found.append(("enter" if stay.fence.inside else "exit", fence.id,
                          stay.fence.crossing))
        elif not was_in and not was_pending and stay.fence.pending == 0 and not jump:
            crossing = self.cut(fence.area, hearing)
            if crossing:
                found.append(("cross", fence.id, crossing))
        if fence.zone and self.weigh(fence, fence.zone, stay.zone, hearing) and stay.zone.inside:
            safe = fence.json["intent"] == "keep-in"
            if was_in == safe and stay.fence.inside == safe and last is not None:
                found.append(("approach", fence.id, stay.zone.crossing))
        return found

    def weigh(self, fence, area, side, hearing):
        last, at, time, accuracy, scale, jump = hearing
        is_in = area.covers(at)
        if is_in == side.inside:
            side.pending = 0
            return False
        side.pending += 1
        if side.pending == 1:
            side.crossing = None
            if not jump:
                pieces = area.pieces(last[0], at)
                if pieces:
                    part = pieces[-1][0] if is_in else pieces[0][1]
                    side.crossing = self.place(last, at, time, part)
        confirm = fence.json["confirm_fixes"]
        decided = side.pending >= confirm if confirm else (
            side.pending >= 2 or self.is_farther(area, at, scale, accuracy))
        if decided:
            side.inside, side.pending = is_in, 0
        return decided

    @staticmethod
    def place(last, at, time, part):
        (x, y), since, _ = last
        return (half_away(x + part * (at[0] - x)), half_away(y + part * (at[1] - y)),
                half_away(since + part * (time - since)))

    def cut(self, area, hearing):
        last, at, time, accuracy, scale, _ = hearing
        if area.is_apart(last[0], at) or area.covers(last[0]) or area.covers(at) or \
                not self.is_farther(area, last[0], cosine(last[0][1]), last[2]) or \
                not self.is_farther(area, at, scale, accuracy):
            return None
        pieces = area.pieces(last[0], at)
        if not pieces:
            return None
        longest = max(pieces, key=lambda piece: (piece[1] - piece[0], -piece[0]))
        middle = self.place(last, at, time, (longest[0] + longest[1]) / 2)[:2]
        plane = cosine(middle[1])
        if not area.covers(middle) or not self.is_farther(area, middle, plane, accuracy) or \
                not self.is_farther(area, middle, plane, last[2]):
            return None
        return self.place(last, at, time, longest[0])

    # ---- rules 10 and 11 ----

    def by_key(self):
        return sorted(self.devices.values(), key=lambda device: int(device.key, 16))

    def take_tick(self, record):
        self.record, self.index = record, 0
        for device in self.by_key():
            quiet = max(0, record["ms"] - device.append)
            self.advance(device, device.newest + quiet)
            after = self.rules.stale_after_ms(device)
            if after > 0 and record["ms"] - device.append >= after and not device.told_stale:
                device.told_stale = True
                self.tell(device, "stale", None, "tick", device.newest + after)

    def take_rules(self, record, rules):
        before, self.rules = self.rules, rules
        self.record, self.index = record, 0
        if before is None:
            return
        for device in self.by_key():
            exits, enters = [], []
            for name in sorted(set(before.fences) | set(rules.fences), key=str.encode):
                self.judge_anew(device, before, before.fences.get(name), rules.fences.get(name),
                                exits, enters)
            for kind, list_ in (("exit", exits), ("enter", enters)):
                for fence in list_:
                    self.tell(device, kind, fence, "rules", record["append_ms"])

    def judge_anew(self, device, before, old, new, exits, enters):
        name = (new or old).id
        stay = device.stay(name)
        if new is None:
            if stay.fence.inside:
                exits.append(old)
            device.stays.pop(name)
            return
        is_member = self.rules.is_member(new, device)
        if old and not old.differs(new) and before.is_member(old, device) == is_member:
            return
        inside = zone = False
        if self.rules.is_active(new, device, device.now) and device.last:
            inside = new.area.covers(device.last[0])
            zone = bool(new.zone) and new.zone.covers(device.last[0])
        was_in = stay.fence.inside
        stay.fence.pending = stay.zone.pending = 0
        stay.fence.inside, stay.zone.inside = inside, zone
        if inside and not was_in:
            stay.since, stay.dwelt = device.now, False
            enters.append(new)
        elif was_in and not inside:
            exits.append(new)
