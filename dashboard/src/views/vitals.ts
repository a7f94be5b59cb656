// src/views/vitals.ts - how much comes in, how far behind, how much room: in plain words, and over
// the last minutes as a line.
import type { App } from "../app.ts";
import { Chart } from "../charts.ts";
import { fill, folded, h, terms } from "../dom.ts";
import type { Key } from "../i18n.ts";
import type { Sample } from "../metrics.ts";
import { newest } from "../newest.ts";
import { metric, parseMetrics, rateOf, sumOf } from "../metrics.ts";

const REFRESH_MS = 5000;
const POINTS_MAX = 240; // twenty minutes
const GB = 1e9;
const MB = 1e6;

function bytesText(app: App, bytes: number): string {
  return bytes >= GB
    ? app.t("vitals.gb", { n: app.format.number(bytes / GB, 1) })
    : app.t("vitals.mb", { n: app.format.number(bytes / MB, 1) });
}

interface Row {
  key: Key;
  name: string;
  label?: string;
  text?: (app: App, value: number) => string;
}

const ROWS: readonly Row[] = [
  { key: "vitals.fixes", name: "hedgerow_ingest_fixes_total" },
  { key: "vitals.events", name: "hedgerow_engine_events_total" },
  { key: "vitals.lag", name: "hedgerow_engine_lag" },
  { key: "vitals.dead", name: "hedgerow_ingest_dead_total" },
  {
    key: "vitals.commit",
    name: "hedgerow_log_commit_seconds",
    label: 'quantile="0.99"',
    text: (app, s) => app.t("vitals.ms", { n: app.format.number(s * 1000, 1) }),
  },
  { key: "vitals.log", name: "hedgerow_log_bytes", text: bytesText },
  { key: "vitals.disk", name: "hedgerow_disk_free_bytes", text: bytesText },
  { key: "vitals.broker", name: "hedgerow_broker_restarts_total" },
  { key: "vitals.clients", name: "hedgerow_live_clients" },
];

export function vitalsPart(app: App): HTMLElement {
  const { t, store, format } = app;
  const tiles = h("dl", { class: "tiles" });
  const all = h("dl", { class: "numbers" });
  const chart = new Chart(format);
  const hint = h("p", { class: "hint" }, t("vitals.chart"));
  let before: { timeMs: number; fixes: number } | null = null;
  let points: { at: number; rate: number }[] = [];
  const draw = (): void => {
    const times = points.map(({ at }) => at);
    chart.show(times, [{ name: "", values: points.map(({ rate }) => rate) }]);
    hint.hidden = chart.element.hidden;
  };
  const show = (samples: Sample[]): void => {
    const rows: [string, string][] = [];
    const fixes = sumOf(samples, "hedgerow_ingest_fixes_total");
    const timeMs = Date.now();
    if (fixes !== null && !before) {
      rows.push([t("vitals.rate"), "–"]); // told by the second look; its place is kept
    } else if (fixes !== null && before) {
      const rate = rateOf(before.fixes, fixes, (timeMs - before.timeMs) / 1000);
      rows.push([t("vitals.rate"), format.number(rate, rate < 10 ? 1 : 0)]);
      points = [...points, { at: timeMs / 1000, rate }].slice(-POINTS_MAX);
    }
    before = fixes === null ? null : { timeMs, fixes };
    for (const { key, name, label, text } of ROWS) {
      const value = sumOf(samples, name, label);
      if (value !== null) {
        rows.push([t(key), text ? text(app, value) : format.number(value)]);
      }
    }
    fill(tiles, ...terms(rows));
    fill(all, ...terms(metric(samples).map(([name, value]) => [name, format.number(value)])));
    draw();
  };
  const refresh = newest(
    () => app.api.get<string>("/metrics"),
    (text) => show(parseMetrics(text)),
  );
  const run = (): void => {
    if (store.state.link === "live" && (store.state.tab === "system" || before)) {
      void refresh().catch(() => {});
    }
  };
  store.on(["tab"], run);
  store.on(["settings"], draw);
  setInterval(run, REFRESH_MS);
  hint.hidden = true;
  return h(
    "section",
    {},
    h("h2", {}, t("vitals.title")),
    tiles,
    hint,
    chart.element,
    folded(t("numbers.title"), all),
  );
}
