// src/views/shell.ts - the frame of the page: what is wrong, tabs, the map, the panel beside it.
import type { App } from "../app.ts";
import { deviceName, fenceName, matches, tell } from "../app.ts";
import { fill, h, syncList } from "../dom.ts";
import { Editor } from "../map/editor.ts";
import { FarmMap } from "../map/map.ts";
import { levelsOf } from "../state.ts";
import type { Tab } from "../state.ts";
import type { HrEvent } from "../types.ts";
import { alertsView } from "./alerts.ts";
import { animalsView } from "./animals.ts";
import { mapView } from "./map_panel.ts";
import { settingsDialog } from "./settings_dialog.ts";
import { systemView } from "./system.ts";
import { windowsView } from "./windows.ts";

export interface Parts {
  app: App;
  farm: FarmMap;
  editor: Editor;
}

const TABS: readonly { tab: Tab; sign: string; view: (parts: Parts) => HTMLElement }[] = [
  { tab: "map", sign: "▦", view: mapView },
  { tab: "alerts", sign: "▲", view: alertsView },
  { tab: "animals", sign: "●", view: animalsView },
  { tab: "windows", sign: "∿", view: windowsView },
  { tab: "system", sign: "⚙", view: systemView },
];
const NOTICE_MS = 6000;

/** How the service is doing, and whether what is shown is still true. */
function statusLine(app: App): HTMLElement {
  const { t, store } = app;
  const line = h("p", { class: "status", role: "status" });
  const render = (): void => {
    const { link, health } = store.state;
    line.dataset["link"] = link;
    const words = { live: t("link.live"), connecting: t("link.connecting"), lost: t("link.lost") };
    const isWell = link !== "live" || health === null || health.status === "ok";
    line.dataset["health"] = isWell ? "ok" : "degraded";
    fill(line, h("span", { class: "dot", "aria-hidden": "true" }), words[link]);
    if (!isWell) {
      line.append(" · ", t("health.degraded"));
    }
  };
  store.on(["link", "health"], render);
  render();
  return line;
}

function staleBanner(app: App): HTMLElement {
  const banner = h("div", { class: "stale", role: "alert", hidden: true });
  app.store.on(["link"], () => {
    const isStale = app.store.state.link !== "live";
    banner.hidden = !isStale;
    banner.textContent = isStale ? app.t("link.stale") : "";
    document.body.classList.toggle("is-stale", isStale);
  });
  return banner;
}

/** Animals that are out stay on top, whatever is looked at, until they are back. */
function escapedBar(app: App): HTMLElement {
  const { t, store } = app;
  const list = h("ul", {});
  const bar = h("section", { class: "escaped", "aria-label": t("escaped.title") }, list);
  const row = (event: HrEvent): HTMLElement =>
    h(
      "li",
      {},
      h("strong", {}, `◆ ${deviceName(app, event.device)}`),
      h("span", {}, t(event.kind === "exit" ? "escaped.out" : "escaped.in", {
        fence: event.fence_name ?? fenceName(app, event.fence),
        time: app.format.clock(event.time),
      })),
      h(
        "button",
        {
          onclick: () => {
            const slot = app.herd.slot(event.device);
            store.set({ selection: { kind: "animal", id: event.device }, tab: "map" });
            const lon = slot === undefined ? event.lon : app.herd.lon[slot];
            const lat = slot === undefined ? event.lat : app.herd.lat[slot];
            if (lon !== undefined && lat !== undefined) {
              app.map.showPlace([lon, lat]);
            }
          },
        },
        t("show_on_map"),
      ),
    );
  const render = (): void => {
    const { escaped, fences } = store.state;
    const events = [...escaped.values()]
      .filter((event) => event.fence !== null && fences.has(event.fence))
      .sort((a, b) => b.offset - a.offset);
    bar.hidden = events.length === 0;
    syncList(list, events, (event) => event.id, (event) => deviceName(app, event.device), row);
  };
  store.on(["escaped", "fences", "devices"], render);
  render();
  return bar;
}

function noticeLine(app: App): HTMLElement {
  const line = h("div", { class: "notice", role: "status", hidden: true });
  let timer: ReturnType<typeof setTimeout> | undefined;
  app.store.on(["notice"], () => {
    const { notice } = app.store.state;
    line.hidden = notice === null;
    line.textContent = notice?.text ?? "";
    line.dataset["tone"] = notice?.tone ?? "plain";
    clearTimeout(timer);
    timer = setTimeout(() => app.store.set({ notice: null }), NOTICE_MS);
  });
  return line;
}

