// src/sync.ts - keeps the store in step with the service: loads once, then follows what is live.
import type { App } from "./app.ts";
import { explain, tell } from "./app.ts";
import { decodePositions } from "./decode.ts";
import type { LiveHandlers } from "./live.ts";
import { soon } from "./soon.ts";
import { ALERTS_MAX, EVENTS_MAX, levelsOf, withAck, withEvent, withLoaded } from "./state.ts";
import type { Alert, Device, Fence, Hello, HrEvent } from "./types.ts";

const RELOAD_WAIT_MS = 200;
const LOAD_AGAIN_MS = 5000;
const PAGES_MAX = 200;

async function pages<P extends { next?: string | null }>(
  app: App,
  path: string,
  take: (page: P) => void,
): Promise<void> {
  let after = "";
  for (let i = 0; i < PAGES_MAX; i++) {
    const from = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
    const page: P = await app.api.get(`${path}?limit=1000${from}`);
    take(page);
    if (!page.next) {
      return;
    }
    after = page.next;
  }
}

/** A fence that has not changed stays the same object, which need not be drawn anew. */
function unchanged(known: Fence | undefined, fence: Fence): Fence {
  const [a, b] = [known?.properties, fence.properties];
  return known && a?.revision === b.revision && a?.updated === b.updated ? known : fence;
}

export async function loadFences(app: App): Promise<void> {
  const fences = new Map<string, Fence>();
  await pages<{ features: Fence[]; next: string | null }>(app, "/v1/fences", (page) => {
    for (const fence of page.features) {
      fences.set(fence.id, unchanged(app.store.state.fences.get(fence.id), fence));
    }
  });
  app.store.set({ fences, areFencesKnown: true });
}

export async function loadDevices(app: App): Promise<void> {
  const devices = new Map<string, Device>();
  type Page = { devices: Device[]; next?: string | null };
  await pages<Page>(app, "/v1/devices", (page) => {
    for (const device of page.devices) {
      const { id, lon, lat, time } = device;
      devices.set(id, device);
      if (lon !== undefined && lat !== undefined && time !== undefined) {
        app.herd.putDevice({ ...device, device: id, lon, lat, time });
      }
    }
  });
  app.store.set({ devices, areDevicesKnown: true, herdVersion: app.herd.version });
}

// The last crossing of each pair, where it was an alarm: the animal is not back yet.
const OUTSIDE = `select max(offset) as offset, id, kind, fence, fence_name, severity, device, time,
  lon, lat, cause, received from event
  where kind in ('enter', 'exit') and not (severity = 'alarm' and late)
  group by device, fence having severity = 'alarm'`;

/** What is out for so long that its alert is not among the newest. */
async function askOutside(app: App): Promise<HrEvent[]> {
  try {
    const { columns, rows } = await app.api.post<{ columns: string[]; rows: unknown[][] }>(
      "/v1/sql",
      { sql: OUTSIDE },
    );
    return rows.map((row) => {
      const event = Object.fromEntries(columns.map((name, i) => [name, row[i]]));
      return { ...event, crossing: null, late: false } as unknown as HrEvent;
    });
  } catch {
    // Too much for the time that a statement has: the newest alerts must do.
    return [];
  }
}

async function loadEvents(app: App): Promise<void> {
  const alerts = async (state: string): Promise<Alert[]> => {
    const path = `/v1/alerts?state=${state}&limit=${ALERTS_MAX}`;
    return (await app.api.get<{ alerts: Alert[] }>(path)).alerts;
  };
  const [all, open, newest, outside] = await Promise.all([
    alerts("all"),
    alerts("open"),
    app.api.get<{ events: HrEvent[]; next: number; more: boolean }>(
      `/v1/events?before=${Number.MAX_SAFE_INTEGER}&limit=${EVENTS_MAX}`,
    ),
    askOutside(app),
  ]);
  const { events, next, more } = newest;
  const loaded = { all, open, events, eventsFrom: more ? next : 0, outside };
  app.store.set({ ...withLoaded(app.store.state, loaded), areEventsKnown: true });
}

const LOADERS = {
  fences: loadFences,
  devices: loadDevices,
  events: loadEvents,
};
type Part = keyof typeof LOADERS;
const PARTS = Object.keys(LOADERS) as Part[];

/** Loads parts of the farm; what fails, as when the service dies, is loaded when it can be. A part
 * is loaded once at a time, so that no old answer comes after a newer one. */
