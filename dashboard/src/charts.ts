// src/charts.ts - lines through time, in the page's colours and the reader's clock.
import uPlot from "uplot";
import type { Format } from "./format.ts";
import { h } from "./dom.ts";

const HEIGHT_PX = 180;
const NARROW_PX = 420;
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const DASHES = [[], [8, 5], [2, 4], [12, 4, 2, 4], [5, 3], [1, 3]];

export interface Line {
  name: string;
  values: (number | null)[];
}

/** A chart and, where there are several lines, a legend that tells them apart by dash as well. */
export class Chart {
  readonly element = h("div", { class: "chart-box", hidden: true });
  #place = h("div", { class: "chart", "aria-hidden": "true" });
  #legend = h("ul", { class: "legend" });
  #plot: uPlot | null = null;
  #key = "";
  #format: Format;

  constructor(format: Format) {
    this.#format = format;
    this.element.append(this.#place, this.#legend);
  }

  /** Times are seconds since 1970, ascending; fewer than two show nothing. */
  show(times: readonly number[], lines: readonly Line[]): void {
    this.element.hidden = times.length < 2;
    const width = this.#place.clientWidth;
    if (this.element.hidden || width === 0) {
      return;
    }
    const data = [[...times], ...lines.map((line) => line.values)] as uPlot.AlignedData;
    const dark = getComputedStyle(document.documentElement).getPropertyValue("--ground");
    const key = `${width} ${dark} ${lines.map((line) => line.name).join("\n")}`;
    if (this.#plot && key === this.#key) {
      this.#plot.setData(data);
      return;
    }
    this.#key = key;
    this.#plot?.destroy();
    this.#plot = this.#make(width, data, lines);
    this.#legend.hidden = lines.length < 2;
    this.#legend.replaceChildren(
      ...lines.map((line, i) => {
        const sample = h("span", { class: "sample", "aria-hidden": "true" });
        sample.style.borderTopColor = colorOf(i);
        sample.style.borderTopStyle = i === 0 ? "solid" : i % 2 === 0 ? "dotted" : "dashed";
        return h("li", {}, sample, line.name);
      }),
    );
  }

  #make(width: number, data: uPlot.AlignedData, lines: readonly Line[]): uPlot {
    const style = getComputedStyle(document.documentElement);
    const axis: uPlot.Axis = {
      stroke: style.getPropertyValue("--soft"),
      font: "13px system-ui, sans-serif",
      grid: { stroke: style.getPropertyValue("--line"), width: 1 },
      ticks: { stroke: style.getPropertyValue("--line"), width: 1 },
    };
    const digits = (value: number): number =>
      Number.isInteger(value) ? 0 : Number.isInteger(value * 10) ? 1 : 2;
    const number = (value: number): string => this.#format.number(value, digits(value));
    return new uPlot(
      {
        width,
        height: HEIGHT_PX,
        padding: [10, 44, 0, 0], // room for half of "12:18:00 AM", the last label
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [
          {
            ...axis,
            space: width < NARROW_PX ? 70 : 90,
            values: (_, ticks) => ticks.map((at) => this.#clock(at, ticks)),
          },
          { ...axis, size: 56, values: (_, ticks) => ticks.map(number) },
        ],
        series: [
          {},
          ...lines.map((_, i) => ({
            stroke: lines.length === 1 ? style.getPropertyValue("--green") : colorOf(i),
            width: 3,
            dash: lines.length === 1 ? [] : (DASHES[i % DASHES.length] ?? []),
            spanGaps: true,
            points: { show: data[0].length < 40 },
          })),
        ],
      },
      data,
      this.#place,
    );
  }

  #clock(at: number, ticks: readonly number[]): string {
    const step_s = (ticks[1] ?? at + 60) - (ticks[0] ?? at);
    const ms = at * 1000;
    return step_s >= 86_400
      ? this.#format.day(ms)
      : step_s >= 60
        ? this.#format.minute(ms)
        : this.#format.clock(ms);
  }
}

function colorOf(index: number): string {
  return COLORS[index % COLORS.length] ?? "#0072b2";
}
