// test/sync.test.ts - what could not be loaded is loaded when the service is back.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ApiError } from "../src/api.ts";
import type { App } from "../src/app.ts";
import { Clock } from "../src/clock.ts";
import { Herd } from "../src/herd.ts";
import { initialState } from "../src/state.ts";
import type { Settings } from "../src/settings.ts";
import { Store } from "../src/store.ts";
import { liveHandlers, loadFences } from "../src/sync.ts";

const HELLO = { epoch: "e", seq: 0, time: "2026-11-20T08:00:00.000Z" };
const ANSWERS: Record<string, unknown> = {
  "/v1/fences": { features: [{ id: "north", properties: { revision: 1 } }], next: null },
  "/v1/devices": { devices: [], next: null },
  "/v1/alerts": { alerts: [] },
  "/v1/events": { events: [], next: 0, more: false },
};

function page(): { app: App; failing: Set<string>; asked: string[] } {
  const failing = new Set<string>();
  const asked: string[] = [];
  const get = (path: string): Promise<unknown> => {
    const route = path.split("?")[0]!;
    asked.push(route);
    return failing.has(route)
      ? Promise.reject(new ApiError(0, "offline", "no answer"))
      : Promise.resolve(ANSWERS[route]);
  };
  const app = {
    store: new Store(initialState({} as Settings)),
    api: { get, post: () => Promise.resolve({ columns: [], rows: [] }) },
    clock: new Clock(),
    herd: new Herd(),
    t: (key: string) => key,
  } as unknown as App;
  return { app, failing, asked };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("what failed when the service died is asked for at its greeting, and only that", async () => {
  const { app, failing, asked } = page();
  const handlers = liveHandlers(() => app, () => {});
  failing.add("/v1/fences");
  handlers.hello(HELLO, true);
  await settled();
  assert.equal(app.store.state.areFencesKnown, false);
  assert.equal(app.store.state.areDevicesKnown, true);
  assert.equal(app.store.state.notice?.text, "error.offline");
  failing.clear();
  asked.length = 0;
  handlers.hello(HELLO, false);
  await settled();
  assert.deepEqual(asked, ["/v1/fences"]);
  assert.ok(app.store.state.fences.has("north"));
  asked.length = 0;
  handlers.hello(HELLO, false);
  await settled();
  assert.deepEqual(asked, [], "a connection that was only interrupted loads nothing");
});

test("what failed although the service is there is asked for again after a while", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { app, failing } = page();
    const handlers = liveHandlers(() => app, () => {});
    handlers.link("live");
    failing.add("/v1/devices");
    handlers.hello(HELLO, true);
    await settled();
    assert.equal(app.store.state.areDevicesKnown, false);
    failing.clear();
    mock.timers.tick(5000);
    await settled();
    assert.equal(app.store.state.areDevicesKnown, true);
  } finally {
    mock.timers.reset();
  }
});

test("data of another service takes the place of what was shown", async () => {
  const { app } = page();
  const handlers = liveHandlers(() => app, () => {});
  const event = { id: "1", offset: 7, kind: "enter", device: "cow", fence: "north" } as never;
  handlers.hello(HELLO, true);
  await settled();
  handlers.event(event);
  assert.equal(app.store.state.events.length, 1);
  handlers.hello({ ...HELLO, epoch: "other" }, true);
  await settled();
  assert.equal(app.store.state.events.length, 0);
});

test("an acknowledgement that comes while alerts are loaded is not lost", async () => {
  const { app } = page();
  const alert = { alert: 7, event: { id: "1", offset: 7, severity: "alarm" }, acked: null };
  const acked = { user: "ann", time: "2026-11-20T08:00:00Z" };
  let answers: unknown[] = [alert];
  const asked: (() => void)[] = [];
  const get = app.api.get.bind(app.api) as (path: string) => Promise<unknown>;
  app.api.get = ((path: string) =>
    path.startsWith("/v1/alerts")
      ? new Promise<unknown>((resolve) => {
          const alerts = answers;
          asked.push(() => resolve({ alerts }));
        })
      : get(path)) as typeof app.api.get;
  const handlers = liveHandlers(() => app, () => {});
  handlers.hello(HELLO, true);
  handlers.ack(7, acked);
  answers = [{ ...alert, acked }];
  asked.splice(0).forEach((answer) => answer());
  await settled();
  asked.splice(0).forEach((answer) => answer());
  await settled();
  assert.deepEqual(app.store.state.alerts[0]?.acked, acked);
});

test("changes one after another are shown while they go on", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { app, asked } = page();
    const get = app.api.get.bind(app.api) as (path: string) => Promise<unknown>;
    let answer = (): void => assert.fail("nothing is asked");
    app.api.get = ((path: string) =>
      new Promise<unknown>((resolve) => {
        answer = () => void get(path).then(resolve);
      })) as typeof app.api.get;
    const handlers = liveHandlers(() => app, () => {});
    for (let i = 0; i < 10; i++) {
      handlers.edit({ offset: i, edits: ["north"] });
      mock.timers.tick(150);
    }
    assert.equal(asked.length, 0);
    answer();
    await settled();
    assert.ok(app.store.state.areFencesKnown, "nobody waits until the last change");
    answer();
    await settled();
    assert.equal(asked.length, 2, "all that changed meanwhile is asked for once");
  } finally {
    mock.timers.reset();
  }
});

test("animals of another service's data do not stay on the map", () => {
  const { app } = page();
  const handlers = liveHandlers(() => app, () => {});
  handlers.hello(HELLO, true);
  app.herd.putDevice({ device: "cow", lon: 16, lat: 59, time: HELLO.time });
  handlers.hello({ ...HELLO, epoch: "other" }, true);
  assert.equal(app.herd.count, 0);
});

test("the farm's new name is shown at once, its new map by a fresh page", async () => {
  const { app } = page();
  const { farm } = liveHandlers(() => app, () => {});
  const first = { name: "", map_url: "", map_attribution: "", tiles: false };
  farm(first);
  farm({ ...first });
  assert.equal(app.store.state.farm, first, "nothing is drawn anew that has not changed");
  farm({ ...first, name: "Björkö" });
  assert.equal(app.store.state.farm?.name, "Björkö");
  assert.equal(app.store.state.isOld, false);
  farm({ name: "Ön", map_url: "https://map/{z}/{x}/{y}", map_attribution: "M", tiles: true });
  assert.deepEqual(app.store.state.farm, { ...first, name: "Ön", tiles: true });
  assert.equal(app.store.state.isOld, true);
});

test("of thousands of fences those that have changed are drawn anew", async () => {
  const { app } = page();
  await loadFences(app);
  const first = app.store.state.fences.get("north");
  const features = [{ id: "north", properties: { revision: 1 } }];
  app.api.get = (() => Promise.resolve({ features, next: null })) as typeof app.api.get;
  await loadFences(app);
  assert.equal(app.store.state.fences.get("north"), first);
  features[0] = { id: "north", properties: { revision: 2 } };
  await loadFences(app);
  assert.equal(app.store.state.fences.get("north"), features[0]);
});
