// test/parts.test.ts - undo, schedules, languages, numbers of the service, tracks.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { formatter, labelOf } from "../src/format.ts";
import { begin, push, redo, undo } from "../src/history.ts";
import { isolated, translator } from "../src/i18n.ts";
import { metric, parseMetrics, rateOf } from "../src/metrics.ts";
import de from "../src/strings/de.json";
import en from "../src/strings/en.json";
import sv from "../src/strings/sv.json";
import type { HrEvent } from "../src/types.ts";
import { sinceText } from "../src/views/escaped.ts";
import { rowsNear } from "../src/views/long_list.ts";
import { dayName, emptyWeek, rowsOf, weekOf } from "../src/views/schedule.ts";
import { staysOf } from "../src/views/stays.ts";
import { readPlace } from "../src/views/tools.ts";
import { readTrack } from "../src/views/track.ts";
import { numberOf, selectOf, seriesOf, valueNames } from "../src/windows.ts";
import type { WindowRow } from "../src/windows.ts";

// Not every Node has one.
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });

test("undo and redo go through every step, and a new step ends the future", () => {
  let history = push(push(begin(1), 2), 3);
  history = undo(undo(undo(history)));
  assert.equal(history.present, 1);
  history = redo(history);
  assert.equal(history.present, 2);
  history = push(history, 9);
  assert.equal(redo(history).present, 9);
  assert.equal(undo(history).present, 2);
});

test("the history of one shape has an end", () => {
  let history = begin(0);
  for (let i = 1; i <= 500; i++) {
    history = push(history, i);
  }
  assert.equal(history.past.length, 100);
});

test("a week's rows and its grid say the same", () => {
  const weekly = [
    { days: ["mon" as const, "fri" as const], from: "06:00", to: "20:00" },
    { days: ["sun" as const], from: "22:00", to: "02:00" },
  ];
  const week = weekOf({ tz: "UTC", weekly })!;
  assert.ok(week[0]![6] && !week[0]![20]);
  assert.ok(week[6]![23] && week[0]![1], "past midnight is the next day");
  assert.deepEqual(weekOf({ tz: "UTC", weekly: rowsOf(week) }), week);
  assert.deepEqual(rowsOf(emptyWeek()), []);
  assert.equal(rowsOf(emptyWeek(true))[0]?.to, "00:00", "the end of the day");
  const halves = [{ days: ["mon" as const], from: "06:30", to: "07:00" }];
  assert.equal(weekOf({ tz: "UTC", weekly: halves }), null);
});

test("every language has every string, with the same places for values", () => {
  const holes = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [name, table] of Object.entries({ sv, de })) {
    assert.deepEqual(Object.keys(table).sort(), Object.keys(en).sort(), name);
    for (const [key, text] of Object.entries(en)) {
      assert.deepEqual(holes((table as Record<string, string>)[key] ?? ""), holes(text), key);
    }
  }
});

test("no string is kept that nothing shows", () => {
  const names = readdirSync("src", { recursive: true, encoding: "utf8" });
  const code = names
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(`src/${name}`, "utf8"))
    .join("");
  const whole = new Set(code.match(/"[\w.-]+"/g));
  const made = (code.match(/`[a-z]+\.(?:\$\{[^}]*\}|[\w.-])+`/g) ?? []).map(
    (text) => new RegExp(`^${text.slice(1, -1).replace(/\$\{[^}]*\}/g, "[\\w.-]+")}$`),
  );
  const isUsed = (key: string): boolean =>
    whole.has(`"${key}"`) || made.some((pattern) => pattern.test(key));
  assert.deepEqual(Object.keys(en).filter((key) => !isUsed(key)), []);
});

test("numbers of the service are summed over their labels", () => {
  const text = '# HELP x y\nx{a="1"} 2\nx{a="2"} 3\ny_bucket{le="1"} 9\ny_count 4\nbad line\n';
  assert.deepEqual(metric(parseMetrics(text)), [["x", 5], ["y_count", 4]]);
});

test("a track's places have their times, and an empty one is none", () => {
  const properties = { times: ["2026-11-20T08:00:00Z", "2026-11-20T08:01:00Z"] };
  const coordinates: [number, number][] = [[16, 59], [16.1, 59]];
  const geometry = { coordinates };
  const points = readTrack({ geometry, properties });
  assert.equal(points.length, 2);
  assert.equal(points[1]!.timeMs - points[0]!.timeMs, 60_000);
  assert.deepEqual(readTrack({ geometry: null, properties: { times: [] } }), []);
});

test("stays are summed by fence, with what nobody has seen as their error", () => {
  const at = (minute: number): string => new Date(minute * 60_000).toISOString();
  const event = (kind: HrEvent["kind"], minute: number, crossing: number): HrEvent => ({
    id: "",
    offset: minute,
    kind,
    fence: "north",
    severity: "info",
    device: "cow",
    time: at(minute),
    crossing: { time: at(crossing), lon: 0, lat: 0 },
    cause: "fix",
    late: false,
    received: at(minute),
  });
  const points = [0, 10, 20, 30, 40, 50].map((m) => ({ lon: 0, lat: 0, timeMs: m * 60_000 }));
  const events = [event("exit", 10, 8), event("enter", 30, 25), event("exit", 40, 35)];
  const [stay] = staysOf(events, points, 0, 60 * 60_000);
  assert.equal(stay?.ms, (8 + 10) * 60_000);
  assert.equal(stay?.error_ms, 30 * 60_000);
  assert.equal(stay?.visits, 2);
  const [open] = staysOf([event("enter", 30, 25)], points, 0, 60 * 60_000);
  assert.equal(open?.ms, 35 * 60_000);
  assert.ok(open?.isOpen);
});

