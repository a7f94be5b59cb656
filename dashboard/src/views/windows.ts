// src/views/windows.ts - standing queries as they count: a table with bars, a line through time.
import uPlot from "uplot";
import type { App } from "../app.ts";
import { attempt, fenceName, mayEdit } from "../app.ts";
import { field, fill, h } from "../dom.ts";
import type { WindowRow } from "../windows.ts";
import { numberOf, selectOf, seriesOf, valueNames } from "../windows.ts";
import type { Parts } from "./shell.ts";

const ROWS_MAX = 100;
const CHART_HEIGHT_PX = 180;

interface Query {
  name: string;
  status: "running" | "stopped" | "failed";
  reason?: string;
  definition?: { about?: string; group_by?: string[] };
}

function pathOf(name: string): string {
  return `/v1/queries/${encodeURIComponent(name)}`;
}

function groupText(app: App, query: Query, row: WindowRow): string {
  const columns = query.definition?.group_by ?? [];
  return row.group
    .map((part, i) => (columns[i] === "fence" ? fenceName(app, String(part)) : String(part ?? "-")))
    .join(", ");
}

function valueText(app: App, value: unknown): string {
  const number = numberOf(value);
  if (number !== null) {
    return app.format.number(number, Number.isInteger(number) ? 0 : 2);
  }
  return value === null || value === undefined ? "–" : JSON.stringify(value);
}