class Loader {
  #getApp: () => App;
  #missing = new Set<Part>();
  #running = new Map<Part, Promise<void>>();
  #again = new Set<Part>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(getApp: () => App) {
    this.#getApp = getApp;
  }

  isLoading(part: Part): boolean {
    return this.#running.has(part);
  }

  async load(parts: Iterable<Part>): Promise<void> {
    await Promise.all([...parts].map((part) => this.#one(part)));
    clearTimeout(this.#timer);
    if (this.#missing.size > 0) {
      this.#timer = setTimeout(() => {
        // While there is no connection, the next greeting asks again.
        if (this.#getApp().store.state.link === "live") {
          void this.loadMissing();
        }
      }, LOAD_AGAIN_MS);
    }
  }

  loadMissing(): Promise<void> {
    return this.load([...this.#missing]);
  }

  #one(part: Part): Promise<void> {
    const running = this.#running.get(part);
    if (running) {
      this.#again.add(part);
      return running;
    }
    const run = this.#ask(part).finally(() => this.#running.delete(part));
    this.#running.set(part, run);
    return run;
  }

  async #ask(part: Part): Promise<void> {
    const app = this.#getApp();
    do {
      this.#again.delete(part);
      const isTold = this.#missing.has(part);
      this.#missing.add(part);
      try {
        await LOADERS[part](app);
        this.#missing.delete(part);
      } catch (reason) {
        if (!isTold) {
          tell(app, explain(app, reason), "bad");
        }
      }
    } while (this.#again.has(part));
  }
}

/** What the live protocol does to the store. `onEvent` hears of new events, once each. */
export function liveHandlers(getApp: () => App, onEvent: (event: HrEvent) => void): LiveHandlers {
  const loader = new Loader(getApp);
  const reloadFences = soon(RELOAD_WAIT_MS, () => void loader.load(["fences"]));
  const reloadDevices = soon(RELOAD_WAIT_MS, () => void loader.load(["devices"]));
  const set: App["store"]["set"] = (patch) => getApp().store.set(patch);
  return {
    link(link) {
      set({ link });
      if (link !== "live") {
        getApp().herd.forgetHandles();
      }
    },
    hello(hello: Hello, isNew: boolean) {
      getApp().clock.heard(hello.time);
      if (isNew) {
        // The service may have other data now than what the page shows.
        getApp().herd.clear();
        set({ alerts: [], events: [], areEventsKnown: false, past: null });
        void loader.load(PARTS);
      } else {
        void loader.loadMissing();
      }
    },
    event(event) {
      const { store } = getApp();
      store.set(withEvent(store.state, event));
      onEvent(event);
    },
    ack(alert, acked) {
      const { store } = getApp();
      store.set(withAck(store.state, alert, acked));
      if (loader.isLoading("events")) {
        // What is being answered may be from before it.
        void loader.load(["events"]);
      }
    },
    edit({ edits }) {
      // A change of the rules that names no fence is one of a device, or of the settings.
      const isOfFences = !Array.isArray(edits) || edits.length > 0;
      (isOfFences ? reloadFences : reloadDevices)();
    },
    gap() {
      void loader.load(PARTS);
    },
    names(names) {
      const { herd, store, clock } = getApp();
      for (const [handle, id] of names) {
        herd.name(handle, id);
        if (!store.state.devices.has(id)) {
          reloadDevices();
        }
      }
      herd.setLevels(levelsOf(store.state, clock.now()));
    },
    frame(frame) {
      const { herd } = getApp();
      const tick = decodePositions(frame, herd);
      set({ herdVersion: herd.version, counts: [] });
      return tick;
    },
    positions(devices) {
      const { herd } = getApp();
      devices.forEach((device) => herd.putDevice(device));
      set({ herdVersion: herd.version, counts: [] });
    },
    counts: (counts) => set({ counts }),
    window(query, rows) {
      const { store } = getApp();
      store.set({ windows: new Map(store.state.windows).set(query, rows) });
    },
    health(health) {
      getApp().clock.heard(health.time);
      set({ health });
    },
    farm(farm) {
      const known = getApp().store.state.farm;
      if (known && known.map_url !== farm.map_url) {
        // Only a fresh page is allowed to draw pictures from the new place.
        const { map_url, map_attribution } = known;
        set({ farm: { ...farm, map_url, map_attribution }, isOld: true });
      } else if (JSON.stringify(known) !== JSON.stringify(farm)) {
        set({ farm });
      }
    },
  };
}