test("a counter that went back began anew", () => {
  assert.equal(rateOf(100, 150, 5), 10);
  assert.equal(rateOf(100, 3, 5), 0);
  assert.equal(rateOf(100, 150, 0), 0);
});

test("windows' rows become a line of sums, and an aggregate is its estimate", () => {
  const rows: WindowRow[] = [
    { from: "2026-11-20T08:01:00Z", to: "2026-11-20T08:02:00Z", final: false, group: ["a"], n: 2 },
    { from: "2026-11-20T08:00:00Z", to: "2026-11-20T08:01:00Z", final: true, group: ["a"], n: 3 },
    { from: "2026-11-20T08:00:00Z", to: "2026-11-20T08:01:00Z", final: true, group: ["b"], n: 4 },
  ];
  assert.deepEqual(valueNames(rows), ["n"]);
  assert.deepEqual(seriesOf(rows, "n")[1], [7, 2]);
  assert.equal(numberOf({ value: 5, error: 1 }), 5);
  assert.equal(numberOf([1]), null);
  assert.deepEqual(selectOf("a = count()\n\nb=quantile(speed_mps, 0.9) \nnonsense"), {
    a: "count()",
    b: "quantile(speed_mps, 0.9)",
  });
});

test("a place is read as people and maps write it", () => {
  assert.deepEqual(readPlace("59.85, 16.37"), [16.37, 59.85]);
  assert.deepEqual(readPlace("59.85 16.37"), [16.37, 59.85]);
  assert.deepEqual(readPlace("-33.5,-70"), [-70, -33.5]);
  assert.deepEqual(readPlace("33.5° S, 70.25° W"), [-70.25, -33.5]);
  assert.deepEqual(readPlace("N 59.85 E 16.37"), [16.37, 59.85]);
  assert.deepEqual(readPlace("59,85 16,37"), [16.37, 59.85]);
  assert.deepEqual(readPlace("59,85, 16,37"), [16.37, 59.85]);
  assert.deepEqual(readPlace("59, 16"), [16, 59]);
  assert.deepEqual(readPlace("59,16"), [16, 59]);
  assert.deepEqual(readPlace("33,5°\u00a0S, 70,25°\u00a0V"), [-70.25, -33.5]);
  for (const text of ["", "59.85", "91, 0", "0, 200", "a, b", "1, 2, 3"]) {
    assert.equal(readPlace(text), null, text);
  }
});

test("a name that runs from right to left leaves the sentence around it in order", () => {
  const t = translator(en);
  const text = t("event.exit", { animal: "פרה", fence: "North" });
  assert.equal(text, "\u2068פרה\u2069 left North");
  assert.equal(isolated("\u202eevil\u202c"), "\u2068evil\u2069");
  assert.equal(isolated("<b>cow</b> 🐄"), "<b>cow</b> 🐄");
});

test("of a long list only the rows near the screen are made", () => {
  const near = rowsNear(10_000, -72 * 5000, 800);
  assert.ok(near.from > 4900 && near.from <= 5000 && near.to >= 5012 && near.to < 5100);
  assert.deepEqual(rowsNear(30, 100, 800), { from: 0, to: 30 });
  assert.equal(rowsNear(0, 100, 800).to, 0);
  const end = rowsNear(10_000, -72 * 10_000, 800);
  assert.equal(end.to, 10_000);
  assert.ok(end.from < 9990);
  // The list has become short while one was far down: its rows are there all the same.
  assert.deepEqual(rowsNear(5, -72 * 9000, 800), { from: 0, to: 5 });
});

test("lengths in a form are of the unit that the person has chosen, and kept in metres", () => {
  const t = translator(en);
  const settings = { language: "en", theme: "auto", sound: false, notify: false } as const;
  const metric = formatter({ ...settings, units: "metric" }, t);
  assert.equal(metric.lengthUnit, "m");
  assert.equal(metric.lengthValue(12.345), 12.35);
  assert.equal(metric.metres(7), 7);
  const imperial = formatter({ ...settings, units: "imperial" }, t);
  assert.equal(imperial.lengthUnit, "ft");
  assert.equal(imperial.lengthValue(30.48), 100);
  assert.equal(imperial.metres(100), 30.48);
});

test("a name on the map is cut between letters, also where one letter is two codes", () => {
  assert.equal(labelOf("Birch meadow"), "Birch meadow");
  assert.equal(labelOf("🐄".repeat(30)), `${"🐄".repeat(23)}…`);
});

test("the days of a week's grid are called by their names in every time zone", () => {
  const zone = process.env["TZ"];
  try {
    for (const tz of ["Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
      process.env["TZ"] = tz;
      assert.equal(dayName(0, "en"), "Mon", tz);
    }
  } finally {
    if (zone === undefined) {
      delete process.env["TZ"];
    } else {
      process.env["TZ"] = zone;
    }
  }
});

test("who has been out for days is not out since a time of today", () => {
  const format = formatter(
    { language: "en", units: "metric" } as Parameters<typeof formatter>[0],
    translator(en),
  );
  const time = "2026-11-18T22:52:00Z";
  const now = Date.parse("2026-11-20T23:00:00Z");
  assert.match(sinceText(format, time, now), /2026/);
  assert.doesNotMatch(sinceText(format, time, Date.parse(time) + 60_000), /2026/);
});
