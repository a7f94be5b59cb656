// src/views/map_panel.ts - beside the map: search, new fences, what is on the map as a list.
import type { App } from "../app.ts";
import { attempt, deviceName, matcher, mayEdit, showAnimal } from "../app.ts";
import { fill, h, syncList, whileThere } from "../dom.ts";
import { beginFence, editFence } from "../draft.ts";
import { recall, remember } from "../remembered.ts";
import { intentSign } from "../map/style.ts";
import type { ShapeKind } from "../shape.ts";
import { soon } from "../soon.ts";
import type { Fence } from "../types.ts";
import { levelWord } from "../words.ts";
import { exchangePart } from "./exchange.ts";
import { fenceForm } from "./fence_form.ts";
import { firstSteps } from "./first_steps.ts";
import { animalCard } from "./animal_card.ts";
import { more } from "./more.ts";
import { searchInput } from "./search_input.ts";
import { goPart, measurePart, positionPart } from "./tools.ts";
import type { Parts } from "./shell.ts";

const ROWS_STEP = 60;
const REFRESH_MS = 2000;
const RENDER_MS = 300; // after alarms, which may come by the hundred
const INSIDE_REFRESH_MS = 5000;
const COLLATOR = new Intl.Collator(undefined, { numeric: true }); // field 9 before field 10
const KINDS: readonly { kind: ShapeKind; sign: string }[] = [
  { kind: "polygon", sign: "⬠" },
  { kind: "circle", sign: "◯" },
  { kind: "corridor", sign: "═" },
];

function searchPart(app: App): HTMLElement {
  const { t, store } = app;
  const groups = h("select", { "aria-label": t("search.group") });
  groups.addEventListener("change", () => {
    store.set({ group: groups.value });
    remember(app.live.epoch, { group: groups.value });
  });
  let knownEpoch: string | null = null;
  const render = (): void => {
    const names = new Set<string>();
    store.state.devices.forEach((device) => device.groups?.forEach((name) => names.add(name)));
    if (names.size > 0 && app.live.epoch !== knownEpoch) {
      knownEpoch = app.live.epoch;
      const { group } = recall(knownEpoch);
      store.set({ group: names.has(group) ? group : "" });
    }
    fill(
      groups,
      h("option", { value: "" }, t("search.all")),
      ...[...names].sort().map((name) =>
        h("option", { value: name, selected: name === store.state.group }, name),
      ),
    );
    groups.hidden = names.size === 0;
  };
  store.on(["devices"], render);
  render();
  return h("div", { class: "search" }, searchInput(app), groups);
}

function drawPart(app: App): HTMLElement {
  return h(
    "div",
    { class: "row draw", role: "group", "aria-label": app.t("fence.new") },
    ...KINDS.map(({ kind, sign }) =>
      h(
        "button",
        { "data-draw": kind, onclick: () => beginFence(app, kind) },
        h("span", { "aria-hidden": "true", class: "sign" }, sign),
        h("span", {}, app.t(`fence.new.${kind}`)),
      ),
    ),
  );
}

function fenceRow(app: App, fence: Fence): HTMLElement {
  const { t, format } = app;
  const { name, intent, area_ha } = fence.properties;
  const open = (): void => {
    app.store.set({ selection: { kind: "fence", id: fence.id } });
    app.map.showFence(fence);
  };
  return h(
    "li",
    { "data-fence": fence.id },
    h(
      "button",
      { class: "item", onclick: open },
      h("span", { class: `sign ${intent}`, "aria-hidden": "true" }, intentSign(intent)),
      h(
        "span",
        { class: "text" },
        h("strong", {}, name),
        h(
          "small",
          {},
          [t(`intent.${intent}`), area_ha === undefined ? "" : format.area(area_ha * 10_000)]
            .filter((part) => part !== "")
            .join(" · "),
        ),
      ),
    ),
    mayEdit(app) &&
      h(
        "button",
        {
          "aria-label": t("fence.edit_named", { name }),
          onclick: () => void attempt(app, () => editFence(app, fence.id)),
        },
        t("fence.edit"),
      ),
  );
}

function fencesPart(app: App): HTMLElement {
  const { t, store } = app;
  const list = h("ul", { class: "items fences" });
  const none = h("p", { class: "hint" });
  const next = more(app, ROWS_STEP, () => render());
  let sorted: unknown = null;
  let all: Fence[] = [];
  const render = (): void => {
    const { filter, fences: known } = store.state;
    if (known !== sorted) {
      // Comparing thousands of names as people do takes too long for each letter of a search.
      sorted = known;
      all = [...known.values()].sort((a, b) =>
        COLLATOR.compare(a.properties.name, b.properties.name),
      );
    }
    const wanted = filter.trim().toLowerCase();
    const fences = all.filter(
      (fence) => wanted === "" || fence.properties.name.toLowerCase().includes(wanted),
    );
    const stamp = (fence: Fence): string => JSON.stringify([fence.properties, mayEdit(app)]);
    none.hidden = all.length > 0;
    none.textContent = t(store.state.areFencesKnown ? "fences.none" : "loading");
    syncList(list, next.cut(fences), (f) => f.id, stamp, (f) => fenceRow(app, f));
  };
  store.on(["fences", "areFencesKnown", "filter"], render);
  render();
  return h(
    "section",
    {},
    h("h2", {}, t("fences.title")),
    !mayEdit(app) && h("p", { class: "hint" }, t("role.looks_only")),
    none,
    list,
    next.button,
  );
}

