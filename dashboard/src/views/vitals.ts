// src/views/vitals.ts - how much comes in, how far behind, how much room: in plain words, and over
// the last minutes as a line.
import uPlot from "uplot";
import type { App } from "../app.ts";
import { fill, h } from "../dom.ts";
import type { Key } from "../i18n.ts";
import type { Sample } from "../metrics.ts";
import { metric, parseMetrics, rateOf, sumOf } from "../metrics.ts";

const REFRESH_MS = 5000;
const POINTS_MAX = 240; // twenty minutes
const CHART_HEIGHT_PX = 160;
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

class RateChart {
  readonly element = h("div", { class: "chart", "aria-hidden": "true" });
  #times: number[] = [];
  #rates: number[] = [];
  #plot: uPlot | null = null;

  add(timeMs: number, rate: number): void {
    this.#times = [...this.#times, timeMs / 1000].slice(-POINTS_MAX);
    this.#rates = [...this.#rates, rate].slice(-POINTS_MAX);
    if (this.element.clientWidth > 0 && this.#times.length > 1) {
      this.#draw();
    }
  }

  #draw(): void {
    const data: uPlot.AlignedData = [this.#times, this.#rates];
    const width = this.element.clientWidth;
    if (this.#plot) {
      this.#plot.setSize({ width, height: CHART_HEIGHT_PX });
      this.#plot.setData(data);
      return;
    }
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--soft");
    const axis = { stroke: ink, grid: { stroke: style.getPropertyValue("--line") } };
    this.#plot = new uPlot(
      {
        width,
        height: CHART_HEIGHT_PX,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [axis, axis],
        series: [{}, { stroke: style.getPropertyValue("--green"), width: 3 }],
      },
      data,
      this.element,
    );
  }
}

export function vitalsPart(app: App): HTMLElement {
  const { t, store, format } = app;
  const list = h("dl", {});
  const all = h("dl", {});
  const chart = new RateChart();
  let before: { timeMs: number; fixes: number } | null = null;
  const show = (samples: Sample[]): void => {
    const rows: [string, string][] = [];
    const fixes = sumOf(samples, "hedgerow_ingest_fixes_total");
    const timeMs = Date.now();
    if (fixes !== null && before) {
      const rate = rateOf(before.fixes, fixes, (timeMs - before.timeMs) / 1000);
      rows.push([t("vitals.rate"), format.number(rate, rate < 10 ? 1 : 0)]);
      chart.add(timeMs, rate);
    }
    before = fixes === null ? null : { timeMs, fixes };
    for (const { key, name, label, text } of ROWS) {
      const value = sumOf(samples, name, label);
      if (value !== null) {
        rows.push([t(key), text ? text(app, value) : format.number(value)]);
      }
    }
    const pairs = (of: readonly (readonly [string, string])[]): HTMLElement[] =>
      of.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
    fill(list, ...pairs(rows));
    fill(all, ...pairs(metric(samples).map(([name, value]) => [name, format.number(value)])));
  };
  const refresh = async (): Promise<void> => {
    if (store.state.link === "live" && (store.state.tab === "system" || before)) {
      show(parseMetrics(await app.api.get<string>("/metrics")));
    }
  };
  const run = (): void => void refresh().catch(() => {});
  store.on(["tab"], run);
  setInterval(run, REFRESH_MS);
  return h(
    "section",
    {},
    h("h2", {}, t("vitals.title")),
    list,
    h("p", { class: "hint" }, t("vitals.chart")),
    chart.element,
    h("details", {}, h("summary", {}, t("numbers.title")), all),
  );
}
