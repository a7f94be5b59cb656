// src/views/shell.ts - the frame of the page: what is wrong, tabs, the map, the panel beside it.
import { spokenLine } from "../announce.ts";
import type { App } from "../app.ts";
import { matcher, mayEdit, tell } from "../app.ts";
import { fill, h } from "../dom.ts";
import { keepDrafts } from "../kept_draft.ts";
import { Editor } from "../map/editor.ts";
import { FarmMap } from "../map/map.ts";
import { levelsOf, openAlerts } from "../state.ts";
import type { Tab } from "../state.ts";
import { alertsView } from "./alerts.ts";
import { animalsView } from "./animals.ts";
import { escapedBar } from "./escaped.ts";
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
const AGE_REFRESH_MS = 1000;
const OPEN_SHOWN_MAX = 99; // more do not fit the tab
const PRODUCT = "Hedgerow";

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
    fill(
      line,
      h("span", { class: "dot", "aria-hidden": "true" }),
      h("span", { class: "link-word" }, words[link]),
      !isWell && h("span", { class: "health-word" }, t("health.degraded")),
    );
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

/** Nothing that is drawn gets lost by it. */
function oldBanner(app: App): HTMLElement {
  const { t, store } = app;
  const banner = h(
    "div",
    { class: "old", role: "status", hidden: true },
    h("span", {}, t("renew.text")),
    h("button", { onclick: () => location.reload() }, t("renew.button")),
  );
  store.on(["isOld"], () => {
    banner.hidden = !store.state.isOld;
  });
  return banner;
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
      { "data-tab": tab, onclick: () => store.set({ tab, isMapLarge: false }) },
      h("span", { class: "sign", "aria-hidden": "true" }, sign),
      h("span", {}, t(`tab.${tab}`)),
      tab === "alerts" && count,
    ),
  );
  const render = (): void => {
    const open = openAlerts(store.state).length;
    count.textContent = open > OPEN_SHOWN_MAX ? `${OPEN_SHOWN_MAX}+` : String(open);
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
  const { t, store } = app;
  const name = h("h1", {}, PRODUCT);
  const render = (): void => {
    const { farm } = store.state;
    const open = openAlerts(store.state).length;
    name.textContent = farm?.name || PRODUCT;
    // What a tab among many others shows.
    document.title = [open > 0 ? `(${open})` : "", farm?.name, PRODUCT].filter(Boolean).join(" ");
  };
  store.on(["farm", "alerts"], render);
  render();
  return h(
    "header",
    { class: "top" },
    h("img", { src: "/icon.svg", alt: "", width: 32, height: 32 }),
    name,
    statusLine(app),
    h(
      "button",
      {
        class: "settings",
        "aria-haspopup": "dialog",
        "aria-label": t("settings.title"),
        onclick: () => dialog.showModal(),
      },
      h("span", { "aria-hidden": "true" }, "☰"),
      h("span", { class: "word" }, t("settings.title")),
    ),
    dialog,
  );
}

/** On a phone the map may have the whole page; what is chosen on it brings the panel back. */
function growButton(app: App): HTMLElement {
  const { t, store } = app;
  const button = h("button", { class: "grow", "aria-label": t("map.grow") }, "⤢");
  const render = (): void => {
    const { isMapLarge } = store.state;
    button.setAttribute("aria-pressed", String(isMapLarge));
    document.body.classList.toggle("is-map-large", isMapLarge);
  };
  button.addEventListener("click", () => store.set({ isMapLarge: !store.state.isMapLarge }));
  store.on(["tab", "selection", "draft"], () => store.set({ isMapLarge: false }));
  store.on(["isMapLarge"], render);
  render();
  return button;
}

/** Whose map it is; text, whatever it says. */
function mapCredit(app: App): HTMLElement {
  const credit = h("p", { class: "credit" });
  app.store.on(["farm"], () => {
    const { farm } = app.store.state;
    credit.textContent = farm?.map_url ? farm.map_attribution : "";
  });
  return credit;
}

/** Levels and filters of what the canvas draws follow the store. */
function followHerd(app: App): void {
  const { store, herd } = app;
  let known = 0;
  const levels = (): void => {
    herd.setLevels(levelsOf(store.state, app.clock.now()));
    store.set({ herdVersion: herd.version });
  };
  const hidden = (): void => {
    known = herd.count;
    const isShown = matcher(app);
    herd.setHidden((id) => !isShown(id, store.state.devices.get(id)));
    store.set({ herdVersion: herd.version });
  };
  store.on(["alerts", "escaped", "fences", "devices"], levels);
  store.on(["filter", "group", "devices"], hidden);
  store.on(["herdVersion"], () => {
    const { filter, group } = store.state;
    if (herd.count !== known && (filter !== "" || group !== "")) {
      hidden();
    }
  });
}

/** Each part of the page has an address: Back leads to the part before and not off the page, and a
 * page that begins anew shows the same part. */
function keepAddress({ store }: App): void {
  const tabOf = (): Tab => TABS.find(({ tab }) => `#${tab}` === location.hash)?.tab ?? "map";
  store.set({ tab: tabOf() });
  store.on(["tab"], () => {
    const { tab } = store.state;
    if (tab !== tabOf()) {
      history.pushState(null, "", tab === "map" ? location.pathname : `#${tab}`);
    }
  });
  window.addEventListener("popstate", () => store.set({ tab: tabOf() }));
}

export function showShell(app: App): void {
  const { t, store } = app;
  const mapElement = h("section", {
    class: "map",
    id: "map",
    tabindex: 0,
    "aria-label": t("tab.map"),
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
  document.body.classList.add("is-in");
  document.body.replaceChildren(
    topBar(app),
    h("div", { class: "banners" }, staleBanner(app), oldBanner(app), spokenLine()),
    escapedBar(app),
    tabBar(app),
    main,
    noticeLine(app),
  );
  const seen = h("span", {});
  const newest = h("span", { class: "newest" });
  const home = h(
    "button",
    { class: "home", "aria-label": t("map.home"), onclick: () => farm.showAll() },
    "⌂",
  );
  place.append(home, growButton(app), mapCredit(app), h("p", { class: "in-view" }, seen, newest));
  let newestMs = 0;
  // A gateway that is away shows here, though the page itself is connected.
  const tellAge = (): void => {
    const age = newestMs > 0 ? app.format.age(app.clock.now() - newestMs) : "";
    newest.textContent = age === "" ? "" : t("map.newest", { age });
  };
  setInterval(tellAge, AGE_REFRESH_MS);
  const farm = new FarmMap(app, mapElement, (count, timeMs) => {
    const { group } = store.state;
    const sum = t("map.in_view", { n: app.format.number(count) });
    const text = group === "" ? sum : `${sum} · ${group}`;
    const isFirst = (newestMs === 0) !== (timeMs === 0);
    newestMs = timeMs;
    if (seen.textContent !== text || isFirst) {
      seen.textContent = text;
      tellAge();
    }
  });
  app.map = farm;
  const parts: Parts = { app, farm, editor: new Editor(app, farm) };
  keepDrafts(app, (corners) => parts.editor.resume(corners));
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
  keepAddress(app);
  render();
  // What has been chosen stands at the top of the panel; a track goes with its animal.
  store.on(["selection"], () => {
    const { selection, track } = store.state;
    if (selection) {
      panel.scrollTop = 0;
    }
    if (track && track.device !== selection?.id) {
      store.set({ track: null });
    }
  });
  new ResizeObserver(() => farm.resize()).observe(mapElement);
  followHerd(app);
  if (!mayEdit(app)) {
    tell(app, t("role.looks_only"));
  }
}
