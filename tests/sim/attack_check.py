"""tests/sim/attack_check.py - what there is against what was asked for, sent and worked out."""
import json
import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from attack_model import Area, unrolled
from attack_send import e7, ms_of
from attack_world import DAYS, flat

EARTH_A, EARTH_E2 = 6378137.0, 0.00669437999014

# ---- events, fixes, copies ----


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


# ---- are the canonical fences what was asked for? ----


def metres_per_unit(lat_e7):
    """Of the ellipsoid, eastwards and northwards."""
    sine = math.sin(math.radians(lat_e7 / 1e7))
    root = math.sqrt(1 - EARTH_E2 * sine * sine)
    unit = math.radians(1e-7)
    return (EARTH_A / root * math.cos(math.radians(lat_e7 / 1e7)) * unit,
            EARTH_A * (1 - EARTH_E2) / root ** 3 * unit)


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
                wanted.append([instant_ms(day, hours[0], zone, 0),
                               instant_ms(last, hours[1], zone, 1)])
        day += timedelta(days=1)
    low, high = made_ms - 29 * 86400000, made_ms + 399 * 86400000
    instants = [merge(clip(list_, low, high)) for list_ in (wanted, fence["schedule"]["on_ms"])]
    if instants[0] != instants[1]:
        apart = [pair for pair in zip(*instants) if pair[0] != pair[1]][:2]
        return ["on at other times: %d, %d, %r" % (len(instants[0]), len(instants[1]), apart)]
    return []


def instant_ms(day, hour, zone, fold):
    """Of a local time: its first or second (fold) where the clock shows it twice, and the instant
    of the skip where it never does."""
    local = datetime(day.year, day.month, day.day, *hour, tzinfo=zone)
    low, high = sorted(int(local.replace(fold=f).timestamp()) for f in (0, 1))

    def shown(instant_s):
        return datetime.fromtimestamp(instant_s, zone)

    if shown(low).replace(tzinfo=None, fold=0) == local.replace(tzinfo=None):
        return (high if fold else low) * 1000
    before = shown(low).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if shown(middle).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high * 1000


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