/** The canvas as a list, for those who read instead of look. */
function animalsPart({ app, farm }: Parts): HTMLElement {
  const { t, store, herd, format } = app;
  const list = h("ul", { class: "items animals" });
  const title = h("h2", {}, t("animals.in_view"));
  const none = h("p", { class: "hint" });
  const next = more(app, ROWS_STEP, () => render());
  const stateOf = (id: string): string => {
    const slot = herd.slot(id) ?? 0;
    const word = levelWord(app, herd.level[slot] ?? 0);
    const age = format.age(app.clock.now() - (herd.timeMs[slot] ?? 0));
    return word === "" ? age : `${word} · ${age}`;
  };
  const row = (id: string): HTMLElement =>
    h(
      "li",
      { "data-animal": id },
      h(
        "button",
        {
          class: "item",
          onclick: () => {
            if (farm.inView().includes(id)) {
              store.set({ selection: { kind: "animal", id } });
            } else {
              void showAnimal(app, id);
            }
          },
        },
        h(
          "span",
          { class: "text" },
          h("strong", {}, deviceName(app, id)),
          h("small", {}, stateOf(id)),
        ),
      ),
    );
  const render = (): void => {
    if (store.state.tab !== "map" || store.state.draft) {
      return;
    }
    // Who searches wants to find, wherever the animal is.
    const isSearch = store.state.filter.trim() !== "";
    const candidates = isSearch ? [...store.state.devices.keys()] : farm.inView();
    const isShown = matcher(app);
    const ids = candidates.filter((id) => isShown(id, store.state.devices.get(id)));
    none.hidden = ids.length > 0;
    none.textContent = t(isSearch ? "search.none" : "animals.none_in_view");
    title.textContent = t(isSearch ? "animals.found" : "animals.in_view");
    const stamp = (id: string): string => `${deviceName(app, id)} ${stateOf(id)}`;
    syncList(list, next.cut(ids), (id) => id, stamp, row);
  };
  setInterval(render, REFRESH_MS);
  store.on(["view", "filter", "group", "tab", "draft"], render);
  store.on(["devices", "alerts"], soon(RENDER_MS, render));
  return h("section", {}, title, none, list, next.button);
}

function fenceCard(app: App, fence: Fence): HTMLElement {
  const { t, format } = app;
  const { name, intent, area_ha, perimeter_m, updated, updated_by } = fence.properties;
  const inside = h("p", {}, "");
  // Who judges positions may hear of a new fence a moment after it is saved: then nobody is in it
  // yet, while a question for the fence itself would be refused. Ids hold no quotes.
  const sql = `select count(*) from inside where fence = '${fence.id.replaceAll("'", "")}'`;
  const load = async (): Promise<void> => {
    const { rows } = await app.api.post<{ rows: [number][] }>("/v1/sql", { sql });
    inside.textContent = t("fence.inside", { n: format.number(rows[0]?.[0] ?? 0) });
  };
  const count = (): void => void load().catch(() => {});
  count();
  const card = h(
    "div",
    { class: "card", "data-selected": fence.id },
    h("h2", {}, `${intentSign(intent)} ${name}`),
    h("p", {}, t(`intent.${intent}`)),
    inside,
    area_ha !== undefined &&
      perimeter_m !== undefined &&
      h("p", {}, `${format.area(area_ha * 10_000)} · ${format.length(perimeter_m)}`),
    updated !== undefined &&
      h("p", { class: "hint" }, t("fence.changed", {
        time: format.moment(updated),
        who: updated_by ?? "",
      })),
    h(
      "div",
      { class: "row" },
      mayEdit(app) &&
        h(
          "button",
          {
            class: "primary",
            onclick: () => void attempt(app, () => editFence(app, fence.id)),
          },
          t("fence.edit"),
        ),
      h("button", { onclick: () => app.store.set({ selection: null }) }, t("close")),
    ),
  );
  whileThere(card, INSIDE_REFRESH_MS, count);
  return card;
}

/** What is selected on the map. */
function selectionPart(app: App): HTMLElement {
  const { store } = app;
  const place = h("div", { class: "selection", "aria-live": "polite" });
  let shown = "";
  const render = (): void => {
    const { selection, fences, draft } = store.state;
    const fence = selection?.kind === "fence" ? fences.get(selection.id) : undefined;
    const revision = fence?.properties.revision ?? 0;
    const key = selection && !draft ? `${selection.kind} ${selection.id} ${revision}` : "";
    if (key === shown) {
      return;
    }
    shown = key;
    place.replaceChildren();
    if (key !== "" && fence) {
      place.append(fenceCard(app, fence));
    } else if (key !== "" && selection?.kind === "animal") {
      place.append(animalCard(app, selection.id));
    }
  };
  store.on(["selection", "fences", "draft"], render);
  render();
  return place;
}

export function mapView(parts: Parts): HTMLElement {
  const { app } = parts;
  const { t } = app;
  const look = h(
    "div",
    { class: "view" },
    selectionPart(app),
    firstSteps(app),
    searchPart(app),
    mayEdit(app) && drawPart(app),
    fencesPart(app),
    animalsPart(parts),
    h(
      "section",
      { class: "tools" },
      h("h2", {}, t("tools.title")),
      measurePart(parts),
      positionPart(parts),
      goPart(parts),
    ),
    exchangePart(app),
  );
  const view = h("div", {}, look);
  let shown: string | null = null;
  const render = (): void => {
    const { draft } = app.store.state;
    const key = draft?.key ?? null;
    if (key === shown) {
      return;
    }
    // Another fence, or another state of it, has a form of its own.
    shown = key;
    look.hidden = draft !== null;
    view.querySelector(".fence-form")?.remove();
    document.body.classList.toggle("is-editing", draft !== null);
    if (draft) {
      view.append(fenceForm(parts));
      view.parentElement?.scrollTo(0, 0);
    }
  };
  app.store.on(["draft"], render);
  render();
  return view;
}
