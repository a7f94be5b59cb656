// test/windows.test.ts - rows of standing queries as lines, as what is now, and as days of battery.
import assert from "node:assert/strict";
import { test } from "node:test";
import { batteryDays, daysLeft } from "../src/battery.ts";
import { filledSeries, linesOf, newestWindow, seriesOf } from "../src/windows.ts";
import type { WindowRow } from "../src/windows.ts";

const MINUTE_MS = 60_000;
const ZERO_MS = Date.parse("2026-11-20T08:00:00Z");

/** A row of the window that ends so many minutes after eight. */
function row(endMin: number, lengthMin: number, group: string | null, n: number): WindowRow {
  const to = ZERO_MS + endMin * MINUTE_MS;
  return {
    from: new Date(to - lengthMin * MINUTE_MS).toISOString(),
    to: new Date(to).toISOString(),
    final: false,
    group: [group],
    n,
  };
}

test("of sliding windows the one that ends next is the newest, since it holds the most", () => {
  const rows = [row(1, 10, "a", 9), row(2, 10, "a", 7), row(9, 10, "a", 1)];
  assert.equal(newestWindow(rows, ZERO_MS)[0]?.["n"], 9);
  assert.equal(newestWindow(rows, ZERO_MS + 1.5 * MINUTE_MS)[0]?.["n"], 7);
});

test("when all windows have ended, the last one is the newest; no rows have none", () => {
  const rows = [row(-5, 1, "a", 1), row(-3, 1, "a", 2), row(-3, 1, "b", 3)];
  assert.deepEqual(newestWindow(rows, ZERO_MS).map(({ n }) => n), [2, 3]);
  assert.deepEqual(newestWindow([], ZERO_MS), []);
});

test("sums by the minute have a zero where nothing was counted", () => {
  const seconds = [row(0.5, 0.1, "a", 1), row(0.9, 0.1, "b", 2), row(3, 0.1, "a", 4)];
  const [times, values] = filledSeries(seriesOf(seconds, "n", 60), 60);
  assert.deepEqual(values, [3, 0, 4]);
  assert.equal(times[1]! - times[0]!, 60);
  assert.deepEqual(filledSeries([[], []], 60), [[], []]);
});

test("each group has a line, the largest first, with gaps where it has no row", () => {
  const rows = [row(1, 1, "a", 1), row(2, 1, "a", 2), row(2, 1, "b", 5)];
  const { times, lines } = linesOf(rows, ({ group }) => `group ${group[0]}`);
  assert.equal(times.length, 2);
  assert.deepEqual(lines, [
    { name: "group b", values: [null, 5] },
    { name: "group a", values: [1, 2] },
  ]);
});

test("one group with several values has a line for each that is asked for", () => {
  const rows = [{ ...row(1, 1, null, 100), half: 1, most: 3 }, { ...row(2, 1, null, 90), half: 2 }];
  const { lines } = linesOf(rows, () => "", ["half", "most"]);
  assert.deepEqual(lines.map(({ name }) => name), ["most", "half"]);
  assert.deepEqual(lines[1]?.values, [1, 2]);
});

test("more lines than can be told apart are left out", () => {
  const rows = Array.from({ length: 20 }, (_, i) => row(1, 1, `g${i}`, i));
  const { lines } = linesOf(rows, ({ group }) => String(group[0]));
  assert.equal(lines.length, 6);
  assert.equal(lines[0]?.name, "g19");
});

test("a battery's days are told where its line meets zero ahead, and nowhere else", () => {
  const now = ZERO_MS / 86_400_000;
  assert.equal(Math.round(daysLeft({ zero: now + 12 }, ZERO_MS) ?? -1), 12);
  for (const trend of [null, {}, { zero: now - 3 }, { zero: now + 5000 }, { zero: "x" }, 7]) {
    assert.equal(daysLeft(trend, ZERO_MS), null);
  }
  const rows = [
    { final: false, group: ["cow"], battery: { zero: now + 2 } },
    { final: false, group: ["bull"], battery: null },
  ];
  assert.deepEqual([...batteryDays(rows, ZERO_MS).keys()], ["cow"]);
});
