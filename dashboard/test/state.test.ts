// test/state.test.ts - alerts and escapes, out of events in any order and more than once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { levelsOf, outNow, withAck, withEvent, withLoaded } from "../src/state.ts";
import type { Device, Fence, FenceProps, HrEvent } from "../src/types.ts";

const EMPTY = {
  alerts: [],
  events: [],
  escaped: new Map<string, HrEvent>(),
  reach: { events: 0, all: 0, open: 0 },
  past: null,
};
const LOADED = { all: [], open: [], events: [], eventsFrom: 0, outside: [] };

const FARM = {
  fences: new Map([["north", fence({ intent: "keep-in" })]]),
  devices: new Map([["cow", { id: "cow" } as Device]]),
  areFencesKnown: true,
  areDevicesKnown: true,
};
const NOW_MS = Date.parse("2026-11-20T08:00:00Z");

function fence(properties: Partial<FenceProps>): Fence {
  return { id: "north", properties } as Fence;
}

function event(offset: number, kind: HrEvent["kind"], more: Partial<HrEvent> = {}): HrEvent {
  const time = new Date(1_700_000_000_000 + offset * 1000).toISOString();
  return {
    id: `${kind}/north/cow/${offset}`,
    offset,
    kind,
    fence: "north",
    severity: kind === "exit" ? "alarm" : "info",
    device: "cow",
    time,
    crossing: null,
    cause: "fix",
    late: false,
    received: time,
    ...more,
  };
}

test("an alarm makes an alert and an escape; coming back ends the escape, not the alert", () => {
  const out = withEvent(EMPTY, event(1, "exit"));
  assert.equal(out.alerts.length, 1);
  assert.deepEqual([...out.escaped.keys()], ["cow north"]);
  const back = withEvent(out, event(2, "enter"));
  assert.equal(back.escaped.size, 0);
  assert.equal(back.alerts.length, 1);
});

test("an event that comes twice changes nothing", () => {
  const once = withEvent(EMPTY, event(1, "exit"));
  assert.equal(withEvent(once, event(1, "exit")), once);
});

test("a late event is kept, but is neither an alert nor an escape", () => {
  const state = withEvent(EMPTY, event(1, "exit", { late: true }));
  assert.equal(state.events.length, 1);
  assert.equal(state.alerts.length, 0);
  assert.equal(state.escaped.size, 0);
});

test("what is older than the last escape does not end it", () => {
  const out = withEvent(EMPTY, event(5, "exit"));
  const older = withEvent(out, event(6, "enter", { time: event(3, "enter").time }));
  assert.equal(older.escaped.size, 1);
});

test("an animal in a fence to keep out of is back when it leaves", () => {
  const inside = withEvent(EMPTY, event(1, "enter", { severity: "alarm" }));
  assert.equal(inside.escaped.size, 1);
  assert.equal(withEvent(inside, event(2, "exit", { severity: "info" })).escaped.size, 0);
});

test("what is loaded and what came meanwhile are put together in order", () => {
  const live = withEvent(EMPTY, event(3, "enter"));
  const alert = { alert: 1, event: event(1, "exit"), acked: null };
  const all = withLoaded(live, {
    ...LOADED,
    all: [alert],
    events: [event(2, "dwell"), event(1, "exit")],
  });
  assert.deepEqual(all.events.map((e) => e.offset), [3, 2, 1]);
  assert.equal(all.alerts.length, 1);
  assert.equal(all.escaped.size, 0);
});

test("an acknowledgement stays with the first who gave it", () => {
  const out = withEvent(EMPTY, event(1, "exit"));
  const first = { ...out, ...withAck(out, 1, { user: "ann", time: "t1" }) };
  const second = withAck(first, 1, { user: "bob", time: "t2" });
  assert.equal(second.alerts[0]?.acked?.user, "ann");
  // Also when the answer to loading was on its way meanwhile.
  const unseen = { alert: 1, event: event(1, "exit"), acked: null };
  const loaded = withLoaded(first, { ...LOADED, all: [unseen], open: [unseen] });
  assert.equal(loaded.alerts[0]?.acked?.user, "ann");
});

test("who is out is urgent, acknowledged or not; who is back has an open alert at most", () => {
  const warned = withEvent(EMPTY, event(1, "approach", { severity: "warning" }));
  assert.equal(levelsOf({ ...FARM, ...warned }, NOW_MS).get("cow"), 1);
  const out = withEvent(warned, event(2, "exit"));
  assert.equal(levelsOf({ ...FARM, ...out }, NOW_MS).get("cow"), 2);
  const ann = { user: "ann", time: "" };
  const { alerts: acked } = withAck({ ...out, ...withAck(out, 2, ann) }, 1, ann);
  assert.equal(levelsOf({ ...FARM, ...out, alerts: acked }, NOW_MS).get("cow"), 2);
  const back = withEvent(out, event(3, "enter"));
  assert.equal(levelsOf({ ...FARM, ...back }, NOW_MS).get("cow"), 1);
  assert.equal(levelsOf({ ...FARM, ...back, alerts: acked }, NOW_MS).get("cow"), undefined);
});

test("who has been out for longer than the newest alerts tell is out all the same", () => {
  const other = event(900, "enter", { device: "other" });
  const known = withLoaded(EMPTY, { ...LOADED, events: [other], outside: [event(3, "exit")] });
  assert.deepEqual([...known.escaped.keys()], ["cow north"]);
  assert.equal(known.events.length, 1);
  // What is newer than that decides.
  const outside = [event(3, "exit")];
  const back = withLoaded(EMPTY, { ...LOADED, events: [event(4, "enter")], outside });
  assert.equal(back.escaped.size, 0);
});

test("nobody is out of a fence that no longer holds, or is no longer kept", () => {
  const { escaped } = withEvent(EMPTY, event(1, "exit"));
  const isOut = (more: Partial<typeof FARM>): boolean =>
    outNow({ ...FARM, ...more, escaped }, NOW_MS).length === 1;
  const withProps = (more: Partial<FenceProps>): Partial<typeof FARM> => ({
    fences: new Map([["north", fence({ intent: "keep-in", ...more })]]),
  });
  assert.ok(isOut({}));
  assert.ok(isOut(withProps({ expires_at: "2026-11-20T08:00:01Z" })));
  assert.ok(!isOut(withProps({ expires_at: "2026-11-20T08:00:00Z" })));
  assert.ok(!isOut(withProps({ intent: "info" })));
  assert.ok(!isOut({ fences: new Map() }));
  assert.ok(isOut({ fences: new Map(), areFencesKnown: false }));
  assert.ok(!isOut({ devices: new Map() }));
  assert.ok(isOut({ devices: new Map(), areDevicesKnown: false }));
});
