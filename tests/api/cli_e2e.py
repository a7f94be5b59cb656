"""tests/api/cli_e2e.py - hedgerow join and hedgerow replay as a user runs them.

usage: cli_e2e.py HEDGEROW
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

HEDGEROW = ""
HEADER = "device,time,lon,lat\n"


def polygon(rings, fence_id=None, **properties):
    feature = {"type": "Feature", "properties": properties,
               "geometry": {"type": "Polygon", "coordinates": rings}}
    if fence_id is not None:
        feature["id"] = fence_id
    return feature


def box(west, south, east, north):
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


NORTH = polygon(box(16, 59, 16.01, 59.01), "north", name="North paddock", intent="keep-in")


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_it(self, command, features, rows, *options, text=None):
        path = os.path.join(self.folder.name, "fences.geojson")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text if text is not None else json.dumps(
                {"type": "FeatureCollection", "features": features}))
        return subprocess.run([HEDGEROW, command, "--fences", path, *options], input=rows,
                              capture_output=True, text=True, timeout=60, check=False)

    def good(self, command, features, rows, *options):
        done = self.run_it(command, features, rows, *options)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 0)
        return done.stdout.splitlines()

    def events(self, features, rows):
        return [json.loads(line) for line in self.good("replay", features, rows)]

    def told(self, features, rows):
        return [f"{e['kind']} {e['fence']} {e['device']} {e['time']} {e['cause']}"
                for e in self.events(features, rows)]


class Usage(Run):
    def test_help_lists_the_commands_and_their_options(self):
        done = subprocess.run([HEDGEROW, "--help"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        for command in "join", "replay":
            self.assertIn(command, done.stdout)
            help_text = subprocess.run([HEDGEROW, command, "--help"], capture_output=True,
                                       text=True, check=False)
            self.assertEqual(help_text.returncode, 0)
            self.assertIn("--on-error", help_text.stdout)

    def test_a_wrong_command_line_exits_with_2(self):
        for line in ([], ["jion"], ["join"], ["join", "--fences"],
                     ["join", "--fences", "x", "--on-error", "cry"], ["replay", "--what"]):
            done = subprocess.run([HEDGEROW, *line], capture_output=True, text=True, input="",
                                  check=False)
            self.assertEqual(done.returncode, 2, line)
            self.assertNotEqual(done.stderr, "", line)
            self.assertEqual(done.stdout, "", line)

    def test_unsound_fences_are_told_before_any_row_is_read(self):
        cases = [("{", "line 1, column 2"),
                 (json.dumps({"type": "Point", "coordinates": [1, 2]}), "radius_m must be"),
                 (json.dumps({"type": "FeatureCollection", "features": [
                     NORTH, polygon([[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]], "bow")]}),
                  "feature 1: ring 0 crosses itself at 0.5,0.5")]
        for command in "join", "replay":
            for text, reason in cases:
                done = self.run_it(command, [], HEADER + "a,1,2,3\n", text=text)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)
                self.assertEqual(done.stdout, "")
            done = subprocess.run([HEDGEROW, command, "--fences", "/nowhere/f"], input=HEADER,
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)

    def test_open_rings_are_closed_only_when_asked(self):
        ring = polygon([box(16, 59, 17, 60)[0][:-1]], "a")
        rows = HEADER + "d,1,16.5,59.5\n"
        self.assertIn("feature 0: geometry ring 0 is not closed",
                      self.run_it("join", [ring], rows).stderr)
        self.assertEqual(self.good("join", [ring], rows, "--close-rings"), ["1,a"])


class Join(Run):
    def test_the_boundary_belongs_to_the_fence(self):
        rows = HEADER + "d,1,16,59\nd,2,16.01,59.005\nd,3,16.0100001,59.005\nd,4,16.005,59.005"
        self.assertEqual(self.good("join", [NORTH], rows), ["1,north", "2,north", "4,north"])

    def test_hits_come_by_line_and_then_in_the_order_of_the_file(self):
        features = [polygon(box(0, 0, 9, 9), "z"), polygon(box(0, 0, 5, 5), "a"),
                    polygon(box(0, 0, 9, 9), None, name="the, \"third\""),
                    polygon(box(0, 0, 9, 9))]
        rows = HEADER + "d,1,1,1\r\nd,2,8,8\r\nd,3,10,10\r\n"
        self.assertEqual(self.good("join", features, rows),
                         ["1,z", "1,a", "1,\"the, \"\"third\"\"\"", "1,#3",
                          "2,z", "2,\"the, \"\"third\"\"\"", "2,#3"])

    def test_circles_corridors_and_holes_are_fences(self):
        features = [
            {"type": "Feature", "id": "circle", "properties": {"radius_m": 100},
             "geometry": {"type": "Point", "coordinates": [16, 59]}},
            {"type": "Feature", "id": "lane", "properties": {"width_m": 20},
             "geometry": {"type": "LineString", "coordinates": [[17, 59], [17.01, 59]]}},
            polygon(box(18, 59, 19, 60) + box(18.4, 59.4, 18.6, 59.6), "ring")]
        rows = HEADER + "".join(f"d,{i},{lon},{lat}\n" for i, (lon, lat) in enumerate(
            [(16.0017, 59), (16.0018, 59), (17.005, 59.00008), (17.005, 59.0001),
             (18.1, 59.5), (18.5, 59.5)]))
        self.assertEqual(self.good("join", features, rows),
                         ["1,circle", "3,lane", "5,ring"])

    def test_a_file_of_fences_may_begin_with_a_byte_order_mark(self):
        done = self.run_it("join", [], HEADER + "d,1,16,59\n", text="\ufeff" + json.dumps(NORTH))
        self.assertEqual((done.stdout, done.stderr), ("1,north\n", ""))

    def test_a_hole_may_begin_at_the_antimeridian(self):
        fence = polygon([[[179, -1], [-179, -1], [-179, 1], [179, 1], [179, -1]],
                         [[180, -0.5], [180, 0.5], [179.5, 0.5], [179.5, -0.5], [180, -0.5]]],
                        "date-line")
        rows = HEADER + "".join(f"d,{i},{lon},0\n" for i, lon in enumerate(
            ("179.2", "179.7", "180", "-180", "-179.9", "-178.9")))
        self.assertEqual(self.good("join", [fence], rows),
                         [f"{line},date-line" for line in (1, 3, 4, 5)])

    def test_bad_rows_are_numbered_and_stop_or_are_skipped(self):
        rows = HEADER + "d,1,16,59\nd,2,sixteen,59\nd,3,16,59\nd,,16,59\n"
        done = self.run_it("join", [NORTH], rows)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "1,north\n")
        self.assertIn("line 2: lon \"sixteen\" is not a number from -180 to 180", done.stderr)
        done = self.run_it("join", [NORTH], rows, "--on-error", "skip")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "1,north\n3,north\n")
        told = done.stderr.splitlines()
        self.assertIn("skipped line 2: lon \"sixteen\" is not", told[0])
        self.assertIn("skipped line 4: time \"\" is not a time", told[1])
        self.assertEqual(told[2:], ["hedgerow join: 2 of 4 lines skipped"])
        done = self.run_it("join", [NORTH], HEADER + "x\n" * 1000, "--on-error", "skip")
        self.assertEqual(len(done.stderr.splitlines()), 21)
        self.assertIn("1000 of 1000 lines skipped, the first", done.stderr)

    def test_empty_lines_are_no_rows_at_the_end_and_bad_ones_before_it(self):
        for end in ("\n\n", "\r\n\r\n", "\n\n\n\r\n"):
            done = self.run_it("join", [NORTH], HEADER + "d,1,16,59" + end)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "1,north\n", ""))
        rows = HEADER + "d,1,16,59\n\n\nd,2,16,59\n\n"
        done = self.run_it("join", [NORTH], rows)
        self.assertEqual((done.returncode, done.stdout), (1, "1,north\n"))
        self.assertEqual(done.stderr, "hedgerow join: line 2: the line is empty\n")
        done = self.run_it("join", [NORTH], rows, "--on-error", "skip")
        self.assertEqual((done.returncode, done.stdout), (0, "1,north\n4,north\n"))
        self.assertIn("2 of 4 lines skipped", done.stderr)

    def test_a_missing_header_or_an_endless_line_is_refused(self):
        self.assertIn("no header line", self.run_it("join", [NORTH], "").stderr)
        self.assertIn("unknown column", self.run_it("join", [NORTH], "d,1,2,3\n").stderr)
        # Whatever a line is longer than a row, its end is no row.
        for long in "x" * 4090, "x" * ((1 << 20) - 1), "x" * 3000000:
            done = self.run_it("join", [NORTH], f"{HEADER}{long}d,1,16,59\nd,1,16,59\n",
                               "--on-error", "skip")
            self.assertEqual((done.returncode, done.stdout), (0, "2,north\n"))
            self.assertIn("skipped line 1: longer than 4096 bytes", done.stderr)

    def test_many_random_points_are_where_even_odd_puts_them(self):
        seed = int(os.environ.get("HR_SEED", "20261120"))
        print(f"HR_SEED={seed}", file=sys.stderr)
        rng = random.Random(seed)
        fences, features = [], []
        for i in range(40):
            x, y = rng.randrange(0, 800), rng.randrange(0, 800)
            west, south = x, y
            east, north = x + rng.randrange(1, 300), y + rng.randrange(1, 300)
            fences.append((west, south, east, north))
            features.append(polygon(box(*(v / 1e7 for v in (west, south, east, north))), f"f{i}"))
        rows, expected = [HEADER], []
        for line in range(1, 20001):
            x, y = rng.randrange(0, 1100), rng.randrange(0, 1100)
            rows.append(f"d{line % 7},{line},{x / 1e7:.7f},{y / 1e7:.7f}\n")
            expected += [f"{line},f{i}" for i, (w, s, e, n) in enumerate(fences)
                         if w <= x <= e and s <= y <= n]
        self.assertEqual(self.good("join", features, "".join(rows)), expected)


class Replay(Run):
    def test_an_event_has_all_its_members_in_their_order(self):
        rows = HEADER.replace("lat", "lat,accuracy_m") + \
            "cow-17,2026-11-20T08:00:00Z,15.999,59.005,5\n" + \
            "cow-17,2026-11-20T08:01:00Z,16.001,59.005,5\n"
        lines = self.good("replay", [NORTH], rows)
        self.assertEqual(lines, [
            '{"id":"enter/north/cow-17/1795161660000","kind":"enter","fence":"north",'
            '"fence_name":"North paddock","severity":"info","device":"cow-17",'
            '"time":"2026-11-20T08:01:00.000Z","lon":16.001,"lat":59.005,'
            '"crossing":{"time":"2026-11-20T08:00:30.000Z","lon":16,"lat":59.005},'
            '"cause":"fix","late":false}'])

    def test_a_silent_device_is_told_by_the_time_of_others(self):
        fence = polygon(box(16, 59, 16.01, 59.01), "a", dwell_s=60)
        rows = HEADER + "".join([
            "slow,2026-11-20T08:00:00Z,16.005,59.005\n",
            "fast,2026-11-20T08:00:59Z,10,50\n",
            "fast,2026-11-20T08:01:00Z,10,50\n",
            "fast,2026-11-20T14:00:00Z,10,50\n"])
        self.assertEqual(self.told([fence], rows), [
            "enter a slow 2026-11-20T08:00:00.000Z fix",
            "dwell a slow 2026-11-20T08:01:00.000Z tick",
            "stale - slow 2026-11-20T14:00:00.000Z tick"])
        # No tick comes after the last fix.
        self.assertEqual(self.told([fence], "".join(rows.splitlines(True)[:2])),
                         ["enter a slow 2026-11-20T08:00:00.000Z fix"])

    def test_schedules_hold_for_all_times_of_the_file(self):
        fence = polygon(box(16, 59, 16.01, 59.01), "a", intent="keep-out", schedule={
            "tz": "Europe/Stockholm",
            "weekly": [{"days": ["fri"], "from": "09:00", "to": "10:00"}]})
        # One device after the other, years apart, the older one last.
        rows = HEADER + "".join([
            "new,2026-11-20T07:00:00Z,16.005,59.005\n", "new,2026-11-20T08:30:00Z,16.005,59.005\n",
            "new,2026-11-20T09:30:00Z,16.005,59.005\n", "new,2029-06-01T06:00:00Z,16.005,59.005\n",
            "new,2029-06-01T07:30:00Z,16.005,59.005\n",
            "old,2019-11-22T07:59:00Z,16.005,59.005\n", "old,2019-11-22T08:01:00Z,16.005,59.005\n"])
        told = self.told([fence], rows)
        new = [line for line in told if " new " in line and not line.startswith("stale")]
        self.assertEqual(new[:2], ["enter a new 2026-11-20T08:00:00.000Z schedule",
                                   "exit a new 2026-11-20T09:00:00.000Z schedule"])
        self.assertEqual(new[-1], "enter a new 2029-06-01T07:00:00.000Z schedule")
        # Every Friday between, summer and winter, has its hour.
        self.assertEqual(len(new), 2 * 133 - 1)
        severities = {e["severity"] for e in self.events([fence], rows) if e["kind"] == "enter"}
        self.assertEqual(severities, {"alarm"})

    def test_all_other_properties_are_obeyed(self):
        fence = polygon(box(16, 59, 16.01, 59.01), "a", intent="keep-in", confirm_fixes=2,
                        approach_m=30, expires_at="2026-11-20T09:00:00Z", groups=["nobody"])
        rows = HEADER + "".join([
            "d,2026-11-20T08:00:00Z,16.005,59.005\n", "d,2026-11-20T08:01:00Z,16.005,59.005\n",
            "d,2026-11-20T08:02:00Z,16.0099,59.005\n", "d,2026-11-20T08:03:00Z,16.0099,59.005\n",
            "d,2026-11-20T08:04:00Z,16.005,59.005\n", "d,2026-11-20T10:00:00Z,16.005,59.005\n"])
        self.assertEqual(self.told([fence], rows), [
            "enter a d 2026-11-20T08:01:00.000Z fix",
            "approach a d 2026-11-20T08:03:00.000Z fix",
            "exit a d 2026-11-20T09:00:00.000Z expiry"])

    def test_a_fence_without_an_id_gets_one_from_its_name_and_ids_are_different(self):
        rows = HEADER + "d,1,16.005,59.005\n"
        nameless = polygon(box(16, 59, 16.01, 59.01))
        named = polygon(box(16, 59, 16.01, 59.01), None, name="The pond!")
        self.assertEqual([e["fence"] for e in self.events([nameless, named], rows)],
                         ["The-pond-", "fence-0"])
        self.assertIn("feature 1: the id \"north\" is there twice",
                      self.run_it("replay", [NORTH, NORTH], rows).stderr)

    def test_bad_rows_are_numbered_and_stop_or_are_skipped(self):
        rows = HEADER + "d,0,15,59.005\nd,1000,16.005,95\nd,60000,16.005,59.005\n"
        done = self.run_it("replay", [NORTH], rows)
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 2: lat \"95\"", done.stderr)
        done = self.run_it("replay", [NORTH], rows, "--on-error", "skip")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["kind"], "enter")

    def test_the_same_file_gives_the_same_bytes_however_it_arrives(self):
        rng = random.Random(1)
        rows = [HEADER]
        for i in range(5000):
            rows.append(f"d{rng.randrange(20)},{1795161600000 + i * 700 + rng.randrange(3000)},"
                        f"{16 + rng.random() * 0.02:.7f},{59 + rng.random() * 0.02:.7f}\n")
        text = "".join(rows)
        whole = self.run_it("replay", [NORTH], text).stdout
        self.assertGreater(len(whole.splitlines()), 100)
        path = os.path.join(self.folder.name, "fences.geojson")
        out_path = os.path.join(self.folder.name, "events")
        with open(out_path, "wb") as out, subprocess.Popen(
                [HEDGEROW, "replay", "--fences", path], stdin=subprocess.PIPE,
                stdout=out) as process:
            data = text.encode()
            for start in range(0, len(data), 1021):
                process.stdin.write(data[start:start + 1021])
                process.stdin.flush()
            process.stdin.close()
        with open(out_path, encoding="utf-8") as out:
            self.assertEqual(out.read(), whole)


if __name__ == "__main__":
    HEDGEROW = sys.argv.pop(1)
    unittest.main(verbosity=1)
