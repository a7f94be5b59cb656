// src/views/window_cards.ts - what most people ask, at a glance: where it is busy now, lately and
// since the start, who is where, how many crossings a minute, how fast animals are.
import type { App } from "../app.ts";
import { fenceName } from "../app.ts";
import { Chart } from "../charts.ts";
import { fill, h } from "../dom.ts";
import type { Key } from "../i18n.ts";
import { newest } from "../newest.ts";
import type { Query } from "../queries.ts";
import { chartLines, columnTitle, groupText, queryTitle, valueText } from "../queries.ts";
import type { WindowRow } from "../windows.ts";
import { filledSeries, linesOf, newestWindow, numberOf, seriesOf } from "../windows.ts";
import type { Bar } from "./bars.ts";
import { fillBars } from "./bars.ts";

const BARS_MAX = 5;
const NOW_MS_MAX = 60_000; // an older window of ten seconds is not "now"
const REFRESH_MS = 5000;
const MINUTE_S = 60;
const INSIDE = "select fence, count(*) from inside group by fence";

/** Queries whose rows the cards show, where they exist. */
export const CARD_QUERIES: readonly string[] = ["crossings-10s", "crossings-10m", "trending"];

function isQuantile(aggregate: string): boolean {
  return aggregate.startsWith("quantile(");
}

/** A query that tells quantiles is shown as lines; the first one is. */
export function quantileQuery(queries: readonly Query[]): Query | undefined {
  return queries.find(
    ({ status, definition }) =>
      status === "running" &&
      Object.values(definition?.select ?? {}).some(isQuantile),
  );
}

function card(title: string, name: string, ...content: HTMLElement[]): HTMLElement {
  return h("section", { class: "card", "data-card": name }, h("h3", {}, title), ...content);
}

interface Cards {
  element: HTMLElement;
  show(queries: readonly Query[]): void;
}

function barCard(app: App, key: Key, name: string): [HTMLElement, (bars: Bar[]) => void] {
  const list = h("ul", { class: "bars" });
  const none = h("p", { class: "hint" }, app.t("windows.quiet"));
  const element = card(app.t(key), name, none, list);
  return [
    element,
    (bars) => {
      none.hidden = bars.length > 0;
      fillBars(app, list, bars, BARS_MAX);
    },
  ];
}

export function windowCards(app: App): Cards {
  const { t, store } = app;
  const [now, showNow] = barCard(app, "windows.now", "now");
  const [lately, showLately] = barCard(app, "query.crossings-10m", "lately");
  const [ever, showEver] = barCard(app, "query.trending", "ever");
  const [inside, showInside] = barCard(app, "windows.inside", "inside");
  const minutes = new Chart(app.format);
  const minutesNone = h("p", { class: "hint" }, t("windows.soon"));
  const speeds = new Chart(app.format);
  const speedsNone = h("p", { class: "hint" }, t("windows.soon"));
  const speedTitle = h("h3", {});
  const speedTable = h("ul", { class: "bars stacked" });
  const speedCard = h(
    "section",
    { class: "card", "data-card": "quantiles", hidden: true },
    speedTitle,
    speedsNone,
    speeds.element,
    speedTable,
  );
  let quantiles: Query | undefined;
  const rowsOf = (name: string): readonly WindowRow[] => store.state.windows.get(name) ?? [];
  const barsOf = (rows: readonly WindowRow[]): Bar[] =>
    rows.map((row) => ({
      name: fenceName(app, String(row.group[0])),
      value: numberOf(row["crossings"]) ?? 0,
    }));

  const renderSpeeds = (): void => {
    speedCard.hidden = quantiles === undefined;
    if (!quantiles) {
      return;
    }
    const query = quantiles;
    const select = query.definition?.select ?? {};
    const names = Object.keys(select).filter((name) => isQuantile(select[name] ?? ""));
    const rows = rowsOf(query.name);
    speedTitle.textContent = queryTitle(app, query.name);
    const { times, lines } = linesOf(rows, (row) => groupText(app, query, row), names);
    speeds.show(times, chartLines(app, query, lines, names[0]));
    speedsNone.hidden = rows.length > 0;
    const newest = rows.some((row) => row.to) ? newestWindow(rows, app.clock.now()) : rows;
    fill(
      speedTable,
      ...newest.slice(0, BARS_MAX).map((row) =>
        h(
          "li",
          {},
          h("span", {}, groupText(app, query, row) || t("windows.all")),
          h("strong", {}, names
            .map((name) => [
              columnTitle(app, name, select[name]),
              valueText(app, row[name], select[name]),
            ].join(" "))
            .join(" · ")),
        ),
      ),
    );
  };
  const render = (): void => {
    if (store.state.tab !== "windows") {
      return;
    }
    const nowMs = app.clock.now();
    const isNow = (row: WindowRow): boolean => nowMs - Date.parse(row.to ?? "") < NOW_MS_MAX;
    const tens = rowsOf("crossings-10s");
    showNow(barsOf(newestWindow(tens, nowMs).filter(isNow)));
    showLately(barsOf(newestWindow(rowsOf("crossings-10m"), nowMs)));
    showEver(barsOf(rowsOf("trending")));
    const perMinute = filledSeries(seriesOf(tens, "crossings", MINUTE_S), MINUTE_S);
    minutes.show(perMinute[0], [{ name: "", values: perMinute[1] }]);
    minutesNone.hidden = perMinute[0].length >= 2;
    renderSpeeds();
  };
  const askInside = newest(
    () => app.api.post<{ rows: [string, number][] }>("/v1/sql", { sql: INSIDE }),
    ({ rows }) =>
      showInside(rows.map(([fence, value]) => ({ name: fenceName(app, fence), value }))),
  );
  const ask = (): void => {
    if (store.state.tab === "windows" && store.state.link === "live") {
      void askInside().catch(() => {});
    }
  };
  setInterval(() => {
    ask();
    render();
  }, REFRESH_MS);
  store.on(["tab", "link", "areFencesKnown"], ask);
  store.on(["windows", "fences", "tab", "settings"], render);
  return {
    element: h(
      "div",
      { class: "cards" },
      now,
      lately,
      ever,
      inside,
      card(t("windows.minutes"), "minutes", minutesNone, minutes.element),
      speedCard,
    ),
    show(queries) {
      quantiles = quantileQuery(queries);
      render();
    },
  };
}
