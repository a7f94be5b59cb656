// src/views/bars.ts - names with numbers and bars, the largest first; readable as a list as well.
import type { App } from "../app.ts";
import { fill, h } from "../dom.ts";

export interface Bar {
  name: string;
  value: number;
}

export function fillBars(app: App, list: HTMLElement, bars: readonly Bar[], max: number): void {
  const shown = [...bars].sort((a, b) => b.value - a.value).slice(0, max);
  const largest = Math.max(1, ...shown.map(({ value }) => value));
  fill(
    list,
    ...shown.map(({ name, value }) => {
      const bar = h("span", { class: "bar", "aria-hidden": "true" });
      bar.style.width = `${(100 * value) / largest}%`;
      const text = app.format.number(value, Number.isInteger(value) ? 0 : 1);
      return h("li", {}, h("span", {}, name), h("strong", {}, text), bar);
    }),
  );
}