function table(app: App, query: Query, rows: readonly WindowRow[]): HTMLElement {
  const { t, format } = app;
  const names = valueNames(rows);
  const first = names[0] ?? "";
  const largest = Math.max(1, ...rows.map((row) => numberOf(row[first]) ?? 0));
  const open = ` (${t("windows.open")})`;
  const span = (row: WindowRow): string =>
    row.from && row.to
      ? `${format.clock(row.from)} – ${format.clock(row.to)}${row.final ? "" : open}`
      : t("windows.since");
  const cell = (row: WindowRow, name: string): HTMLElement => {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * (numberOf(row[name]) ?? 0)) / largest}%`;
    return h("td", {}, valueText(app, row[name]), name === first && bar);
  };
  const heads = [t("windows.window"), (query.definition?.group_by ?? []).join(", "), ...names];
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text || "–")))),
    h(
      "tbody",
      {},
      ...rows
        .slice(0, ROWS_MAX)
        .map((row) =>
          h(
            "tr",
            {},
            h("td", {}, span(row)),
            h("td", {}, groupText(app, query, row)),
            ...names.map((name) => cell(row, name)),
          ),
        ),
    ),
  );
}

/** Draws into the element; a query without windows of time has no line. */
function chart(element: HTMLElement, rows: readonly WindowRow[]): void {
  const [times, values] = seriesOf(rows, valueNames(rows)[0] ?? "");
  element.replaceChildren();
  if (times.length < 2 || element.clientWidth === 0) {
    return;
  }
  const style = getComputedStyle(document.documentElement);
  const axis = {
    stroke: style.getPropertyValue("--soft"),
    grid: { stroke: style.getPropertyValue("--line") },
  };
  new uPlot(
    {
      width: element.clientWidth,
      height: CHART_HEIGHT_PX,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
      axes: [axis, axis],
      series: [{}, { stroke: style.getPropertyValue("--green"), width: 3, points: { show: true } }],
    },
    [times, values],
    element,
  );
}

function queryForm(app: App, made: (name: string) => Promise<void>): HTMLElement {
  const { t } = app;
  const option = (value: string, text = value): HTMLElement => h("option", { value }, text);
  const name = h("input", { required: true, maxlength: 64 });
  const from = h(
    "select",
    {},
    option("events", t("windows.events")),
    option("positions", t("windows.positions")),
  );
  const where = h("input", { placeholder: "kind = 'enter'" });
  const group = h("input", { value: "fence" });
  const types = ["running", "tumbling", "hopping", "session"];
  const type = h("select", {}, ...types.map((value) => option(value)));
  const size = h("input", { placeholder: "10m" });
  const every = h("input", { placeholder: "1m" });
  const select = h("textarea", { rows: 3, required: true, value: "crossings = count()" });
  const windowOf = (): Record<string, string> => {
    const kind = { type: type.value };
    const length = size.value.trim();
    return type.value === "running"
      ? kind
      : type.value === "session"
        ? { ...kind, gap: length }
        : type.value === "hopping"
          ? { ...kind, size: length, every: every.value.trim() }
          : { ...kind, size: length };
  };
  const form = h(
    "form",
    {},
    field(t("windows.name"), name),
    field(t("windows.from"), from),
    field(t("windows.where"), where),
    field(t("windows.group"), group),
    field(t("windows.type"), type),
    field(t("windows.size"), size),
    field(t("windows.every"), every),
    field(t("windows.select"), select),
    h("button", { class: "primary" }, t("add")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const condition = where.value.trim();
    const definition = {
      name: name.value.trim(),
      from: from.value,
      ...(condition === "" ? {} : { where: condition }),
      group_by: group.value.split(",").map((part) => part.trim()).filter(Boolean),
      window: windowOf(),
      select: selectOf(select.value),
      output: "update",
    };
    void attempt(app, async () => {
      await app.api.post("/v1/queries", definition);
      await made(definition.name);
      form.reset();
    });
  });
  return h("details", { class: "new-query" }, h("summary", {}, t("windows.new")), form);
}

export function windowsView({ app }: Parts): HTMLElement {
  const { t, store } = app;
  let queries: Query[] = [];
  let chosen = "";
  const select = h("select", {});
  const about = h("p", { class: "hint", role: "status" });
  const line = h("div", { "aria-hidden": "true" });
  const place = h("div", { class: "window-rows" });
  const plan = h("pre", { tabindex: 0, "aria-label": t("windows.explain") });
  const more = h("details", {}, h("summary", {}, t("windows.explain")), plan);
  const buttons = h("div", { class: "row" });
  const queryNow = (): Query | undefined => queries.find(({ name }) => name === chosen);

  const renderRows = (): void => {
    const query = queryNow();
    const rows = store.state.windows.get(chosen) ?? [];
    if (!query || store.state.tab !== "windows") {
      return;
    }
    fill(place, rows.length > 0 ? table(app, query, rows) : h("p", {}, t("windows.none")));
    chart(line, rows);
  };
  const render = (): void => {
    const query = queryNow();
    fill(
      select,
      ...queries.map(({ name }) => h("option", { value: name, selected: name === chosen }, name)),
    );
    about.textContent = query
      ? [query.definition?.about, t(`windows.${query.status}`), query.reason]
          .filter(Boolean)
          .join(" · ")
      : "";
    renderRows();
  };
  const load = async (): Promise<void> => {
    ({ queries } = await app.api.get<{ queries: Query[] }>("/v1/queries"));
    chosen = queryNow() ? chosen : (queries[0]?.name ?? "");
    app.live.watchWindows(chosen === "" ? [] : [chosen]);
    render();
  };
  const choose = async (name: string): Promise<void> => {
    chosen = name;
    more.open = false;
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
  more.addEventListener("toggle", () => {
    if (more.open && chosen !== "") {
      void attempt(app, async () => {
        const parts = await Promise.all(
          ["explain", "progress"].map((what) => app.api.get(`${pathOf(chosen)}/${what}`)),
        );
        const text = parts.map((part) => JSON.stringify(part, null, 2)).join("\n");
        plan.textContent = text.replaceAll("\\n", "\n    ");
      });
    }
  });
  if (mayEdit(app)) {
    buttons.append(
      act(t("windows.start"), () => app.api.post(`${pathOf(chosen)}/start`, {})),
      act(t("windows.stop"), () => app.api.post(`${pathOf(chosen)}/stop`, {})),
      act(
        t("remove"),
        async () => {
          if (confirm(t("windows.remove_sure", { name: chosen }))) {
            await app.api.remove(pathOf(chosen));
          }
        },
        "danger",
      ),
    );
  }
  store.on(["tab"], () => {
    if (store.state.tab === "windows") {
      void attempt(app, load);
    } else {
      app.live.watchWindows([]);
    }
  });
  store.on(["windows", "fences"], renderRows);
  return h(
    "div",
    { class: "view" },
    h("h2", {}, t("windows.title")),
    field(t("windows.which"), select),
    about,
    buttons,
    line,
    place,
    more,
    mayEdit(app) && queryForm(app, choose),
  );
}
