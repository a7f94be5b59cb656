// test/past.test.ts - the inbox, page by page back to its oldest row, while new rows arrive.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../src/app.ts";
import { loadOlder, mayGoOn, rowsOf } from "../src/past.ts";
import type { Which } from "../src/past.ts";
import { ALERTS_MAX, EVENTS_MAX, initialState } from "../src/state.ts";
import { withAck, withEvent, withLoaded } from "../src/state.ts";
import type { Settings } from "../src/settings.ts";
import { Store } from "../src/store.ts";
import type { Alert, HrEvent, Severity } from "../src/types.ts";

/** Numbers that look random and are the same each time for one seed. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A service with events at some offsets, and a page that is in step with it. */
class Farm {
  events: HrEvent[] = [];
  acked = new Set<number>();
  offset = 0;
  onAsk: () => void = () => {};
  roll: (below: number) => number;
  store = new Store(initialState({} as Settings));

  constructor(seed: number) {
    this.roll = dice(seed);
  }

  get app(): App {
    const get = (path: string): Promise<unknown> => Promise.resolve(this.#answer(path));
    return { store: this.store, api: { get } } as unknown as App;
  }

  /** Something happens; one in seven records is no event at all. */
  happen(): HrEvent | null {
    const offset = this.offset++;
    if (this.roll(7) === 0) {
      return null;
    }
    const severity = (["info", "info", "info", "alarm", "warning"] as Severity[])[this.roll(5)]!;
    const time = new Date(1_700_000_000_000 + offset * 1000).toISOString();
    const event: HrEvent = {
      id: String(offset),
      offset,
      kind: "dwell",
      fence: "north",
      severity,
      device: `cow-${this.roll(40)}`,
      time,
      crossing: null,
      cause: "fix",
      late: this.roll(6) === 0,
      received: time,
    };
    this.events.push(event);
    return event;
  }

  /** The same, and the page hears of it. */
  arrive(): void {
    const event = this.happen();
    if (event) {
      this.store.set(withEvent(this.store.state, event));
    }
  }

  get alerts(): Alert[] {
    return this.events
      .filter((event) => event.severity !== "info" && !event.late)
      .map((event) => ({
        alert: event.offset,
        event,
        acked: this.acked.has(event.offset) ? { user: "ann", time: "" } : null,
      }))
      .reverse();
  }

  load(): void {
    const newest = this.events.slice(-EVENTS_MAX).reverse();
    this.store.set(
      withLoaded(this.store.state, {
        all: this.alerts.slice(0, ALERTS_MAX),
        open: this.alerts.filter(({ acked }) => !acked).slice(0, ALERTS_MAX),
        events: newest,
        eventsFrom: this.events.length > EVENTS_MAX ? newest.at(-1)!.offset : 0,
        outside: [],
      }),
    );
  }

  #answer(path: string): unknown {
    const { pathname, searchParams: asked } = new URL(path, "http://farm");
    const before = Number(asked.get("before"));
    const limit = Number(asked.get("limit"));
    let answer: unknown;
    if (pathname === "/v1/alerts") {
      const isWanted = ({ alert, acked }: Alert): boolean =>
        alert < before && (asked.get("state") === "all" || !acked);
      answer = { alerts: this.alerts.filter(isWanted).slice(0, limit) };
    } else {
      const severity = asked.get("severity");
      const found = this.events.filter(
        (event) =>
          event.offset < before &&
          (severity === null || event.severity === severity) &&
          (asked.get("late") === null || event.late),
      );
      const events = found.reverse().slice(0, limit);
      const more = found.length > limit;
      answer = { events, next: more ? events.at(-1)!.offset : 0, more };
    }
    this.onAsk();
    return answer;
  }

  truth(which: Which, severity: string): number[] {
    const rows =
      which === "events" || which === "late"
        ? this.events
            .filter((event) => which === "events" || event.late)
            .map((event) => ({ alert: event.offset, event, acked: null }))
            .reverse()
        : this.alerts.filter(({ acked }) => which === "all" || !acked);
    return rows
      .filter(({ event }) => severity === "" || event.severity === severity)
      .map(({ alert }) => alert);
  }

  shown(which: Which, severity: string): number[] {
    return rowsOf(this.store.state, which, severity).map(({ alert }) => alert);
  }
}

async function goBackTo(farm: Farm, which: Which, severity: string): Promise<number> {
  let presses = 0;
  while (mayGoOn(farm.store.state, which, severity) && presses < 500) {
    presses++;
    await loadOlder(farm.app, which, severity, 100, null);
  }
  return presses;
}

for (const which of ["open", "all", "late", "events"] as Which[]) {
  for (const severity of ["", "alarm"]) {
    test(`${which} ${severity}: page by page, every row once while others arrive`, async () => {
      const farm = new Farm(which.length * 7 + severity.length);
      for (let i = 0; i < 6000; i++) {
        farm.happen();
      }
      for (const { alert } of farm.alerts) {
        if (farm.roll(3) === 0) {
          farm.acked.add(alert);
        }
      }
      farm.load();
      const wasShown = farm.shown(which, severity).length;
      farm.onAsk = () => {
        // More than the page would hold of itself, and somebody acknowledges something.
        for (let i = 0; i < 90; i++) {
          farm.arrive();
        }
        const { alert } = farm.alerts[farm.roll(farm.alerts.length)]!;
        farm.acked.add(alert);
        farm.store.set(withAck(farm.store.state, alert, { user: "ann", time: "" }));
      };
      assert.ok((await goBackTo(farm, which, severity)) > 0);
      const truth = farm.truth(which, severity);
      assert.ok(truth.length > wasShown);
      assert.deepEqual(farm.shown(which, severity), truth);
    });
  }
}

test("where everything is on the page already, there is nothing to go on to", () => {
  const farm = new Farm(1);
  for (let i = 0; i < 100; i++) {
    farm.happen();
  }
  farm.load();
  for (const which of ["open", "all", "late", "events"] as Which[]) {
    assert.ok(!mayGoOn(farm.store.state, which, ""));
    assert.deepEqual(farm.shown(which, ""), farm.truth(which, ""));
  }
});

test("what the page no longer holds can be asked for again", async () => {
  const farm = new Farm(2);
  farm.load();
  for (let i = 0; i < 3000; i++) {
    farm.arrive();
  }
  assert.equal(farm.store.state.events.length, EVENTS_MAX);
  for (const which of ["events", "all"] as Which[]) {
    farm.store.set({ past: null });
    await goBackTo(farm, which, "");
    assert.deepEqual(farm.shown(which, ""), farm.truth(which, ""));
  }
});

test("a page that comes when another list is looked at is let go", async () => {
  const farm = new Farm(3);
  for (let i = 0; i < 3000; i++) {
    farm.happen();
  }
  farm.load();
  farm.onAsk = () => farm.store.set({ past: null });
  await loadOlder(farm.app, "events", "", 100, null);
  assert.equal(farm.store.state.past, null);
});

test("who looks for a word is not given a page without it, but the next that has it", async () => {
  const farm = new Farm(4);
  for (let i = 0; i < 9000; i++) {
    farm.happen();
  }
  farm.events[5]!.device = "the lost one";
  farm.load();
  let asked = 0;
  farm.onAsk = () => asked++;
  const isFound = ({ event }: Alert): boolean => event.device === "the lost one";
  await loadOlder(farm.app, "events", "", 1, isFound);
  assert.ok(rowsOf(farm.store.state, "events", "").some(isFound));
  assert.ok(asked > 5 && asked <= 10, `asked ${asked} times`);
});
