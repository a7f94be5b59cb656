// src/views/windows.ts - what is counted while it happens: the usual questions as cards, and any
// standing query as lines and a table.
import type { App } from "../app.ts";
import { attempt, mayEdit } from "../app.ts";
import { Chart } from "../charts.ts";
import { field, fill, h } from "../dom.ts";
import { newest } from "../newest.ts";
import type { Query } from "../queries.ts";
import {
  chartLines,
  columnTitle,
  groupText,
  queryAbout,
  queryTitle,
  spanText,
  valueText,
} from "../queries.ts";
import type { WindowRow } from "../windows.ts";
import { linesOf, numberOf, valueNames } from "../windows.ts";
import { queryForm } from "./query_form.ts";
import { queryPlan } from "./query_plan.ts";
import type { Parts } from "./shell.ts";
import { whenShown } from "./shown.ts";
import { CARD_QUERIES, quantileQuery, windowCards } from "./window_cards.ts";

const ROWS_MAX = 100;
const FIRST = "trending";

interface Asked {
  queries: Query[];
  /** What was chosen when they were asked for: it may have been made since. */
  wanted: string;
}

function pathOf(name: string): string {
  return `/v1/queries/${encodeURIComponent(name)}`;
}

function table(app: App, query: Query, rows: readonly WindowRow[]): HTMLElement {
  const names = valueNames(rows);
  const first = names[0] ?? "";
  const largest = Math.max(1, ...rows.map((row) => numberOf(row[first]) ?? 0));
  const cell = (row: WindowRow, name: string): HTMLElement => {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * (numberOf(row[name]) ?? 0)) / largest}%`;
    const aggregate = query.definition?.select?.[name];
    return h("td", {}, valueText(app, row[name], aggregate), name === first && bar);
  };
  const groups = query.definition?.group_by ?? [];
  const hasGroups = groups.length > 0;
  const hasWindows = rows.some((row) => row.to !== undefined);
  const heads = [
    ...(hasWindows ? [app.t("windows.window")] : []),
    ...(hasGroups ? [groups.map((column) => columnTitle(app, column)).join(", ")] : []),
    ...names.map((name) => columnTitle(app, name, query.definition?.select?.[name])),
  ];
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      ...rows.slice(0, ROWS_MAX).map((row) =>
        h(
          "tr",
          {},
          hasWindows && h("td", {}, spanText(app, row)),
          hasGroups && h("td", {}, groupText(app, query, row)),
          ...names.map((name) => cell(row, name)),
        ),
      ),
    ),
  );
}

/** Newest windows first, in them the largest first. */
function inOrder(rows: readonly WindowRow[]): WindowRow[] {
  const first = valueNames(rows)[0] ?? "";
  return [...rows].sort(
    (a, b) =>
      (b.to ?? "").localeCompare(a.to ?? "") ||
      (numberOf(b[first]) ?? 0) - (numberOf(a[first]) ?? 0),
  );
}

export function windowsView({ app }: Parts): HTMLElement {
  const { t, store } = app;
  let queries: Query[] = [];
  let chosen = FIRST;
  const select = h("select", {});
  const about = h("p", { class: "hint", role: "status" });
  const line = new Chart(app.format);
  const place = h("div", { class: "window-rows" });
  const plan = queryPlan(app);
  const buttons = h("div", { class: "row" });
  const cards = windowCards(app);
  const queryNow = (): Query | undefined => queries.find(({ name }) => name === chosen);

  const renderRows = (): void => {
    const query = queryNow();
    const rows = inOrder(store.state.windows.get(chosen) ?? []);
    if (!query || store.state.tab !== "windows") {
      return;
    }
    fill(place, rows.length > 0 ? table(app, query, rows) : h("p", {}, t("windows.none")));
    const { times, lines } = linesOf(rows, (row) => groupText(app, query, row));
    line.show(times, chartLines(app, query, lines, valueNames(rows)[0]));
  };
  const render = (): void => {
    const query = queryNow();
    fill(
      select,
      ...queries.map(({ name }) =>
        h("option", { value: name, selected: name === chosen }, queryTitle(app, name)),
      ),
    );
    about.textContent = query
      ? [queryAbout(query), t(`windows.${query.status}`), query.reason].filter(Boolean).join(" · ")
      : "";
    renderRows();
  };
  const ask = async (): Promise<Asked> => {
    const wanted = chosen;
    return { wanted, ...(await app.api.get<{ queries: Query[] }>("/v1/queries")) };
  };
  const show = ({ wanted, queries: known }: Asked): void => {
    queries = known;
    if (store.state.tab !== "windows") {
      return; // one looks at something else by now
    }
    if (!queryNow() && wanted === chosen) {
      chosen = queries[0]?.name ?? "";
      plan.choose(pathOf(chosen));
    }
    const names = new Set(queries.map(({ name }) => name));
    const watched = [chosen, ...CARD_QUERIES, quantileQuery(queries)?.name ?? ""];
    app.live.watchWindows([...new Set(watched)].filter((name) => names.has(name)));
    cards.show(queries);
    render();
  };
  const load = newest(ask, show);
  const choose = async (name: string): Promise<void> => {
    chosen = name;
    plan.choose(pathOf(name));
    await load();
  };
  const act = (text: string, run: () => Promise<unknown>, css = ""): HTMLElement =>
    h(
      "button",
      {
        class: css,
        onclick: () =>
          void attempt(app, async () => {
            await run();
            await load();
          }),
      },
      text,
    );
  select.addEventListener("change", () => void attempt(app, () => choose(select.value)));
  plan.choose(pathOf(chosen));
  if (mayEdit(app)) {
    buttons.append(
      act(t("windows.start"), () => app.api.post(`${pathOf(chosen)}/start`, {})),
      act(t("windows.stop"), () => app.api.post(`${pathOf(chosen)}/stop`, {})),
      act(
        t("remove"),
        async () => {
          const name = queryTitle(app, chosen);
          if (confirm(t("windows.remove_sure", { name }))) {
            await app.api.remove(pathOf(chosen));
          }
        },
        "danger",
      ),
    );
  }
  whenShown(app, "windows", load);
  store.on(["tab"], () => {
    if (store.state.tab !== "windows") {
      app.live.watchWindows([]);
    }
  });
  store.on(["windows", "fences", "devices", "settings"], renderRows);
  return h(
    "div",
    { class: "view broad" },
    h("h2", {}, t("windows.title")),
    cards.element,
    h(
      "section",
      { class: "card any-query" },
      h("h2", {}, t("windows.any")),
      field(t("windows.which"), select),
      about,
      line.element,
      place,
      buttons,
      plan.element,
      mayEdit(app) && queryForm(app, choose),
    ),
  );
}
