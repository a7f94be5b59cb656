// src/views/animals.ts - all animals as a table: how old their data is, how they are.
import type { App } from "../app.ts";
import { attempt, deviceName, fenceName, matcher, mayEdit, showAnimal, tell } from "../app.ts";
import { BATTERY_QUERY, loadBatteryDays } from "../battery.ts";
import { h } from "../dom.ts";
import { recall, remember } from "../remembered.ts";
import { soon } from "../soon.ts";
import type { Latest } from "../state.ts";
import { LEVEL_SIGNS, levelWord } from "../words.ts";
import { longList } from "./long_list.ts";
import { searchInput } from "./search_input.ts";
import type { Parts } from "./shell.ts";

const REFRESH_MS = 3000;
const BATTERY_REFRESH_MS = 30_000;
const RENDER_MS = 300; // alarms may come by the hundred, and thousands of rows are sorted
const REFRESH_ALL_MS = 5000;
const REST = 4; // times as long as an answer took until the next question
const ROWS_MAX = 100_000;
const INSIDE = "select device, fence from inside";
const LATEST =
  "select id, time, lon, lat, speed_mps, battery_pct from device where time is not null";

const COLLATOR = new Intl.Collator(undefined, { numeric: true }); // cow-9 before cow-10

type Order = "urgent" | "name" | "age" | "battery";
const ORDERS: readonly Order[] = ["urgent", "name", "age", "battery"];

function levelOf(app: App, id: string): number {
  return app.herd.level[app.herd.slot(id) ?? -1] ?? 0;
}

function timeOf(app: App, id: string): number {
  const slot = app.herd.slot(id);
  return slot === undefined ? 0 : (app.herd.timeMs[slot] ?? 0);
}

/** The place of each animal in the order of names, made anew only when names may have changed:
 * comparing thousands of names as people do takes a tenth of a second. */
function ranking(app: App): () => ReadonlyMap<string, number> {
  let ranks = new Map<string, number>();
  let devices: unknown = null;
  let count = -1;
  return () => {
    const { state } = app.store;
    if (devices !== state.devices || count !== app.herd.count) {
      devices = state.devices;
      count = app.herd.count;
      const named = [...new Set([...state.devices.keys(), ...app.herd.ids])].map(
        (id) => [id, deviceName(app, id)] as const,
      );
      named.sort(([, a], [, b]) => COLLATOR.compare(a, b));
      ranks = new Map(named.map(([id], i) => [id, i]));
    }
    return ranks;
  };
}

function sorted(app: App, order: Order, ranks: ReadonlyMap<string, number>): string[] {
  const { devices } = app.store.state;
  const keyOf: Record<Order, (id: string) => number> = {
    urgent: (id) => -levelOf(app, id),
    name: () => 0,
    age: (id) => timeOf(app, id),
    battery: (id) => latestOf(app, id).battery_pct ?? 101,
  };
  const isShown = matcher(app);
  const rows = [...ranks]
    .filter(([id]) => isShown(id, devices.get(id)))
    .map(([id, rank]) => ({ id, rank, key: keyOf[order](id) }));
  return rows.sort((a, b) => a.key - b.key || a.rank - b.rank).map(({ id }) => id);
}

function insideText(app: App, id: string): string {
  const fences = app.store.state.inside.get(id) ?? [];
  return fences.map((fence) => fenceName(app, fence)).join(", ");
}

interface Rows {
  rows: [id: string, ...unknown[]][];
}

async function askInside(app: App): Promise<void> {
  const { rows } = await app.api.post<Rows>("/v1/sql", { sql: INSIDE, limit: ROWS_MAX });
  const inside = new Map<string, string[]>();
  for (const [device, fence] of rows) {
    const known = inside.get(device);
    if (known) {
      known.push(fence as string);
      known.sort();
    } else {
      inside.set(device, [fence as string]);
    }
  }
  app.store.set({ inside });
}

async function askLatest(app: App): Promise<void> {
  const { rows } = await app.api.post<Rows>("/v1/sql", { sql: LATEST, limit: ROWS_MAX });
  const latest = new Map<string, Latest>();
  for (const [device, time, lon, lat, speed, battery] of rows) {
    const place = { time: time as string, lon: lon as number, lat: lat as number };
    app.herd.putDevice({ device, ...place });
    latest.set(device, {
      ...(speed === null ? {} : { speed_mps: speed as number }),
      ...(battery === null ? {} : { battery_pct: battery as number }),
    });
  }
  app.store.set({ latest, herdVersion: app.herd.version });
}

/** The map's positions are those in view; a list is of all animals, and asks for them while it is
 * looked at: the more seldom, the longer that takes a slow link or a busy service. */
function followAll(app: App): void {
  const { store } = app;
  let nextMs = 0;
  let isAsking = false;
  const ask = async (): Promise<void> => {
    const beganMs = Date.now();
    isAsking = true;
    await Promise.allSettled([askInside(app), askLatest(app)]);
    isAsking = false;
    nextMs = Date.now() + REST * (Date.now() - beganMs);
  };
  const run = (): void => {
    const { tab, link, filter } = store.state;
    const isList = tab === "animals" || (tab === "map" && filter !== "");
    if (isList && link === "live" && !isAsking && Date.now() >= nextMs) {
      void ask();
    }
  };
  store.on(["tab", "link", "filter"], run);
  setInterval(run, REFRESH_ALL_MS);
}

