// test/live.test.ts - the live protocol's client: it resumes where it was, and takes nothing twice.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { LiveHandlers, SocketEvents } from "../src/live.ts";
import { Live } from "../src/live.ts";

interface Wire {
  sent: Record<string, unknown>[];
  events: SocketEvents;
  isClosed: boolean;
}

function rig(): { live: Live; wires: Wire[]; heard: string[]; say: (message: unknown) => void } {
  const wires: Wire[] = [];
  const heard: string[] = [];
  const note =
    (name: string) =>
    (...values: unknown[]): void => {
      heard.push([name, ...values.map((v) => (typeof v === "object" ? "" : v))].join(" ").trim());
    };
  const handlers: LiveHandlers = {
    link: note("link"),
    hello: (_, isNew) => heard.push(`hello ${isNew}`),
    event: (event) => heard.push(`event ${event.offset}`),
    ack: (alert, { user }) => heard.push(`ack ${alert} ${user}`),
    edit: note("edit"),
    gap: note("gap"),
    names: note("names"),
    frame: () => 77,
    positions: note("positions"),
    counts: note("counts"),
    window: note("window"),
    health: note("health"),
    farm: note("farm"),
  };
  const live = new Live((_, events) => {
    const wire: Wire = { sent: [], events, isClosed: false };
    wires.push(wire);
    return {
      send: (text) => wire.sent.push(JSON.parse(text) as Record<string, unknown>),
      close: () => {
        wire.isClosed = true;
      },
    };
  }, handlers);
  return { live, wires, heard, say: (m) => wires.at(-1)!.events.message(JSON.stringify(m)) };
}

const hello = (epoch: string, seq: number): unknown => ({ hello: { epoch, seq, time: "" } });
const subscription = (wire: Wire): Record<string, unknown> | undefined =>
  wire.sent.find((message) => "subscribe" in message);

test("nothing is said before the greeting; then everything at once", () => {
  const { live, wires, say } = rig();
  live.start();
  live.watch([1, 2, 3, 4]);
  assert.equal(wires[0]!.sent.length, 0);
  say(hello("e", 10));
  const { resume, subscribe } = subscription(wires[0]!) as Record<string, object>;
  assert.deepEqual(resume, { epoch: "e", seq: 10 });
  assert.deepEqual((subscribe as { positions: object }).positions, {
    bbox: [1, 2, 3, 4],
    format: "binary",
    max_hz: 5,
  });
  live.stop();
});

test("after a break it resumes behind the last event, and drops what comes again", () => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const { live, wires, heard, say } = rig();
  live.start();
  say(hello("e", 10));
  say({ event: { offset: 11 } });
  say({ ack: { offset: 12, alert: 11, user: "ann", time: "" } });
  wires[0]!.events.closed();
  mock.timers.tick(1000);
  assert.equal(wires.length, 2);
  say(hello("e", 14));
  assert.deepEqual(subscription(wires[1]!)?.["resume"], { epoch: "e", seq: 12 });
  say({ event: { offset: 11 } });
  say({ event: { offset: 13 } });
  say({ event: { offset: 13 } });
  assert.deepEqual(
    heard.filter((line) => /event|ack|hello/.test(line)),
    ["hello true", "event 11", "ack 11 ann", "hello false", "event 13"],
  );
  live.stop();
  mock.timers.reset();
});

test("another data folder begins anew", () => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const { live, wires, heard, say } = rig();
  live.start();
  say(hello("e", 10));
  wires[0]!.events.closed();
  mock.timers.tick(1000);
  say(hello("other", 3));
  assert.deepEqual(subscription(wires[1]!)?.["resume"], { epoch: "other", seq: 3 });
  assert.equal(heard.filter((line) => line === "hello true").length, 2);
  live.stop();
  mock.timers.reset();
});

test("a silent connection is given up", () => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  const { live, wires, heard } = rig();
  live.start();
  mock.timers.tick(20_000);
  assert.ok(wires[0]!.isClosed);
  assert.ok(heard.includes("link lost"));
  live.stop();
  mock.timers.reset();
});

test("each position frame is confirmed by its tick; an array of messages counts as many", () => {
  const { live, wires, heard, say } = rig();
  live.start();
  say(hello("e", 0));
  wires[0]!.events.message(new ArrayBuffer(12));
  assert.deepEqual(wires[0]!.sent.at(-1), { seen: 77 });
  say([{ event: { offset: 1 } }, { gap: { from: 2, to: 5 } }]);
  say([{ event: { offset: 4 } }, { event: { offset: 5 } }]);
  assert.deepEqual(heard.slice(-3), ["event 1", "gap", "event 5"]);
  live.stop();
});

test("a quiet connection is kept where timers run once a minute, a dead one is not", () => {
  let nowMs = 1e12;
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const clock = mock.method(Date, "now", () => nowMs);
  const { live, wires, say } = rig();
  live.start();
  say(hello("e", 10));
  for (let minute = 0; minute < 3; minute++) {
    nowMs += 60_000;
    mock.timers.tick(4000);
    say({ id: 0, status: 200, body: {} });
  }
  assert.equal(wires[0]!.isClosed, false);
  for (let i = 0; i < 3; i++) {
    nowMs += 4000;
    mock.timers.tick(4000);
  }
  assert.equal(wires[0]!.isClosed, true);
  live.stop();
  clock.mock.restore();
  mock.timers.reset();
});