function tabBar(app: App): HTMLElement {
  const { t, store } = app;
  const count = h("span", { class: "count" });
  const buttons = TABS.map(({ tab, sign }) =>
    h(
      "button",
      { "data-tab": tab, onclick: () => store.set({ tab }) },
      h("span", { class: "sign", "aria-hidden": "true" }, sign),
      h("span", {}, t(`tab.${tab}`)),
      tab === "alerts" && count,
    ),
  );
  const render = (): void => {
    const open = store.state.alerts.filter((alert) => !alert.acked).length;
    count.textContent = open > 0 ? String(open) : "";
    count.setAttribute("aria-label", t("alerts.open", { n: open }));
    count.setAttribute("role", "img");
    count.hidden = open === 0;
    for (const button of buttons) {
      if (button.dataset["tab"] === store.state.tab) {
        button.setAttribute("aria-current", "page");
      } else {
        button.removeAttribute("aria-current");
      }
    }
  };
  store.on(["tab", "alerts"], render);
  render();
  return h("nav", { class: "tabs", "aria-label": t("nav.title") }, ...buttons);
}

function topBar(app: App): HTMLElement {
  const dialog = settingsDialog(app);
  return h(
    "header",
    { class: "top" },
    h("img", { src: "/icon.svg", alt: "", width: 32, height: 32 }),
    h("h1", {}, "Hedgerow"),
    statusLine(app),
    h(
      "button",
      { class: "quiet", "aria-haspopup": "dialog", onclick: () => dialog.showModal() },
      h("span", { "aria-hidden": "true" }, "☰ "),
      app.t("settings.title"),
    ),
    dialog,
  );
}

/** Levels and filters of what the canvas draws follow the store. */
function followHerd(app: App): void {
  const { store, herd } = app;
  let known = 0;
  const levels = (): void => {
    herd.setLevels(levelsOf(store.state));
    store.set({ herdVersion: herd.version });
  };
  const hidden = (): void => {
    known = herd.count;
    herd.setHidden((id) => !matches(app, id, store.state.devices.get(id)));
    store.set({ herdVersion: herd.version });
  };
  store.on(["alerts", "escaped"], levels);
  store.on(["filter", "group", "devices"], hidden);
  store.on(["herdVersion"], () => {
    const { filter, group } = store.state;
    if (herd.count !== known && (filter !== "" || group !== "")) {
      hidden();
    }
  });
}

export function showShell(app: App): void {
  const { t, store } = app;
  const mapElement = h("section", {
    class: "map",
    id: "map",
    tabindex: 0,
    "aria-label": t("map.title"),
    "aria-describedby": "map-help",
  });
  const cross = h("div", { class: "cross", "aria-hidden": "true" });
  const place = h(
    "div",
    { class: "map-place" },
    mapElement,
    cross,
    h("p", { id: "map-help", class: "unseen" }, t("map.help")),
  );
  const panel = h("div", { class: "panel", id: "panel" });
  const main = h("main", { class: "work" }, place, panel);
  document.body.replaceChildren(
    topBar(app),
    staleBanner(app),
    escapedBar(app),
    tabBar(app),
    main,
    noticeLine(app),
  );
  const seen = h("p", { class: "in-view", role: "status" });
  place.append(seen);
  const farm = new FarmMap(app, mapElement, (count) => {
    seen.textContent = t("map.in_view", { n: app.format.number(count) });
  });
  app.map = farm;
  const parts: Parts = { app, farm, editor: new Editor(app, farm) };
  const views = new Map(TABS.map(({ tab, view }) => [tab, view(parts)]));
  const render = (): void => {
    const { tab } = store.state;
    document.body.dataset["tab"] = tab;
    const view = views.get(tab);
    if (view && panel.firstElementChild !== view) {
      panel.replaceChildren(view);
      panel.scrollTop = 0;
    }
    farm.resize();
  };
  store.on(["tab"], render);
  render();
  new ResizeObserver(() => farm.resize()).observe(mapElement);
  followHerd(app);
  if (store.state.me?.role === "viewer") {
    tell(app, t("role.viewer"));
  }
}