function latestOf(app: App, id: string): Latest {
  return app.store.state.latest.get(id) ?? app.store.state.devices.get(id) ?? {};
}

/** How full it is, and how long it lasts where its trend is known. */
export function batteryText(app: App, id: string): string {
  const { t, format, store } = app;
  const pct = latestOf(app, id).battery_pct;
  const days = store.state.batteryDays.get(id);
  const left = days === undefined ? "" : t("battery.left", { n: format.number(Math.floor(days)) });
  const full = pct === undefined ? "" : `${t("animal.battery")} ${pct} %`;
  return [full, left].filter((part) => part !== "").join(", ");
}

function row(app: App, id: string): HTMLElement {
  const { t, format } = app;
  const { speed_mps } = latestOf(app, id);
  const level = levelOf(app, id);
  const open = (): void => void showAnimal(app, id);
  const parts = [
    levelWord(app, level),
    timeOf(app, id) > 0 ? format.age(app.clock.now() - timeOf(app, id)) : t("animal.never"),
    insideText(app, id),
    batteryText(app, id),
    speed_mps === undefined ? "" : format.speed(speed_mps),
  ];
  return h(
    "li",
    { "data-animal": id },
    h(
      "button",
      { class: "item", onclick: open },
      h("span", { class: `sign level-${level}`, "aria-hidden": "true" }, LEVEL_SIGNS[level]),
      h(
        "span",
        { class: "text" },
        h("strong", {}, deviceName(app, id)),
        h("small", {}, parts.filter((part) => part !== "").join(" · ")),
      ),
    ),
  );
}

/** Days left are told by a standing query, which runs only where somebody wants to know. */
function batteryPart(app: App): HTMLElement {
  const { t, store } = app;
  const button = h("button", { hidden: true }, t("battery.estimate"));
  let askedMs = 0;
  const ask = async (): Promise<void> => {
    const isRunning = await loadBatteryDays(app);
    button.hidden = isRunning || !mayEdit(app) || store.state.devices.size === 0;
  };
  const refresh = (): void => {
    const { tab, link } = store.state;
    if (tab === "animals" && link === "live" && Date.now() - askedMs > BATTERY_REFRESH_MS) {
      askedMs = Date.now();
      void ask().catch(() => {});
    }
  };
  button.addEventListener("click", () => {
    void attempt(app, async () => {
      await app.api.post(`/v1/queries/${BATTERY_QUERY}/start`, {});
      await ask();
      tell(app, t("battery.started"), "good");
    });
  });
  store.on(["tab", "link"], refresh);
  setInterval(refresh, BATTERY_REFRESH_MS);
  return h("div", { class: "row" }, button);
}

export function animalsView({ app }: Parts): HTMLElement {
  const { t, store, format } = app;
  let order: Order = "urgent";
  let knownEpoch: string | null = null;
  const none = h("p", { class: "hint" });
  const stamp = (id: string): string => {
    const device = store.state.devices.get(id);
    const age = format.age(app.clock.now() - timeOf(app, id));
    const speed = latestOf(app, id).speed_mps;
    const words = `${batteryText(app, id)} ${insideText(app, id)} ${speed}`;
    return `${age} ${levelOf(app, id)} ${device?.name} ${words}`;
  };
  const list = longList("animals", stamp, (id) => row(app, id));
  const rank = ranking(app);
  const sum = h("p", { class: "hint", role: "status" });
  const select = h(
    "select",
    { "aria-label": t("animals.order") },
    ...ORDERS.map((name) => h("option", { value: name }, t(`animals.by_${name}`))),
  );
  select.addEventListener("change", () => {
    order = select.value as Order;
    remember(app.live.epoch, { order });
    render();
  });
  const recallOrder = (): void => {
    if (app.live.epoch !== knownEpoch) {
      knownEpoch = app.live.epoch;
      order = ORDERS.find((name) => name === recall(knownEpoch).order) ?? order;
      select.value = order;
    }
  };
  const render = (): void => {
    if (store.state.tab !== "animals") {
      return;
    }
    recallOrder();
    const ids = sorted(app, order, rank());
    const { devices, areDevicesKnown } = store.state;
    sum.textContent = t("animals.sum", { n: format.number(ids.length) });
    none.hidden = ids.length > 0;
    none.textContent = t(
      devices.size > 0 ? "search.none" : areDevicesKnown ? "animals.none" : "loading",
    );
    list.show(ids);
  };
  setInterval(render, REFRESH_MS);
  store.on(["tab", "filter", "group"], render);
  const later = soon(RENDER_MS, render);
  store.on(["devices", "alerts", "batteryDays", "inside", "latest"], later);
  followAll(app);
  const battery = batteryPart(app);
  render();
  return h(
    "div",
    { class: "view" },
    h("h2", {}, t("tab.animals")),
    searchInput(app),
    h("div", { class: "row sum" }, sum, select),
    battery,
    none,
    list.element,
  );
}
